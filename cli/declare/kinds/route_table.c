/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Route tables with their routes, and the subnets that are associated with them. */
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/plan.h"
#include "cli/declare/value.h"

static int change_routes(struct plan *p, struct node *n, const json_t *before, const json_t *after);
static int change_subnets(struct plan *p, struct node *n, const json_t *before, const json_t *after);

static const struct declared_field route_fields[] = {
	{.key = "destination", .flags = DECLARED_KEY | DECLARED_NULL | DECLARED_ADDRESS, .absent = "null"},
	{.key = "prefix_list",
	 .flags = DECLARED_KEY | DECLARED_NULL | DECLARED_ORDER, /* the first one wins */
	 .api = "destination_prefix_list_id",
	 .refers = REFERS(PREFIX_LIST),
	 .absent = "null"},
	{.key = "target"}, /* "nat/NAME", "igw/NAME", …, or blackhole */
};

static const struct declared_field fields[] = {
	DECLARED_VPC,
	{.key = "routes",
	 .type = DECLARED_ITEMS,
	 .absent = "[]",
	 .items = route_fields,
	 .n_items = ARRAY_SIZE(route_fields),
	 .change = change_routes},
	{.key = "subnets", .type = DECLARED_TEXTS, .refers = REFERS(SUBNET), .absent = "[]", .change = change_subnets},
	DECLARED_TAGS_FIELD,
};
static const struct declared_field *const routes_field = &fields[1];

#define BLACKHOLE "blackhole"

static json_t *target_text(const struct snapshot *s, const json_t *route)
{
	const struct entry *to = snapshot_member(s, route, "target");
	const char *state = json_member_text(route, "state");

	if (!to || (state && !strcmp(state, BLACKHOLE)))
		return json_string(BLACKHOLE);
	return json_sprintf("%s/%s", kind_of(to->kind)->noun, to->name);
}

/* The VPC's own routes stand in no document; a list isn't named twice; targets have names. */
static int prepare(const struct snapshot *s, json_t *object)
{
	json_t *routes = json_object_get(object, "routes"), *route;
	size_t i = 0;

	while ((route = json_array_get(routes, i))) {
		const char *kind = json_member_text(route, "target_kind");

		if (kind && !strcmp(kind, "local")) {
			json_array_remove(routes, i);
			continue;
		}
		if (json_is_string(json_object_get(route, "destination_prefix_list_id")) &&
		    json_object_set_new(route, "destination", json_null()) < 0)
			return -ENOMEM;
		if (json_object_set_new(route, "target", target_text(s, route)) < 0)
			return -ENOMEM;
		i++;
	}
	return 0;
}

/* "nat/NAME" → a reference. */
static int refer_target(struct plan *p, const struct node *n, const char *target, json_t **ret)
{
	static const enum object_kind kinds[] = {OBJECT_IGW, OBJECT_EIGW, OBJECT_NAT, OBJECT_ENI, OBJECT_PEERING};
	const char *slash = strchr(target, '/');
	size_t length = slash ? (size_t)(slash - target) : 0;

	if (!strcmp(target, BLACKHOLE)) {
		*ret = json_string(BLACKHOLE);
		return *ret ? 0 : -ENOMEM;
	}
	for (size_t i = 0; slash && i < ARRAY_SIZE(kinds); i++)
		if (strlen(kind_of(kinds[i])->noun) == length && !strncmp(kind_of(kinds[i])->noun, target, length))
			return plan_refer(p, n, kinds[i], n->vpc, slash + 1, ret);
	return plan_refuse(
		p, n, "InvalidParameterValue",
		"'%.255s' is no target of a route: igw/NAME, eigw/NAME, nat/NAME, eni/NAME, peering/NAME or " BLACKHOLE,
		target);
}

static int emit_route(struct plan *p, struct node *n, enum phase phase, const char *op, const json_t *route, bool to)
{
	json_t *change = NULL, *target = NULL;
	int r;

	p->removes = !to;
	r = plan_item(p, n, routes_field, route, &change);
	p->removes = false;
	if (r == 0 && to)
		r = refer_target(p, n, json_member_text(route, "target"), &target);
	if (r == 0)
		json_object_del(change, "target");
	if (r == 0 && (json_object_set_new(change, "op", json_string(op)) < 0 ||
		       (target && json_object_set(change, "target", target) < 0)))
		r = -ENOMEM;
	json_decref(target);
	if (r < 0) {
		json_decref(change);
		return r;
	}
	return plan_emit(p, n, phase, change);
}

/* Those whose destination is not among the others'. NULL: out of memory. */
static json_t *destinations(const json_t *routes)
{
	json_t *ret = json_object(), *route;
	size_t i;

	json_array_foreach (routes, i, route) {
		_cleanup_free_ char *key = value_key(route_fields, ARRAY_SIZE(route_fields), route);

		if (!key || json_object_set_nocheck(ret, key, route) < 0) {
			json_decref(ret);
			return NULL;
		}
	}
	return ret;
}

/* The prefix lists that routes lead to, in their order, of those that `among` has; NULL: all. */
static json_t *lists_of(const json_t *routes, const json_t *among)
{
	json_t *ret = json_array(), *route;
	size_t i;

	json_array_foreach (routes, i, route) {
		_cleanup_free_ char *key = value_key(route_fields, ARRAY_SIZE(route_fields), route);

		if (json_is_string(json_object_get(route, "prefix_list")) &&
		    (!among || (key && json_object_get(among, key))))
			json_array_append(ret, json_object_get(route, "prefix_list"));
	}
	return ret;
}

/* Whether the lists that both have are in the same order, and new ones behind them: then these can be added. */
static bool same_order(const json_t *before, const json_t *after)
{
	_cleanup_json_ json_t *to = destinations(after), *kept = lists_of(before, to), *wanted = lists_of(after, NULL);
	json_t *list;
	size_t i;

	json_array_foreach (kept, i, list)
		if (!json_equal(list, json_array_get(wanted, i)))
			return false;
	return true;
}

/* replaces: routes whose destination stays get another target in their place; else they go and come again. */
static int emit_routes(struct plan *p, struct node *n, const json_t *before, const json_t *after, bool replaces)
{
	_cleanup_json_ json_t *from = destinations(before), *to = destinations(after);
	json_t *route;
	size_t i;
	int r = from && to ? 0 : -ENOMEM;

	json_array_foreach (before, i, route) {
		_cleanup_free_ char *key = value_key(route_fields, ARRAY_SIZE(route_fields), route);
		bool list = json_is_string(json_object_get(route, "prefix_list"));

		if (r == 0 && key && (!json_object_get(to, key) || (list && !replaces)))
			r = emit_route(p, n, PHASE_LOOSEN, "route.delete", route, false);
	}
	json_array_foreach (after, i, route) {
		_cleanup_free_ char *key = value_key(route_fields, ARRAY_SIZE(route_fields), route);
		bool list = json_is_string(json_object_get(route, "prefix_list"));
		const json_t *old = key ? json_object_get(from, key) : NULL;

		if (r < 0 || (old && json_equal(old, route) && !(list && !replaces)))
			continue;
		r = emit_route(p, n, PHASE_FASTEN, old && !(list && !replaces) ? "route.replace" : "route.add", route,
			       true);
	}
	return r;
}

static int change_routes(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	return emit_routes(p, n, before, after, same_order(before, after));
}

static int emit_subnets(struct plan *p, struct node *n, enum phase phase, const char *op, const json_t *names)
{
	json_t *refs = NULL;
	int r = json_array_size(names) ? plan_refer_all(p, n, OBJECT_SUBNET, names, &refs) : 0;

	return r < 0 || !refs ? r : plan_emit(p, n, phase, json_pack("{s:s,s:o}", "op", op, "subnets", refs));
}

static int change_subnets(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	_cleanup_json_ json_t *removed = value_texts_without(before, after),
			      *added = value_texts_without(after, before);
	_cleanup_json_ json_t *kept = removed ? plan_existing(p, OBJECT_SUBNET, n->vpc, removed) : NULL;
	int r = kept && added ? emit_subnets(p, n, PHASE_LOOSEN, "route-table.disassociate", kept) : -ENOMEM;

	return r < 0 ? r : emit_subnets(p, n, PHASE_FASTEN, "route-table.associate", added);
}

static int before_delete(struct plan *p, struct node *n)
{
	_cleanup_json_ json_t *kept =
		plan_existing(p, OBJECT_SUBNET, n->vpc, json_object_get(n->entry->document, "subnets"));

	return kept ? emit_subnets(p, n, PHASE_LOOSEN, "route-table.disassociate", kept) : -ENOMEM;
}

const struct declared route_table_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE,
	.born = "main",
	.name_optional = true,
	.prepare = prepare,
	.before_delete = before_delete,
};
