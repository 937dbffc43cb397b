/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Young connections. Most TCP connections are over before a second has passed, and a hash of a million entries makes
 * each of them pay for several cold cache lines. So a connection between two local ENIs begins in a slot of flow_young,
 * which is small. Only the TCP fast path uses slots (fast/tcp.h). Whoever else looks for a flow, and the TCP fast path
 * where it can't decide, first has the connection moved to the other maps (flow_flush(), move.h). So nobody else has
 * to know of slots.
 *
 * A connection has one entry. SYNs that begin in a slot are those of which flow_stored says that no other map has them
 * (young_forestall()).
 *
 * The word with the state (flow.h) says to whom a slot belongs, and is changed only by a compare-and-swap:
 *
 *   NONE          the slot is free. Whoever makes it NONE | HELD may fill it.
 *   NONE | HELD   one CPU fills it. The tag is written last but one, the state last.
 *   a state       the connection's packets read it, change its state, and make it free at the end.
 *   state | HELD  it is moving. Its state doesn't change. Each CPU that finds it so inserts the copy that it reads and
 *                 makes the slot free. README.md says why one entry is left.
 *
 * icmp_type, which no TCP flow needs, counts the slot's connections. So a compare-and-swap never changes a later one.
 *
 * What is in a slot counts to no share: it is a connection for whose SYN there was room in `flow`. It counts when it
 * is flushed. vpcd flushes what is older than a second. VPC_FLOW_HALF_OPEN only says that it isn't established yet.
 */
#ifndef BPF_LIB_FLOW_YOUNG_H
#define BPF_LIB_FLOW_YOUNG_H

#include "lib/core/base.h"
#include "lib/core/maps.h"
#include "lib/flow/key.h"
#include "lib/flow/share.h"
#include "lib/flow/word.h"

/* --- flow_stored ----------------------------------------------------------------------------------------------------
 */

static __always_inline __u8 *stored_cell(__u64 tag)
{
	__u32 zero = 0;
	struct vpc_flow_stored *stored = bpf_map_lookup_elem(&flow_stored, &zero);

	return stored ? &stored->round[VPC_STORED_CELL(tag)] : 0;
}

/* Notes that `flow`, flow_new or flow_overflow has a flow with this tag. It must be called before the insertion. h: not
 * NULL. */
static __always_inline void stored_note(const struct vpc_host_flows *h, __u64 tag)
{
	__u8 *cell = stored_cell(tag), round = (__u8)READ_ONCE(h->stored_round);

	if (cell && READ_ONCE(*cell) != round)
		WRITE_ONCE(*cell, round);
}

/* Whether `flow`, flow_new or flow_overflow may have a flow with this tag. */
static __always_inline int stored_may_be(const struct vpc_host_flows *h, __u64 tag, __u64 *barrier)
{
	__u8 *cell = stored_cell(tag);
	__u32 noted, round;

	if (!cell)
		return 1;
	noted = READ_ONCE(*cell);
	barrier_order(barrier); /* no cell has a later round */
	round = READ_ONCE(h->stored_round);
	return noted && (noted <= round ? round - noted : round + VPC_STORED_LAST - noted) < VPC_STORED_ROUNDS;
}

#define YOUNG_WORD __builtin_offsetof(struct vpc_flow, state)

/* --- slots -------------------------------------------------------------------------------------------------------- */

static __always_inline int young_key_equal(const struct vpc_flow_key *a, const struct vpc_flow_key *b)
{
	const u32_alias *x = (const u32_alias *)a, *y = (const u32_alias *)b;
	__u32 differ = 0;

#pragma unroll
	for (__u32 i = 0; i < VPC_FLOW_KEY_WORDS; i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

/* The slot of the tag. */
static __always_inline struct vpc_young *young_slot(__u64 tag)
{
	__u32 at = VPC_YOUNG_SLOT(tag);

	return bpf_map_lookup_elem(&flow_young, &at);
}

/* Whether the slot, which isn't free, has the key's connection. Another key may have the same tag: the tag is a public
 * digest, and who chooses an IPv6 address chooses a tag. */
static __always_inline int young_is(const struct vpc_young *y, const struct vpc_flow_key *k, __u64 tag)
{
	return READ_ONCE(y->flow.tag) == tag && young_key_equal(&y->key, k);
}

/* young_is() of the tag's slot. It is global so that the verifier of 6.1 walks it only once. */
__noinline int young_has(const struct vpc_flow_key *k, __u64 tag)
{
	struct vpc_young *y = young_slot(tag);

	return k && y && young_is(y, k, tag);
}

/* Notes that a map is about to have a connection that was in no slot. Returns 0 if another CPU puts it into its slot,
 * or may do so: the packet must be judged again. */
static __always_inline int young_forestall(const struct vpc_host_flows *h, const struct vpc_flow_key *k, __u64 tag,
					   __u64 *barrier)
{
	struct vpc_young *y = young_slot(tag);
	union flow_word word;
	__u64 full;

	stored_note(h, tag);
	/* The cell is written before the slot is read, on all processors. */
	full = __sync_fetch_and_add(barrier, 1);
	asm volatile("" : : "r"(full) : "memory");
	if (!y)
		return 1;
	word.word = READ_ONCE(*flow_word(&y->flow));
	if (word.state == VPC_FLOW_NONE)
		return !(word.opener & VPC_YOUNG_HELD);
	barrier_order(barrier); /* the tag was written before the state */
	return !young_has(k, tag);
}

/* The key's connection, if it is in a slot, else NULL. */
static __always_inline struct vpc_flow *young_find(const struct vpc_flow_key *k, __u64 tag)
{
	struct vpc_young *y = young_slot(tag);

	return y && young_is(y, k, tag) && READ_ONCE(y->flow.state) != VPC_FLOW_NONE ? &y->flow : 0;
}

/* What became of a new connection. */
enum young_begun {
	YOUNG_BEGUN, /* it is in its slot */
	YOUNG_NOT,   /* another map may have it, or another connection has the slot: store it in a map */
	YOUNG_KNOWN, /* it is in its slot already: leave the packet to egress.h */
};

/* Takes the slot of the tag if it is free. may: whether a connection with this tag may begin in a slot. */
static __always_inline enum young_begun young_take(struct vpc_young *y, const struct vpc_flow_key *k, __u64 tag,
						   int may)
{
	union flow_word old = {.word = READ_ONCE(*flow_word(&y->flow))}, next = old;

	if (old.state != VPC_FLOW_NONE && young_is(y, k, tag))
		return YOUNG_KNOWN;
	if (old.state != VPC_FLOW_NONE || (old.opener & VPC_YOUNG_HELD) || !may)
		return YOUNG_NOT;
	next.opener = VPC_YOUNG_HELD;
	next.icmp_type = (__u8)(old.icmp_type + 1);
	return __sync_val_compare_and_swap(flow_word(&y->flow), old.word, next.word) == old.word ? YOUNG_BEGUN
												 : YOUNG_NOT;
}

/* Whether a connection with this tag may begin in a slot: no other map may have it. */
static __always_inline int young_may_begin(const struct vpc_host_flows *h, __u64 tag, __u64 *barrier)
{
	return VPC_YOUNG_SLOT(tag) < READ_ONCE(h->young_slots) && !stored_may_be(h, tag, barrier);
}

/* Puts a new connection, whose entry is `made`, into its slot, if it may begin there. Else it only tells whether it is
 * there. Returns enum young_begun. It is global so that the verifier of 6.1 walks it only once. */
__noinline int young_begin(const struct vpc_flow_key *k, const struct vpc_flow *made, int may)
{
	union flow_word word;
	struct vpc_host_flows *h;
	struct vpc_young *y;
	__u64 barrier = 0;
	int begun;

	if (!k || !made)
		return YOUNG_NOT;
	y = young_slot(made->tag);
	begun = y ? young_take(y, k, made->tag, may) : YOUNG_NOT;
	if (!y || begun != YOUNG_BEGUN)
		return begun;
	/* Whoever inserts the connection into a map writes its cell before it looks at the slot. */
	h = share_host();
	if (!h || stored_may_be(h, made->tag, &barrier)) {
		word.word = READ_ONCE(*flow_word(&y->flow));
		word.opener = 0;
		WRITE_ONCE(*flow_word(&y->flow), word.word);
		return YOUNG_NOT;
	}
	WRITE_ONCE(y->flow.tag, 0);
	barrier_order(&barrier);
	__builtin_memcpy(&y->key, k, sizeof(y->key));
	__builtin_memcpy(&y->flow.epoch, &made->epoch, YOUNG_WORD - __builtin_offsetof(struct vpc_flow, epoch));
	__builtin_memcpy(&y->flow.icmp_code, &made->icmp_code, sizeof(*made) - YOUNG_WORD - sizeof(word));
	word.word = READ_ONCE(*flow_word(&y->flow));
	word.state = made->state;
	word.flags = made->flags;
	word.opener = made->opener;
	barrier_order(&barrier);
	WRITE_ONCE(y->flow.tag, made->tag);
	barrier_order(&barrier);
	WRITE_ONCE(*flow_word(&y->flow), word.word);
	return YOUNG_BEGUN;
}

/* What became of a slot that was to be made free. */
enum young_ended {
	YOUNG_CHANGED,	    /* another CPU changed it first */
	YOUNG_ENDED,	    /* it is free */
	YOUNG_ENDED_BEFORE, /* another CPU made it free, and has inserted the connection into a map */
};

/* In the flags of a free slot: who made it free has inserted its connection into a map. */
#define YOUNG_INSERTED 1u

/* Makes the slot free. word: the entry's, as it was read. inserted: whether the caller has inserted the connection into
 * a map. */
static __always_inline enum young_ended young_end(struct vpc_flow *f, __u32 word, int inserted)
{
	union flow_word next = {.word = word}, found;

	next.state = VPC_FLOW_NONE;
	next.flags = inserted ? YOUNG_INSERTED : 0;
	next.opener = 0;
	found.word = __sync_val_compare_and_swap(flow_word(f), word, next.word);
	if (found.word == word)
		return YOUNG_ENDED;
	next.flags = YOUNG_INSERTED;
	return found.word == next.word ? YOUNG_ENDED_BEFORE : YOUNG_CHANGED;
}

/* Ends all changes of the slot's entry, and copies it to the scratch's fl. Returns the word that young_end() wants, or
 * 0 when the entry isn't the scratch's flow any more. */
static __always_inline __u32 young_hold(struct scratch *s, struct vpc_flow *f)
{
	union flow_word word = {.word = READ_ONCE(*flow_word(f))}, held;

	for (__u32 i = 0; i < 4 && !(word.opener & VPC_YOUNG_HELD); i++) {
		if (word.state == VPC_FLOW_NONE)
			return 0;
		held = word;
		held.opener |= VPC_YOUNG_HELD;
		if (__sync_val_compare_and_swap(flow_word(f), word.word, held.word) == word.word)
			word = held;
		else
			word.word = READ_ONCE(*flow_word(f));
	}
	if (!(word.opener & VPC_YOUNG_HELD) || word.state == VPC_FLOW_NONE)
		return 0;
	barrier_order(&s->barrier);
	__builtin_memcpy(&s->fl, f, sizeof(s->fl));
	barrier_order(&s->barrier);
	if (s->fl.tag != s->tag || READ_ONCE(*flow_word(f)) != word.word)
		return 0;
	s->fl.opener = word.opener & 1;
	s->fl.icmp_type = 0;
	return word.word;
}

#endif
