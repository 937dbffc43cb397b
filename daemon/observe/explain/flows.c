/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a packet belongs to a flow that is known, or opens one (bpf/lib/flow/track.h, open.h). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "observe/explain/walk.h"

/* What is to be done with the packet, beside a reason. */
enum { OPEN_NEW = -1, OPEN_KEEP = -2, OPEN_ONCE = -3 };

struct known {
	struct vpc_flow_key key;
	struct vpc_flow flow;
	unsigned from; /* 0: the opener sends this packet, 1: the responder */
	unsigned own;  /* the side that is this port's ENI */
	struct explain_side side[2];
	struct look_stamp stamp;
};

/* The packet that opened the flow, as its key has it. */
static struct look_packet opening(const struct known *k)
{
	unsigned o = k->flow.opener & 1;
	struct look_packet p = {.family = look_is4(k->key.addr[0]) ? 4 : 6,
				.proto = k->key.proto,
				.sport = ntohs(k->key.port[o]),
				.dport = ntohs(k->key.port[o ^ 1]),
				.icmp_type = k->key.icmp_type,
				.icmp_code = k->key.icmp_code};

	memcpy(p.src, k->key.addr[o], sizeof(p.src));
	memcpy(p.dst, k->key.addr[o ^ 1], sizeof(p.dst));
	return p;
}

/* Which side of an appliance's entry the appliance is; -1: the entry is no appliance's. */
static int appliance_side(const struct known *k)
{
	return k->key.via ? (int)(k->key.via & 1) : -1;
}

static int load_sides(const struct explain_trace *t, const struct explain_port *p, struct known *k)
{
	for (unsigned i = 0; i < 2; i++) {
		int reason = 0;

		k->side[i] = (struct explain_side){0};
		if (k->flow.eni[i])
			reason = explain_side(t, p->vpc, k->flow.eni[i], k->flow.incarnation[i],
					      appliance_side(k) != (int)i, &k->side[i], &k->stamp);
		else if (k->flow.incarnation[i])
			reason = explain_side_peer(t, p->vpc, k->flow.incarnation[i], &k->side[i], &k->stamp);
		if (reason)
			return reason;
	}
	return 0;
}

/* Judges the flow again. Returns 0, a reason, or OPEN_NEW: another ENI has a side's address. */
static int judge_again(struct explain_trace *t, const struct explain_port *p, const struct known *k, unsigned spare)
{
	struct look_packet packet = opening(k);

	for (unsigned i = 0; i < 2; i++)
		if (k->flow.eni[i] && appliance_side(k) != (int)i &&
		    look_owner(&t->look, p->vpc, i ? packet.dst : packet.src, NULL) != k->flow.eni[i])
			return OPEN_NEW;
	return explain_groups(t, p, &packet, k->side, false, spare);
}

/* An ENI that is no side of the flow yet becomes one, if its groups allow the flow. */
static int approve(struct explain_trace *t, const struct explain_port *p, struct known *k)
{
	struct look_packet packet = opening(k);
	unsigned other = k->own ^ 1;
	int reason;

	if (p->direction == VPC_INGRESS && !k->own)
		return OPEN_NEW;
	if (p->direction == VPC_INGRESS && p->end[0].eni != k->flow.eni[other])
		return OPEN_ONCE;
	memset(k->side, 0, sizeof(k->side));
	if (k->flow.eni[other] &&
	    explain_side(t, p->vpc, k->flow.eni[other], k->flow.incarnation[other], true, &k->side[other], &k->stamp))
		return OPEN_NEW;
	k->side[other].eni = 0; /* it only counts as the peer */
	reason = explain_side(t, p->vpc, p->me, 0, true, &k->side[k->own], &k->stamp);
	if (!reason)
		reason = explain_groups(t, p, &packet, k->side, false, 0);
	if (reason)
		return reason;
	k->flow.eni[k->own] = p->me;
	k->flow.incarnation[k->own] = k->side[k->own].incarnation;
	k->flow.epoch = 0;
	return 0;
}

static bool opens(const struct look_packet *p)
{
	return p->proto == IPPROTO_TCP; /* the packets in question are SYNs */
}

/* What a SYN means to a live flow. */
static int syn(const struct known *k)
{
	if (k->flow.state == VPC_FLOW_CLOSING || k->flow.state == VPC_FLOW_RESET)
		return OPEN_NEW;
	if (!k->from)
		return k->flow.flags & VPC_FLOW_FIN_OPENER ? OPEN_NEW : OPEN_KEEP;
	return k->flow.state == VPC_FLOW_SYN_SENT ? 0 : OPEN_NEW;
}

static int tombstone(struct explain_trace *t, const struct explain_port *p, const struct known *k)
{
	int reason;

	if (opens(&t->packet))
		return OPEN_NEW;
	if (k->stamp.any <= k->flow.epoch)
		return VPC_DROP_REVOKED;
	reason = judge_again(t, p, k, 0);
	return reason == 0 || reason == OPEN_NEW ? reason : VPC_DROP_REVOKED;
}

/* Whether the packet is from the end that the flow has there. */
static int identity(const struct explain_port *p, const struct known *k)
{
	uint32_t source = k->flow.eni[k->from];

	if (p->direction == VPC_EGRESS || (source && k->from != k->own && p->entered == source && !p->via))
		return 0;
	return k->from == k->own || p->end[0].eni == source ? 0 : OPEN_ONCE;
}

static int judge_known(struct explain_trace *t, const struct explain_port *p, struct known *k)
{
	bool seen_before = p->direction == VPC_INGRESS && !p->via && k->flow.eni[k->own ^ 1];
	int reason = seen_before || !opens(&t->packet) ? 0 : syn(k);

	if (reason || k->stamp.revoke <= k->flow.epoch)
		return reason;
	reason = judge_again(t, p, k, look_graces(&t->look, &k->flow));
	if (reason == 0 || reason == OPEN_NEW)
		return reason;
	return opens(&t->packet) ? OPEN_NEW : VPC_DROP_REVOKED;
}

/* Judges a packet of a flow that is known. Returns 0, a reason or OPEN_…. */
static int track(struct explain_trace *t, const struct explain_port *p, struct known *k)
{
	const struct vpc_eni *me = look_eni(&t->look, p->me);
	unsigned source = look_flow_key(&t->packet, p->vpc, p->via, &k->key);
	int reason;

	if (!look_flow(&t->look, &k->key, &k->flow))
		return OPEN_NEW;
	k->from = (source ^ k->flow.opener) & 1;
	k->own = p->via ? p->via & 1 : p->direction == VPC_EGRESS ? k->from : k->from ^ 1;
	if (!k->flow.eni[k->own] && k->flow.state != VPC_FLOW_TOMBSTONE) {
		reason = opens(&t->packet) ? OPEN_NEW : approve(t, p, k);
		if (reason)
			return reason;
	}
	if (k->flow.eni[k->own] != p->me || k->flow.incarnation[k->own] != me->incarnation)
		return OPEN_NEW;
	if (!k->flow.eni[k->own ^ 1] && k->flow.incarnation[k->own ^ 1] != p->peer)
		return OPEN_NEW;
	reason = identity(p, k);
	if (reason)
		return reason;
	k->stamp = (struct look_stamp){0};
	if (load_sides(t, p, k))
		return OPEN_NEW;
	return k->flow.state == VPC_FLOW_TOMBSTONE ? tombstone(t, p, k) : judge_known(t, p, k);
}

/* Whether the gateway or the route lets the flow be opened. */
static int by_gateway(const struct explain_port *p)
{
	uint32_t kind = explain_kind(p->gateway);

	if (p->direction == VPC_EGRESS)
		return p->no_route;
	return kind == VPC_EDGE_NAT || kind == VPC_EDGE_EIGW ? VPC_DROP_NO_INBOUND : 0;
}

static bool is_same(const struct known *k, const struct explain_side side[2])
{
	for (unsigned i = 0; i < 2; i++)
		if (k->flow.eni[i] != side[i].eni || k->flow.incarnation[i] != side[i].incarnation)
			return false;
	return true;
}

/* Judges the packet as the first of a flow. */
static int open_flow(struct explain_trace *t, struct explain_port *p, const struct known *k, int how)
{
	struct explain_side side[2] = {0};
	struct look_stamp stamp = {0};
	uint8_t query;
	int reason = by_gateway(p), full;

	if (reason && p->direction == VPC_INGRESS)
		explain_add(t, EXPLAIN_GATEWAY, p, reason)->gateway = p->gateway;
	if (look_icmp(&t->packet, &query) == LOOK_ICMP_REPLY) {
		explain_add(t, EXPLAIN_FLOW, p, VPC_DROP_NO_FLOW);
		return reason ? reason : VPC_DROP_NO_FLOW;
	}
	for (unsigned i = 0; i < 2; i++) {
		int r = 0;

		if (p->end[i].eni)
			r = explain_side(t, p->vpc, p->end[i].eni, 0, p->end[i].owns, &side[i], &stamp);
		else if (p->peer)
			r = explain_side_peer(t, p->vpc, p->peer, &side[i], &stamp);
		if (r) {
			explain_add(t, EXPLAIN_GROUPS, p, r)->eni = p->end[i].eni;
			return reason ? reason : r;
		}
	}
	full = explain_groups(t, p, &t->packet, side, true, 0);
	reason = reason ? reason : full;
	if (reason || how == OPEN_ONCE || t->packet.proto != IPPROTO_TCP || (how == OPEN_KEEP && is_same(k, side)))
		return reason;
	full = look_flow_share(&t->look, p->vpc, side[0].eni, side[1].eni);
	if (full < 0)
		return 0;
	explain_add(t, EXPLAIN_BUDGET, p, VPC_DROP_FLOW_BUDGET)->eni = side[full].eni;
	return VPC_DROP_FLOW_BUDGET;
}

int explain_flow(struct explain_trace *t, struct explain_port *p)
{
	struct known k = {0};
	bool ports = t->packet.proto == IPPROTO_TCP || t->packet.proto == IPPROTO_UDP;
	int how = ports && t->any_sport ? OPEN_NEW : track(t, p, &k);
	struct explain_step *step;

	if (how < 0)
		return open_flow(t, p, &k, how);
	step = explain_add(t, EXPLAIN_FLOW, p, how);
	step->flow = k.flow;
	return how;
}
