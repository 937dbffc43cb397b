/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vpcd does to many flows at once: expiry, graces, cuts. A program does it, so that the same functions judge, and
 * judge the entry as it is rather than as vpcd has read it.
 */
#ifndef BPF_LIB_SWEEP_H
#define BPF_LIB_SWEEP_H

#include "lib/flow/flow.h"
#include "lib/rules/judge.h"

/* Whether one of the sides is an ENI that no longer exists. No packet can use the flow then, and it only takes a part
 * of the other side's budget. */
static __always_inline int sweep_is_orphan(const struct vpc_flow *f)
{
	for (__u32 i = 0; i < 2; i++) {
		__u32 number = READ_ONCE(f->eni[i]);
		struct vpc_eni *e = number ? eni_get(number) : 0;

		if (number && (!e || READ_ONCE(e->incarnation) != READ_ONCE(f->incarnation[i])))
			return 1;
	}
	return 0;
}

static __always_inline __u8 sweep_expire(struct scratch *s)
{
	struct vpc_flow *f = flow_find(s, SCRATCH_SWEEP);

	if (!f || (!flow_expired(f, s->now_ns) && !sweep_is_orphan(f)))
		return VPC_SWEPT_NOTHING;
	if (s->in_flow)
		flow_leave(&s->key, s->tag, f);
	else if (s->in_overflow)
		bpf_map_delete_elem(&flow_overflow, &s->key);
	else
		bpf_map_delete_elem(&flow_new, &s->key);
	return VPC_SWEPT_DONE;
}

/* Ends an established flow before its timeout. Caches hold their entries for a second, and the flow has been idle for
 * longer. So only a CPU that looked the flow up just now must be told. */
static __always_inline __u8 sweep_end(struct scratch *s)
{
	struct vpc_flow *f = bpf_map_lookup_elem(&flow, &s->key);

	if (!f || READ_ONCE(f->tag) != s->tag || !(READ_ONCE(f->flags) & VPC_FLOW_BUDGETED) ||
	    (__s64)(s->now_ns - READ_ONCE(f->last_seen_ns)) < (__s64)(VPC_SWEEP_END_IDLE_S * NS_PER_S))
		return VPC_SWEPT_NOTHING;
	flow_leave(&s->key, s->tag, f);
	version_raise(&s->barrier, s->tag);
	return VPC_SWEPT_DONE;
}

/* A mask of the sides of a flow that the rules of an epoch don't allow. */
enum sweep_side {
	SWEEP_OPENER = 1,    /* spare the flow only if the opener has a grace */
	SWEEP_RESPONDER = 2, /* spare the flow only if the responder has a grace */
	SWEEP_GONE = 4,	     /* set alone: a side is another ENI, has no groups or has lost the address. No grace
			      * spares the flow. */
};

/* Returns the sides of the scratch's fl that fail at the epoch: enum sweep_side. */
static __always_inline __u32 sweep_failing(struct scratch *s, __u64 epoch)
{
	s->epoch = epoch;
	if (judge_load_sides(SCRATCH_SWEEP))
		return SWEEP_GONE;
	s->spare = SWEEP_OPENER | SWEEP_RESPONDER;
	return judge_again(SCRATCH_SWEEP) ? SWEEP_GONE : s->spared & (SWEEP_OPENER | SWEEP_RESPONDER);
}

static __always_inline void sweep_write_grace(struct scratch *s, struct vpc_flow *f, __u32 opener, __u32 responder)
{
	if (READ_ONCE(f->tag) != s->tag)
		return;
	WRITE_ONCE(f->grace_until[0], opener);
	WRITE_ONCE(f->grace_until[1], responder);
}

/* Gives a flow that was allowed at io's epoch - 1 a grace at io's epoch. The rules before may still be in force. So a
 * side that passes by its grace alone keeps it, even if the new rules will allow it. */
static __always_inline __u8 sweep_grace(struct scratch *s, struct vpc_flow *f, const struct vpc_sweep *io, __u32 live)
{
	__u32 before = sweep_failing(s, io->epoch - 1), after, until[2];

	if (before & ~live) /* live never has SWEEP_GONE */
		return VPC_SWEPT_NOTHING;
	after = sweep_failing(s, io->epoch);
	if (after == SWEEP_GONE)
		return VPC_SWEPT_NOTHING;
	until[0] = before & SWEEP_OPENER ? s->fl.grace_until[0] : after & SWEEP_OPENER ? io->grace_until : 0;
	until[1] = before & SWEEP_RESPONDER ? s->fl.grace_until[1] : after & SWEEP_RESPONDER ? io->grace_until : 0;
	sweep_write_grace(s, f, until[0], until[1]);
	return until[0] | until[1] ? VPC_SWEPT_DONE : VPC_SWEPT_NOTHING;
}

/* Gives a grace after io's epoch came into force, and before gen_revoke says so. A flow that stamp_holds() lets pass
 * was allowed at the epoch before. */
static __always_inline __u8 sweep_late(struct scratch *s, struct vpc_flow *f, const struct vpc_sweep *io, __u32 live)
{
	__u32 after;

	if (live)
		return VPC_SWEPT_DONE;
	after = sweep_failing(s, io->epoch);
	if (!after || after == SWEEP_GONE || !stamp_holds(&s->stamp, STAMP_ALLOWED, s->fl.epoch, 0))
		return VPC_SWEPT_NOTHING;
	sweep_write_grace(s, f, after & SWEEP_OPENER ? io->grace_until : 0,
			  after & SWEEP_RESPONDER ? io->grace_until : 0);
	return VPC_SWEPT_DONE;
}

static __always_inline __u8 sweep_confirm(struct scratch *s, struct vpc_flow *f, const struct vpc_sweep *io, __u32 live)
{
	__u32 before = sweep_failing(s, io->epoch - 1), left;

	left = before == SWEEP_GONE ? 0 : before & live;
	sweep_write_grace(s, f, left & SWEEP_OPENER ? s->fl.grace_until[0] : 0,
			  left & SWEEP_RESPONDER ? s->fl.grace_until[1] : 0);
	return left ? VPC_SWEPT_DONE : VPC_SWEPT_NOTHING;
}

static __always_inline __u8 sweep_unspare(struct scratch *s, struct vpc_flow *f, const struct vpc_sweep *io, __u32 live)
{
	__u32 before = sweep_failing(s, io->epoch - 1);

	sweep_write_grace(s, f, 0, 0);
	return before && !(before & ~live) ? VPC_SWEPT_DONE : VPC_SWEPT_NOTHING;
}

/* A grace spares a flow from rules. It doesn't outlast the address: who gets it back begins without one. */
static __always_inline __u8 sweep_address(struct scratch *s, struct vpc_flow *f, const struct vpc_sweep *io, __u32 live)
{
	if (sweep_failing(s, io->epoch) != SWEEP_GONE)
		return live ? VPC_SWEPT_DONE : VPC_SWEPT_NOTHING;
	return sweep_unspare(s, f, io, live) == VPC_SWEPT_DONE ? VPC_SWEPT_ENDED : VPC_SWEPT_NOTHING;
}

static __always_inline __u8 sweep_report(struct scratch *s, const struct vpc_sweep *io, __u32 live)
{
	if (io->op == VPC_SWEEP_REPORT && (sweep_failing(s, io->epoch - 1) & ~live))
		return VPC_SWEPT_NOTHING;
	return sweep_failing(s, io->epoch) & ~live ? VPC_SWEPT_DONE : VPC_SWEPT_NOTHING;
}

static __always_inline __u8 sweep_judge(struct scratch *s, struct vpc_flow *f, const struct vpc_sweep *io)
{
	__u32 live = flow_graces(&s->fl, s->now_ns);

	switch (io->op) {
	case VPC_SWEEP_GRACE:
		return sweep_grace(s, f, io, live);
	case VPC_SWEEP_LATE:
		return sweep_late(s, f, io, live);
	case VPC_SWEEP_CONFIRM:
		return sweep_confirm(s, f, io, live);
	case VPC_SWEEP_UNSPARE:
		return sweep_unspare(s, f, io, live);
	case VPC_SWEEP_ADDRESS:
		return sweep_address(s, f, io, live);
	case VPC_SWEEP_REPORT:
	case VPC_SWEEP_FAILS:
		return sweep_report(s, io, live);
	case VPC_SWEEP_CUT:
		s->epoch = io->epoch;
		flow_tombstone(s, f, s->epoch);
		event_flow(SCRATCH_SWEEP, VPC_EVENT_CUT);
		return VPC_SWEPT_DONE;
	default:
		return VPC_SWEPT_NOTHING;
	}
}

__noinline int sweep_one(__u32 i)
{
	struct scratch *s = scratch_get(SCRATCH_SWEEP);
	__u32 zero = 0;
	struct vpc_sweep *io = bpf_map_lookup_elem(&sweep_io, &zero);
	struct vpc_flow *f;

	if (!s || !io || i >= VPC_SWEEP_MAX)
		return 0;
	__builtin_memcpy(&s->key, &io->key[i], sizeof(s->key));
	s->tag = vpc_flow_tag(&s->key);
	s->vpc = s->key.vpc;
	s->now_ns = io->now_ns;
	s->length = 0;
	io->result[i] = VPC_SWEPT_NOTHING;
	if (io->op == VPC_SWEEP_EXPIRE) {
		io->result[i] = sweep_expire(s);
		return 0;
	}
	if (io->op == VPC_SWEEP_END) {
		io->result[i] = sweep_end(s);
		return 0;
	}
	f = flow_get(s, SCRATCH_SWEEP);
	if (!f)
		return 0;
	if (s->fl.state == VPC_FLOW_TOMBSTONE) {
		/* a packet cut the flow before vpcd asked which flows are cut */
		if ((io->op == VPC_SWEEP_REPORT || io->op == VPC_SWEEP_FAILS) && s->fl.epoch == io->epoch)
			io->result[i] = VPC_SWEPT_DONE;
		return 0;
	}
	io->result[i] = sweep_judge(s, f, io);
	return 0;
}

static long sweep_step(__u32 i, void *ctx)
{
	(void)ctx;
	sweep_one(i);
	return 0;
}

#endif
