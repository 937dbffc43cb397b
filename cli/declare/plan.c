/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/json.h>

#include "cli/declare/plan_private.h"
#include "cli/declare/value.h"
#include "cli/lib/nearest.h"

/* --- for the kinds ----------------------------------------------------------------------------------------------- */

const char *plan_called(const struct node *n, char buf[PLAN_CALLED_SIZE])
{
	if (n->vpc[0])
		snprintf(buf, PLAN_CALLED_SIZE, "%s '%.255s' (VPC %.255s)", kind_of(n->kind)->title, n->name, n->vpc);
	else
		snprintf(buf, PLAN_CALLED_SIZE, "%s '%.255s'", kind_of(n->kind)->title, n->name);
	return buf;
}

/* Changes are the pending ones, in their order. */
bool plan_about(const struct plan *p, size_t change, unsigned *ret_line, char ret_called[PLAN_CALLED_SIZE])
{
	if (change >= p->n_pending)
		return false;
	*ret_line = p->pending[change].node->line;
	plan_called(p->pending[change].node, ret_called);
	return true;
}

const json_t *plan_wanted(const struct node *n, const char *key)
{
	const json_t *value = n->after ? json_object_get(n->after, key) : NULL;

	return value || !n->entry ? value : json_object_get(n->entry->document, key);
}

static json_t *reference(const struct node *n)
{
	if (n->entry)
		return json_string(n->entry->id);
	return json_sprintf("%c%zu", n->born ? MARK_BORN : MARK_CREATED, n->number);
}

static int emit(struct plan *p, const struct node *n, enum phase phase, bool creates, json_t *change)
{
	struct pending *pending = array_grow(p->pending, &p->pending_room, p->n_pending + 1, sizeof(*pending));

	if (!pending) {
		json_decref(change);
		return -ENOMEM;
	}
	p->pending = pending;
	p->pending[p->n_pending] = (struct pending){phase, n, creates, p->n_pending, change};
	p->n_pending++;
	return change ? 0 : -ENOMEM;
}

int plan_emit(struct plan *p, struct node *n, enum phase phase, json_t *change)
{
	if (!change || json_object_set_new(change, kind_of(n->kind)->field_id, reference(n)) < 0) {
		json_decref(change);
		return -ENOMEM;
	}
	return emit(p, n, phase, false, change);
}

static int refuse_reference(struct plan *p, const struct node *n, enum object_kind kind, const char *vpc,
			    const char *name)
{
	struct nearest near = {.word = name};
	char what[PLAN_CALLED_SIZE];

	for (size_t i = 0; i < p->n; i++)
		if (p->nodes[i]->kind == kind && !strcmp(p->nodes[i]->vpc, vpc))
			nearest_try(&near, p->nodes[i]->name);
	return plan_refuse(p, n, vpc_code_string(kind_of(kind)->not_found),
			   "%s: there is no %s '%.64s'%s%.64s, here or in the document; %s%.64s%s",
			   plan_called(n, what), kind_of(kind)->title, name, vpc[0] ? " in VPC " : "", vpc,
			   near.found ? "did you mean '" : PLAN_ADD_IT, near.found ? near.found : "",
			   near.found ? "'?" : "");
}

int plan_refer(struct plan *p, const struct node *n, enum object_kind kind, const char *vpc, const char *name,
	       json_t **ret)
{
	const char *scope = kind_of(kind)->scope == SCOPE_HOST ? "" : vpc;
	const struct node *to;

	*ret = NULL;
	if (!name)
		return 0;
	to = plan_find(p, kind, scope, name);
	if (!to || (to->action == ACTION_DELETE && !p->removes))
		return refuse_reference(p, n, kind, scope, name);
	*ret = reference(to);
	return *ret ? 0 : -ENOMEM;
}

int plan_refer_all(struct plan *p, const struct node *n, enum object_kind kind, const json_t *names, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	json_t *name, *one;
	size_t i;

	json_array_foreach (names, i, name) {
		int r = plan_refer(p, n, kind, n->vpc, json_string_value(name), &one);

		if (r < 0)
			return r;
		if (json_array_append_new(list, one) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(list);
	return *ret ? 0 : -ENOMEM;
}

/* A field's value as a change has it. *ret NULL: it isn't to be there. */
static int to_change(struct plan *p, const struct node *n, const struct declared_field *f, const json_t *value,
		     json_t **ret)
{
	enum object_kind kind = f->refers ? f->refers - 1 : 0;
	json_t *item;
	size_t i;

	*ret = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (f->refers)
		return json_is_array(value) ? plan_refer_all(p, n, kind, value, ret)
					    : plan_refer(p, n, kind, n->vpc, json_string_value(value), ret);
	if (f->type != DECLARED_ITEMS) {
		*ret = json_deep_copy(value);
		return *ret ? 0 : -ENOMEM;
	}
	*ret = json_array();
	json_array_foreach (value, i, item) {
		json_t *one = NULL;
		int r = plan_item(p, n, f, item, &one);

		if (r == 0 && json_array_append_new(*ret, one) < 0)
			r = -ENOMEM;
		if (r < 0) {
			json_decref(*ret);
			return r;
		}
	}
	return *ret ? 0 : -ENOMEM;
}

int plan_item(struct plan *p, const struct node *n, const struct declared_field *f, const json_t *item, json_t **ret)
{
	_cleanup_json_ json_t *change = json_object();

	for (size_t i = 0; i < f->n_items; i++) {
		json_t *value;
		int r = to_change(p, n, &f->items[i], json_object_get(item, f->items[i].key), &value);

		if (r < 0)
			return r;
		if (value && json_object_set_new(change, declared_api(&f->items[i]), value) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(change);
	return *ret ? 0 : -ENOMEM;
}

/* --- comparing --------------------------------------------------------------------------------------------------- */

static int create(struct plan *p, struct node *n)
{
	json_t *change =
		json_pack("{s:s+}", "op", kind_of(n->kind)->noun, n->kind == OBJECT_EIP ? ".allocate" : ".create");
	int r = change ? 0 : -ENOMEM;

	if (r == 0 && json_object_get(n->after, "name"))
		r = json_object_set(change, "name", json_object_get(n->after, "name")) < 0 ? -ENOMEM : 0;
	for (size_t i = 0; r == 0 && i < n->declared->n_fields; i++) {
		const struct declared_field *f = &n->declared->fields[i];
		const json_t *given = json_object_get(n->after, f->key);
		json_t *value = NULL;

		if (!(f->flags & DECLARED_CREATE))
			continue;
		if (!given && !f->absent && !(f->flags & (DECLARED_NULL | DECLARED_CHOSEN))) {
			json_decref(change);
			return plan_refuse(p, n, "MissingParameter", "%s '%.255s' is to be created and needs %s",
					   kind_of(n->kind)->title, n->name, f->key);
		}
		r = to_change(p, n, f, given, &value);
		if (r == 0 && value && json_object_set_new(change, declared_api(f), value) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		json_decref(change);
		return r;
	}
	return emit(p, n, n->declared->create, true, change);
}

static int note_field(struct node *n, const struct declared_field *f, const json_t *before, const json_t *after)
{
	json_t *note, *removed = NULL, *added = NULL;

	if (!n->fields)
		n->fields = json_array();
	if (f->type != DECLARED_ITEMS)
		note = json_pack("{s:s,s:O?,s:O?}", "field", f->key, "before", before, "after", after);
	else if (value_items_diff(f, before, after, &removed, &added) < 0)
		return -ENOMEM;
	else
		note = json_pack("{s:s,s:o,s:o}", "field", f->key, "removed", removed, "added", added);
	return json_array_append_new(n->fields, note) < 0 ? -ENOMEM : 0;
}

static int refuse_change(struct plan *p, const struct node *n, const struct declared_field *f, const json_t *before,
			 const json_t *after)
{
	_cleanup_free_ char *from = json_dumps(before, JSON_ENCODE_ANY), *to = json_dumps(after, JSON_ENCODE_ANY);
	char what[PLAN_CALLED_SIZE];

	return plan_refuse(
		p, n, "InvalidParameterCombination",
		"%s of %s can't be changed from %.64s to %.64s: delete it first, or give the new one another name",
		f->key, plan_called(n, what), from ? from : "", to ? to : "");
}

/* One field: into the body of the update, by the kind's own changes, or not at all. */
static int compare_field(struct plan *p, struct node *n, const struct declared_field *f, json_t *update)
{
	const json_t *after = json_object_get(n->after, f->key);
	bool exists = n->entry || n->born;
	_cleanup_json_ json_t *before = n->entry ? json_incref(json_object_get(n->entry->document, f->key))
						 : declared_absent(n->declared, f, n->born);
	json_t *value = NULL;
	int r;

	if (!after || (!exists && (f->flags & DECLARED_CREATE)) || (before && json_equal(before, after)))
		return 0;
	if (f->flags & DECLARED_CHOSEN && json_is_null(after))
		return 0;
	if (!exists && !f->change)
		return 0;
	if (exists && n->born && !before)
		return 0; /* its VPC */
	r = exists ? note_field(n, f, before, after) : 0;
	if (r < 0)
		return r;
	if (exists && (f->flags & DECLARED_UPDATE)) {
		r = to_change(p, n, f, after, &value);
		return r == 0 && value && json_object_set_new(update, declared_api(f), value) < 0 ? -ENOMEM : r;
	}
	return f->change ? f->change(p, n, before, after) : refuse_change(p, n, f, before, after);
}

/* Names are the same but for the letters' case. */
static int compare_name(struct node *n, json_t *update)
{
	static const struct declared_field name = {.key = "name"};
	const json_t *before = n->entry ? json_object_get(n->entry->document, "name") : NULL;
	json_t *after = json_object_get(n->after, "name");

	if (!before || json_equal(before, after))
		return 0;
	return json_object_set(update, "name", after) < 0 ? -ENOMEM : note_field(n, &name, before, after);
}

static int compare_node(struct plan *p, struct node *n)
{
	json_t *update = json_pack("{s:s+}", "op", kind_of(n->kind)->noun, ".update");
	int r = update ? 0 : -ENOMEM;

	if (r == 0 && n->action == ACTION_CREATE)
		r = create(p, n);
	if (r == 0)
		r = compare_name(n, update);
	for (size_t i = 0; r == 0 && i < n->declared->n_fields; i++)
		r = compare_field(p, n, &n->declared->fields[i], update);
	if (r == 0 && n->fields)
		n->action = ACTION_CHANGE;
	if (r == 0 && json_object_size(update) > 1)
		return plan_emit(p, n, PHASE_UPDATE, update);
	json_decref(update);
	return r;
}

/* --- deleting ---------------------------------------------------------------------------------------------------- */

static bool is_born(const struct node *n)
{
	return n->declared->born && !strcmp(n->declared->born, n->name);
}

static int delete (struct plan *p, struct node *n)
{
	int r = n->declared->before_delete ? n->declared->before_delete(p, n) : 0;

	if (r < 0 || is_born(n))
		return r;
	return plan_emit(
		p, n, n->declared->delete,
		json_pack("{s:s+}", "op", kind_of(n->kind)->noun, n->kind == OBJECT_EIP ? ".release" : ".delete"));
}

static bool is_vpc_deleted(const struct plan *p, const struct node *n)
{
	const struct node *vpc = n->vpc[0] ? plan_find(p, OBJECT_VPC, "", n->vpc) : NULL;

	return vpc && vpc->action == ACTION_DELETE;
}

static int prune(struct plan *p, const json_t *document)
{
	const json_t *scope = json_object_get(document, DECLARED_SCOPE_KEY);
	const json_t *vpcs = json_object_get(document, kind_of(OBJECT_VPC)->list);
	int r = 0;

	if (!scope && !json_array_size(vpcs))
		return text_refuse(
			p->error, 0, "MissingParameter",
			"--prune needs to know what the document is about: scope: host, or scope: [names of VPCs]");
	for (size_t i = 0; i < p->n; i++) {
		struct node *n = p->nodes[i];

		if (n->entry && !n->after && nodes_in_scope(n, scope, vpcs))
			n->action = ACTION_DELETE;
	}
	for (size_t i = 0; r == 0 && i < p->n; i++) {
		struct node *n = p->nodes[i];

		if (n->action != ACTION_DELETE)
			continue;
		/* What every VPC is born with goes with it, and stays with it. */
		if (is_born(n) && !is_vpc_deleted(p, n))
			n->action = ACTION_NONE;
		else
			r = delete (p, n);
		if (is_born(n))
			n->action = ACTION_NONE;
	}
	return r;
}

int plan_make(const struct snapshot *s, const json_t *document, bool prunes, struct plan *ret, struct text_error *error)
{
	struct plan *p = ret;
	int r;

	*p = (struct plan){.snapshot = s, .error = error, .index = json_object()};
	*error = (struct text_error){0};
	r = p->index ? nodes_make(p, document) : -ENOMEM;
	if (r == 0 && prunes)
		r = prune(p, document);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		if (p->nodes[i]->after)
			r = compare_node(p, p->nodes[i]);
	return r < 0 ? r : order_changes(p);
}

void plan_clear(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		json_decref(p->nodes[i]->fields);
		free(p->nodes[i]->label);
		free(p->nodes[i]);
	}
	for (size_t i = 0; i < p->n_pending; i++)
		json_decref(p->pending[i].change);
	free(p->nodes);
	free(p->pending);
	json_decref(p->index);
	json_decref(p->changes);
	*p = (struct plan){0};
}

json_t *plan_to_json(const struct plan *p)
{
	static const char *const names[] = {"", "create", "change", "delete"};
	json_t *list = json_array();

	for (size_t i = 0; list && i < p->n; i++) {
		const struct node *n = p->nodes[i];
		json_t *one;

		if (n->action == ACTION_NONE)
			continue;
		one = json_pack("{s:s,s:s,s:s,s:s?,s:O?}", "action", names[n->action], "kind", kind_of(n->kind)->noun,
				"name", n->name, "vpc", n->vpc[0] ? n->vpc : NULL, "fields", n->fields);
		if (json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
