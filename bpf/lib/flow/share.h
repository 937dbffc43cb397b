/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the maps of flows are divided between VPCs, and between the ENIs of a VPC. README.md says it in words ("Shares").
 *
 * A flow counts to the ENI that opened it, and to that ENI's VPC. A flow that nobody local opened counts to the ENI
 * that answers it. `flow` is counted exactly; of `flow_new`, whose entries go without a word, what was put in or used
 * within the last window is counted.
 *
 * The rule is the same for both: a VPC may always have what is guaranteed to each. Beyond that it may take from a pool,
 * up to SHARE_PARTS times what is left there: so whoever comes later always finds something. An ENI may have up to
 * SHARE_ENI times what its VPC may still take but for a reserve.
 */
#ifndef BPF_LIB_SHARE_H
#define BPF_LIB_SHARE_H

#include "lib/core/state.h"

#define SHARE_SHIFT 3
#define SHARE_PARTS ((1 << SHARE_SHIFT) - 1) /* a lone VPC takes 7/8 of the pool */
#define SHARE_ENI   4
#define SHARE_FEW   16 /* an ENI has few with less than this part of what its VPC is guaranteed */
/* An ENI that answers as many as it may still answers those who have opened fewer than this part of it. */
#define SHARE_SMALL 16

/* Who opened a flow: an ENI, or somebody outside the VPC. Windows are kept by this. */
enum opened_by {
	OPENED_BY_ENI,
	OPENED_BY_OUTSIDE,
};

static __always_inline struct vpc_host_flows *share_host(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&host_flows, &zero);
}

/* How many more somebody may take who has `used`. Not more than 0: none. */
static __always_inline __s64 share_room(__s64 used, __s64 guaranteed, __s64 left)
{
	if (used < guaranteed)
		return guaranteed - used + ((left > 0 ? left * SHARE_PARTS : 0) >> SHARE_SHIFT);
	return (left * SHARE_PARTS - (used - guaranteed)) >> SHARE_SHIFT;
}

/* Whether an ENI that has `used` of its VPC's may have one more. Half of what the VPC is guaranteed is kept for ENIs
 * that have few: else each ENI that comes would find a part of what the one before has left. */
static __always_inline int share_eni_left(__s64 used, __s64 guaranteed, __s64 room)
{
	return room > 0 && (used * SHARE_FEW < guaranteed || used < (room - (guaranteed >> 1)) * SHARE_ENI);
}

/* --- windows: how many within the last VPC_WINDOW_SHIFT-th power of two of nanoseconds, about ----------------------
 */

static __always_inline __u32 window_slot(__u64 now_ns)
{
	return (__u32)(now_ns >> VPC_WINDOW_SHIFT);
}

/* What was counted in the slot of now, and of the one before the part that the window still covers. */
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
	/* Who loses the race isn't counted: one of a slot's first. */
	if (__sync_val_compare_and_swap(&w->now, newer, begun) == newer)
		WRITE_ONCE(w->before, newer);
}

/* --- `flow` --------------------------------------------------------------------------------------------------------
 */

/* What the share of a VPC is reckoned from. Looked up once for all that is asked of a packet. */
struct share {
	struct vpc_vpc_flows *space;
	struct vpc_host_flows *host;
};

/* Returns 0 if there is none: then nothing else may be asked. */
static __always_inline int share_find(struct share *f, __u32 space)
{
	f->space = bpf_map_lookup_elem(&vpc_flows, &space);
	f->host = share_host();
	return f->space && f->host;
}

/* An entry of `flow` comes (1) or goes (-1). */
static __always_inline void share_count(const struct share *f, __s64 by)
{
	__s64 guaranteed = READ_ONCE(f->host->flow_guaranteed), old = __sync_fetch_and_add(&f->space->total, by);

	if ((by > 0 ? old : old - 1) >= guaranteed)
		__sync_fetch_and_add(&f->host->pool_used, by);
}

/* The same, of one that is half open. */
static __always_inline void share_count_half_open(const struct share *f, __s64 by)
{
	share_count(f, by);
	__sync_fetch_and_add(&f->space->half_open, by);
}

/* A half-open entry is established. */
static __always_inline void share_half_open_over(__u32 space)
{
	struct vpc_vpc_flows *v = bpf_map_lookup_elem(&vpc_flows, &space);

	if (v)
		__sync_fetch_and_add(&v->half_open, -1);
}

/* How many more entries of `flow` the VPC may have. counted: how many of those it has are the one in question. */
static __always_inline __s64 share_flow_room(const struct share *f, __u32 counted)
{
	__s64 guaranteed = READ_ONCE(f->host->flow_guaranteed), used = READ_ONCE(f->space->total) - counted;
	__s64 left = (__s64)READ_ONCE(f->host->flow_pool) - READ_ONCE(f->host->pool_used);

	return share_room(used, guaranteed, left + (used >= guaranteed ? counted : 0));
}

/* Whether one more SYN may stand in `flow`, of a VPC that has this room. They leave twice as much room as they take: a
 * flood of SYNs by one ENI must not take what the others of its VPC need to be established. most: ctl.half_open_max. */
static __always_inline int share_half_open_left(const struct share *f, __s64 room, __u32 most)
{
	__s64 half_open = READ_ONCE(f->space->half_open);

	return half_open < (__s64)most && half_open * 2 < room;
}

/* Counts an established flow of a side: among those it opened, or among those it answers. A number that was given to
 * another ENI meanwhile has counts of its own. */
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

/* Whether ENI e, whose counts are n, may open one more, of a VPC that has this room. */
static __always_inline int share_left_opened(const struct share *f, __s64 room, const struct vpc_eni *e,
					     const struct vpc_eni_flows *n)
{
	__s64 opened = READ_ONCE(n->opened);

	return share_eni_left(opened, READ_ONCE(f->host->flow_guaranteed), room) &&
	       opened < (__s64)READ_ONCE(e->flow_budget);
}

/* Whether ENI e, whose counts are `mine`, may answer one more, which is opened by who has the counts n. */
static __always_inline int share_left_answered(const struct vpc_eni *e, const struct vpc_eni_flows *mine,
					       const struct vpc_eni_flows *n)
{
	__s64 most = READ_ONCE(e->flow_budget);

	return READ_ONCE(mine->answered) < most || READ_ONCE(n->opened) * SHARE_SMALL < most;
}

/* Whether there is room for one more established flow. The first two are indexes of the flow's sides. */
enum share_left {
	SHARE_OPENER_FULL,    /* refuse it: the opener, or its VPC, has what it may have */
	SHARE_RESPONDER_FULL, /* refuse it: the responder has */
	SHARE_LEFT,	      /* remember it */
};

/* The same between the two ENIs (0: not local). counted: 1 if the flow is an entry of `flow` already, half open. */
static __noinline enum share_left share_left(__u32 space, __u32 opener, __u32 responder, __u32 counted)
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

/* --- `flow_new` and `fragment` -------------------------------------------------------------------------------------
 */

/* The windows of a map, of which one more entry is asked for. */
struct share_windows {
	struct vpc_window *eni;	      /* who opened it, or sent it */
	struct vpc_window *space;     /* its VPC, within what is guaranteed; */
	struct vpc_window *from_pool; /* and beyond it: of the VPC, */
	struct vpc_window *pool_used; /* and of all VPCs */
	__s64 guaranteed;
	__s64 pool;
};

/* Counts an entry if it is within the share of who opened it. Returns whether. */
static __always_inline int share_take(const struct share_windows *w, enum opened_by who, __u64 now_ns)
{
	__s64 within = w->guaranteed - window_used(w->space, now_ns), room = within > 0 ? within : 0, left;

	/* What comes from outside has no part of the pool: who sends it can't be told apart. */
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

/* An entry that is to be put into flow_new, or is used there for the first time in a slot. opener: 0 if it is not
 * local; then it counts to the responder. */
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

/* An entry that is to be put into `fragment`. sender: an ENI of the VPC; 0: it comes from outside; then it counts to
 * the receiver. */
static __noinline int share_take_fragment(__u32 space, __u32 sender, __u32 receiver, __u64 now_ns)
{
	enum opened_by who = sender ? OPENED_BY_ENI : OPENED_BY_OUTSIDE;
	__u32 number = sender ? sender : receiver;
	struct vpc_vpc_fragments *v = bpf_map_lookup_elem(&vpc_fragments, &space);
	struct vpc_eni_fragments *n = bpf_map_lookup_elem(&eni_fragments, &number);
	struct vpc_host_flows *h = share_host();
	struct share_windows w;

	if (!v || !n || !h)
		return 0;
	w.eni = &n->sent[who];
	w.space = &v->sent[who];
	w.from_pool = &v->from_pool;
	w.pool_used = &h->fragment_pool_used;
	w.guaranteed = READ_ONCE(h->fragment_guaranteed);
	w.pool = READ_ONCE(h->fragment_pool);
	return share_take(&w, who, now_ns);
}

/* Whether flow_overflow may hold anything. */
static __always_inline int share_overflows(void)
{
	struct vpc_host_flows *h = share_host();

	return h && READ_ONCE(h->overflow_ns);
}

/* To be called before an entry is put into flow_overflow. */
static __always_inline void share_overflow(__u64 now_ns)
{
	struct vpc_host_flows *h = share_host();

	if (h && now_ns - READ_ONCE(h->overflow_ns) > NS_PER_S)
		WRITE_ONCE(h->overflow_ns, now_ns);
}

#endif
