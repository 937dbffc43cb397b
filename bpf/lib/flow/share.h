/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the maps of flows and fragments are divided between VPCs, and between the ENIs of a VPC. README.md explains it
 * ("Shares").
 *
 * A flow counts to the ENI that opened it, and to that ENI's VPC. A flow that was opened from outside counts to the ENI
 * that answers it. The entries of `flow` are counted exactly. The entries of flow_new disappear without notice, so what
 * is counted is how many were inserted or used within the last window.
 *
 * The rule is the same for both maps. A VPC may always have the guaranteed number. Beyond that it may take from a pool,
 * up to SHARE_PARTS times what is left in it, so that a later VPC always finds something. An ENI may have up to
 * SHARE_ENI times what its VPC may still take, less a reserve.
 */
#ifndef BPF_LIB_SHARE_H
#define BPF_LIB_SHARE_H

#include "lib/core/state.h"

#define SHARE_SHIFT 3
#define SHARE_PARTS ((1 << SHARE_SHIFT) - 1) /* one VPC alone takes 7/8 of the pool */
#define SHARE_ENI   4
#define SHARE_FEW   16 /* an ENI has few flows with less than this part of its VPC's guaranteed number */
/* An ENI that answers as many flows as it may still answers an opener that has fewer than this part of that number. */
#define SHARE_SMALL 16

/* Who opened a flow: an ENI, or somebody outside the VPC. It is the index of a window. */
enum opened_by {
	OPENED_BY_ENI,
	OPENED_BY_OUTSIDE,
};

static __always_inline struct vpc_host_flows *share_host(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&host_flows, &zero);
}

/* Returns how many more entries somebody may take who has `used`; 0 or less: none. */
static __always_inline __s64 share_room(__s64 used, __s64 guaranteed, __s64 left)
{
	if (used < guaranteed)
		return guaranteed - used + ((left > 0 ? left * SHARE_PARTS : 0) >> SHARE_SHIFT);
	return (left * SHARE_PARTS - (used - guaranteed)) >> SHARE_SHIFT;
}

/* Whether an ENI that has `used` of its VPC's entries may have one more. Half of the VPC's guaranteed number is kept
 * for ENIs that have few. Without it, each new ENI would find only a part of what the one before has left. */
static __always_inline int share_eni_left(__s64 used, __s64 guaranteed, __s64 room)
{
	return room > 0 && (used * SHARE_FEW < guaranteed || used < (room - (guaranteed >> 1)) * SHARE_ENI);
}

/* --- windows: how many within the last VPC_WINDOW_SHIFT-th power of two of nanoseconds, about ------------------- */

static __always_inline __u32 window_slot(__u64 now_ns)
{
	return (__u32)(now_ns >> VPC_WINDOW_SHIFT);
}

/* Returns the count of the current slot, and of the slot before it the part that the window still covers. */
static __always_inline __s64 window_used(const struct vpc_window *w, __u64 now_ns)
{
	__u64 newer = READ_ONCE(w->now), older = READ_ONCE(w->before);
	__u32 slot = window_slot(now_ns), left = 256 - ((__u32)(now_ns >> (VPC_WINDOW_SHIFT - 8)) & 255);

	if ((__u32)(newer >> 32) != slot) {
		older = newer;
		newer = 0;
	}
	if ((__u32)(older >> 32) != slot - 1)
		older = 0;
	return (__s64)((newer & 0xffffffff) + ((older & 0xffffffff) * left >> 8));
}

static __always_inline void window_add(struct vpc_window *w, __u64 now_ns)
{
	__u64 newer = READ_ONCE(w->now), begun = (__u64)window_slot(now_ns) << 32 | 1;

	if (newer >> 32 == begun >> 32) {
		__sync_fetch_and_add(&w->now, 1);
		return;
	}
	/* The loser of the race isn't counted. It is one of the first in a slot. */
	if (__sync_val_compare_and_swap(&w->now, newer, begun) == newer)
		WRITE_ONCE(w->before, newer);
}

/* --- `flow` ----------------------------------------------------------------------------------------------------- */

/* The counters of a VPC's share, which are looked up once per packet. */
struct share {
	struct vpc_vpc_flows *space;
	struct vpc_host_flows *host;
};

/* Returns 0 if the VPC has none: no other function may be called then. */
static __always_inline int share_find(struct share *f, __u32 space)
{
	f->space = bpf_map_lookup_elem(&vpc_flows, &space);
	f->host = share_host();
	return f->space && f->host;
}

/* Counts an entry of `flow`: by is 1 for a new one, -1 for a deleted one. */
static __always_inline void share_count(const struct share *f, __s64 by)
{
	__s64 guaranteed = READ_ONCE(f->host->flow_guaranteed), old = __sync_fetch_and_add(&f->space->total, by);

	if ((by > 0 ? old : old - 1) >= guaranteed)
		__sync_fetch_and_add(&f->host->pool_used, by);
}

/* Counts a half-open entry likewise. */
static __always_inline void share_count_half_open(const struct share *f, __s64 by)
{
	share_count(f, by);
	__sync_fetch_and_add(&f->space->half_open, by);
}

/* Counts that a half-open entry is established. */
static __always_inline void share_half_open_over(__u32 space)
{
	struct vpc_vpc_flows *v = bpf_map_lookup_elem(&vpc_flows, &space);

	if (v)
		__sync_fetch_and_add(&v->half_open, -1);
}

/* Returns how many more entries of `flow` the VPC may have. counted: 1 if the entry in question is among those that it
 * has, else 0. */
static __always_inline __s64 share_flow_room(const struct share *f, __u32 counted)
{
	__s64 guaranteed = READ_ONCE(f->host->flow_guaranteed), used = READ_ONCE(f->space->total) - counted;
	__s64 left = (__s64)READ_ONCE(f->host->flow_pool) - READ_ONCE(f->host->pool_used);

	return share_room(used, guaranteed, left + (used >= guaranteed ? counted : 0));
}

/* Whether the VPC may have one more half-open entry in `flow`. room: what share_flow_room() returned. most:
 * ctl.half_open_max. Half-open entries leave twice as much room as they take: a SYN flood by one ENI must not take what
 * the VPC's other ENIs need to establish connections. */
static __always_inline int share_half_open_left(const struct share *f, __s64 room, __u32 most)
{
	__s64 half_open = READ_ONCE(f->space->half_open);

	return half_open < (__s64)most && half_open * 2 < room;
}

/* Counts an established flow at one of its sides: among those that the ENI opened, or those that it answers. It doesn't
 * count when the number has been given to another ENI, which has counts of its own. */
static __always_inline void share_count_eni(__u32 number, __u32 incarnation, int opened, __s64 by)
{
	struct vpc_eni_flows *n;
	struct vpc_eni *e;

	if (!number)
		return;
	e = eni_get(number);
	n = bpf_map_lookup_elem(&eni_flows, &number);
	if (e && n && READ_ONCE(e->incarnation) == incarnation)
		__sync_fetch_and_add(opened ? &n->opened : &n->answered, by);
}

/* Whether ENI e, whose counts are n, may open one more flow. room: what its VPC may still have. */
static __always_inline int share_left_opened(const struct share *f, __s64 room, const struct vpc_eni *e,
					     const struct vpc_eni_flows *n)
{
	__s64 opened = READ_ONCE(n->opened);

	return share_eni_left(opened, READ_ONCE(f->host->flow_guaranteed), room) &&
	       opened < (__s64)READ_ONCE(e->flow_budget);
}

/* Whether ENI e, whose counts are `mine`, may answer one more flow. n: the counts of its opener. */
static __always_inline int share_left_answered(const struct vpc_eni *e, const struct vpc_eni_flows *mine,
					       const struct vpc_eni_flows *n)
{
	__s64 most = READ_ONCE(e->flow_budget);

	return READ_ONCE(mine->answered) < most || READ_ONCE(n->opened) * SHARE_SMALL < most;
}

/* Whether there is room for one more established flow. The first two values are also indexes of the flow's sides. */
enum share_left {
	SHARE_OPENER_FULL,    /* refuse the flow: the opener or its VPC has what it may have */
	SHARE_RESPONDER_FULL, /* refuse the flow: the responder has what it may have */
	SHARE_LEFT,	      /* store the flow */
};

/* Whether there is room for one more established flow between the two ENIs (0: not local). counted: 1 if the flow is a
 * half-open entry of `flow` already. Returns enum share_left. */
__noinline int share_left(__u32 space, __u32 opener, __u32 responder, __u32 counted)
{
	enum share_left full = opener ? SHARE_OPENER_FULL : SHARE_RESPONDER_FULL;
	__u32 number = opener ? opener : responder;
	struct vpc_eni *e = eni_get(number);
	struct vpc_eni_flows *n = bpf_map_lookup_elem(&eni_flows, &number), *mine;
	struct share f;

	if (!share_find(&f, space) || !e || !n || !share_left_opened(&f, share_flow_room(&f, counted), e, n))
		return full;
	if (!opener || !responder)
		return SHARE_LEFT;
	e = eni_get(responder);
	mine = bpf_map_lookup_elem(&eni_flows, &responder);
	return e && mine && share_left_answered(e, mine, n) ? SHARE_LEFT : SHARE_RESPONDER_FULL;
}

/* --- `flow_new`, `fragment` and nat_fragment -------------------------------------------------------------------- */

/* The windows of a map in which one more entry is to be counted. */
struct share_windows {
	struct vpc_window *eni;	      /* of the ENI that opened the flow or sent the fragment */
	struct vpc_window *space;     /* of its VPC, within the guaranteed number */
	struct vpc_window *from_pool; /* of its VPC, beyond that */
	struct vpc_window *pool_used; /* of all VPCs, beyond that */
	__s64 guaranteed;
	__s64 pool;
};

/* Counts an entry if it is within the share of its opener. Returns 1 if it is, else 0. */
static __always_inline int share_take(const struct share_windows *w, enum opened_by who, __u64 now_ns)
{
	__s64 within = w->guaranteed - window_used(w->space, now_ns), room = within > 0 ? within : 0, left;

	/* Flows that are opened from outside get nothing from the pool: their openers can't be told apart. */
	if (who == OPENED_BY_ENI) {
		left = w->pool - window_used(w->pool_used, now_ns);
		left = (left * SHARE_PARTS - window_used(w->from_pool, now_ns)) >> SHARE_SHIFT;
		room += left > 0 ? left : 0;
	}
	if (!share_eni_left(window_used(w->eni, now_ns), w->guaranteed, room))
		return 0;
	window_add(w->eni, now_ns);
	if (within > 0 || who == OPENED_BY_OUTSIDE) {
		window_add(w->space, now_ns);
	} else {
		window_add(w->from_pool, now_ns);
		window_add(w->pool_used, now_ns);
	}
	return 1;
}

/* Counts an entry that is to be inserted into flow_new, or that is used there for the first time in a slot. opener: 0
 * if it is not local; the entry counts to the responder then. Returns 0 if it is beyond the share. */
static __noinline int share_take_new(__u32 space, __u32 opener, __u32 responder, __u64 now_ns)
{
	enum opened_by who = opener ? OPENED_BY_ENI : OPENED_BY_OUTSIDE;
	__u32 number = opener ? opener : responder;
	struct vpc_vpc_flows *v = bpf_map_lookup_elem(&vpc_flows, &space);
	struct vpc_eni_flows *n = bpf_map_lookup_elem(&eni_flows, &number);
	struct vpc_host_flows *h = share_host();
	struct share_windows w;

	if (!v || !n || !h)
		return 0;
	w.eni = &n->unconfirmed[who];
	w.space = &v->unconfirmed[who];
	w.from_pool = &v->from_pool;
	w.pool_used = &h->new_pool_used;
	w.guaranteed = READ_ONCE(h->new_guaranteed);
	w.pool = READ_ONCE(h->new_pool);
	return share_take(&w, who, now_ns);
}

/* Counts an entry that is to be inserted into `fragment`, or into nat_fragment if translated is 1. sender: an ENI of
 * the VPC; 0: it comes from outside, and the entry counts to the receiver. Returns 0 if it is beyond the share. */
static __noinline int share_take_fragment(__u32 space, __u32 sender, __u32 receiver, __u64 now_ns, __u32 translated)
{
	enum opened_by who = sender ? OPENED_BY_ENI : OPENED_BY_OUTSIDE;
	__u32 number = sender ? sender : receiver;
	struct vpc_vpc_fragments *v = bpf_map_lookup_elem(&vpc_fragments, &space);
	struct vpc_eni_fragments *n = bpf_map_lookup_elem(&eni_fragments, &number);
	struct vpc_host_flows *h = share_host();
	struct share_windows w;

	if (!v || !n || !h)
		return 0;
	w.eni = translated ? &n->translated[who] : &n->sent[who];
	w.space = translated ? &v->translated[who] : &v->sent[who];
	w.from_pool = translated ? &v->translated_from_pool : &v->from_pool;
	w.pool_used = translated ? &h->translated_pool_used : &h->fragment_pool_used;
	w.guaranteed = READ_ONCE(h->fragment_guaranteed);
	w.pool = READ_ONCE(h->fragment_pool);
	return share_take(&w, who, now_ns);
}

/* Whether flow_overflow may have entries. */
static __always_inline int share_overflows(void)
{
	struct vpc_host_flows *h = share_host();

	return h && READ_ONCE(h->overflow_ns);
}

/* Notes that an entry is put into flow_overflow. It must be called before that. */
static __always_inline void share_overflow(__u64 now_ns)
{
	struct vpc_host_flows *h = share_host();

	if (h && now_ns - READ_ONCE(h->overflow_ns) > NS_PER_S)
		WRITE_ONCE(h->overflow_ns, now_ns);
}

#endif
