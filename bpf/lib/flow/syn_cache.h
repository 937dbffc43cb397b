/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SYN cache: each CPU stores which SYNs between two local ENIs it has allowed, whatever their source port. (No rule
 * has a source port.) The next connection of the same two ENIs to the same port looks up neither the owners of the
 * addresses nor the rules of two sets. A slot has one entry; a newer one replaces it.
 *
 * An entry says: ENI `me` has `src`, its peer has `dst`, and row[0] of me's groups and row[1] of the peer's allow `me`
 * to open a connection to the port. It holds while the slow path (open.h) would find the same: STAMP_SYN (stamp.h).
 */
#ifndef BPF_LIB_SYN_CACHE_H
#define BPF_LIB_SYN_CACHE_H

#include "lib/flow/cache.h"

struct syn_cache {
	__be32 src[4];
	__be32 dst[4];
	__u32 me; /* 0: the slot is empty */
	__u32 peer;
	struct stamp_side side[2]; /* side, and the fields below: index 0 is me, 1 is the peer */
	__u32 row[2];
	__u32 rule[2];
	__u64 epoch; /* the epoch of the judgement */
	__be16 dport;
	__u16 pad[3];
};
_Static_assert(sizeof(struct syn_cache) == 88, "syn_cache");

#define SYN_CACHE_SLOTS 512u
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYN_CACHE_SLOTS);
	__type(key, __u32);
	__type(value, struct syn_cache);
} syn_cache_of_cpu SEC(".maps");

/* The slot of this tuple. src, dst: of IPv6, digests. */
static __always_inline struct syn_cache *syn_cache_slot(__u32 src, __u32 dst, __be16 dport, __u32 me)
{
	__u32 slot = (__u32)(flow_cache_hash(src, dst, dport, me) >> 48) & (SYN_CACHE_SLOTS - 1);

	return bpf_map_lookup_elem(&syn_cache_of_cpu, &slot);
}

/* Stores the SYN in the scratch, which was allowed. */
static __always_inline void syn_cache_note(struct scratch *s)
{
	const struct packet *p = &s->packet;
	struct syn_cache *o;

	if (!s->side[0].eni || !s->side[1].eni || s->side[0].eni != s->me || !s->end[0].owns)
		return;
	o = p->family == 4 ? syn_cache_slot(p->src[3], p->dst[3], p->dport, s->me)
			   : syn_cache_slot(address_digest6(p->src), address_digest6(p->dst), p->dport, s->me);
	if (!o)
		return;
	__builtin_memcpy(o->src, p->src, 16);
	__builtin_memcpy(o->dst, p->dst, 16);
	o->me = s->me;
	o->peer = s->side[1].eni;
	for (__u32 i = 0; i < 2; i++) {
		o->side[i].incarnation = s->side[i].incarnation;
		o->side[i].set = s->side[i].set;
		o->row[i] = s->rows[i];
		o->rule[i] = s->rules[i];
	}
	o->epoch = s->epoch;
	o->dport = p->dport;
}

#endif
