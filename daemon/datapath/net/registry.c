/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/registry.h"

#include <errno.h>
#include <stdio.h>

int net_programs(const struct net_config *config, struct tc_program_sets *ret)
{
	const int fds[TC_ROLES][TC_SIDES] = {
		[TC_PORT] = {config->prog_from_workload, config->prog_to_workload},
		[TC_BRIDGE] = {0, config->prog_from_router},
		[TC_UPLINK] = {config->prog_from_uplink, 0},
		[TC_HOST_END] = {config->prog_from_vpc, config->prog_to_host},
		[TC_OUTER] = {config->prog_from_world, 0},
	};

	return tc_programs_init(fds, ret);
}

struct net_vpc *net_find_vpc(const struct net *n, uint32_t number)
{
	struct net_vpc *v;

	HASH_FIND(hh, n->vpcs, &number, sizeof(number), v);
	return v;
}

struct device *net_find_device(const struct net_vpc *v, uint32_t ifindex)
{
	struct device *d;

	HASH_FIND(hh, v->devices, &ifindex, sizeof(ifindex), d);
	return d;
}

static struct device *find_or_add(struct net_vpc *v, uint32_t ifindex)
{
	struct device *d = net_find_device(v, ifindex);

	if (d) {
		net_object_set_clear(&d->objects);
		return d;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->ifindex = ifindex;
	d->vpc = v->number;
	HASH_ADD(hh, v->devices, ifindex, sizeof(d->ifindex), d);
	if (!d->hh.tbl) {
		free(d);
		return NULL;
	}
	return d;
}

int net_register(struct net_vpc *v, const struct device_spec *s, struct device **ret)
{
	struct device *d = find_or_add(v, s->ifindex);
	int r;

	if (!d)
		return -ENOMEM;
	d->ops = s->ops;
	d->master = s->master;
	d->mtu = s->mtu;
	snprintf(d->name, sizeof(d->name), "%s", s->name);
	snprintf(d->id, sizeof(d->id), "%s", s->id);
	r = s->ops->objects(s, &d->objects);
	if (r < 0) {
		net_unregister(v, s->ifindex);
		return r;
	}
	*ret = d;
	return 0;
}

void net_unregister(struct net_vpc *v, uint32_t ifindex)
{
	struct device *d = net_find_device(v, ifindex);

	if (!d)
		return;
	if (d->host_ifindex && v->net->on_uplink)
		v->net->on_uplink(v->number, NULL, v->net->userdata);
	if (d->host_ifindex && v->net->on_overlap)
		v->net->on_overlap(d->id, NULL, NULL, v->net->userdata);
	net_note_host_end(v, d, 0);
	HASH_DEL(v->devices, d);
	net_object_set_clear(&d->objects);
	net_object_set_clear(&d->host_objects);
	free(d);
}

void net_note_host_end(struct net_vpc *v, struct device *d, uint32_t host_ifindex)
{
	struct net *n = v->net;

	if (d->host_ifindex == host_ifindex)
		return;
	if (d->host_ifindex)
		HASH_DELETE(host_hh, n->host.ends, d);
	d->host_ifindex = host_ifindex;
	if (!host_ifindex)
		return;
	HASH_ADD(host_hh, n->host.ends, host_ifindex, sizeof(d->host_ifindex), d);
	if (!d->host_hh.tbl)
		d->host_ifindex = 0; /* no memory: its events aren't seen */
}

struct device *net_find_host_end(const struct net *n, uint32_t host_ifindex)
{
	struct device *d;

	HASH_FIND(host_hh, n->host.ends, &host_ifindex, sizeof(host_ifindex), d);
	return d;
}

const struct net_object *net_find_wanted(const struct net_vpc *v, const struct net_object_key *key)
{
	for (const struct device *d = v->devices; d; d = d->hh.next) {
		const struct net_object *wanted = net_object_set_find(&d->objects, key);

		if (wanted)
			return wanted;
	}
	return NULL;
}

int net_take_object(const struct net_vpc *v, const struct net_object *o)
{
	const struct net_object *wanted = net_find_wanted(v, &o->key);

	return wanted ? net_object_put(v->ns.rtnl, wanted) : net_object_delete(v->ns.rtnl, o);
}

struct net_object_set net_forget_device(struct net_vpc *v, uint32_t ifindex)
{
	struct device *d = net_find_device(v, ifindex);
	struct net_object_set objects = {};

	if (!d)
		return objects;
	objects = d->objects;
	d->objects = (struct net_object_set){};
	net_unregister(v, ifindex);
	return objects;
}

int net_drop_device(struct net_vpc *v, uint32_t ifindex)
{
	_cleanup_(net_object_set_clear) struct net_object_set objects = net_forget_device(v, ifindex);
	int result = 0;

	for (const struct net_object *o = objects.head; o; o = o->hh.next) {
		int r = o->key.ifindex == ifindex ? 0 : net_take_object(v, o);

		if (r < 0)
			result = r;
	}
	return result;
}

struct device_place net_place(const struct net_vpc *v)
{
	return (struct device_place){
		.ns_fd = v->ns.ns_fd,
		.rtnl = v->ns.rtnl,
		.netns = v->name,
		.instance = v->net->instance,
		.programs = &v->net->programs,
		.host_rtnl = v->net->host.rtnl,
		.host_ns_fd = v->net->host.ns_fd,
		.link_dir = v->net->link_dir,
		.stale_link_dir = v->net->stale_link_dir,
	};
}
