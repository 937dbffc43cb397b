/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet and its flow: does the flow's judgement still hold, and how does the packet change the flow? Start with
 * track(). open.h says which packets open flows.
 */
#ifndef BPF_LIB_TRACK_H
#define BPF_LIB_TRACK_H

#include "lib/flow/open.h"
#include "lib/packet/redirect.h"

/* Returns the side of the flow that is this port's ENI. from: 0 the opener sent the packet, 1 the responder. */
static __always_inline __u32 own_side(const struct scratch *s, __u32 from)
{
	if (s->via)
		return s->via & 1;
	return s->direction == VPC_EGRESS ? from : from ^ 1;
}

/* Whether the frame is for the gateway, or for the flow's other end in the same subnet. The other end still has the
 * packet's address, or else the flow is judged again. */
static __always_inline int track_fast_path(struct scratch *s, __u32 from)
{
	__u32 number = s->fl.eni[(from ^ 1) & 1];
	struct vpc_eni *me = eni_get(s->me), *other;

	if (!me)
		return 0;
	if (mac_equal(s->dmac, me->gateway_mac))
		return 1;
	other = number && number != s->me ? eni_get(number) : 0;
	if (!other || other->vpc != me->vpc || other->subnet != me->subnet || !mac_equal(s->dmac, other->mac))
		return 0;
	s->hop = number;
	return 1;
}

/* Whether the packet's source is the flow's side. Returns PASS; OPEN_ONCE: it is another; or a reason. */
static __always_inline int track_identity(struct scratch *s, __u32 from, __u32 own)
{
	__u32 source = s->fl.eni[from & 1];
	int rc;

	if (s->direction == VPC_EGRESS) {
		if (track_fast_path(s, from))
			return PASS;
		rc = admit(SCRATCH_PACKET);
		if (rc)
			return rc;
		/* The judgement of the other end's ENI doesn't allow an appliance to receive the packet. */
		return s->hop && !s->end[1].eni && s->fl.eni[(from ^ 1) & 1] ? OPEN_ONCE : PASS;
	}
	if (source && from != own && s->mark == (VPC_MARK_ENI | source) && !s->via)
		return PASS; /* the sender's program has just compared the address with the same flow */
	rc = admit(SCRATCH_PACKET);
	if (rc)
		return rc;
	return from == own || s->end[0].eni == source ? PASS : OPEN_ONCE;
}

/* Whether the end that isn't local is the one of the flow's entry: the same ENI of a peered VPC, or in both none. If
 * not, the packet is judged as if it had no entry. Returns PASS, AGAIN or OPEN_NEW. */
static __always_inline int track_peer(const struct scratch *s, struct vpc_flow *f, __u32 own)
{
	__u32 other = (own ^ 1) & 1;

	if (s->fl.eni[other] || s->fl.incarnation[other] == s->peer)
		return PASS;
	return READ_ONCE(f->eni[other]) ? AGAIN : OPEN_NEW; /* AGAIN: it has just approved */
}

/* Counts a side that was added to an established flow. If it is the opener, the flow counts to it, and no longer to the
 * responder. */
static __always_inline void track_count_approved(struct scratch *s, __u32 own)
{
	__u32 other = s->fl.eni[(own ^ 1) & 1], incarnation = s->fl.incarnation[(own ^ 1) & 1];

	share_count_eni(s->me, s->my_incarnation, !own || !other, 1);
	if (own)
		return;
	share_count_eni(other, incarnation, 1, -1);
	share_count_eni(other, incarnation, 0, 1);
}

/*
 * Judges this side of a flow, of which it is not a side yet, and adds it. Returns AGAIN: look the flow up again; or why
 * the side was not added.
 *
 * An ENI becomes a flow's opener only by packets that it sends itself. Somebody else may have opened the flow with its
 * address: an appliance, or an earlier owner of the address. A packet that "answers" such a flow is judged as the first
 * of a new flow.
 */
static __always_inline int track_approve(struct scratch *s, struct vpc_flow *f, __u32 own)
{
	__u32 other = own ^ 1;
	int rc;

	if (s->direction == VPC_INGRESS && !own)
		return OPEN_NEW;
	rc = admit(SCRATCH_PACKET);
	if (rc)
		return rc;
	if (s->direction == VPC_INGRESS && s->end[0].eni != s->fl.eni[other & 1])
		return OPEN_ONCE;
	sides_clear(s);
	s->opener = s->fl.opener & 1;
	if (s->fl.eni[other & 1]) {
		rc = side_load(s, other, s->fl.eni[other & 1], s->fl.incarnation[other & 1], 1);
		if (rc)
			return rc == AGAIN ? AGAIN : OPEN_NEW;
		s->side[other & 1].eni = 0; /* this side was judged before; here it only counts as the peer */
	}
	rc = side_load(s, own, s->me, s->my_incarnation, 1);
	if (!rc)
		rc = judge_flow(SCRATCH_PACKET);
	if (rc)
		return rc;
	if (READ_ONCE(f->tag) != s->tag)
		return AGAIN;
	WRITE_ONCE(f->incarnation[own & 1], s->my_incarnation);
	WRITE_ONCE(f->rule[own & 1], s->rules[own & 1]);
	barrier_order(&s->barrier);
	if (!__sync_val_compare_and_swap(&f->eni[own & 1], 0, s->me) && (s->fl.flags & VPC_FLOW_BUDGETED))
		track_count_approved(s, own);
	/* The other side's judgement may be newer than this one, or another CPU may have renewed it without this side.
	 * So all sides are judged again. */
	barrier_order(&s->barrier);
	WRITE_ONCE(f->epoch, 0);
	version_raise(&s->barrier, s->tag);
	return AGAIN;
}

static __always_inline void track_seen(struct scratch *s, struct vpc_flow *f)
{
	if ((__s64)(s->now_ns - s->fl.last_seen_ns) > (__s64)FLOW_SEEN_NS && READ_ONCE(f->tag) == s->tag)
		flow_seen(s, f);
}

/* Judges a packet of a flow that was cut. Returns AGAIN when the flow is allowed again. */
static __always_inline int track_tombstone(struct scratch *s, struct vpc_flow *f)
{
	const struct packet *p = &s->packet;

	if (p->proto == IPPROTO_TCP && tcp_opens(p->tcp_flags))
		return OPEN_NEW;
	if (!stamp_holds(&s->stamp, STAMP_REFUSED, s->fl.epoch, 0)) {
		int rc = judge_again(SCRATCH_PACKET);

		if (rc == PASS)
			return open_revive(s);
		s->culprit = 0;
		if (rc == OPEN_NEW)
			return OPEN_NEW;
		if (READ_ONCE(f->tag) == s->tag)
			__sync_val_compare_and_swap(&f->epoch, s->fl.epoch, s->epoch);
	}
	track_seen(s, f);
	return VPC_DROP_REVOKED;
}

/* Judges a flow again after a change of rules. Returns PASS when it is allowed, OPEN_NEW when it is another ENI's. */
static __always_inline int track_judge_again(struct scratch *s, struct vpc_flow *f)
{
	__u64 old = s->fl.epoch;
	int rc;

	s->spare = flow_graces(&s->fl, s->now_ns);
	rc = judge_again(SCRATCH_PACKET);
	if (rc == PASS && s->spared) {
		s->culprit = 0;
		return PASS; /* the next packet is judged again too, because a grace ends */
	}
	if (rc == PASS) {
		if (READ_ONCE(f->tag) != s->tag)
			return AGAIN;
		WRITE_ONCE(f->rule[0], s->rules[0]);
		WRITE_ONCE(f->rule[1], s->rules[1]);
		s->fl.rule[0] = s->rules[0];
		s->fl.rule[1] = s->rules[1];
		__sync_val_compare_and_swap(&f->epoch, old, s->epoch);
		event_flow(SCRATCH_PACKET, VPC_EVENT_REJUDGE);
		return PASS;
	}
	s->culprit = 0;
	if (rc == OPEN_NEW)
		return OPEN_NEW;
	flow_tombstone(s, f, s->epoch);
	event_flow(SCRATCH_PACKET, VPC_EVENT_CUT);
	return VPC_DROP_REVOKED;
}

/* Whether the packet opens a connection within a live flow. Returns PASS: it doesn't. */
static __always_inline int track_asks(const struct scratch *s, __u32 from)
{
	const struct packet *p = &s->packet;

	if (p->proto == IPPROTO_TCP && tcp_opens(p->tcp_flags))
		return tcp_syn(&s->fl, from);
	return PASS;
}

/* Moves the copy of the entry on by the packet. */
static __always_inline void track_next(struct scratch *s, __u32 from)
{
	if (s->packet.proto == IPPROTO_TCP)
		tcp_step(&s->fl, &s->packet, from);
	else if (s->fl.state == VPC_FLOW_ONE_WAY && from)
		s->fl.state = VPC_FLOW_REPLIED;
	else if (s->fl.state == VPC_FLOW_REPLIED && s->packet.proto == IPPROTO_UDP)
		s->fl.state = VPC_FLOW_STREAM;
}

/* Moves the entry to the map where it belongs, after its state has changed or it was used again after a while. */
static __always_inline void track_move(struct scratch *s)
{
	__u8 state = s->fl.state;

	if (!s->in_flow && (state == VPC_FLOW_ESTABLISHED || state == VPC_FLOW_STREAM))
		flow_promote(SCRATCH_PACKET);
	else if (s->in_flow &&
		 (state == VPC_FLOW_RESET || (state == VPC_FLOW_CLOSING && !(s->fl.flags & TCP_LAST_ACK)) ||
		  (state == VPC_FLOW_ESTABLISHED && (s->fl.flags & VPC_FLOW_HALF_OPEN))))
		flow_demote(SCRATCH_PACKET);
}

/* Whether the packet is the last one of its connection. A RST that leaves the VPC isn't: it may get lost on its way. */
static __always_inline int track_is_last(const struct scratch *s, __u32 from)
{
	if (s->packet.sure_reset && (s->via || !s->fl.eni[(from ^ 1) & 1]))
		return 0;
	return s->in_flow && s->packet.proto == IPPROTO_TCP && tcp_over(&s->fl, &s->packet, from);
}

/* Whether the receiver's program may look the flow up too. A tap's program does. A veth's does when the packet takes
 * the bridge and the router (deliver_action()). */
static __always_inline int track_is_seen_again(const struct scratch *s, __u32 from)
{
	__u32 number = s->direction == VPC_EGRESS && !s->via ? s->fl.eni[(from ^ 1) & 1] : 0;
	__u32 header_view = s->packet.family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct vpc_eni *to = number ? eni_get(number) : 0;

	return to &&
	       (redirect_is_seen_again(to) || s->packet.l4 - s->packet.l3 != header_view || s->packet.hop_limit <= 1);
}

static __always_inline void track_step(struct scratch *s, struct vpc_flow *f, __u32 from)
{
	__u32 old = *flow_word(&s->fl), moved = 0, confirms = 0;
	__u8 was = s->fl.state;
	int stale = (__s64)(s->now_ns - s->fl.last_seen_ns) > (__s64)FLOW_SEEN_NS;

	if (track_is_last(s, from) && !track_is_seen_again(s, from)) {
		flow_over(&s->ctx, &s->key, f);
		return;
	}
	track_next(s, from);
	if (s->fl.state == VPC_FLOW_ESTABLISHED && (s->fl.flags & VPC_FLOW_HALF_OPEN))
		confirms = (__u32)flow_confirm(s->key.vpc, &s->fl, s->fl.eni[0], s->fl.eni[1]);
	if (*flow_word(&s->fl) != old) {
		if (s->fl.state != was)
			flow_set_timeout(s);
		if (READ_ONCE(f->tag) != s->tag || !flow_write_state(&s->ctx, f, &s->fl, old))
			return;
		moved = 1;
		if (confirms)
			flow_confirmed(s->key.vpc, &s->fl);
	}
	if (!stale && !moved)
		return;
	if (READ_ONCE(f->tag) == s->tag) {
		WRITE_ONCE(f->packets, s->fl.packets + 1);
		flow_seen(s, f);
	}
	s->fl.last_seen_ns = s->now_ns;
	track_move(s);
}

/* Whether the next packet like this one would change nothing of the flow and need not be judged. */
static __always_inline int track_is_cacheable(const struct scratch *s, __u32 from)
{
	const struct packet *p = &s->packet;

	if (p->fragment != WHOLE || !stamp_holds(&s->stamp, STAMP_ALLOWED, s->fl.epoch, 0))
		return 0;
	if (!flow_cache_cacheable(s->now_ns, s->fl.created_ns))
		return 0;
	if (p->proto == IPPROTO_TCP)
		return s->fl.state == VPC_FLOW_ESTABLISHED && (p->tcp_flags & TCP_JUDGE) == TCP_ACK;
	return p->proto == IPPROTO_UDP &&
	       (s->fl.state == VPC_FLOW_STREAM || (s->fl.state == VPC_FLOW_ONE_WAY && !from));
}

/* Notes where the accepted packet goes, and stores it in the flow cache if the packets behind it may use that. */
static __always_inline void track_remember(struct scratch *s, __u32 from)
{
	const struct side *other = &s->side[(s->own ^ 1) & 1];

	s->target = other->eni;
	s->target_incarnation = other->incarnation;
	s->cacheable = (__u32)track_is_cacheable(s, from);
	if (s->cacheable && s->target)
		flow_cache_note(s); /* else it is stored when the gateway is known by which it leaves the VPC */
}

/*
 * Looks up the other direction of an appliance's flow, after the packet's own direction had none (vpc/abi/flow.h,
 * vpc_flow_key.via). The packet may answer a flow between others and a host behind the appliance. Leaves the scratch
 * set for that flow, or returns NULL.
 */
static __always_inline struct vpc_flow *track_answer(struct scratch *s)
{
	const struct packet *p = &s->packet;
	struct vpc_flow *f;
	__u32 own;

	if (p->proto == IPPROTO_TCP && tcp_opens(p->tcp_flags))
		return 0;
	s->via ^= 1;
	own = s->via & 1;
	flow_key(s, p, s->via);
	f = flow_get(s, SCRATCH_PACKET);
	return f && ((s->from ^ s->fl.opener) & 1) && s->fl.eni[own] == s->me &&
			       s->fl.incarnation[own] == s->my_incarnation
		       ? f
		       : 0;
}

/* Judges a packet of a known flow. Returns PASS, AGAIN, a reason, or OPEN_…: the packet must be judged as the first of
 * a flow. */
__noinline int track_known(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct vpc_flow *f;
	__u32 from, own, seen_before;
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	flow_key(s, &s->packet, s->via);
	f = flow_get(s, SCRATCH_PACKET);
	if (!f && s->via)
		f = track_answer(s);
	if (!f)
		return OPEN_NEW;
	from = (s->from ^ s->fl.opener) & 1;
	own = own_side(s, from) & 1;
	s->own = own;
	s->answers = from && !s->fl.eni[0];
	if (!s->fl.eni[own] && s->fl.state != VPC_FLOW_TOMBSTONE)
		return s->packet.proto == IPPROTO_TCP && tcp_opens(s->packet.tcp_flags) ? OPEN_NEW
											: track_approve(s, f, own);
	if (s->fl.eni[own] != s->me || s->fl.incarnation[own] != s->my_incarnation)
		return OPEN_NEW;
	rc = track_peer(s, f, own);
	if (!rc)
		rc = track_identity(s, from, own);
	if (rc)
		return rc;
	rc = judge_load_sides(which);
	if (rc)
		return rc == AGAIN ? AGAIN : OPEN_NEW;
	if (s->fl.state == VPC_FLOW_TOMBSTONE)
		return track_tombstone(s, f);
	/* Between two local ENIs both programs see the packet. The sender's has judged it and moves the state. Only the
	 * last ACK deletes the entry here, because this program is the last to look it up. */
	seen_before = s->direction == VPC_INGRESS && !s->via && s->fl.eni[own ^ 1];
	rc = seen_before ? PASS : track_asks(s, from);
	if (rc)
		return rc;
	if (!stamp_holds(&s->stamp, STAMP_ALLOWED, s->fl.epoch, 0)) {
		rc = track_judge_again(s, f);
		if (rc == VPC_DROP_REVOKED && s->packet.proto == IPPROTO_TCP && tcp_opens(s->packet.tcp_flags))
			return OPEN_NEW; /* the packet answered a SYN that is cut, and opens a connection of its own */
		if (rc)
			return rc;
	}
	if (!seen_before)
		track_step(s, f, from);
	else if (track_is_last(s, from))
		flow_over(&s->ctx, &s->key, f);
	else
		track_seen(s, f);
	if (s->direction == VPC_EGRESS && !s->via)
		track_remember(s, from);
	else if (s->gateway && !s->via && track_is_cacheable(s, from))
		flow_cache_note(s); /* the packet came by an uplink */
	return PASS;
}

/* Judges the packet in the scratch, which is a whole packet or a first fragment and no ICMP error. Returns PASS, AGAIN
 * or a reason. */
static __always_inline int track(void)
{
	int rc = track_known(SCRATCH_PACKET);

	return verdict_opens(rc) ? open_flow(SCRATCH_PACKET, rc) : rc;
}

#endif
