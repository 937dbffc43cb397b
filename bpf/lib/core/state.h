/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading what has an epoch: rows with a birth and a death, versioned values, and the ENIs that are sides of a flow.
 */
#ifndef BPF_LIB_STATE_H
#define BPF_LIB_STATE_H

#include "lib/core/base.h"

/* Reads the epoch by which everything that follows is judged. */
static __always_inline void state_begin(struct scratch *s)
{
	__u32 zero = 0;
	struct vpc_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	s->epoch = c ? READ_ONCE(c->epoch) : 0;
	barrier_order(&s->barrier);
}

static __always_inline int row_visible(__u64 born, __u64 died, __u64 epoch)
{
	return born <= epoch && epoch < died;
}

/* The value in force at epoch, or AGAIN when both slots are newer. Values have 24 bits. */
static __always_inline int versioned_read(const struct vpc_versioned *v, __u64 epoch)
{
	__u64 a = READ_ONCE(v->slot[0]), b = READ_ONCE(v->slot[1]);
	__u64 epoch_a = a >> VPC_VERSIONED_SHIFT, epoch_b = b >> VPC_VERSIONED_SHIFT;

	if (epoch_a <= epoch && (epoch_b > epoch || epoch_a >= epoch_b))
		return (int)(a & VPC_VERSIONED_VALUE_MASK);
	if (epoch_b <= epoch)
		return (int)(b & VPC_VERSIONED_VALUE_MASK);
	return AGAIN;
}

/* The row of a number that is an ENI now, else NULL. */
static __always_inline struct vpc_eni *eni_get(__u32 number)
{
	struct vpc_eni *e = bpf_map_lookup_elem(&eni, &number);

	if (!e || !READ_ONCE(e->vpc) || !READ_ONCE(e->incarnation))
		return 0;
	return e;
}

/*
 * Fills side i with ENI `number` as it is at the epoch, and raises the generations. incarnation: what it must be; 0:
 * any. owns: its groups count for the other side. Returns PASS, AGAIN, or NOT_READY: not this ENI any more, or no
 * groups.
 */
static __always_inline int side_load(struct scratch *s, __u32 i, __u32 number, __u32 incarnation, __u32 owns)
{
	struct side *side = &s->side[i & 1];
	struct vpc_eni *e = eni_get(number);
	struct vpc_set *groups;
	__u64 gen;
	int in_force;
	__u32 n;

	side->eni = number;
	side->set = 0;
	side->member = 0;
	if (!e || e->vpc != s->vpc)
		return VPC_DROP_NOT_READY;
	side->incarnation = READ_ONCE(e->incarnation);
	if (incarnation && side->incarnation != incarnation)
		return VPC_DROP_NOT_READY;
	in_force = versioned_read(&e->set, s->epoch);
	if (in_force < 0)
		return AGAIN;
	n = (__u32)in_force;
	groups = n ? bpf_map_lookup_elem(&set, &n) : 0;
	if (!groups)
		return VPC_DROP_NOT_READY;
	side->set = n;
	side->member = owns ? n : 0;
	gen = READ_ONCE(e->gen_revoke);
	if (gen > s->gen_revoke)
		s->gen_revoke = gen;
	gen = READ_ONCE(groups->gen_revoke);
	if (gen > s->gen_revoke)
		s->gen_revoke = gen;
	gen = READ_ONCE(e->gen_any);
	if (gen > s->gen_any)
		s->gen_any = gen;
	gen = READ_ONCE(groups->gen_any);
	if (gen > s->gen_any)
		s->gen_any = gen;
	return PASS;
}

static __always_inline void sides_clear(struct scratch *s)
{
	__builtin_memset(s->side, 0, sizeof(s->side));
	s->gen_revoke = 0;
	s->gen_any = 0;
	s->spare = 0;
}

#endif
