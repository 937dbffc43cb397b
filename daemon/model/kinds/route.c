/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes: added, replaced and deleted; what they lead to, and what becomes of them when that goes. */
#include <string.h>

#include <vpc/array.h>

#include "model/kinds/route_table.h"

const char *const route_kind_names[ROUTE_KINDS] = {
	[ROUTE_IGW] = "igw", [ROUTE_EIGW] = "eigw",	  [ROUTE_NAT] = "nat",
	[ROUTE_ENI] = "eni", [ROUTE_PEERING] = "peering", [ROUTE_BLACKHOLE] = "blackhole",
};

/* In the order in which a name is looked up. */
static const struct {
	enum route_kind kind;
	enum object_kind object;
} targets[] = {
	{ROUTE_IGW, OBJECT_IGW}, {ROUTE_EIGW, OBJECT_EIGW},	  {ROUTE_NAT, OBJECT_NAT},
	{ROUTE_ENI, OBJECT_ENI}, {ROUTE_PEERING, OBJECT_PEERING},
};

/* What never leaves a VPC. */
static const char *const never_routed[] = {"169.254.0.0/16", "127.0.0.0/8", "224.0.0.0/3",
					   "fe80::/10",	     "ff00::/8",    "::1/128"};

enum object_kind route_target_kind(enum route_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (targets[i].kind == kind)
			return targets[i].object;
	return OBJECT_KINDS;
}

static enum route_kind kind_of_target(const struct object *target)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (target && targets[i].object == target->kind)
			return targets[i].kind;
	return ROUTE_BLACKHOLE;
}

/* --- a table's routes -------------------------------------------------------------------------------------------- */

/* The order of a table's routes. */
static int table_route_compare(const struct cidr *a, const struct cidr *b)
{
	int r;

	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	r = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
	return r ? r : (int)a->plen - (int)b->plen;
}

/* Where a route to the destination is, or would be. */
static size_t place_of(const struct vpc_route_table *rt, const struct cidr *destination)
{
	size_t low = 0, high = rt->n_routes;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table_route_compare(&rt->routes[middle].destination, destination) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct table_route *table_route_find(const struct vpc_route_table *rt, const struct cidr *destination, uint32_t list)
{
	size_t i = list ? 0 : place_of(rt, destination);

	if (!list)
		return i < rt->n_routes && !table_route_compare(&rt->routes[i].destination, destination)
			       ? &rt->routes[i]
			       : NULL;
	while (i < rt->n_lists && rt->lists[i].list != list)
		i++;
	return i < rt->n_lists ? &rt->lists[i] : NULL;
}

int table_route_insert(struct vpc_route_table *rt, const struct table_route *r)
{
	uint32_t order = rt->n_lists ? rt->lists[rt->n_lists - 1].order + 1 : 1;
	struct table_route *added = r->list ? ARRAY_ADD(rt->lists, rt->n_lists)
					    : ARRAY_INSERT(rt->routes, rt->n_routes, place_of(rt, &r->destination));

	if (!added)
		return -ENOMEM;
	*added = *r;
	added->order = r->list ? order : 0;
	return 0;
}

/* there: one of the table's. */
static void remove_route(struct vpc_route_table *rt, struct table_route *there)
{
	size_t *n = there->list ? &rt->n_lists : &rt->n_routes;
	const struct table_route *end = (there->list ? rt->lists : rt->routes) + *n;

	memmove(there, there + 1, (size_t)(end - there - 1) * sizeof(*there));
	--*n;
}

/* Sets number and active by what the model says of the target. vpc: of the table. */
static void table_route_resolve(const struct model *m, uint32_t vpc, struct table_route *r)
{
	const struct object *o = r->target[0] ? model_find(m, route_target_kind(r->kind), r->target) : NULL;

	r->number = o ? o->number : 0;
	r->active = o && (r->kind != ROUTE_IGW || igw_of(o)->vpc == vpc);
	if (o && r->kind == ROUTE_PEERING) {
		r->number = peering_other(peering_of(o), vpc);
		r->active = peering_of(o)->status == PEERING_ACTIVE;
	}
}

/* --- checks ------------------------------------------------------------------------------------------------------ */

bool route_destination_leaves(const struct cidr *destination, const char **ret_wrong)
{
	for (size_t i = 0; i < ARRAY_SIZE(never_routed); i++) {
		struct cidr never;

		if (cidr_parse(never_routed[i], &never) == 0 && cidr_contains(&never, destination)) {
			*ret_wrong = "in a range that never leaves a VPC";
			return false;
		}
	}
	return true;
}

bool route_destination_is_good(const struct vpc *v, const struct cidr *destination, const char **ret_wrong)
{
	if (vpc_has_cidr(v, destination)) {
		*ret_wrong = "inside the VPC, where packets go to its network interfaces";
		return false;
	}
	return route_destination_leaves(destination, ret_wrong);
}

/* What a request says of a route's destination. */
struct destination {
	struct cidr cidr;		/* of a prefix list its family alone */
	const struct prefix_list *list; /* NULL: it is the CIDR */
	const char *text;		/* of the request, or the list's id */
	const char *field;
};

static uint32_t list_number(const struct destination *d)
{
	return d->list ? d->list->o.number : 0;
}

static int parse_destination(struct model_txn *t, const struct change *c, const struct vpc_route_table *rt,
			     struct destination *ret, struct vpc_error *reterr)
{
	const char *wrong;
	int r;

	*ret = (struct destination){.text = c->destination, .field = "destination"};
	r = route_list_resolve(t, c, &ret->list, reterr);
	if (r < 0)
		return r;
	if (ret->list) {
		ret->cidr.addr.family = ret->list->family;
		ret->text = ret->list->o.id;
		if (!change_has(c, FIELD_DESTINATION))
			ret->field = "destination_prefix_list_id";
		return 0;
	}
	r = cidr_check(c->destination, 0, "destination", &ret->cidr, reterr);
	if (r < 0)
		return r;
	if (!route_destination_is_good(model_vpc(t->m, rt->vpc), &ret->cidr, &wrong))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "destination",
				     "%s is %s; choose another destination", c->destination, wrong);
	return 0;
}

/* --- targets ----------------------------------------------------------------------------------------------------- */

/* Kinds whose objects are in no VPC. */
static bool is_of_host(enum object_kind kind)
{
	return kind == OBJECT_IGW || kind == OBJECT_PEERING;
}

/* An id: of a kind that a route can lead to. */
static int resolve_id(struct model_txn *t, const char *ref, uint32_t vpc, const struct object **ret,
		      struct vpc_error *reterr)
{
	enum object_kind kind = kind_of_id(ref);

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (targets[i].object != kind)
			continue;
		/* An internet gateway is in no VPC before it is attached, and a peering is of two. */
		return is_of_host(kind) ? txn_resolve(t, kind, ref, NULL, "target", ret, reterr)
					: txn_resolve_in(t, kind, ref, vpc, "target", ret, reterr);
	}
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "target",
			     "a route leads to an igw-, eigw-, nat-, eni- or pcx-, or to blackhole, not to '%.64s'",
			     ref);
}

/* Whether routes of the VPC may lead there. */
static bool is_of_vpc(const struct object *target, uint32_t vpc)
{
	return !(target->kind == OBJECT_IGW && igw_of(target)->vpc != vpc) &&
	       !(target->kind == OBJECT_PEERING && !peering_has(peering_of(target), vpc));
}

static bool is_of_family(const struct object *target, const struct cidr *destination)
{
	return !(target->kind == OBJECT_NAT && destination->addr.family != 4) &&
	       !(target->kind == OBJECT_EIGW && destination->addr.family != 6);
}

/* A name may fit an object of each kind. One of another VPC, or one that can't carry the destination, counts only if no
 * other fits: --internet gives the gateways of both families the same name. */
static int resolve_name(struct model_txn *t, const char *ref, uint32_t vpc, const struct cidr *destination,
			const struct object **ret, struct vpc_error *reterr)
{
	const struct object *found = NULL, *unfit = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		uint32_t scope = is_of_host(targets[i].object) ? 0 : vpc;
		_cleanup_free_ char *key = name_key(targets[i].object, scope, ref);
		const struct object *o = key ? index_by_key(&t->m->ix, key) : NULL;

		if (!key)
			return vpc_error_oom(reterr);
		if (!o)
			continue;
		if (!is_of_vpc(o, vpc) || !is_of_family(o, destination)) {
			unfit = o;
			continue;
		}
		if (found) {
			if (vpc_error_add_holder(reterr, found->id) < 0 || vpc_error_add_holder(reterr, o->id) < 0)
				return vpc_error_oom(reterr);
			return vpc_error_set(reterr, VPC_E_AMBIGUOUS_NAME, "target",
					     "the name '%.255s' fits several; use an id: %s, %s", ref, found->id,
					     o->id);
		}
		found = o;
	}
	if (!found)
		found = unfit;
	if (!found)
		return vpc_error_set(
			reterr, VPC_E_INVALID_GATEWAY_ID_NOT_FOUND, "target",
			"there is no gateway, network interface or peering '%.255s' of the VPC; name one by its id",
			ref);
	*ret = found;
	return 0;
}

/* *ret NULL: blackhole. */
static int resolve_target(struct model_txn *t, const struct change *c, const struct vpc_route_table *rt,
			  const struct destination *d, const struct object **ret, struct vpc_error *reterr)
{
	const struct object *o = NULL;
	const char *ref;
	int r = txn_dereference(t, c->target, "target", &ref, reterr);

	*ret = NULL;
	if (r < 0 || (ref && !strcmp(ref, route_kind_names[ROUTE_BLACKHOLE])))
		return r;
	if (!ref)
		ref = "";
	r = name_is_id(ref) ? resolve_id(t, ref, rt->vpc, &o, reterr)
			    : resolve_name(t, ref, rt->vpc, &d->cidr, &o, reterr);
	if (r < 0)
		return r;
	if (o->kind == OBJECT_IGW && igw_of(o)->vpc != rt->vpc)
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_VALUE, "target",
			"%s is not attached to %s; attach it first (vpcctl igw attach), or name that VPC's own", o->id,
			model_vpc(t->m, rt->vpc)->o.id);
	if (o->kind == OBJECT_PEERING && !peering_has(peering_of(o), rt->vpc))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "target",
				     "%s is not a peering of %s; vpcctl peering list shows which are", o->id,
				     model_vpc(t->m, rt->vpc)->o.id);
	if (o->kind == OBJECT_NAT && !is_of_family(o, &d->cidr))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "target",
				     "a NAT gateway is for IPv4; for %s use an egress-only internet gateway", d->text);
	if (o->kind == OBJECT_EIGW && !is_of_family(o, &d->cidr))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "target",
				     "an egress-only internet gateway is for IPv6; for %s use a NAT gateway", d->text);
	*ret = o;
	return 0;
}

/* --- the changes ------------------------------------------------------------------------------------------------- */

/* Takes the copy of the table in every case. */
static int put(struct model_txn *t, const struct object *old, struct object *copy, const struct destination *d,
	       const struct object *target, struct vpc_error *reterr)
{
	struct vpc_route_table *rt = (struct vpc_route_table *)copy;
	struct table_route route = {.destination = d->cidr, .list = list_number(d), .kind = kind_of_target(target)};
	struct table_route *there = table_route_find(rt, &d->cidr, route.list);

	if (target)
		memcpy(route.target, target->id, sizeof(route.target));
	table_route_resolve(t->m, rt->vpc, &route);
	if (there) {
		route.order = there->order;
		*there = route;
	} else if (table_route_insert(rt, &route) < 0) {
		object_free(copy);
		return vpc_error_oom(reterr);
	}
	return txn_replace(t, old, copy, reterr);
}

static int put_route(struct model_txn *t, const struct object *table, const struct destination *d,
		     const struct object *target, struct vpc_error *reterr)
{
	struct object *copy = object_copy(table);
	uint32_t vpc = route_table_of(table)->vpc;
	int r = copy ? put(t, table, copy, d, target, reterr) : vpc_error_oom(reterr);

	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

int route_table_put(struct model_txn *t, const struct object *table, const struct cidr *destination,
		    const struct object *target, struct vpc_error *reterr)
{
	const struct destination d = {.cidr = *destination};

	return put_route(t, table, &d, target, reterr);
}

static int not_found(const struct destination *d, const struct object *table, struct vpc_error *reterr)
{
	return vpc_error_set(reterr, VPC_E_INVALID_ROUTE_NOT_FOUND, d->field,
			     "%s has no route to %s; vpcctl route-table show lists its routes", table->id, d->text);
}

/* What only a route that is new in its table is asked. */
static int check_new(const struct model *m, const struct vpc_route_table *rt, const struct destination *d,
		     struct vpc_error *reterr)
{
	int r = d->list ? route_list_check_entries(m, rt, d->list, d->field, reterr) : 0;

	return r < 0 ? r : route_check_limits(m, rt, d->list ? d->list->max_entries : 1, NULL, reterr);
}

static int add_or_replace(struct model_txn *t, const struct change *c, bool replace, struct change_result *ret,
			  struct vpc_error *reterr)
{
	const struct object *o, *target;
	const struct table_route *there;
	struct destination d;
	int r = txn_target(t, c, OBJECT_ROUTE_TABLE, &o, reterr);

	if (r >= 0)
		r = parse_destination(t, c, route_table_of(o), &d, reterr);
	if (r >= 0)
		r = resolve_target(t, c, route_table_of(o), &d, &target, reterr);
	if (r < 0)
		return r;
	there = table_route_find(route_table_of(o), &d.cidr, list_number(&d));
	if (there && !replace)
		return vpc_error_set(reterr, VPC_E_ROUTE_ALREADY_EXISTS, d.field,
				     "%s has a route to %s, by %s; vpcctl route replace gives it another target", o->id,
				     d.text, there->target[0] ? there->target : route_kind_names[there->kind]);
	if (!there && replace)
		return not_found(&d, o, reterr);
	r = there ? 0 : check_new(t->m, route_table_of(o), &d, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return put_route(t, o, &d, target, reterr);
}

int route_table_add_route(struct model_txn *t, const struct change *c, struct change_result *ret,
			  struct vpc_error *reterr)
{
	return add_or_replace(t, c, false, ret, reterr);
}

int route_table_replace_route(struct model_txn *t, const struct change *c, struct change_result *ret,
			      struct vpc_error *reterr)
{
	return add_or_replace(t, c, true, ret, reterr);
}

int route_table_delete_route(struct model_txn *t, const struct change *c, struct change_result *ret,
			     struct vpc_error *reterr)
{
	const struct object *o;
	struct vpc_route_table *rt;
	struct object *copy;
	struct destination d;
	int r = txn_target(t, c, OBJECT_ROUTE_TABLE, &o, reterr);

	if (r >= 0)
		r = parse_destination(t, c, route_table_of(o), &d, reterr);
	if (r < 0)
		return r;
	if (!table_route_find(route_table_of(o), &d.cidr, list_number(&d)))
		return not_found(&d, o, reterr);
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	rt = (struct vpc_route_table *)copy;
	remove_route(rt, table_route_find(rt, &d.cidr, list_number(&d)));
	result_set(ret, o);
	r = txn_replace(t, o, copy, reterr);
	return r < 0 ? r : vpc_note_exits(t, rt->vpc, reterr);
}

/* --- targets that come and go ------------------------------------------------------------------------------------ */

static bool resolve_all(const struct model *m, struct vpc_route_table *rt, const char *id)
{
	bool changed = false;

	struct table_route *r;

	for (size_t i = 0; (r = (struct table_route *)table_route_nth(rt, i)); i++) {
		struct table_route was = *r;

		if (strcmp(r->target, id) != 0)
			continue;
		table_route_resolve(m, rt->vpc, r);
		changed = changed || r->active != was.active || r->number != was.number;
	}
	return changed;
}

int route_retarget(struct model_txn *t, const char *id, struct vpc_error *reterr)
{
	_cleanup_object_list_ struct object_list tables = {0};
	const struct posting *p = index_users(&t->m->ix, id, OBJECT_ROUTE_TABLE);
	int r = 0;

	for (const struct post *post = p ? p->first : NULL; post; post = post->next)
		if (object_list_add(&tables, post->owner) < 0)
			return vpc_error_oom(reterr);
	object_list_sort(&tables);
	for (size_t i = 0; r >= 0 && i < tables.n; i++) {
		struct object *copy;

		copy = object_copy(tables.items[i]);
		if (!copy)
			return vpc_error_oom(reterr);
		if (!resolve_all(t->m, (struct vpc_route_table *)copy, id)) {
			object_free(copy);
			continue;
		}
		r = txn_replace(t, tables.items[i], copy, reterr);
		if (r >= 0)
			r = vpc_note_exits(t, route_table_of(copy)->vpc, reterr);
	}
	return r;
}

void route_loaded(struct model *m, const struct object *target)
{
	const struct posting *p = index_users(&m->ix, target->id, OBJECT_ROUTE_TABLE);

	for (const struct post *post = p ? p->first : NULL; post; post = post->next) {
		resolve_all(m, (struct vpc_route_table *)route_table_of(post->owner), target->id);
		vpc_routes_loaded(m, route_table_of(post->owner)->vpc);
	}
}
