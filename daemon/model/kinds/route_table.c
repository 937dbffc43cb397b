/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Route tables, and which subnets use them. Their routes are in route.c. */
#include "model/kinds/route_table.h"

#include <string.h>

#include <vpc/array.h>

#define MAIN_NAME "main"

/* c NULL: the VPC's main one. */
static int make(struct model_txn *t, uint32_t vpc, const struct change *c, const struct object **ret,
		struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_ROUTE_TABLE);
	struct vpc_route_table *rt = (struct vpc_route_table *)o;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	rt->vpc = vpc;
	rt->main = !c;
	r = change_names_new(t->m, c, MAIN_NAME, o, reterr);
	return r < 0 ? r : txn_add(t, TAKE_PTR(o), ret, reterr);
}

int route_table_delete(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	uint32_t vpc;
	int r = txn_target(t, c, OBJECT_ROUTE_TABLE, &o, reterr);

	if (r < 0)
		return r;
	vpc = route_table_of(o)->vpc;
	r = change_delete(t, c, ret, reterr);
	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

/* --- subnets ----------------------------------------------------------------------------------------------------- */

static int set_table(struct model_txn *t, const struct object *subnet, uint32_t table, struct vpc_error *reterr)
{
	return subnet_set_number(t, subnet, offsetof(struct subnet, route_table), table, reterr);
}

static int associate_one(struct model_txn *t, const struct object *table, const struct object *subnet,
			 const char *field, struct vpc_error *reterr)
{
	(void)field;
	return set_table(t, subnet, table->number, reterr);
}

static int disassociate_one(struct model_txn *t, const struct object *table, const struct object *subnet,
			    const char *field, struct vpc_error *reterr)
{
	if (subnet_of(subnet)->route_table != table->number)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%s is not associated with %s; vpcctl route-table show lists its subnets",
				     subnet->id, table->id);
	return set_table(t, subnet, 0, reterr);
}

int route_table_associate(struct model_txn *t, const struct change *c, struct change_result *ret,
			  struct vpc_error *reterr)
{
	return change_subnets(t, c, associate_one, ret, reterr);
}

int route_table_disassociate(struct model_txn *t, const struct change *c, struct change_result *ret,
			     struct vpc_error *reterr)
{
	return change_subnets(t, c, disassociate_one, ret, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static const char *born_as(const struct object *o)
{
	return route_table_of(o)->main ? "main route table" : NULL;
}

static void clear(struct object *o)
{
	free(((struct vpc_route_table *)o)->routes);
	free(((struct vpc_route_table *)o)->lists);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct vpc_route_table *rt = (struct vpc_route_table *)to;
	const struct vpc_route_table *f = route_table_of(from);

	rt->vpc = f->vpc;
	rt->main = f->main;
	rt->routes = array_copy(f->routes, f->n_routes, sizeof(*rt->routes));
	rt->lists = array_copy(f->lists, f->n_lists, sizeof(*rt->lists));
	if (!rt->routes || !rt->lists)
		return -ENOMEM;
	rt->n_routes = f->n_routes;
	rt->n_lists = f->n_lists;
	return 0;
}

static int post(struct index *ix, struct object *o)
{
	const struct table_route *route;
	const char *last = "";
	int r = 0;

	for (size_t i = 0; r >= 0 && (route = table_route_nth(route_table_of(o), i)); i++) {
		/* Neighbours often lead to the same target: that saves looking it up. */
		if (route->target[0] && strcmp(route->target, last) != 0)
			r = index_post_use(ix, o, route->target);
		last = route->target;
		if (r >= 0 && route->list)
			r = index_post_reference(ix, o, OBJECT_PREFIX_LIST, route->list);
	}
	return r;
}

/* Those to CIDRs: what a route to a prefix list counts for follows from the list. */
static size_t n_routes(const struct object *o)
{
	return route_table_of(o)->n_routes;
}

/* list: NULL, or the id of the prefix list that is the destination. state NULL: for a document. */
static json_t *route_to_json(const struct cidr *destination, const char *list, const char *target, const char *kind,
			     const char *state)
{
	json_t *json = json_object();

	if (json && (json_put(json, "destination", list ? json_string(list) : json_cidr(destination)) < 0 ||
		     json_put(json, "target", json_string(target)) < 0 ||
		     json_put(json, "target_kind", json_string(kind)) < 0 ||
		     (state && (json_put(json, "destination_prefix_list_id", json_text_or_null(list)) < 0 ||
				json_put(json, "state", json_string(state)) < 0)))) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* with_state: for the API, which also shows the VPC's own address space. */
static int put_routes(const struct model *m, const struct vpc_route_table *rt, bool with_state, json_t *ret)
{
	const struct vpc *v = model_vpc(m, rt->vpc);
	const struct table_route *r;
	const struct cidr *own;
	json_t *list = json_array();

	if (json_put(ret, "routes", list) < 0)
		return -ENOMEM;
	for (size_t i = 0; with_state && (own = vpc_cidr(v, i)); i++)
		if (json_array_append_new(list, route_to_json(own, NULL, "local", "local", "active")) < 0)
			return -ENOMEM;
	for (size_t i = 0; (r = table_route_nth(rt, i)); i++) {
		const char *kind = route_kind_names[r->kind];
		const char *to = r->list ? model_prefix_list(m, r->list)->o.id : NULL;
		const char *state = !with_state ? NULL : r->active ? "active" : "blackhole";

		if (json_array_append_new(
			    list, route_to_json(&r->destination, to, r->target[0] ? r->target : kind, kind, state)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int put_common(const struct model *m, const struct vpc_route_table *rt, json_t *ret)
{
	if (json_put(ret, "vpc_id", json_string(model_vpc(m, rt->vpc)->o.id)) < 0)
		return -ENOMEM;
	return json_put(ret, "main", json_boolean(rt->main));
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	return put_common(m, route_table_of(o), ret) < 0 ? -ENOMEM : put_routes(m, route_table_of(o), false, ret);
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	const struct posting *p = index_referrers(&m->ix, OBJECT_ROUTE_TABLE, o->number, OBJECT_SUBNET);
	json_t *subnets = json_array();

	if (json_put(ret, "number", json_integer(o->number)) < 0 || put_common(m, route_table_of(o), ret) < 0 ||
	    put_routes(m, route_table_of(o), true, ret) < 0 || json_put(ret, "subnets", subnets) < 0)
		return -ENOMEM;
	for (const struct post *at = p ? p->first : NULL; at; at = at->next)
		if (json_array_append_new(subnets, json_string(at->owner->id)) < 0)
			return -ENOMEM;
	return 0;
}

static bool load_destination(struct model *m, const struct vpc_route_table *rt, const char *text,
			     struct table_route *ret)
{
	const struct object *list = model_find(m, OBJECT_PREFIX_LIST, text);
	const char *wrong;

	if (list) {
		ret->list = list->number;
		ret->destination.addr.family = prefix_list_of(list)->family;
	} else if (cidr_parse(text, &ret->destination) < 0 || cidr_has_host_bits(&ret->destination) ||
		   !route_destination_is_good(model_vpc(m, rt->vpc), &ret->destination, &wrong)) {
		return false;
	}
	return !table_route_find(rt, &ret->destination, ret->list);
}

static bool load_route(struct model *m, const struct vpc_route_table *rt, const json_t *json, struct table_route *ret)
{
	const char *destination = json_string_value(json_object_get(json, "destination"));
	const char *target = json_string_value(json_object_get(json, "target"));
	const char *kind = json_string_value(json_object_get(json, "target_kind"));

	*ret = (struct table_route){.kind = ROUTE_KINDS};
	for (unsigned i = 0; kind && i < ROUTE_KINDS; i++)
		if (!strcmp(kind, route_kind_names[i]))
			ret->kind = (enum route_kind)i;
	if (!model_vpc(m, rt->vpc) || !destination || !target || ret->kind == ROUTE_KINDS ||
	    strlen(target) >= sizeof(ret->target) || !load_destination(m, rt, destination, ret))
		return false;
	if (ret->kind == ROUTE_BLACKHOLE)
		return true;
	memcpy(ret->target, target, strlen(target) + 1);
	return kind_of_id(target) == route_target_kind(ret->kind);
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct vpc_route_table *rt = (struct vpc_route_table *)o;
	json_t *list = json_object_get(d->json, "routes"), *item;
	size_t i;

	rt->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	rt->main = document_bool(d, "main");
	if (rt->main && rt->vpc && model_vpc(m, rt->vpc)->main_route_table)
		document_damaged(d, "main");
	if (!json_is_array(list))
		document_damaged(d, "routes");
	json_array_foreach (list, i, item) {
		struct table_route route;

		if (!load_route(m, rt, item, &route))
			document_damaged(d, "routes");
		else if (table_route_insert(rt, &route) < 0)
			document_damaged(d, "(out of memory)");
	}
}

/* Derived, so not in the VPC's document. */
static void loaded(struct model *m, struct object *o)
{
	struct vpc *v = (struct vpc *)model_vpc(m, route_table_of(o)->vpc);

	if (route_table_of(o)->main)
		v->main_route_table = o->number;
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps"},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"main", SCHEMA_BOOLEAN, "that of all subnets that are associated with no other"},
	{"routes", SCHEMA_LIST_OF("Route"), NULL},
	{"subnets", SCHEMA_STRINGS, "ids of those that are associated with it"},
};
static const struct schema_field route_fields[] = {
	{"destination", SCHEMA_STRING, "IPv4 or IPv6 range, or the id of a prefix list: each entry of it"},
	{"destination_prefix_list_id", SCHEMA_STRING_OR_NULL, "the same id; null: the destination is a range"},
	{"target", SCHEMA_STRING, "id; local: inside the VPC; blackhole: nowhere"},
	{"target_kind", SCHEMA_STRING, "igw, eigw, nat, eni, local or blackhole"},
	{"state", SCHEMA_STRING, "active, or blackhole: packets are dropped"},
};
static const struct schema schemas[] = {
	{NULL, fields, ARRAY_SIZE(fields)},
	{"Route", route_fields, ARRAY_SIZE(route_fields)},
};

const struct kind_ops route_table_ops = {
	.size = sizeof(struct vpc_route_table),
	.parent = {OBJECT_VPC, offsetof(struct vpc_route_table, vpc)},
	.name_optional = true,
	.limit_per_vpc = MODEL_LIMIT_route_tables_per_vpc,
	.make = make,
	.born_as = born_as,
	.has_list = true,
	.clear = clear,
	.copy = copy_members,
	.post = post,
	.n_items = n_routes,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
