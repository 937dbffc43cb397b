/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The routes of a table, whose destinations are CIDRs and the entries of prefix lists. The kernel knows one route to a
 * destination: that to the CIDR itself, else that to the list which was added first of those that have it.
 *
 * First the destinations are found of which the transaction may have changed the route. Then each is looked up, as it
 * was before and as it is after. So an entry that comes or goes costs, in each table with a route to its list, one
 * lookup for each list of the table; and a table never costs more than its routes and the entries of its lists.
 */
#include "compiler/internal.h"

struct destinations {
	struct cidr *at;
	size_t n;
};

static void destinations_clear(struct destinations *d)
{
	free(d->at);
}

static int destinations_add(struct destinations *d, const struct cidr *cidr)
{
	struct cidr *added = ARRAY_ADD(d->at, d->n);

	if (!added)
		return -ENOMEM;
	*added = *cidr;
	return 0;
}

static int compare_destinations(const void *a, const void *b)
{
	return compare_cidrs(a, b);
}

/* Each once. */
static void destinations_sort(struct destinations *d)
{
	size_t n = 0;

	if (d->n)
		qsort(d->at, d->n, sizeof(*d->at), compare_destinations);
	for (size_t i = 0; i < d->n; i++)
		if (!n || compare_cidrs(&d->at[i], &d->at[n - 1]) != 0)
			d->at[n++] = d->at[i];
	d->n = n;
}

/* --- which destinations ------------------------------------------------------------------------------------------- */

/* Routes to CIDRs that differ. Both versions have them in the same order. */
static int add_cidrs(const struct vpc_route_table *old, const struct vpc_route_table *new, struct destinations *d)
{
	size_t i = 0, k = 0;
	int err = 0;

	while (err == 0 && (i < old->n_routes || k < new->n_routes)) {
		const struct table_route *a = i < old->n_routes ? &old->routes[i] : NULL;
		const struct table_route *b = k < new->n_routes ? &new->routes[k] : NULL;
		int order = !a ? 1 : !b ? -1 : compare_cidrs(&a->destination, &b->destination);

		if (order != 0 || route_target(a) != route_target(b))
			err = destinations_add(d, order <= 0 ? &a->destination : &b->destination);
		i += order <= 0;
		k += order >= 0;
	}
	return err;
}

static int add_changed_entries(const struct scope *s, uint32_t list, struct destinations *d)
{
	size_t n;
	const struct list_change *changes = scope_list_changes(s, list, &n);
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++)
		err = destinations_add(d, &changes[i].cidr);
	return err;
}

/* Those of before and of after. */
static int add_all_entries(const struct scope *s, uint32_t list, struct destinations *d)
{
	const struct object *o = NULL;
	int err = add_changed_entries(s, list, d);

	while (err == 0 && (o = model_next_part(s->m, OBJECT_PREFIX_LIST, list, OBJECT_PREFIX_ENTRY, o)))
		if (!prefix_entry_of(o)->until)
			err = destinations_add(d, &prefix_entry_of(o)->cidr);
	return err;
}

/* Routes to lists. Both versions have them in the order in which they were added. One that was deleted and added again
 * has another place in that order. */
static int add_lists(const struct scope *s, const struct vpc_route_table *old, const struct vpc_route_table *new,
		     struct destinations *d)
{
	size_t i = 0, k = 0;
	int err = 0;

	while (err == 0 && (i < old->n_lists || k < new->n_lists)) {
		const struct table_route *a = i < old->n_lists ? &old->lists[i] : NULL;
		const struct table_route *b = k < new->n_lists ? &new->lists[k] : NULL;
		bool takes_a = a && (!b || a->order <= b->order), takes_b = b && (!a || b->order <= a->order);

		if (takes_a && takes_b && a->list == b->list && route_target(a) == route_target(b)) {
			err = add_changed_entries(s, a->list, d);
		} else {
			err = takes_a ? add_all_entries(s, a->list, d) : 0;
			if (err == 0 && takes_b)
				err = add_all_entries(s, b->list, d);
		}
		i += takes_a;
		k += takes_b;
	}
	return err;
}

/* --- where they lead ---------------------------------------------------------------------------------------------- */

static void lookup_cidrs(const struct vpc_route_table *rt, const struct destinations *d, uint32_t *ret)
{
	size_t i = 0;

	for (size_t k = 0; k < d->n; k++) {
		while (i < rt->n_routes && compare_cidrs(&rt->routes[i].destination, &d->at[k]) < 0)
			i++;
		if (i < rt->n_routes && !compare_cidrs(&rt->routes[i].destination, &d->at[k]))
			ret[k] = route_target(&rt->routes[i]);
	}
}

static void set_target(const struct destinations *d, const struct cidr *cidr, uint32_t target, uint32_t *ret)
{
	const struct cidr *found = d->n ? bsearch(cidr, d->at, d->n, sizeof(*d->at), compare_destinations) : NULL;

	if (found && !ret[found - d->at])
		ret[found - d->at] = target;
}

/* For more destinations than the list has entries. */
static void lookup_entries(const struct scope *s, enum snapshot snapshot, const struct table_route *r,
			   const struct destinations *d, uint32_t *ret)
{
	const struct object *o = NULL;
	size_t n;
	const struct list_change *changes = scope_list_changes(s, r->list, &n);

	while ((o = model_next_part(s->m, OBJECT_PREFIX_LIST, r->list, OBJECT_PREFIX_ENTRY, o)))
		if (!prefix_entry_of(o)->until &&
		    (!n || scope_has_entry(s, snapshot, r->list, &prefix_entry_of(o)->cidr)))
			set_target(d, &prefix_entry_of(o)->cidr, route_target(r), ret);
	for (size_t i = 0; snapshot == SNAPSHOT_BEFORE && i < n; i++)
		if (changes[i].was)
			set_target(d, &changes[i].cidr, route_target(r), ret);
}

/* *ret: owned, the target of each destination; 0: none. */
static int lookup(const struct scope *s, enum snapshot snapshot, const struct vpc_route_table *rt,
		  const struct destinations *d, uint32_t **ret)
{
	uint32_t *targets = calloc(d->n, sizeof(*targets));

	if (!targets)
		return -ENOMEM;
	lookup_cidrs(rt, d, targets);
	for (size_t i = 0; i < rt->n_lists; i++) {
		const struct table_route *r = &rt->lists[i];
		const struct object *list = model_by_number(s->m, OBJECT_PREFIX_LIST, r->list);

		if (!list || d->n > prefix_list_of(list)->n_entries) {
			lookup_entries(s, snapshot, r, d, targets);
			continue;
		}
		for (size_t k = 0; k < d->n; k++)
			if (!targets[k] && scope_has_entry(s, snapshot, r->list, &d->at[k]))
				targets[k] = route_target(r);
	}
	*ret = targets;
	return 0;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

/* ret is zeroed, and stays so between its members. */
static void record_route(uint32_t table, const struct cidr *destination, uint32_t target, struct route_record *ret)
{
	ret->table = table;
	ret->destination = *destination;
	ret->target = target;
}

/* A target 0: there is no route. */
static int add_route(uint32_t table, const struct cidr *destination, uint32_t before, uint32_t after, struct plan *plan)
{
	struct plan_route *added;

	if (before == after)
		return 0;
	added = ARRAY_ADD(plan->routes, plan->n_routes);
	if (!added)
		return -ENOMEM;
	added->has_before = before != 0;
	added->has_after = after != 0;
	if (before)
		record_route(table, destination, before, &added->before);
	if (after)
		record_route(table, destination, after, &added->after);
	return 0;
}

int compile_table(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	const struct vpc_route_table none = {0}, *old = before ? route_table_of(before) : &none,
				     *new = after ? route_table_of(after) : &none;
	_cleanup_free_ uint32_t *was = NULL, *is = NULL;
	_cleanup_(destinations_clear) struct destinations d = {0};
	int err = add_cidrs(old, new, &d);

	if (err == 0)
		err = add_lists(s, old, new, &d);
	if (err < 0 || !d.n)
		return err;
	destinations_sort(&d);
	if (lookup(s, SNAPSHOT_BEFORE, old, &d, &was) < 0 || lookup(s, SNAPSHOT_AFTER, new, &d, &is) < 0)
		return -ENOMEM;
	for (size_t i = 0; err == 0 && i < d.n; i++)
		err = add_route((after ? after : before)->number, &d.at[i], was[i], is[i], plan);
	return err;
}

/* --- tables without a delta --------------------------------------------------------------------------------------- */

static int compare_tables(const void *a, const void *b)
{
	uint32_t x = (*(const struct object *const *)a)->number, y = (*(const struct object *const *)b)->number;

	return x < y ? -1 : x > y;
}

/* Appends the tables with a route to the list. */
static int add_tables(const struct scope *s, uint32_t list, const struct object ***tables, size_t *n)
{
	size_t more = model_referrers(s->m, OBJECT_PREFIX_LIST, list, OBJECT_ROUTE_TABLE, NULL, 0);
	const struct object **grown = more ? reallocarray(*tables, *n + more, sizeof(*grown)) : *tables;

	if (more && !grown)
		return -ENOMEM;
	*tables = grown;
	model_referrers(s->m, OBJECT_PREFIX_LIST, list, OBJECT_ROUTE_TABLE, *tables + *n, more);
	*n += more;
	return 0;
}

int compile_tables_of_lists(const struct scope *s, struct plan *plan)
{
	_cleanup_free_ const struct object **tables = NULL;
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; err == 0 && i < s->n_list_changes; i++)
		if (!i || s->list_changes[i].list != s->list_changes[i - 1].list)
			err = add_tables(s, s->list_changes[i].list, &tables, &n);
	if (n)
		qsort(tables, n, sizeof(*tables), compare_tables);
	for (size_t i = 0; err == 0 && i < n; i++)
		if (!(i && tables[i] == tables[i - 1]) && !scope_has_delta(s, tables[i]))
			err = compile_table(s, tables[i], tables[i], plan);
	return err;
}
