/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP errors. No rule allows or refuses them. An error belongs to the flow of the packet that it quotes. It passes if
 * that flow is allowed, the receiver of the error sent the quoted packet, and this port's ENI is a side of the flow. An
 * error doesn't keep a flow alive.
 */
#ifndef BPF_LIB_RELATED_H
#define BPF_LIB_RELATED_H

#include "lib/flow/track.h"

/* No host sends an error in fragments. The quotation must be judged as the receiver reads it, and a later fragment
 * could add the rest of it. */
static __always_inline int icmp_error_in_fragments(const struct packet *p)
{
	return p->icmp_kind == ICMP_ERROR && p->fragment != WHOLE;
}

/* Looks up the quoted packet's flow in the direction `via`. Returns PASS, AGAIN or a reason. */
__noinline int related_flow(__u32 which, __u32 via)
{
	struct scratch *s = scratch_get(which);
	struct vpc_flow *f;
	__u32 from, own;
	int rc;

	if (!s)
		return VPC_DROP_ICMP_UNRELATED;
	flow_key(s, &s->quoted, via);
	f = flow_get(s, SCRATCH_PACKET);
	if (!f)
		return VPC_DROP_ICMP_UNRELATED;
	from = (s->from ^ s->fl.opener) & 1;
	/* an error to the workload: the workload sent the quoted packet; an error from it: it received the quoted
	 * packet */
	own = via ? via & 1 : (s->direction == VPC_INGRESS ? from : from ^ 1);
	own &= 1;
	s->answers = own && !s->fl.eni[0];
	if (s->fl.eni[own] != s->me || s->fl.incarnation[own] != s->my_incarnation)
		return VPC_DROP_ICMP_UNRELATED;
	rc = judge_load_sides(which);
	if (rc)
		return rc == AGAIN ? AGAIN : VPC_DROP_ICMP_UNRELATED;
	if (s->fl.state == VPC_FLOW_TOMBSTONE) /* it may be allowed again, but an error doesn't revive a flow */
		return !stamp_holds(&s->stamp, STAMP_REFUSED, s->fl.epoch, 0) && judge_again(which) == PASS
			       ? PASS
			       : VPC_DROP_ICMP_UNRELATED;
	rc = stamp_holds(&s->stamp, STAMP_ALLOWED, s->fl.epoch, 0) ? PASS : track_judge_again(s, f);
	return rc == OPEN_NEW ? VPC_DROP_ICMP_UNRELATED : rc;
}

/* Judges the ICMP error in the scratch's packet. Returns PASS, AGAIN or a reason. */
__noinline int related(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	const struct packet *q;
	int rc;

	if (!s)
		return VPC_DROP_ICMP_UNRELATED;
	if (s->packet.l4 + 8 >= s->packet.end || parse_packet(skb, s->packet.l4 + 8, s->packet.family, s->packet.end))
		return VPC_DROP_ICMP_UNRELATED;
	q = &s->quoted;
	if (q->fragment == FRAGMENT_LATER || q->icmp_kind == ICMP_ERROR || q->icmp_kind == ICMP_REFUSED ||
	    q->icmp_kind == ICMP_ND || !address_equal(q->src, s->packet.dst))
		return VPC_DROP_ICMP_UNRELATED;
	rc = admit(SCRATCH_PACKET);
	if (rc)
		return rc;
	rc = related_flow(SCRATCH_PACKET, s->via);
	/* An appliance's own error about a packet that it was to forward. */
	if (rc == VPC_DROP_ICMP_UNRELATED && s->direction == VPC_EGRESS && !s->via &&
	    !(s->my_flags & VPC_ENI_SOURCE_DEST_CHECK))
		rc = related_flow(SCRATCH_PACKET, s->me << 1 | 1);
	/* Another host's error about a flow between others and a host behind the appliance. */
	if (rc == VPC_DROP_ICMP_UNRELATED && s->via)
		rc = related_flow(SCRATCH_PACKET, s->via ^ 1);
	return rc;
}

#endif
