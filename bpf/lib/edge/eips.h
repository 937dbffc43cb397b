/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elastic IPs of ENIs. The private and the public address replace each other, whatever the protocol is. No state is
 * stored. */
#ifndef BPF_LIB_EDGE_EIPS_H
#define BPF_LIB_EDGE_EIPS_H

#include "lib/edge/quote.h"

/* Whether the epoch is still in force. The slot in force is overwritten two commits later, so what is read from it
 * counts only while it is. */
static __always_inline int eip_epoch_stands(struct scratch *s)
{
	__u32 zero = 0;
	struct vpc_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	barrier_order(&s->barrier);
	return c && READ_ONCE(c->epoch) == s->epoch;
}

/*
 * Reads elastic IP `number`, if it has that address. Returns the target, VPC_EIP_… << VPC_TARGET_SHIFT | number. If
 * that is an ENI, *private4 is its address and *space its VPC. Returns 0 when there is no such elastic IP, or AGAIN.
 */
static __always_inline int eip_read(struct scratch *s, __u32 number, __be32 address, __be32 *private4, __u32 *space)
{
	struct vpc_eip *elastic = bpf_map_lookup_elem(&eip, &number);
	int target;
	__u32 at;

	if (!number || !elastic || READ_ONCE(elastic->addr4) != address)
		return 0;
	target = versioned_read(&elastic->target, s->epoch);
	if (target <= 0)
		return target;
	at = READ_ONCE(elastic->target.slot[1]) >> VPC_VERSIONED_SHIFT <= s->epoch &&
	     (READ_ONCE(elastic->target.slot[0]) >> VPC_VERSIONED_SHIFT > s->epoch ||
	      READ_ONCE(elastic->target.slot[1]) > READ_ONCE(elastic->target.slot[0]));
	*private4 = at ? READ_ONCE(elastic->private4[1]) : READ_ONCE(elastic->private4[0]);
	*space = at ? READ_ONCE(elastic->vpc[1]) : READ_ONCE(elastic->vpc[0]);
	return eip_epoch_stands(s) ? target : AGAIN;
}

/* Returns the elastic IP of the private address in s->addr_key, and the ENI in *ret_eni; 0: it has none; AGAIN. */
static __always_inline int eip_of_private(struct scratch *s, __u32 *ret_eni)
{
	__u32 *number = bpf_map_lookup_elem(&addr, &s->addr_key);
	struct vpc_addr_row *r;

	if (!number)
		return 0;
	r = bpf_map_lookup_elem(&addr_row, number);
	if (!r || !row_visible(READ_ONCE(r->born), READ_ONCE(r->died), s->epoch) || r->key.vpc != s->addr_key.vpc ||
	    !address_equal(r->key.addr, s->addr_key.addr))
		return 0;
	*ret_eni = READ_ONCE(r->eni);
	return versioned_read(&r->eip, s->epoch);
}

/* Gives the packet in the scratch, which leaves e->vpc by the internet gateway, its elastic IP as the source. Returns
 * PASS, AGAIN or a reason. */
__noinline int eip_leave(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	__be32 private4 = 0, address;
	struct vpc_eip *elastic;
	__u32 number = 0, space = 0;
	int rc;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	s->addr_key.vpc = e->vpc;
	address_copy(s->addr_key.addr, s->packet.src);
	rc = eip_of_private(s, &number);
	if (rc <= 0)
		return rc ? AGAIN : VPC_DROP_NO_PUBLIC_ADDRESS;
	s->me = number;
	space = (__u32)rc;
	elastic = bpf_map_lookup_elem(&eip, &space);
	address = elastic ? READ_ONCE(elastic->addr4) : 0;
	rc = eip_read(s, (__u32)rc, address, &private4, &space);
	if (rc == AGAIN)
		return AGAIN;
	if (rc <= 0 || (__u32)rc != (VPC_EIP_ENI << VPC_TARGET_SHIFT | number) || private4 != s->packet.src[3] ||
	    space != e->vpc)
		return VPC_DROP_NO_PUBLIC_ADDRESS;
	if (s->packet.icmp_kind == ICMP_ERROR) {
		rc = quote_read(skb, s);
		if (!rc && s->quoted.dst[3] == private4)
			rc = quote_rewrite(skb, EDGE_DESTINATION, address, 0);
		if (rc)
			return rc;
	}
	return rewrite_end(skb, EDGE_SOURCE, address, s->packet.sport);
}

/* Gives the packet in the scratch, which is for the elastic IP of an ENI, the private address as the destination.
 * Returns PASS or a reason. */
static __always_inline int eip_enter(struct __sk_buff *skb, struct scratch *s, __be32 private4)
{
	int rc;

	if (s->packet.icmp_kind == ICMP_ERROR) {
		rc = quote_read(skb, s);
		if (!rc && s->quoted.src[3] != s->packet.dst[3])
			rc = VPC_DROP_ICMP_UNRELATED;
		if (!rc)
			rc = quote_rewrite(skb, EDGE_SOURCE, private4, 0);
		if (rc)
			return rc;
	}
	return rewrite_end(skb, EDGE_DESTINATION, private4, s->packet.dport);
}

#endif
