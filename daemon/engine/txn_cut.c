/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cut_flows: the established flows that a change cuts, told beside its reply. */
#include "engine/txn.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define CUT_FLOWS_MAX 100

/* Whether the plan takes something away that a flow may have been allowed by. */
static bool takes_away(const struct plan *p)
{
	for (size_t i = 0; i < p->n_rows; i++)
		if (!p->rows[i].add)
			return true;
	for (size_t i = 0; i < p->n_addrs; i++)
		if (!p->addrs[i].add)
			return true;
	for (size_t i = 0; i < p->n_enis; i++)
		if (p->enis[i].has_before)
			return true;
	return false;
}

static json_t *address_to_json(const __be32 addr[4])
{
	char text[IP_STRLEN];
	struct ip ip = {.family = 6};
	struct in6_addr in6;

	memcpy(ip.bytes, addr, sizeof(ip.bytes));
	memcpy(&in6, addr, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6))
		ip.family = 4;
	return json_string(ip_format(&ip, text));
}

static json_t *eni_to_json(const struct engine *e, uint32_t number)
{
	const struct object *eni = number ? model_by_number(e->model, OBJECT_ENI, number) : NULL;

	return eni ? json_string(eni->id) : json_null();
}

/* As rules and verdicts call it. */
static json_t *protocol_name(uint8_t protocol)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {{IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_ICMP, "icmp"}, {IPPROTO_ICMPV6, "icmpv6"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == protocol)
			return json_string(names[i].name);
	return json_sprintf("%u", protocol);
}

static json_t *flow_to_json(const struct engine *e, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	unsigned from = flow->opener & 1, to = !from;
	bool ports = key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP;

	return json_pack("{s:o,s:i,s:o,s:o,s:o,s:o,s:o,s:o}", "protocol", protocol_name(key->proto), "protocol_number",
			 key->proto, "src", address_to_json(key->addr[from]), "dst", address_to_json(key->addr[to]),
			 "src_port", ports ? json_integer(ntohs(key->port[from])) : json_null(), "dst_port",
			 ports ? json_integer(ntohs(key->port[to])) : json_null(), "src_eni_id",
			 eni_to_json(e, flow->eni[0]), "dst_eni_id", eni_to_json(e, flow->eni[1]));
}

static int on_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct txn *t = userdata;

	(void)established;
	t->reply.cut_flows_total++;
	if (json_array_size(t->reply.cut_flows) < CUT_FLOWS_MAX)
		json_array_append_new(t->reply.cut_flows, flow_to_json(t->e, key, flow));
	return 0;
}

void txn_report_cut(struct txn *t)
{
	if (t->plan.flows != FLOWS_CUT || !takes_away(&t->plan))
		return;
	t->reply.cut_flows = json_array();
	if (t->reply.cut_flows)
		tables_cut_flows(t->e->tables, t->tables_change, clock_ns(CLOCK_MONOTONIC), on_flow, t);
}
