/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the host itself to a VPC: tc egress of an uplink's host end. A packet that the host forwards is never the host's
 * own, whatever its source is. The groups judge the host's address. There are three ways in:
 *
 * - To a private address of the VPC, if the VPC's host access names the source.
 * - To an elastic IP, or to an IPv6 address that an internet gateway leads to, as from anybody in the world.
 * - To a published port of the host's own, also at 127.0.0.1. The host's nftables rule sends that to the VPC's transit
 *   address. The workload sees an address of the host that isn't special.
 */
#ifndef BPF_LIB_EDGE_HOST_H
#define BPF_LIB_EDGE_HOST_H

#include "lib/edge/enter.h"

#define HOST_LOOPBACK bpf_htonl(0x7f000001)

struct host_walk {
	struct edge *e;
};

struct bpf_map; /* of the kernel */

/* Collects the address of an outer interface. */
static long host_address(struct bpf_map *map, const void *key, struct vpc_outer *o, struct host_walk *walk)
{
	struct edge *e = walk->e;
	__u32 n = e->publish_addresses;

	(void)map, (void)key;
	if (n >= PUBLISH_ADDRESSES)
		return 1;
	if (o->addr4) {
		e->publish_address[n] = o->addr4;
		e->publish_addresses = n + 1;
	}
	return 0;
}

#define HOST_OUTER 3u /* index in e->publish_address of the first outer interface's address */

/* Collects the addresses at which the packet's port may be published. The nftables rule has made sure that one of them
 * is. */
static __always_inline void host_addresses(struct scratch *s, struct edge *e)
{
	struct host_walk walk = {.e = e};

	e->publish_address[0] = s->packet.dst[3];
	e->publish_address[1] = 0;
	e->publish_address[2] = HOST_LOOPBACK;
	e->publish_address[HOST_OUTER] = 0;
	e->publish_addresses = HOST_OUTER;
	bpf_for_each_map_elem(&outer, host_address, &walk, 0);
}

/* The host's address that the workload sees as the source; 0: none. */
static __always_inline __be32 host_source(const struct scratch *s, const struct edge *e)
{
	return address_special(4, s->packet.src) ? e->publish_address[HOST_OUTER] : s->packet.src[3];
}

/* Sends a later fragment for a published port where the first one went. Returns PASS, HOSTS or a reason. */
static __always_inline int host_fragment(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	int rc = nat_fragment_follow(s, e, 0);

	if (rc)
		return rc;
	if (e->fragment.vpc != s->vpc || !e->fragment.other)
		return HOSTS;
	e->vpc = e->fragment.vpc;
	e->gateway = e->fragment.gateway;
	rc = rewrite_end(skb, EDGE_SOURCE, e->fragment.other, 0);
	return rc ? rc : rewrite_end(skb, EDGE_DESTINATION, e->fragment.address, 0);
}

/* Rewrites both ends of the packet by the translation in e->entry. Returns PASS or a reason. */
static __always_inline int host_rewrite(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	int rc = enter_rewrite(skb, s, e);

	return rc ? rc : rewrite_end(skb, EDGE_SOURCE, e->entry.other.remote, e->entry.other.rport);
}

/* Judges a packet that is for no address of the VPC. Returns PASS with the packet rewritten and e->gateway set; AGAIN;
 * HOSTS: it is for no published port; or a reason. */
__noinline int host_published(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	struct vpc_nat_entry *found;
	__be32 source;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	if (s->packet.fragment == FRAGMENT_LATER)
		return host_fragment(skb, s, e);
	if (s->packet.icmp_kind == ICMP_ERROR && quote_read(skb, s))
		return HOSTS;
	if (!enter_key(s, e))
		return HOSTS;
	found = nat_find_in(s, e);
	if (!found) {
		if (s->packet.icmp_kind == ICMP_ERROR)
			return HOSTS;
		host_addresses(s, e);
		e->only_vpc = s->vpc;
		source = host_source(s, e);
		rc = source ? publish_open(skb, VPC_NAT_HOST, source) : VPC_DROP_NO_PUBLIC_ADDRESS;
		if (rc)
			return rc;
	} else if (e->entry.other.vpc != s->vpc) {
		return HOSTS;
	} else if (s->packet.icmp_kind != ICMP_ERROR) {
		nat_used_by(s, e, found, 0);
	}
	return host_rewrite(skb, s, e);
}

/* Judges a packet for a private address of the VPC, by the VPC's host access, or IPv6 by its internet gateway. Returns
 * PASS with e->gateway set, AGAIN or a reason. */
__noinline int host_private(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	e->vpc = s->vpc;
	e->gateway = gateway_make(VPC_EDGE_HOST, 0);
	s->me = address_owner(s, s->packet.dst);
	if (route_is_host(SCRATCH_PACKET, EDGE_SOURCE))
		return s->me ? enter_fits(skb, s) : VPC_DROP_UNKNOWN_DESTINATION;
	if (s->packet.family == 4)
		return VPC_DROP_HOST_CLOSED;
	e->prefix6_vpc = s->vpc;
	rc = enter_judge6(skb);
	if (rc)
		return rc;
	if (gateway_kind(e->gateway) != VPC_EDGE_IGW)
		return VPC_DROP_NO_INBOUND;
	e->gateway = GATEWAY_HOST_IGW;
	return PASS;
}

/* Judges the packet in the scratch. Returns PASS with the packet rewritten and e->gateway set; AGAIN; HOSTS: no VPC
 * takes it; or a reason. */
__noinline int host_judge(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	struct vpc_public *found;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	if (address_in_space(s, s->packet.family, s->packet.dst))
		return host_private(skb);
	if (s->packet.family != 4)
		return HOSTS;
	found = public_find(e, s->packet.dst);
	if (!found || !(READ_ONCE(found->kind) & VPC_PUBLIC_EIP))
		return host_published(skb);
	rc = enter_elastic(skb, s, e, READ_ONCE(found->number));
	if (rc)
		return rc;
	if (e->vpc != s->vpc || gateway_kind(e->gateway) != VPC_EDGE_IGW)
		return HOSTS;
	e->gateway = GATEWAY_HOST_IGW;
	return PASS;
}

static __always_inline int host(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	__u32 ifindex = skb->ifindex, *number = bpf_map_lookup_elem(&uplink_of, &ifindex);
	__u8 mac[ETH_ALEN];
	int rc = AGAIN;

	if (!s || !e || !number || bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)))
		return TC_ACT_SHOT;
	if (gateway_of_mac(mac))
		return TC_ACT_OK; /* from_world or from_vpc redirected it here */
	if (mac[0] & 1)
		return TC_ACT_SHOT; /* multicast, which the kernel sends on every link */
	if (skb->ingress_ifindex)
		return drop_unread(0, VPC_DROP_HOST_CLOSED); /* forwarded */
	edge_begin(skb, s, VPC_INGRESS);
	e->translated = 1; /* keeps the packet out of the edge cache */
	s->vpc = READ_ONCE(*number);
	if (edge_parse(skb))
		return TC_ACT_SHOT;
	for (__u32 i = 0; i < 3 && rc == AGAIN; i++) {
		if (i)
			state_begin(s);
		rc = host_judge(skb);
	}
	if (rc == HOSTS)
		rc = VPC_DROP_HOST_CLOSED;
	if (rc)
		return drop_packet(rc > 0 ? rc : VPC_DROP_TRY_AGAIN);
	gateway_to_mac(mac, e->gateway);
	if (bpf_skb_store_bytes(skb, 0, mac, sizeof(mac), 0))
		return drop_packet(VPC_DROP_NO_MEMORY);
	gateway_count(e->vpc, e->gateway, 0, s->length);
	return TC_ACT_OK;
}

#endif
