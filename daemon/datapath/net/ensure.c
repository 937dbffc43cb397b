/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting right what differs from the whole state: after a start, and when an event says that somebody else changed
 * something. Goes on past what fails; the last failure is returned.
 */
#include <stdarg.h>

#include "datapath/net/nft/input.h"
#include "datapath/net/private.h"
#include "datapath/net/state.h"
#include "datapath/net/netns/sysctl.h"

struct mending {
	struct net *n;
	const struct plan *all;
	const struct workload *workloads;
	size_t n_workloads;
	struct net_vpc *v;
	const struct vpc_record *vpc;
	bool *bridges; /* by position in all->subnets: to be ensured */
	bool *ports;
	struct net_object_set put, replace, delete;
	uint32_t *unexpected; /* links */
	size_t n_unexpected;
	bool sysctls, nft;
	const char *what; /* what failed in the namespace */
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

int net_report_add(struct net_report *r, const char *object, const char *format, ...)
{
	struct net_trouble *grown = reallocarray(r->troubles, r->n_troubles + 1, sizeof(*grown)), *t;
	va_list ap;

	if (!grown)
		return -ENOMEM;
	r->troubles = grown;
	t = &grown[r->n_troubles++];
	snprintf(t->object, sizeof(t->object), "%s", object);
	va_start(ap, format);
	vsnprintf(t->reason, sizeof(t->reason), format, ap);
	va_end(ap);
	return 0;
}

/* text: more than strerror says, or NULL. */
static void failed(struct mending *m, int r, const char *object, const char *what, const char *text)
{
	if (r >= 0)
		return;
	m->result = r;
	/* without memory for it the result alone tells, and the caller makes it the VPC's trouble */
	if (text && text[0])
		(void)net_report_add(m->report, object, "%s", text);
	else
		(void)net_report_add(m->report, object, "cannot put %s right: %s", what, strerror(-r));
	if (m->reterr->code != VPC_E_OK)
		return;
	if (text && text[0])
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: %s", object, text);
	else
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: cannot put %s right: %s", object, what,
			      strerror(-r));
}

/* The object that a link of this VPC is for; the VPC itself where it is nobody's. */
static const char *object_of(const struct mending *m, uint32_t ifindex)
{
	const struct net_device *d = net_find_device(m->v, ifindex);

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
	uint32_t *grown;

	if (d->foreign)
		return 0;
	grown = reallocarray(m->unexpected, m->n_unexpected + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->unexpected = grown;
	m->unexpected[m->n_unexpected++] = d->ifindex;
	return 0;
}

static int on_difference(const struct net_difference *d, void *userdata)
{
	struct mending *m = userdata;

	switch (d->kind) {
	case DIFFERENCE_BRIDGE:
		m->bridges[d->index] = true;
		return 0;
	case DIFFERENCE_PORT:
		m->ports[d->index] = true;
		return 0;
	case DIFFERENCE_OBJECT:
		return note_object(m, d);
	case DIFFERENCE_LINK:
		return note_link(m, d);
	case DIFFERENCE_SYSCTL:
		m->sysctls = true;
		return 0;
	case DIFFERENCE_RULESET:
		m->nft = true;
		return 0;
	}
	return 0;
}

/* --- mending ------------------------------------------------------------------------------------------------------ */

/* Sysctls of the bridges. Those of one that is missing or was just made are right. */
static int mend_bridge_sysctls(struct mending *m)
{
	int result = 0;

	for (size_t i = 0; i < m->all->n_subnets; i++) {
		const struct subnet_record *s = &m->all->subnets[i].after;

		if (!m->all->subnets[i].has_after || s->vpc != m->v->number || !m->bridges[i])
			continue;
		for (const struct link_sysctl *o = link_bridge_sysctls; o->name; o++) {
			int r = sysctl_device_apply(o->family, s->bridge, o->name, o->want);

			if (r < 0)
				result = r;
		}
	}
	return result;
}

static int mend_bridge_sysctls_inside(void *data)
{
	return mend_bridge_sysctls(data);
}

/* On a thread inside the namespace. One part's failure doesn't keep the others from being mended. */
static int mend_namespace(void *data)
{
	struct mending *m = data;
	const struct net_check check = {.fn = on_difference, .userdata = m};
	uint32_t before = 0;
	bool known = events_nft_generation(&before) >= 0;
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
	r = m->nft ? net_nft_apply(m->v->ns.ns_fd, false, text, sizeof(text)) : 0;
	if (r < 0) {
		m->what = "get its nftables tables";
		result = r;
	}
	/* what is newer than what was compared, or than what was made, is somebody else's */
	if (known && (!m->nft || events_nft_generation(&before) >= 0))
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

/* What the registry has of this VPC and the state has not is no longer ours to watch. */
static void forget_strangers(struct mending *m)
{
	struct net_device *d, *next;

	HASH_ITER (hh, m->v->devices, d, next) {
		bool found = false;

		for (size_t i = 0; !found && !device_is_port(d) && i < m->all->n_subnets; i++)
			found = m->all->subnets[i].has_after && m->all->subnets[i].after.ifindex == d->ifindex;
		for (size_t i = 0; !found && device_is_port(d) && i < m->all->n_ports; i++)
			found = m->all->ports[i].has_after && m->all->ports[i].after.eni == d->ifindex;
		if (!found)
			net_unregister(m->v, d->ifindex);
	}
}

static void mend_unexpected(struct mending *m)
{
	for (size_t i = 0; i < m->n_unexpected; i++) {
		uint32_t ifindex = m->unexpected[i];
		int r = link_delete(m->v->ns.rtnl, ifindex);

		failed(m, r == -ENODEV ? 0 : r, m->vpc->id, "an unexpected link", NULL);
		if (m->n->link_dir && ifindex < VPC_BRIDGE_FIRST)
			tc_tcx_unpin(m->n->link_dir, ifindex);
	}
}

static void mend_bridges(struct mending *m)
{
	/* first of all: where IPv6 is turned off, no address can be given */
	if (m->all->n_subnets && memchr(m->bridges, 1, m->all->n_subnets))
		failed(m, netns_run(m->v->ns.ns_fd, mend_bridge_sysctls_inside, m), m->vpc->id, "a bridge's sysctls",
		       NULL);
	for (size_t i = 0; i < m->all->n_subnets; i++) {
		const struct subnet_record *s = &m->all->subnets[i].after;
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		struct net_device *d;
		bool made;
		int r;

		if (!m->all->subnets[i].has_after || s->vpc != m->v->number)
			continue;
		if (m->bridges[i]) {
			r = bridge_ensure(m->v, s, &made, &error);
		} else {
			r = net_register_bridge(m->v, s, &d);
			if (r >= 0)
				d->broken = false;
		}
		failed(m, r, s->id, "the bridge", error.message);
	}
}

static void lose(struct mending *m, uint32_t eni)
{
	uint32_t *grown = reallocarray(m->report->lost, m->report->n_lost + 1, sizeof(*grown));

	(void)net_drop_device(m->v, eni);
	if (!grown) {
		failed(m, -ENOMEM, m->vpc->id, "a port", NULL);
		return;
	}
	m->report->lost = grown;
	m->report->lost[m->report->n_lost++] = eni;
}

static void mend_port(struct mending *m, const struct port_record *p, bool differs, const struct workload *w)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_device *d;
	bool made;
	int r;

	if (differs) {
		r = port_ensure(m->v, p, w, true, &made, &error);
		if (r == -ENODEV && (!w || w->ns_fd < 0)) {
			lose(m, p->eni);
			return;
		}
		d = net_find_device(m->v, p->eni);
	} else {
		r = net_register_port(m->v, p, &d);
		if (r >= 0)
			r = port_adopt_links(m->v, d);
	}
	if (r >= 0)
		r = port_raise(m->v, d);
	if (r >= 0 && differs && w && w->rtnl && !port_is_tap(p)) {
		const char *what;

		r = workload_end_finish(m->v, w->rtnl, p, &what);
		if (r == -ENODEV)
			r = 0;
	}
	failed(m, r, p->eni_id, "the port", error.message);
}

static void mend_ports(struct mending *m)
{
	for (size_t i = 0; i < m->all->n_ports; i++) {
		const struct port_record *p = &m->all->ports[i].after;

		if (m->all->ports[i].has_after && p->vpc == m->v->number)
			mend_port(m, p, m->ports[i], workload_find(m->workloads, m->n_workloads, p->eni));
	}
}

/* What hangs on a link that isn't there is told with the link. */
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
		/* that of a port that turned out to be lost went with it */
		if (f->owner < VPC_BRIDGE_FIRST && !net_find_device(m->v, f->owner))
			continue;
		mend_object(m, f, net_object_put(rtnl, f));
	}
}

/* Deletions that a worker has still to do are not mistaken for unexpected links: they are done now. */
static void settle_removals(struct mending *m, const struct net_state *s)
{
	for (const struct state_link *link = s->links; link; link = link->hh.next)
		removal_settle(m->n, m->v->number, link->ifindex);
}

static void clear_objects(struct mending *m)
{
	net_object_set_clear(&m->put);
	net_object_set_clear(&m->replace);
	net_object_set_clear(&m->delete);
}

/* Reads the namespace and notes what differs. */
static int look(struct mending *m)
{
	_cleanup_(net_state_clear) struct net_state state = {};
	const struct net_check check = {
		.rtnl = m->v->ns.rtnl,
		.instance = m->n->instance,
		.programs = &m->n->programs,
		/* missing tcx links are net_attach's; existing ones are pointed to the programs in any case */
		.link_dir = NULL,
		.vpc = m->v->number,
		.fn = on_difference,
		.userdata = m,
	};
	int r = net_state_read(check.rtnl, &state);

	if (r >= 0 && m->n->removals) {
		settle_removals(m, &state);
		net_state_clear(&state);
		r = net_state_read(check.rtnl, &state);
	}
	return r < 0 ? r : net_check_devices(&check, m->all, &state);
}

static bool any_device_differs(const struct mending *m)
{
	return (m->all->n_subnets && memchr(m->bridges, 1, m->all->n_subnets)) ||
	       (m->all->n_ports && memchr(m->ports, 1, m->all->n_ports));
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
	mend_bridges(m);
	mend_ports(m);
	/* a bridge that went down or was given its MAC has forgotten its neighbours */
	if (any_device_differs(m)) {
		clear_objects(m);
		r = look(m);
		failed(m, r, m->vpc->id, "the addresses", NULL);
	}
	mend_objects(m);
}

static void mend_vpc(struct mending *m)
{
	m->v = net_find_vpc(m->n, m->vpc->number);
	if (!m->v)
		return;
	m->sysctls = m->nft = false;
	mend_namespace_of(m);
	mend_lo(m);
	mend_devices(m);
	free(m->unexpected);
	m->unexpected = NULL;
	m->n_unexpected = 0;
	clear_objects(m);
	memset(m->bridges, 0, m->all->n_subnets * sizeof(*m->bridges));
	memset(m->ports, 0, m->all->n_ports * sizeof(*m->ports));
}

int net_ensure(struct net *n, const struct plan *all, const struct workload *workloads, size_t n_workloads,
	       struct net_report *ret, struct vpc_error *reterr)
{
	_cleanup_free_ bool *bridges = calloc(all->n_subnets + 1, sizeof(*bridges));
	_cleanup_free_ bool *ports = calloc(all->n_ports + 1, sizeof(*ports));
	struct mending m = {
		.n = n,
		.all = all,
		.workloads = workloads,
		.n_workloads = n_workloads,
		.bridges = bridges,
		.ports = ports,
		.report = ret,
		.reterr = reterr,
	};

	net_report_clear(ret);
	if (!bridges || !ports)
		return vpc_error_oom(reterr);
	for (size_t i = 0; i < all->n_vpcs; i++) {
		m.vpc = &all->vpcs[i].after;
		if (all->vpcs[i].has_after)
			mend_vpc(&m);
	}
	return m.result;
}
