/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/edge.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/reading.h"
#include "datapath/maps/words.h"

/* Ports that translations may take, and those of them that the host's own sockets get unless it was told otherwise. */
#define NAT_PORT_FIRST	 1024u
#define NAT_PORT_LAST	 65535u
#define LOCAL_PORT_FIRST 32768u
#define LOCAL_PORT_LAST	 60999u

/* --- uplinks ------------------------------------------------------------------------------------------------------ */

bool edge_uplink_equal(const struct vpc_uplink *a, const struct vpc_uplink *b)
{
	return a->ifindex == b->ifindex && a->host_ifindex == b->host_ifindex && a->flags == b->flags &&
	       a->mtu == b->mtu && memcmp(a->host_mac, b->host_mac, sizeof(a->host_mac)) == 0;
}

/* Takes the uplink away from the programs. */
static int uplink_clear(struct maps *maps, uint32_t vpc)
{
	struct vpc_uplink *at = uplink_at(maps, vpc);
	uint32_t host_ifindex = maps->edge.uplinks[vpc].host_ifindex;
	int r = 0;

	store32(&at->ifindex, 0);
	if (host_ifindex)
		r = map_delete(&maps->map[MAP_UPLINK_OF], &host_ifindex);
	memset(at, 0, sizeof(*at));
	return r;
}

/* Gives the uplink to the programs. */
static int uplink_store(struct maps *maps, uint32_t vpc)
{
	const struct vpc_uplink *new = &maps->edge.uplinks[vpc];
	struct vpc_uplink *at = uplink_at(maps, vpc);
	int r = 0;

	store32(&at->ifindex, 0);
	store32(&at->host_ifindex, new->host_ifindex);
	store32(&at->flags, new->flags);
	store32(&at->mtu, new->mtu);
	memcpy(at->host_mac, new->host_mac, sizeof(at->host_mac));
	at->pad = 0;
	memset(at->pad2, 0, sizeof(at->pad2));
	if (new->host_ifindex)
		r = map_store(&maps->map[MAP_UPLINK_OF], &new->host_ifindex, &vpc);
	if (r >= 0)
		store32(&at->ifindex, new->ifindex);
	return r;
}

int maps_uplink_set(struct maps *maps, uint32_t vpc, const struct vpc_uplink *uplink)
{
	struct vpc_uplink new = {};
	int r;

	if (vpc == 0 || vpc >= maps->map[MAP_UPLINK].n)
		return -ERANGE;
	if (uplink && uplink->ifindex) {
		new = *uplink;
		new.pad = 0;
		memset(new.pad2, 0, sizeof(new.pad2));
	}
	if (edge_uplink_equal(&new, &maps->edge.uplinks[vpc]) && edge_uplink_equal(&new, uplink_at(maps, vpc)))
		return 0;
	r = uplink_clear(maps, vpc);
	maps->edge.uplinks[vpc] = new;
	if (r >= 0 && new.ifindex)
		r = uplink_store(maps, vpc);
	return r;
}

bool maps_uplink(const struct maps *maps, uint32_t vpc, struct vpc_uplink *ret)
{
	if (vpc == 0 || vpc >= maps->map[MAP_UPLINK].n || !maps->edge.uplinks[vpc].ifindex)
		return false;
	*ret = maps->edge.uplinks[vpc];
	return true;
}

int maps_uplink_adjust(struct maps *maps, uint32_t vpc, uint32_t mtu, uint32_t flags)
{
	if (vpc == 0 || vpc >= maps->map[MAP_UPLINK].n || !maps->edge.uplinks[vpc].ifindex)
		return -ENOENT;
	maps->edge.uplinks[vpc].mtu = mtu;
	maps->edge.uplinks[vpc].flags = flags;
	store32(&uplink_at(maps, vpc)->mtu, mtu);
	store32(&uplink_at(maps, vpc)->flags, flags);
	return 0;
}

/* --- outer interfaces --------------------------------------------------------------------------------------------- */

static const struct maps_outer *outer_find(const struct maps_outer *outers, size_t n, uint32_t ifindex)
{
	for (size_t i = 0; i < n; i++)
		if (outers[i].ifindex == ifindex)
			return &outers[i];
	return NULL;
}

bool edge_outer_equal(const struct vpc_outer *a, const struct vpc_outer *b)
{
	return a->addr4 == b->addr4 && a->mtu == b->mtu && a->pools == b->pools &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

const struct vpc_outer *edge_outer(const struct maps *maps, uint32_t ifindex)
{
	const struct maps_outer *outer = outer_find(maps->edge.outers, maps->edge.n_outers, ifindex);

	return outer ? &outer->row : NULL;
}

/* Brings the kernel's map to what is told; *ret is what was told before, n of it. */
static int outers_store(struct maps *maps, const struct maps_outer *was, size_t n)
{
	const struct edge_state *e = &maps->edge;
	int r = 0;

	for (size_t i = 0; i < e->n_outers; i++) {
		const struct maps_outer *old = outer_find(was, n, e->outers[i].ifindex);

		if (!old || !edge_outer_equal(&old->row, &e->outers[i].row)) {
			int stored = map_store(&maps->map[MAP_OUTER], &e->outers[i].ifindex, &e->outers[i].row);

			r = r < 0 ? r : stored;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!outer_find(e->outers, e->n_outers, was[i].ifindex)) {
			int deleted = map_delete(&maps->map[MAP_OUTER], &was[i].ifindex);

			r = r < 0 ? r : deleted;
		}
	}
	return r;
}

int maps_outers_set(struct maps *maps, const struct maps_outer *outers, size_t n)
{
	struct maps_outer was[MAPS_OUTERS_MAX];
	struct edge_state *e = &maps->edge;
	size_t n_was = e->outers_lost ? 0 : e->n_outers;
	int r;

	if (n > MAPS_OUTERS_MAX)
		return -E2BIG;
	memcpy(was, e->outers, sizeof(was));
	e->n_outers = 0;
	for (size_t i = 0; i < n; i++)
		if (outers[i].ifindex && !outer_find(e->outers, e->n_outers, outers[i].ifindex))
			e->outers[e->n_outers++] = outers[i];
	r = outers_store(maps, was, n_was);
	e->outers_lost = r < 0;
	return r;
}

/* --- addresses of the host ---------------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vpc_public_key));
}

static bool has_address(const struct edge_addresses *list, const struct vpc_public_key *key)
{
	return bsearch(key, list->at, list->n, sizeof(*key), compare_keys) != NULL;
}

static bool key_is_v4(const struct vpc_public_key *key)
{
	static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(key->addr, v4_prefix, sizeof(v4_prefix)) == 0;
}

void edge_public_value(const struct maps *maps, const struct vpc_public_key *key, struct vpc_public *ret)
{
	*ret = (struct vpc_public){};
	if (has_address(&maps->edge.hosts, key))
		ret->kind |= VPC_PUBLIC_HOST;
	if (has_address(&maps->edge.own, key))
		ret->kind |= VPC_PUBLIC_OWN;
	if (key_is_v4(key))
		ret->number = eip_by_address(&maps->mirror, key->addr[3]);
	if (ret->number)
		ret->kind |= VPC_PUBLIC_EIP;
}

int edge_public_store(struct maps *maps, const struct vpc_public_key *key)
{
	struct vpc_public value;

	edge_public_value(maps, key, &value);
	return value.kind ? map_store(&maps->map[MAP_PUBLIC], key, &value) : map_delete(&maps->map[MAP_PUBLIC], key);
}

void edge_public_key_of(uint32_t address, struct vpc_public_key *ret)
{
	*ret = (struct vpc_public_key){};
	memset((char *)ret->addr + 10, 0xff, 2);
	ret->addr[3] = address;
}

static int addresses_set(struct maps *maps, struct edge_addresses *list, const struct ip *addresses, size_t n)
{
	_cleanup_free_ struct edge_addresses *was = NULL;
	int r = 0;

	if (n > MAPS_HOST_ADDRESSES_MAX)
		return -E2BIG;
	was = malloc(sizeof(*was));
	if (!was)
		return -ENOMEM;
	*was = *list;
	for (size_t i = 0; i < n; i++)
		memcpy(&list->at[i], addresses[i].bytes, sizeof(list->at[i]));
	list->n = n;
	qsort(list->at, n, sizeof(list->at[0]), compare_keys);
	for (size_t i = 0; i < n; i++)
		if (was->lost || !has_address(was, &list->at[i])) {
			int stored = edge_public_store(maps, &list->at[i]);

			r = r < 0 ? r : stored;
		}
	for (size_t i = 0; i < was->n; i++)
		if (!has_address(list, &was->at[i])) {
			int stored = edge_public_store(maps, &was->at[i]);

			r = r < 0 ? r : stored;
		}
	list->lost = r < 0;
	return r;
}

int maps_host_addresses_set(struct maps *maps, const struct ip *addresses, size_t n)
{
	return addresses_set(maps, &maps->edge.hosts, addresses, n);
}

int maps_own_addresses_set(struct maps *maps, const struct ip *addresses, size_t n)
{
	return addresses_set(maps, &maps->edge.own, addresses, n);
}

/* --- edge_ctl ----------------------------------------------------------------------------------------------------- */

void edge_ports_of(const struct maps *maps, struct vpc_edge_ctl *ret)
{
	ret->nat_port_first = NAT_PORT_FIRST;
	ret->nat_port_last = NAT_PORT_LAST;
	edge_preferred_ports(maps->edge.local_first, maps->edge.local_last, &ret->nat_prefer_first,
			     &ret->nat_prefer_last);
}

/* A program that reads between two of the stores tries a few of the preferred ports more, or fewer. */
static void ports_store(struct maps *maps)
{
	struct vpc_edge_ctl *ctl = edge_ctl_at(maps, 0), new;

	edge_ports_of(maps, &new);
	store32(&ctl->nat_port_first, new.nat_port_first);
	store32(&ctl->nat_port_last, new.nat_port_last);
	store32(&ctl->nat_prefer_first, new.nat_prefer_first);
	store32(&ctl->nat_prefer_last, new.nat_prefer_last);
}

void edge_preferred_ports(uint32_t local_first, uint32_t local_last, uint32_t *ret_first, uint32_t *ret_last)
{
	uint32_t below = local_first > NAT_PORT_FIRST ? local_first - NAT_PORT_FIRST : 0;
	uint32_t above = local_last < NAT_PORT_LAST ? NAT_PORT_LAST - local_last : 0;

	*ret_first = NAT_PORT_FIRST;
	*ret_last = NAT_PORT_LAST;
	if (local_first > local_last || (!below && !above))
		return;
	if (below >= above)
		*ret_last = local_first - 1;
	else
		*ret_first = local_last + 1 > NAT_PORT_FIRST ? local_last + 1 : NAT_PORT_FIRST;
}

void maps_local_ports_set(struct maps *maps, uint16_t first, uint16_t last)
{
	maps->edge.local_first = first;
	maps->edge.local_last = last;
	ports_store(maps);
}

void maps_edge_forward_set(struct maps *maps, bool forward)
{
	maps->edge.forward = forward;
	store32(&edge_ctl_at(maps, 0)->flags, forward ? VPC_EDGE_FORWARD : 0);
}

/* --- a start ------------------------------------------------------------------------------------------------------ */

static int adopt_outer(const void *key, const void *value, void *userdata)
{
	struct edge_state *e = userdata;
	struct maps_outer *outer = &e->outers[e->n_outers];

	if (e->n_outers == MAPS_OUTERS_MAX)
		return 0;
	memcpy(&outer->ifindex, key, sizeof(outer->ifindex));
	memcpy(&outer->row, value, sizeof(outer->row));
	e->n_outers++;
	return 0;
}

static void adopt_address(struct edge_addresses *list, const void *key)
{
	if (list->n < MAPS_HOST_ADDRESSES_MAX)
		memcpy(&list->at[list->n++], key, sizeof(list->at[0]));
}

static int adopt_public(const void *key, const void *value, void *userdata)
{
	struct edge_state *e = userdata;
	struct vpc_public row;

	memcpy(&row, value, sizeof(row));
	if (row.kind & VPC_PUBLIC_HOST)
		adopt_address(&e->hosts, key);
	if (row.kind & VPC_PUBLIC_OWN)
		adopt_address(&e->own, key);
	return 0;
}

int edge_adopt(struct maps *maps)
{
	struct edge_state *e = &maps->edge;
	int r;

	e->local_first = LOCAL_PORT_FIRST;
	e->local_last = LOCAL_PORT_LAST;
	ports_store(maps);
	e->uplinks = calloc(maps->map[MAP_UPLINK].n, sizeof(*e->uplinks));
	if (!e->uplinks)
		return -ENOMEM;
	if (!maps->adopted)
		return 0;
	e->forward = edge_ctl_at(maps, 0)->flags & VPC_EDGE_FORWARD;
	for (uint32_t i = 1; i < maps->map[MAP_UPLINK].n; i++)
		if (uplink_at(maps, i)->ifindex == VPC_UPLINK_FIRST + i)
			e->uplinks[i] = *uplink_at(maps, i);
	r = map_each(&maps->map[MAP_OUTER], adopt_outer, e);
	if (r >= 0)
		r = map_each(&maps->map[MAP_PUBLIC], adopt_public, e);
	qsort(e->hosts.at, e->hosts.n, sizeof(e->hosts.at[0]), compare_keys);
	qsort(e->own.at, e->own.n, sizeof(e->own.at[0]), compare_keys);
	return r;
}

static int read_uplink_of(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	const struct maps *maps = reading->maps;
	uint32_t ifindex = *(const uint32_t *)key, vpc = *(const uint32_t *)value;

	return vpc && vpc < maps->map[MAP_UPLINK].n && maps->edge.uplinks[vpc].host_ifindex == ifindex
		       ? 0
		       : reading_drop(reading, key);
}

static int read_outer(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;

	(void)value;
	return edge_outer(reading->maps, *(const uint32_t *)key) ? 0 : reading_drop(reading, key);
}

static int read_public(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct vpc_public right;

	(void)value;
	edge_public_value(reading->maps, key, &right);
	return right.kind ? 0 : reading_drop(reading, key);
}

static int restore_uplinks(struct maps *maps)
{
	_cleanup_(reading_clear) struct reading reading = {.maps = maps, .id = MAP_UPLINK_OF};
	int r = reading_run(&reading, read_uplink_of);

	for (uint32_t i = 1; r >= 0 && i < maps->map[MAP_UPLINK].n; i++) {
		const struct vpc_uplink *told = &maps->edge.uplinks[i];
		uint32_t vpc = 0;

		if (told->host_ifindex)
			(void)bpf_map_lookup_elem(maps->map[MAP_UPLINK_OF].fd, &told->host_ifindex, &vpc);
		if (edge_uplink_equal(told, uplink_at(maps, i)) && (!told->host_ifindex || vpc == i))
			continue;
		r = told->ifindex ? uplink_store(maps, i) : uplink_clear(maps, i);
	}
	return r;
}

int edge_restore(struct maps *maps)
{
	_cleanup_(reading_clear) struct reading outers = {.maps = maps, .id = MAP_OUTER};
	_cleanup_(reading_clear) struct reading publics = {.maps = maps, .id = MAP_PUBLIC};
	int r = restore_uplinks(maps);

	if (r >= 0)
		r = reading_run(&outers, read_outer);
	if (r >= 0)
		r = outers_store(maps, NULL, 0);
	if (r >= 0)
		r = reading_run(&publics, read_public);
	for (size_t i = 0; r >= 0 && i < maps->edge.hosts.n; i++)
		r = edge_public_store(maps, &maps->edge.hosts.at[i]);
	for (size_t i = 0; r >= 0 && i < maps->edge.own.n; i++)
		r = edge_public_store(maps, &maps->edge.own.at[i]);
	for (uint32_t i = 1; r >= 0 && i < maps->mirror.size.eips; i++) {
		struct vpc_public_key key;

		edge_public_key_of(maps->mirror.eips[i].record.address, &key);
		if (maps->mirror.eips[i].state != NODE_FREE)
			r = edge_public_store(maps, &key);
	}
	ports_store(maps);
	maps_edge_forward_set(maps, maps->edge.forward);
	return r;
}

void edge_clear(struct maps *maps)
{
	free(maps->edge.uplinks);
	maps->edge.uplinks = NULL;
}
