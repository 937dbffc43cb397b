/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the world to a VPC: elastic IPs, published ports, IPv6 as it is (bpf/lib/edge/enter.h, publish.h). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "observe/explain/walk.h"

#define PREFIX6_FIRST 32u /* `prefix6` has no shorter prefixes */
#define PREFIX6_LAST  63u

uint32_t explain_prefix_vpc(const struct explain_trace *t, const __be32 *address)
{
	const struct vpc_edge_ctl *c = look_row(&t->look, MAP_EDGE_CTL, 0);
	const struct vpc_space *space;
	uint32_t vpc = 0;

	for (uint32_t plen = PREFIX6_LAST; !vpc && plen >= PREFIX6_FIRST; plen--) {
		struct vpc_prefix6_key key = {.plen = plen};

		look_prefix6(address, plen, key.addr);
		if (!(c->prefix6_plens >> (plen - PREFIX6_FIRST) & 1) || !look_key(&t->look, MAP_PREFIX6, &key, &vpc))
			vpc = 0;
	}
	space = vpc ? look_row(&t->look, MAP_VPC, vpc) : NULL;
	return space && (space->flags & VPC_SPACE_ROUTED_OUT) && look_in_space(&t->look, vpc, 6, address) ? vpc : 0;
}

/* IPv6 enters by the gateway to which the receiver's routes lead back. */
static void enter6(struct explain_trace *t, uint32_t vpc, bool from_host)
{
	struct explain_port p = {.vpc = vpc, .direction = VPC_INGRESS, .from_host = from_host};
	struct look_route route;
	struct explain_step *step;
	uint32_t kind;

	p.me = look_owner(&t->look, vpc, t->packet.dst, NULL);
	if (!p.me) {
		explain_add(t, EXPLAIN_DESTINATION, &p, VPC_DROP_UNKNOWN_DESTINATION);
		return;
	}
	route = look_route(&t->look, p.me, 6, t->packet.src);
	kind = route.target >> VPC_TARGET_SHIFT;
	p.gateway = explain_gateway(kind, 0);
	if (kind == VPC_TARGET_IGW || kind == VPC_TARGET_EIGW) {
		explain_add(t, EXPLAIN_GATEWAY, &p, 0)->gateway = p.gateway;
		explain_arrive(t, &p);
		return;
	}
	step = explain_add(t, EXPLAIN_ROUTE, &p, VPC_DROP_NO_ROUTE);
	step->route = route;
	step->back = true;
}

static void to_private(struct explain_trace *t, struct explain_port *p, __be32 private4)
{
	explain_add(t, EXPLAIN_GATEWAY, p, 0)->gateway = p->gateway;
	t->packet.dst[3] = private4;
	explain_arrive(t, p);
}

/* To an elastic IP. False: there is none of that number. */
static bool enter_elastic(struct explain_trace *t, uint32_t number, bool from_host)
{
	const struct vpc_eip *e = look_row(&t->look, MAP_EIP, number);
	struct explain_port p = {
		.direction = VPC_INGRESS, .gateway = explain_gateway(VPC_EDGE_IGW, 0), .from_host = from_host};
	uint32_t target = e && e->addr4 == t->packet.dst[3] ? look_value(&t->look, &e->target) : 0;
	unsigned at;

	if (!target)
		return false;
	at = e->target.slot[1] >> VPC_VERSIONED_SHIFT <= t->look.epoch &&
	     (e->target.slot[0] >> VPC_VERSIONED_SHIFT > t->look.epoch || e->target.slot[1] > e->target.slot[0]);
	p.me = target & VPC_TARGET_NUMBER;
	p.vpc = e->vpc[at];
	switch (target >> VPC_TARGET_SHIFT) {
	case VPC_EIP_ENI:
		to_private(t, &p, e->private4[at]);
		return true;
	case VPC_EIP_NAT:
		p.gateway = explain_gateway(VPC_EDGE_NAT, p.me);
		p.me = 0;
		explain_add(t, EXPLAIN_GATEWAY, &p, VPC_DROP_NO_INBOUND)->gateway = p.gateway;
		return true;
	default:
		p.me = 0;
		explain_add(t, EXPLAIN_DESTINATION, &p, VPC_DROP_UNKNOWN_DESTINATION);
		return true;
	}
}

static const struct vpc_publish_row *publication_at(const struct explain_trace *t, __be32 address)
{
	const struct vpc_edge_ctl *c = look_row(&t->look, MAP_EDGE_CTL, 0);

	for (int plen = 16; plen >= 0; plen--) {
		struct vpc_publish_key key = {.proto = t->packet.proto, .plen = (uint8_t)plen};
		const struct vpc_publish_row *r;
		uint32_t number;

		key.addr[3] = address;
		key.addr[2] = address ? htonl(0xffff) : 0;
		key.port = (uint16_t)(t->packet.dport & 0xffff0000u >> plen);
		if (!(c->publish_plens >> plen & 1) || !look_key(&t->look, MAP_PUBLISH, &key, &number) || !number)
			continue;
		r = look_row(&t->look, MAP_PUBLISH_ROW, number);
		if (r && r->born <= t->look.epoch && t->look.epoch < r->died && memcmp(&r->key, &key, sizeof(key)) == 0)
			return r;
	}
	return NULL;
}

/* To a published port of one of the host's addresses. False: the host's own. */
static bool enter_published(struct explain_trace *t)
{
	const struct vpc_publish_row *r = NULL;
	struct explain_port p = {.direction = VPC_INGRESS, .gateway = explain_gateway(VPC_EDGE_PUBLISHED, 0)};
	struct explain_step *step;

	if (t->packet.proto == IPPROTO_TCP || t->packet.proto == IPPROTO_UDP) {
		r = publication_at(t, t->packet.dst[3]);
		if (!r)
			r = publication_at(t, 0);
	}
	if (!r)
		return false;
	p.me = r->eni;
	p.vpc = r->vpc;
	step = explain_add(t, EXPLAIN_GATEWAY, &p, 0);
	step->gateway = p.gateway;
	step->publication = r->publication;
	t->packet.dport = (uint16_t)(r->port + (t->packet.dport - r->key.port));
	t->packet.dst[3] = r->private4;
	explain_arrive(t, &p);
	return true;
}

void explain_host_address(const struct explain_trace *t, __be32 *ret)
{
	__be32 zero[4] = {0, 0, htonl(0xffff), 0};
	uint32_t ifindex, next;
	struct vpc_outer outer;

	memcpy(ret, zero, sizeof(zero));
	for (int r = look_next_key(&t->look, MAP_OUTER, NULL, &next); r == 0;
	     r = look_next_key(&t->look, MAP_OUTER, &ifindex, &next)) {
		ifindex = next;
		if (!look_key(&t->look, MAP_OUTER, &ifindex, &outer) || !outer.addr4)
			continue;
		ret[3] = outer.addr4;
		return;
	}
}

void explain_public(struct explain_trace *t, bool from_host, bool *ret_hosts)
{
	struct vpc_public found;
	uint32_t vpc;

	*ret_hosts = false;
	if (t->packet.family == 6) {
		vpc = explain_prefix_vpc(t, t->packet.dst);
		*ret_hosts = !vpc;
		if (vpc)
			enter6(t, vpc, from_host);
		return;
	}
	*ret_hosts = true;
	if (!look_key(&t->look, MAP_PUBLIC, t->packet.dst, &found))
		return;
	if ((found.kind & VPC_PUBLIC_EIP) && enter_elastic(t, found.number, from_host))
		*ret_hosts = false;
	else if ((found.kind & VPC_PUBLIC_HOST) && enter_published(t))
		*ret_hosts = false;
}

/* To a private address of VPC `vpc`: by its host access, or IPv6 by its internet gateway. */
static void host_to_private(struct explain_trace *t, uint32_t vpc)
{
	struct explain_port p = {.vpc = vpc, .direction = VPC_INGRESS, .gateway = explain_gateway(VPC_EDGE_HOST, 0)};

	if (look_host_access(&t->look, vpc, t->packet.family, t->packet.src)) {
		explain_add(t, EXPLAIN_GATEWAY, &p, 0)->gateway = p.gateway;
		explain_arrive(t, &p);
	} else if (t->packet.family == 6) {
		enter6(t, vpc, true);
	} else {
		explain_add(t, EXPLAIN_GATEWAY, &p, VPC_DROP_HOST_CLOSED)->gateway = p.gateway;
	}
}

void explain_from_host(struct explain_trace *t, uint32_t vpc)
{
	struct explain_port p = {.direction = VPC_INGRESS};
	bool hosts;

	if (vpc && look_in_space(&t->look, vpc, t->packet.family, t->packet.dst)) {
		host_to_private(t, vpc);
		return;
	}
	explain_public(t, true, &hosts);
	if (hosts)
		explain_add(t, EXPLAIN_HOST, &p, VPC_DROP_HOST_CLOSED);
}

bool explain_is_host(const struct explain_trace *t, const __be32 *address)
{
	struct vpc_public found;

	return look_key(&t->look, MAP_PUBLIC, address, &found) && (found.kind & VPC_PUBLIC_OWN);
}

void explain_enter(struct explain_trace *t)
{
	struct explain_port p = {.direction = VPC_INGRESS};
	uint32_t from, to;
	bool hosts, forged = false;
	struct vpc_public found;

	/* Nobody in the world has a public address of this host, or an IPv6 address of another VPC on it. */
	if (look_key(&t->look, MAP_PUBLIC, t->packet.src, &found))
		forged = true;
	if (t->packet.family == 6) {
		from = explain_prefix_vpc(t, t->packet.src);
		to = explain_prefix_vpc(t, t->packet.dst);
		forged = forged || (from && from != to);
	}
	if (forged) {
		explain_add(t, EXPLAIN_SOURCE, &p, VPC_DROP_FORGED_SOURCE);
		return;
	}
	explain_public(t, false, &hosts);
	if (hosts)
		explain_add(t, EXPLAIN_HOST, &p, VPC_DROP_NO_INBOUND);
}
