/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drops what the router or the bridge would drop behind us, and gives it a reason. The router's and the bridge's own
 * drops are seen by nobody.
 */
#ifndef BPF_LIB_ROUTE_H
#define BPF_LIB_ROUTE_H

#include "lib/core/limit.h"
#include "lib/packet/options.h"
#include "lib/packet/redirect.h"

#define IP_DF	    0x4000
#define VLAN_HEADER 4 /* bridges leave room for one VLAN tag (is_skb_forwardable) */

/* Whether the router's errors about the packet would go to another ENI. That is so when an appliance forwards the
 * packet and its source is that ENI's address. The error would quote a flow of that ENI, which the appliance may not
 * have seen. */
static __always_inline int route_tells_others(struct scratch *s)
{
	return s->via && address_owner(s, s->packet.src);
}

/* Checks what the router reads of the packet. A packet with options takes a token of the bucket for the port's own
 * errors, because only the router can tell what is wrong with some of them. Returns PASS or a reason. */
static __always_inline int route_headers(struct __sk_buff *skb, struct scratch *s)
{
	const struct packet *p = &s->packet;
	int has_options = p->family == 4 ? p->l4 - p->l3 > sizeof(struct iphdr) : options6_are_there(skb, p), rc = PASS;

	if (p->family == 4)
		rc = options4(skb, s, 1);
	else if (has_options)
		rc = options6(skb, s);
	if (rc || !has_options)
		return rc;
	if (route_tells_others(s))
		return VPC_DROP_NOT_IMPLEMENTED;
	return answer_admitted(s->me, ANSWER_ERROR, s->now_ns) ? PASS : VPC_DROP_RATE_LIMITED;
}

/* Whether the router accepts the packet's source address from this subnet (rp_filter). An appliance may forward packets
 * with addresses of its own subnet only: no route leads to any other address through it. */
static __always_inline int route_leads_back(const struct scratch *s, const struct vpc_eni *me)
{
	const __be32 *src = s->packet.src;

	if (!s->via)
		return 1;
	if (s->packet.family == 6)
		return src[0] == me->subnet6[0] && src[1] == me->subnet6[1];
	return (src[3] & me->mask4) == me->subnet4 && src[3] != me->gateway4 && src[3] != (me->subnet4 | ~me->mask4);
}

static __always_inline int route_may_fragment(struct __sk_buff *skb, const struct packet *p)
{
	__be16 word = 0;

	return p->family == 4 &&
	       !bpf_skb_load_bytes(skb, p->l3 + __builtin_offsetof(struct iphdr, frag_off), &word, 2) &&
	       !(word & bpf_htons(IP_DF));
}

/* Whether the packet is larger than the device behind the gateway takes. A GSO packet is measured by its segments; only
 * the router can tell its sender. */
static __always_inline int route_too_big(struct __sk_buff *skb, struct scratch *s, __u32 mtu)
{
	const struct packet *p = &s->packet;
	__u32 bytes = skb->gso_size ? skb->gso_size + (p->l4 - p->l3) + (p->proto == IPPROTO_TCP ? p->upper : 8)
				    : p->end - p->l3;

	if (bytes <= mtu || route_may_fragment(skb, p))
		return PASS;
	return skb->gso_size && answer_admitted(s->me, ANSWER_ERROR, s->now_ns) ? PASS : VPC_DROP_TOO_BIG;
}

/*
 * Whether the accepted packet would be delivered: by the router if the frame is for the gateway's MAC, else by the
 * bridge. Where the router would send an error, the port sends it (local/icmp_error.h). Returns PASS or a reason.
 */
__noinline int route_refused(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct vpc_eni *me, *to;
	const struct packet *p;
	__u32 mtu;
	int rc;

	if (!s)
		return VPC_DROP_NOT_READY;
	p = &s->packet;
	me = eni_get(s->me);
	if (!me)
		return VPC_DROP_NOT_READY;
	mtu = READ_ONCE(me->mtu);
	to = s->target ? eni_get(s->target) : 0;
	if (to && READ_ONCE(to->flags) & VPC_ENI_DETACHED)
		return VPC_DROP_UNKNOWN_DESTINATION;
	if (!mac_equal(s->dmac, me->gateway_mac)) {
		if (!skb->gso_size && skb->len > mtu + ETH_HLEN + VLAN_HEADER)
			return VPC_DROP_TOO_BIG;
		return p->family == 4 ? options4(skb, s, 0) : PASS;
	}
	if (p->hop_limit <= 1)
		return VPC_DROP_HOP_LIMIT;
	if (!s->hop && !route_leads_back(s, me))
		return VPC_DROP_NO_RETURN_ROUTE;
	rc = route_headers(skb, s);
	if (rc)
		return rc;
	return route_too_big(skb, s, mtu);
}

#endif
