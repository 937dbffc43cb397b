/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New flows: which packet may open one, and how its entry is stored. */
#ifndef BPF_LIB_OPEN_H
#define BPF_LIB_OPEN_H

#include "lib/flow/admit.h"
#include "lib/flow/move.h"
#include "lib/flow/syn_cache.h"

/* Turns the tombstone in the scratch's fl back into what it was, after its flow was allowed again. Returns AGAIN or
 * FLOW_TABLE. */
static __always_inline int open_revive(struct scratch *s)
{
	int rc;

	s->fl.state = s->fl.saved_state;
	s->fl.epoch = s->epoch;
	s->fl.rule[0] = s->rules[0];
	s->fl.rule[1] = s->rules[1];
	s->fl.grace_until[0] = 0;
	s->fl.grace_until[1] = 0;
	s->fl.last_seen_ns = s->now_ns;
	flow_set_timeout(s);
	event_flow(SCRATCH_PACKET, VPC_EVENT_REJUDGE);
	rc = flow_insert(SCRATCH_PACKET, 1);
	if (rc)
		return rc;
	if (s->fl.state == VPC_FLOW_ESTABLISHED || s->fl.state == VPC_FLOW_STREAM)
		flow_promote(SCRATCH_PACKET);
	return AGAIN;
}

/* Judges end[opening] as the opener. Returns PASS, AGAIN or a reason. */
static __always_inline int open_judge(struct scratch *s, __u32 opening)
{
	int rc;

	s->culprit = 0;
	rc = admit_load(s, opening);
	return rc ? rc : judge_flow(SCRATCH_PACKET);
}

static __always_inline int open_pickup_wanted(const struct scratch *s)
{
	__u32 zero = 0;
	struct vpc_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	return c && s->now_ns < READ_ONCE(c->pickup_until_ns) && !s->via && !(s->packet.tcp_flags & TCP_RST);
}

/* Judges a TCP packet of a connection whose SYN nobody saw, while such connections are picked up: first as the opener's
 * packet, then as the responder's. */
static __always_inline int open_pickup(struct scratch *s)
{
	int rc;

	s->fl.state = VPC_FLOW_ESTABLISHED;
	if (s->packet.tcp_flags & TCP_SYN) { /* a SYN-ACK is always the responder's */
		s->fl.state = VPC_FLOW_SYN_RECEIVED;
		return open_judge(s, 1);
	}
	rc = open_judge(s, 0);
	return verdict_is_reason(rc) ? open_judge(s, 1) : rc;
}

/* Looks up `flow` once more. A lookup misses an entry in both maps when it moves from flow_new to `flow` in between. */
static __always_inline int open_overlooked(struct scratch *s)
{
	struct vpc_flow *f = bpf_map_lookup_elem(&flow, &s->key);

	return !s->found && f && READ_ONCE(f->tag) == s->tag;
}

/* Judges whether the packet may open a flow. Sets fl's state and flags to those that the flow begins with. */
static __always_inline int open_verdict(struct scratch *s, int how)
{
	const struct packet *p = &s->packet;
	int rc;

	s->fl.flags =
		s->direction == VPC_INGRESS && s->mark == (VPC_MARK_EDGE | VPC_MARK_HOST_IGW) ? VPC_FLOW_FROM_HOST : 0;
	s->fl.state = VPC_FLOW_ONE_WAY;
	if (p->icmp_kind == ICMP_REPLY)
		return VPC_DROP_NO_FLOW;
	if (p->proto == IPPROTO_TCP) {
		s->fl.state = VPC_FLOW_SYN_SENT;
		if (!tcp_opens(p->tcp_flags)) {
			if (how != OPEN_NEW || !open_pickup_wanted(s))
				return open_overlooked(s) ? AGAIN : VPC_DROP_NO_FLOW;
			s->fl.flags |= VPC_FLOW_PICKED_UP;
			rc = open_pickup(s);
			return verdict_is_reason(rc) ? VPC_DROP_NO_FLOW : rc;
		}
	} else if (p->proto != IPPROTO_UDP && p->icmp_kind == ICMP_NONE) {
		s->fl.state = VPC_FLOW_OTHER;
	}
	rc = open_judge(s, 0);
	return verdict_is_reason(rc) && p->proto == IPPROTO_UDP && open_overlooked(s) ? AGAIN : rc;
}

/* Keeps the entry that there is, and notes that it was used. The rules have counted the packet, so an event tells of
 * it: vpcd compares the two. */
static __always_inline int open_note(struct scratch *s)
{
	struct vpc_flow *f = flow_lookup(s);

	s->fl.rule[0] = s->rules[0];
	s->fl.rule[1] = s->rules[1];
	event_flow(SCRATCH_PACKET, VPC_EVENT_REJUDGE);
	if (f)
		flow_seen(s, f);
	return PASS;
}

static __always_inline void open_fill(struct scratch *s)
{
	struct vpc_flow *f = &s->fl;

	flow_begin(f, &s->ctx, s->opener);
	for (__u32 i = 0; i < 2; i++)
		flow_begin_side(f, i, s->side[i].eni, s->side[i].incarnation, s->rules[i]);
	f->icmp_type = s->key.icmp_type;
	f->icmp_code = s->key.icmp_code;
	flow_set_timeout(s);
}

/* Checks the shares, which count established flows, when a connection opens. */
static __always_inline int open_budget(struct scratch *s)
{
	int full;

	if (s->key.proto != IPPROTO_TCP)
		return PASS;
	full = share_left(s->key.vpc, s->side[0].eni, s->side[1].eni, 0);
	if (full == SHARE_LEFT)
		return PASS;
	s->culprit = s->side[full & 1].eni;
	s->culprit_direction = full == SHARE_RESPONDER_FULL ? VPC_INGRESS : VPC_EGRESS;
	return VPC_DROP_FLOW_BUDGET;
}

/* Whether an appliance sent the packet with the address of another ENI. No entry is stored of it: what is sent to that
 * ENI would look like the answer to something that it never sent. */
static __always_inline int open_in_anothers_name(struct scratch *s)
{
	return s->direction == VPC_INGRESS && !s->via && !s->end[0].eni && (s->mark & VPC_MARK_KIND) == VPC_MARK_ENI &&
	       address_owner(s, s->packet.src);
}

/* Whether the entry is of the ENIs that were judged. An address may have another owner by now. */
static __always_inline int open_is_same(const struct scratch *s)
{
	return s->fl.eni[0] == s->side[0].eni && s->fl.incarnation[0] == s->side[0].incarnation &&
	       s->fl.eni[1] == s->side[1].eni && s->fl.incarnation[1] == s->side[1].incarnation;
}

/* Restores the key of the packet's own direction, under which an appliance's new flow is stored, after track_answer()
 * tried the other. */
static __always_inline void open_own_direction(struct scratch *s)
{
	__u32 via = s->me << 1 | (s->direction == VPC_INGRESS);

	if (!s->via || s->via == via)
		return;
	s->via = via;
	flow_key(s, &s->packet, via);
	s->found = flow_lookup(s) != 0;
}

/* Whether a gateway or route lets the flow be opened. Nobody outside opens a flow through a NAT gateway or an
 * egress-only internet gateway. */
static __always_inline int open_by_gateway(struct scratch *s)
{
	s->answers = 0;
	if (s->direction == VPC_EGRESS)
		return s->route_known ? s->route_rc : PASS;
	return s->mark == (VPC_MARK_EDGE | VPC_EDGE_NAT) || s->mark == (VPC_MARK_EDGE | VPC_EDGE_EIGW)
		       ? VPC_DROP_NO_INBOUND
		       : PASS;
}

static __always_inline int open_forestalls(struct scratch *s)
{
	struct vpc_host_flows *h = share_host();

	return h && young_forestall(h, &s->key, s->tag, &s->barrier);
}

/* Judges the packet as the first of a flow. how: OPEN_…. Returns PASS, AGAIN or a reason. */
__noinline int open_flow(__u32 which, int how)
{
	struct scratch *s = scratch_get(which);
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	open_own_direction(s);
	rc = admit(which);
	if (!rc)
		rc = open_by_gateway(s);
	if (!rc && how == OPEN_NEW && open_in_anothers_name(s))
		how = OPEN_ONCE;
	if (!rc)
		rc = open_verdict(s, how);
	if (rc || how == OPEN_ONCE)
		return rc;
	if (s->direction == VPC_EGRESS && !s->via) {
		s->target = s->end[1].eni;
		s->target_incarnation = s->side[1].eni == s->end[1].eni ? s->side[1].incarnation : 0;
	}
	if (how == OPEN_KEEP && open_is_same(s))
		return open_note(s);
	rc = open_budget(s);
	if (rc)
		return rc;
	if (s->key.proto == IPPROTO_TCP && !s->via && !open_forestalls(s))
		return AGAIN;
	open_fill(s);
	if (s->found || s->fl.state != VPC_FLOW_SYN_SENT || flow_insert_fast_path(which) == FLOW_NOT_INSERTED) {
		rc = flow_insert(which, s->found);
		if (rc)
			return rc;
	}
	event_flow(which, VPC_EVENT_OPEN);
	if (s->direction == VPC_EGRESS && !s->via && s->fl.state == VPC_FLOW_SYN_SENT)
		syn_cache_note(s);
	if (s->fl.state == VPC_FLOW_ESTABLISHED)
		flow_promote(which);
	return PASS;
}

#endif
