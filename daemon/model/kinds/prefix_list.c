/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefix lists. Each change of the entries makes a version. Versions are kept back to `oldest`: at most
 * prefix_list_versions of them, and the entries that only earlier versions have are at most
 * prefix_list_entries_per_list.
 */
#include "model/kinds/prefix_list.h"

#include <string.h>

#define FIELD_MAX 64

const struct prefix_list *model_prefix_list(const struct model *m, uint32_t number)
{
	return (const struct prefix_list *)index_by_number(&m->ix, OBJECT_PREFIX_LIST, number);
}

/* --- a new version ----------------------------------------------------------------------------------------------- */

/* Entries of a list that are not in its newest version. */
static size_t n_ended(const struct model *m, const struct prefix_list *l)
{
	size_t n = posting_count(index_parts(&m->ix, OBJECT_PREFIX_LIST, l->o.number, OBJECT_PREFIX_ENTRY));

	return n > l->n_entries ? n - l->n_entries : 0;
}

/* Whether the oldest version is one too many. */
static bool too_old(const struct model *m, const struct prefix_list *l)
{
	return l->oldest < l->version && (l->version - l->oldest >= m->limits.prefix_list_versions ||
					  n_ended(m, l) > m->limits.prefix_list_entries_per_list ||
					  model_count(m, OBJECT_PREFIX_ENTRY) > m->limits.prefix_list_records);
}

/* Forgets what only versions that are too old have. l: the new version of the object, in no index. */
static int prune(struct model_txn *t, struct prefix_list *l, struct vpc_error *reterr)
{
	int r = 0;

	while (r >= 0 && too_old(t->m, l)) {
		const struct posting *p;

		l->oldest++;
		while (r >= 0 &&
		       (p = index_posting(&t->m->ix, POSTING_ENDED, l->o.number, &l->oldest, sizeof(l->oldest))) &&
		       p->n)
			r = txn_remove(t, p->first->owner, reterr);
	}
	return r;
}

static int end_entry(struct model_txn *t, const struct prefix_entry *e, uint32_t version, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = object_copy(&e->o);

	if (!copy)
		return vpc_error_oom(reterr);
	((struct prefix_entry *)copy)->until = version;
	if (prefix_entry_set_key((struct prefix_entry *)copy) < 0)
		return vpc_error_oom(reterr);
	return txn_replace(t, &e->o, TAKE_PTR(copy), reterr);
}

/* l: as above. */
static int add_entry(struct model_txn *t, struct prefix_list *l, const struct cidr *cidr, const char *description,
		     const char *field, struct vpc_error *reterr)
{
	struct object *o;
	int r = route_check_entry(t->m, l, cidr, field, reterr);

	if (r >= 0)
		r = prefix_entry_make(t, l->o.number, cidr, description, l->version, &o, reterr);
	if (r < 0)
		return r;
	l->n_entries++;
	return txn_insert(t, o, reterr);
}

static int check_entry(const struct entry_spec *spec, uint8_t family, const char *prefix, struct cidr *ret,
		       struct vpc_error *reterr)
{
	char field[FIELD_MAX];
	int r;

	snprintf(field, sizeof(field), "%s.cidr", prefix);
	r = cidr_check(spec->cidr, 0, field, ret, reterr);
	if (r >= 0 && ret->addr.family != family)
		r = vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				  "the entries of the list are IPv%d, and "
				  "'%.64s' is not; use another list for it",
				  family, spec->cidr);
	if (r >= 0 && spec->description) {
		snprintf(field, sizeof(field), "%s.description", prefix);
		r = text_check(spec->description, 255, field, reterr);
	}
	return r;
}

static int check_room(const struct model *m, const struct prefix_list *l, size_t more, struct vpc_error *reterr)
{
	int r;

	if (l->n_entries + more > l->max_entries)
		return vpc_error_set(reterr, VPC_E_PREFIX_LIST_MAX_ENTRIES_EXCEEDED, "entries",
				     "%s declares %u entries at most, and this would make %zu; give it fewer, or a "
				     "larger max_entries (vpcctl prefix-list set)",
				     l->o.id, l->max_entries, l->n_entries + more);
	r = limit_check(m, MODEL_LIMIT_prefix_list_entries, m->ix.n_items[OBJECT_PREFIX_LIST] + more,
			VPC_E_RESOURCE_LIMIT_EXCEEDED, "entries", reterr);
	if (r < 0)
		return r;
	return limit_check(m, MODEL_LIMIT_prefix_list_records, model_count(m, OBJECT_PREFIX_ENTRY) + more,
			   VPC_E_RESOURCE_LIMIT_EXCEEDED, "entries", reterr);
}

static int add_specs(struct model_txn *t, struct prefix_list *l, const struct change *c, struct vpc_error *reterr)
{
	int r = check_room(t->m, l, c->n_entries, reterr);

	for (size_t i = 0; r >= 0 && i < c->n_entries; i++) {
		const struct prefix_entry *same;
		struct cidr cidr;
		char prefix[32], field[FIELD_MAX];

		snprintf(prefix, sizeof(prefix), "entries[%zu]", i);
		r = check_entry(&c->entries[i], l->family, prefix, &cidr, reterr);
		if (r < 0)
			return r;
		same = prefix_entry_find(t->m, l->o.number, &cidr);
		if (same)
			return vpc_error_set(reterr, VPC_E_INVALID_PREFIX_LIST_MODIFICATION, prefix,
					     "%s has the entry %s already; leave it out", l->o.id, c->entries[i].cidr);
		snprintf(field, sizeof(field), "%s.cidr", prefix);
		r = add_entry(t, l, &cidr, c->entries[i].description, field, reterr);
	}
	return r;
}

static int remove_specs(struct model_txn *t, struct prefix_list *l, const struct change *c, struct vpc_error *reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n_entries; i++) {
		const struct prefix_entry *e;
		struct cidr cidr;
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "entries[%zu]", i);
		r = check_entry(&c->entries[i], l->family, prefix, &cidr, reterr);
		if (r < 0)
			return r;
		e = prefix_entry_find(t->m, l->o.number, &cidr);
		if (!e)
			return vpc_error_set(reterr, VPC_E_INVALID_PREFIX_LIST_MODIFICATION, prefix,
					     "%s has no entry %s; vpcctl prefix-list show lists them", l->o.id,
					     c->entries[i].cidr);
		l->n_entries--;
		r = end_entry(t, e, l->version, reterr);
	}
	return r;
}

/* The entries of all versions, in the order in which they were added. */
static int collect(const struct model *m, const struct prefix_list *l, struct object_list *ret)
{
	const struct object *o = NULL;

	while ((o = model_next_part(m, OBJECT_PREFIX_LIST, l->o.number, OBJECT_PREFIX_ENTRY, o)))
		if (object_list_add(ret, o) < 0)
			return -ENOMEM;
	object_list_sort(ret);
	return 0;
}

/* What the newest version has and the restored one has not goes; the other way round it comes again. */
static int restore(struct model_txn *t, struct prefix_list *l, uint32_t version, struct vpc_error *reterr)
{
	_cleanup_object_list_ struct object_list all = {0};
	size_t more = 0;
	int r = collect(t->m, l, &all);

	if (r < 0)
		return vpc_error_oom(reterr);
	for (size_t i = 0; r >= 0 && i < all.n; i++) {
		const struct prefix_entry *e = prefix_entry_of(all.items[i]);

		if (e->until || prefix_entry_in(e, version))
			continue;
		l->n_entries--;
		r = end_entry(t, e, l->version, reterr);
		all.items[i] = NULL;
	}
	for (size_t i = 0; r >= 0 && i < all.n; i++) {
		const struct object *o = all.items[i];

		if (!o || !prefix_entry_of(o)->until || !prefix_entry_in(prefix_entry_of(o), version))
			all.items[i] = NULL;
		more += all.items[i] != NULL;
	}
	if (r >= 0)
		r = check_room(t->m, l, more, reterr);
	for (size_t i = 0; r >= 0 && i < all.n; i++) {
		const struct prefix_entry *e = all.items[i] ? prefix_entry_of(all.items[i]) : NULL;

		if (e)
			r = add_entry(t, l, &e->cidr, e->description, "version", reterr);
	}
	return r;
}

/* --- the changes ------------------------------------------------------------------------------------------------- */

/* A value from 1 to what the limit says. */
static int check_max_entries(const struct model *m, const struct change *c, uint32_t *ret, struct vpc_error *reterr)
{
	int r;

	if (c->max_entries < 1)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "max_entries", "max_entries is at least 1");
	r = limit_check(m, MODEL_LIMIT_prefix_list_entries_per_list, (size_t)c->max_entries,
			VPC_E_RESOURCE_LIMIT_EXCEEDED, "max_entries", reterr);
	if (r >= 0)
		*ret = (uint32_t)c->max_entries;
	return r;
}

int prefix_list_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_PREFIX_LIST);
	struct prefix_list *l = (struct prefix_list *)o;
	int64_t family = change_has(c, FIELD_FAMILY) ? c->family : 4;
	const struct object *made;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0 && family != 4 && family != 6)
		r = vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "family", "family is 4 or 6");
	if (r >= 0)
		r = check_max_entries(t->m, c, &l->max_entries, reterr);
	l->family = (uint8_t)family;
	l->version = l->oldest = 1;
	if (r >= 0)
		r = txn_add(t, TAKE_PTR(o), &made, reterr);
	if (r < 0)
		return r;
	result_set(ret, made);
	if (!c->n_entries)
		return r;
	o = object_copy(made);
	if (!o)
		return vpc_error_oom(reterr);
	r = add_specs(t, (struct prefix_list *)o, c, reterr);
	return r < 0 ? r : txn_replace(t, made, TAKE_PTR(o), reterr);
}

int prefix_list_update(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	struct prefix_list *l;
	int r = txn_target_copy(t, c, OBJECT_PREFIX_LIST, &o, &copy, reterr);

	if (r < 0)
		return r;
	l = (struct prefix_list *)copy;
	r = change_names(t->m, c, copy, o, reterr);
	if (r >= 0 && change_has(c, FIELD_MAX_ENTRIES))
		r = check_max_entries(t->m, c, &l->max_entries, reterr);
	if (r >= 0 && l->n_entries > l->max_entries)
		r = vpc_error_set(reterr, VPC_E_PREFIX_LIST_MAX_ENTRIES_EXCEEDED, "max_entries",
				  "%s has %u entries, more than %u; remove some first", o->id, l->n_entries,
				  l->max_entries);
	if (r >= 0)
		r = route_check_max_entries(t->m, prefix_list_of(o), l->max_entries, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

/* A change of the entries: make() makes the next version. */
static int next_version(struct model_txn *t, const struct change *c, struct change_result *ret,
			int (*make)(struct model_txn *t, struct prefix_list *l, const struct change *c,
				    struct vpc_error *reterr),
			struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	struct prefix_list *l;
	int r = txn_target_copy(t, c, OBJECT_PREFIX_LIST, &o, &copy, reterr);

	if (r < 0)
		return r;
	l = (struct prefix_list *)copy;
	if (l->version == UINT32_MAX)
		return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
				     "%s has used up its versions; make another list", o->id);
	l->version++;
	r = make(t, l, c, reterr);
	if (r >= 0)
		r = prune(t, l, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

static int check_some(const struct change *c, struct vpc_error *reterr)
{
	return c->n_entries ? 0
			    : vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "entries",
					    "entries must name at least one CIDR");
}

int prefix_list_add(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	int r = check_some(c, reterr);

	return r < 0 ? r : next_version(t, c, ret, add_specs, reterr);
}

int prefix_list_remove(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	int r = check_some(c, reterr);

	return r < 0 ? r : next_version(t, c, ret, remove_specs, reterr);
}

static int restore_version(struct model_txn *t, struct prefix_list *l, const struct change *c, struct vpc_error *reterr)
{
	if (c->version < l->oldest || c->version >= l->version)
		return vpc_error_set(reterr, VPC_E_INVALID_PREFIX_LIST_VERSION_NOT_FOUND, "version",
				     "%s has the versions %u to %u; choose one of them", l->o.id, l->oldest,
				     l->version - 1);
	return restore(t, l, (uint32_t)c->version, reterr);
}

int prefix_list_restore(struct model_txn *t, const struct change *c, struct change_result *ret,
			struct vpc_error *reterr)
{
	return next_version(t, c, ret, restore_version, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	struct prefix_list *l = (struct prefix_list *)to;
	const struct prefix_list *f = prefix_list_of(from);

	l->family = f->family;
	l->max_entries = f->max_entries;
	l->version = f->version;
	l->oldest = f->oldest;
	l->n_entries = f->n_entries;
	return 0;
}

static size_t n_entries(const struct object *o)
{
	return prefix_list_of(o)->n_entries;
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct prefix_list *l = prefix_list_of(o);

	(void)m;
	if (json_put(ret, "family", json_integer(l->family)) < 0 ||
	    json_put(ret, "max_entries", json_integer(l->max_entries)) < 0 ||
	    json_put(ret, "version", json_integer(l->version)) < 0 ||
	    json_put(ret, "oldest_version", json_integer(l->oldest)) < 0)
		return -ENOMEM;
	return 0;
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	if (json_put(ret, "number", json_integer(o->number)) < 0 || to_document(m, o, ret) < 0)
		return -ENOMEM;
	return json_put(ret, "entry_count", json_integer(prefix_list_of(o)->n_entries));
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct prefix_list *l = (struct prefix_list *)o;

	(void)m;
	l->family = (uint8_t)document_u64(d, "family", 6);
	l->max_entries = (uint32_t)document_u64(d, "max_entries", UINT32_MAX);
	l->version = (uint32_t)document_u64(d, "version", UINT32_MAX);
	l->oldest = (uint32_t)document_u64(d, "oldest_version", l->version);
	if (l->family != 4 && l->family != 6)
		document_damaged(d, "family");
	if (!l->oldest)
		document_damaged(d, "oldest_version");
}

json_t *model_prefix_entries_json(const struct model *m, const struct prefix_list *list, uint32_t version)
{
	_cleanup_object_list_ struct object_list all = {0};
	json_t *json = json_object(), *entries = json_array();

	if (!json || json_put(json, "entries", entries) < 0 || json_put(json, "version", json_integer(version)) < 0 ||
	    collect(m, list, &all) < 0)
		goto fail;
	for (size_t i = 0; i < all.n; i++) {
		const struct prefix_entry *e = prefix_entry_of(all.items[i]);

		if (prefix_entry_in(e, version) &&
		    json_array_append_new(entries, json_pack("{s:o,s:s}", "cidr", json_cidr(&e->cidr), "description",
							     e->description ? e->description : "")) < 0)
			goto fail;
	}
	return json;
fail:
	json_decref(json);
	return NULL;
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps"},
	{"family", SCHEMA_INTEGER, "4 or 6"},
	{"max_entries", SCHEMA_INTEGER, "how many entries it may have"},
	{"version", SCHEMA_INTEGER, "the newest; each change of its entries makes one"},
	{"oldest_version", SCHEMA_INTEGER, "that is kept"},
	{"entry_count", SCHEMA_INTEGER, "entries of the newest version"},
};
static const struct schema_field entry_fields[] = {
	{"cidr", SCHEMA_STRING, NULL},
	{"description", SCHEMA_STRING, NULL},
};
static const struct schema_field list_fields[] = {
	{"entries", SCHEMA_LIST_OF("PrefixListEntry"), NULL},
	{"version", SCHEMA_INTEGER, NULL},
};
static const struct schema schemas[] = {
	{NULL, fields, ARRAY_SIZE(fields)},
	{"PrefixListEntry", entry_fields, ARRAY_SIZE(entry_fields)},
	{"PrefixListEntries", list_fields, ARRAY_SIZE(list_fields)},
};

const struct kind_ops prefix_list_ops = {
	.size = sizeof(struct prefix_list),
	.copy = copy_members,
	.n_items = n_entries,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
