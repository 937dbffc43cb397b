/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges by the rules that name prefix lists, if a group of the set has such rules:
 *
 *   each group of the set
 *     each list that it may name (list_of)
 *       slot ANY, then the packet's own slot
 *         each port prefix length in use    -> mask_group_of, rule: does a row of the group name the list?
 *       if one does: each prefix length that the list has
 *                                           -> rule: has the list an entry with the address?
 *
 * A list's entry is one row, whoever names the list. So a judgement costs the same however long a list is, and a
 * changed entry costs the same however many rules name it. The search is one flat loop, as in walk.h.
 */
#ifndef BPF_LIB_LISTS_H
#define BPF_LIB_LISTS_H

#include "lib/rules/walk.h"

/* More steps than any search takes: groups * lists * (port prefixes + peer prefixes + 2). */
#define LISTS_STEPS (1u << 17)

/* A stage of the search, beside VPC_PEER_CIDR4 and VPC_PEER_CIDR6, which search the list's own prefixes. */
#define LISTS_NEXT 0
#define LISTS_PORT 3

/* Prepares the loop. Returns 0 if no group of the set names a list. */
static __always_inline int lists_begin(struct policy *q)
{
	__u32 number = q->set;
	struct vpc_set *groups = bpf_map_lookup_elem(&set, &number);

	if (!groups || !(READ_ONCE(groups->lists) & 1u << (q->dir & 1)))
		return 0;
	q->stage = LISTS_NEXT;
	q->groups_at = 0;
	q->list_bits = 0;
	return 1;
}

static __always_inline struct vpc_sg_dir *lists_group(const struct policy *q)
{
	__u32 number = q->group;
	struct vpc_sg *g = bpf_map_lookup_elem(&sg, &number);

	return g ? &g->dir[q->dir & 1] : 0;
}

/* Goes on to the next group and the lists that it may name. */
static __always_inline enum step lists_next_group(struct policy *q)
{
	__u32 number = q->set, at = q->groups_at++;
	struct vpc_set *groups = bpf_map_lookup_elem(&set, &number);
	struct vpc_sg_dir *d;

	if (!groups || at >= VPC_GROUPS_PER_ENI || at >= groups->n)
		return STEP_OVER;
	q->group = groups->sg[at];
	d = lists_group(q);
	q->list_bits = d ? READ_ONCE(d->port_plens[VPC_SLOT_ANY]) >> VPC_LISTS_SHIFT : 0;
	return STEP_ON;
}

/* Goes on to the next list of the group, and to its ports. */
static __always_inline enum step lists_next(struct policy *q)
{
	__u32 slot = q->slot, *number;
	struct vpc_sg_dir *d;

	if (!q->list_bits)
		return lists_next_group(q);
	q->list_key.sg = q->group;
	q->list_key.dir = q->dir;
	q->list_key.at = (__u8)lowest_bit(q->list_bits);
	q->list_key.pad = 0;
	q->list_bits &= q->list_bits - 1;
	number = bpf_map_lookup_elem(&list_of, &q->list_key);
	d = lists_group(q);
	if (!number || !d || slot >= VPC_SLOTS)
		return STEP_ON;
	q->list = READ_ONCE(*number);
	q->bits = READ_ONCE(d->port_plens[VPC_SLOT_ANY]) & VPC_PORT_PLENS_MASK;
	q->slot_bits = READ_ONCE(d->port_plens[slot]) & VPC_PORT_PLENS_MASK;
	q->slot_now = VPC_SLOT_ANY;
	q->stage = LISTS_PORT;
	return STEP_ON;
}

/* Goes on to the list's prefixes, after a row of the group in rule_key's mask group was found that names the list. A
 * list without prefixes is done. */
static __always_inline void lists_entries(struct policy *q)
{
	struct vpc_mask_group *c;

	q->stage = LISTS_NEXT;
	__builtin_memset(&q->mask_group_key, 0, sizeof(q->mask_group_key));
	q->mask_group_key.sg = q->list;
	q->mask_group_key.dir = VPC_INGRESS;
	q->mask_group_key.slot = VPC_SLOT_ANY;
	c = policy_mask_group(q);
	if (c)
		policy_peers(q, c);
}

/* Tries the next port prefix of the group. */
static __always_inline void lists_port(struct policy *q)
{
	struct vpc_mask_group *c;

	if (!q->bits) {
		q->bits = q->slot_bits;
		q->slot_bits = 0;
		q->slot_now = q->slot;
	}
	if (!q->bits) {
		q->stage = LISTS_NEXT;
		return;
	}
	c = policy_port_mask_group(q);
	if (!c || !(READ_ONCE(c->flags) & VPC_MASK_GROUP_LIST))
		return;
	q->rule_key.kind = VPC_PEER_PREFIX_LIST;
	q->rule_key.addr[0] = q->list;
	if (policy_probe(q) != STEP_OVER)
		return;
	/* The row allows the packet if the list has the address. */
	q->list_row = q->found;
	q->list_rule = q->found_rule;
	q->found = 0;
	q->found_rule = 0;
	lists_entries(q);
}

/* Tries the next prefix length of the list. */
static __always_inline enum step lists_entry(struct policy *q)
{
	enum step step = q->family == 4 ? policy_peer4(q) : policy_peer6(q);

	if (step == STEP_OVER) {
		q->found = q->list_row;
		q->found_rule = q->list_rule;
	} else if (q->stage == VPC_PEER_SG) {
		q->stage = LISTS_NEXT; /* no prefix length is left */
	}
	return step;
}

/* Returns enum step. */
static long lists_step(__u32 i, void *ctx)
{
	struct policy *q = ((struct policy_walk *)ctx)->q;

	(void)i;
	if (q->stage == LISTS_NEXT)
		return lists_next(q);
	if (q->stage != LISTS_PORT)
		return lists_entry(q);
	lists_port(q);
	return STEP_ON;
}

#endif
