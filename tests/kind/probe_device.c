/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that only tests have: a link for each subnet, with an address. The link is a bridge, since every
 * kernel that vpcd runs on has those. */
#include <errno.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <string.h>

#include "datapath/net/device/device.h"
#include "datapath/net/netns/netns.h"

/* Above the numbers of ENIs and bridges. */
#define PROBE_FIRST (2 * VPC_BRIDGE_FIRST)

DEFINE_CLEANUP(struct rtnl_link *, rtnl_link_put);
extern const struct device_ops device_probe;

/* Named as the subnet's bridge without its first letter: "r3" beside "br3". */
static struct device_spec spec_of(const struct subnet_record *s)
{
	return (struct device_spec){
		.ops = &device_probe,
		.record = s,
		.vpc = s->vpc,
		.ifindex = PROBE_FIRST + s->number,
		.mtu = s->mtu,
		.name = s->bridge + 1,
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

/* 192.0.2.<subnet's number>/32 */
static int objects(const struct device_spec *s, struct net_object_set *ret)
{
	const struct subnet_record *subnet = s->record;
	struct ip ip = {.family = 4, .bytes = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2}};
	struct net_object address;

	ip.bytes[15] = (uint8_t)subnet->number;
	address = net_object_of(NET_OBJECT_ADDRESS, s->ifindex, s->ifindex, &ip, 32);
	return net_object_set_add(ret, &address);
}

static int make(const struct device_request *q, char text[NETLINK_TEXT_MAX])
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = rtnl_link_alloc();
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;

	if (!link || rtnl_link_set_type(link, "bridge") < 0)
		return -ENOMEM;
	rtnl_link_set_ifindex(link, (int)q->spec->ifindex);
	rtnl_link_set_name(link, q->spec->name);
	if (rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg) < 0)
		return -ENOMEM;
	return netlink_change(q->place.rtnl, msg, text);
}

static int ensure(const struct device_request *q, bool *ret_made, struct vpc_error *reterr)
{
	char alias[NETNS_ALIAS_MAX], text[NETLINK_TEXT_MAX] = "";
	const struct link_change change = {.alias = netns_make_alias(q->place.instance, q->spec->id, alias),
					   .mtu = q->spec->mtu,
					   .no_link_local = true,
					   .up = LINK_UP};
	int r = make(q, text);

	q->device->up = true;
	*ret_made = r >= 0;
	if (r == -EEXIST)
		r = 0;
	if (r >= 0)
		r = link_rename(q->place.rtnl, q->spec->ifindex, q->spec->name, text);
	if (r >= 0)
		r = link_change(q->place.rtnl, q->spec->ifindex, &change, text);
	q->device->broken = r < 0;
	return r < 0 ? device_fail(q->spec, r, "be made", text, reterr)
		     : device_put_objects(q, NET_OBJECT_ADDRESS, reterr);
}

static int adopt(const struct device_request *q)
{
	q->device->up = true;
	q->device->broken = false;
	return 0;
}

static bool is_named(const struct link_info *info)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "r%u", info->ifindex - PROBE_FIRST);
	return strcmp(info->kind, "bridge") == 0 && strcmp(info->name, name) == 0;
}

static int remove_probe(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir)
{
	int r = link_delete(rtnl, ifindex);

	(void)link_dir;
	return r == -ENODEV ? 0 : r;
}

const struct device_ops device_probe = {
	.kind = "probe",
	.link_kind = "bridge",
	.record = record,
	.objects = objects,
	.ensure = ensure,
	.adopt = adopt,
	.is_named = is_named,
	.remove = remove_probe,
};
