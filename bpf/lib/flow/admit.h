/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the two ends of the current packet: fills the scratch's `end`, or refuses the packet. A packet of a known flow
 * is not admitted again: taking an address from an ENI raises its gen_revoke, so that the flow is judged again.
 */
#ifndef BPF_LIB_ADMIT_H
#define BPF_LIB_ADMIT_H

#include "lib/rules/judge.h"
#include "lib/route/routes.h"
#include "lib/packet/route.h"

/*
 * Finds the ENI that a frame is for when it isn't for the gateway's MAC. owner: the ENI that has the packet's
 * destination address; 0: none. other: its row. Returns 0 when the frame is for nobody.
 *
 * A frame for an appliance's MAC is for the appliance, whatever the packet's address is, unless the appliance is
 * attached to nothing. Any other MAC that isn't the owner's belongs to an earlier owner of the address, whom the sender
 * still has in its neighbour table. So the address decides.
 */
static __always_inline __u32 admit_hop(struct scratch *s, const struct vpc_eni *me, __u32 owner,
				       const struct vpc_eni *other)
{
	__u32 number;
	struct vpc_eni *e;

	if (other && other->subnet != me->subnet)
		other = 0;
	if (other && mac_equal(s->dmac, other->mac))
		return owner;
	number = address_mac_owner(s, me->subnet, s->dmac);
	if (number == s->me)
		return 0;
	e = number ? eni_get(number) : 0;
	if (e && e->vpc == s->vpc && e->subnet == me->subnet &&
	    !(READ_ONCE(e->flags) & (VPC_ENI_SOURCE_DEST_CHECK | VPC_ENI_DETACHED)))
		return number;
	return other ? owner : 0;
}

static __always_inline int admit_egress(struct scratch *s)
{
	const struct packet *p = &s->packet;
	struct vpc_eni *me = eni_get(s->me), *other;
	__u32 owner;

	if (!me)
		return VPC_DROP_NOT_READY;
	s->end[0].owns = address_owner(s, p->src) == s->me;
	s->end[0].eni = s->me;
	s->end[1].eni = 0;
	s->end[1].owns = 0;
	if (!s->end[0].owns && (s->my_flags & VPC_ENI_SOURCE_DEST_CHECK))
		return VPC_DROP_FORGED_SOURCE;
	owner = address_owner(s, p->dst);
	other = owner ? eni_get(owner) : 0;
	if (other && other->vpc != s->vpc)
		other = 0;
	if (owner == s->me)
		return VPC_DROP_WRONG_DESTINATION;
	if (!s->hop_routed)
		s->hop = 0;
	if (!mac_equal(s->dmac, me->gateway_mac)) {
		s->hop = admit_hop(s, me, owner, other);
		if (!s->hop)
			return VPC_DROP_WRONG_DESTINATION;
		/* The packet goes to an appliance. The address doesn't say who receives it, so only CIDR rules can
		 * allow it. */
		if (s->hop != owner)
			return PASS;
	}
	if (other && READ_ONCE(other->flags) & VPC_ENI_DETACHED)
		return VPC_DROP_UNKNOWN_DESTINATION;
	if (other) {
		s->end[1].eni = owner;
		s->end[1].owns = 1;
		return PASS;
	}
	/* Whether a gateway leads to the destination matters when a flow is opened, and when the packet is sent
	 * (route_gateway). An answer may leave by a gateway that no route table names. */
	if (address_in_space(s, p->family, p->dst))
		return VPC_DROP_UNKNOWN_DESTINATION;
	if (!s->route_known)
		s->route_rc = route_out(SCRATCH_PACKET);
	s->route_known = 1;
	return PASS;
}

/* Whether the subnet's router made the packet, with its own address as the source. */
static __always_inline int admit_is_router(struct scratch *s)
{
	struct vpc_eni *me = eni_get(s->me);

	return me && s->from_router && s->packet.family == 4 && s->packet.src[3] == me->gateway4;
}

/* Finds the sender of a packet that is about to be received. An ENI's address counts as that ENI's only if the packet
 * entered at the ENI's own port, which the mark says. */
static __always_inline int admit_source(struct scratch *s)
{
	__u32 owner = address_owner(s, s->packet.src), entered;
	struct vpc_eni *e;

	s->end[0].eni = 0;
	s->end[0].owns = 0;
	if ((s->mark & VPC_MARK_KIND) != VPC_MARK_ENI)
		return owner || (address_in_space(s, s->packet.family, s->packet.src) && !admit_is_router(s))
			       ? VPC_DROP_FORGED_SOURCE
			       : PASS;
	entered = s->mark & VPC_NUMBER_MASK;
	e = eni_get(entered);
	if (!e || e->vpc != s->vpc)
		return VPC_DROP_FORGED_SOURCE;
	if (owner == entered) {
		s->end[0].eni = entered;
		s->end[0].owns = 1;
		return PASS;
	}
	/* an appliance forwarded it: only CIDR rules apply */
	return READ_ONCE(e->flags) & VPC_ENI_SOURCE_DEST_CHECK ? VPC_DROP_FORGED_SOURCE : PASS;
}

static __always_inline int admit_ingress(struct scratch *s)
{
	s->end[1].eni = s->me;
	s->end[1].owns = address_owner(s, s->packet.dst) == s->me;
	if (!s->end[1].owns && (s->my_flags & VPC_ENI_SOURCE_DEST_CHECK))
		return VPC_DROP_WRONG_DESTINATION;
	return admit_source(s);
}

/* Fills the scratch's `end` once per packet; a second call returns at once. Returns PASS or a reason. */
__noinline int admit(__u32 which)
{
	struct scratch *s = scratch_get(which);
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	if (s->admitted)
		return PASS;
	rc = s->direction == VPC_EGRESS ? admit_egress(s) : admit_ingress(s);
	s->admitted = !rc;
	return rc;
}

/* Loads the ends as sides of a flow, of which end[opening] is the opener. Returns PASS, AGAIN, or NOT_READY with the
 * scratch's culprit set. */
static __always_inline int admit_load(struct scratch *s, __u32 opening)
{
	int rc;

	sides_clear(s);
	s->opener = (s->from ^ opening) & 1;
	for (__u32 i = 0; i < 2; i++) {
		const struct end *end = &s->end[(i ^ opening) & 1];

		if (!end->eni && s->peer) {
			rc = side_load_peer(s, i, s->peer);
			if (rc)
				return rc;
		}
		if (!end->eni)
			continue;
		rc = side_load(s, i, end->eni, 0, end->owns);
		if (verdict_is_reason(rc)) {
			s->culprit = end->eni;
			s->culprit_direction = i ? VPC_INGRESS : VPC_EGRESS;
		}
		if (rc)
			return rc;
	}
	return PASS;
}

#endif
