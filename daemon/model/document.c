/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON of all kinds: what the API shows, what the store keeps, and reading that back. */
#include <assert.h>
#include <string.h>

#include "model/internal.h"

/* --- writing ----------------------------------------------------------------------------------------------------- */

int json_put(json_t *ret, const char *key, json_t *value)
{
	/* Takes the value on failure too. */
	return json_object_set_new_nocheck(ret, key, value) < 0 ? -ENOMEM : 0;
}

json_t *json_cidr(const struct cidr *c)
{
	char text[CIDR_STRLEN];

	return c->addr.family ? json_string(cidr_format(c, text)) : json_null();
}

json_t *json_ip(const struct ip *ip)
{
	char text[IP_STRLEN];

	return ip->family ? json_string(ip_format(ip, text)) : json_null();
}

json_t *json_text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *tags_to_json(const struct object *o)
{
	json_t *tags = json_object();

	for (size_t i = 0; tags && i < o->n_tags; i++) {
		if (json_put(tags, o->tags[i].key, json_string(o->tags[i].value)) < 0) {
			json_decref(tags);
			return NULL;
		}
	}
	return tags;
}

static json_t *base_to_json(const struct object *o)
{
	json_t *json = json_object();

	if (!json)
		return NULL;
	if (json_put(json, "id", json_string(o->id)) < 0 || json_put(json, "name", json_string(o->name)) < 0 ||
	    json_put(json, "tags", tags_to_json(o)) < 0 ||
	    json_put(json, "revision", json_integer((json_int_t)o->revision)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *model_to_json(const struct model *m, const struct object *o)
{
	json_t *json = base_to_json(o);

	if (json && kind_ops(o->kind)->to_json(m, o, json) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *model_to_document(const struct model *m, const struct object *o)
{
	json_t *json = base_to_json(o);

	if (!json)
		return NULL;
	if (json_put(json, "number", json_integer(o->number)) < 0 ||
	    json_put(json, "order", json_integer((json_int_t)o->order)) < 0 ||
	    kind_ops(o->kind)->to_document(m, o, json) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

void document_damaged(struct document *d, const char *key)
{
	if (!d->damaged)
		d->damaged = key;
}

static const char *borrow_text(struct document *d, const char *key, bool required)
{
	const json_t *value = json_object_get(d->json, key);

	if (json_is_string(value))
		return json_string_value(value);
	if (required || (value && !json_is_null(value)))
		document_damaged(d, key);
	return NULL;
}

char *document_text(struct document *d, const char *key, bool required)
{
	const char *text = borrow_text(d, key, required);
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		document_damaged(d, "(out of memory)");
	return copy;
}

int64_t document_i64(struct document *d, const char *key, int64_t min, int64_t max)
{
	const json_t *value = json_object_get(d->json, key);
	json_int_t n = json_integer_value(value);

	if (json_is_integer(value) && n >= min && n <= max)
		return n;
	document_damaged(d, key);
	return 0;
}

uint64_t document_u64(struct document *d, const char *key, uint64_t max)
{
	/* Written as the signed integer of the same 64 bits. */
	uint64_t n = (uint64_t)document_i64(d, key, INT64_MIN, INT64_MAX);

	if (n <= max)
		return n;
	document_damaged(d, key);
	return 0;
}

bool document_bool(struct document *d, const char *key)
{
	const json_t *value = json_object_get(d->json, key);

	if (!json_is_boolean(value))
		document_damaged(d, key);
	return json_is_true(value);
}

struct cidr document_cidr(struct document *d, const char *key, uint8_t family, bool required)
{
	const char *text = borrow_text(d, key, required);
	struct cidr c = {0};

	if (text && (cidr_parse(text, &c) < 0 || (family && c.addr.family != family) || cidr_has_host_bits(&c)))
		document_damaged(d, key);
	return c;
}

struct ip document_ip(struct document *d, const char *key, uint8_t family, bool required)
{
	const char *text = borrow_text(d, key, required);
	struct ip ip = {0};

	if (text && (ip_parse(text, &ip) < 0 || (family && ip.family != family)))
		document_damaged(d, key);
	return ip;
}

uint32_t document_ref(struct model *m, struct document *d, const char *key, enum object_kind kind)
{
	const char *id = borrow_text(d, key, true);
	const struct object *o = id ? model_find(m, kind, id) : NULL;

	if (id && !o)
		document_damaged(d, key);
	return o ? o->number : 0;
}

static void load_tags(struct document *d, struct object *o)
{
	json_t *tags = json_object_get(d->json, "tags"), *value;
	const char *key;

	if (!json_is_object(tags)) {
		document_damaged(d, "tags");
		return;
	}
	o->tags = calloc(json_object_size(tags) + 1, sizeof(*o->tags));
	if (!o->tags) {
		document_damaged(d, "(out of memory)");
		return;
	}
	json_object_foreach (tags, key, value) {
		struct tag *tag = &o->tags[o->n_tags++];

		tag->key = strdup(key);
		tag->value = strdup(json_is_string(value) ? json_string_value(value) : "");
		if (!json_is_string(value) || !tag->key || !tag->value)
			document_damaged(d, "tags");
	}
}

static void load_base(struct document *d, struct object *o)
{
	const char *id = borrow_text(d, "id", true), *prefix = kind_of(o->kind)->id_prefix;

	if (id && (strlen(id) >= sizeof(o->id) || strncmp(id, prefix, strlen(prefix)) != 0))
		document_damaged(d, "id");
	else if (id)
		memcpy(o->id, id, strlen(id) + 1);
	o->number = (uint32_t)document_u64(d, "number", kind_ops(o->kind)->numbers_once ? UINT32_MAX : VPC_NUMBER_MASK);
	if (o->number < kind_first_number(o->kind))
		document_damaged(d, "number");
	o->revision = document_u64(d, "revision", UINT64_MAX);
	o->order = document_u64(d, "order", UINT64_MAX - 1);
	load_tags(d, o);
}

/* Needs the object's parent, which load() has set. A part has no name; load() has set its key. */
static void load_name(struct document *d, struct object *o)
{
	const char *name = borrow_text(d, "name", true);
	bool is_part = kind_of(o->kind)->scope == SCOPE_PART;

	if (name && is_part && name[0])
		document_damaged(d, "name");
	if (!name || is_part)
		return;
	/* An object without a name is found by its id alone. */
	if (name[0] || !kind_ops(o->kind)->name_optional) {
		if (object_set_name(o, name) < 0)
			document_damaged(d, "(out of memory)");
	} else if (text_set(&o->name_key, o->id) < 0) {
		document_damaged(d, "(out of memory)");
	}
}

/* The field by which another object is already in an index, or NULL. */
static const char *find_conflict(const struct model *m, const struct object *o)
{
	if (index_by_id(&m->ix, o->id))
		return "id";
	if (index_by_number(&m->ix, o->kind, o->number))
		return "number";
	if (index_by_key(&m->ix, o->name_key))
		return kind_of(o->kind)->scope == SCOPE_PART ? kind_of(o->kind)->noun : "name";
	return NULL;
}

static void advance_counters(struct model *m, const struct object *o)
{
	if (o->order >= m->next_order)
		m->next_order = o->order + 1;
	/* 0 means that all numbers of a kind with numbers_once were given out. It stays 0. */
	if (m->next_number[o->kind] && o->number >= m->next_number[o->kind])
		m->next_number[o->kind] = o->number + 1;
}

static int damaged(enum object_kind kind, const char *id, const char *key, struct vpc_error *reterr)
{
	return vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "the document of %s '%.64s' is damaged: %s",
			     kind_of(kind)->noun, id, key);
}

int document_make(struct model *m, enum object_kind kind, const json_t *document, struct object **ret,
		  struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(kind);
	struct document d = {.json = document};

	if (!o)
		return vpc_error_oom(reterr);
	load_base(&d, o);
	kind_ops(kind)->load(m, &d, o);
	load_name(&d, o);
	if (!d.damaged && !o->name_key)
		return vpc_error_oom(reterr);
	if (!d.damaged)
		d.damaged = find_conflict(m, o);
	if (d.damaged)
		return damaged(kind, o->id, d.damaged, reterr);
	*ret = TAKE_PTR(o);
	return 0;
}

void document_loaded(struct model *m, struct object *o)
{
	advance_counters(m, o);
	if (kind_ops(o->kind)->loaded)
		kind_ops(o->kind)->loaded(m, o);
}

int model_load(struct model *m, enum object_kind kind, const json_t *document, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = NULL;
	int r;

	assert(!m->in_transaction);
	r = document_make(m, kind, document, &o, reterr);
	if (r < 0)
		return r;
	if (index_insert(&m->ix, o, NULL) < 0)
		r = vpc_error_oom(reterr);
	index_sweep(&m->ix);
	if (r < 0)
		return r;
	document_loaded(m, TAKE_PTR(o));
	return 0;
}
