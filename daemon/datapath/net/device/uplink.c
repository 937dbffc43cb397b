/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VPC's uplink: a veth pair from its namespace to vpcd's own. It has no addresses and no routes: the programs at its
 * ends send and receive all that passes. A packet that no program takes ends in a namespace that has no use for it.
 */
#include "datapath/net/device/uplink.h"

#include <errno.h>
#include <string.h>

#include "datapath/net/device/device.h"
#include "datapath/net/device/host_end.h"
#include "datapath/net/netns/netns.h"

#define NAME "uplink" /* of the end in the VPC's namespace */

extern const struct device_ops device_uplink;

static struct device_spec spec_of(const struct vpc_record *v)
{
	return (struct device_spec){
		.ops = &device_uplink,
		.record = v,
		.vpc = v->number,
		.ifindex = VPC_UPLINK_FIRST + v->number,
		.mtu = UPLINK_MTU,
		.name = NAME,
		.id = v->id,
	};
}

static bool record(const struct plan *plan, size_t i, struct device_spec *ret_before, struct device_spec *ret_after)
{
	if (i >= plan->n_vpcs)
		return false;
	if (plan->vpcs[i].has_before && vpc_record_has_uplink(&plan->vpcs[i].before))
		*ret_before = spec_of(&plan->vpcs[i].before);
	if (plan->vpcs[i].has_after && vpc_record_has_uplink(&plan->vpcs[i].after))
		*ret_after = spec_of(&plan->vpcs[i].after);
	return true;
}

static int objects(const struct device_spec *s, struct net_object_set *ret)
{
	(void)s, (void)ret;
	return 0;
}

static bool is_ours(const struct device_request *q, const struct link_info *info)
{
	return strcmp(info->kind, "veth") == 0 &&
	       (netns_alias_is_ours(info->alias, q->place.instance) || strcmp(info->name, q->spec->name) == 0);
}

static int make(const struct device_request *q, struct vpc_error *reterr)
{
	char name[IFNAMSIZ], text[NETLINK_TEXT_MAX] = "";
	uint8_t mac[6];
	const struct link_pair pair = {
		.name = q->spec->name,
		.peer_name = name,
		.ifindex = q->spec->ifindex,
		.mtu = UPLINK_MTU,
		.peer_mac = mac,
		.peer_ns = q->place.host_ns_fd,
	};
	int r = host_end_clear_name(q->place.host_rtnl, q->place.instance, q->spec);

	host_end_name(q->spec->id, name);
	host_end_mac(q->spec->vpc, mac);
	if (r == -EEXIST) {
		snprintf(text, sizeof(text),
			 "the host has a device named %s that isn't this instance's; if another instance has the same "
			 "VPC, purge it there, else remove or rename the device",
			 name);
		return device_fail(q->spec, r, "be made", text, reterr);
	}
	if (r >= 0)
		r = link_make_pair(q->place.rtnl, &pair, text);
	if (r >= 0)
		return 0;
	device_delete_half_made(q->place.rtnl, q->spec->ifindex);
	return device_fail(q->spec, r, "be made", text, reterr);
}

/* 1: made; 0: it was there. */
static int find_or_make(const struct device_request *q, struct link_info *ret_host, struct vpc_error *reterr)
{
	const struct device_place *p = &q->place;
	struct link_info info;
	char text[256];
	int r = link_get(p->rtnl, q->spec->ifindex, NULL, &info);

	if (r < 0 && r != -ENODEV)
		return device_fail(q->spec, r, "be read", NULL, reterr);
	if (r >= 0) {
		if (!is_ours(q, &info)) {
			snprintf(text, sizeof(text),
				 "its number %u is taken in %s by %s, which isn't vpcd's; remove that device",
				 q->spec->ifindex, p->netns, info.name);
			return device_fail(q->spec, -EEXIST, "be made", text, reterr);
		}
		if (host_end_find(p->host_rtnl, p->instance, q->spec, &info, ret_host) >= 0)
			return 0;
		r = link_delete(p->rtnl, q->spec->ifindex);
		if (r < 0)
			return device_fail(q->spec, r, "be replaced", NULL, reterr);
	}
	r = make(q, reterr);
	if (r < 0)
		return r;
	r = link_get(p->rtnl, q->spec->ifindex, NULL, &info);
	if (r >= 0)
		r = host_end_find(p->host_rtnl, p->instance, q->spec, &info, ret_host);
	if (r >= 0)
		return 1;
	device_delete_half_made(p->rtnl, q->spec->ifindex);
	return device_fail(q->spec, r, "be read", NULL, reterr);
}

/* The end in the VPC's namespace. */
static int set_up(const struct device_request *q, bool *ret_tcx, struct vpc_error *reterr)
{
	const struct link_change down = {.up = LINK_DOWN};
	char alias[NETNS_ALIAS_MAX], text[NETLINK_TEXT_MAX] = "";
	const struct link_change change = {.alias = netns_make_alias(q->place.instance, q->spec->id, alias),
					   .mtu = UPLINK_MTU,
					   .no_link_local = true};
	struct nl_sock *rtnl = q->place.rtnl;
	uint32_t ifindex = q->spec->ifindex;
	int r = tc_clsact_ensure(rtnl, ifindex, &q->place.programs->of[TC_UPLINK], q->clean);

	if (r < 0) {
		(void)link_change(rtnl, ifindex, &down, NULL); /* closed, rather than not judged */
		return device_fail(q->spec, r, "get its program", NULL, reterr);
	}
	r = device_adopt_tcx(&q->place, ifindex, TC_UPLINK, false);
	if (r < 0)
		return device_fail(q->spec, r, "point its tcx link to the program", NULL, reterr);
	*ret_tcx = r > 0;
	r = link_rename(rtnl, ifindex, q->spec->name, text);
	if (r >= 0)
		r = link_change(rtnl, ifindex, &change, text);
	return r < 0 ? device_fail(q->spec, r, "be configured", text, reterr) : 0;
}

/* The pins of a host end that somebody deleted are left. */
static void note_host_end(const struct device_request *q, uint32_t ifindex)
{
	const char *dir = q->place.link_dir ? q->place.link_dir : q->place.stale_link_dir;
	char host_dir[DEVICE_HOST_DIR_MAX];
	struct device *d = q->device;

	d->vpc_mtu = ((const struct vpc_record *)q->spec->record)->mtu;
	if (dir && d->other_end && d->other_end != ifindex)
		tc_tcx_unpin(device_host_dir(dir, host_dir), d->other_end);
	d->other_end = ifindex;
}

static int ensure(const struct device_request *q, bool *ret_made, struct vpc_error *reterr)
{
	struct device *d = q->device;
	bool tcx = false, host_tcx = false;
	struct link_info host;
	int r;

	*ret_made = false;
	if (!q->place.programs->of[TC_UPLINK].id[TC_INGRESS] || !q->place.host_rtnl)
		return device_fail(q->spec, -EOPNOTSUPP, "be made", "there are no programs for it", reterr);
	r = find_or_make(q, &host, reterr);
	if (r < 0)
		return r == -ENODEV ? -ENXIO : r;
	*ret_made = r > 0;
	if (*ret_made)
		d->up = d->tcx = d->attaching = false;
	r = set_up(q, &tcx, reterr);
	if (r >= 0)
		r = host_end_set_up(q, host.ifindex, &host_tcx, reterr);
	d->attach_failed = false;
	d->tcx = tcx && host_tcx;
	note_host_end(q, host.ifindex);
	return r == -ENODEV ? -ENXIO : r;
}

static int adopt(const struct device_request *q)
{
	const struct device_place *p = &q->place;
	struct link_info info, host;
	int r = link_get(p->rtnl, q->spec->ifindex, NULL, &info);
	int tcx, host_tcx;

	if (r >= 0)
		r = host_end_find(p->host_rtnl, p->instance, q->spec, &info, &host);
	if (r < 0)
		return r;
	q->device->attach_failed = false;
	tcx = device_adopt_tcx(p, info.ifindex, TC_UPLINK, false);
	host_tcx = device_adopt_tcx(p, host.ifindex, TC_HOST_END, true);
	q->device->tcx = tcx > 0 && host_tcx > 0;
	note_host_end(q, host.ifindex);
	return tcx < 0 ? tcx : host_tcx < 0 ? host_tcx : 0;
}

static int raise_both(const struct device_request *q)
{
	const struct link_change up = {.up = LINK_UP};
	int r;

	q->device->up = true;
	r = link_change(q->place.host_rtnl, q->device->other_end, &up, NULL);
	return r < 0 ? r : link_change(q->place.rtnl, q->device->ifindex, &up, NULL);
}

static bool is_named(const struct link_info *info)
{
	return info->ifindex >= VPC_UPLINK_FIRST && strcmp(info->kind, "veth") == 0 && strcmp(info->name, NAME) == 0;
}

static bool looks_right(const struct link_info *info)
{
	return info->peer_elsewhere;
}

static int check(const struct device_check *c, const struct link_info *info)
{
	int r = device_check_programs(c, c->rtnl, c->spec->ifindex, c->spec->name, TC_UPLINK, c->link_dir);

	return r ? r : host_end_check(c, info);
}

static int remove_uplink(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir)
{
	char host_dir[DEVICE_HOST_DIR_MAX];
	struct link_info info = {};
	int r;

	(void)link_get(rtnl, ifindex, NULL, &info);
	r = link_delete(rtnl, ifindex);
	/* the host end went along; the pins of the tcx links of both are left */
	if ((r >= 0 || r == -ENODEV) && link_dir) {
		tc_tcx_unpin(link_dir, ifindex);
		if (info.other_end)
			tc_tcx_unpin(device_host_dir(link_dir, host_dir), info.other_end);
	}
	return r == -ENODEV ? 0 : r;
}

const struct device_ops device_uplink = {
	.kind = "uplink",
	.link_kind = "veth",
	.role = TC_UPLINK,
	.tcx = true,
	.host_end = true,
	.record = record,
	.objects = objects,
	.ensure = ensure,
	.adopt = adopt,
	.raise = raise_both,
	.looks_right = looks_right,
	.is_named = is_named,
	.check_silent = host_end_check_sysctls,
	.check = check,
	.remove = remove_uplink,
};
