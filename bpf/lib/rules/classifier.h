/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges by a set's classifier (vpc/abi/classifier.h), an interval index, where the rule walk would be long. The steps
 * are:
 *
 *   the port                                            -> the deepest node that has it
 *   each node from there up, at most 18: the peer's address -> a row
 *   each of the peer's groups, at most 16: {group, port}    -> a row
 *
 * Each arrow is a search down a tree of blocks, one block a step. All searches take at most some 300 steps of 8 ns
 * each, whatever the rules are.
 *
 * The index only says where to look. A row that it names is taken if the row itself, its port mask group and the set
 * allow this packet at this epoch. So a wrong index may deny, but never allows. The search is one loop with its state
 * in the scratch, for the reasons that walk.h gives.
 */
#ifndef BPF_LIB_CLASSIFIER_H
#define BPF_LIB_CLASSIFIER_H

#include "lib/core/address.h"

/* More steps than any search takes. The bound ends a search in a broken index. */
#define CLASSIFIER_STEPS 1024u

/* The result of a step, as bpf_loop() takes it. */
enum step {
	STEP_ON,   /* call the next step */
	STEP_OVER, /* stop: a row allows (`found`), or nothing is left to search */
};

/* A stage of the search, beside VPC_PEER_CIDR4, VPC_PEER_CIDR6 and VPC_PEER_SG. */
#define CLASSIFIER_PORT 0

/* The first block of the set's index for this direction at the epoch; 0: there is none, or both versions are newer. */
static __always_inline __u32 classifier_table(const struct policy *q)
{
	__u32 number = q->set;
	struct vpc_set *groups = bpf_map_lookup_elem(&set, &number);
	int in_force = groups ? versioned_read(&groups->classifier[q->dir & 1], q->epoch) : 0;

	return in_force > 0 ? (__u32)in_force : 0;
}

static __always_inline struct vpc_classifier_block *classifier_block(__u32 at)
{
	return bpf_map_lookup_elem(&classifier, &at);
}

/* Begins a search for q->key in a list. A search in an empty list ends at once. */
static __always_inline void classifier_search(struct policy *q, const struct vpc_classifier_list *list, __u32 words)
{
	__u32 size = READ_ONCE(list->size);

	q->levels = (__u8)(size >> VPC_LIST_LEVELS_SHIFT);
	q->leaves = size & VPC_LIST_LEAVES_MASK;
	q->level_at = q->table + READ_ONCE(list->at);
	q->nth = 0;
	q->words = (__u8)words;
}

/* Prepares the loop, which first searches for the port. Returns 0 if the set has no index. */
static __always_inline int classifier_begin(struct policy *q)
{
	struct vpc_classifier_block *block;
	struct vpc_classifier *header;

	q->table = classifier_table(q);
	block = q->table ? classifier_block(q->table) : 0;
	header = (struct vpc_classifier *)block;
	if (!header || header->set != q->set || header->dir != q->dir)
		return 0;
	q->nodes_at = q->table + header->nodes;
	q->groups_list = header->groups;
	q->peer_bloom &= header->bloom;
	q->node = 0;
	q->peer_at = 0;
	q->key[0] = (__u32)q->slot << 16 | q->port;
	classifier_search(q, &header->ports, 1);
	return 1;
}

/* How many of the first n keys of a block are less than or equal to q->key. There are no branches, because the verifier
 * walks each side of one. The borrow of a subtraction says which key is greater. */
static __always_inline __u32 classifier_rank(const struct policy *q, const struct vpc_classifier_block *b,
					     const __u32 words, const __u32 n)
{
	__u32 above = 0;

#pragma unroll
	for (__u32 i = 0; i < n; i++) {
		__u64 borrow = 0;

#pragma unroll
		for (__u32 w = words; w > 0; w--)
			borrow = ((__u64)q->key[w - 1] - b->word[i * words + w - 1] - borrow) >> 63;
		above += (__u32)borrow;
		/* one key after the other, or the compiler puts all of them on the stack */
		asm volatile("" : "+r"(above));
	}
	return n - above;
}

/* Goes down one level. */
static __always_inline void classifier_down(struct policy *q, const struct vpc_classifier_block *b)
{
	__u32 shift, rank, here, below;

	if (q->words == 1) {
		shift = VPC_STEPS_INNER_SHIFT(1);
		rank = classifier_rank(q, b, 1, VPC_STEPS_INNER(1));
	} else if (q->words == 2) {
		shift = VPC_STEPS_INNER_SHIFT(2);
		rank = classifier_rank(q, b, 2, VPC_STEPS_INNER(2));
	} else {
		shift = VPC_STEPS_INNER_SHIFT(4);
		rank = classifier_rank(q, b, 4, VPC_STEPS_INNER(4));
	}
	/* levels: how many are left, so it is the number of this level, counted from the leaves */
	here = (q->leaves - 1) >> (q->levels * shift & 31);
	below = (q->leaves - 1) >> ((q->levels - 1) * shift & 31);
	q->nth = (q->nth << shift) + rank - 1;
	if (q->nth > below)
		q->nth = below;
	q->level_at += here + 1;
}

/* The value of the interval that has the key. */
static __always_inline __u32 classifier_leaf(const struct policy *q, const struct vpc_classifier_block *b)
{
	__u32 at;

	if (q->words == 1)
		at = VPC_STEPS_LEAF(1) + classifier_rank(q, b, 1, VPC_STEPS_LEAF(1));
	else if (q->words == 2)
		at = VPC_STEPS_LEAF(2) * 2 + classifier_rank(q, b, 2, VPC_STEPS_LEAF(2));
	else
		at = VPC_STEPS_LEAF(4) * 4 + classifier_rank(q, b, 4, VPC_STEPS_LEAF(4));
	return READ_ONCE(b->word[(at - 1) & (VPC_BLOCK_WORDS - 1)]);
}

/* Whether the set has this group. */
static __always_inline int classifier_has(const struct policy *q, __u32 group)
{
	__u32 number = q->set, has = 0;
	struct vpc_set *groups = bpf_map_lookup_elem(&set, &number);

	if (!groups || !group)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < VPC_GROUPS_PER_ENI; i++)
		has |= groups->sg[i] == group;
	return (int)has;
}

static __always_inline int classifier_mask_group_holds(const struct policy *q, __u32 number)
{
	struct vpc_mask_group *c = bpf_map_lookup_elem(&mask_group, &number);

	return c && c->key.dir == q->dir && (c->key.slot == VPC_SLOT_ANY || c->key.slot == q->slot) &&
	       c->key.plen <= 16 && c->key.port == (q->port & (0xffff0000u >> c->key.plen) & 0xffff) &&
	       classifier_has(q, c->key.sg);
}

/* Re-checks the packet against the row itself; the index is never trusted for an accept. */
static __always_inline int classifier_proves(const struct policy *q, const struct vpc_row *r)
{
	const struct vpc_rule_key *k = &r->key;

	if (k->kind == (q->family == 4 ? VPC_PEER_ALL4 : VPC_PEER_ALL6))
		return k->plen == q->dir && classifier_has(q, k->mask_group);
	if (q->stage != k->kind)
		return 0;
	if (k->kind == VPC_PEER_SG)
		return k->addr[0] == q->group && classifier_mask_group_holds(q, k->mask_group);
	if (k->kind == VPC_PEER_CIDR4)
		return k->plen <= 32 && k->addr[0] == (q->peer[3] & mask32(k->plen)) &&
		       classifier_mask_group_holds(q, k->mask_group);
	return k->addr[0] == (q->peer[0] & mask32(word_bits(k->plen, 0))) &&
	       k->addr[1] == (q->peer[1] & mask32(word_bits(k->plen, 1))) &&
	       k->addr[2] == (q->peer[2] & mask32(word_bits(k->plen, 2))) &&
	       k->addr[3] == (q->peer[3] & mask32(word_bits(k->plen, 3))) &&
	       classifier_mask_group_holds(q, k->mask_group);
}

static __always_inline enum step classifier_take(struct policy *q, __u32 number)
{
	struct vpc_row *r = bpf_map_lookup_elem(&row, &number);

	if (!number || !r || !row_visible(READ_ONCE(r->born), READ_ONCE(r->died), q->epoch) || !classifier_proves(q, r))
		return STEP_ON;
	q->found = number;
	q->found_rule = READ_ONCE(r->rule);
	return STEP_OVER;
}

/* Handles the value with which a search ended. */
static __always_inline enum step classifier_ended(struct policy *q, __u32 value)
{
	if (q->stage != CLASSIFIER_PORT)
		return classifier_take(q, value);
	q->node = value;
	q->stage = q->family == 4 ? VPC_PEER_CIDR4 : VPC_PEER_CIDR6;
	if (q->family == 4) {
		q->key[0] = bpf_ntohl(q->peer[3]);
		return STEP_ON;
	}
	q->key[0] = bpf_ntohl(q->peer[0]);
	q->key[1] = bpf_ntohl(q->peer[1]);
	q->key[2] = bpf_ntohl(q->peer[2]);
	q->key[3] = bpf_ntohl(q->peer[3]);
	return STEP_ON;
}

/* Begins the search for the next of the peer's groups. */
static __always_inline enum step classifier_peer_group(struct policy *q)
{
	__u32 number = q->peer_set, at = q->peer_at++, g;
	struct vpc_set *groups;

	if (!q->peer_bloom || at >= q->n_peers || at >= VPC_GROUPS_PER_ENI)
		return STEP_OVER;
	groups = bpf_map_lookup_elem(&set, &number);
	if (!groups)
		return STEP_OVER;
	g = groups->sg[at];
	if (!(q->peer_bloom & 1ull << (g & 63)))
		return STEP_ON;
	q->group = g;
	q->key[0] = g;
	q->key[1] = (__u32)q->slot << 16 | q->port;
	classifier_search(q, &q->groups_list, 2);
	return STEP_ON;
}

/* Begins the next search. */
static __always_inline enum step classifier_next(struct policy *q)
{
	struct vpc_classifier_block *block;
	struct vpc_classifier_node *node;

	if (q->stage == CLASSIFIER_PORT)
		return classifier_ended(q, 0); /* the index has no ports */
	if (!q->node) {
		q->stage = VPC_PEER_SG;
		return classifier_peer_group(q);
	}
	block = classifier_block(q->nodes_at + (q->node >> 1));
	if (!block)
		return STEP_OVER;
	node = (struct vpc_classifier_node *)block + (q->node & 1);
	q->node = READ_ONCE(node->parent);
	if (q->family == 4)
		classifier_search(q, &node->list4, 1);
	else
		classifier_search(q, &node->list6, 4);
	return STEP_ON;
}

/* One step: a block of the current search, or the begin of the next. Returns enum step. */
static long classifier_step(__u32 i, void *ctx)
{
	struct policy *q = ((struct policy_walk *)ctx)->q;
	struct vpc_classifier_block *block;

	(void)i;
	if (!q->levels)
		return classifier_next(q);
	block = classifier_block(q->level_at + q->nth);
	if (!block)
		return STEP_OVER;
	q->levels--;
	if (!q->levels)
		return classifier_ended(q, classifier_leaf(q, block));
	classifier_down(q, block);
	return STEP_ON;
}

#endif
