/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of prefix lists. An entry says in which versions of its list it is: so a new version costs what it changes,
 * whatever the length of the list.
 */
#include "model/kinds/prefix_list.h"

#include <string.h>

/* "l", two numbers of 10 digits, an IPv6 CIDR, and what is between. */
#define KEY_MAX (2 * 12 + CIDR_STRLEN)

static void format_key(uint32_t list, const struct cidr *cidr, uint32_t until, char ret[KEY_MAX])
{
	char text[CIDR_STRLEN];

	cidr_format(cidr, text);
	if (until)
		snprintf(ret, KEY_MAX, "l%u/%s/%u", list, text, until);
	else
		snprintf(ret, KEY_MAX, "l%u/%s", list, text);
}

int prefix_entry_set_key(struct prefix_entry *e)
{
	char key[KEY_MAX];

	format_key(e->list, &e->cidr, e->until, key);
	return text_set(&e->o.name_key, key);
}

const struct prefix_entry *prefix_entry_find(const struct model *m, uint32_t list, const struct cidr *cidr)
{
	char key[KEY_MAX];

	format_key(list, cidr, 0, key);
	return (const struct prefix_entry *)index_by_key(&m->ix, key);
}

int prefix_entry_make(struct model_txn *t, uint32_t list, const struct cidr *cidr, const char *description,
		      uint32_t since, struct object **ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_PREFIX_ENTRY);
	struct prefix_entry *e = (struct prefix_entry *)o;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	e->list = list;
	e->cidr = *cidr;
	e->since = since;
	if (text_set(&e->description, description && description[0] ? description : NULL) < 0 ||
	    prefix_entry_set_key(e) < 0)
		return vpc_error_oom(reterr);
	r = txn_identify(t, o, reterr);
	if (r >= 0)
		*ret = TAKE_PTR(o);
	return r;
}

bool prefix_entry_in(const struct prefix_entry *e, uint32_t version)
{
	return e->since <= version && (!e->until || version < e->until);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static void clear(struct object *o)
{
	free(((struct prefix_entry *)o)->description);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct prefix_entry *e = (struct prefix_entry *)to;
	const struct prefix_entry *f = prefix_entry_of(from);

	e->list = f->list;
	e->cidr = f->cidr;
	e->since = f->since;
	e->until = f->until;
	return text_set(&e->description, f->description);
}

static int post(struct index *ix, struct object *o)
{
	const struct prefix_entry *e = prefix_entry_of(o);

	return e->until ? index_post(ix, o, POSTING_ENDED, e->list, &e->until, sizeof(e->until), 0) : 0;
}

static int put_entry(const struct model *m, const struct object *o, json_t *ret)
{
	const struct prefix_entry *e = prefix_entry_of(o);

	if (json_put(ret, "prefix_list_id", json_string(model_prefix_list(m, e->list)->o.id)) < 0 ||
	    json_put(ret, "cidr", json_cidr(&e->cidr)) < 0 ||
	    json_put(ret, "description", json_string(e->description ? e->description : "")) < 0 ||
	    json_put(ret, "since", json_integer(e->since)) < 0 || json_put(ret, "until", json_integer(e->until)) < 0)
		return -ENOMEM;
	return 0;
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct prefix_entry *e = (struct prefix_entry *)o;
	const struct prefix_list *list;

	e->list = document_ref(m, d, "prefix_list_id", OBJECT_PREFIX_LIST);
	list = model_prefix_list(m, e->list);
	e->cidr = document_cidr(d, "cidr", list ? list->family : 0, true);
	e->description = document_text(d, "description", true);
	if (e->description && !e->description[0]) {
		free(e->description);
		e->description = NULL;
	}
	e->since = (uint32_t)document_u64(d, "since", list ? list->version : 0);
	e->until = (uint32_t)document_u64(d, "until", list ? list->version : 0);
	if (e->until && e->until <= e->since)
		document_damaged(d, "until");
	if (prefix_entry_set_key(e) < 0)
		document_damaged(d, "(out of memory)");
}

/* Derived, so not in the list's document. */
static void loaded(struct model *m, struct object *o)
{
	const struct prefix_entry *e = prefix_entry_of(o);

	if (e->until)
		return;
	((struct prefix_list *)model_prefix_list(m, e->list))->n_entries++;
	m->ix.n_items[OBJECT_PREFIX_LIST]++;
}

static const struct schema_field fields[] = {
	{"prefix_list_id", SCHEMA_STRING, NULL},
	{"cidr", SCHEMA_STRING, NULL},
	{"description", SCHEMA_STRING, NULL},
	{"since", SCHEMA_INTEGER, "version that brought it"},
	{"until", SCHEMA_INTEGER, "version that took it away; 0: none"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops prefix_entry_ops = {
	.size = sizeof(struct prefix_entry),
	.parent = {OBJECT_PREFIX_LIST, offsetof(struct prefix_entry, list)},
	.description = offsetof(struct prefix_entry, description),
	.clear = clear,
	.copy = copy_members,
	.post = post,
	.to_json = put_entry,
	.to_document = put_entry,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
