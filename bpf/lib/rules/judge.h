/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges whether a flow may be opened: each local side of the scratch's key by its own groups. It is called for a new
 * flow, for a flow whose rules have changed since its judgement, and by the sweep.
 */
#ifndef BPF_LIB_JUDGE_H
#define BPF_LIB_JUDGE_H

#include "lib/packet/parse.h"
#include "lib/rules/policy.h"

static __always_inline void judge_count(__u32 number, __u32 length, __u64 now_boot_ns)
{
	struct vpc_row_stat *stat = number ? bpf_map_lookup_elem(&row_stat, &number) : 0;

	if (!stat)
		return;
	__sync_fetch_and_add(&stat->packets, 1);
	__sync_fetch_and_add(&stat->bytes, length);
	WRITE_ONCE(stat->last_used_ns, now_boot_ns);
}

/* Judges side i. 0: the opener, by its egress rules. 1: the responder, by its ingress rules. */
static __always_inline int judge_side(struct scratch *s, __u32 which, __u32 i)
{
	struct policy *q = &s->policy;
	const struct vpc_flow_key *k = &s->key;
	__u32 o = s->opener & 1, peer = i ? o : o ^ 1;

	if (!s->side[i].eni)
		return PASS;
	address_copy(q->peer, k->addr[peer & 1]);
	q->family = address_is4(k->addr[0]) ? 4 : 6;
	q->slot = slot_of(q->family, k->proto);
	q->port = q->slot == VPC_SLOT_OTHER ? k->proto
		  : q->slot == VPC_SLOT_ICMP || q->slot == VPC_SLOT_ICMPV6
			  ? (__u16)((__u16)k->icmp_type << 8 | k->icmp_code)
			  : bpf_ntohs(k->port[(o ^ 1) & 1]);
	q->dir = i ? VPC_INGRESS : VPC_EGRESS;
	q->set = s->side[i].set;
	q->peer_set = s->side[i ^ 1].member;
	s->rows[i] = (__u32)policy_allowed(which);
	s->rules[i] = s->policy.found_rule;
	if (s->rows[i])
		return PASS;
	s->culprit = s->side[i].eni;
	s->culprit_direction = i ? VPC_INGRESS : VPC_EGRESS;
	return i ? VPC_DROP_NO_INGRESS_RULE : VPC_DROP_NO_EGRESS_RULE;
}

/*
 * Judges the flow under s->key, which s->opener opens, with s->side. Counts the rows that allow it if there is a
 * packet. Returns PASS, or the reason, with culprit set. A side in s->spare that isn't allowed refuses nothing: it is
 * noted in s->spared. (sides_clear() empties s->spare.)
 */
__noinline int judge_flow(__u32 which)
{
	struct scratch *s = scratch_get(which);
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	s->rows[0] = 0;
	s->rows[1] = 0;
	s->rules[0] = 0;
	s->rules[1] = 0;
	s->spared = 0;
	rc = judge_side(s, which, 0);
	if (rc && !(s->spare & 1))
		return rc;
	if (rc)
		s->spared = 1;
	rc = judge_side(s, which, 1);
	if (rc && !(s->spare & 2))
		return rc;
	if (rc)
		s->spared |= 2;
	if (s->length) {
		__u64 now_boot_ns = bpf_ktime_get_boot_ns();

		judge_count(s->rows[0], s->length, now_boot_ns);
		judge_count(s->rows[1], s->length, now_boot_ns);
	}
	return PASS;
}

/* Which side of its own entry an appliance is: an index of the flow's sides, or none. */
enum via_side {
	VIA_OPENER,
	VIA_RESPONDER,
	VIA_NOBODY, /* the entry is not an appliance's: both sides have the packets' addresses */
};

static __always_inline enum via_side via_side(__u32 via)
{
	return !via ? VIA_NOBODY : via & 1 ? VIA_RESPONDER : VIA_OPENER;
}

/*
 * Loads the sides of the entry in the scratch's fl. Returns PASS; AGAIN; or NOT_READY when a side is another ENI or has
 * no groups, so that no judgement can allow the flow.
 */
__noinline int judge_load_sides(__u32 which)
{
	struct scratch *s = scratch_get(which);
	enum via_side appliance;
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	sides_clear(s);
	s->opener = s->fl.opener & 1;
	appliance = via_side(s->key.via);
	if (!s->fl.eni[0] && s->fl.incarnation[0]) {
		rc = side_load_peer(s, 0, s->fl.incarnation[0]);
		if (rc)
			return rc;
	}
	if (!s->fl.eni[1] && s->fl.incarnation[1]) {
		rc = side_load_peer(s, 1, s->fl.incarnation[1]);
		if (rc)
			return rc;
	}
	if (s->fl.eni[0]) {
		rc = side_load(s, 0, s->fl.eni[0], s->fl.incarnation[0], appliance != VIA_OPENER);
		if (rc)
			return rc;
	}
	if (s->fl.eni[1]) {
		rc = side_load(s, 1, s->fl.eni[1], s->fl.incarnation[1], appliance != VIA_RESPONDER);
		if (rc)
			return rc;
	}
	return PASS;
}

/*
 * Judges the entry in the scratch's fl again, after judge_load_sides(): do its sides still have their addresses, and do
 * their groups still allow the flow to be opened? Returns PASS; a reason; or OPEN_NEW when another ENI has a side's
 * address. The entry doesn't hold for such packets then: no grace spares them, and they are judged as the first of a
 * flow.
 */
__noinline int judge_again(__u32 which)
{
	struct scratch *s = scratch_get(which);
	enum via_side appliance;
	__u32 o;

	if (!s)
		return VPC_DROP_NOT_READY;
	appliance = via_side(s->key.via);
	o = s->fl.opener & 1;
	s->opener = o;
	if (s->fl.eni[0] && appliance != VIA_OPENER && address_owner(s, s->key.addr[o]) != s->fl.eni[0])
		return OPEN_NEW;
	if (s->fl.eni[1] && appliance != VIA_RESPONDER && address_owner(s, s->key.addr[(o ^ 1) & 1]) != s->fl.eni[1])
		return OPEN_NEW;
	return judge_flow(which);
}

#endif
