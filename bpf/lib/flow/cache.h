/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this CPU remembers of flows that it has just let through, by the packet's own tuple: so that the next packet
 * that changes nothing needs no lookup in a hash. One entry a slot, the newer wins.
 *
 * An entry says: a packet with this tuple that enters at ENI `me` and asks for nothing (no SYN, FIN, RST) is allowed.
 * It holds while everything does that the slow path (track.h) would look at:
 *
 *   the flow's entry      its state hasn't changed: flow_version is what it was before the entry was read. Whoever
 *                         changes a state raises it afterwards (flow.h)
 *   the judgement         stamp_cached_holds() of both sides, as STAMP_PACKET (stamp.h)
 *   idle time             once a second the slow path writes last_seen_ns; `until` is a second after it was
 *                         last written, and nothing holds that isn't within the second before it: an entry outlives its
 *                         flow for as long as nobody wants the slot
 *
 * Per CPU, and read and written by programs that don't interrupt one another there: no entry is seen half written.
 */
#ifndef BPF_LIB_FLOW_CACHE_H
#define BPF_LIB_FLOW_CACHE_H

#include "lib/core/address.h"

struct flow_cache {
	__be32 src; /* IPv6: digests of the addresses, which stand below */
	__be32 dst;
	__u32 ports; /* as in the packet: source, destination */
	__u32 me;
	__u32 peer;		     /* the local ENI that has the destination, and was judged too; 0: none */
	struct stamp_side my_side;   /* of what came by an uplink: `set` is its way */
	struct stamp_side peer_side; /* of what leaves the VPC: `set` is its way */
	__u32 version;
	__u16 version_at;
	__u8 proto;
	__u8 family;  /* 4, 6; 0: empty */
	__u32 until;  /* flow_cache_time() */
	__u64 judged; /* epoch */
	__u64 noted;  /* epoch of the packet that was remembered */
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

/* A digest of what stands in each slot, all within a few cache lines. A connection's first packets find nothing here,
 * and an entry is a line that nobody else wants: a look at it costs a connection more than all else that this saves. */
struct flow_cache_marks {
	__u8 mark[FLOW_CACHE_SLOTS];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_cache_marks);
} flow_cache_marks_of_cpu SEC(".maps");

/* Time in units of 67 ms: the same again after nine years. A second is FLOW_CACHE_UNITS of them, the last begun. */
#define FLOW_CACHE_UNITS 15u
static __always_inline __u32 flow_cache_time(__u64 ns)
{
	return (__u32)(ns >> 26);
}

/* A multiplication carries upwards only: what the ports' last bytes, which stand highest, have changed is folded down
 * before the last one, and slot and mark are taken from the top. */
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

/* Never 0: that is an empty slot's. */
static __always_inline __u8 flow_cache_mark_of(__u64 h)
{
	return (__u8)(h >> 32 | 1);
}

static __always_inline struct flow_cache *flow_cache_slot(__u64 h)
{
	__u32 slot = flow_cache_slot_of(h);

	return bpf_map_lookup_elem(&flow_cache_of_cpu, &slot);
}

/* What is remembered under the hash, if it may be this. */
static __always_inline struct flow_cache *flow_cache_find(__u64 h)
{
	__u8 *mark = flow_cache_mark(h);

	return mark && *mark == flow_cache_mark_of(h) ? flow_cache_slot(h) : 0;
}

/* The counter of changes of the flow with this tag; NULL never comes. */
static __always_inline __u32 *version_of(__u64 tag)
{
	__u32 at = (__u32)tag >> 1 & (VPC_FLOW_VERSIONS - 1); /* bit 0 is always set */

	return bpf_map_lookup_elem(&flow_version, &at);
}

/* To be called after a change of a flow's state is in its table. */
static __always_inline void version_raise(__u64 *barrier, __u64 tag)
{
	__u32 *version = version_of(tag);

	barrier_order(barrier);
	if (version)
		__sync_fetch_and_add(version, 1);
}

/* A connection that ends within a tick of the clock (1 to 10 ms) is over before remembering it would have paid: nothing
 * is remembered of so young a flow, and so nobody need be told of its changes. A CPU whose clock ticks while another
 * changes the state may remember what was before, for a second: the flow's next step waits so long. A cut never
 * depends on this (flow_tombstone). */
static __always_inline int flow_cache_cacheable(__u64 now_ns, __u64 created_ns)
{
	return now_ns != created_ns;
}

/* To be called before the entry's epoch and state are read. Returns the version that an entry made of them has. */
static __always_inline __u32 flow_cache_begin(__u64 *barrier, __u64 tag, int cacheable)
{
	__u32 *version = cacheable ? version_of(tag) : 0, number = version ? READ_ONCE(*version) : 0;

	barrier_order(barrier);
	return number;
}

/* The slot that is to be filled with what has this hash. */
static __always_inline struct flow_cache *flow_cache_take(__u64 h)
{
	struct flow_cache *r = flow_cache_slot(h);
	__u8 *mark = flow_cache_mark(h);

	if (!r || !mark)
		return 0;
	*mark = flow_cache_mark_of(h);
	return r;
}

/* Remembers what `new` says under the hash; src6, dst6: its addresses, if it is of IPv6. */
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

/* Which flow_version a flow has, for version_at. */
static __always_inline __u16 flow_cache_version_at(__u64 tag)
{
	return (__u16)(tag >> 1);
}

/* Until when an entry holds whose flow's last_seen_ns is this. */
static __always_inline __u32 flow_cache_until(__u64 last_seen_ns)
{
	return flow_cache_time(last_seen_ns + NS_PER_S);
}

/* Remembers the packet in the scratch, which the flow in its fl has let through (or doesn't, where the slow path has
 * something to do for the next one too). */
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
		new.peer_side.set = others->eni ? others->set : s->way;
	} else {
		new.me = VPC_UPLINK_FIRST + s->vpc;
		new.peer = s->me;
		new.my_side.incarnation = 0;
		new.my_side.set = s->way;
		new.peer_side.incarnation = s->my_incarnation;
		new.peer_side.set = mine->set;
	}
	flow_cache_put(flow_cache_hash(new.src, new.dst, new.ports, new.me), &new, p->src, p->dst);
}

#endif
