/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the kernel's network what the whole state says, at a start, and after an event about somebody else's change. A
 * failure doesn't end the work; the last one is returned.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/net/check.h"
#include "datapath/net/host.h"
#include "datapath/net/host_objects.h"
#include "datapath/net/host_table.h"
#include "datapath/net/make.h"
#include "datapath/net/netns/sysctl.h"
#include "datapath/net/nft/generation.h"
#include "datapath/net/nft/ruleset.h"
#include "datapath/net/removal.h"

struct mending {
	struct net *n;
	const struct plan *all;
	const struct workload *workloads;
	size_t n_workloads;
	struct net_vpc *v; /* the VPC that is being mended; the five below are its */
	const struct vpc_record *vpc;
	struct device_spec *devices;
	size_t n_devices;
	bool *differs; /* by index of the device */
	bool any_differs;
	struct net_object_set put, replace, delete;
	uint32_t *unexpected; /* their links */
	size_t n_unexpected;
	bool sysctls, ruleset;
	const char *what; /* the part of the namespace that failed */
	struct net_report *report;
	int result;
	struct vpc_error *reterr;
};

void net_report_clear(struct net_report *r)
{
	free(r->lost);
	free(r->troubles);
	*r = NET_REPORT_INIT;
}

/* Appends a trouble. -ENOMEM. */
PRINTF_LIKE(3, 4) static int report_add(struct net_report *r, const char *object, const char *format, ...)
{
	struct net_trouble *t = ARRAY_ADD(r->troubles, r->n_troubles);
	va_list ap;

	if (!t)
		return -ENOMEM;
	snprintf(t->object, sizeof(t->object), "%s", object);
	va_start(ap, format);
	vsnprintf(t->reason, sizeof(t->reason), format, ap);
	va_end(ap);
	return 0;
}

/* text: says more than strerror; or NULL. */
static void failed(struct mending *m, int r, const char *object, const char *what, const char *text)
{
	if (r >= 0)
		return;
	m->result = r;
	/* Without memory for the report, only the result says so, and the caller blames the VPC. */
	if (text && text[0])
		(void)report_add(m->report, object, "%s", text);
	else
		(void)report_add(m->report, object, "cannot put %s right: %s", what, strerror(-r));
	if (m->reterr->code != VPC_E_OK)
		return;
	if (text && text[0])
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: %s", object, text);
	else
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: cannot put %s right: %s", object, what,
			      strerror(-r));
}

/* The id of the object for which a link of this VPC is; the VPC's id if there is none. */
static const char *object_of(const struct mending *m, uint32_t ifindex)
{
	const struct device *d = net_find_device(m->v, ifindex);

	return d ? d->id : m->vpc->id;
}

/* --- what differs ------------------------------------------------------------------------------------------------- */

static int note_object(struct mending *m, const struct net_difference *d)
{
	bool put_over = d->net_object->key.kind == NET_OBJECT_NEIGHBOUR || d->net_object->key.kind == NET_OBJECT_FDB;
	struct net_object copy = *d->net_object;

	if (strcmp(d->problem, "unexpected") == 0)
		return net_object_set_add(&m->delete, &copy);
	return net_object_set_add(strcmp(d->problem, "missing") == 0 || put_over ? &m->put : &m->replace, &copy);
}

static int note_link(struct mending *m, const struct net_difference *d)
{
	uint32_t *added;

	if (d->foreign)
		return 0;
	added = ARRAY_ADD(m->unexpected, m->n_unexpected);
	if (!added)
		return -ENOMEM;
	*added = d->ifindex;
	return 0;
}

static int on_difference(const struct net_difference *d, void *userdata)
{
	struct mending *m = userdata;

	switch (d->kind) {
	case DIFFERENCE_DEVICE:
		m->differs[d->index] = m->any_differs = true;
		return 0;
	case DIFFERENCE_OBJECT:
		return note_object(m, d);
	case DIFFERENCE_LINK:
		return note_link(m, d);
	case DIFFERENCE_SYSCTL:
		m->sysctls = true;
		return 0;
	case DIFFERENCE_RULESET:
		m->ruleset = true;
		return 0;
	}
	return 0;
}

/* --- mending ------------------------------------------------------------------------------------------------------ */

/* Runs on a thread inside the namespace. A device that is missing or was just made has the right sysctls. */
static int mend_device_sysctls(void *data)
{
	const struct mending *m = data;
	int result = 0;

	for (size_t i = 0; i < m->n_devices; i++) {
		const struct device_spec *s = &m->devices[i];
		int r = m->differs[i] && s->ops->put_sysctls ? s->ops->put_sysctls(s) : 0;

		if (r < 0)
			result = r;
	}
	return result;
}

/* Runs on a thread inside the namespace. A part that fails doesn't keep the others from being mended. */
static int mend_namespace(void *data)
{
	struct mending *m = data;
	const struct net_check check = {.fn = on_difference, .userdata = m};
	uint32_t before = 0;
	bool known = nft_read_generation(&before) >= 0;
	int result = 0, r = net_check_namespace(&check, m->v->ns.ns_fd);
	char text[256] = "";

	if (r < 0) {
		m->what = "be read";
		result = r;
	}
	r = m->sysctls ? sysctl_apply() : 0;
	if (r < 0) {
		m->what = "get its sysctls";
		result = r;
	}
	r = m->ruleset ? net_nft_apply(m->v->ns.ns_fd, false, text, sizeof(text)) : 0;
	if (r < 0) {
		m->what = "get its nftables tables";
		result = r;
	}
	/* a generation newer than the one that was compared or made is somebody else's change */
	if (known && (!m->ruleset || nft_read_generation(&before) >= 0))
		m->v->nft_generation = before;
	r = netns_bind_here(m->vpc->netns, m->n->instance, m->vpc->id);
	if (r < 0) {
		m->what = r == -EEXIST ? "be mounted: a file that isn't vpcd's is in the way; remove it" : "be mounted";
		result = r;
	}
	return result;
}

static void mend_namespace_of(struct mending *m)
{
	char text[256] = "";
	int r;

	m->what = NULL;
	r = netns_run(m->v->ns.ns_fd, mend_namespace, m);
	if (r == -EEXIST && m->what)
		snprintf(text, sizeof(text), "the namespace /run/netns/%s cannot %s", m->vpc->netns, m->what);
	else if (r < 0)
		snprintf(text, sizeof(text), "the namespace /run/netns/%s cannot %s: %s", m->vpc->netns,
			 m->what ? m->what : "be entered", strerror(-r));
	failed(m, r, m->vpc->id, "the namespace", text);
}

static void mend_lo(struct mending *m)
{
	char alias[NETNS_ALIAS_MAX];
	const struct link_change lo = {.alias = netns_make_alias(m->n->instance, m->vpc->id, alias), .up = LINK_UP};

	failed(m, link_change(m->v->ns.rtnl, 1, &lo, NULL), m->vpc->id, "lo", NULL);
}

/* Unregisters devices that are no longer in the state. */
static void forget_strangers(struct mending *m)
{
	struct device *d, *next;

	HASH_ITER (hh, m->v->devices, d, next) {
		bool found = false;

		for (size_t i = 0; !found && i < m->n_devices; i++)
			found = m->devices[i].ifindex == d->ifindex;
		if (!found)
			net_unregister(m->v, d->ifindex);
	}
}

static void mend_unexpected(struct mending *m)
{
	for (size_t i = 0; i < m->n_unexpected; i++)
		failed(m, device_remove_stray(m->v->ns.rtnl, m->unexpected[i], m->n->link_dir), m->vpc->id,
		       "an unexpected link", NULL);
}

static void lose(struct mending *m, uint32_t ifindex)
{
	uint32_t *added = ARRAY_ADD(m->report->lost, m->report->n_lost);

	if (!added) {
		failed(m, -ENOMEM, m->vpc->id, "a port", NULL);
		return;
	}
	*added = ifindex;
}

static void mend_device(struct mending *m, const struct device_spec *s, bool differs)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct make_options options = {.clean = true};
	struct device_request q;
	struct device *d;
	char what[32];
	bool made;
	int r;

	if (differs && s->ops->far_end)
		options.workload = workload_find(m->workloads, m->n_workloads, s->ifindex);
	if (differs) {
		r = make_device(m->v, s, &options, &d, &made, &error);
		if (r == -ENODEV) {
			lose(m, s->ifindex);
			return;
		}
		if (r >= 0)
			q = make_request(m->v, s, d, &options);
	} else {
		r = net_register(m->v, s, &d);
		if (r >= 0) {
			q = make_request(m->v, s, d, &options);
			r = s->ops->adopt(&q);
		}
	}
	if (r >= 0 && s->ops->raise)
		r = s->ops->raise(&q);
	if (r >= 0 && s->ops->host_end)
		host_report_uplink(m->v, d);
	snprintf(what, sizeof(what), "the %s", s->ops->kind);
	failed(m, r, s->id, what, error.message);
}

/* An object whose link is missing is reported with the link. */
static void mend_object(struct mending *m, const struct net_object *f, int r)
{
	char text[NET_OBJECT_TEXT_MAX];

	failed(m, r == -ENODEV ? 0 : r, object_of(m, f->owner ? f->owner : f->key.ifindex), net_object_format(f, text),
	       NULL);
}

static void mend_objects(struct mending *m)
{
	struct nl_sock *rtnl = m->v->ns.rtnl;
	const struct net_object *f;

	for (f = m->delete.head; f; f = f->hh.next)
		mend_object(m, f, net_object_delete(rtnl, f));
	for (f = m->replace.head; f; f = f->hh.next) {
		mend_object(m, f, net_object_delete(rtnl, f));
		mend_object(m, f, net_object_put(rtnl, f));
	}
	for (f = m->put.head; f; f = f->hh.next) {
		/* the object of a lost device is gone with the device */
		if (f->owner && !net_find_device(m->v, f->owner))
			continue;
		mend_object(m, f, net_object_put(rtnl, f));
	}
}

/* Deletes links that a worker has yet to delete, so that they aren't taken for unexpected ones. */
static void finish_removals(struct mending *m, const struct net_state *s)
{
	for (const struct state_link *link = s->links; link; link = link->hh.next)
		removal_finish_link(m->n, m->v->number, link->ifindex);
}

static void clear_objects(struct mending *m)
{
	net_object_set_clear(&m->put);
	net_object_set_clear(&m->replace);
	net_object_set_clear(&m->delete);
}

/* Reads the namespace, and notes what differs. */
static int look(struct mending *m)
{
	_cleanup_(net_state_clear) struct net_state state = {};
	const struct net_check check = {
		.rtnl = m->v->ns.rtnl,
		.host_rtnl = m->n->host.rtnl,
		.instance = m->n->instance,
		.programs = &m->n->programs,
		/* net_attach makes missing tcx links; existing ones get the programs in any case */
		.link_dir = NULL,
		.fn = on_difference,
		.userdata = m,
	};
	int r = net_state_read(check.rtnl, &state);

	if (r >= 0 && m->n->removals) {
		finish_removals(m, &state);
		net_state_clear(&state);
		r = net_state_read(check.rtnl, &state);
	}
	if (r >= 0)
		r = net_check_devices(&check, m->devices, m->n_devices, &state);
	return r < 0 ? r : net_check_host_ends(&check, m->devices, m->n_devices);
}

static void mend_devices(struct mending *m)
{
	int r = look(m);

	if (r < 0) {
		failed(m, r, m->vpc->id, "the devices", NULL);
		return;
	}
	forget_strangers(m);
	mend_unexpected(m);
	/* before the devices: no address can be added where IPv6 is turned off */
	if (m->any_differs)
		failed(m, netns_run(m->v->ns.ns_fd, mend_device_sysctls, m), m->vpc->id, "a bridge's sysctls", NULL);
	for (size_t i = 0; i < m->n_devices; i++)
		mend_device(m, &m->devices[i], m->differs[i]);
	/* a bridge that went down or got its MAC has forgotten its neighbours */
	if (m->any_differs) {
		clear_objects(m);
		r = look(m);
		failed(m, r, m->vpc->id, "the addresses", NULL);
	}
	mend_objects(m);
}

static void mend_vpc(struct mending *m)
{
	int r;

	m->v = net_find_vpc(m->n, m->vpc->number);
	if (!m->v)
		return;
	m->sysctls = m->ruleset = m->any_differs = false;
	mend_namespace_of(m);
	mend_lo(m);
	r = device_list(m->all, m->vpc->number, &m->devices, &m->n_devices);
	m->differs = r < 0 ? NULL : calloc(m->n_devices + 1, sizeof(*m->differs));
	if (m->differs)
		mend_devices(m);
	else
		failed(m, -ENOMEM, m->vpc->id, "the devices", NULL);
	free(m->devices);
	free(m->differs);
	free(m->unexpected);
	m->devices = NULL;
	m->unexpected = NULL;
	m->n_unexpected = 0;
	clear_objects(m);
}

/* Outer interfaces and the host's table serve all VPCs. So a failure there is a trouble of each VPC that has an
 * uplink. */
static void mend_host(struct mending *m)
{
	char *text = NULL;
	int r = host_ensure(m->n, true), e = host_table_noted(m->n, &text);

	if (r >= 0)
		r = e;
	if (e >= 0) {
		bool wanted = text;

		(void)host_table_set(m->n->host.table, text);
		e = host_table_mend(m->n->host.table);
		/* without nftables in the kernel there is no table to remove */
		if (r >= 0 && wanted)
			r = e;
	}
	for (size_t i = 0; r < 0 && i < m->all->n_vpcs; i++)
		if (m->all->vpcs[i].has_after && vpc_record_has_uplink(&m->all->vpcs[i].after))
			failed(m, r, m->all->vpcs[i].after.id, "what is in the host's namespace", NULL);
}

int net_ensure(struct net *n, const struct plan *all, const struct workload *workloads, size_t n_workloads,
	       struct net_report *ret, struct vpc_error *reterr)
{
	struct mending m = {
		.n = n,
		.all = all,
		.workloads = workloads,
		.n_workloads = n_workloads,
		.report = ret,
		.reterr = reterr,
	};

	net_report_clear(ret);
	if (host_objects_note(n, all) < 0)
		m.result = -ENOMEM;
	for (size_t i = 0; i < all->n_vpcs; i++) {
		m.vpc = &all->vpcs[i].after;
		if (all->vpcs[i].has_after)
			mend_vpc(&m);
	}
	m.vpc = NULL;
	mend_host(&m);
	return m.result;
}
