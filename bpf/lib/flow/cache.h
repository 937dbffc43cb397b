/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow cache: each CPU stores the tuples of packets that it has let through, so that the next packet that changes
 * nothing needs no lookup in a hash. A slot has one entry; a newer one replaces it.
 *
 * An entry says: a packet with this tuple that enters at ENI `me` and has none of SYN, FIN and RST is allowed. It holds
 * while everything that the slow path (track.h) would look at is the same:
 *
 *  - the flow's entry: flow_version is what it was before the entry was read. Whoever changes the flow's state raises
 *    flow_version afterwards (flow.h)
 *  - the judgement: stamp_cached_holds() of both sides, as STAMP_PACKET (stamp.h)
 *  - the idle time: the slow path writes last_seen_ns once a second. `until` is one second after that. An
 *    entry holds within the second before `until` only, because it may outlive its flow for as long as nothing else
 *    needs the slot
 *
 * The cache is per CPU, and the programs that use it don't interrupt one another on a CPU. So no entry is read half
 * written.
 */
#ifndef BPF_LIB_FLOW_CACHE_H
#define BPF_LIB_FLOW_CACHE_H

#include "lib/core/address.h"

struct flow_cache {
	__be32 src; /* IPv6: digests; the addresses are below */
	__be32 dst;
	__u32 ports; /* as in the packet: source, then destination */
	__u32 me;
	__u32 peer; /* the local ENI that has the destination and was judged too; 0: none */
	/* Of a packet that came by an uplink, `set` is its scratch.gateway. If it came by a peering, `incarnation` is
	 * its scratch.peer. The same of a packet that leaves the VPC. */
	struct stamp_side my_side;
	struct stamp_side peer_side;
	__u32 version;
	__u16 version_at;
	__u8 proto;
	__u8 family;  /* 4 or 6; 0: the slot is empty */
	__u32 until;  /* flow_cache_time() */
	__u64 judged; /* the epoch of the flow's judgement */
	__u64 noted;  /* the epoch of the packet that was stored */
	__be32 src6[4];
	__be32 dst6[4];
};
_Static_assert(sizeof(struct flow_cache) == 96 && __builtin_offsetof(struct flow_cache, src6) == 64,
	       "one line for IPv4");

#define FLOW_CACHE_SLOTS 2048u
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FLOW_CACHE_SLOTS);
	__type(key, __u32);
	__type(value, struct flow_cache);
} flow_cache_of_cpu SEC(".maps");

/* A digest (mark) of each slot's entry, all within a few cache lines. The first packets of a connection find nothing in
 * the cache. Reading the entry itself would cost them a cache line that nothing else needs, which is more than the
 * cache saves. */
struct flow_cache_marks {
	__u8 mark[FLOW_CACHE_SLOTS];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_cache_marks);
} flow_cache_marks_of_cpu SEC(".maps");

/* Time is counted in units of 67 ms, and repeats after nine years. A second has FLOW_CACHE_UNITS of them; the last one
 * is rounded up. */
#define FLOW_CACHE_UNITS 15u
static __always_inline __u32 flow_cache_time(__u64 ns)
{
	return (__u32)(ns >> 26);
}

/* A multiplication carries upwards only. So what the last bytes of the ports, which are highest, have changed is folded
 * down before the last multiplication. Slot and mark are taken from the top bits. */
static __always_inline __u64 flow_cache_hash(__u32 src, __u32 dst, __u32 ports, __u32 me)
{
	__u64 h = ((__u64)src << 32 | dst) * 0x9e3779b97f4a7c15ull;

	h ^= ((__u64)ports << 32 | me) * 0xff51afd7ed558ccdull;
	h ^= h >> 32;
	return h * 0xc4ceb9fe1a85ec53ull;
}

static __always_inline __u32 flow_cache_slot_of(__u64 h)
{
	return (__u32)(h >> 48) & (FLOW_CACHE_SLOTS - 1);
}

static __always_inline __u8 *flow_cache_mark(__u64 h)
{
	__u32 zero = 0;
	struct flow_cache_marks *marks = bpf_map_lookup_elem(&flow_cache_marks_of_cpu, &zero);

	return marks ? &marks->mark[flow_cache_slot_of(h)] : 0;
}

/* The mark of an entry; never 0, which is an empty slot's. */
static __always_inline __u8 flow_cache_mark_of(__u64 h)
{
	return (__u8)(h >> 32 | 1);
}

static __always_inline struct flow_cache *flow_cache_slot(__u64 h)
{
	__u32 slot = flow_cache_slot_of(h);

	return bpf_map_lookup_elem(&flow_cache_of_cpu, &slot);
}

/* The entry of the slot if it may be the tuple's, else NULL. h: flow_cache_hash() of the tuple. The caller compares the
 * tuple. */
static __always_inline struct flow_cache *flow_cache_find(__u64 h)
{
	__u8 *mark = flow_cache_mark(h);

	return mark && *mark == flow_cache_mark_of(h) ? flow_cache_slot(h) : 0;
}

/* The change counter of the flow with this tag. The index is always in range, so NULL never comes. */
static __always_inline __u32 *version_of(__u64 tag)
{
	__u32 at = (__u32)tag >> 1 & (VPC_FLOW_VERSIONS - 1); /* bit 0 is always set */

	return bpf_map_lookup_elem(&flow_version, &at);
}

/* Tells the caches that a flow changed. It must be called after the new state is in its map. */
static __always_inline void version_raise(__u64 *barrier, __u64 tag)
{
	__u32 *version = version_of(tag);

	barrier_order(barrier);
	if (version)
		__sync_fetch_and_add(version, 1);
}

/* Whether packets of a flow of this age may be stored. A connection that ends within a tick of the clock (1 to 10 ms)
 * is over before an entry would have saved anything. So nothing is stored of so young a flow, and nobody need raise its
 * version. A CPU whose clock ticks while another CPU changes the state may store the state before, for a second: the
 * flow's next step waits so long. A cut never depends on this (flow_tombstone). */
static __always_inline int flow_cache_cacheable(__u64 now_ns, __u64 created_ns)
{
	return now_ns != created_ns;
}

/* Reads the version that an entry has which is made from now on. It must be called before the flow's epoch and state
 * are read. */
static __always_inline __u32 flow_cache_begin(__u64 *barrier, __u64 tag, int cacheable)
{
	__u32 *version = cacheable ? version_of(tag) : 0, number = version ? READ_ONCE(*version) : 0;

	barrier_order(barrier);
	return number;
}

/* The slot that is to be filled for this hash, or NULL. Its mark is set already. */
static __always_inline struct flow_cache *flow_cache_take(__u64 h)
{
	struct flow_cache *r = flow_cache_slot(h);
	__u8 *mark = flow_cache_mark(h);

	if (!r || !mark)
		return 0;
	*mark = flow_cache_mark_of(h);
	return r;
}

/* Stores `new` under the hash. src6, dst6: its addresses, if it is IPv6. */
static __always_inline void flow_cache_put(__u64 h, const struct flow_cache *new, const __be32 *src6,
					   const __be32 *dst6)
{
	struct flow_cache *r = flow_cache_take(h);

	if (!r)
		return;
	__builtin_memcpy(r, new, __builtin_offsetof(struct flow_cache, src6));
	if (new->family == 6) {
		address_copy(r->src6, src6);
		address_copy(r->dst6, dst6);
	}
}

/* The index of the flow's flow_version, as it is in version_at. */
static __always_inline __u16 flow_cache_version_at(__u64 tag)
{
	return (__u16)(tag >> 1);
}

/* The time until which an entry holds, in units; last_seen_ns: the flow's. */
static __always_inline __u32 flow_cache_until(__u64 last_seen_ns)
{
	return flow_cache_time(last_seen_ns + NS_PER_S);
}

/* Stores the packet in the scratch, which the flow in its fl allows. Stores nothing where the next packet needs the
 * slow path too. */
static __always_inline void flow_cache_note(struct scratch *s)
{
	const struct packet *p = &s->packet;
	const struct side *mine = &s->side[s->own & 1], *others = &s->side[(s->own ^ 1) & 1];
	int is4 = p->family == 4;
	struct flow_cache new = {
		.src = is4 ? p->src[3] : address_digest6(p->src),
		.dst = is4 ? p->dst[3] : address_digest6(p->dst),
		.ports = (__u32)p->dport << 16 | p->sport,
		.version = s->version,
		.version_at = flow_cache_version_at(s->tag),
		.proto = p->proto,
		.family = p->family,
		.until = flow_cache_until(s->fl.last_seen_ns),
		.judged = s->fl.epoch,
		.noted = s->epoch,
	};

	if (s->direction == VPC_EGRESS) {
		new.me = s->me;
		new.peer = others->eni;
		new.my_side.incarnation = s->my_incarnation;
		new.my_side.set = mine->set;
		new.peer_side.incarnation = others->incarnation;
		new.peer_side.set = others->eni ? others->set : s->gateway;
	} else {
		new.me = VPC_UPLINK_FIRST + s->vpc;
		new.peer = s->me;
		new.my_side.incarnation = s->peer;
		new.my_side.set = s->gateway;
		new.peer_side.incarnation = s->my_incarnation;
		new.peer_side.set = mine->set;
	}
	flow_cache_put(flow_cache_hash(new.src, new.dst, new.ports, new.me), &new, p->src, p->dst);
}

#endif
