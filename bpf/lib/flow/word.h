/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The word of a flow's entry that says its state. */
#ifndef BPF_LIB_FLOW_WORD_H
#define BPF_LIB_FLOW_WORD_H

#include "lib/core/base.h"

/* The word that is changed at once: state, flags, opener and icmp_type. */
union flow_word {
	__u32 word;
	struct {
		__u8 state;
		__u8 flags;
		__u8 opener;
		__u8 icmp_type;
	};
};
_Static_assert(__builtin_offsetof(struct vpc_flow, state) % 4 == 0 &&
		       __builtin_offsetof(struct vpc_flow, icmp_type) == __builtin_offsetof(struct vpc_flow, state) + 3,
	       "the word of the flow's state");

static __always_inline u32_alias *flow_word(struct vpc_flow *f)
{
	return (u32_alias *)&f->state;
}

#endif
