/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ENI's port on its bridge, whatever its kind: its programs are on before anything else. */
#include "datapath/net/device/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath/net/netns/netns.h"

static struct device_spec spec_of(const struct port_record *p, const struct device_ops *ops)
{
	return (struct device_spec){
		.ops = ops,
		.record = p,
		.vpc = p->vpc,
		.ifindex = p->eni,
		.master = VPC_BRIDGE_FIRST + p->subnet,
		.mtu = p->mtu,
		.name = p->host_ifname,
		.id = p->eni_id,
		.attachment = &p->attachment,
	};
}

bool port_record(const struct plan *plan, size_t i, const struct device_ops *ops, enum attachment_kind kind,
		 struct device_spec *ret_before, struct device_spec *ret_after)
{
	const struct plan_port *p;

	if (i >= plan->n_ports)
		return false;
	p = &plan->ports[i];
	/* a port that changes its kind counts as the new kind: port_may_change refuses it */
	if ((p->has_after ? &p->after : &p->before)->attachment.kind != kind)
		return true;
	if (p->has_before)
		*ret_before = spec_of(&p->before, ops);
	if (p->has_after)
		*ret_after = spec_of(&p->after, ops);
	return true;
}

int port_may_change(const struct device_spec *before, const struct device_spec *after, struct vpc_error *reterr)
{
	const struct attachment *old = before->attachment, *new = after->attachment;

	if (old->kind == new->kind && old->owner_uid == new->owner_uid && old->queues == new->queues &&
	    old->ns_ino == new->ns_ino &&strcmp(old->ifname, new->ifname) == 0)
		return 0;
	return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "attachment",
			     "%s: detach it in one request and attach it in the next", after->id);
}

bool port_is_named(const struct link_info *info)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "p%u", info->ifindex);
	return info->ifindex < VPC_BRIDGE_FIRST && strcmp(info->name, name) == 0;
}

/* A neighbour of the bridge for each address of the ENI, and for its link-local one. */
int port_objects(const struct device_spec *s, struct net_object_set *ret)
{
	const struct port_record *p = s->record;
	struct ip link_local = net_object_link_local(p->mac);
	int r = 0;

	for (size_t i = 0; r >= 0 && i <= p->n_ips; i++) {
		const struct ip *ip = i < p->n_ips ? &p->ips[i] : &link_local;
		struct net_object o =
			net_object_of(NET_OBJECT_NEIGHBOUR, s->master, s->ifindex, ip, ip->family == 4 ? 32 : 128);

		memcpy(o.mac, p->mac, sizeof(o.mac));
		r = net_object_set_add(ret, &o);
	}
	return r;
}

/* Ours by an alias of the instance. By number, kind and name, too, in a namespace that is ours: an earlier run was
 * killed while it made the link, or somebody took the alias away. */
static bool is_ours(const struct device_request *q, const struct link_info *info)
{
	return (strcmp(info->kind, "veth") == 0 || info->tap) &&
	       (netns_alias_is_ours(info->alias, q->place.instance) || strcmp(info->name, q->spec->name) == 0 ||
		device_is_half_made(info));
}

/* Whether the existing link is the port that is wanted; else it is left over from a killed run, or is another ENI's. */
static bool fits(const struct device_request *q, const struct port_kind *kind, const struct link_info *info,
		 const char *alias)
{
	if (strcmp(info->kind, q->spec->ops->link_kind) != 0)
		return false;
	if (strcmp(info->alias, alias) != 0 && strcmp(info->name, q->spec->name) != 0)
		return false;
	return kind->fits(q, info);
}

/* 1: made; 0: it was there; -ENODEV: missing, and no workload is given that its far end could go to. */
static int find_or_make(const struct device_request *q, const struct port_kind *kind, const char *alias,
			struct vpc_error *reterr)
{
	uint32_t ifindex = q->spec->ifindex;
	struct link_info info;
	char text[256];
	int r = link_get(q->place.rtnl, ifindex, NULL, &info);

	if (r < 0 && r != -ENODEV)
		return device_fail(q->spec, r, "be read", NULL, reterr);
	if (r >= 0) {
		if (!is_ours(q, &info)) {
			snprintf(text, sizeof(text),
				 "its number %u is taken in %s by %s, which isn't vpcd's; remove that device", ifindex,
				 q->place.netns, info.name);
			return device_fail(q->spec, -EEXIST, "be made", text, reterr);
		}
		if (fits(q, kind, &info, alias))
			return 0;
		r = link_delete(q->place.rtnl, ifindex);
		if (r < 0)
			return device_fail(q->spec, r, "be replaced", NULL, reterr);
	}
	if (q->spec->ops->far_end && !q->workload)
		return device_fail(q->spec, -ENODEV, "be found", NULL, reterr);
	r = kind->make(q, reterr);
	return r < 0 ? r : 1;
}

int port_adopt(const struct device_request *q)
{
	struct device *d = q->device;
	int r;

	d->attach_failed = false;
	/* tcx links of an earlier run get the programs of this one; where tcx is not used they go */
	r = device_adopt_tcx(&q->place, d->ifindex, TC_PORT, false);
	d->tcx = r > 0;
	return r < 0 ? r : 0;
}

/* named: the link has its name and MTU. */
static int set_names(const struct device_request *q, const struct port_kind *kind, const char *alias, bool named,
		     struct vpc_error *reterr)
{
	/* The MTU comes first: a device with an MTU below 1280 has no IPv6, and the kernel refuses requests that
	 * concern IPv6 on it. */
	const struct link_change mtu = {.mtu = q->spec->mtu};
	struct link_change name = {.alias = alias, .no_link_local = true};
	uint32_t ifindex = q->spec->ifindex;
	struct nl_sock *rtnl = q->place.rtnl;
	char text[NETLINK_TEXT_MAX] = "";
	uint8_t mac[6];
	int r = 0;

	if (kind->mac) {
		kind->mac(ifindex, mac);
		name.mac = mac;
	}
	if (!named)
		r = link_rename(rtnl, ifindex, q->spec->name, text);
	if (r >= 0 && !named)
		r = link_change(rtnl, ifindex, &mtu, text);
	if (r >= 0)
		r = link_change(rtnl, ifindex, &name, text);
	return r < 0 ? device_fail(q->spec, r, "be named", text, reterr) : 0;
}

static int set_up(const struct device_request *q, const struct port_kind *kind, const char *alias, bool made,
		  struct vpc_error *reterr)
{
	const struct link_change enslave = {.master = q->spec->master}, down = {.up = LINK_DOWN};
	uint32_t ifindex = q->spec->ifindex;
	struct nl_sock *rtnl = q->place.rtnl;
	int r = tc_clsact_ensure(rtnl, ifindex, &q->place.programs->of[TC_PORT], q->clean);

	/* The programs come first: from here on the port is judged in whatever state it is. */
	if (r < 0) {
		(void)link_change(rtnl, ifindex, &down, NULL); /* closed, rather than not judged */
		return device_fail(q->spec, r, "get its programs", NULL, reterr);
	}
	r = port_adopt(q);
	if (r < 0)
		return device_fail(q->spec, r, "point its tcx links to the programs", NULL, reterr);
	r = set_names(q, kind, alias, made && kind->makes_named, reterr);
	if (r < 0)
		return r;
	/* not into a bridge of somebody else's that has the number of ours */
	r = !q->master || q->master->broken ? -ENXIO : link_change(rtnl, ifindex, &enslave, NULL);
	if (r < 0)
		return device_fail(q->spec, r, "join its bridge", NULL, reterr);
	r = link_set_port_options(rtnl, ifindex);
	if (r < 0)
		return device_fail(q->spec, r, "be configured", NULL, reterr);
	return device_put_objects(q, NET_OBJECT_NEIGHBOUR, reterr);
}

int port_ensure(const struct device_request *q, const struct port_kind *kind, bool *ret_made, struct vpc_error *reterr)
{
	char alias[NETNS_ALIAS_MAX];
	struct device *d = q->device;
	int r;

	netns_make_alias(q->place.instance, q->spec->id, alias);
	*ret_made = false;
	r = find_or_make(q, kind, alias, reterr);
	if (r < 0)
		return r;
	*ret_made = r > 0;
	if (*ret_made) {
		d->up = false;
		d->tcx = d->attaching = false;
		d->carrier_changes = 0;
	}
	r = set_up(q, kind, alias, *ret_made, reterr);
	if (r >= 0 && kind->prepare && q->workload)
		r = kind->prepare(q, reterr);
	/* -ENODEV says that the port is missing, which is another thing */
	return r == -ENODEV ? -ENXIO : r;
}

int port_raise(const struct device_request *q)
{
	const struct link_change up = {.up = LINK_UP};

	q->device->up = true;
	return link_change(q->place.rtnl, q->device->ifindex, &up, NULL);
}

int port_check_programs(const struct device_check *c)
{
	return device_check_programs(c, c->rtnl, c->spec->ifindex, c->spec->name, TC_PORT, c->link_dir);
}

int port_check(const struct device_check *c, const struct link_info *info)
{
	if (info->master != c->spec->master)
		return device_tell(c, "differs", "%s is not in its bridge", c->spec->name);
	return device_check_options(c, link_port_options, info->port_options);
}

int port_remove(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir)
{
	int r = link_delete(rtnl, ifindex);

	/* the device took its tcx links along: their pins are left */
	if ((r >= 0 || r == -ENODEV) && link_dir)
		tc_tcx_unpin(link_dir, ifindex);
	return r == -ENODEV ? 0 : r;
}

/* --- veths -------------------------------------------------------------------------------------------------------- */

bool port_veth_is_named(const struct link_info *info)
{
	return strcmp(info->kind, "veth") == 0 && port_is_named(info);
}

int port_veth_check(const struct device_check *c, const struct link_info *info)
{
	int r = port_check(c, info);

	if (r == 0 && !info->peer_elsewhere)
		r = device_tell(c, "differs", "%s: its other end is in the VPC's namespace", c->spec->name);
	return r ? r : port_check_programs(c);
}
