/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/former.h"

#include <string.h>

#include <vpc/json.h>

#include "model/internal.h"

struct former_object {
	enum object_kind kind;
	char id[OBJECT_ID_MAX];
	struct object *before; /* owned; NULL: the transaction created it */
	bool deleted;	       /* by the transaction */
};

struct former {
	struct former_object *objects; /* in the order of kinds.def */
	size_t n;
};

void former_free(struct former *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		object_free(f->objects[i].before);
	free(f->objects);
	free(f);
}

static struct former *former_new(size_t n)
{
	struct former *f = calloc(1, sizeof(*f));

	if (f)
		f->objects = calloc(n + 1, sizeof(*f->objects));
	if (f && !f->objects) {
		free(f);
		return NULL;
	}
	return f;
}

/* Adds an object; before is copied. */
static int add(struct former *f, enum object_kind kind, const char *id, const struct object *before, bool deleted)
{
	struct former_object *o = &f->objects[f->n++];

	*o = (struct former_object){.kind = kind, .deleted = deleted};
	snprintf(o->id, sizeof(o->id), "%s", id);
	if (!before)
		return 0;
	o->before = object_copy(before);
	return o->before ? 0 : -ENOMEM;
}

int former_of_txn(struct model_txn *t, struct former **ret)
{
	_cleanup_(former_freep) struct former *f = NULL;
	const struct delta *deltas;
	size_t n;

	if (model_txn_deltas(t, &deltas, &n) < 0 || !(f = former_new(n)))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct object *before = deltas[i].before, *o = before ? before : deltas[i].after;

		if (add(f, o->kind, o->id, before, !deltas[i].after) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(f);
	return 0;
}

json_t *former_to_json(const struct model *m, const struct former *f)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < f->n; i++) {
		const struct former_object *o = &f->objects[i];
		json_t *document = o->before ? model_to_document(m, o->before) : json_null();

		if (json_array_append_new(list, json_pack("{s:s,s:s,s:b,s:o}", "kind", kind_of(o->kind)->noun, "id",
							  o->id, "deleted", (int)o->deleted, "document", document)) <
		    0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* OBJECT_KINDS: no kind has that noun. */
static enum object_kind kind_named(const char *noun)
{
	unsigned kind = 0;

	while (kind < OBJECT_KINDS && strcmp(kind_of((enum object_kind)kind)->noun, noun) != 0)
		kind++;
	return (enum object_kind)kind;
}

int former_from_json(const struct model *m, const json_t *list, struct former **ret)
{
	_cleanup_(former_freep) struct former *f = former_new(json_array_size(list));
	json_t *one;
	size_t i;

	if (!f)
		return -ENOMEM;
	json_array_foreach (list, i, one) {
		const char *noun = json_member_text(one, "kind"), *id = json_member_text(one, "id");
		bool deleted = json_is_true(json_object_get(one, "deleted"));
		enum object_kind kind = noun ? kind_named(noun) : OBJECT_KINDS;
		const struct object *before = NULL;

		if (kind == OBJECT_KINDS || !id)
			return -EINVAL;
		if (!json_is_null(json_object_get(one, "document")) && !(before = model_find(m, kind, id)))
			return -EINVAL;
		if (add(f, kind, id, before, deleted) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(f);
	return 0;
}

/* What an ENI is attached to is not what was changed. */
static int keep_attachment(struct object *copy, const struct object *present)
{
	struct eni *to = (struct eni *)copy;
	_cleanup_object_ struct object *other = object_copy(present);
	struct eni *from = (struct eni *)other;
	struct attachment attachment = to->attachment;
	char *reason = to->detach_reason;

	if (!other)
		return -ENOMEM;
	to->attachment = from->attachment;
	to->detach_reason = from->detach_reason;
	from->attachment = attachment;
	from->detach_reason = reason;
	return 0;
}

static int bring_back(struct model_txn *t, const struct former_object *f, struct vpc_error *reterr)
{
	const struct object *present = model_find(t->m, f->kind, f->id), *other;
	struct object *copy;

	if (!present && !f->deleted)
		return 0; /* it went with its namespace meanwhile */
	copy = object_copy(f->before);
	if (!copy || (present && f->kind == OBJECT_ENI && keep_attachment(copy, present) < 0)) {
		object_free(copy);
		return vpc_error_oom(reterr);
	}
	other = index_by_key(&t->m->ix, copy->name_key);
	if ((other && other != present) || (!present && index_by_number(&t->m->ix, copy->kind, copy->number))) {
		object_free(copy);
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "%s can't be brought back: its place is taken",
				     f->id);
	}
	return present ? txn_replace(t, present, copy, reterr) : txn_insert(t, copy, reterr);
}

int model_take_back(struct model_txn *t, const struct former *f, struct vpc_error *reterr)
{
	int r = 0;

	for (size_t i = f->n; r == 0 && i-- > 0;) {
		const struct object *o =
			f->objects[i].before ? NULL : model_find(t->m, f->objects[i].kind, f->objects[i].id);

		if (o)
			r = txn_remove(t, o, reterr);
	}
	for (size_t i = 0; r == 0 && i < f->n; i++)
		if (f->objects[i].before)
			r = bring_back(t, &f->objects[i], reterr);
	return r;
}
