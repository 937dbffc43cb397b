/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program on outer interfaces. It finds the frames that are for a VPC (enter.h). It answers two things itself: ARP
 * requests for elastic IPs, and packets that are too big for their receiver. */
#ifndef BPF_LIB_EDGE_WORLD_H
#define BPF_LIB_EDGE_WORLD_H

#include "lib/edge/enter.h"
#include "lib/edge/too_big.h"

#define WORLD_ARP_BYTES 42

/* The ARP packet with its Ethernet header. */
struct world_arp {
	__u8 dmac[ETH_ALEN];
	__u8 smac[ETH_ALEN];
	__be16 ethertype;
	__be16 hardware, protocol;
	__u8 hardware_bytes, protocol_bytes;
	__be16 op;
	__u8 sha[ETH_ALEN];
	__u8 spa[4];
	__u8 tha[ETH_ALEN];
	__u8 tpa[4];
} __attribute__((packed));
_Static_assert(sizeof(struct world_arp) == WORLD_ARP_BYTES, "world_arp");

/* Whether the address is an elastic IP, associated or not, of one of these pools (vpc_outer.pools). The kernel answers
 * for an address that is the host's too. */
static __always_inline int world_is_elastic(struct scratch *s, struct edge *e, __be32 address, __u32 pools)
{
	struct vpc_public *found;
	struct vpc_eip *elastic;
	__be32 private4 = 0;
	__u32 space = 0, number, pool;

	address_from4(e->public_key.addr, address);
	found = bpf_map_lookup_elem(&public, &e->public_key);
	if (!found || READ_ONCE(found->kind) != VPC_PUBLIC_EIP)
		return 0;
	number = READ_ONCE(found->number);
	elastic = bpf_map_lookup_elem(&eip, &number);
	pool = elastic ? READ_ONCE(elastic->pool) : 0;
	if (!pool || !(pools >> ((pool - 1) & 31) & 1))
		return 0;
	state_begin(s);
	return eip_read(s, number, address, &private4, &space) != 0;
}

/* Answers an ARP request for an elastic IP, on the uplink of its pool, with the interface's own MAC. Returns what the
 * program ends with. */
static __always_inline int world_arp(struct __sk_buff *skb, struct edge *e)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	__u32 ifindex = skb->ifindex;
	struct vpc_outer *o = bpf_map_lookup_elem(&outer, &ifindex);
	struct world_arp a;
	__be32 target, asker;

	if (!o || !s || skb->vlan_present || bpf_skb_load_bytes(skb, 0, &a, sizeof(a)))
		return TC_ACT_OK;
	__builtin_memcpy(&target, a.tpa, 4);
	__builtin_memcpy(&asker, a.spa, 4);
	if (a.op != bpf_htons(1) || a.hardware != bpf_htons(1) || a.protocol != bpf_htons(ETH_P_IP) ||
	    target == asker || (a.sha[0] & 1) || !world_is_elastic(s, e, target, READ_ONCE(o->pools)))
		return TC_ACT_OK;
	mac_copy(a.dmac, a.sha);
	mac_copy(a.tha, a.sha);
	mac_copy(a.smac, o->mac);
	mac_copy(a.sha, o->mac);
	a.op = bpf_htons(2);
	__builtin_memcpy(a.tpa, &asker, 4);
	__builtin_memcpy(a.spa, &target, 4);
	if (bpf_skb_store_bytes(skb, 0, &a, sizeof(a), 0))
		return TC_ACT_SHOT;
	return (int)bpf_redirect(ifindex, 0) & REDIRECT_ACT;
}

/* Whether the frame may be for a VPC, by its destination alone. For IPv4 the address is in e->public_key and in
 * `public` then. */
static __always_inline int world_concerns(struct __sk_buff *skb, struct edge *e)
{
	struct vpc_public *found;
	struct vpc_edge_ctl *c;
	__be32 address;

	if (skb->vlan_present || skb->pkt_type != PACKET_HOST)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		c = edge_ctl_get();
		return c && READ_ONCE(c->prefix6_plens);
	}
	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + IPV4_DESTINATION, &address, sizeof(address)))
		return 0;
	address_from4(e->public_key.addr, address);
	found = bpf_map_lookup_elem(&public, &e->public_key);
	return found && (READ_ONCE(found->kind) & (VPC_PUBLIC_EIP | VPC_PUBLIC_HOST));
}

/* Whether the packet's source is forged: a public address of this host, or an IPv6 address of another VPC. Rules of
 * groups go by the source, so nobody in the world may have these. (An address of the receiver's own VPC is refused
 * where the packet enters it.) e->public_key and e->prefix6_vpc stay those of the destination. */
static __always_inline int world_forged(struct scratch *s, struct edge *e)
{
	__u32 to = e->prefix6_vpc, from;
	int forged = public_find(e, s->packet.src) != 0;

	address_copy(e->public_key.addr, s->packet.dst);
	if (forged || s->packet.family == 4)
		return forged;
	from = enter_prefix(s, e, s->packet.src);
	e->prefix6_vpc = to;
	return from && from != to;
}

/* Judges the packet in the scratch. Returns PASS, HOSTS or a reason. */
static __always_inline int world_judge(struct __sk_buff *skb, struct scratch *s, struct edge *e)
{
	int rc = AGAIN;

	if (pair_cache_find(s, PAIR_CACHE_WORLD, skb->ifindex)) {
		e->publishes = 1;
		rc = enter_translation(skb);
		if (rc != AGAIN)
			return rc;
		state_begin(s);
	}
	if (s->packet.family == 6 && (s->packet.icmp_kind == ICMP_ND || !enter_prefix(s, e, s->packet.dst)))
		return HOSTS;
	if (world_forged(s, e))
		return VPC_DROP_FORGED_SOURCE;
	e->publishes = 0;
	for (__u32 i = 0; i < 3 && rc == AGAIN; i++) {
		if (i)
			state_begin(s);
		rc = s->packet.family == 4 ? enter_judge(skb) : enter_judge6(skb);
	}
	if (rc == PASS && s->packet.family == 4 && e->publishes)
		pair_cache_note(s, PAIR_CACHE_WORLD, skb->ifindex, e->public_key.addr[3], 0);
	return rc == AGAIN ? VPC_DROP_TRY_AGAIN : rc;
}

static __always_inline int world(struct __sk_buff *skb)
{
	struct edge *e = edge_get();
	struct scratch *s;
	int rc;

	if (e && skb->protocol == bpf_htons(ETH_P_ARP))
		return world_arp(skb, e);
	if (!e || !world_concerns(skb, e))
		return TC_ACT_OK;
	rc = edge_fast_enter(skb);
	if (rc != FAST_NOT)
		return rc;
	s = scratch_get(SCRATCH_PACKET);
	if (!s)
		return TC_ACT_OK;
	edge_begin(skb, s, VPC_INGRESS);
	e->translated = 0;
	s->vpc = 0;
	if (edge_parse(skb))
		return TC_ACT_OK;
	rc = world_judge(skb, s, e);
	if (rc == HOSTS)
		return TC_ACT_OK;
	if (!rc)
		return uplink_enter(skb, e);
	drop_packet(rc);
	return rc == VPC_DROP_TOO_BIG ? world_too_big(skb) : TC_ACT_SHOT;
}

#endif
