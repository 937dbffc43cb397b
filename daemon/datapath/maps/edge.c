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
static int uplink_clear(struct maps *t, uint32_t vpc)
{
	struct vpc_uplink *at = uplink_at(t, vpc);
	uint32_t host_ifindex = t->edge.uplinks[vpc].host_ifindex;
	int r = 0;

	store32(&at->ifindex, 0);
	if (host_ifindex)
		r = map_delete(&t->map[MAP_UPLINK_OF], &host_ifindex);
	memset(at, 0, sizeof(*at));
	return r;
}

/* Gives the uplink to the programs. */
static int uplink_store(struct maps *t, uint32_t vpc)
{
	const struct vpc_uplink *new = &t->edge.uplinks[vpc];
	struct vpc_uplink *at = uplink_at(t, vpc);
	int r = 0;

	store32(&at->ifindex, 0);
	store32(&at->host_ifindex, new->host_ifindex);
	store32(&at->flags, new->flags);
	store32(&at->mtu, new->mtu);
	memcpy(at->host_mac, new->host_mac, sizeof(at->host_mac));
	at->pad = 0;
	memset(at->pad2, 0, sizeof(at->pad2));
	if (new->host_ifindex)
		r = map_store(&t->map[MAP_UPLINK_OF], &new->host_ifindex, &vpc);
	if (r >= 0)
		store32(&at->ifindex, new->ifindex);
	return r;
}

int maps_uplink_set(struct maps *t, uint32_t vpc, const struct vpc_uplink *uplink)
{
	struct vpc_uplink new = {};
	int r;

	if (vpc == 0 || vpc >= t->map[MAP_UPLINK].n)
		return -ERANGE;
	if (uplink && uplink->ifindex) {
		new = *uplink;
		new.pad = 0;
		memset(new.pad2, 0, sizeof(new.pad2));
	}
	if (edge_uplink_equal(&new, &t->edge.uplinks[vpc]) && edge_uplink_equal(&new, uplink_at(t, vpc)))
		return 0;
	r = uplink_clear(t, vpc);
	t->edge.uplinks[vpc] = new;
	if (r >= 0 && new.ifindex)
		r = uplink_store(t, vpc);
	return r;
}

bool maps_uplink(const struct maps *t, uint32_t vpc, struct vpc_uplink *ret)
{
	if (vpc == 0 || vpc >= t->map[MAP_UPLINK].n || !t->edge.uplinks[vpc].ifindex)
		return false;
	*ret = t->edge.uplinks[vpc];
	return true;
}

int maps_uplink_adjust(struct maps *t, uint32_t vpc, uint32_t mtu, uint32_t flags)
{
	if (vpc == 0 || vpc >= t->map[MAP_UPLINK].n || !t->edge.uplinks[vpc].ifindex)
		return -ENOENT;
	t->edge.uplinks[vpc].mtu = mtu;
	t->edge.uplinks[vpc].flags = flags;
	store32(&uplink_at(t, vpc)->mtu, mtu);
	store32(&uplink_at(t, vpc)->flags, flags);
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
	return a->addr4 == b->addr4 && a->mtu == b->mtu && a->flags == b->flags &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

const struct vpc_outer *edge_outer(const struct maps *t, uint32_t ifindex)
{
	const struct maps_outer *outer = outer_find(t->edge.outers, t->edge.n_outers, ifindex);

	return outer ? &outer->row : NULL;
}

/* Brings the kernel's map to what is told; *ret is what was told before, n of it. */
static int outers_store(struct maps *t, const struct maps_outer *was, size_t n)
{
	const struct edge_state *e = &t->edge;
	int r = 0;

	for (size_t i = 0; i < e->n_outers; i++) {
		const struct maps_outer *old = outer_find(was, n, e->outers[i].ifindex);

		if (!old || !edge_outer_equal(&old->row, &e->outers[i].row)) {
			int stored = map_store(&t->map[MAP_OUTER], &e->outers[i].ifindex, &e->outers[i].row);

			r = r < 0 ? r : stored;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!outer_find(e->outers, e->n_outers, was[i].ifindex)) {
			int deleted = map_delete(&t->map[MAP_OUTER], &was[i].ifindex);

			r = r < 0 ? r : deleted;
		}
	}
	return r;
}

int maps_outers_set(struct maps *t, const struct maps_outer *outers, size_t n)
{
	struct maps_outer was[MAPS_OUTERS_MAX];
	struct edge_state *e = &t->edge;
	size_t n_was = e->outers_lost ? 0 : e->n_outers;
	int r;

	if (n > MAPS_OUTERS_MAX)
		return -E2BIG;
	memcpy(was, e->outers, sizeof(was));
	e->n_outers = 0;
	for (size_t i = 0; i < n; i++)
		if (outers[i].ifindex && !outer_find(e->outers, e->n_outers, outers[i].ifindex))
			e->outers[e->n_outers++] = outers[i];
	r = outers_store(t, was, n_was);
	e->outers_lost = r < 0;
	return r;
}

/* --- addresses of the host ---------------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vpc_public_key));
}

bool edge_is_host(const struct maps *t, const struct vpc_public_key *key)
{
	return bsearch(key, t->edge.hosts, t->edge.n_hosts, sizeof(*key), compare_keys) != NULL;
}

static bool key_is_v4(const struct vpc_public_key *key)
{
	static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(key->addr, v4_prefix, sizeof(v4_prefix)) == 0;
}

void edge_public_value(const struct maps *t, const struct vpc_public_key *key, struct vpc_public *ret)
{
	*ret = (struct vpc_public){};
	if (edge_is_host(t, key))
		ret->kind |= VPC_PUBLIC_HOST;
	if (key_is_v4(key))
		ret->number = eip_by_address(&t->mirror, key->addr[3]);
	if (ret->number)
		ret->kind |= VPC_PUBLIC_EIP;
}

int edge_public_store(struct maps *t, const struct vpc_public_key *key)
{
	struct vpc_public value;

	edge_public_value(t, key, &value);
	return value.kind ? map_store(&t->map[MAP_PUBLIC], key, &value) : map_delete(&t->map[MAP_PUBLIC], key);
}

void edge_public_key_of(uint32_t address, struct vpc_public_key *ret)
{
	*ret = (struct vpc_public_key){};
	memset((char *)ret->addr + 10, 0xff, 2);
	ret->addr[3] = address;
}

int maps_host_addresses_set(struct maps *t, const struct ip *addresses, size_t n)
{
	struct vpc_public_key was[MAPS_HOST_ADDRESSES_MAX], *hosts = t->edge.hosts;
	size_t n_was = t->edge.n_hosts;
	bool all = t->edge.hosts_lost;
	int r = 0;

	if (n > MAPS_HOST_ADDRESSES_MAX)
		return -E2BIG;
	memcpy(was, hosts, sizeof(was));
	for (size_t i = 0; i < n; i++)
		memcpy(&hosts[i], addresses[i].bytes, sizeof(hosts[i]));
	t->edge.n_hosts = n;
	qsort(hosts, n, sizeof(*hosts), compare_keys);
	for (size_t i = 0; i < n; i++)
		if (all || !bsearch(&hosts[i], was, n_was, sizeof(*was), compare_keys)) {
			int stored = edge_public_store(t, &hosts[i]);

			r = r < 0 ? r : stored;
		}
	for (size_t i = 0; i < n_was; i++)
		if (!edge_is_host(t, &was[i])) {
			int stored = edge_public_store(t, &was[i]);

			r = r < 0 ? r : stored;
		}
	t->edge.hosts_lost = r < 0;
	return r;
}

/* --- edge_ctl ----------------------------------------------------------------------------------------------------- */

void edge_ports_of(const struct maps *t, struct vpc_edge_ctl *ret)
{
	ret->nat_port_first = NAT_PORT_FIRST;
	ret->nat_port_last = NAT_PORT_LAST;
	edge_preferred_ports(t->edge.local_first, t->edge.local_last, &ret->nat_prefer_first, &ret->nat_prefer_last);
}

/* A program that reads between two of the stores tries a few of the preferred ports more, or fewer. */
static void ports_store(struct maps *t)
{
	struct vpc_edge_ctl *ctl = edge_ctl_at(t, 0), new;

	edge_ports_of(t, &new);
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

void maps_local_ports_set(struct maps *t, uint16_t first, uint16_t last)
{
	t->edge.local_first = first;
	t->edge.local_last = last;
	ports_store(t);
}

void maps_edge_forward_set(struct maps *t, bool forward)
{
	t->edge.forward = forward;
	store32(&edge_ctl_at(t, 0)->flags, forward ? VPC_EDGE_FORWARD : 0);
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

static int adopt_host(const void *key, const void *value, void *userdata)
{
	struct edge_state *e = userdata;
	struct vpc_public row;

	memcpy(&row, value, sizeof(row));
	if (!(row.kind & VPC_PUBLIC_HOST) || e->n_hosts == MAPS_HOST_ADDRESSES_MAX)
		return 0;
	memcpy(&e->hosts[e->n_hosts++], key, sizeof(e->hosts[0]));
	return 0;
}

int edge_adopt(struct maps *t)
{
	struct edge_state *e = &t->edge;
	int r;

	e->local_first = LOCAL_PORT_FIRST;
	e->local_last = LOCAL_PORT_LAST;
	ports_store(t);
	e->uplinks = calloc(t->map[MAP_UPLINK].n, sizeof(*e->uplinks));
	if (!e->uplinks)
		return -ENOMEM;
	if (!t->adopted)
		return 0;
	e->forward = edge_ctl_at(t, 0)->flags & VPC_EDGE_FORWARD;
	for (uint32_t i = 1; i < t->map[MAP_UPLINK].n; i++)
		if (uplink_at(t, i)->ifindex == VPC_UPLINK_FIRST + i)
			e->uplinks[i] = *uplink_at(t, i);
	r = map_each(&t->map[MAP_OUTER], adopt_outer, e);
	if (r >= 0)
		r = map_each(&t->map[MAP_PUBLIC], adopt_host, e);
	qsort(e->hosts, e->n_hosts, sizeof(e->hosts[0]), compare_keys);
	return r;
}

static int read_uplink_of(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	const struct maps *t = reading->t;
	uint32_t ifindex = *(const uint32_t *)key, vpc = *(const uint32_t *)value;

	return vpc && vpc < t->map[MAP_UPLINK].n && t->edge.uplinks[vpc].host_ifindex == ifindex
		       ? 0
		       : reading_drop(reading, key);
}

static int read_outer(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;

	(void)value;
	return edge_outer(reading->t, *(const uint32_t *)key) ? 0 : reading_drop(reading, key);
}

static int read_public(const void *key, const void *value, void *userdata)
{
	struct reading *reading = userdata;
	struct vpc_public right;

	(void)value;
	edge_public_value(reading->t, key, &right);
	return right.kind ? 0 : reading_drop(reading, key);
}

static int restore_uplinks(struct maps *t)
{
	_cleanup_(reading_clear) struct reading reading = {.t = t, .id = MAP_UPLINK_OF};
	int r = reading_run(&reading, read_uplink_of);

	for (uint32_t i = 1; r >= 0 && i < t->map[MAP_UPLINK].n; i++) {
		const struct vpc_uplink *told = &t->edge.uplinks[i];
		uint32_t vpc = 0;

		if (told->host_ifindex)
			(void)bpf_map_lookup_elem(t->map[MAP_UPLINK_OF].fd, &told->host_ifindex, &vpc);
		if (edge_uplink_equal(told, uplink_at(t, i)) && (!told->host_ifindex || vpc == i))
			continue;
		r = told->ifindex ? uplink_store(t, i) : uplink_clear(t, i);
	}
	return r;
}

int edge_restore(struct maps *t)
{
	_cleanup_(reading_clear) struct reading outers = {.t = t, .id = MAP_OUTER};
	_cleanup_(reading_clear) struct reading publics = {.t = t, .id = MAP_PUBLIC};
	int r = restore_uplinks(t);

	if (r >= 0)
		r = reading_run(&outers, read_outer);
	if (r >= 0)
		r = outers_store(t, NULL, 0);
	if (r >= 0)
		r = reading_run(&publics, read_public);
	for (size_t i = 0; r >= 0 && i < t->edge.n_hosts; i++)
		r = edge_public_store(t, &t->edge.hosts[i]);
	for (uint32_t i = 1; r >= 0 && i < t->mirror.size.eips; i++) {
		struct vpc_public_key key;

		edge_public_key_of(t->mirror.eips[i].record.address, &key);
		if (t->mirror.eips[i].state != NODE_FREE)
			r = edge_public_store(t, &key);
	}
	ports_store(t);
	maps_edge_forward_set(t, t->edge.forward);
	return r;
}

void edge_clear(struct maps *t)
{
	free(t->edge.uplinks);
	t->edge.uplinks = NULL;
}
