/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a flow's entry, and changing its state.
 *
 * Other CPUs and vpcd read and write an entry at the same time. So these rules hold:
 *
 * - A new or revived entry is inserted whole, with the epoch of its judgement. If something was revoked since, that
 *   epoch is too old, and the next packet is judged again.
 * - An entry in a map becomes a tombstone by two stores: first the state, then the epoch of the refusal. Every other
 *   change of state is a compare-and-swap of the word with the state, so it can't overwrite a tombstone. The epoch is
 *   raised only by a compare-and-swap from the epoch that was found too old.
 * - A copy for another map reads the epoch first. So it can't have the epoch of a tombstone without being one.
 * - flow_version is raised after each change of state, and after an insertion over another entry, for the caches
 *   (cache.h).
 * - Elements are recycled at once. So the tag is compared after each read and before each write.
 * - A young connection is never a tombstone, and its epoch never changes (young.h).
 */
#ifndef BPF_LIB_FLOW_H
#define BPF_LIB_FLOW_H

#include "lib/core/drop.h"
#include "lib/flow/cache.h"
#include "lib/flow/key.h"
#include "lib/flow/share.h"
#include "lib/flow/young.h"

#include <linux/in.h>

#define FLOW_SYN_S	 60
#define FLOW_CLOSING_S	 120
#define FLOW_RESET_S	 30
#define FLOW_ICMP_S	 30
#define FLOW_OTHER_S	 600
#define FLOW_TOMBSTONE_S 960
#define FLOW_SEEN_NS	 NS_PER_S /* a packet writes last_seen_ns when it is older than this */

#define FLOW_COUNTED (VPC_FLOW_BUDGETED | VPC_FLOW_HALF_OPEN) /* flags that only entries of `flow` have */

/* The sides that have a grace: bit i is side i. */
static __always_inline __u32 flow_graces(const struct vpc_flow *f, __u64 now_ns)
{
	__u32 now = (__u32)(now_ns >> VPC_GRACE_SHIFT);

	return (f->grace_until[0] > now ? 1u : 0) | (f->grace_until[1] > now ? 2u : 0);
}

static __always_inline struct vpc_flow *flow_lookup(struct scratch *s)
{
	struct vpc_flow *f = bpf_map_lookup_elem(&flow, &s->key);

	s->in_flow = 1;
	s->in_overflow = 0;
	if (f && READ_ONCE(f->tag) == s->tag)
		return f;
	s->in_flow = 0;
	f = bpf_map_lookup_elem(&flow_new, &s->key);
	if (f && READ_ONCE(f->tag) == s->tag)
		return f;
	if (!share_overflows())
		return 0;
	f = bpf_map_lookup_elem(&flow_overflow, &s->key);
	s->in_overflow = f && READ_ONCE(f->tag) == s->tag;
	return s->in_overflow ? f : 0;
}

static __always_inline int flow_expired(const struct vpc_flow *f, __u64 now_ns)
{
	return (__s64)(now_ns - f->last_seen_ns) > (__s64)(f->timeout_s * NS_PER_S);
}

/* Moves the scratch's flow out of its slot of flow_young, if it is in one. Returns 0. */
__noinline int flow_flush(__u32 which);

/* As flow_lookup(), also when the flow is young. Changes the scratch's fl. */
static __always_inline struct vpc_flow *flow_find(struct scratch *s, __u32 which)
{
	if (s->key.proto == IPPROTO_TCP && !s->key.via)
		flow_flush(which);
	return flow_lookup(s);
}

/*
 * Looks up the scratch's key, and copies the entry to the scratch's fl. Returns the entry, or NULL if there is none or
 * it has expired. `found` says whether there was one. which: SCRATCH_…
 */
static __always_inline struct vpc_flow *flow_get(struct scratch *s, __u32 which)
{
	struct vpc_flow *f = flow_find(s, which);

	s->found = 0;
	if (!f)
		return 0;
	s->version = flow_cache_begin(&s->barrier, s->tag, flow_cache_cacheable(s->now_ns, READ_ONCE(f->created_ns)));
	s->fl.epoch = READ_ONCE(f->epoch);
	barrier_order(&s->barrier);
	s->fl.last_seen_ns = READ_ONCE(f->last_seen_ns);
	s->fl.created_ns = f->created_ns;
	s->fl.grace_until[0] = READ_ONCE(f->grace_until[0]);
	s->fl.grace_until[1] = READ_ONCE(f->grace_until[1]);
	s->fl.eni[0] = READ_ONCE(f->eni[0]);
	s->fl.eni[1] = READ_ONCE(f->eni[1]);
	s->fl.incarnation[0] = READ_ONCE(f->incarnation[0]);
	s->fl.incarnation[1] = READ_ONCE(f->incarnation[1]);
	s->fl.rule[0] = f->rule[0];
	s->fl.rule[1] = f->rule[1];
	s->fl.timeout_s = READ_ONCE(f->timeout_s);
	*flow_word(&s->fl) = READ_ONCE(*flow_word(f));
	s->fl.icmp_code = f->icmp_code;
	s->fl.saved_state = READ_ONCE(f->saved_state);
	s->fl.last_ack = READ_ONCE(f->last_ack);
	s->fl.packets = f->packets;
	s->fl.tag = READ_ONCE(f->tag);
	if (s->fl.tag != s->tag)
		return 0;
	s->found = 1;
	return flow_expired(&s->fl, s->now_ns) ? 0 : f;
}

/* --- what an entry of `flow` counts for ------------------------------------------------------------------------- */

static __always_inline void budget_add_sides(const struct vpc_flow *f, __s64 by)
{
	share_count_eni(f->eni[0], f->incarnation[0], 1, by);
	share_count_eni(f->eni[1], f->incarnation[1], !f->eni[0], by);
}

static __always_inline void budget_count(__u32 space, __s64 by)
{
	struct share f;

	if (share_find(&f, space))
		share_count(&f, by);
}

/* Subtracts an entry of `flow` from what it counts to. Only one caller does: the one that clears the flag. */
static __always_inline void budget_release(__u32 space, struct vpc_flow *f)
{
	for (__u32 i = 0; i < 4; i++) {
		union flow_word old, next;

		old.word = READ_ONCE(*flow_word(f));
		if (!(old.flags & FLOW_COUNTED))
			return;
		next = old;
		next.flags = (__u8)(next.flags & ~FLOW_COUNTED);
		if (__sync_val_compare_and_swap(flow_word(f), old.word, next.word) == old.word) {
			budget_count(space, -1);
			if (old.flags & VPC_FLOW_BUDGETED)
				budget_add_sides(f, -1);
			else
				share_half_open_over(space);
			return;
		}
	}
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

/* Deletes the key from `flow` if its entry is f and has the tag. */
static __always_inline void flow_leave(const struct vpc_flow_key *key, __u64 tag, struct vpc_flow *f)
{
	if (!f || READ_ONCE(f->tag) != tag)
		return;
	budget_release(key->vpc, f);
	bpf_map_delete_elem(&flow, key);
}

/* Returns the idle seconds that a local side gives a flow in this state, or `least` if that is less and not 0. e: the
 * side's ENI; NULL: the side isn't local. The two sides take two calls, because two pointers that may be NULL are more
 * states for the verifier. */
static __always_inline __u32 flow_idle(__u32 least, __u8 state, const struct vpc_eni *e)
{
	__u32 idle;

	if (!e)
		return least;
	idle = state == VPC_FLOW_ESTABLISHED ? READ_ONCE(e->tcp_idle_s)
	       : state == VPC_FLOW_STREAM    ? READ_ONCE(e->udp_stream_idle_s)
					     : READ_ONCE(e->udp_idle_s);
	return !least || idle < least ? idle : least;
}

/* Returns after how many idle seconds a flow in this state expires; 0: its local sides decide (flow_idle()). */
static __always_inline __u32 flow_timeout(__u8 state, __u8 proto)
{
	switch (state) {
	case VPC_FLOW_SYN_SENT:
	case VPC_FLOW_SYN_RECEIVED:
		return FLOW_SYN_S;
	case VPC_FLOW_CLOSING:
		return FLOW_CLOSING_S;
	case VPC_FLOW_RESET:
		return FLOW_RESET_S;
	case VPC_FLOW_OTHER:
		return FLOW_OTHER_S;
	case VPC_FLOW_TOMBSTONE:
		return FLOW_TOMBSTONE_S;
	case VPC_FLOW_ONE_WAY:
	case VPC_FLOW_REPLIED:
		return proto == IPPROTO_UDP ? 0 : FLOW_ICMP_S;
	default:
		return 0;
	}
}

/* Sets the timeout of the scratch's fl from its state. */
static __always_inline void flow_set_timeout(struct scratch *s)
{
	struct vpc_flow *f = &s->fl;
	__u32 timeout_s = flow_timeout(f->state, s->key.proto);

	if (!timeout_s) {
		timeout_s = flow_idle(0, f->state, f->eni[0] ? eni_get(f->eni[0]) : 0);
		timeout_s = flow_idle(timeout_s, f->state, f->eni[1] ? eni_get(f->eni[1]) : 0);
	}
	f->timeout_s = timeout_s;
}

/* Fills a new entry, except its state, its sides and what depends on them. */
static __always_inline void flow_begin(struct vpc_flow *f, const struct flow_ctx *c, __u32 opener)
{
	f->epoch = c->epoch;
	f->last_seen_ns = c->now_ns;
	f->created_ns = c->now_ns;
	f->grace_until[0] = 0;
	f->grace_until[1] = 0;
	f->opener = (__u8)opener;
	f->saved_state = VPC_FLOW_NONE;
	f->last_ack = 0;
	f->packets = 1;
}

/* Fills side i of a new entry. number: its ENI; 0: not local. */
static __always_inline void flow_begin_side(struct vpc_flow *f, __u32 i, __u32 number, __u32 incarnation, __u32 of_rule)
{
	f->eni[i & 1] = number;
	f->incarnation[i & 1] = incarnation;
	f->rule[i & 1] = of_rule;
}

/* Writes a new state and what depends on it. copy: the entry with the new state. old: the word as it was read. Returns
 * 1, or 0 when another CPU changed the word first. */
static __always_inline int flow_write_state(struct flow_ctx *c, struct vpc_flow *f, const struct vpc_flow *copy,
					    __u32 old)
{
	WRITE_ONCE(f->saved_state, copy->saved_state);
	WRITE_ONCE(f->last_ack, copy->last_ack);
	if (__sync_val_compare_and_swap(flow_word(f), old, READ_ONCE(*flow_word((struct vpc_flow *)copy))) != old)
		return 0;
	WRITE_ONCE(f->timeout_s, copy->timeout_s);
	if (flow_cache_cacheable(c->now_ns, copy->created_ns))
		version_raise(&c->barrier, c->tag);
	return 1;
}

/* Makes the entry a tombstone, refused at `epoch`. It stays in its map and counts to no budget. */
static __always_inline void flow_tombstone(struct scratch *s, struct vpc_flow *f, __u64 epoch)
{
	__u8 was = READ_ONCE(f->state);

	if (READ_ONCE(f->tag) != s->tag)
		return;
	if (was != VPC_FLOW_TOMBSTONE && was != VPC_FLOW_RESET) /* for an entry that was RESET, saved_state has the
								 * state before that */
		WRITE_ONCE(f->saved_state, was);
	WRITE_ONCE(f->state, VPC_FLOW_TOMBSTONE);
	barrier_order(&s->barrier);
	WRITE_ONCE(f->epoch, epoch);
	WRITE_ONCE(f->timeout_s, FLOW_TOMBSTONE_S);
	WRITE_ONCE(f->last_seen_ns, s->now_ns);
	WRITE_ONCE(f->grace_until[0], 0);
	WRITE_ONCE(f->grace_until[1], 0);
	budget_release(s->key.vpc, f);
	version_raise(&s->barrier, s->tag);
}

#endif
