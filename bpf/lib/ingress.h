/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is about to reach a workload from the bridge or the router: tc egress of its port. */
#ifndef BPF_LIB_INGRESS_H
#define BPF_LIB_INGRESS_H

#include "lib/egress.h"

/* Whether the router itself made the packet: it entered at no port, and its source is the ENI's gateway. Of the
 * router's packets only errors about the ENI's flows are let in. Echo is answered at the port. */
static __always_inline int ingress_is_gateway(const struct scratch *s, const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;

	if (!s->from_router || (s->mark & VPC_MARK_KIND) == VPC_MARK_ENI)
		return 0;
	return p->family == 4 ? me->gateway4 && p->src[3] == me->gateway4 : address_is_gateway6(p->src);
}

static __always_inline int ingress_refused(const struct scratch *s, int gateway)
{
	const struct packet *p = &s->packet;
	int rc;

	if (address_is_multicast(p->family, p->dst))
		return VPC_DROP_MULTICAST;
	if (address_is_multicast(p->family, p->src))
		return VPC_DROP_SPECIAL_ADDRESS;
	rc = address_special(p->family, p->src);
	if (rc && !(gateway && p->icmp_kind == ICMP_ERROR))
		return rc;
	return address_special(p->family, p->dst);
}

/* Asks the network ACL of the receiver's subnet about a packet from outside the VPC. A packet of an ENI was judged at
 * that ENI's own port. No ACL is asked about the router's own packets. */
static __always_inline int ingress_acl(struct scratch *s, int gateway)
{
	if (gateway || (s->mark & VPC_MARK_KIND) == VPC_MARK_ENI || !acl_asked(s))
		return PASS;
	return acl_of(SCRATCH_PACKET, s->me, VPC_INGRESS);
}

static __always_inline int ingress_ip(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;
	int gateway = ingress_is_gateway(s, me), rc = ingress_refused(s, gateway);

	if (rc)
		return rc;
	if (!(s->my_flags & VPC_ENI_SOURCE_DEST_CHECK) && address_owner(s, p->dst) != s->me)
		s->via = s->me << 1 | 1;
	if (p->fragment == FRAGMENT_LATER) {
		rc = admit(SCRATCH_PACKET);
		return rc ? rc : fragment_follow(s);
	}
	if (p->icmp_kind == ICMP_REFUSED || icmp_error_in_fragments(p))
		return VPC_DROP_ICMP_UNRELATED;
	if (p->icmp_kind == ICMP_ND)
		return VPC_DROP_FORGED_ND;
	rc = ingress_acl(s, gateway);
	if (rc)
		return rc;
	return p->icmp_kind == ICMP_ERROR ? related(skb) : track();
}

/* Returns VPC_PEER_WORD() of the ENI of a peered VPC that sent the packet, by the packet's mark; 0: none did. */
static __always_inline __u32 ingress_peer(const struct scratch *s)
{
	__u32 number = s->mark & VPC_NUMBER_MASK;
	struct vpc_eni *e = (s->mark & VPC_MARK_KIND) == VPC_MARK_PEER ? eni_get(number) : 0;

	return e ? VPC_PEER_WORD(number, READ_ONCE(e->incarnation)) : 0;
}

/* Judges the frame at the current epoch. Returns PASS, AGAIN or a reason. */
__noinline int ingress_judge(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct vpc_eni *me;
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	rc = port_begin(skb, s, VPC_INGRESS);
	if (!rc)
		rc = port_ethernet(skb, s);
	if (rc)
		return rc;
	if (s->ethertype != bpf_htons(ETH_P_IP) && s->ethertype != bpf_htons(ETH_P_IPV6))
		return VPC_DROP_ETHERTYPE;
	if (s->dmac[0] & 1)
		return VPC_DROP_MULTICAST;
	s->peer = ingress_peer(s);
	me = eni_get(s->me);
	if (!me)
		return VPC_DROP_NOT_READY;
	if (!mac_equal(s->dmac, me->mac))
		return VPC_DROP_WRONG_DESTINATION;
	rc = parse_packet(skb, ETH_HLEN, s->ethertype == bpf_htons(ETH_P_IP) ? 4 : 6, 0);
	if (rc)
		return rc;
	rc = ingress_ip(skb, s, me);
	if (!rc && s->packet.fragment == FRAGMENT_FIRST)
		fragment_remember(s);
	return rc;
}

#endif
