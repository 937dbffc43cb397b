/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change is prepared, then published or undone. It is a list of steps. Two tables say what undoing and publishing do
 * for each kind of step.
 */
#include <errno.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/net/host.h"
#include "datapath/net/host_objects.h"
#include "datapath/net/host_table.h"
#include "datapath/net/make.h"
#include "datapath/net/redirect.h"
#include "datapath/net/removal.h"

enum step_kind {
	STEP_LINK,	    /* a link was made */
	STEP_RAISE,	    /* a device is to be raised, with its far end */
	STEP_ADD_OBJECT,    /* a netlink object was added */
	STEP_REMOVE_OBJECT, /* an object is to be removed */
	STEP_FAR_END,	    /* addresses of a far end are to be changed */
	STEP_REMOVE_LINK,   /* a device is to be removed */
	STEP_REMOVE_VPC,
	STEP_KINDS,
};

struct step {
	enum step_kind kind;
	uint32_t vpc;
	uint32_t ifindex;
	struct device_spec spec;  /* of a device to be raised or removed: points into the plan */
	struct workload workload; /* of a device to be raised: the caller's descriptors; ns_fd -1: none */
	struct net_object net_object;
	struct far_end_change *far_end; /* owned */
};

struct net_change {
	const struct plan *plan; /* borrowed until it is published */
	struct step *steps;
	size_t n;
};

static void change_free(struct net_change *c)
{
	for (size_t i = 0; i < c->n; i++)
		far_end_change_free(c->steps[i].far_end);
	free(c->steps);
	free(c);
}

/* Takes s->far_end, also on error. */
static int add_step(struct net_change *c, const struct step *s)
{
	struct step *added = ARRAY_ADD(c->steps, c->n);

	if (!added) {
		far_end_change_free(s->far_end);
		return -ENOMEM;
	}
	*added = *s;
	return 0;
}

/* --- prepare ------------------------------------------------------------------------------------------------------ */

/* The input of a preparation. */
struct preparing {
	struct net *n;
	const struct plan *plan;
	const struct workload *workloads;
	size_t n_workloads;
	struct net_change *change;
	struct vpc_error *reterr;
};

/* id: the object that needs the VPC. */
static struct net_vpc *need_vpc(const struct preparing *p, uint32_t number, const char *id)
{
	struct net_vpc *v = net_find_vpc(p->n, number);

	if (!v)
		vpc_error_set(p->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "%s: the namespace of its VPC is not open; vpcctl status says why", id);
	return v;
}

/* A step is noted before its work is done, so that a lack of memory never leaves something unnoted. */
static int prepare_new(const struct preparing *p, struct net_vpc *v, const struct device_spec *s)
{
	const struct workload *w = s->ops->far_end ? workload_find(p->workloads, p->n_workloads, s->ifindex) : NULL;
	struct step raise = {.kind = STEP_RAISE, .vpc = s->vpc, .ifindex = s->ifindex, .spec = *s};
	const struct step link = {.kind = STEP_LINK, .vpc = s->vpc, .ifindex = s->ifindex};
	const struct make_options options = {.workload = w};
	size_t before = p->change->n;
	struct device *d;
	bool made;
	int r;

	raise.workload = w ? *w : WORKLOAD_INIT;
	if ((s->ops->raise && add_step(p->change, &raise) < 0) || add_step(p->change, &link) < 0)
		return vpc_error_oom(p->reterr);
	r = make_device(v, s, &options, &d, &made, p->reterr);
	if (r < 0) {
		p->change->n = before;
		(void)net_drop_device(v, s->ifindex);
	} else if (!made) {
		p->change->n--; /* the link existed before, so undoing must not delete it */
	}
	return r;
}

/* Notes each object of `of` that `other` lacks, as a step or in the change of a far end. */
static int note_objects(const struct preparing *p, const struct device_spec *s, const struct net_object_set *of,
			const struct net_object_set *other, bool add, struct far_end_change *far_end)
{
	for (const struct net_object *o = of->head; o; o = o->hh.next) {
		struct step step = {.kind = add ? STEP_ADD_OBJECT : STEP_REMOVE_OBJECT,
				    .vpc = s->vpc,
				    .ifindex = s->ifindex,
				    .net_object = *o};

		if (net_object_set_find(other, &o->key))
			continue;
		if (far_end) {
			far_end->objects[far_end->n] = *o;
			far_end->add[far_end->n++] = add;
		} else if (add_step(p->change, &step) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

/* Notes how the objects of a device differ before and after. */
static int note_changes(const struct preparing *p, const struct device_spec *before, const struct device_spec *after)
{
	_cleanup_(net_object_set_clear) struct net_object_set old = {}, new = {};
	int r = before->ops->objects(before, &old);

	if (r >= 0)
		r = after->ops->objects(after, &new);
	if (r >= 0)
		r = note_objects(p, after, &new, &old, true, NULL);
	return r < 0 ? r : note_objects(p, after, &old, &new, false, NULL);
}

/* Notes how the objects of its far end differ. */
static int note_far_end(const struct preparing *p, const struct device_spec *before, const struct device_spec *after)
{
	_cleanup_(net_object_set_clear) struct net_object_set old = {}, new = {};
	struct step step = {.kind = STEP_FAR_END, .vpc = after->vpc, .ifindex = after->ifindex};
	const struct device_ops *ops = after->ops->far_end;
	int r = ops->objects(before, &old);

	if (r >= 0)
		r = ops->objects(after, &new);
	if (r < 0)
		return r;
	step.far_end = far_end_change_new(after, HASH_COUNT(old.head) + HASH_COUNT(new.head));
	if (!step.far_end)
		return -ENOMEM;
	(void)note_objects(p, after, &new, &old, true, step.far_end);
	(void)note_objects(p, after, &old, &new, false, step.far_end);
	return add_step(p->change, &step);
}

/* Adds the objects of the steps from `from` on. */
static int add_objects(const struct preparing *p, struct net_vpc *v, const struct device_spec *s, size_t from)
{
	for (size_t i = from; i < p->change->n; i++) {
		const struct step *step = &p->change->steps[i];
		struct device *d = net_find_device(v, step->ifindex);
		char text[NET_OBJECT_TEXT_MAX];
		int r;

		if (step->kind != STEP_ADD_OBJECT)
			continue;
		if (d && net_object_set_add(&d->objects, &step->net_object) < 0)
			return vpc_error_oom(p->reterr);
		r = net_object_put(v->ns.rtnl, &step->net_object);
		if (r < 0) {
			vpc_error_set(p->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: cannot add the %s: %s", s->id,
				      net_object_format(&step->net_object, text), strerror(-r));
			return r;
		}
	}
	return 0;
}

static int prepare_changed(const struct preparing *p, struct net_vpc *v, const struct device_spec *before,
			   const struct device_spec *after)
{
	size_t from = p->change->n;
	int r = after->ops->may_change ? after->ops->may_change(before, after, p->reterr) : 0;

	if (r < 0)
		return r;
	if ((after->ops->far_end && note_far_end(p, before, after) < 0) || note_changes(p, before, after) < 0)
		return vpc_error_oom(p->reterr);
	return add_objects(p, v, after, from);
}

static int note_removed(const struct preparing *p, const struct device_spec *s)
{
	struct step step = {.kind = STEP_REMOVE_LINK, .vpc = s->vpc, .ifindex = s->ifindex, .spec = *s};

	if (s->ops->far_end) {
		step.far_end = far_end_change_new(s, 0);
		if (!step.far_end)
			return -ENOMEM;
	}
	return add_step(p->change, &step);
}

/* Notes the devices to be removed, in the opposite order to making them. */
static int note_removals(const struct preparing *p)
{
	struct device_iterator it = {.plan = p->plan, .backwards = true};
	struct device_spec before, after;
	int r = 0;

	while (r >= 0 && device_next(&it, &before, &after))
		if (!after.ops)
			r = note_removed(p, &before);
	for (size_t i = 0; r >= 0 && i < p->plan->n_vpcs; i++) {
		const struct step step = {.kind = STEP_REMOVE_VPC, .vpc = p->plan->vpcs[i].before.number};

		if (!p->plan->vpcs[i].has_after)
			r = add_step(p->change, &step);
	}
	return r;
}

static int prepare(const struct preparing *p)
{
	struct device_iterator it = {.plan = p->plan};
	struct device_spec before, after;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->plan->n_vpcs; i++) {
		if (p->plan->vpcs[i].has_after &&
		    !need_vpc(p, p->plan->vpcs[i].after.number, p->plan->vpcs[i].after.id))
			r = -ENODEV;
	}
	while (r >= 0 && device_next(&it, &before, &after)) {
		struct net_vpc *v;

		if (!after.ops)
			continue;
		v = need_vpc(p, after.vpc, after.id);
		if (!v)
			r = -ENODEV;
		else if (before.ops)
			r = prepare_changed(p, v, &before, &after);
		else
			r = prepare_new(p, v, &after);
	}
	if (r >= 0 && note_removals(p) < 0)
		r = vpc_error_oom(p->reterr);
	return r;
}

int net_prepare(struct net *n, const struct plan *plan, const struct workload *workloads, size_t n_workloads,
		struct net_change **ret, struct vpc_error *reterr)
{
	struct preparing p = {
		.n = n,
		.plan = plan,
		.workloads = workloads,
		.n_workloads = n_workloads,
		.change = calloc(1, sizeof(*p.change)),
		.reterr = reterr,
	};
	int r;

	if (!p.change)
		return vpc_error_oom(reterr);
	p.change->plan = plan;
	r = prepare(&p);
	if (r < 0) {
		net_undo(n, p.change);
		return r;
	}
	*ret = p.change;
	return 0;
}

/* --- undo --------------------------------------------------------------------------------------------------------- */

static void forget_object(struct net_vpc *v, const struct step *s)
{
	struct device *d = net_find_device(v, s->ifindex);
	struct net_object *o = d ? net_object_set_find(&d->objects, &s->net_object.key) : NULL;

	if (o) {
		HASH_DEL(d->objects.head, o);
		free(o);
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
	const struct make_options options = {.workload = &s->workload};
	struct device *d = net_find_device(v, s->ifindex);
	struct device_request q;
	int e;

	(void)r;
	if (!d)
		return -ENODEV;
	q = make_request(v, &s->spec, d, &options);
	e = s->spec.ops->raise(&q);
	if (e >= 0 && s->spec.ops->host_end)
		host_report_uplink(v, d);
	return e;
}

static int publish_remove_object(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	(void)r;
	forget_object(v, s);
	return net_take_object(v, &s->net_object);
}

static int publish_far_end(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	(void)v;
	if (s->far_end->n)
		removal_add_far_end(r, TAKE_PTR(s->far_end));
	return 0;
}

static int publish_remove_link(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	_cleanup_(net_object_set_clear) struct net_object_set objects = net_forget_device(v, s->ifindex);
	const struct device_spec *spec = &s->spec;

	/* a port that is to be removed must not be redirected to */
	if (spec->ops->judged)
		redirect_report(v->net, s->ifindex, false);
	if (removal_add_link(r, v, spec->ops, s->ifindex, spec->id, spec->attachment ? spec->attachment->ns_ino : 0) <
	    0)
		return -ENOMEM;
	if (s->far_end)
		removal_add_far_end(r, TAKE_PTR(s->far_end));
	return removal_add_objects(r, v, s->ifindex, &objects);
}

static int publish_remove_vpc(struct net_vpc *v, struct step *s, struct net_removal *r)
{
	(void)s;
	return removal_add_vpc(r, v);
}

static int (*const publish_step[STEP_KINDS])(struct net_vpc *v, struct step *s, struct net_removal *r) = {
	[STEP_RAISE] = publish_raise,		[STEP_REMOVE_OBJECT] = publish_remove_object,
	[STEP_FAR_END] = publish_far_end,	[STEP_REMOVE_LINK] = publish_remove_link,
	[STEP_REMOVE_VPC] = publish_remove_vpc,
};

/* Notes what the plan says of address spaces, elastic IPs and published ports. Returns 1: the host's table must be made
 * again, on the
 * worker. */
static int note_host(struct net *n, const struct plan *plan)
{
	char *text = NULL;
	int r;

	if (!plan->n_eips && !plan->n_publishes && !plan->n_vpcs)
		return 0;
	r = host_objects_note(n, plan);
	if (r < 0 || (!plan->n_eips && !plan->n_publishes))
		return r;
	r = host_table_noted(n, &text);
	return r < 0 ? r : host_table_set(n->host.table, text);
}

static bool needs_removal(const struct net_change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->steps[i].kind >= STEP_FAR_END)
			return true;
	}
	return false;
}

int net_publish(struct net *n, struct net_change *c, struct net_removal **ret_removal)
{
	struct net_removal *removal = NULL;
	int failed = 0, table;

	*ret_removal = NULL;
	if (!c)
		return 0;
	table = note_host(n, c->plan);
	failed += table < 0;
	if ((needs_removal(c) || table > 0) && removal_new(n, &removal) < 0)
		failed++;
	if (removal && table > 0)
		removal_add_host_table(removal, n->host.table);
	for (size_t i = 0; i < c->n; i++) {
		struct step *s = &c->steps[i];
		struct net_vpc *v = net_find_vpc(n, s->vpc);

		if (!v || !publish_step[s->kind] || (s->kind >= STEP_FAR_END && !removal))
			continue;
		if (publish_step[s->kind](v, s, removal) < 0)
			failed++;
	}
	change_free(c);
	if (host_ensure(n, false) < 0)
		failed++;
	*ret_removal = removal;
	return failed;
}
