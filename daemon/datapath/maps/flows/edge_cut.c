/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/edge_cut.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/flows/translations.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/gateways.h"

/* A flow without a translation used one until the change if it had a packet so recently: a program or vpcd deleted the
 * translation after the change. */
#define RECENT_S 3u

/* A flow with the outside, and its translation. */
struct subject {
	const struct vpc_flow_key *key;
	uint32_t eni;
	unsigned local; /* index in key->addr of the ENI's address */
	bool v4;
	bool outside_opened;
	bool peered; /* the other end is an ENI of a peered VPC */
	bool recent; /* it had a packet just now */
	bool translated;
	bool from_host;		/* the host opened it by an internet gateway */
	struct vpc_nat_key out; /* IPv4 */
	struct vpc_nat_entry entry;
};

/* False: no flow with the outside. */
static bool subject_of(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		       uint64_t now_ns, struct subject *ret)
{
	if (!flow->eni[0] == !flow->eni[1] || key->via || flow->opener > 1)
		return false;
	*ret = (struct subject){.key = key,
				.eni = flow->eni[0] ? flow->eni[0] : flow->eni[1],
				.local = flow->eni[0] ? flow->opener : !flow->opener,
				.outside_opened = !flow->eni[0],
				.peered = flow->incarnation[flow->eni[0] ? 1 : 0] != 0,
				.from_host = (flow->flags & VPC_FLOW_FROM_HOST) != 0,
				.recent = flow->last_seen_ns + RECENT_S * NS_PER_S > now_ns};
	if (ret->eni >= maps->mirror.size.enis)
		return false;
	ret->v4 = translation_of_flow(key, flow, &ret->out);
	ret->translated = ret->v4 && bpf_map_lookup_elem(maps->map[MAP_NAT_OUT].fd, &ret->out, &ret->entry) == 0 &&
			  memcmp(&ret->entry.key, &ret->out, sizeof(ret->out)) == 0;
	return true;
}

/* Writes the key of the route to a flow's other end with a prefix of so many bits. */
static void route_key_to(const struct subject *s, uint32_t table, unsigned plen, struct vpc_route_key *ret)
{
	const __be32 *remote = s->key->addr[!s->local];

	*ret = (struct vpc_route_key){.table = table, .family = s->v4 ? 4 : 6, .plen = (uint8_t)plen};
	if (s->v4) {
		ret->addr[0] = remote[3] & htonl(plen ? ~0u << (32 - plen) : 0);
		return;
	}
	for (unsigned word = 0; word < 4; word++) {
		unsigned bits = plen <= 32 * word ? 0 : plen - 32 * word;

		ret->addr[word] = remote[word] & htonl(!bits ? 0 : bits >= 32 ? ~0u : ~0u << (32 - bits));
	}
}

static bool has_plen(const struct vpc_route_plens *plens, bool v4, unsigned plen)
{
	return v4 ? plens->plens4 >> plen & 1 : plens->plens6[plen / 64] >> plen % 64 & 1;
}

/* The target of the route of a flow's packets to the outside, before the change or after it; 0: no route. */
static uint32_t target_of(const struct maps *maps, const struct edge_change *x, const struct subject *s, bool after)
{
	uint32_t table = edge_change_table(maps, x, maps->mirror.enis[s->eni].row.subnet, after);
	struct vpc_route_plens plens;

	if (!table)
		return 0;
	edge_change_plens(maps, x, table, &plens);
	for (unsigned plen = s->v4 ? 33 : 129; plen-- > 0;) {
		struct vpc_route_key key;
		uint32_t target;

		if (!has_plen(&plens, s->v4, plen))
			continue;
		route_key_to(s, table, plen, &key);
		target = edge_change_route(maps, x, &key, after);
		if (target)
			return target;
	}
	return 0;
}

/* The elastic IP of a flow's private address; 0: none. Network order. */
static uint32_t elastic_of(const struct maps *maps, const struct edge_change *x, const struct subject *s, bool after)
{
	return edge_change_eip(maps, x, s->key->vpc, s->out.local, after);
}

/* The route before the change led to a NAT gateway: whether the flow was translated by it, and the change ends that. */
static bool nat_is_cut(const struct maps *maps, const struct edge_change *x, const struct subject *s, uint32_t before,
		       uint32_t after)
{
	const struct nat_record *was = edge_change_nat(maps, x, before & VPC_TARGET_NUMBER, false);
	const struct nat_record *is = edge_change_nat(maps, x, before & VPC_TARGET_NUMBER, true);

	if (s->outside_opened || !was->number || (before == after && nat_record_equal(was, is)))
		return false;
	if (s->translated && s->entry.by == was->number && s->entry.incarnation == was->incarnation)
		return true;
	/* A datagram that came later may have another translation already. */
	return s->recent;
}

static bool route_is_cut(const struct maps *maps, const struct edge_change *x, const struct subject *s)
{
	uint32_t before = target_of(maps, x, s, false), after = target_of(maps, x, s, true);

	switch (before >> VPC_TARGET_SHIFT) {
	case 0:
	case VPC_TARGET_BLACKHOLE:
		return false;
	case VPC_TARGET_NAT:
		return nat_is_cut(maps, x, s, before, after);
	case VPC_TARGET_IGW:
		if (s->v4 && !elastic_of(maps, x, s, false))
			return false;
		return before != after || (s->v4 && elastic_of(maps, x, s, false) != elastic_of(maps, x, s, true));
	default:
		return before != after;
	}
}

/* Whether a flow with the host itself passes by host access, before the change or after it. */
static bool by_host_access(const struct maps *maps, const struct edge_change *x, const struct subject *s, bool after)
{
	const struct vpc_space *space = edge_change_space(maps, x, s->key->vpc, after);
	const __be32 *remote = s->key->addr[!s->local];
	struct vpc_public_key key;
	struct vpc_public found;

	if (s->peered || s->from_host || !space_host_names(space, s->v4, remote))
		return false;
	memcpy(key.addr, remote, sizeof(key.addr));
	return bpf_map_lookup_elem(maps->map[MAP_PUBLIC].fd, &key, &found) == 0 && found.kind & VPC_PUBLIC_OWN;
}

bool edge_cut_flow(const struct maps *maps, const struct edge_change *x, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow, uint64_t now_ns)
{
	struct subject s;

	if (!x || flow->state == VPC_FLOW_TOMBSTONE ||
	    (!edge_change_concerns(x, flow->eni[0]) && !edge_change_concerns(x, flow->eni[1])) ||
	    !subject_of(maps, key, flow, now_ns, &s))
		return false;
	if (s.translated && (s.entry.flags & VPC_NAT_PUBLISHED))
		return edge_change_deletes_publication(x, s.entry.by, s.entry.incarnation);
	if (by_host_access(maps, x, &s, false))
		return !by_host_access(maps, x, &s, true);
	if (!s.peered && s.v4 && s.outside_opened && !s.translated && s.recent && !elastic_of(maps, x, &s, false))
		return edge_change_unpublishes(x, s.eni, s.out.local, s.out.proto, s.out.lport);
	return route_is_cut(maps, x, &s);
}
