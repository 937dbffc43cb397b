/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A subnet's bridge: the router's end of the subnet. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath/net/device/device.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/netns/sysctl.h"

extern const struct device_ops device_bridge;

static struct device_spec spec_of(const struct subnet_record *s)
{
	return (struct device_spec){
		.ops = &device_bridge,
		.record = s,
		.vpc = s->vpc,
		.ifindex = s->ifindex,
		.mtu = s->mtu,
		.name = s->bridge,
		.id = s->id,
	};
}

static bool record(const struct plan *plan, size_t i, struct device_spec *ret_before, struct device_spec *ret_after)
{
	if (i >= plan->n_subnets)
		return false;
	if (plan->subnets[i].has_before)
		*ret_before = spec_of(&plan->subnets[i].before);
	if (plan->subnets[i].has_after)
		*ret_after = spec_of(&plan->subnets[i].after);
	return true;
}

static int objects(const struct device_spec *spec, struct net_object_set *set)
{
	const struct subnet_record *s = spec->record;
	const struct cidr *const gateways[] = {&s->gateway, &s->gateway6};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(gateways); i++) {
		const struct cidr *g = gateways[i];
		struct ip network = net_object_network(&g->addr, g->plen);
		struct net_object address =
			net_object_of(NET_OBJECT_ADDRESS, s->ifindex, s->ifindex, &g->addr, g->plen);
		struct net_object route = net_object_of(NET_OBJECT_ROUTE, s->ifindex, s->ifindex, &network, g->plen);

		if (!g->addr.family)
			continue; /* a subnet without IPv6 */
		route.kernel_made = true;
		if (g->addr.family == 4)
			route.source = g->addr;
		r = net_object_set_add(set, &address);
		if (r >= 0)
			r = net_object_set_add(set, &route);
		if (r < 0)
			return r;
	}
	if (s->cidr6.addr.family == 6) {
		struct ip network = net_object_network(&s->cidr6.addr, s->cidr6.plen);
		struct net_object route =
			net_object_of(NET_OBJECT_ROUTE, s->ifindex, s->ifindex, &network, s->cidr6.plen);

		return net_object_set_add(set, &route);
	}
	return 0;
}

/* 1: made; 0: it was there. *ret_mac: the MAC that it has. */
static int find_or_make(const struct device_request *q, const char *alias, uint8_t ret_mac[6], struct vpc_error *reterr)
{
	const struct subnet_record *s = q->spec->record;
	char text[NETLINK_TEXT_MAX];
	struct link_info info;
	int r = link_make_bridge(q->place.rtnl, s, text);

	memcpy(ret_mac, s->mac, sizeof(s->mac));
	if (r >= 0)
		return 1;
	if (r != -EEXIST && r != -EBUSY) {
		device_delete_half_made(q->place.rtnl, s->ifindex);
		return device_fail(q->spec, r, "be made", text, reterr);
	}
	r = link_get(q->place.rtnl, s->ifindex, NULL, &info);
	/* A bridge with our number and name in a namespace of ours is ours without the alias, too: an earlier run was
	 * killed while it made the bridge, or somebody took the alias away. */
	if (r >= 0 && strcmp(info.kind, "bridge") == 0 &&
	    (strcmp(info.alias, alias) == 0 || strcmp(info.name, s->bridge) == 0)) {
		memcpy(ret_mac, info.mac, sizeof(info.mac));
		return 0;
	}
	return device_fail(q->spec, -EEXIST, "be made",
			   "its name or number is taken by a device that isn't vpcd's; remove or rename that device",
			   reterr);
}

/* mac: NULL where it is right: setting it, even to the same, makes the kernel forget every neighbour. */
static int set_up(const struct device_request *q, const char *alias, const uint8_t *mac, struct vpc_error *reterr)
{
	/* The MTU is set after creation: only then the bridge keeps it whatever MTU its ports have. It comes first: a
	 * device with an MTU below 1280 has no IPv6, and the kernel refuses requests that concern IPv6 on it. */
	const struct link_change mtu = {.mtu = q->spec->mtu};
	const struct link_change change = {.alias = alias, .mac = mac, .no_link_local = true, .up = LINK_UP};
	uint32_t ifindex = q->spec->ifindex;
	struct nl_sock *rtnl = q->place.rtnl;
	char text[NETLINK_TEXT_MAX];
	int r = link_rename(rtnl, ifindex, q->spec->name, text);

	if (r >= 0)
		r = link_change(rtnl, ifindex, &mtu, text);
	if (r >= 0)
		r = link_change(rtnl, ifindex, &change, text);
	if (r < 0)
		return device_fail(q->spec, r, "be configured", text, reterr);
	r = tc_clsact_ensure(rtnl, ifindex, &q->place.programs->of[TC_BRIDGE], true);
	if (r < 0)
		return device_fail(q->spec, r, "get its program", NULL, reterr);
	r = device_put_objects(q, NET_OBJECT_ADDRESS, reterr);
	return r < 0 ? r : device_put_objects(q, NET_OBJECT_ROUTE, reterr);
}

static int ensure(const struct device_request *q, bool *ret_made, struct vpc_error *reterr)
{
	const struct subnet_record *s = q->spec->record;
	char alias[NETNS_ALIAS_MAX];
	uint8_t mac[6];
	int r;

	q->device->up = true;
	r = find_or_make(q, netns_make_alias(q->place.instance, s->id, alias), mac, reterr);
	*ret_made = r > 0;
	if (r == 0) {
		r = link_set_bridge_options(q->place.rtnl, s->ifindex);
		if (r < 0)
			device_fail(q->spec, r, "be configured", NULL, reterr);
	}
	if (r >= 0)
		r = set_up(q, alias, memcmp(mac, s->mac, sizeof(mac)) ? s->mac : NULL, reterr);
	q->device->broken = r < 0;
	return r == -ENODEV ? -ENXIO : r;
}

static int adopt(const struct device_request *q)
{
	q->device->up = true;
	q->device->broken = false;
	return 0;
}

static int put_sysctls(const struct device_spec *s)
{
	int result = 0;

	for (const struct link_sysctl *o = link_bridge_sysctls; o->name; o++) {
		int r = sysctl_device_apply(o->family, s->name, o->name, o->want);

		if (r < 0)
			result = r;
	}
	return result;
}

static bool is_named(const struct link_info *info)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "br%u", info->ifindex - VPC_BRIDGE_FIRST);
	return info->ifindex >= VPC_BRIDGE_FIRST && strcmp(info->kind, "bridge") == 0 && strcmp(info->name, name) == 0;
}

static bool looks_right(const struct link_info *info)
{
	return link_options_right(info);
}

static int check(const struct device_check *c, const struct link_info *info)
{
	const struct subnet_record *s = c->spec->record;
	int r = 0;

	if (memcmp(info->mac, s->mac, sizeof(s->mac)) != 0)
		r = device_tell(c, "differs", "%s has another MAC address", s->bridge);
	if (r == 0)
		r = device_check_options(c, link_bridge_options, info->bridge_options);
	for (size_t i = 0; r == 0 && link_bridge_sysctls[i].name; i++) {
		const struct link_sysctl *o = &link_bridge_sysctls[i];

		if (info->sysctls[i] != o->want)
			r = device_tell(c, "differs", "net/ipv%u/conf/%s/%s is %u, should be %u", o->family, s->bridge,
					o->name, info->sysctls[i], o->want);
	}
	return r ? r : device_check_programs(c, c->rtnl, s->ifindex, s->bridge, TC_BRIDGE, NULL);
}

static int remove_bridge(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir)
{
	int r = link_delete(rtnl, ifindex);

	(void)link_dir;
	return r == -ENODEV ? 0 : r;
}

const struct device_ops device_bridge = {
	.kind = "bridge",
	.link_kind = "bridge",
	.role = TC_BRIDGE,
	.routes = true,
	.record = record,
	.objects = objects,
	.ensure = ensure,
	.adopt = adopt,
	.put_sysctls = put_sysctls,
	.looks_right = looks_right,
	.is_named = is_named,
	.check = check,
	.remove = remove_bridge,
};
