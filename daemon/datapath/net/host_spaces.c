/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/host_spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct host_space {
	uint32_t number;
	struct vpc_record record;
	UT_hash_handle hh;
};

int host_space_note(struct net *n, const struct plan_vpc *p)
{
	uint32_t number = p->has_after ? p->after.number : p->before.number;
	struct host_space *s;

	HASH_FIND(hh, n->host.spaces, &number, sizeof(number), s);
	if (!p->has_after) {
		/* another VPC may have got the number */
		if (s && strcmp(s->record.id, p->before.id) == 0) {
			HASH_DEL(n->host.spaces, s);
			free(s);
		}
		return 0;
	}
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->number = number;
		HASH_ADD(hh, n->host.spaces, number, sizeof(s->number), s);
		if (!s->hh.tbl) {
			free(s);
			return -ENOMEM;
		}
	}
	s->record = p->after;
	return 0;
}

const struct vpc_record *host_space_find(const struct net *n, uint32_t vpc)
{
	struct host_space *s;

	HASH_FIND(hh, n->host.spaces, &vpc, sizeof(vpc), s);
	return s ? &s->record : NULL;
}

void host_spaces_clear(struct net *n)
{
	struct host_space *s, *next;

	HASH_ITER (hh, n->host.spaces, s, next) {
		HASH_DEL(n->host.spaces, s);
		free(s);
	}
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

static bool contains(const struct cidr *c, const struct ip *ip)
{
	struct ip network = net_object_network(ip, c->plen);

	return c->addr.family == ip->family && memcmp(network.bytes, c->addr.bytes, sizeof(network.bytes)) == 0;
}

/* The host's address that talks with the VPC; NULL: there is none. */
static const struct ip *source_of(const struct vpc_record *v, const struct outer_list *own, uint8_t family)
{
	for (size_t i = 0; i < own->n_own; i++)
		for (size_t k = 0; own->own[i].family == family && k < v->n_host_access; k++)
			if (contains(&v->host_access[k], &own->own[i]))
				return &own->own[i];
	return NULL;
}

/* network: a network of the host that overlaps the CIDR, if there is one. */
static bool overlaps_hosts(const struct cidr *c, const struct outer_list *own, struct cidr *network)
{
	for (size_t i = 0; i < own->n_own; i++) {
		network->plen = own->own_plen[i];
		network->addr = net_object_network(&own->own[i], network->plen);
		if (contains(c, &own->own[i]) || contains(network, &c->addr))
			return true;
	}
	return false;
}

const struct cidr *host_space_overlap(const struct vpc_record *v, const struct outer_list *own, struct cidr *network)
{
	for (size_t i = 0; i < v->n_cidrs; i++)
		if (source_of(v, own, v->cidrs[i].addr.family) && overlaps_hosts(&v->cidrs[i], own, network))
			return &v->cidrs[i];
	return NULL;
}

int host_space_want(const struct vpc_record *v, const struct outer_list *own, uint32_t ifindex,
		    struct net_object_set *set)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < v->n_cidrs; i++) {
		const struct cidr *c = &v->cidrs[i];
		const struct ip *source = source_of(v, own, c->addr.family);
		struct net_object route;
		struct cidr network;

		if ((!source && !(c->addr.family == 6 && v->routed_out6)) || overlaps_hosts(c, own, &network))
			continue;
		route = net_object_of(NET_OBJECT_ROUTE, ifindex, ifindex, &c->addr, c->plen);
		route.mtu = v->mtu;
		if (source)
			route.source = *source;
		r = net_object_set_add(set, &route);
	}
	return r;
}
