/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prefix lists as destinations of routes: such a route is one to each entry of the list, whatever entries it has. */
#include "model/kinds/route_table.h"

#include "model/kinds/prefix_list.h"

/* Of a list's newest version, in the order in which they were added: prev NULL gives the first, NULL ends. */
static const struct prefix_entry *next_entry(const struct model *m, uint32_t list, const struct prefix_entry *prev)
{
	const struct object *o = prev ? &prev->o : NULL;

	while ((o = model_next_part(m, OBJECT_PREFIX_LIST, list, OBJECT_PREFIX_ENTRY, o)))
		if (!prefix_entry_of(o)->until)
			return prefix_entry_of(o);
	return NULL;
}

/* Tables with a route to the list; NULL: none. */
static const struct posting *tables_of(const struct model *m, const struct prefix_list *list)
{
	return index_referrers(&m->ix, OBJECT_PREFIX_LIST, list->o.number, OBJECT_ROUTE_TABLE);
}

/* --- which list --------------------------------------------------------------------------------------------------- */

/* Whether `destination` is meant as a prefix list: an id of one, or the name of one that is no CIDR. */
static int names_list(struct model_txn *t, const char *ref, bool *ret, struct vpc_error *reterr)
{
	_cleanup_free_ char *key = NULL;
	struct cidr cidr;

	*ret = ref && kind_of_id(ref) == OBJECT_PREFIX_LIST;
	if (*ret || !ref || !ref[0] || cidr_parse(ref, &cidr) == 0)
		return 0;
	key = name_key(OBJECT_PREFIX_LIST, 0, ref);
	if (!key)
		return vpc_error_oom(reterr);
	*ret = index_by_key(&t->m->ix, key) != NULL;
	return 0;
}

int route_list_resolve(struct model_txn *t, const struct change *c, const struct prefix_list **ret,
		       struct vpc_error *reterr)
{
	bool by_list = change_has(c, FIELD_DESTINATION_LIST), by_text = change_has(c, FIELD_DESTINATION), is_list;
	const char *field = by_list ? "destination_prefix_list_id" : "destination", *ref;
	const struct object *o;
	int r;

	*ret = NULL;
	if (by_list && by_text)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, field,
				     "a route has destination or destination_prefix_list_id, not both; leave one out");
	if (!by_list && !by_text)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, field,
				     "%s needs destination or destination_prefix_list_id", change_op_name(c->op));
	r = txn_dereference(t, by_list ? c->destination_list : c->destination, field, &ref, reterr);
	if (r < 0)
		return r;
	is_list = by_list;
	if (!by_list)
		r = names_list(t, ref, &is_list, reterr);
	if (r < 0 || !is_list)
		return r;
	r = model_resolve(t->m, OBJECT_PREFIX_LIST, ref ? ref : "", NULL, field, &o, reterr);
	if (r >= 0)
		*ret = prefix_list_of(o);
	return r;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

int route_list_check_entries(const struct model *m, const struct vpc_route_table *rt, const struct prefix_list *list,
			     const char *field, struct vpc_error *reterr)
{
	const struct vpc *v = model_vpc(m, rt->vpc);
	const char *wrong;
	char text[CIDR_STRLEN];

	for (const struct prefix_entry *e = NULL; (e = next_entry(m, list->o.number, e));)
		if (!route_destination_is_good(v, &e->cidr, &wrong))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "%s of %s is %s; remove it from the list, or use another list",
					     cidr_format(&e->cidr, text), list->o.id, wrong);
	return 0;
}

static int refuse_entry(const struct object *table, const struct prefix_list *list, const struct cidr *cidr,
			const char *wrong, const char *field, struct vpc_error *reterr)
{
	char text[CIDR_STRLEN];

	if (vpc_error_add_holder(reterr, table->id) < 0)
		return vpc_error_oom(reterr);
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
			     "%s has a route to %s, and %s is %s; leave it out, or delete the route first", table->id,
			     list->o.id, cidr_format(cidr, text), wrong);
}

int route_check_entry(const struct model *m, const struct prefix_list *list, const struct cidr *cidr, const char *field,
		      struct vpc_error *reterr)
{
	const struct posting *p = tables_of(m, list);
	const char *wrong;

	if (!p || !p->n)
		return 0;
	if (!route_destination_leaves(cidr, &wrong))
		return refuse_entry(p->first->owner, list, cidr, wrong, field, reterr);
	for (const struct post *post = p->first; post; post = post->next)
		if (vpc_has_cidr(model_vpc(m, route_table_of(post->owner)->vpc), cidr))
			return refuse_entry(post->owner, list, cidr, "inside its VPC", field, reterr);
	return 0;
}

const struct cidr *route_list_entry_in(const struct model *m, const struct vpc_route_table *rt, const struct cidr *c)
{
	for (size_t i = 0; i < rt->n_lists; i++)
		for (const struct prefix_entry *e = NULL; (e = next_entry(m, rt->lists[i].list, e));)
			if (cidr_contains(c, &e->cidr))
				return &e->cidr;
	return NULL;
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static size_t count_of_table(const struct model *m, const struct vpc_route_table *rt)
{
	size_t n = rt->n_routes;

	for (size_t i = 0; i < rt->n_lists; i++)
		n += model_prefix_list(m, rt->lists[i].list)->max_entries;
	return n;
}

/* A table has one route to a list at most. */
static size_t count_of_host(const struct model *m)
{
	size_t n = m->ix.n_items[OBJECT_ROUTE_TABLE];

	for (const struct object *o = NULL; (o = model_next(m, OBJECT_PREFIX_LIST, o));)
		n += posting_count(tables_of(m, prefix_list_of(o))) * prefix_list_of(o)->max_entries;
	return n;
}

static int check_table(const struct model *m, const struct vpc_route_table *rt, size_t more, const char *field,
		       struct vpc_error *reterr)
{
	return limit_check(m, MODEL_LIMIT_routes_per_table, count_of_table(m, rt) + more, VPC_E_RESOURCE_LIMIT_EXCEEDED,
			   field, reterr);
}

static int check_host(const struct model *m, size_t more, const char *field, struct vpc_error *reterr)
{
	return limit_check(m, MODEL_LIMIT_routes, count_of_host(m) + more, VPC_E_RESOURCE_LIMIT_EXCEEDED, field,
			   reterr);
}

int route_check_limits(const struct model *m, const struct vpc_route_table *rt, size_t more, const char *field,
		       struct vpc_error *reterr)
{
	int r = check_table(m, rt, more, field, reterr);

	return r < 0 ? r : check_host(m, more, field, reterr);
}

int route_check_max_entries(const struct model *m, const struct prefix_list *list, uint32_t max_entries,
			    struct vpc_error *reterr)
{
	const struct posting *p = tables_of(m, list);
	size_t more;
	int r = 0;

	if (!p || !p->n || max_entries <= list->max_entries)
		return 0;
	more = max_entries - list->max_entries;
	for (const struct post *post = p->first; r >= 0 && post; post = post->next) {
		r = check_table(m, route_table_of(post->owner), more, "max_entries", reterr);
		if (r < 0 && vpc_error_add_holder(reterr, post->owner->id) < 0)
			r = vpc_error_oom(reterr);
	}
	return r < 0 ? r : check_host(m, more * p->n, "max_entries", reterr);
}
