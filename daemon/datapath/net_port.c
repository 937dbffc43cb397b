/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ENI's port: the host end of a veth, or a tap, with its programs on before anything else. */
#include "datapath/net_private.h"

static int fail(struct vpc_error *reterr, const struct port_record *p, int r, const char *what, const char *text)
{
	vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "port %s of %s: cannot %s: %s", p->host_ifname,
		      p->eni_id, what, text && text[0] ? text : strerror(-r));
	return r;
}

/* Ours by alias; or by number, kind and name, in a namespace that is ours: half made when a run of ours was killed, or
 * somebody took the alias away. */
static bool is_ours(const struct link_info *info, const struct port_record *p, const char *alias)
{
	return (strcmp(info->kind, "veth") == 0 || info->tap) &&
	       (strcmp(info->alias, alias) == 0 || strcmp(info->name, p->host_ifname) == 0);
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
	struct link_info inner;

	return link_get(w->rtnl_fd, 0, p->attachment.ifname, &inner) >= 0 && strcmp(inner.kind, "veth") == 0 &&
	       inner.other_end == p->eni && memcmp(inner.mac, p->mac, sizeof(p->mac)) == 0;
}

/* Whether the existing port is what is wanted now, or left over from a run that was killed. */
static bool fits(const struct link_info *info, const struct port_record *p, const struct workload *w)
{
	if (strcmp(info->kind, port_kind(p)) != 0)
		return false;
	if (port_is_tap(p))
		return info->multi_queue == (p->attachment.queues > 1);
	return !w || w->ns_fd < 0 || leads_to(w, p);
}

static int make_tap(struct net_vpc *v, const struct port_record *p, struct vpc_error *reterr)
{
	int r = tap_make(v->ns.ns_fd, p);

	if (r == -ENXIO)
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "attachment",
			      "this kernel has no taps (is the module tun loaded, and /dev/net/tun there?)");
	else if (r < 0)
		fail(reterr, p, r, "be made", NULL);
	return r;
}

static int make(struct net_vpc *v, const struct port_record *p, const struct workload *w, struct vpc_error *reterr)
{
	char text[RTNL_TEXT_MAX];
	struct link_info info;
	int r;

	if (port_is_tap(p))
		return make_tap(v, p, reterr);
	r = link_make_veth(v->ns.rtnl_fd, p, w->ns_fd, text);

	if (r >= 0)
		return 0;
	if (r == -EEXIST && link_get(w->rtnl_fd, 0, p->attachment.ifname, &info) >= 0) {
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
	int r = link_get(v->ns.rtnl_fd, p->eni, NULL, &info);

	if (r < 0 && r != -ENODEV)
		return fail(reterr, p, r, "be read", NULL);
	if (r >= 0) {
		if (!is_ours(&info, p, alias))
			return fail(reterr, p, -EEXIST, "be made", "its number is taken by a device that isn't vpcd's");
		if (fits(&info, p, w))
			return 0;
		r = link_delete(v->ns.rtnl_fd, p->eni);
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

static int put_facts(struct net_vpc *v, const struct port_record *p, const struct net_device *d,
		     struct vpc_error *reterr)
{
	struct fact *f, *next;

	HASH_ITER (hh, d->facts.head, f, next) {
		char text[FACT_TEXT_MAX], what[FACT_TEXT_MAX + 16];
		int r = fact_put(v->ns.rtnl_fd, f);

		snprintf(what, sizeof(what), "get %s", fact_format(f, text));
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
	struct link_change name = {.name = p->host_ifname, .alias = alias, .mtu = p->mtu, .no_link_local = true};
	const struct link_change enslave = {.master = d->master};
	int fd = v->ns.rtnl_fd;
	uint8_t mac[6];
	int r = tc_clsact_ensure(fd, p->eni, &v->net->programs, clean);

	/* the programs first: whatever state the port is in, from here on it is judged */
	if (r < 0)
		return fail(reterr, p, r, "get its programs", NULL);
	r = port_adopt_links(v, d);
	if (r < 0)
		return fail(reterr, p, r, "point its tcx links to the programs", NULL);
	tap_mac(p->eni, mac);
	name.mac = port_is_tap(p) ? mac : NULL;
	r = link_change(fd, p->eni, &name, NULL);
	if (r < 0)
		return fail(reterr, p, r, "be named", NULL);
	r = link_change(fd, p->eni, &enslave, NULL);
	if (r < 0)
		return fail(reterr, p, r, "join its bridge", NULL);
	r = link_set_port_options(fd, p->eni);
	if (r < 0)
		return fail(reterr, p, r, "be configured", NULL);
	return put_facts(v, p, d, reterr);
}

static int prepare_inner(const struct port_record *p, const struct workload *w, struct vpc_error *reterr)
{
	const char *what = "";
	int r;

	if (!w || w->ns_fd < 0 || port_is_tap(p))
		return 0;
	r = inner_prepare(w, p, &what);
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
	bool made;
	int r;

	removal_settle(v->net, v->number, p->eni);
	if (net_register_port(v, p, &d) < 0) {
		net_unregister(v, p->eni);
		return vpc_error_oom(reterr);
	}
	r = find_or_make(v, p, w, netns_make_alias(v->net->instance, p->eni_id, alias), reterr);
	made = r > 0;
	if (made) {
		d->up = false;
		d->tcx = d->attaching = false;
	}
	if (r >= 0)
		r = set_up(v, p, alias, d, clean, reterr);
	if (r >= 0)
		r = prepare_inner(p, w, reterr);
	if (r < 0) {
		(void)net_drop_device(v, p->eni);
		if (made)
			link_delete(v->ns.rtnl_fd, p->eni);
		return r;
	}
	*ret_made = made;
	return 0;
}

int port_raise(struct net_vpc *v, struct net_device *d)
{
	const struct link_change up = {.up = LINK_UP};

	d->up = true;
	return link_change(v->ns.rtnl_fd, d->ifindex, &up, NULL);
}
