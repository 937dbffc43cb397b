/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>
#include <vpc/cleanup.h>

struct flow_tuple flow_tuple_of(const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	unsigned from = flow->opener & 1, to = !from;

	return (struct flow_tuple){.protocol = key->proto,
				   .src = key->addr[from],
				   .dst = key->addr[to],
				   .src_port = key->port[from],
				   .dst_port = key->port[to],
				   .icmp = -1};
}

struct flow_tuple flow_tuple_of_event(const struct vpc_event *event)
{
	return (struct flow_tuple){.ethertype = ntohs(event->ethertype),
				   .protocol = event->proto,
				   .src = event->src,
				   .dst = event->dst,
				   .src_port = event->sport,
				   .dst_port = event->dport,
				   .icmp = ntohs(event->sport)};
}

static json_t *protocol_to_json(const struct flow_tuple *f)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {{IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_ICMP, "icmp"}, {IPPROTO_ICMPV6, "icmpv6"}};

	if (f->ethertype == ETHERTYPE_ARP)
		return json_string("arp");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == f->protocol)
			return json_string(names[i].name);
	return json_sprintf("%u", f->protocol);
}

/* null for an address that is all zero: the frame was not IP. */
static json_t *address_to_json(const __be32 addr[4])
{
	struct in6_addr in6;
	char text[INET6_ADDRSTRLEN];

	memcpy(&in6, addr, sizeof(in6));
	if (IN6_IS_ADDR_UNSPECIFIED(&in6))
		return json_null();
	if (IN6_IS_ADDR_V4MAPPED(&in6))
		inet_ntop(AF_INET, &in6.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &in6, text, sizeof(text));
	return json_string(text);
}

int flow_put_json(json_t *object, const struct flow_tuple *f)
{
	bool has_ports = f->protocol == IPPROTO_TCP || f->protocol == IPPROTO_UDP;
	bool is_icmp = f->protocol == IPPROTO_ICMP || f->protocol == IPPROTO_ICMPV6;
	int r = 0;

	r |= json_object_set_new(object, "protocol", protocol_to_json(f));
	r |= json_object_set_new(object, "protocol_number", json_integer(f->protocol));
	r |= json_object_set_new(object, "src", address_to_json(f->src));
	r |= json_object_set_new(object, "dst", address_to_json(f->dst));
	r |= json_object_set_new(object, "src_port", has_ports ? json_integer(ntohs(f->src_port)) : json_null());
	r |= json_object_set_new(object, "dst_port", has_ports ? json_integer(ntohs(f->dst_port)) : json_null());
	if (is_icmp && f->icmp >= 0) {
		r |= json_object_set_new(object, "icmp_type", json_integer(f->icmp >> 8));
		r |= json_object_set_new(object, "icmp_code", json_integer(f->icmp & 0xff));
	}
	return r ? -ENOMEM : 0;
}
