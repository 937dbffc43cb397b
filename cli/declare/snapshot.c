/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/declare/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/value.h"

static void entry_clear(struct entry *e)
{
	json_decref(e->object);
	json_decref(e->document);
	free(e->label);
	free(e->key);
}

void snapshot_clear(struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++)
		entry_clear(&s->entries[i]);
	free(s->entries);
	json_decref(s->by_id);
	*s = (struct snapshot){0};
}

/* The object with this id; NULL: there is none. */
static const struct entry *snapshot_find(const struct snapshot *s, const char *id)
{
	const json_t *place = id ? json_object_get(s->by_id, id) : NULL;

	return place ? &s->entries[json_integer_value(place)] : NULL;
}

const struct entry *snapshot_member(const struct snapshot *s, const json_t *object, const char *key)
{
	return snapshot_find(s, json_member_text(object, key));
}

/* --- names ------------------------------------------------------------------------------------------------------- */

/* An id as the name of what it stands for. */
static json_t *name_of(const struct snapshot *s, const json_t *id)
{
	const struct entry *e = snapshot_find(s, json_string_value(id));

	return e ? json_string(e->name) : json_null();
}

/* A field's value of an object or item of the API, with names for ids. NULL: out of memory. */
static json_t *read_value(const struct snapshot *s, const struct declared_field *f, const json_t *object)
{
	json_t *value = json_object_get(object, declared_api(f)), *list, *item;
	size_t i;

	if (!value)
		return f->absent ? json_loads(f->absent, JSON_DECODE_ANY, NULL) : json_null();
	if (!json_is_array(value) || (!f->refers && f->type != DECLARED_ITEMS))
		return f->refers ? name_of(s, value) : json_incref(value);
	list = json_array();
	json_array_foreach (value, i, item) {
		json_t *one = f->refers ? name_of(s, item) : json_object();

		for (size_t k = 0; k < f->n_items && one; k++)
			if (json_object_set_new(one, f->items[k].key, read_value(s, &f->items[k], item)) < 0) {
				json_decref(one);
				one = NULL;
			}
		if (json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int read_fields(const struct snapshot *s, const struct entry *e, unsigned flags, json_t *ret)
{
	const struct declared *d = declared_of(e->kind);

	for (size_t i = 0; i < d->n_fields; i++) {
		json_t *value;

		if (flags && !(d->fields[i].flags & flags))
			continue;
		value = read_value(s, &d->fields[i], e->object);
		value = value ? value_normalize(d, &d->fields[i], value) : NULL;
		if (json_object_set_new(ret, d->fields[i].key, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->key, y->key);
}

/* What the entries of a kind are sorted by: VPC, name, and what else tells it apart. */
static int make_key(const struct snapshot *s, struct entry *e)
{
	const struct declared *d = declared_of(e->kind);
	const char *name = json_member_text(e->object, "name") ?: "";
	_cleanup_json_ json_t *fields = json_object();
	_cleanup_free_ char *rest = NULL;

	if (!fields || read_fields(s, e, DECLARED_KEY, fields) < 0 ||
	    !(rest = value_key(d->fields, d->n_fields, fields)))
		return -ENOMEM;
	return asprintf(&e->key, "%s\001%s\001%s", json_member_text(fields, "vpc") ?: "", name, rest) < 0 ? -ENOMEM : 0;
}

static int make_label(struct entry *e, size_t nth)
{
	const char *name = json_member_text(e->object, "name");

	if (name && *name)
		e->name = name;
	else if (asprintf(&e->label, "#%zu", nth) < 0)
		return -ENOMEM;
	else
		e->name = e->label;
	return 0;
}

static int index_entries(struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (json_object_set_new(s->by_id, s->entries[i].id, json_integer((json_int_t)i)) < 0)
			return -ENOMEM;
	return 0;
}

static const char *scope_of(const struct snapshot *s, const struct entry *e)
{
	const struct entry *vpc;

	if (kind_of(e->kind)->scope == SCOPE_HOST)
		return "";
	vpc = snapshot_member(s, e->object, "vpc_id");
	return vpc ? json_member_text(vpc->object, "name") ?: "" : "";
}

/* Names of the kinds whose objects always have one; then the others' keys, which need these names. */
static int make_names(struct snapshot *s)
{
	size_t nth = 0;

	for (size_t i = 0; i < s->n; i++) {
		s->entries[i].name = json_member_text(s->entries[i].object, "name") ?: "";
		s->entries[i].vpc = scope_of(s, &s->entries[i]);
	}
	for (size_t i = 0; i < s->n; i++)
		if (make_key(s, &s->entries[i]) < 0)
			return -ENOMEM;
	qsort(s->entries, s->n, sizeof(*s->entries), compare);
	if (index_entries(s) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		struct entry *e = &s->entries[i];

		if (!i || e[-1].kind != e->kind || strcmp(e[-1].vpc, e->vpc) != 0)
			nth = 0;
		if (!e->name[0])
			nth++;
		if (make_label(e, nth) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* --- making ------------------------------------------------------------------------------------------------------ */

static int add_list(struct snapshot *s, enum object_kind kind, const json_t *list)
{
	json_t *object;
	size_t i;

	json_array_foreach (list, i, object) {
		struct entry *e = &s->entries[s->n];

		e->kind = kind;
		e->object = json_incref(object);
		e->id = json_member_text(object, "id") ?: "";
		s->n++;
	}
	return 0;
}

static int make_documents(struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct entry *e = &s->entries[i];
		const struct declared *d = declared_of(e->kind);

		if (d->prepare && d->prepare(s, e->object) < 0)
			return -ENOMEM;
		e->document = json_object();
		if (!e->document ||
		    (e->name != e->label && json_object_set_new(e->document, "name", json_string(e->name)) < 0))
			return -ENOMEM;
		if (read_fields(s, e, 0, e->document) < 0)
			return -ENOMEM;
	}
	return 0;
}

int snapshot_make(json_t *lists, struct snapshot *ret)
{
	_cleanup_json_ json_t *owned = lists;
	struct snapshot s = {.by_id = json_object()};
	size_t total = 0;
	int r;

	for (unsigned k = 0; k < OBJECT_KINDS; k++)
		if (declared_of(k))
			total += json_array_size(json_object_get(owned, kind_of(k)->list));
	s.entries = calloc(total + 1, sizeof(*s.entries));
	if (!s.entries || !s.by_id) {
		snapshot_clear(&s);
		return -ENOMEM;
	}
	for (unsigned k = 0; k < OBJECT_KINDS; k++)
		if (declared_of(k))
			add_list(&s, k, json_object_get(owned, kind_of(k)->list));
	r = index_entries(&s);
	if (r == 0)
		r = make_names(&s);
	if (r == 0)
		r = make_documents(&s);
	if (r < 0) {
		snapshot_clear(&s);
		return r;
	}
	*ret = s;
	return 0;
}

/* --- exporting --------------------------------------------------------------------------------------------------- */

bool snapshot_belongs(const struct entry *e, const char *vpc)
{
	static const char *const members[] = {"vpc", "peer_vpc"};

	if (e->kind == OBJECT_VPC)
		return !strcmp(e->name, vpc);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *in = json_member_text(e->document, members[i]);

		if (in && !strcmp(in, vpc))
			return true;
	}
	return false;
}

/* Adds the names of the prefix lists that an object's items have. */
static int note_lists(const struct entry *e, json_t *ret)
{
	const struct declared *d = declared_of(e->kind);

	for (size_t i = 0; i < d->n_fields; i++) {
		json_t *items = json_object_get(e->document, d->fields[i].key), *item;
		size_t k;

		json_array_foreach (items, k, item) {
			const char *name = json_member_text(item, "prefix_list");

			if (name && json_object_set_new(ret, name, json_true()) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int export_entry(const struct entry *e, json_t *ret)
{
	const char *list = kind_of(e->kind)->list;

	if (!json_object_get(ret, list) && json_object_set_new(ret, list, json_array()) < 0)
		return -ENOMEM;
	return json_array_append(json_object_get(ret, list), e->document);
}

json_t *snapshot_export(const struct snapshot *s, const char *vpc)
{
	_cleanup_json_ json_t *lists = json_object();
	json_t *ret = json_pack("{s:s,s:o}", DECLARED_FORMAT_KEY, DECLARED_FORMAT, DECLARED_SCOPE_KEY,
				vpc ? json_pack("[s]", vpc) : json_string(DECLARED_SCOPE_HOST));
	int r = ret && lists ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && vpc && i < s->n; i++)
		if (snapshot_belongs(&s->entries[i], vpc))
			r = note_lists(&s->entries[i], lists);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct entry *e = &s->entries[i];
		bool named = e->kind == OBJECT_PREFIX_LIST && json_object_get(lists, e->name);

		if (!vpc || named || snapshot_belongs(e, vpc))
			r = export_entry(e, ret);
	}
	if (r == 0)
		return ret;
	json_decref(ret);
	return NULL;
}
