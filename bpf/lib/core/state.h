/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers of state that has an epoch: rows with a birth and a death, versioned values, and the rows of ENIs. */
#ifndef BPF_LIB_STATE_H
#define BPF_LIB_STATE_H

#include "lib/core/base.h"

/* Reads the epoch by which everything that follows is judged, into s->epoch. */
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

/* Returns the value (24 bits) that is in force at the epoch, or AGAIN when both slots are newer. */
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

/* Returns the row of ENI `number`, or NULL when there is no such ENI. */
static __always_inline struct vpc_eni *eni_get(__u32 number)
{
	struct vpc_eni *e = bpf_map_lookup_elem(&eni, &number);

	if (!e || !READ_ONCE(e->vpc) || !READ_ONCE(e->incarnation))
		return 0;
	return e;
}

#endif
