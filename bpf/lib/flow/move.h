/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which map a flow's entry is: puts it into one, moves it to another, and takes it out. An established flow and a
 * few half-open ones per VPC are in `flow`, all others in flow_new, or in flow_overflow when their opener has used up
 * its share (share.h). A TCP connection between two local ENIs may be in flow_young for its first second (young.h).
 */
#ifndef BPF_LIB_FLOW_MOVE_H
#define BPF_LIB_FLOW_MOVE_H

#include "lib/flow/flow.h"

#include <linux/errno.h>

/* Removes the entry f from `flow` after the connection's last packet, and subtracts it from what it counts to. Not
 * inlined: it runs once in a connection's life. */
static __noinline void flow_over(struct flow_ctx *c, const struct vpc_flow_key *key, struct vpc_flow *f)
{
	int cacheable = flow_cache_cacheable(c->now_ns, READ_ONCE(f->created_ns));

	flow_leave(key, c->tag, f);
	if (cacheable)
		version_raise(&c->barrier, c->tag);
}

static __always_inline void flow_noted(__u64 tag)
{
	struct vpc_host_flows *h = share_host();

	if (h)
		stored_note(h, tag);
}

/* Inserts the scratch's fl into the map where its opener has room, and deletes it from the other. how: BPF_ANY or
 * BPF_NOEXIST. Returns 0 or -errno. */
static __always_inline int flow_insert_new(struct scratch *s, __u64 how)
{
	__u32 over = !share_take_new(s->key.vpc, s->fl.eni[0], s->fl.eni[1], s->now_ns);
	int rc;

	s->in_flow = 0;
	s->in_overflow = over;
	flow_noted(s->tag);
	if (!over) {
		rc = map_update(&flow_new, &s->key, &s->fl, how);
		if (!rc && how == BPF_ANY && share_overflows())
			bpf_map_delete_elem(&flow_overflow, &s->key);
		return rc;
	}
	share_overflow(s->now_ns);
	rc = map_update(&flow_overflow, &s->key, &s->fl, how);
	if (!rc && how == BPF_ANY)
		bpf_map_delete_elem(&flow_new, &s->key);
	return rc;
}

/*
 * Inserts the scratch's fl into flow_new or flow_overflow, under the scratch's key. replace: also over an existing
 * entry, in any map. Returns PASS or FLOW_TABLE. PASS too when another CPU inserted one first, since that was judged as
 * well.
 */
__noinline int flow_insert(__u32 which, __u32 replace)
{
	struct scratch *s = scratch_get(which);
	int rc;

	if (!s)
		return VPC_DROP_FLOW_TABLE;
	s->fl.tag = s->tag;
	s->fl.flags &= (__u8)~FLOW_COUNTED;
	rc = flow_insert_new(s, replace ? BPF_ANY : BPF_NOEXIST);
	if (rc)
		return rc == -EEXIST ? PASS : VPC_DROP_FLOW_TABLE;
	if (replace) {
		flow_leave(&s->key, s->tag, bpf_map_lookup_elem(&flow, &s->key));
		version_raise(&s->barrier, s->tag);
	}
	return PASS;
}

enum flow_inserted {
	FLOW_INSERTED,	   /* the flow has an entry: nothing is left to do */
	FLOW_EXISTS,	   /* it has another CPU's: nothing is left to do */
	FLOW_NOT_INSERTED, /* there is no room: call flow_insert() */
};

/*
 * Inserts the scratch's fl, the SYN of a connection, into `flow` under the scratch's key, which no map has. It does so
 * while the VPC has few half-open entries there, so that the entry need not move when the connection is established.
 * Returns enum flow_inserted.
 */
__noinline int flow_insert_fast_path(__u32 which)
{
	struct scratch *s = scratch_get(which);
	__u32 zero = 0;
	struct vpc_ctl *c = bpf_map_lookup_elem(&ctl, &zero);
	struct share f;
	int rc;

	if (!s || !c || !share_find(&f, s->key.vpc) ||
	    !share_half_open_left(&f, share_flow_room(&f, 0), READ_ONCE(c->half_open_max)))
		return FLOW_NOT_INSERTED;
	share_count_half_open(&f, 1);
	flow_noted(s->tag);
	s->fl.tag = s->tag;
	s->fl.flags = (__u8)((s->fl.flags & ~FLOW_COUNTED) | VPC_FLOW_HALF_OPEN);
	rc = map_update(&flow, &s->key, &s->fl, BPF_NOEXIST);
	if (!rc)
		return FLOW_INSERTED;
	share_count_half_open(&f, -1);
	return rc == -EEXIST ? FLOW_EXISTS : FLOW_NOT_INSERTED;
}

/* Establishes the half-open entry of `flow` between two ENIs (0: not local): it counts to its sides from then on.
 * Returns 1 if they have room. The copy's flags say so then, and the caller must call flow_confirmed() when the flags
 * are in the map. Returns 0 if they have none. */
static __always_inline int flow_confirm(__u32 space, struct vpc_flow *copy, __u32 opener, __u32 responder)
{
	if (share_left(space, opener, responder, 1) != SHARE_LEFT)
		return 0;
	copy->flags = (__u8)((copy->flags & ~VPC_FLOW_HALF_OPEN) | VPC_FLOW_BUDGETED);
	return 1;
}

/* Counts an established flow that was half-open. Returns 0. */
__noinline int flow_confirmed(__u32 space, const struct vpc_flow *f)
{
	if (!f)
		return 0;
	budget_add_sides(f, 1);
	share_half_open_over(space);
	return 0;
}

/* Copies an entry of a map to the scratch's fl, the epoch first. Returns 0 if it is another flow's or a tombstone. */
static __always_inline int flow_copy(struct scratch *s, struct vpc_flow *f)
{
	__u64 epoch = READ_ONCE(f->epoch);

	barrier_order(&s->barrier);
	__builtin_memcpy(&s->fl, f, sizeof(s->fl));
	s->fl.epoch = epoch;
	return s->fl.tag == s->tag && s->fl.state != VPC_FLOW_TOMBSTONE;
}

/* Whether a copy may move to another map. An entry with a grace stays where it is: vpcd may have ended the grace after
 * the copy was made. */
static __always_inline int flow_may_move(const struct vpc_flow *copy)
{
	return !copy->grace_until[0] && !copy->grace_until[1];
}

/* The result of moving an entry to another map. The packet is let through in either case, and the next packet tries
 * again. */
enum flow_moved {
	FLOW_STAYED, /* the entry and the scratch's `in_overflow` are unchanged */
	FLOW_MOVED,  /* pointers to the old entry are invalid */
};

/* Inserts the scratch's fl into `flow` as an established flow under the scratch's key, if the map and the shares that
 * it counts to have room. Returns 0 or -errno; -EEXIST: `flow` has the key. */
static __always_inline int flow_keep(struct scratch *s)
{
	int rc;

	if (share_left(s->key.vpc, s->fl.eni[0], s->fl.eni[1], 0) != SHARE_LEFT)
		return -ENOSPC;
	flow_noted(s->tag);
	s->fl.flags |= VPC_FLOW_BUDGETED;
	budget_count(s->key.vpc, 1);
	budget_add_sides(&s->fl, 1);
	rc = map_update(&flow, &s->key, &s->fl, BPF_NOEXIST);
	if (rc) {
		budget_count(s->key.vpc, -1);
		budget_add_sides(&s->fl, -1);
	}
	return rc;
}

/* Moves the entry of the scratch's key to `flow`, if the map and the shares that it counts to have room. Returns enum
 * flow_moved, as the functions below do. */
__noinline int flow_promote(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct vpc_flow *f;

	if (!s)
		return FLOW_STAYED;
	if (s->in_overflow)
		f = bpf_map_lookup_elem(&flow_overflow, &s->key);
	else
		f = bpf_map_lookup_elem(&flow_new, &s->key);
	if (!f || !flow_copy(s, f) || !flow_may_move(&s->fl) || flow_keep(s))
		return FLOW_STAYED;
	if (s->in_overflow)
		bpf_map_delete_elem(&flow_overflow, &s->key);
	else
		bpf_map_delete_elem(&flow_new, &s->key);
	return FLOW_MOVED;
}

/* Moves the entry of the scratch's key from flow_new to flow_overflow. A tombstone stays. */
__noinline int flow_outgrow(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct vpc_flow *f;

	if (!s)
		return FLOW_STAYED;
	f = bpf_map_lookup_elem(&flow_new, &s->key);
	if (!f || !flow_copy(s, f))
		return FLOW_STAYED;
	share_overflow(s->now_ns);
	flow_noted(s->tag);
	if (bpf_map_update_elem(&flow_overflow, &s->key, &s->fl, BPF_ANY))
		return FLOW_STAYED;
	bpf_map_delete_elem(&flow_new, &s->key);
	s->in_overflow = 1;
	return FLOW_MOVED;
}

/* Notes that the entry was used. f: the entry in the map that the scratch names; it is invalid afterwards. An entry of
 * flow_new counts again in each window slot in which it is used, and moves to flow_overflow when its opener's share is
 * used up. Otherwise an opener that keeps its entries alive would have more and more of them. The scratch's fl is read
 * again if the entry moves. */
static __always_inline void flow_seen(struct scratch *s, struct vpc_flow *f)
{
	__u64 before_ns = READ_ONCE(f->last_seen_ns);

	WRITE_ONCE(f->last_seen_ns, s->now_ns);
	if (!s->in_flow && !s->in_overflow && window_slot(before_ns) != window_slot(s->now_ns) &&
	    !share_take_new(s->key.vpc, READ_ONCE(f->eni[0]), READ_ONCE(f->eni[1]), s->now_ns))
		flow_outgrow(SCRATCH_PACKET);
}

/* The steps of flow_flush(). They are functions of their own because its callers' stacks are nearly full. */

/* Ends all changes of the scratch's connection in its slot, and copies it to the scratch's fl. Returns the word that
 * flush_end() wants, or 0: it is in no slot. */
__noinline int flush_begin(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct vpc_flow *f = s ? young_find(&s->key, s->tag) : 0;

	__u32 word = f ? young_hold(s, f) : 0;

	/* A CPU that has changed the state may not have stored what follows from it. */
	if (word)
		flow_set_timeout(s);
	return (int)word;
}

/* Inserts the scratch's fl into `flow`, if there is room, else into flow_new or flow_overflow; in_flow and in_overflow
 * say into which. Returns enum flow_inserted. FLOW_NOT_INSERTED: it stays in its slot. */
__noinline int flush_insert(__u32 which)
{
	struct scratch *s = scratch_get(which);
	int rc;

	if (!s)
		return FLOW_NOT_INSERTED;
	s->in_flow = 1;
	if (s->fl.flags & VPC_FLOW_HALF_OPEN) {
		rc = flow_insert_fast_path(which);
		if (rc != FLOW_NOT_INSERTED)
			return rc;
	} else {
		rc = flow_keep(s);
		if (!rc || rc == -EEXIST)
			return rc ? FLOW_EXISTS : FLOW_INSERTED;
	}
	s->fl.tag = s->tag;
	s->fl.flags &= (__u8)~FLOW_COUNTED;
	rc = flow_insert_new(s, BPF_NOEXIST);
	return !rc ? FLOW_INSERTED : rc == -EEXIST ? FLOW_EXISTS : FLOW_NOT_INSERTED;
}

/* Makes the slot free. inserted: enum flow_inserted. If another CPU has done so after an insertion of its own, the
 * entry that this CPU inserted is one too many. The other's has been deleted or moved meanwhile; or it took the last of
 * a share, so that this CPU's is in another map. */
__noinline int flush_end(__u32 which, __u32 word, int inserted)
{
	struct scratch *s = scratch_get(which);
	struct vpc_young *y = s ? young_slot(s->tag) : 0;

	if (!y || young_end(&y->flow, word, inserted == FLOW_INSERTED) != YOUNG_ENDED_BEFORE ||
	    inserted != FLOW_INSERTED)
		return 0;
	if (s->in_flow)
		flow_leave(&s->key, s->tag, bpf_map_lookup_elem(&flow, &s->key));
	else if (s->in_overflow)
		bpf_map_delete_elem(&flow_overflow, &s->key);
	else
		bpf_map_delete_elem(&flow_new, &s->key);
	return 0;
}

__noinline int flow_flush(__u32 which)
{
	__u32 word = (__u32)flush_begin(which);
	int inserted;

	if (!word)
		return 0;
	inserted = flush_insert(which);
	if (inserted != FLOW_NOT_INSERTED)
		flush_end(which, word, inserted);
	return 0;
}

/* Moves the entry of the scratch's key from `flow` to flow_new. */
__noinline int flow_demote(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct vpc_flow *f;

	if (!s)
		return FLOW_STAYED;
	f = bpf_map_lookup_elem(&flow, &s->key);
	if (!f || !flow_copy(s, f) || !flow_may_move(&s->fl))
		return FLOW_STAYED;
	return flow_insert(which, 1) == PASS ? FLOW_MOVED : FLOW_STAYED;
}

#endif
