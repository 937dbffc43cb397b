/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/registry.h"

#include <errno.h>
#include <stdio.h>

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
	HASH_DEL(v->devices, d);
	net_object_set_clear(&d->objects);
	free(d);
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
		.link_dir = v->net->link_dir,
		.stale_link_dir = v->net->stale_link_dir,
	};
}
