/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change: prepared, then published or undone. Each step of it knows both, in the tables at the end of the file.
 */
#include <fcntl.h>

#include "datapath/net/private.h"

#define FINISH_TRIES 3u

enum step_kind {
	STEP_LINK,	    /* a bridge or port was made */
	STEP_RAISE,	    /* a port is to be raised, then its workload's end */
	STEP_ADD_OBJECT,    /* a neighbour was added */
	STEP_REMOVE_OBJECT, /* one is to be removed */
	STEP_WORKLOAD_END,  /* addresses of an inner end are to be changed */
	STEP_REMOVE_LINK,   /* a port or bridge is to be removed */
	STEP_REMOVE_VPC,
	STEP_KINDS,
};

struct step {
	enum step_kind kind;
	uint32_t vpc;
	uint32_t ifindex;
	uint64_t workload_ns_ino;
	struct net_object net_object;
	struct workload_end_change *workload_end; /* owned */
	struct port_record *record; /* of a port to be raised with its workload's end: owned, without strings */
	struct nl_sock *workload;   /* rtnetlink socket in the workload's namespace; owned, with a record */
};

struct net_change {
	struct step *steps;
	size_t n;
};

static void drop_record(struct step *s)
{
	if (!s->record)
		return;
	nl_socket_free(s->workload);
	free(s->record->ips);
	free(s->record);
	s->record = NULL;
}

static void change_free(struct net_change *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		workload_end_change_free(c->steps[i].workload_end);
		drop_record(&c->steps[i]);
	}
	free(c->steps);
	free(c);
}

/* Takes s->inner and s->record, also on error. */
static int add_step(struct net_change *c, const struct step *s)
{
	struct step *grown = reallocarray(c->steps, c->n + 1, sizeof(*grown));

	if (!grown) {
		struct step copy = *s;

		workload_end_change_free(s->workload_end);
		drop_record(&copy);
		return -ENOMEM;
	}
	c->steps = grown;
	c->steps[c->n++] = *s;
	return 0;
}

/* --- prepare ------------------------------------------------------------------------------------------------------ */

static struct net_vpc *need_vpc(struct net *n, uint32_t number, struct vpc_error *reterr)
{
	struct net_vpc *v = net_find_vpc(n, number);

	if (!v)
		vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "the namespace of VPC %u is not open", number);
	return v;
}

/* The step is noted before the work is done, so that nothing made can be forgotten for want of memory. */
static int prepare_subnet(struct net *n, const struct plan_subnet *s, struct net_change *c, struct vpc_error *reterr)
{
	struct net_vpc *v = need_vpc(n, s->after.vpc, reterr);
	const struct step step = {.kind = STEP_LINK, .vpc = s->after.vpc, .ifindex = s->after.ifindex};
	bool made;
	int r;

	if (!v)
		return -ENODEV;
	if (add_step(c, &step) < 0)
		return vpc_error_oom(reterr);
	r = bridge_ensure(v, &s->after, &made, reterr);
	if (r < 0 || !made)
		c->n--;
	return r;
}

/* What publishing needs of a port and its workload, which are the caller's. */
static int keep_record(const struct port_record *p, const struct workload *w, struct step *s)
{
	if (!w || !w->rtnl || port_is_tap(p))
		return 0;
	s->record = calloc(1, sizeof(*s->record));
	if (!s->record)
		return -ENOMEM;
	*s->record = *p;
	s->record->attachment.path = s->record->attachment.owner = NULL;
	s->record->ips = calloc(p->n_ips, sizeof(*p->ips));
	if (!s->record->ips || netlink_dup(w->rtnl, &s->workload) < 0) {
		drop_record(s);
		return -ENOMEM;
	}
	memcpy(s->record->ips, p->ips, p->n_ips * sizeof(*p->ips));
	return 0;
}

static int prepare_new_port(struct net *n, const struct port_record *p, const struct workload *w, struct net_change *c,
			    struct vpc_error *reterr)
{
	struct net_vpc *v = need_vpc(n, p->vpc, reterr);
	const struct step link = {.kind = STEP_LINK, .vpc = p->vpc, .ifindex = p->eni};
	struct step raise = {.kind = STEP_RAISE, .vpc = p->vpc, .ifindex = p->eni};
	bool made;
	int r;

	if (!v)
		return -ENODEV;
	if (keep_record(p, w, &raise) < 0 || add_step(c, &raise) < 0 || add_step(c, &link) < 0)
		return vpc_error_oom(reterr);
	r = port_ensure(v, p, w, false, &made, reterr);
	if (r < 0 || !made)
		c->n--; /* the link is not ours to undo */
	if (r < 0) {
		drop_record(&c->steps[--c->n]);
		(void)net_drop_device(v, p->eni);
	}
	return r;
}

static bool has_ip(const struct port_record *p, const struct ip *ip)
{
	for (size_t i = 0; i < p->n_ips; i++) {
		if (p->ips[i].family == ip->family && memcmp(p->ips[i].bytes, ip->bytes, sizeof(ip->bytes)) == 0)
			return true;
	}
	return false;
}

static char *copy_or_null(const char *s)
{
	return s ? strdup(s) : NULL;
}

static struct workload_end_change *workload_end_change_new(const struct port_record *p, size_t max)
{
	struct workload_end_change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->attachment = p->attachment;
	c->attachment.owner = NULL;
	c->attachment.path = copy_or_null(p->attachment.path);
	c->objects = calloc(max + 1, sizeof(*c->objects));
	c->add = calloc(max + 1, sizeof(*c->add));
	if (!c->objects || !c->add || (p->attachment.path && !c->attachment.path)) {
		workload_end_change_free(c);
		return NULL;
	}
	return c;
}

/* Addresses of `of` that `other` does not have: a step for the neighbour, and one entry for the inner end. */
static int note_addresses(const struct port_record *of, const struct port_record *other, bool add,
			  struct workload_end_change *workload_end, struct net_change *c)
{
	for (size_t i = 0; i < of->n_ips; i++) {
		struct step step = {
			.kind = add ? STEP_ADD_OBJECT : STEP_REMOVE_OBJECT, .vpc = of->vpc, .ifindex = of->eni};

		if (has_ip(other, &of->ips[i]))
			continue;
		net_object_of_address(of, &of->ips[i], &step.net_object);
		if (add_step(c, &step) < 0)
			return -ENOMEM;
		workload_end_address(of, i, 0, &workload_end->objects[workload_end->n]);
		workload_end->add[workload_end->n++] = add;
	}
	return 0;
}

static int add_neighbours(struct net_vpc *v, const struct net_change *c, size_t from, struct vpc_error *reterr)
{
	for (size_t i = from; i < c->n; i++) {
		struct net_device *d = net_find_device(v, c->steps[i].ifindex);
		int r;

		if (c->steps[i].kind != STEP_ADD_OBJECT)
			continue;
		if (d && net_object_set_add(&d->objects, &c->steps[i].net_object) < 0)
			return vpc_error_oom(reterr);
		r = net_object_put(v->ns.rtnl, &c->steps[i].net_object);
		if (r < 0) {
			vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "cannot add a neighbour: %s",
				      strerror(-r));
			return r;
		}
	}
	return 0;
}

static int prepare_changed_port(struct net *n, const struct plan_port *p, struct net_change *c,
				struct vpc_error *reterr)
{
	struct net_vpc *v = need_vpc(n, p->after.vpc, reterr);
	struct step step = {.kind = STEP_WORKLOAD_END, .vpc = p->after.vpc, .ifindex = p->after.eni};
	struct workload_end_change *workload_end;
	size_t from = c->n;

	if (!v)
		return -ENODEV;
	if (p->before.attachment.kind != p->after.attachment.kind ||
	    p->before.attachment.owner_uid != p->after.attachment.owner_uid ||
	    p->before.attachment.queues != p->after.attachment.queues ||
	    p->before.attachment.ns_ino != p->after.attachment.ns_ino ||
	    strcmp(p->before.attachment.ifname, p->after.attachment.ifname) != 0)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "attachment",
				     "%s: detach it in one request and attach it in the next", p->after.eni_id);
	workload_end = workload_end_change_new(&p->after, p->before.n_ips + p->after.n_ips);
	if (!workload_end)
		return vpc_error_oom(reterr);
	step.workload_end = workload_end;
	if (add_step(c, &step) < 0 || note_addresses(&p->after, &p->before, true, workload_end, c) < 0 ||
	    note_addresses(&p->before, &p->after, false, workload_end, c) < 0)
		return vpc_error_oom(reterr);
	return add_neighbours(v, c, from, reterr);
}

static int note_removed_port(const struct port_record *p, struct net_change *c)
{
	struct step step = {
		.kind = STEP_REMOVE_LINK, .vpc = p->vpc, .ifindex = p->eni, .workload_ns_ino = p->attachment.ns_ino};

	if (!port_is_tap(p)) {
		step.workload_end = workload_end_change_new(p, 0);
		if (!step.workload_end)
			return -ENOMEM;
	}
	return add_step(c, &step);
}

static int note_removals(const struct plan *plan, struct net_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_ports; i++) {
		if (!plan->ports[i].has_after)
			r = note_removed_port(&plan->ports[i].before, c);
	}
	for (size_t i = 0; r >= 0 && i < plan->n_subnets; i++) {
		const struct subnet_record *s = &plan->subnets[i].before;
		const struct step step = {.kind = STEP_REMOVE_LINK, .vpc = s->vpc, .ifindex = s->ifindex};

		if (!plan->subnets[i].has_after)
			r = add_step(c, &step);
	}
	for (size_t i = 0; r >= 0 && i < plan->n_vpcs; i++) {
		const struct step step = {.kind = STEP_REMOVE_VPC, .vpc = plan->vpcs[i].before.number};

		if (!plan->vpcs[i].has_after)
			r = add_step(c, &step);
	}
	return r;
}

static int prepare(struct net *n, const struct plan *plan, const struct workload *workloads, size_t n_workloads,
		   struct net_change *c, struct vpc_error *reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_vpcs; i++) {
		if (plan->vpcs[i].has_after && !need_vpc(n, plan->vpcs[i].after.number, reterr))
			r = -ENODEV;
	}
	for (size_t i = 0; r >= 0 && i < plan->n_subnets; i++) {
		if (plan->subnets[i].has_after)
			r = prepare_subnet(n, &plan->subnets[i], c, reterr);
	}
	for (size_t i = 0; r >= 0 && i < plan->n_ports; i++) {
		const struct plan_port *p = &plan->ports[i];

		if (p->has_after && p->has_before) {
			r = prepare_changed_port(n, p, c, reterr);
		} else if (p->has_after) {
			r = prepare_new_port(n, &p->after, workload_find(workloads, n_workloads, p->after.eni), c,
					     reterr);
		}
	}
	if (r >= 0 && note_removals(plan, c) < 0)
		r = vpc_error_oom(reterr);
	return r;
}

int net_prepare(struct net *n, const struct plan *plan, const struct workload *workloads, size_t n_workloads,
		struct net_change **ret, struct vpc_error *reterr)
{
	struct net_change *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return vpc_error_oom(reterr);
	r = prepare(n, plan, workloads, n_workloads, c, reterr);
	if (r < 0) {
		net_undo(n, c);
		return r;
	}
	*ret = c;
	return 0;
}

/* --- undo --------------------------------------------------------------------------------------------------------- */

static void forget_object(struct net_vpc *v, const struct step *s)
{
	struct net_device *d = net_find_device(v, s->ifindex);
	struct net_object *f = d ? net_object_set_find(&d->objects, &s->net_object.key) : NULL;

	if (f) {
		HASH_DEL(d->objects.head, f);
		free(f);
	}
}

static void undo_link(struct net_vpc *v, const struct step *s)
{
	(void)net_drop_device(v, s->ifindex);
	link_delete(v->ns.rtnl, s->ifindex);
}

static void undo_object(struct net_vpc *v, const struct step *s)
{
	forget_object(v, s);
	(void)net_take_object(v, &s->net_object);
}

static void (*const undo_step[STEP_KINDS])(struct net_vpc *v, const struct step *s) = {
	[STEP_LINK] = undo_link,
	[STEP_ADD_OBJECT] = undo_object,
};

void net_undo(struct net *n, struct net_change *c)
{
	if (!c)
		return;
	for (size_t i = c->n; i-- > 0;) {
		struct net_vpc *v = net_find_vpc(n, c->steps[i].vpc);

		if (v && undo_step[c->steps[i].kind])
			undo_step[c->steps[i].kind](v, &c->steps[i]);
	}
	change_free(c);
}

/* --- publish ------------------------------------------------------------------------------------------------------ */

static int publish_raise(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	struct net_device *d = net_find_device(v, s->ifindex);
	const char *what;
	int e, raised;

	(void)r;
	if (!d)
		return -ENODEV;
	e = port_raise(v, d);
	if (!s->record)
		return e;
	/* A repair raises the port, and doesn't finish the workload's end: that is done in any case, and what failed
	 * for want of memory or buffers is tried again at once. */
	raised = e;
	for (unsigned i = 0; i < FINISH_TRIES; i++) {
		e = workload_end_finish(raised < 0 ? NULL : v, s->workload, s->record, &what);
		if (e >= 0 || e == -ENODEV)
			break;
	}
	if (raised < 0)
		return raised;
	/* a workload that has taken its end away already: there is nothing to try again */
	return e == -ENODEV ? 0 : e;
}

static int publish_remove_object(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	(void)r;
	forget_object(v, s);
	return net_take_object(v, &s->net_object);
}

static int publish_workload_end(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	(void)v;
	if (s->workload_end->n)
		removal_add_workload_end(r, TAKE_PTR(s->workload_end));
	return 0;
}

static int publish_remove_link(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	const struct link_change down = {.up = LINK_DOWN};
	const struct net_device *d = net_find_device(v, s->ifindex);
	char id[OBJECT_ID_MAX];
	int dropped, e;

	snprintf(id, sizeof(id), "%s", d ? d->id : v->id);
	dropped = net_drop_device(v, s->ifindex);
	/* nobody redirects to a port that is down */
	redirect_report(v->net, s->ifindex, false);
	e = link_change(v->ns.rtnl, s->ifindex, &down, NULL);

	if (e == -ENODEV) /* gone already, as when its workload's namespace ended: what is left is its pins */
		e = 0;
	if (removal_add_link(r, v, s->ifindex, id, s->workload_ns_ino) < 0)
		return -ENOMEM;
	if (s->workload_end)
		removal_add_workload_end(r, TAKE_PTR(s->workload_end));
	return e < 0 ? e : dropped;
}

static int publish_remove_vpc(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	(void)s;
	return removal_add_vpc(r, v);
}

static int (*const publish_step[STEP_KINDS])(struct net_vpc *v, struct step *s, struct net_removal *r) = {
	[STEP_RAISE] = publish_raise,
	[STEP_REMOVE_OBJECT] = publish_remove_object,
	[STEP_WORKLOAD_END] = publish_workload_end,
	[STEP_REMOVE_LINK] = publish_remove_link,
	[STEP_REMOVE_VPC] = publish_remove_vpc,
};

static bool needs_removal(const struct net_change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->steps[i].kind >= STEP_WORKLOAD_END)
			return true;
	}
	return false;
}

int net_publish(struct net *n, struct net_change *c, struct net_removal **ret_removal)
{
	struct net_removal *removal = NULL;
	int failed = 0;

	*ret_removal = NULL;
	if (!c)
		return 0;
	if (needs_removal(c) && removal_new(n, &removal) < 0)
		failed++;
	for (size_t i = 0; i < c->n; i++) {
		struct step *s = &c->steps[i];
		struct net_vpc *v = net_find_vpc(n, s->vpc);

		if (!v || !publish_step[s->kind] || (s->kind >= STEP_WORKLOAD_END && !removal))
			continue;
		if (publish_step[s->kind](v, s, removal) < 0)
			failed++;
	}
	change_free(c);
	*ret_removal = removal;
	return failed;
}
