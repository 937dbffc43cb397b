/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose address the source is, and what no workload may send. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "observe/explain/walk.h"

#define DHCP_SERVER4 67
#define DHCP_CLIENT4 68
#define DHCP_SERVER6 547
#define DHCP_CLIENT6 546

bool explain_multicast(uint8_t family, const __be32 *a)
{
	return family == 4 ? ntohl(a[3]) >= 0xe0000000 : (a[0] & htonl(0xff000000)) == htonl(0xff000000);
}

int explain_special(uint8_t family, const __be32 *a)
{
	uint32_t v4 = ntohl(a[3]);

	if (family == 4)
		return v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 16 == 0xa9fe ? VPC_DROP_SPECIAL_ADDRESS : 0;
	if ((a[0] & htonl(0xffc00000)) == htonl(0xfe800000))
		return VPC_DROP_LINK_LOCAL;
	if (!a[0] && !a[1] && (look_is4(a) || (!a[2] && v4 <= 1)))
		return VPC_DROP_SPECIAL_ADDRESS;
	return 0;
}

static bool is_gateway6(const __be32 *a)
{
	return a[0] == htonl(0xfe800000) && !a[1] && !a[2] && a[3] == htonl(1);
}

static bool is_for_gateway(const struct look_packet *p, const struct vpc_eni *me)
{
	return p->family == 4 ? me->gateway4 && p->dst[3] == me->gateway4 : is_gateway6(p->dst);
}

/* An echo request to the gateway is answered; everything else to it is dropped. */
static int to_gateway(struct explain_trace *t, const struct explain_port *p, const struct vpc_eni *me)
{
	const struct look_packet *q = &t->packet;
	bool asks = q->family == 4 ? q->proto == IPPROTO_ICMP && q->icmp_type == 8
				   : q->proto == IPPROTO_ICMPV6 && q->icmp_type == 128;

	if ((asks || (me->flags & VPC_ENI_SOURCE_DEST_CHECK)) && look_owner(&t->look, p->vpc, q->src, NULL) != p->me)
		return VPC_DROP_FORGED_SOURCE;
	return asks ? EXPLAIN_ANSWERED : VPC_DROP_GATEWAY_CLOSED;
}

static bool is_of_dhcp_server(const struct look_packet *p)
{
	if (p->proto != IPPROTO_UDP)
		return false;
	return p->family == 4 ? p->sport == DHCP_SERVER4 && p->dport == DHCP_CLIENT4
			      : p->sport == DHCP_SERVER6 && p->dport == DHCP_CLIENT6;
}

static int refused(const struct explain_trace *t, const struct vpc_eni *me)
{
	const struct look_packet *p = &t->packet;
	int reason;

	if (explain_multicast(p->family, p->dst) ||
	    (p->family == 4 && me->mask4 != UINT32_MAX && p->dst[3] == (me->subnet4 | ~me->mask4)))
		return VPC_DROP_MULTICAST;
	if (explain_multicast(p->family, p->src))
		return VPC_DROP_SPECIAL_ADDRESS;
	reason = explain_special(p->family, p->src);
	if (!reason)
		reason = explain_special(p->family, p->dst);
	return !reason && is_of_dhcp_server(p) ? VPC_DROP_DHCP_SERVER : reason;
}

int explain_source(struct explain_trace *t, struct explain_port *p)
{
	const struct vpc_eni *me = look_eni(&t->look, p->me);
	uint8_t query;
	int reason = 0;

	if (!me || !look_set_of(&t->look, p->me)) {
		explain_add(t, EXPLAIN_SOURCE, p, VPC_DROP_NOT_READY);
		return VPC_DROP_NOT_READY;
	}
	p->vpc = me->vpc;
	p->end[0] =
		(struct explain_end){.eni = p->me, .owns = look_owner(&t->look, p->vpc, t->packet.src, NULL) == p->me};
	if (is_for_gateway(&t->packet, me))
		reason = to_gateway(t, p, me);
	else
		reason = refused(t, me);
	if (!reason && look_icmp(&t->packet, &query) >= LOOK_ICMP_ERROR)
		reason = VPC_DROP_ICMP_UNRELATED; /* it opens no flow */
	if (!reason && !p->end[0].owns && (me->flags & VPC_ENI_SOURCE_DEST_CHECK))
		reason = VPC_DROP_FORGED_SOURCE;
	if (!p->end[0].owns)
		p->via = p->me << 1;
	explain_add(t, EXPLAIN_SOURCE, p, reason == EXPLAIN_ANSWERED ? 0 : reason);
	return reason;
}

int explain_source_received(struct explain_trace *t, struct explain_port *p)
{
	const struct vpc_eni *me = look_eni(&t->look, p->me), *e;
	uint32_t owner = look_owner(&t->look, p->vpc, t->packet.src, NULL);

	p->end[1] =
		(struct explain_end){.eni = p->me, .owns = look_owner(&t->look, p->vpc, t->packet.dst, NULL) == p->me};
	p->end[0] = (struct explain_end){0};
	if (!p->end[1].owns && (me->flags & VPC_ENI_SOURCE_DEST_CHECK))
		return VPC_DROP_WRONG_DESTINATION;
	if (!p->entered)
		return owner || look_in_space(&t->look, p->vpc, t->packet.family, t->packet.src)
			       ? VPC_DROP_FORGED_SOURCE
			       : 0;
	e = look_eni(&t->look, p->entered);
	if (!e || e->vpc != p->vpc)
		return VPC_DROP_FORGED_SOURCE;
	if (owner == p->entered) {
		p->end[0] = (struct explain_end){.eni = p->entered, .owns = true};
		return 0;
	}
	return e->flags & VPC_ENI_SOURCE_DEST_CHECK ? VPC_DROP_FORGED_SOURCE : 0;
}
