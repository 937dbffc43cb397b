/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vpcd does to many flows at once, done here so that it is done by the same functions and against what the entry
 * is now, not what it was when vpcd read it.
 */
#ifndef BPF_LIB_SWEEP_H
#define BPF_LIB_SWEEP_H

#include "lib/judge.h"

/* Whether a side is an ENI that there is no more: the flow can't be used again, and only holds the other's budget. */
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
	struct vpc_flow *f = flow_lookup(s);

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

/* Ends an established flow early. What a CPU remembers of it lasts for a second, and the flow has been idle for longer:
 * nobody need be told, but those who might have looked it up just now. */
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

static __always_inline __u8 sweep_judge(struct scratch *s, struct vpc_flow *f, __u32 op, __u64 grace_until_ns)
{
	int rc;

	if (op == VPC_SWEEP_CUT) {
		flow_bury(s, f, s->epoch);
		event_flow(SCRATCH_SWEEP, VPC_EVENT_CUT);
		return VPC_SWEPT_DONE;
	}
	rc = judge_load_sides(SCRATCH_SWEEP);
	if (!rc)
		rc = judge_again(SCRATCH_SWEEP);
	if (rc <= 0 && rc != OPEN_NEW)
		return VPC_SWEPT_NOTHING;
	if (op == VPC_SWEEP_GRACE && READ_ONCE(f->tag) == s->tag)
		WRITE_ONCE(f->grace_until_ns, grace_until_ns);
	return VPC_SWEPT_DONE;
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
	s->tag = flow_tag(&s->key);
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
	f = flow_get(s);
	if (!f || s->fl.state == VPC_FLOW_TOMBSTONE)
		return 0;
	s->epoch = io->epoch;
	if (io->op == VPC_SWEEP_GRACE || io->op == VPC_SWEEP_REPORT || io->op == VPC_SWEEP_CUT)
		io->result[i] = sweep_judge(s, f, io->op, io->grace_until_ns);
	return 0;
}

static long sweep_step(__u32 i, void *ctx)
{
	(void)ctx;
	sweep_one(i);
	return 0;
}

#endif
