/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/path_cut.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/maps/look/acl.h"
#include "datapath/maps/mirror/acls.h"

#define PATH_ACL      1u /* the ACL of its subnet changes */
#define PATH_DETACHED 2u

struct path_cut {
	const struct maps *maps; /* while it is made */
	uint64_t epoch;		 /* of the change */
	bool before;
	uint32_t n_enis;
	uint8_t *enis; /* by number, from VPC_ENI_FIRST on: PATH_… */
};

bool path_cut_possible(const struct maps_change *c)
{
	if (c->mirror.acls.n || c->mirror.subnet_acls.n)
		return true;
	for (size_t i = 0; i < c->mirror.enis.n; i++)
		if (c->mirror.enis.at[i].detaches)
			return true;
	return false;
}

struct path_cut *path_cut_free(struct path_cut *x)
{
	if (!x)
		return NULL;
	free(x->enis);
	free(x);
	return NULL;
}

static void concern(struct path_cut *x, uint32_t eni, unsigned why)
{
	if (eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_enis)
		x->enis[eni - VPC_ENI_FIRST] = (uint8_t)(x->enis[eni - VPC_ENI_FIRST] | why);
}

static void concern_subnet(uint32_t subnet, void *userdata)
{
	struct path_cut *x = userdata;
	const struct mirror *m = &x->maps->mirror;

	for (uint32_t eni = m->subnets[subnet].enis; eni; eni = m->enis[eni].subnet_next)
		concern(x, eni, PATH_ACL);
}

int path_cut_new(const struct maps *maps, const struct maps_change *c, bool before, struct path_cut **ret)
{
	_cleanup_(path_cut_freep) struct path_cut *x = NULL;

	*ret = NULL;
	if (!path_cut_possible(c))
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->maps = maps;
	x->epoch = c->epoch;
	x->before = before;
	x->n_enis = maps->mirror.eni_max - VPC_ENI_FIRST + 1;
	x->enis = calloc(x->n_enis, 1);
	if (!x->enis)
		return -ENOMEM;
	acl_each_subnet(&maps->mirror, &c->mirror, concern_subnet, x);
	for (size_t i = 0; i < c->mirror.enis.n; i++)
		if (c->mirror.enis.at[i].detaches)
			concern(x, c->mirror.enis.at[i].number, PATH_DETACHED);
	*ret = TAKE_PTR(x);
	return 0;
}

static unsigned path_of(const struct path_cut *x, uint32_t eni)
{
	return eni >= VPC_ENI_FIRST && eni - VPC_ENI_FIRST < x->n_enis ? x->enis[eni - VPC_ENI_FIRST] : 0;
}

bool path_cut_concerns(const struct path_cut *x, uint32_t eni)
{
	return x && path_of(x, eni);
}

/* --- a flow ------------------------------------------------------------------------------------------------------- */

/* A packet of the flow: of its opener, or of its responder. */
static struct look_packet packet_of(const struct vpc_flow_key *key, unsigned sender, uint8_t family)
{
	struct look_packet p = {.family = family,
				.proto = key->proto,
				.sport = ntohs(key->port[sender]),
				.dport = ntohs(key->port[!sender])};

	memcpy(p.src, key->addr[sender], sizeof(p.src));
	memcpy(p.dst, key->addr[!sender], sizeof(p.dst));
	return p;
}

/* Whether the ACLs of both sides' subnets allow both directions of a flow at an epoch. */
static bool allowed_at(const struct maps *maps, uint64_t epoch, const struct vpc_flow_key *key,
		       const struct vpc_flow *flow)
{
	const struct look look = {.maps = maps, .epoch = epoch};
	uint8_t family = look_is4(key->addr[0]) ? 4 : 6;
	bool allowed = true;

	for (unsigned side = 0; allowed && side < 2; side++) {
		unsigned index = side ? !(flow->opener & 1) : flow->opener & 1;
		struct look_packet sent = packet_of(key, index, family), received = packet_of(key, !index, family);

		if (flow->eni[side])
			allowed = look_acl(&look, flow->eni[side], VPC_EGRESS, &sent).allowed &&
				  look_acl(&look, flow->eni[side], VPC_INGRESS, &received).allowed;
	}
	return allowed;
}

static bool in_one_subnet(const struct maps *maps, const struct vpc_flow *flow)
{
	return flow->eni[0] && flow->eni[1] && eni_at(maps, flow->eni[0])->subnet == eni_at(maps, flow->eni[1])->subnet;
}

bool path_cut_flow(const struct maps *maps, const struct path_cut *x, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow)
{
	unsigned why = x ? path_of(x, flow->eni[0]) | path_of(x, flow->eni[1]) : 0;

	if (!why || flow->state == VPC_FLOW_TOMBSTONE)
		return false;
	if (why & PATH_DETACHED)
		return true;
	if (key->via || key->proto == IPPROTO_ICMP || key->proto == IPPROTO_ICMPV6 || in_one_subnet(maps, flow))
		return false;
	return !allowed_at(maps, x->epoch, key, flow) && (!x->before || allowed_at(maps, x->epoch - 1, key, flow));
}
