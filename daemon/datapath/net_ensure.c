/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting right what differs from the whole state: after a start, and when an event says that somebody else changed
 * something. Goes on past what fails; the last failure is returned.
 */
#include "datapath/net_nft.h"
#include "datapath/net_private.h"
#include "datapath/net_state.h"
#include "datapath/sysctl.h"

struct mending {
	struct net *n;
	const struct plan *all;
	struct workload *workloads; /* by position in all->ports */
	size_t n_workloads;
	struct net_vpc *v;
	const struct vpc_record *vpc;
	bool *bridges; /* by position in all->subnets: to be ensured */
	bool *ports;
	struct fact_set put, replace, delete;
	uint32_t *unexpected; /* links */
	size_t n_unexpected;
	bool sysctls, nft;
	uint32_t *lost;
	size_t n_lost;
	int result;
	struct vpc_error *reterr;
};

static void failed(struct mending *m, int r, const char *what)
{
	if (r >= 0)
		return;
	m->result = r;
	if (m->reterr->code == VPC_E_OK)
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: cannot put %s right: %s", m->vpc->id,
			      what, strerror(-r));
}

/* --- what differs ------------------------------------------------------------------------------------------------- */

static int note_fact(struct mending *m, const struct net_difference *d)
{
	bool put_over = d->fact->key.kind == FACT_NEIGHBOUR || d->fact->key.kind == FACT_FDB;
	struct fact copy = *d->fact;

	if (strcmp(d->problem, "unexpected") == 0)
		return fact_set_add(&m->delete, &copy);
	return fact_set_add(strcmp(d->problem, "missing") == 0 || put_over ? &m->put : &m->replace, &copy);
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
	case DIFFERENCE_FACT:
		return note_fact(m, d);
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

/* On a thread inside the namespace. */
static int mend_namespace(void *data)
{
	struct mending *m = data;
	const struct net_check check = {.fn = on_difference, .userdata = m};
	char text[256];
	int r = net_check_namespace(&check, m->v->ns.ns_fd);

	if (r >= 0 && m->sysctls)
		r = sysctl_apply();
	if (r >= 0 && m->nft)
		r = net_nft_apply(m->v->ns.ns_fd, text, sizeof(text));
	return r >= 0 ? netns_bind_here(m->vpc->netns) : r;
}

static void mend_lo(struct mending *m)
{
	char alias[NETNS_ALIAS_MAX];
	const struct link_change lo = {.alias = netns_make_alias(m->n->instance, m->vpc->id, alias), .up = LINK_UP};

	failed(m, link_change(m->v->ns.rtnl_fd, 1, &lo, NULL), "lo");
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
		int r = link_delete(m->v->ns.rtnl_fd, ifindex);

		failed(m, r == -ENODEV ? 0 : r, "an unexpected link");
		if (m->n->link_dir && ifindex < VPC_BRIDGE_FIRST)
			tc_tcx_unpin(m->n->link_dir, ifindex);
	}
}

static void mend_bridges(struct mending *m)
{
	for (size_t i = 0; i < m->all->n_subnets; i++) {
		const struct subnet_record *s = &m->all->subnets[i].after;
		struct net_device *d;
		bool made;

		if (!m->all->subnets[i].has_after || s->vpc != m->v->number)
			continue;
		failed(m, m->bridges[i] ? bridge_ensure(m->v, s, &made, m->reterr) : net_register_bridge(m->v, s, &d),
		       s->id);
	}
}

static void lose(struct mending *m, uint32_t eni)
{
	uint32_t *grown = reallocarray(m->lost, m->n_lost + 1, sizeof(*grown));

	(void)net_drop_device(m->v, eni);
	if (!grown) {
		failed(m, -ENOMEM, "a port");
		return;
	}
	m->lost = grown;
	m->lost[m->n_lost++] = eni;
}

static void mend_port(struct mending *m, const struct port_record *p, bool differs, const struct workload *w)
{
	struct net_device *d;
	bool made;
	int r;

	if (differs) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

		r = port_ensure(m->v, p, w, true, &made, &error);
		if (r == -ENODEV && (!w || w->ns_fd < 0)) {
			lose(m, p->eni);
			return;
		}
		if (r < 0 && m->reterr->code == VPC_E_OK) {
			*m->reterr = error;
			error = VPC_ERROR_INIT;
		}
		d = net_find_device(m->v, p->eni);
	} else {
		r = net_register_port(m->v, p, &d);
		if (r >= 0)
			r = port_adopt_links(m->v, d);
	}
	if (r >= 0)
		r = port_raise(m->v, d);
	if (r >= 0 && differs && w && w->rtnl_fd >= 0 && !port_is_tap(p)) {
		const char *what;

		r = inner_finish(m->v, w->rtnl_fd, p, &what);
		if (r == -ENODEV)
			r = 0;
	}
	failed(m, r, p->eni_id);
}

static void mend_ports(struct mending *m)
{
	for (size_t i = 0; i < m->all->n_ports; i++) {
		const struct port_record *p = &m->all->ports[i].after;

		if (m->all->ports[i].has_after && p->vpc == m->v->number)
			mend_port(m, p, m->ports[i], i < m->n_workloads ? &m->workloads[i] : NULL);
	}
}

static void mend_facts(struct mending *m)
{
	int fd = m->v->ns.rtnl_fd;
	const struct fact *f;

	for (f = m->delete.head; f; f = f->hh.next)
		failed(m, fact_delete(fd, f), fact_kind_name(f->key.kind));
	for (f = m->replace.head; f; f = f->hh.next) {
		failed(m, fact_delete(fd, f), fact_kind_name(f->key.kind));
		failed(m, fact_put(fd, f), fact_kind_name(f->key.kind));
	}
	for (f = m->put.head; f; f = f->hh.next) {
		/* that of a port that turned out to be lost went with it */
		if (f->owner < VPC_BRIDGE_FIRST && !net_find_device(m->v, f->owner))
			continue;
		failed(m, fact_put(fd, f), fact_kind_name(f->key.kind));
	}
}

/* Deletions that a worker has still to do are not mistaken for unexpected links: they are done now. */
static void settle_removals(struct mending *m, const struct net_state *s)
{
	for (const struct state_link *link = s->links; link; link = link->hh.next)
		removal_settle(m->n, m->v->number, link->ifindex);
}

static void clear_facts(struct mending *m)
{
	fact_set_clear(&m->put);
	fact_set_clear(&m->replace);
	fact_set_clear(&m->delete);
}

/* Reads the namespace and notes what differs. */
static int look(struct mending *m)
{
	_cleanup_(net_state_clear) struct net_state state = {};
	const struct net_check check = {
		.rtnl_fd = m->v->ns.rtnl_fd,
		.instance = m->n->instance,
		.programs = &m->n->programs,
		/* missing tcx links are net_attach's; existing ones are pointed to the programs in any case */
		.link_dir = NULL,
		.vpc = m->v->number,
		.fn = on_difference,
		.userdata = m,
	};
	int r = net_state_read(check.rtnl_fd, &state);

	if (r >= 0 && m->n->removals) {
		settle_removals(m, &state);
		net_state_clear(&state);
		r = net_state_read(check.rtnl_fd, &state);
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
		failed(m, r, "the devices");
		return;
	}
	forget_strangers(m);
	mend_unexpected(m);
	mend_bridges(m);
	mend_ports(m);
	/* a bridge that went down or was given its MAC has forgotten its neighbours */
	if (any_device_differs(m)) {
		clear_facts(m);
		r = look(m);
		failed(m, r, "the addresses");
	}
	mend_facts(m);
}

static void mend_vpc(struct mending *m)
{
	m->v = net_find_vpc(m->n, m->vpc->number);
	if (!m->v) {
		failed(m, -ENODEV, "the namespace, which is not open");
		return;
	}
	m->sysctls = m->nft = false;
	failed(m, netns_run(m->v->ns.ns_fd, mend_namespace, m), "the namespace");
	mend_lo(m);
	mend_devices(m);
	free(m->unexpected);
	m->unexpected = NULL;
	m->n_unexpected = 0;
	clear_facts(m);
	memset(m->bridges, 0, m->all->n_subnets * sizeof(*m->bridges));
	memset(m->ports, 0, m->all->n_ports * sizeof(*m->ports));
}

int net_ensure(struct net *n, const struct plan *all, struct workload *workloads, size_t n_workloads,
	       uint32_t **ret_lost, size_t *ret_n_lost, struct vpc_error *reterr)
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
		.reterr = reterr,
	};

	*ret_lost = NULL;
	*ret_n_lost = 0;
	if (!bridges || !ports)
		return vpc_error_oom(reterr);
	for (size_t i = 0; i < all->n_vpcs; i++) {
		m.vpc = &all->vpcs[i].after;
		if (all->vpcs[i].has_after)
			mend_vpc(&m);
	}
	*ret_lost = m.lost;
	*ret_n_lost = m.n_lost;
	return m.result;
}
