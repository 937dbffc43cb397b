/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the world to a VPC: tc ingress of an outer interface. What isn't for a public address goes on untouched, at the
 * price of one lookup; so does what is for an address of the host and no translation's.
 */
#ifndef BPF_LIB_EDGE_ENTER_H
#define BPF_LIB_EDGE_ENTER_H

#include "lib/edge/ports.h"
#include "lib/edge/uplink.h"

/* The translation that the packet is of, in e->entry. Returns whether there is one that counts. */
static __always_inline int enter_find(struct scratch *s, struct edge *e)
{
	const struct packet *p = &s->packet;

	if (p->proto == IPPROTO_ICMP && (p->icmp_kind != ICMP_REPLY || p->query_type != 8))
		return 0;
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP && p->proto != IPPROTO_ICMP)
		return 0;
	nat_key(&e->key, 0, p->dst[3], p->src[3], p->dport, p->sport, p->proto);
	return nat_find_in(s, e);
}

/* Back through a translation. Returns PASS with the packet rewritten and e->vpc, e->way set; HOSTS: there is none;
 * or a reason. */
__noinline int enter_translation(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	if (s->packet.fragment == FRAGMENT_LATER || !enter_find(s, e))
		return HOSTS;
	nat_used_by(s, e, 0);
	e->vpc = e->entry.other.vpc;
	e->way = e->entry.flags & VPC_NAT_PUBLISHED ? way_make(VPC_EDGE_PUBLISHED, 0)
						    : way_make(VPC_EDGE_NAT, e->entry.by);
	s->me = e->entry.eni;
	return rewrite_end(skb, EDGE_DESTINATION, e->entry.other.local, e->entry.other.lport);
}

/* What the packet in the scratch, whose destination is `found` in `public`, becomes. Returns PASS, HOSTS, AGAIN or
 * a reason. */
static __always_inline int enter_judge(struct __sk_buff *skb, const struct vpc_public *found)
{
	if (READ_ONCE(found->kind) & VPC_PUBLIC_HOST)
		return enter_translation(skb);
	return HOSTS;
}

/* The destination of an IPv4 frame that is for this machine. Returns 0: it is none. */
static __always_inline int enter_address(struct __sk_buff *skb, struct edge *e)
{
	__be32 address;

	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present || skb->pkt_type != PACKET_HOST ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + IPV4_DESTINATION, &address, sizeof(address)))
		return 0;
	address_from4(e->public_key.addr, address);
	return 1;
}

static __always_inline int enter(struct __sk_buff *skb)
{
	struct edge *e = edge_get();
	struct vpc_public *found;
	struct scratch *s;
	int rc;

	if (!e || !enter_address(skb, e))
		return TC_ACT_OK;
	found = bpf_map_lookup_elem(&public, &e->public_key);
	s = found ? scratch_get(SCRATCH_PACKET) : 0;
	if (!s)
		return TC_ACT_OK;
	edge_begin(skb, s, VPC_INGRESS);
	if (edge_parse(skb))
		return TC_ACT_OK;
	rc = enter_judge(skb, found);
	if (rc == HOSTS)
		return TC_ACT_OK;
	return rc ? drop_packet(rc > 0 ? rc : VPC_DROP_TRY_AGAIN) : uplink_enter(skb, e);
}

#endif
