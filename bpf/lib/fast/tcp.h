/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TCP fast path through from_workload, for a connection between two local ENIs. The connection is in a slot
 * (flow/young.h), or one lookup in `flow` finds it; all else is in arrays and on the stack. The path only accepts, with
 * the same result as egress.h. All checks precede the first write, so falling back to egress.h has no side effects.
 *
 * The slow path is right for every packet. This path is for the eight or nine of a short connection's ten packets that
 * the flow cache doesn't know. Their cost is the lines of code and memory that the kernel's TCP has evicted from the
 * processor's caches.
 */
#ifndef BPF_LIB_CONNECTION_H
#define BPF_LIB_CONNECTION_H

#include "lib/rules/judge.h"
#include "lib/fast/fast.h"
#include "lib/flow/move.h"
#include "lib/flow/syn_cache.h"
#include "lib/packet/reset.h"
#include "lib/route/pair_cache.h"

/* The result of a step of this path. */
enum connection_step {
	CONNECTION_NOT,	 /* nothing was changed: leave the packet to egress.h */
	CONNECTION_DONE, /* go on */
};

struct connection {
	struct flow_ctx ctx;
	__u64 hash;  /* flow_cache_hash() of the packet */
	__u32 peer;  /* the ENI that has the destination */
	__u32 young; /* the flow is in a slot of flow_young */
	const struct vpc_ctl *now;
	const struct vpc_eni *me;
	const struct vpc_eni *to; /* the peer's row */
};

/* Makes the key as flow_key() does. Returns the index of the packet's source. */
static __always_inline __u32 connection_key(struct vpc_flow_key *k, const struct header_view *p, __u32 space)
{
	__be16 sport = (__be16)p->ports, dport = (__be16)(p->ports >> 16);
	__be32 src[4], dst[4];

	flow_key_rest(k, space, 0, IPPROTO_TCP);
	if (p->src6)
		return flow_key_ends(k, p->src6, view_dst6(p), sport, dport);
	address_from4(src, p->src);
	address_from4(dst, p->dst);
	return flow_key_ends(k, src, dst, sport, dport);
}

/* Whether the judgement of a side, made at the epoch `judged`, holds and the ENI is the flow's. Returns the side's set,
 * or 0. A judgement of the epoch in force holds, as no generation is newer. Its set is wanted for the flow cache only:
 * the result is 1 if nothing is stored of a flow of this age. The function is global so that the verifier walks it
 * once: for each of its ways through it, 6.1 would walk all that follows. */
__noinline int connection_side(const struct vpc_eni *e, __u32 incarnation, __u64 epoch, __u64 judged, __u64 age_ns)
{
	struct stamp now = {0};
	int in_force;

	if (!e || READ_ONCE(e->incarnation) != incarnation)
		return 0;
	if (judged == epoch && !flow_cache_cacheable(age_ns, 0))
		return 1;
	in_force = versioned_read(&e->set, epoch);
	return in_force > 0 && stamp_take(&now, STAMP_ALLOWED, e, (__u32)in_force) &&
			       stamp_holds(&now, STAMP_ALLOWED, judged, 0)
		       ? in_force
		       : 0;
}

/* Whether a network ACL decides about packets from `me` to `to`. An entry in the SYN cache says that it was asked about
 * the SYN; no entry says that of other segments. */
static __always_inline int connection_has_acl(const struct vpc_eni *me, const struct vpc_eni *to)
{
	return ((READ_ONCE(me->flags) | READ_ONCE(to->flags)) & VPC_ENI_ACL) && me->subnet != to->subnet;
}

/* tcp_step() for a segment that isn't a RST. word: the flow's. last_ack: of the flow; it is changed. Returns the new
 * word. It is global for the reason of connection_side(). */
__noinline int connection_tcp_step(__u32 word, __u32 *last_ack, __u32 tcp_flags, __u32 seq_end_ack, __u32 from)
{
	struct packet segment;
	struct vpc_flow f;

	if (!last_ack)
		return 0;
	*flow_word(&f) = word;
	f.saved_state = VPC_FLOW_NONE; /* a flow that was reset is left to egress.h */
	f.last_ack = (__u16)*last_ack;
	segment.tcp_flags = (__u8)tcp_flags;
	segment.seq_end = (__u16)(seq_end_ack >> 16);
	segment.ack = (__u16)seq_end_ack;
	tcp_step(&f, &segment, from & 1);
	*last_ack = f.last_ack;
	return (int)*flow_word(&f);
}

/* Moves the copy on by the segment. CONNECTION_NOT: the entry would have to move to another map, or needs more than a
 * new state. */
static __always_inline enum connection_step connection_next(const struct connection *c, struct vpc_flow *copy,
							    const struct packet *segment, __u32 from)
{
	__u8 was = copy->state;
	__u32 last_ack = copy->last_ack;

	if (was != VPC_FLOW_SYN_SENT && was != VPC_FLOW_SYN_RECEIVED && was != VPC_FLOW_ESTABLISHED &&
	    was != VPC_FLOW_CLOSING)
		return CONNECTION_NOT;
	*flow_word(copy) = (__u32)connection_tcp_step(*flow_word(copy), &last_ack, segment->tcp_flags,
						      (__u32)segment->seq_end << 16 | segment->ack, from);
	copy->last_ack = (__u16)last_ack;
	if (copy->state > VPC_FLOW_CLOSING)
		return CONNECTION_NOT; /* it never happens, and the verifier need not walk the other states' timeouts */
	if (copy->state == VPC_FLOW_ESTABLISHED && (copy->flags & VPC_FLOW_HALF_OPEN)) {
		if (c->young)
			copy->flags &= (__u8)~VPC_FLOW_HALF_OPEN; /* it counts to nobody (young.h) */
		else if (!flow_confirm(READ_ONCE(c->me->vpc), copy, from ? c->peer : c->ctx.me,
				       from ? c->ctx.me : c->peer))
			return CONNECTION_NOT;
	}
	return copy->state != VPC_FLOW_CLOSING || (copy->flags & TCP_LAST_ACK) ? CONNECTION_DONE : CONNECTION_NOT;
}

static __always_inline __u32 connection_timeout(const struct connection *c, __u8 state)
{
	__u32 timeout_s = flow_timeout(state, IPPROTO_TCP);

	if (timeout_s)
		return timeout_s;
	/* no other state is possible */
	timeout_s = flow_idle(0, VPC_FLOW_ESTABLISHED, c->me);
	return flow_idle(timeout_s, VPC_FLOW_ESTABLISHED, c->to);
}

/* Removes the entry after the connection's last packet. word: its word before that. */
static __always_inline enum connection_step connection_over(struct connection *c, const struct vpc_flow_key *k,
							    struct vpc_flow *f, __u32 word)
{
	if (!c->young) {
		flow_over(&c->ctx, k, f);
		return CONNECTION_DONE;
	}
	if (READ_ONCE(f->tag) != c->ctx.tag || young_end(f, word, 0) != YOUNG_ENDED)
		return CONNECTION_NOT;
	if (flow_cache_cacheable(c->ctx.now_ns, READ_ONCE(f->created_ns)))
		version_raise(&c->ctx.barrier, c->ctx.tag);
	return CONNECTION_DONE;
}

/* Writes the segment's changes to the entry. copy: the entry's state before the segment. No check is left to do. */
static __always_inline enum connection_step connection_step(struct connection *c, const struct vpc_flow_key *k,
							    struct vpc_flow *f, struct vpc_flow *copy,
							    const struct packet *segment, __u32 from)
{
	union flow_word old = {.word = *flow_word(copy)};
	__s64 idle_ns = (__s64)(c->ctx.now_ns - copy->last_seen_ns);

	if (idle_ns > (__s64)FLOW_SEEN_NS && idle_ns > (__s64)(READ_ONCE(f->timeout_s) * NS_PER_S))
		return CONNECTION_NOT;
	if (tcp_over(copy, segment, from)) {
		if (redirect_is_seen_again(c->to))
			return CONNECTION_NOT;
		return connection_over(c, k, f, old.word);
	}
	if (connection_next(c, copy, segment, from) == CONNECTION_NOT)
		return CONNECTION_NOT;
	if (*flow_word(copy) != old.word) {
		copy->timeout_s =
			copy->state == old.state ? READ_ONCE(f->timeout_s) : connection_timeout(c, copy->state);
		if (READ_ONCE(f->tag) != c->ctx.tag || !flow_write_state(&c->ctx, f, copy, old.word))
			return CONNECTION_NOT;
		if (!c->young && (old.flags & ~copy->flags & VPC_FLOW_HALF_OPEN))
			flow_confirmed(k->vpc, f);
	} else if (idle_ns <= (__s64)FLOW_SEEN_NS) {
		return CONNECTION_DONE;
	}
	WRITE_ONCE(f->last_seen_ns, c->ctx.now_ns);
	WRITE_ONCE(f->packets, f->packets + 1);
	copy->last_seen_ns = c->ctx.now_ns;
	return CONNECTION_DONE;
}

/* Judges a segment of a known flow. f: the flow's entry. Returns the forwarding action, with peer and `to` filled, or
 * FORWARD_NONE: nothing was changed. */
static __noinline enum action connection_known(struct __sk_buff *skb, const struct header_view *p, struct connection *c,
					       const struct vpc_flow_key *k, struct vpc_flow *f)
{
	struct packet segment;
	struct vpc_flow copy;
	struct flow_cache new;
	enum action action;
	__u32 from;

	copy.tag = c->ctx.tag;
	copy.created_ns = READ_ONCE(f->created_ns);
	if (c->young && (__s64)(c->ctx.now_ns - copy.created_ns) > (__s64)VPC_YOUNG_NS)
		return FORWARD_NONE;
	new.version =
		flow_cache_begin(&c->ctx.barrier, c->ctx.tag, flow_cache_cacheable(c->ctx.now_ns, copy.created_ns));
	new.judged = READ_ONCE(f->epoch);
	barrier_order(&c->ctx.barrier);
	copy.last_seen_ns = READ_ONCE(f->last_seen_ns);
	*flow_word(&copy) = READ_ONCE(*flow_word(f));
	copy.saved_state = READ_ONCE(f->saved_state);
	copy.last_ack = READ_ONCE(f->last_ack);
	if (c->young && (copy.opener & VPC_YOUNG_HELD))
		return FORWARD_NONE;
	from = (c->ctx.from ^ copy.opener) & 1;
	c->peer = READ_ONCE(f->eni[from ^ 1]);
	c->to = bpf_map_lookup_elem(&eni, &c->peer);
	if (READ_ONCE(f->eni[from]) != c->ctx.me || !c->peer || c->peer == c->ctx.me || !c->to)
		return FORWARD_NONE;
	if (connection_has_acl(c->me, c->to))
		return FORWARD_NONE;
	new.my_side.set = (__u32)connection_side(c->me, READ_ONCE(f->incarnation[from]), c->ctx.epoch, new.judged,
						 c->ctx.now_ns - copy.created_ns);
	new.peer_side.set = (__u32)connection_side(c->to, READ_ONCE(f->incarnation[from ^ 1]), c->ctx.epoch, new.judged,
						   c->ctx.now_ns - copy.created_ns);
	action = forward_action(skb, c->me, c->to, &p->frame);
	barrier_order(&c->ctx.barrier);
	if (READ_ONCE(f->tag) != c->ctx.tag || !new.my_side.set || !new.peer_side.set || action < FORWARD_SWITCHED ||
	    checksum_is_elsewhere(skb, view_l4(p), IPPROTO_TCP))
		return FORWARD_NONE;
	segment.tcp_flags = p->tcp_flags;
	segment.seq_end = (__u16)(bpf_ntohs(*(const u16_alias *)(p->tcp + 6)) + p->room - (p->tcp[12] >> 4) * 4);
	segment.ack = bpf_ntohs(*(const u16_alias *)(p->tcp + 10));
	segment.sure_reset = (p->tcp_flags & TCP_RST) != 0; /* any other RST never comes here */
	if (connection_step(c, k, f, &copy, &segment, from) == CONNECTION_NOT)
		return FORWARD_NONE;
	if (copy.state != VPC_FLOW_ESTABLISHED || (p->tcp_flags & TCP_JUDGE) != TCP_ACK ||
	    !flow_cache_cacheable(c->ctx.now_ns, copy.created_ns))
		return action;
	new.src = p->src;
	new.dst = p->dst;
	new.ports = p->ports;
	new.me = c->ctx.me;
	new.peer = c->peer;
	new.my_side.incarnation = READ_ONCE(c->me->incarnation);
	new.peer_side.incarnation = READ_ONCE(c->to->incarnation);
	new.version_at = flow_cache_version_at(c->ctx.tag);
	new.proto = IPPROTO_TCP;
	new.family = p->family;
	new.until = flow_cache_until(copy.last_seen_ns);
	new.noted = c->ctx.epoch;
	flow_cache_put(c->hash, &new, k->addr[c->ctx.from & 1], k->addr[(c->ctx.from ^ 1) & 1]);
	return action;
}

/* Whether the shares have room for one more connection, and for its SYN in `flow`. */
static __always_inline int connection_has_room(const struct connection *c, const struct share *f)
{
	struct vpc_eni_flows *mine = bpf_map_lookup_elem(&eni_flows, &c->ctx.me),
			     *others = bpf_map_lookup_elem(&eni_flows, &c->peer);
	__s64 room = share_flow_room(f, 0);

	return mine && others && share_half_open_left(f, room, READ_ONCE(c->now->half_open_max)) &&
	       share_left_opened(f, room, c->me, mine) && share_left_answered(c->to, others, mine);
}

/* Inserts the entry of a connection into `flow`. CONNECTION_NOT: it couldn't be inserted, or a map has one. */
static __always_inline enum connection_step connection_store(const struct vpc_flow_key *k, struct vpc_flow *made,
							     const struct share *f, __u64 *barrier)
{
	if (bpf_map_lookup_elem(&flow_new, k) ||
	    (READ_ONCE(f->host->overflow_ns) && bpf_map_lookup_elem(&flow_overflow, k)))
		return CONNECTION_NOT;
	share_count_half_open(f, 1);
	if (young_forestall(f->host, k, made->tag, barrier) && !bpf_map_update_elem(&flow, k, made, BPF_NOEXIST))
		return CONNECTION_DONE;
	share_count_half_open(f, -1);
	return CONNECTION_NOT;
}

/* Whether the TCP fast path will have the connection's other packets. Else each of its connections would have to be
 * flushed. */
static __always_inline int connection_stays_fast(const struct connection *c)
{
	return !redirect_is_seen_again(c->to) && !redirect_is_seen_again(c->me) &&
	       (READ_ONCE(c->to->flags) & VPC_ENI_SOURCE_DEST_CHECK) && !connection_has_acl(c->me, c->to);
}

/* Stores a connection whose SYN is allowed: in a slot, if only this path looks the connection up, else in `flow`.
 * Returns as connection_store() does. */
static __always_inline enum connection_step connection_make(struct connection *c, const struct vpc_flow_key *k,
							    const struct syn_cache *o, const struct share *f)
{
	struct vpc_flow made = {
		.tag = c->ctx.tag,
		.timeout_s = FLOW_SYN_S,
		.state = VPC_FLOW_SYN_SENT,
		.flags = VPC_FLOW_HALF_OPEN,
	};
	int begun;

	flow_begin(&made, &c->ctx, c->ctx.from);
	flow_begin_side(&made, 0, c->ctx.me, o->side[0].incarnation, o->rule[0]);
	flow_begin_side(&made, 1, c->peer, o->side[1].incarnation, o->rule[1]);
	begun = young_begin(k, &made,
			    connection_stays_fast(c) && young_may_begin(f->host, c->ctx.tag, &c->ctx.barrier));
	if (begun == YOUNG_NOT)
		return connection_store(k, &made, f, &c->ctx.barrier);
	return begun == YOUNG_BEGUN ? CONNECTION_DONE : CONNECTION_NOT;
}

/* Judges a SYN by the SYN cache. One whose key is in a map is left to egress.h. Returns as connection_known() does. */
static __noinline enum action connection_open(struct __sk_buff *skb, const struct header_view *p, struct connection *c,
					      const struct vpc_flow_key *k)
{
	__be16 dport = (__be16)(p->ports >> 16);
	struct syn_cache *o = syn_cache_slot(p->src, p->dst, dport, c->ctx.me);
	__u32 from = c->ctx.from & 1;
	struct share f;
	__u64 now_boot_ns;
	enum action action;

	if (!o || o->me != c->ctx.me || o->dport != dport || !address_equal(o->src, from ? k->addr[1] : k->addr[0]) ||
	    !address_equal(o->dst, from ? k->addr[0] : k->addr[1]))
		return FORWARD_NONE;
	c->peer = o->peer;
	c->to = bpf_map_lookup_elem(&eni, &c->peer);
	if (!c->to || !stamp_cached_holds(STAMP_SYN, &o->side[0], c->me, o->epoch, o->epoch) ||
	    !stamp_cached_holds(STAMP_SYN, &o->side[1], c->to, o->epoch, o->epoch))
		return FORWARD_NONE;
	action = forward_action(skb, c->me, c->to, &p->frame);
	if (action < FORWARD_SWITCHED || checksum_is_elsewhere(skb, view_l4(p), IPPROTO_TCP))
		return FORWARD_NONE;
	if (event_wanted(VPC_LISTEN_FLOWS) || !share_find(&f, k->vpc) || !connection_has_room(c, &f) ||
	    connection_make(c, k, o, &f) == CONNECTION_NOT)
		return FORWARD_NONE;
	now_boot_ns = bpf_ktime_get_boot_ns();
	judge_count(o->row[0], skb->len, now_boot_ns);
	judge_count(o->row[1], skb->len, now_boot_ns);
	return action;
}

/* Whether the receiver will accept this RST (packet/reset.h). from: index of the packet's source in the key. Not
 * inlined: the path's own stack is full on 6.1. */
static __noinline int connection_reset_is_sure(struct __sk_buff *skb, const struct header_view *p,
					       const struct vpc_flow_key *k, __u32 from)
{
	struct reset r = {.ports = p->ports, .seq = bpf_ntohl(*(const u32_alias *)(p->tcp + 4))};

	address_copy(r.src, from ? k->addr[1] : k->addr[0]);
	address_copy(r.dst, from ? k->addr[0] : k->addr[1]);
	return reset_is_sure(skb, &r);
}

/* Whether a packet with these addresses has left the VPC a moment ago: this path has no use for another one. What
 * leaves is for the gateway's MAC, so what stays in a subnet isn't looked for. */
static __always_inline int connection_leaves(const struct header_view *p, const struct connection *c)
{
	if (p->src6 || !mac_equal(p->frame.macs, c->me->gateway_mac))
		return 0;
	return pair_cache_is(pair_cache_slot(PAIR_CACHE_LEAVES, p->src, p->dst), PAIR_CACHE_LEAVES, c->ctx.me, p->src,
			     p->dst, c->ctx.epoch, c->ctx.now_ns);
}

/* The TCP fast path, for a segment with a header view. h: its hash (flow/cache.h). Returns what the program ends with,
 * or FAST_NOT. */
static __always_inline int connection_from_workload(struct __sk_buff *skb, const struct header_view *p, __u64 h)
{
	struct connection c = {.ctx.me = skb->ifindex, .hash = h};
	struct vpc_flow_key k;
	struct vpc_flow *f;
	__u32 zero = 0;
	enum action action;

	if (!tcp_flags_valid(p->tcp_flags))
		return FAST_NOT;
	c.now = bpf_map_lookup_elem(&ctl, &zero);
	c.me = bpf_map_lookup_elem(&eni, &c.ctx.me);
	if (!c.now || !c.me)
		return FAST_NOT;
	c.ctx.epoch = READ_ONCE(c.now->epoch);
	barrier_order(&c.ctx.barrier);
	if (!READ_ONCE(c.me->vpc) || !(READ_ONCE(c.me->flags) & VPC_ENI_SOURCE_DEST_CHECK) ||
	    !mac_equal(p->frame.macs + ETH_ALEN, c.me->mac))
		return FAST_NOT;
	c.ctx.now_ns = bpf_ktime_get_coarse_ns();
	if (connection_leaves(p, &c))
		return FAST_NOT;
	c.ctx.from = connection_key(&k, p, READ_ONCE(c.me->vpc));
	if (p->src6 && address_is4(k.addr[0])) /* it would have an IPv4 packet's key, and such addresses are never
						* carried */
		return FAST_NOT;
	if ((p->tcp_flags & TCP_RST) && !connection_reset_is_sure(skb, p, &k, c.ctx.from))
		return FAST_NOT;
	c.ctx.tag = vpc_flow_tag(&k);
	if (tcp_opens(p->tcp_flags)) {
		action = connection_open(skb, p, &c, &k);
	} else {
		f = young_find(&k, c.ctx.tag);
		c.young = f != 0;
		if (!f)
			f = bpf_map_lookup_elem(&flow, &k);
		action = f ? connection_known(skb, p, &c, &k, f) : FORWARD_NONE;
	}
	return action != FORWARD_NONE && c.to ? redirect_to(skb, c.to, c.peer, action) : FAST_NOT;
}

#endif
