/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a workload sends, on the slow path: tc ingress of its port. */
#ifndef BPF_LIB_EGRESS_H
#define BPF_LIB_EGRESS_H

#include "lib/local/arp.h"
#include "lib/packet/checksum.h"
#include "lib/local/dhcp.h"
#include "lib/local/echo.h"
#include "lib/flow/fragment.h"
#include "lib/local/nd.h"
#include "lib/packet/redirect.h"
#include "lib/packet/reset.h"
#include "lib/flow/related.h"
#include "lib/rules/acl.h"

/* Finds the ENI whose port it is, and reads the epoch to judge by. Returns PASS, AGAIN or NOT_READY. */
static __always_inline int port_begin(struct __sk_buff *skb, struct scratch *s, __u32 direction)
{
	struct vpc_eni *e;
	int in_force;

	s->me = skb->ifindex;
	s->direction = direction;
	s->length = skb->len;
	s->now_ns = bpf_ktime_get_coarse_ns();
	s->culprit = 0;
	s->admitted = 0;
	s->from_router = skb->ingress_ifindex == 0;
	s->via = 0;
	s->target = 0;
	s->hop = 0;
	s->problem = 0;
	s->hop_routed = 0;
	s->gateway = 0;
	s->route_known = 0;
	s->source_asked = 0;
	s->peer = 0;
	s->answers = 0;
	s->cacheable = 0;
	s->next_mtu = 0;
	s->acl_receiver = 0;
	s->end[0].eni = 0;
	s->end[1].eni = 0;
	s->ethertype = 0;
	s->packet.proto = 0;
	s->packet.icmp_kind = ICMP_NONE;
	s->packet.sport = 0;
	s->packet.dport = 0;
	__builtin_memset(s->packet.src, 0, 32);
	state_begin(s);
	e = eni_get(s->me);
	if (!e)
		return VPC_DROP_NOT_READY;
	s->vpc = e->vpc;
	s->my_flags = READ_ONCE(e->flags);
	s->my_incarnation = READ_ONCE(e->incarnation);
	in_force = versioned_read(&e->set, s->epoch);
	if (in_force <= 0)
		return in_force ? AGAIN : VPC_DROP_NOT_READY;
	return PASS;
}

static __always_inline int port_ethernet(struct __sk_buff *skb, struct scratch *s)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;

	if (data + ETH_HLEN <= end) {
		mac_copy(s->dmac, data);
		mac_copy(s->smac, data + ETH_ALEN);
		s->ethertype = *(const u16_alias *)(data + 2 * ETH_ALEN);
	} else if (bpf_skb_load_bytes(skb, 0, s->dmac, ETH_HLEN)) { /* the header isn't in the linear part */
		return VPC_DROP_MALFORMED;
	}
	return skb->vlan_present ? VPC_DROP_ETHERTYPE : PASS;
}

static __always_inline int egress_is_for_gateway(const struct packet *p, const struct vpc_eni *me)
{
	return p->family == 4 ? me->gateway4 && p->dst[3] == me->gateway4 : address_is_gateway6(p->dst);
}

static __always_inline int egress_is_echo(const struct packet *p)
{
	if (p->family == 4)
		return p->proto == IPPROTO_ICMP && (p->fragment == FRAGMENT_LATER || p->icmp_type == 8);
	return p->proto == IPPROTO_ICMPV6 && (p->fragment == FRAGMENT_LATER || p->icmp_type == 128);
}

/* Judges a packet to the ENI's own gateway. Echo is answered without a group or a flow. Its source must be the ENI's
 * own: one of its addresses, or the link-local address of its MAC. A packet that an appliance forwards has another
 * source. */
static __always_inline int egress_to_gateway(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;
	int asks = egress_is_echo(p), rc = PASS;

	if (!mac_equal(s->dmac, me->gateway_mac))
		return VPC_DROP_WRONG_DESTINATION;
	if ((asks || (s->my_flags & VPC_ENI_SOURCE_DEST_CHECK)) &&
	    !(p->family == 6 && address_is_link_local_of(p->src, me->mac)) && address_owner(s, p->src) != s->me)
		return VPC_DROP_FORGED_SOURCE;
	if (!asks)
		return VPC_DROP_GATEWAY_CLOSED;
	s->end[0].eni = s->me;
	s->end[0].owns = 1;
	if (p->fragment == FRAGMENT_LATER)
		rc = fragment_follow(s);
	else if (p->fragment == FRAGMENT_FIRST)
		fragment_remember(s);
	return rc ? rc : echo(skb);
}

/* Refuses addresses and protocols that are never carried. Returns PASS or a reason. */
static __always_inline int egress_refused(struct scratch *s, const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;
	int rc;

	if ((s->dmac[0] & 1) || address_is_multicast(p->family, p->dst))
		return VPC_DROP_MULTICAST;
	if (p->family == 4 && me->mask4 != 0xffffffff && p->dst[3] == (me->subnet4 | ~me->mask4))
		return VPC_DROP_MULTICAST;
	if (address_is_multicast(p->family, p->src))
		return VPC_DROP_SPECIAL_ADDRESS;
	rc = address_special(p->family, p->src);
	if (!rc)
		rc = address_special(p->family, p->dst);
	return !rc && dhcp_offered(p) ? VPC_DROP_DHCP_SERVER : rc;
}

/*
 * Asks the network ACLs about the packet in the scratch: first that of the sender's subnet, then that of the
 * receiver's, if an ENI of the VPC is the receiver. They are asked about each packet before its flow is looked up: ACLs
 * are stateless, and a denied packet moves no flow. Returns PASS, AGAIN or a reason.
 */
static __always_inline int egress_acl(struct scratch *s)
{
	int rc;

	s->acl_receiver = 0;
	if (!acl_asked(s))
		return PASS;
	rc = admit(SCRATCH_PACKET);
	if (rc)
		return rc;
	s->acl_receiver = s->hop ? s->hop : s->end[1].eni;
	return acl_between(SCRATCH_PACKET, s->me, s->acl_receiver);
}

/* Asks the ACL of the sender's subnet again about an answer to a published port. It leaves the VPC, whatever the route
 * table says. */
static __always_inline int egress_acl_again(struct scratch *s)
{
	if (!s->acl_receiver || gateway_kind(s->gateway) != VPC_EDGE_PUBLISHED || s->packet.fragment == FRAGMENT_LATER)
		return PASS;
	return acl_between(SCRATCH_PACKET, s->me, 0);
}

static __always_inline int egress_ip(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;
	int rc;

	if (dhcp_asked(p, me))
		return p->family == 4 ? dhcp4(skb) : dhcp6(skb);
	if (!(s->dmac[0] & 1) && (p->family == 6 || mac_equal(s->dmac, me->gateway_mac)) &&
	    egress_is_for_gateway(p, me))
		return egress_to_gateway(skb, s, me);
	rc = egress_refused(s, me);
	if (rc)
		return rc;
	if (!(s->my_flags & VPC_ENI_SOURCE_DEST_CHECK) && address_owner(s, p->src) != s->me)
		s->via = s->me << 1;
	route_early(SCRATCH_PACKET);
	if (p->fragment == FRAGMENT_LATER) {
		rc = admit(SCRATCH_PACKET);
		return rc ? rc : fragment_follow(s);
	}
	if (p->icmp_kind == ICMP_REFUSED || icmp_error_in_fragments(p))
		return VPC_DROP_ICMP_UNRELATED;
	rc = egress_acl(s);
	if (rc)
		return rc;
	return p->icmp_kind == ICMP_ERROR ? related(skb) : track();
}

/* This function and the next are not inlined: what calls track() has little stack on 6.1, where all calls have 512
 * bytes. */
__noinline int egress_begin(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	rc = port_begin(skb, s, VPC_EGRESS);
	return rc ? rc : port_ethernet(skb, s);
}

/* Whether the parsed packet's checksum refuses it. A packet is fragmented only after its checksum is complete, so a
 * fragment with a partial one is refused. */
__noinline int checksum_refused(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	if (!s)
		return 1;
	return s->packet.fragment ? checksum_is_partial(skb)
				  : checksum_is_elsewhere(skb, s->packet.l4, s->packet.proto);
}

/* Finds where an accepted packet goes that is for no local ENI. Returns PASS, AGAIN or a reason. */
static __always_inline int egress_route(struct scratch *s)
{
	struct vpc_eni *me = s->via && !s->hop ? eni_get(s->me) : 0;

	if (me && mac_equal(s->dmac, me->gateway_mac)) {
		int rc = route_forwarded(SCRATCH_PACKET);

		if (rc)
			return rc;
	}
	if (s->target || (s->admitted && s->end[1].eni) || (s->hop && !s->hop_routed))
		return PASS;
	return route_gateway(SCRATCH_PACKET);
}

/* Judges the frame at the current epoch. Returns PASS, ANSWERED, AGAIN or a reason. */
__noinline int egress_judge(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct vpc_eni *me;
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	rc = egress_begin(skb);
	if (rc)
		return rc;
	if (s->ethertype != bpf_htons(ETH_P_ARP) && s->ethertype != bpf_htons(ETH_P_IP) &&
	    s->ethertype != bpf_htons(ETH_P_IPV6))
		return VPC_DROP_ETHERTYPE;
	me = eni_get(s->me);
	if (!me)
		return VPC_DROP_NOT_READY;
	if (!mac_equal(s->smac, me->mac))
		return VPC_DROP_FORGED_MAC;
	if (s->ethertype == bpf_htons(ETH_P_ARP))
		return arp(skb);
	rc = parse_packet(skb, ETH_HLEN, s->ethertype == bpf_htons(ETH_P_IP) ? 4 : 6, 0);
	if (rc)
		return rc;
	if (checksum_refused(skb))
		return VPC_DROP_MALFORMED;
	if (s->packet.icmp_kind == ICMP_ND)
		return nd(skb);
	if (s->packet.tcp_flags & TCP_RST)
		reset_note(skb);
	rc = egress_ip(skb, s, me);
	if (!rc)
		rc = egress_route(s);
	if (!rc)
		rc = egress_acl_again(s);
	if (!rc && s->gateway && s->cacheable)
		flow_cache_note(s);
	if (!rc && s->packet.fragment == FRAGMENT_FIRST)
		fragment_remember(s);
	return rc;
}

/* Decides how an accepted packet is sent to the ENI that track() named. to: that ENI's row. The frame is for that
 * ENI. */
static __always_inline enum action deliver_action(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *to)
{
	const struct packet *p = &s->packet;
	struct frame f = {.macs = s->dmac, .bytes = skb->len - ETH_HLEN, .hop_limit = p->hop_limit};
	__u32 fixed = p->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct vpc_eni *me = eni_get(s->me);

	if (!to || !me || p->fragment != WHOLE || p->l4 - p->l3 != fixed)
		return FORWARD_UP;
	if (to->vpc != me->vpc || READ_ONCE(to->incarnation) != s->target_incarnation)
		return FORWARD_UP;
	if (skb->gso_size && p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return FORWARD_UP;
	f.headers = fixed + (p->proto == IPPROTO_TCP ? p->upper : 8);
	return forward_action(skb, me, to, &f);
}

/* Makes sure that the frame has its receiver's MAC. A sender that has another one in its neighbour table isn't told.
 * Returns 0 if the frame can't be written. */
static __always_inline int deliver_address(struct __sk_buff *skb, struct scratch *s, const struct vpc_eni *to)
{
	if (mac_equal(s->dmac, to->mac))
		return 1;
	mac_copy(s->dmac, to->mac);
	return !bpf_skb_store_bytes(skb, 0, s->dmac, ETH_ALEN, 0);
}

/* Sends an accepted packet by the fast path to the ENI that has its destination. route.h is not called:
 * forward_action() checks the same. Returns what the program ends with, or FAST_NOT: deliver() sends it. Neither is
 * inlined, so that their stack isn't added to that of each path (512 bytes on 6.1). */
static __noinline int deliver_fast(struct __sk_buff *skb, struct scratch *s)
{
	struct vpc_eni *to = s->target ? eni_get(s->target) : 0;
	enum action action;

	if (!to || (s->hop && s->hop != s->target))
		return FAST_NOT;
	if (s->hop && !deliver_address(skb, s, to))
		return drop_packet(VPC_DROP_NO_MEMORY);
	action = deliver_action(skb, s, to);
	return action == (s->hop ? FORWARD_SWITCHED : FORWARD_ROUTED) ? redirect_to(skb, to, s->target, action)
								      : FAST_NOT;
}

/* Sends the frame to the port of the ENI that it is for. Returns what the program ends with. */
static __always_inline int deliver_hop(struct __sk_buff *skb, struct scratch *s)
{
	struct vpc_eni *to = eni_get(s->hop);

	if (!to || to->vpc != s->vpc)
		return drop_packet(VPC_DROP_WRONG_DESTINATION);
	if (s->hop_routed)
		return redirect_route_to(skb, to) ? drop_packet(VPC_DROP_NO_MEMORY)
						  : redirect_to(skb, to, s->hop, FORWARD_PORT);
	return deliver_address(skb, s, to) ? redirect_to(skb, to, s->hop, FORWARD_PORT)
					   : drop_packet(VPC_DROP_NO_MEMORY);
}

/* Sends an accepted packet on by the slow path. Returns what the program ends with. */
static __noinline int deliver(struct __sk_buff *skb, struct scratch *s)
{
	return s->hop ? deliver_hop(skb, s) : redirect_up(skb);
}

#endif
