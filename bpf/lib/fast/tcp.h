/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TCP connection between two local ENIs, the TCP fast path through from_workload: one lookup in `flow`, everything
 * else in arrays and on the stack. It decides only what ends well, and as egress.h would; before it changes anything it
 * has found all of that out, and whatever is unusual is left to egress.h as if this had not been.
 *
 * That way is right for every packet. This one is for the eight or nine of a short connection's ten that fast.h knows
 * nothing of: what they cost is lines of code and memory that the kernel's TCP has meanwhile driven out of the caches.
 */
#ifndef BPF_LIB_CONNECTION_H
#define BPF_LIB_CONNECTION_H

#include "lib/fast/fast.h"
#include "lib/rules/judge.h"
#include "lib/fast/syn_cache.h"

/* What a step of this path has come to. */
enum connection_step {
	CONNECTION_NOT,	 /* nothing was changed: leave the packet to egress.h */
	CONNECTION_DONE, /* go on */
};

struct connection {
	__u64 barrier; /* for barrier_order() */
	__u64 epoch;
	__u64 now_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 tag;
	__u64 hash; /* the packet's, for flow/cache.h */
	__u32 number;
	__u32 peer; /* the ENI that has the destination */
	__u32 from; /* index in the key of the packet's source */
	const struct vpc_ctl *now;
	const struct vpc_eni *me;
	const struct vpc_eni *to; /* the peer's row */
};

/* As flow_key(). Returns the index of the packet's source. */
static __always_inline __u32 connection_key(struct vpc_flow_key *k, const struct header_view *p, __u32 space)
{
	__u32 from, sport = p->ports & 0xffff, dport = p->ports >> 16;

	if (!p->src6) {
		from = p->src != p->dst ? bpf_ntohl(p->src) > bpf_ntohl(p->dst)
					: bpf_ntohs((__u16)sport) > bpf_ntohs((__u16)dport);
		address_from4(k->addr[0], from ? p->dst : p->src);
		address_from4(k->addr[1], from ? p->src : p->dst);
	} else {
		from = address_after(p->src6, view_dst6(p)) ||
		       (address_equal(p->src6, view_dst6(p)) && bpf_ntohs((__u16)sport) > bpf_ntohs((__u16)dport));
		address_copy(k->addr[0], from ? view_dst6(p) : p->src6);
		address_copy(k->addr[1], from ? p->src6 : view_dst6(p));
	}
	k->vpc = space;
	k->via = 0;
	k->port[0] = (__be16)(from ? dport : sport);
	k->port[1] = (__be16)(from ? sport : dport);
	k->proto = IPPROTO_TCP;
	k->icmp_type = 0;
	k->icmp_code = 0;
	k->icmp_asker = 0;
	return from;
}

/* The set of a side that is who the flow means and whose judgement holds; else 0. */
static __always_inline __u32 connection_side(const struct vpc_eni *e, __u32 incarnation, __u64 epoch, __u64 judged)
{
	int in_force = versioned_read(&e->set, epoch);
	struct stamp now = {0};

	return in_force > 0 && stamp_take(&now, STAMP_ALLOWED, e, (__u32)in_force) &&
			       READ_ONCE(e->incarnation) == incarnation && stamp_holds(&now, STAMP_ALLOWED, judged, 0)
		       ? (__u32)in_force
		       : 0;
}

/* What flow/cache.h remembers of a packet that changes nothing. Returns its forwarding action. */
static __always_inline enum action connection_note(const struct connection *c, const struct header_view *p,
						   const struct vpc_flow_key *k, const struct flow_cache *sides,
						   enum action action)
{
	struct flow_cache *r = flow_cache_take(c->hash);
	__u32 from = c->from & 1;

	if (!r)
		return action;
	r->src = p->src;
	r->dst = p->dst;
	r->ports = p->ports;
	r->me = c->number;
	r->peer = c->peer;
	r->my_side.incarnation = READ_ONCE(c->me->incarnation);
	r->my_side.set = sides->my_side.set;
	r->peer_side.incarnation = READ_ONCE(c->to->incarnation);
	r->peer_side.set = sides->peer_side.set;
	r->version = sides->version;
	r->version_at = (__u16)(c->tag >> 1);
	r->proto = IPPROTO_TCP;
	r->family = p->family;
	r->until = sides->until;
	r->judged = sides->judged;
	r->noted = c->epoch;
	if (p->family == 6) {
		address_copy(r->src6, from ? k->addr[1] : k->addr[0]);
		address_copy(r->dst6, from ? k->addr[0] : k->addr[1]);
	}
	return action;
}

/* The connection is over: what it counted for is given back. Like what follows once in its life, and so not inline. */
static __noinline void connection_leave(struct connection *c, const struct vpc_flow_key *k, struct vpc_flow *f)
{
	int cacheable = flow_cache_cacheable(c->now_ns, READ_ONCE(f->created_ns));

	flow_leave(k, c->tag, f);
	if (cacheable)
		version_raise(&c->barrier, c->tag);
}

/* The handshake is over: the connection counts among its sides' established ones, not among the half open any more. */
static __noinline void connection_settled(const struct connection *c, __u32 from)
{
	share_count_eni(c->number, READ_ONCE(c->me->incarnation), !from, 1);
	share_count_eni(c->peer, READ_ONCE(c->to->incarnation), !!from, 1);
	share_half_open_over(READ_ONCE(c->me->vpc));
}

/* As flow_timeout() for the states that connection_next() leads to. */
static __always_inline __u32 connection_timeout(const struct connection *c, __u8 state)
{
	__u32 mine, others;

	if (state == VPC_FLOW_CLOSING)
		return FLOW_CLOSING_S;
	if (state != VPC_FLOW_ESTABLISHED)
		return FLOW_SYN_S;
	mine = READ_ONCE(c->me->tcp_idle_s);
	others = READ_ONCE(c->to->tcp_idle_s);
	return mine < others ? mine : others;
}

/* Moves the copy on. CONNECTION_NOT: the entry would have to be moved too, or needs more than a new state. */
static __always_inline enum connection_step connection_next(const struct connection *c, struct vpc_flow *copy,
							    const struct packet *segment, __u32 from)
{
	__u8 was = copy->state;

	if (was != VPC_FLOW_SYN_SENT && was != VPC_FLOW_SYN_RECEIVED && was != VPC_FLOW_ESTABLISHED &&
	    was != VPC_FLOW_CLOSING)
		return CONNECTION_NOT;
	tcp_step(copy, segment, from);
	if (copy->state == VPC_FLOW_ESTABLISHED && (copy->flags & VPC_FLOW_HALF_OPEN)) {
		if (share_left(READ_ONCE(c->me->vpc), from ? c->peer : c->number, from ? c->number : c->peer, 1) !=
		    SHARE_LEFT)
			return CONNECTION_NOT;
		copy->flags = (__u8)((copy->flags & ~VPC_FLOW_HALF_OPEN) | VPC_FLOW_BUDGETED);
	}
	return copy->state != VPC_FLOW_CLOSING || (copy->flags & TCP_LAST_ACK) ? CONNECTION_DONE : CONNECTION_NOT;
}

/* Everything is known of the segment: takes it into the entry, whose state is in the copy. */
static __always_inline enum connection_step connection_step(struct connection *c, const struct vpc_flow_key *k,
							    struct vpc_flow *f, struct vpc_flow *copy,
							    const struct packet *segment, __u32 from)
{
	union flow_word old = {.word = *flow_word(copy)};
	__s64 idle_ns = (__s64)(c->now_ns - copy->last_seen_ns);

	if (idle_ns > (__s64)FLOW_SEEN_NS && idle_ns > (__s64)(READ_ONCE(f->timeout_s) * NS_PER_S))
		return CONNECTION_NOT;
	if (tcp_over(copy, segment, from)) {
		if (redirect_is_seen_again(c->to))
			return CONNECTION_NOT;
		connection_leave(c, k, f);
		return CONNECTION_DONE;
	}
	if (connection_next(c, copy, segment, from) == CONNECTION_NOT)
		return CONNECTION_NOT;
	if (*flow_word(copy) != old.word) {
		copy->timeout_s =
			copy->state == old.state ? READ_ONCE(f->timeout_s) : connection_timeout(c, copy->state);
		if (READ_ONCE(f->tag) != c->tag || !flow_write_state(&c->barrier, c->now_ns, f, copy, old.word))
			return CONNECTION_NOT;
		if (old.flags & ~copy->flags & VPC_FLOW_HALF_OPEN)
			connection_settled(c, from);
	} else if (idle_ns <= (__s64)FLOW_SEEN_NS) {
		return CONNECTION_DONE;
	}
	WRITE_ONCE(f->last_seen_ns, c->now_ns);
	WRITE_ONCE(f->packets, f->packets + 1);
	copy->last_seen_ns = c->now_ns;
	return CONNECTION_DONE;
}

/* A segment of the flow that f is the entry of. Returns its forwarding action, with peer and `to` filled, or
 * FORWARD_NONE: nothing was changed. */
static __noinline enum action connection_known(struct __sk_buff *skb, const struct header_view *p, struct connection *c,
					       const struct vpc_flow_key *k, struct vpc_flow *f)
{
	struct packet segment;
	struct vpc_flow copy;
	struct flow_cache sides;
	enum action action;
	__u32 from;

	copy.tag = c->tag;
	copy.created_ns = READ_ONCE(f->created_ns);
	sides.version = flow_cache_begin(&c->barrier, c->tag, flow_cache_cacheable(c->now_ns, copy.created_ns));
	sides.judged = READ_ONCE(f->epoch);
	barrier_order(&c->barrier);
	copy.last_seen_ns = READ_ONCE(f->last_seen_ns);
	*flow_word(&copy) = READ_ONCE(*flow_word(f));
	copy.saved_state = READ_ONCE(f->saved_state);
	copy.last_ack = READ_ONCE(f->last_ack);
	from = (c->from ^ copy.opener) & 1;
	c->peer = READ_ONCE(f->eni[from ^ 1]);
	c->to = bpf_map_lookup_elem(&eni, &c->peer);
	if (READ_ONCE(f->eni[from]) != c->number || !c->peer || c->peer == c->number || !c->to)
		return FORWARD_NONE;
	sides.my_side.set = connection_side(c->me, READ_ONCE(f->incarnation[from]), c->epoch, sides.judged);
	sides.peer_side.set = connection_side(c->to, READ_ONCE(f->incarnation[from ^ 1]), c->epoch, sides.judged);
	action = forward_action(skb, c->me, c->to, &p->frame);
	if (READ_ONCE(f->tag) != c->tag || !sides.my_side.set || !sides.peer_side.set || action < FORWARD_SWITCHED ||
	    checksum_is_elsewhere(skb, view_l4(p), IPPROTO_TCP))
		return FORWARD_NONE;
	segment.tcp_flags = p->tcp_flags;
	segment.seq_end = (__u16)(bpf_ntohs(*(const u16_alias *)(p->tcp + 6)) + p->room - (p->tcp[12] >> 4) * 4);
	segment.ack = bpf_ntohs(*(const u16_alias *)(p->tcp + 10));
	if (connection_step(c, k, f, &copy, &segment, from) == CONNECTION_NOT)
		return FORWARD_NONE;
	if (copy.state != VPC_FLOW_ESTABLISHED || (p->tcp_flags & TCP_JUDGE) != TCP_ACK ||
	    !flow_cache_cacheable(c->now_ns, copy.created_ns))
		return action;
	sides.until = flow_cache_time(copy.last_seen_ns + NS_PER_S);
	return connection_note(c, p, k, &sides, action);
}

/* Whether the shares have room for one more connection, and for its SYN in `flow`. */
static __always_inline int connection_has_room(const struct connection *c, const struct share *f)
{
	struct vpc_eni_flows *mine = bpf_map_lookup_elem(&eni_flows, &c->number),
			     *others = bpf_map_lookup_elem(&eni_flows, &c->peer);
	__s64 room = share_flow_room(f, 0);

	return mine && others && share_half_open_left(f, room, READ_ONCE(c->now->half_open_max)) &&
	       share_left_opened(f, room, c->me, mine) && share_left_answered(c->to, others, mine);
}

/* Makes the flow of an opening that is allowed. CONNECTION_NOT: it couldn't be made, or there is one. */
static __always_inline enum connection_step connection_make(const struct connection *c, const struct vpc_flow_key *k,
							    const struct syn_cache *o, const struct share *f)
{
	struct vpc_flow made = {
		.tag = c->tag,
		.epoch = c->epoch,
		.last_seen_ns = c->now_ns,
		.created_ns = c->now_ns,
		.eni = {c->number, c->peer},
		.incarnation = {o->side[0].incarnation, o->side[1].incarnation},
		.rule = {o->rule[0], o->rule[1]},
		.timeout_s = FLOW_SYN_S,
		.state = VPC_FLOW_SYN_SENT,
		.flags = VPC_FLOW_HALF_OPEN,
		.opener = (__u8)c->from,
		.packets = 1,
	};

	share_count_half_open(f, 1);
	if (!bpf_map_update_elem(&flow, k, &made, BPF_NOEXIST))
		return CONNECTION_DONE;
	share_count_half_open(f, -1);
	return CONNECTION_NOT;
}

/* A SYN. What has an entry in a map is left to egress.h. Returns as connection_known(). */
static __noinline enum action connection_open(struct __sk_buff *skb, const struct header_view *p, struct connection *c,
					      const struct vpc_flow_key *k)
{
	__be16 dport = (__be16)(p->ports >> 16);
	struct syn_cache *o = syn_cache_slot(p->src, p->dst, dport, c->number);
	__u32 from = c->from & 1;
	struct share f;
	__u64 now_boot_ns;
	enum action action;

	if (!o || o->me != c->number || o->dport != dport || !address_equal(o->src, from ? k->addr[1] : k->addr[0]) ||
	    !address_equal(o->dst, from ? k->addr[0] : k->addr[1]))
		return FORWARD_NONE;
	c->peer = o->peer;
	c->to = bpf_map_lookup_elem(&eni, &c->peer);
	if (!c->to || !stamp_cached_holds(STAMP_OPENING, &o->side[0], c->me, o->epoch, o->epoch) ||
	    !stamp_cached_holds(STAMP_OPENING, &o->side[1], c->to, o->epoch, o->epoch))
		return FORWARD_NONE;
	action = forward_action(skb, c->me, c->to, &p->frame);
	if (action < FORWARD_SWITCHED || checksum_is_elsewhere(skb, view_l4(p), IPPROTO_TCP))
		return FORWARD_NONE;
	if (event_wanted(VPC_LISTEN_FLOWS) || !share_find(&f, k->vpc) || bpf_map_lookup_elem(&flow_new, k) ||
	    (READ_ONCE(f.host->overflow_ns) && bpf_map_lookup_elem(&flow_overflow, k)) || !connection_has_room(c, &f) ||
	    connection_make(c, k, o, &f) == CONNECTION_NOT)
		return FORWARD_NONE;
	now_boot_ns = bpf_ktime_get_boot_ns();
	judge_count(o->row[0], skb->len, now_boot_ns);
	judge_count(o->row[1], skb->len, now_boot_ns);
	return action;
}

/* Of a TCP segment with a header view. Returns what the program ends with, or FAST_NOT. h: its hash (flow/cache.h). */
static __always_inline int connection_from_workload(struct __sk_buff *skb, const struct header_view *p, __u64 h)
{
	struct connection c = {.hash = h, .number = skb->ifindex};
	struct vpc_flow_key k;
	struct vpc_flow *f;
	__u32 zero = 0;
	enum action action;

	if (!tcp_flags_valid(p->tcp_flags) || (p->tcp_flags & TCP_RST))
		return FAST_NOT;
	c.now = bpf_map_lookup_elem(&ctl, &zero);
	c.me = bpf_map_lookup_elem(&eni, &c.number);
	if (!c.now || !c.me)
		return FAST_NOT;
	c.epoch = READ_ONCE(c.now->epoch);
	barrier_order(&c.barrier);
	if (!READ_ONCE(c.me->vpc) || !(READ_ONCE(c.me->flags) & VPC_ENI_SOURCE_DEST_CHECK) ||
	    !mac_equal(p->frame.macs + ETH_ALEN, c.me->mac))
		return FAST_NOT;
	c.now_ns = bpf_ktime_get_coarse_ns();
	c.from = connection_key(&k, p, READ_ONCE(c.me->vpc));
	if (p->src6 && address_is4(k.addr[0])) /* would have the key of an IPv4 packet, and is never carried */
		return FAST_NOT;
	c.tag = flow_tag(&k);
	if (tcp_opens(p->tcp_flags)) {
		action = connection_open(skb, p, &c, &k);
	} else {
		f = bpf_map_lookup_elem(&flow, &k);
		action = f ? connection_known(skb, p, &c, &k, f) : FORWARD_NONE;
	}
	return action != FORWARD_NONE && c.to ? redirect_to(skb, c.to, c.peer, action) : FAST_NOT;
}

#endif
