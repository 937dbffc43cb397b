/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tag of a flow: a digest of its key, which the programs and vpcd compute alike. */
#ifndef VPC_ABI_FLOW_TAG_H
#define VPC_ABI_FLOW_TAG_H

#include <vpc/abi/abi.h>

#define VPC_FLOW_KEY_WORDS (sizeof(struct vpc_flow_key) / sizeof(__u32))

typedef __u32 __attribute__((__may_alias__)) vpc_flow_key_word;

/* Mixes two words of a key into the digest. They are read as halves: one load of what two stores have just written
 * would wait for both. */
static inline __attribute__((__always_inline__)) __u64 vpc_flow_tag_mix(__u64 h, const vpc_flow_key_word *w)
{
	h = (h ^ ((__u64)w[1] << 32 | w[0])) * 0xff51afd7ed558ccdull;
	return h ^ h >> 32;
}

/* The digest of a key; never 0. It has two independent chains, because each step of a chain waits for the one before.
 * Pinned entries contain it: another digest needs another VPC_ABI_VERSION, or no program would find its flows. */
static inline __attribute__((__always_inline__)) __u64 vpc_flow_tag(const struct vpc_flow_key *k)
{
	const vpc_flow_key_word *w = (const vpc_flow_key_word *)k;
	__u64 a = 0x9e3779b97f4a7c15ull, b = 0xc4ceb9fe1a85ec53ull;

	for (__u32 i = 0; i < VPC_FLOW_KEY_WORDS / 2; i += 2) {
		a = vpc_flow_tag_mix(a, w + i);
		b = vpc_flow_tag_mix(b, w + VPC_FLOW_KEY_WORDS / 2 + i);
	}
	a = (a + (b << 32 | b >> 32)) * 0xc4ceb9fe1a85ec53ull;
	return (a ^ a >> 32) | 1;
}

#endif
