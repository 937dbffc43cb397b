/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ENI's port: the host end of a veth, or a tap, with its programs on before anything else. */
#include "datapath/net/private.h"

static int fail(struct vpc_error *reterr, const struct port_record *p, int r, const char *what, const char *text)
{
	vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "port %s of %s: cannot %s: %s", p->host_ifname,
		      p->eni_id, what, text && text[0] ? text : strerror(-r));
	return r;
}

/* Ours by an alias of the instance; or by number, kind and name, in a namespace that is ours: half made when a run of
 * ours was killed, or somebody took the alias away. */
static bool is_ours(const struct link_info *info, const struct net_vpc *v, const struct port_record *p)
{
	return (strcmp(info->kind, "veth") == 0 || info->tap) &&
	       (netns_alias_is_ours(info->alias, v->net->instance) || strcmp(info->name, p->host_ifname) == 0 ||
		link_is_half_made(info));
}

bool port_mac_right(bool tap, const struct link_info *info)
{
	uint8_t mac[6];

	tap_mac(info->ifindex, mac);
	return !tap || memcmp(info->mac, mac, sizeof(mac)) == 0;
}

/* Whether the existing port's other end is what the workload should have. */
static bool leads_to(const struct workload *w, const struct port_record *p)
{
	struct link_info workload_end;

	return link_get(w->rtnl, 0, p->attachment.ifname, &workload_end) >= 0 && workload_end_is_ours(&workload_end, p);
}

/* Whether the existing port is what is wanted now, or left over from a run that was killed, or another ENI's. */
static bool fits(const struct link_info *info, const struct port_record *p, const struct workload *w, const char *alias)
{
	if (strcmp(info->kind, port_kind(p)) != 0)
		return false;
	if (strcmp(info->alias, alias) != 0 && strcmp(info->name, p->host_ifname) != 0)
		return false;
	if (port_is_tap(p))
		return info->multi_queue == (p->attachment.queues > 1);
	return !w || w->ns_fd < 0 || leads_to(w, p);
}

/* The kernel may have made it and its answer be lost. Fine if it isn't there. */
static void delete_half_made(struct net_vpc *v, const struct port_record *p)
{
	struct link_info info;

	if (link_get(v->ns.rtnl, p->eni, NULL, &info) >= 0 && link_is_half_made(&info))
		link_delete(v->ns.rtnl, p->eni);
}

/* An end of this very port, whose host end somebody moved elsewhere: it goes, and takes that one along. 1: it did. */
static int delete_old_end(const struct port_record *p, const struct workload *w)
{
	struct link_info info;
	int r = link_get(w->rtnl, 0, p->attachment.ifname, &info);

	if (r < 0 || !workload_end_is_ours(&info, p))
		return 0;
	r = link_delete(w->rtnl, info.ifindex);
	return r < 0 ? r : 1;
}

static int make_tap(struct net_vpc *v, const struct port_record *p, struct vpc_error *reterr)
{
	int r = tap_make(v->ns.ns_fd, p);

	if (r == -ENXIO)
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "attachment",
			      "this kernel has no taps (is the module tun loaded, and /dev/net/tun there?)");
	else if (r < 0)
		fail(reterr, p, r, "be made", NULL);
	if (r < 0)
		delete_half_made(v, p);
	return r;
}

static int make(struct net_vpc *v, const struct port_record *p, const struct workload *w, struct vpc_error *reterr)
{
	char text[NETLINK_TEXT_MAX];
	struct link_info info;
	int r;

	if (port_is_tap(p))
		return make_tap(v, p, reterr);
	r = link_make_veth(v->ns.rtnl, p, w->ns_fd, text);
	if (r == -EEXIST && delete_old_end(p, w) > 0)
		r = link_make_veth(v->ns.rtnl, p, w->ns_fd, text);
	if (r >= 0)
		return 0;
	delete_half_made(v, p);
	if (r == -EEXIST && link_get(w->rtnl, 0, p->attachment.ifname, &info) >= 0) {
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "ifname",
			      "%s: the namespace has an interface named %s already; choose another name with ifname",
			      w->path ? w->path : "workload", p->attachment.ifname);
		return r;
	}
	return fail(reterr, p, r, "be made", text);
}

/* 1: made; 0: it was there; -ENODEV: missing, and no workload to make it to. */
static int find_or_make(struct net_vpc *v, const struct port_record *p, const struct workload *w, const char *alias,
			struct vpc_error *reterr)
{
	bool has_workload = w && w->ns_fd >= 0;
	struct link_info info;
	char text[256];
	int r = link_get(v->ns.rtnl, p->eni, NULL, &info);

	if (r < 0 && r != -ENODEV)
		return fail(reterr, p, r, "be read", NULL);
	if (r >= 0) {
		if (!is_ours(&info, v, p)) {
			snprintf(text, sizeof(text),
				 "its number %u is taken in %s by %s, which isn't vpcd's; remove that one", p->eni,
				 v->name, info.name);
			return fail(reterr, p, -EEXIST, "be made", text);
		}
		if (fits(&info, p, w, alias))
			return 0;
		r = link_delete(v->ns.rtnl, p->eni);
		if (r < 0)
			return fail(reterr, p, r, "be replaced", NULL);
	}
	if (!has_workload && !port_is_tap(p)) {
		fail(reterr, p, -ENODEV, "be found", NULL);
		return -ENODEV;
	}
	r = make(v, p, w, reterr);
	return r < 0 ? r : 1;
}

static int put_objects(struct net_vpc *v, const struct port_record *p, const struct net_device *d,
		       struct vpc_error *reterr)
{
	struct net_object *f, *next;

	HASH_ITER (hh, d->objects.head, f, next) {
		char text[NET_OBJECT_TEXT_MAX], what[NET_OBJECT_TEXT_MAX + 16];
		int r = net_object_put(v->ns.rtnl, f);

		snprintf(what, sizeof(what), "get %s", net_object_format(f, text));
		if (r < 0)
			return fail(reterr, p, r, what, NULL);
	}
	return 0;
}

int port_adopt_links(struct net_vpc *v, struct net_device *d)
{
	const struct net *n = v->net;
	char *dir;
	int r;

	d->attach_failed = false;
	if (n->link_dir) {
		r = tc_tcx_update(n->link_dir, d->ifindex, &n->programs);
		d->tcx = r > 0;
		return r < 0 ? r : 0;
	}
	d->tcx = false;
	if (!n->pin_dir)
		return 0;
	dir = net_link_dir(n->pin_dir);
	if (!dir)
		return -ENOMEM;
	tc_tcx_unpin(dir, d->ifindex);
	free(dir);
	return 0;
}

static int set_up(struct net_vpc *v, const struct port_record *p, const char *alias, struct net_device *d, bool clean,
		  struct vpc_error *reterr)
{
	/* first the MTU: with less than 1280 there is no IPv6 on it, and what is said of that would be refused */
	const struct link_change mtu = {.mtu = p->mtu};
	struct link_change name = {.alias = alias, .no_link_local = true};
	const struct link_change enslave = {.master = d->master}, down = {.up = LINK_DOWN};
	const struct net_device *bridge = net_find_device(v, d->master);
	struct nl_sock *rtnl = v->ns.rtnl;
	char text[NETLINK_TEXT_MAX] = "";
	uint8_t mac[6];
	int r = tc_clsact_ensure(rtnl, p->eni, &v->net->programs, clean);

	/* the programs first: whatever state the port is in, from here on it is judged */
	if (r < 0) {
		(void)link_change(rtnl, p->eni, &down, NULL); /* closed, rather than not judged */
		return fail(reterr, p, r, "get its programs", NULL);
	}
	r = port_adopt_links(v, d);
	if (r < 0)
		return fail(reterr, p, r, "point its tcx links to the programs", NULL);
	tap_mac(p->eni, mac);
	name.mac = port_is_tap(p) ? mac : NULL;
	r = link_rename(rtnl, p->eni, p->host_ifname, text);
	if (r >= 0)
		r = link_change(rtnl, p->eni, &mtu, text);
	if (r >= 0)
		r = link_change(rtnl, p->eni, &name, text);
	if (r < 0)
		return fail(reterr, p, r, "be named", text);
	/* not into a bridge of somebody else's that has the number of ours */
	r = !bridge || bridge->broken ? -ENXIO : link_change(rtnl, p->eni, &enslave, NULL);
	if (r < 0)
		return fail(reterr, p, r, "join its bridge", NULL);
	r = link_set_port_options(rtnl, p->eni);
	if (r < 0)
		return fail(reterr, p, r, "be configured", NULL);
	return put_objects(v, p, d, reterr);
}

static int prepare_workload_end(const struct port_record *p, const struct workload *w, struct vpc_error *reterr)
{
	const char *what = "";
	int r;

	if (!w || w->ns_fd < 0 || port_is_tap(p))
		return 0;
	r = workload_end_prepare(w, p, &what);
	if (r < 0)
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, NULL, "%s: %s cannot %s: %s",
			      w->path ? w->path : "workload", p->attachment.ifname, what, strerror(-r));
	return r;
}

int port_ensure(struct net_vpc *v, const struct port_record *p, const struct workload *w, bool clean, bool *ret_made,
		struct vpc_error *reterr)
{
	char alias[NETNS_ALIAS_MAX];
	struct net_device *d;
	bool made, missing;
	int r;

	removal_settle(v->net, v->number, p->eni);
	if (net_register_port(v, p, &d) < 0) {
		net_unregister(v, p->eni);
		return vpc_error_oom(reterr);
	}
	r = find_or_make(v, p, w, netns_make_alias(v->net->instance, p->eni_id, alias), reterr);
	made = r > 0;
	missing = r == -ENODEV;
	if (made) {
		d->up = false;
		d->tcx = d->attaching = false;
		d->carrier_changes = 0;
	}
	if (r >= 0)
		r = set_up(v, p, alias, d, clean, reterr);
	if (r >= 0)
		r = prepare_workload_end(p, w, reterr);
	if (r < 0) {
		/* one that was there stays under watch: what is wrong with it may end by an event */
		if (made || missing)
			(void)net_drop_device(v, p->eni);
		if (made)
			link_delete(v->ns.rtnl, p->eni);
		/* only a port that is missing is told as that: with somewhere to go it is made again */
		return r == -ENODEV && !missing ? -ENXIO : r;
	}
	*ret_made = made;
	return 0;
}

int port_raise(struct net_vpc *v, struct net_device *d)
{
	const struct link_change up = {.up = LINK_UP};

	d->up = true;
	return link_change(v->ns.rtnl, d->ifindex, &up, NULL);
}
