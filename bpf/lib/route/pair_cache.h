/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this CPU has found out about the two addresses of an IPv4 packet, for the packets with the same addresses that
 * come within the same tick of the coarse clock (1 to 10 ms). A short connection is over before the flow cache and the
 * edge cache have its packets, but its addresses are those of the connection before.
 *
 * An entry holds in the tick in which it was made, and until the next commit of any kind. So nothing is found that was
 * not so a tick ago, and nothing that a commit has changed. It says only what depends on the addresses, the device and
 * the gateway alone. Ports, flows and rules are judged for each packet. A slot has one entry; a newer one replaces it.
 */
#ifndef BPF_LIB_ROUTE_PAIR_CACHE_H
#define BPF_LIB_ROUTE_PAIR_CACHE_H

#include "lib/route/gateway.h"

/* The program that asks, in pair_cache.asker. The ifindexes of two namespaces may be the same. */
#define PAIR_CACHE_LEAVES 1u /* from a workload: `found` is the gateway to which the route table leads */
#define PAIR_CACHE_ARRIVES                                                                                  \
	2u /* by an uplink: `found` is the ENI that has the destination. The route back is the gateway, and \
	    * the source is an address of nobody in the VPC */
#define PAIR_CACHE_WORLD 3u /* at an outer interface: the destination is the host's, and the source isn't forged */

struct pair_cache {
	__be32 src;
	__be32 dst;
	__u32 ifindex;
	__u32 asker;   /* PAIR_CACHE_…; 0: the slot is empty */
	__u32 gateway; /* by which the packet came in; 0: by none */
	__u32 found;
	__u64 epoch;
	__u64 now_ns;
};

#define PAIR_CACHE_SLOTS 256u
struct pair_caches {
	struct pair_cache slot[PAIR_CACHE_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pair_caches);
} pair_caches_of_cpu SEC(".maps");

static __always_inline struct pair_cache *pair_cache_slot(__u32 asker, __be32 src, __be32 dst)
{
	__u32 zero = 0;
	struct pair_caches *all = bpf_map_lookup_elem(&pair_caches_of_cpu, &zero);
	__u64 h = ((__u64)src << 32 | dst) * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 32 ^ asker) * 0xc4ceb9fe1a85ec53ull;
	return all ? &all->slot[h >> 56 & (PAIR_CACHE_SLOTS - 1)] : 0;
}

static __always_inline int pair_cache_is(const struct pair_cache *r, __u32 asker, __u32 ifindex, __be32 src, __be32 dst,
					 __u64 epoch, __u64 now_ns)
{
	return r && r->asker == asker && r->ifindex == ifindex && r->src == src && r->dst == dst && r->epoch == epoch &&
	       r->now_ns == now_ns;
}

/* The entry of the packet in the scratch, which came in by s->gateway unless it is about to leave; NULL: there is none
 * that holds. */
static __always_inline struct pair_cache *pair_cache_find(const struct scratch *s, __u32 asker, __u32 ifindex)
{
	const struct packet *p = &s->packet;
	struct pair_cache *r = p->family == 4 ? pair_cache_slot(asker, p->src[3], p->dst[3]) : 0;

	return pair_cache_is(r, asker, ifindex, p->src[3], p->dst[3], s->epoch, s->now_ns) &&
			       r->gateway == (asker == PAIR_CACHE_ARRIVES ? s->gateway : 0)
		       ? r
		       : 0;
}

/* Stores what was found out about the packet in the scratch, which is IPv4. dst: its destination as it came in. */
static __always_inline void pair_cache_note(const struct scratch *s, __u32 asker, __u32 ifindex, __be32 dst,
					    __u32 found)
{
	__be32 src = s->packet.src[3];
	struct pair_cache *r = pair_cache_slot(asker, src, dst);

	if (!r)
		return;
	r->src = src;
	r->dst = dst;
	r->ifindex = ifindex;
	r->asker = asker;
	r->gateway = asker == PAIR_CACHE_ARRIVES ? s->gateway : 0;
	r->found = found;
	r->epoch = s->epoch;
	r->now_ns = s->now_ns;
}

#endif
