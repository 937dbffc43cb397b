/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule walk, a tuple space search. Groups are unions of allow rules, so the first visible row that matches ends the
 * walk, and the order doesn't matter:
 *
 *   each group of the set
 *     all4, all6: one row that allows everything
 *     slot ANY, then the packet's own slot
 *       each port prefix length in use        -> mask_group_of: is there a port mask group {sg, dir, slot, port
 * prefix}? each peer prefix length in use      -> rule: {mask group, prefix} each group of the peer that the mask group
 * may name -> rule: {mask group, group}
 *
 * A set with a long walk has a classifier instead (classifier.h). Neither looks at prefix lists, which come last
 * (lists.h).
 *
 * The lengths in use are bitmaps, which may have too many bits but never too few. The walk is one flat loop with one or
 * two lookups a step. Its state is in the scratch, because the verifier doesn't track the scratch, and because calls
 * may be only eight deep.
 */
#ifndef BPF_LIB_WALK_H
#define BPF_LIB_WALK_H

#include "lib/rules/classifier.h"

/* More steps than any walk takes: groups * slots * port prefixes * (peer prefixes + groups). */
#define POLICY_STEPS (1u << 20)

/* Index of the lowest bit of v, which is not 0. BPF has no instruction for it. clang 14's own expansion reads a table
 * from .rodata. */
static __always_inline __u32 lowest_bit(__u64 v)
{
	__u64 low = v & -v;
	__u32 n = 0;

	if (!(low & 0xffffffffull))
		n += 32;
	if (low & 0xffff0000ffff0000ull)
		n += 16;
	if (low & 0xff00ff00ff00ff00ull)
		n += 8;
	if (low & 0xf0f0f0f0f0f0f0f0ull)
		n += 4;
	if (low & 0xccccccccccccccccull)
		n += 2;
	if (low & 0xaaaaaaaaaaaaaaaaull)
		n += 1;
	return n;
}

/* Takes the row if it is visible and has the key: found and found_rule. Returns STEP_OVER then, else STEP_ON. */
static __always_inline enum step policy_take(struct policy *q, __u32 number, const struct vpc_rule_key *key)
{
	struct vpc_row *r = bpf_map_lookup_elem(&row, &number);

	if (!number || !r || !row_visible(READ_ONCE(r->born), READ_ONCE(r->died), q->epoch))
		return STEP_ON;
	if (r->key.mask_group != key->mask_group || r->key.kind != key->kind || r->key.plen != key->plen ||
	    !address_equal(r->key.addr, key->addr))
		return STEP_ON;
	q->found = number;
	q->found_rule = READ_ONCE(r->rule);
	return STEP_OVER;
}

static __always_inline enum step policy_probe(struct policy *q)
{
	__u32 *number = bpf_map_lookup_elem(&rule, &q->rule_key);

	return number ? policy_take(q, READ_ONCE(*number), &q->rule_key) : STEP_ON;
}

/* Tries the next IPv4 prefix of the mask group. */
static __always_inline enum step policy_peer4(struct policy *q)
{
	__u64 plens = q->plens[0];
	__u32 plen;

	if (!plens) {
		q->stage = VPC_PEER_SG;
		return STEP_ON;
	}
	q->plens[0] = plens & (plens - 1);
	plen = lowest_bit(plens);
	if (plen > 32)
		return STEP_ON;
	q->rule_key.plen = (__u8)plen;
	q->rule_key.addr[0] = q->peer[3] & mask32(plen);
	return policy_probe(q);
}

static __always_inline enum step policy_peer6(struct policy *q)
{
	__u32 plen;

	if (q->plens[0]) {
		plen = lowest_bit(q->plens[0]);
		q->plens[0] &= q->plens[0] - 1;
	} else if (q->plens[1]) {
		plen = 64 + lowest_bit(q->plens[1]);
		q->plens[1] &= q->plens[1] - 1;
	} else if (q->plens[2] & 1) {
		plen = 128;
		q->plens[2] = 0;
	} else {
		q->stage = VPC_PEER_SG;
		return STEP_ON;
	}
	q->rule_key.plen = (__u8)plen;
	q->rule_key.addr[0] = q->peer[0] & mask32(word_bits(plen, 0));
	q->rule_key.addr[1] = q->peer[1] & mask32(word_bits(plen, 1));
	q->rule_key.addr[2] = q->peer[2] & mask32(word_bits(plen, 2));
	q->rule_key.addr[3] = q->peer[3] & mask32(word_bits(plen, 3));
	return policy_probe(q);
}

/* Tries the next of the peer's groups, if the mask group may name it. */
static __always_inline enum step policy_peer_group(struct policy *q)
{
	__u32 number = q->peer_set, at = q->peer_at++, g;
	struct vpc_set *groups;

	if (!q->mask_group_bloom || at >= q->n_peers || at >= VPC_GROUPS_PER_ENI) {
		q->stage = 0;
		return STEP_ON;
	}
	groups = bpf_map_lookup_elem(&set, &number);
	if (!groups)
		return STEP_ON;
	g = groups->sg[at];
	if (!(q->mask_group_bloom & 1ull << (g & 63)))
		return STEP_ON;
	__builtin_memset(&q->rule_key.kind, 0, sizeof(q->rule_key) - sizeof(q->rule_key.mask_group));
	q->rule_key.kind = VPC_PEER_SG;
	q->rule_key.addr[0] = g;
	return policy_probe(q);
}

/* The mask group of q->mask_group_key, or NULL. Leaves its number in rule_key, with which the keys of its rows
 * begin. */
static __always_inline struct vpc_mask_group *policy_mask_group(struct policy *q)
{
	struct vpc_mask_group_key *key = &q->mask_group_key;
	__u32 *number = bpf_map_lookup_elem(&mask_group_of, key), n;
	struct vpc_mask_group *c;

	if (!number)
		return 0;
	n = READ_ONCE(*number);
	c = bpf_map_lookup_elem(&mask_group, &n);
	if (!c || c->key.sg != key->sg || c->key.dir != key->dir || c->key.slot != key->slot ||
	    c->key.plen != key->plen || c->key.port != key->port)
		return 0;
	__builtin_memset(&q->rule_key, 0, sizeof(q->rule_key));
	q->rule_key.mask_group = n;
	return c;
}

/* The mask group of the next port prefix of the group and slot, or NULL. */
static __always_inline struct vpc_mask_group *policy_port_mask_group(struct policy *q)
{
	struct vpc_mask_group_key *key = &q->mask_group_key;
	__u32 plen = lowest_bit(q->bits);

	q->bits &= q->bits - 1;
	key->sg = q->group;
	key->dir = q->dir;
	key->slot = q->slot_now;
	key->plen = (__u8)plen;
	key->pad = 0;
	key->port = (__u16)(q->port & (0xffff0000u >> plen));
	key->pad2 = 0;
	return policy_mask_group(q);
}

/* Goes on to the mask group's prefixes. */
static __always_inline void policy_peers(struct policy *q, const struct vpc_mask_group *c)
{
	if (q->family == 4) {
		q->stage = VPC_PEER_CIDR4;
		q->plens[0] = READ_ONCE(c->plens4);
	} else {
		q->stage = VPC_PEER_CIDR6;
		q->plens[0] = READ_ONCE(c->plens6[0]);
		q->plens[1] = READ_ONCE(c->plens6[1]);
		q->plens[2] = READ_ONCE(c->plens6[2]);
	}
	q->rule_key.kind = q->stage;
}

/* Tries the next port prefix of the group and slot. If there is a mask group, goes on to its peers. */
static __always_inline void policy_port(struct policy *q)
{
	struct vpc_mask_group *c = policy_port_mask_group(q);

	if (!c)
		return;
	policy_peers(q, c);
	q->peer_at = 0;
	q->mask_group_bloom = READ_ONCE(c->flags) & VPC_MASK_GROUP_SG ? READ_ONCE(c->sg_bloom) & q->peer_bloom : 0;
}

/* Goes on to the next group. */
static __always_inline enum step policy_group(struct policy *q)
{
	__u32 number = q->set, at = q->groups_at++, dir = q->dir & 1, slot = q->slot;
	struct vpc_set *groups = bpf_map_lookup_elem(&set, &number);
	struct vpc_sg_dir *d;
	struct vpc_sg *g;

	if (!groups || at >= VPC_GROUPS_PER_ENI || at >= groups->n)
		return STEP_OVER;
	number = groups->sg[at];
	q->group = number;
	g = bpf_map_lookup_elem(&sg, &number);
	if (!g || slot >= VPC_SLOTS)
		return STEP_ON;
	d = &g->dir[dir];
	__builtin_memset(&q->rule_key, 0, sizeof(q->rule_key));
	q->rule_key.mask_group = number;
	q->rule_key.kind = q->family == 4 ? VPC_PEER_ALL4 : VPC_PEER_ALL6;
	q->rule_key.plen = (__u8)dir;
	if (policy_take(q, q->family == 4 ? READ_ONCE(d->all4) : READ_ONCE(d->all6), &q->rule_key) == STEP_OVER)
		return STEP_OVER;
	q->bits = READ_ONCE(d->port_plens[VPC_SLOT_ANY]) & VPC_PORT_PLENS_MASK;
	q->slot_bits = READ_ONCE(d->port_plens[slot]) & VPC_PORT_PLENS_MASK;
	q->slot_now = VPC_SLOT_ANY;
	return STEP_ON;
}

/* One step of the walk. Returns enum step. */
static long policy_step(__u32 i, void *ctx)
{
	struct policy *q = ((struct policy_walk *)ctx)->q;

	(void)i;
	if (q->stage == VPC_PEER_CIDR4)
		return policy_peer4(q);
	if (q->stage == VPC_PEER_CIDR6)
		return policy_peer6(q);
	if (q->stage == VPC_PEER_SG)
		return policy_peer_group(q);
	if (!q->bits) {
		q->bits = q->slot_bits;
		q->slot_bits = 0;
		q->slot_now = q->slot;
	}
	if (!q->bits)
		return policy_group(q);
	policy_port(q);
	return STEP_ON;
}

#endif
