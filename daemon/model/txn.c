/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transaction: applies changes one by one, notes how to undo them, and collects the deltas. */
#include <assert.h>
#include <string.h>

#include <vpc/array.h>

#include "model/internal.h"

static change_apply_fn *const appliers[CHANGE_OPS] = {
#define CHANGE(symbol, apply, ...) [CHANGE_##symbol] = apply,
#include "model/changes.def"
#undef CHANGE
};

/* One step. after took before's place; either may be NULL. Owns what is out of the index: before while the step stands,
 * after once it is undone. */
struct txn_op {
	struct object *before, *after;
	size_t slot;			/* in deltas */
	const struct object *was_after; /* the slot's before this step */
	bool new_slot;
};

/* Room for one more item. */
static int grow(void *items, size_t n, size_t *max, size_t size)
{
	void **array = items, *grown = array_grow(*array, max, n + 1, size);

	if (!grown)
		return -ENOMEM;
	*array = grown;
	return 0;
}

int model_begin(struct model *m, const struct model_context *context, struct model_txn **ret)
{
	struct model_txn *t;

	assert(!m->in_transaction);
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->m = m;
	t->context = *context;
	/* With the revision, transactions that have the same seed draw different ids. */
	t->random = context->seed ^ context->revision << 32;
	t->order_before = m->next_order;
	memcpy(t->next_number_before, m->next_number, sizeof(t->next_number_before));
	memcpy(t->pool_next_before, m->pool_next, sizeof(t->pool_next_before));
	m->in_transaction = true;
	*ret = t;
	return 0;
}

/* --- steps ------------------------------------------------------------------------------------------------------- */

static int reserve_step(struct model_txn *t)
{
	if (grow(&t->ops, t->n_ops, &t->max_ops, sizeof(*t->ops)) < 0 ||
	    grow(&t->deltas, t->n_deltas, &t->max_deltas, sizeof(*t->deltas)) < 0)
		return -ENOMEM;
	return 0;
}

/* Notes a step that was done; there is room. */
static void note_step(struct model_txn *t, struct object *before, struct object *after)
{
	struct txn_op *op = &t->ops[t->n_ops++];

	*op = (struct txn_op){.before = before, .after = after, .new_slot = !before || !before->delta};
	if (op->new_slot) {
		op->slot = t->n_deltas++;
		t->deltas[op->slot] = (struct delta){.before = before};
	} else {
		op->slot = before->delta - 1;
	}
	op->was_after = t->deltas[op->slot].after;
	t->deltas[op->slot].after = after;
	if (after)
		after->delta = op->slot + 1;
}

static void undo_to(struct model_txn *t, size_t n_ops)
{
	while (t->n_ops > n_ops) {
		struct txn_op *op = &t->ops[--t->n_ops];

		if (op->after)
			index_remove(&t->m->ix, op->after);
		if (op->before)
			index_restore(&t->m->ix, op->before);
		object_free(op->after);
		if (op->new_slot)
			t->n_deltas = op->slot;
		else
			t->deltas[op->slot].after = op->was_after;
	}
}

static int step(struct model_txn *t, struct object *old, struct object *o, struct vpc_error *reterr)
{
	struct index *ix = &t->m->ix;

	if (reserve_step(t) < 0) {
		object_free(o);
		return vpc_error_oom(reterr);
	}
	if (old)
		index_remove(ix, old);
	if (o && index_insert(ix, o, old) < 0) {
		if (old)
			index_restore(ix, old);
		object_free(o);
		return vpc_error_oom(reterr);
	}
	note_step(t, old, o);
	return 0;
}

int txn_insert(struct model_txn *t, struct object *o, struct vpc_error *reterr)
{
	o->revision = t->context.revision;
	o->order = t->m->next_order++;
	return step(t, NULL, o, reterr);
}

int txn_replace(struct model_txn *t, const struct object *old, struct object *o, struct vpc_error *reterr)
{
	o->revision = t->context.revision;
	return step(t, (struct object *)old, o, reterr);
}

int txn_remove(struct model_txn *t, const struct object *old, struct vpc_error *reterr)
{
	return step(t, (struct object *)old, NULL, reterr);
}

size_t txn_last_slot(const struct model_txn *t)
{
	return t->ops[t->n_ops - 1].slot;
}

int txn_put(struct model_txn *t, size_t slot, struct object *o, struct vpc_error *reterr)
{
	struct txn_op *op;

	if (reserve_step(t) < 0 || index_insert(&t->m->ix, o, NULL) < 0) {
		object_free(o);
		return vpc_error_oom(reterr);
	}
	if (slot == SIZE_MAX) {
		note_step(t, NULL, o);
		return 0;
	}
	op = &t->ops[t->n_ops++];
	*op = (struct txn_op){.after = o, .slot = slot};
	t->deltas[slot].after = o;
	o->delta = slot + 1;
	return 0;
}

int txn_remove_whole(struct model_txn *t, const struct object *old, struct vpc_error *reterr)
{
	for (unsigned part = 0; part < OBJECT_KINDS; part++) {
		const struct posting *p;

		while ((p = index_parts(&t->m->ix, old->kind, old->number, (enum object_kind)part)) && p->n) {
			int r = txn_remove(t, p->first->owner, reterr);

			if (r < 0)
				return r;
		}
	}
	return txn_remove(t, old, reterr);
}

int txn_touch(struct model_txn *t, const struct object *o, struct vpc_error *reterr)
{
	struct object *copy;

	if (o->delta)
		return 0;
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	return txn_replace(t, o, copy, reterr);
}

/* --- one change -------------------------------------------------------------------------------------------------- */

static int check_fields(const struct change *c, struct vpc_error *reterr)
{
	uint64_t missing, unknown;

	if ((unsigned)c->op >= CHANGE_OPS)
		return vpc_error_set(reterr, VPC_E_MALFORMED_REQUEST, "op",
				     "there is no such operation; /v1/openapi.json lists them");
	missing = change_op_required(c->op) & ~c->present;
	unknown = c->present & ~change_op_allowed(c->op);
	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		const char *name = change_field_name((enum change_field)i);

		if (missing & FIELD_BIT(i))
			return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, name, "%s needs %s",
					     change_op_name(c->op), name);
		if (unknown & FIELD_BIT(i))
			return vpc_error_set(reterr, VPC_E_UNKNOWN_PARAMETER, name, "%s has no field %s; leave it out",
					     change_op_name(c->op), name);
	}
	return 0;
}

/* Frees what versions hold that the transaction made and has replaced again. Nobody reads them any more; only their
 * places in the index are needed, to undo. So many changes to one object don't keep as many copies of it. */
static void empty_replaced(struct model_txn *t, size_t first_op)
{
	for (size_t i = first_op; i < t->n_ops; i++)
		if (t->ops[i].before && !t->ops[i].new_slot)
			object_empty(t->ops[i].before);
}

int model_apply(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	struct change_result result = {0};
	size_t mark = t->n_ops;
	int r;

	*ret = (struct change_result){0};
	r = limit_check(t->m, MODEL_LIMIT_changes_per_request, t->n_changes + 1, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			reterr);
	if (r < 0)
		return r;
	r = check_fields(c, reterr);
	if (r < 0)
		return r;
	if (grow(&t->made, t->n_changes, &t->max_changes, sizeof(*t->made)) < 0)
		return vpc_error_oom(reterr);
	r = appliers[c->op](t, c, &result, reterr);
	if (r < 0) {
		undo_to(t, mark);
		change_result_clear(&result);
		message_clean(reterr);
		return r;
	}
	empty_replaced(t, mark);
	memcpy(t->made[t->n_changes].id, result.id, sizeof(result.id));
	t->n_changes++;
	*ret = result;
	return 0;
}

void result_set(struct change_result *ret, const struct object *o)
{
	memcpy(ret->id, o->id, sizeof(ret->id));
}

int result_add_rule(struct change_result *ret, const struct object *rule, struct vpc_error *reterr)
{
	char(*id)[OBJECT_ID_MAX] = ARRAY_ADD(ret->rule_ids, ret->n_rule_ids);

	if (!id)
		return vpc_error_oom(reterr);
	memcpy(*id, rule->id, sizeof(*id));
	return 0;
}

void change_result_clear(struct change_result *r)
{
	free(r->rule_ids);
	*r = (struct change_result){0};
}

/* --- the outcome ------------------------------------------------------------------------------------------------- */

int model_txn_deltas(struct model_txn *t, const struct delta **ret, size_t *ret_n)
{
	struct delta *sorted = calloc(t->n_deltas + 1, sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return -ENOMEM;
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		for (size_t i = 0; i < t->n_deltas; i++) {
			const struct delta *d = &t->deltas[i];
			const struct object *o = d->after ? d->after : d->before;

			/* Neither: made and deleted again. */
			if (o && o->kind == (enum object_kind)kind)
				sorted[n++] = *d;
		}
	}
	free(t->sorted);
	t->sorted = sorted;
	*ret = sorted;
	*ret_n = n;
	return 0;
}

/* While another transaction is suspended, the postings that it left empty are still its own. */
static void txn_free(struct model_txn *t)
{
	if (t->m->suspended == t)
		t->m->suspended = NULL;
	if (!t->m->suspended)
		index_sweep(&t->m->ix);
	t->m->in_transaction = false;
	free(t->ops);
	free(t->deltas);
	free(t->sorted);
	free(t->made);
	free(t);
}

void model_suspend(struct model_txn *t)
{
	struct index *ix = &t->m->ix;

	assert(t->m->in_transaction && !t->m->suspended);
	for (size_t i = t->n_ops; i-- > 0;) {
		if (t->ops[i].after)
			index_remove(ix, t->ops[i].after);
		if (t->ops[i].before)
			index_restore(ix, t->ops[i].before);
	}
	t->m->suspended = t;
	t->m->in_transaction = false;
}

/* A removed object remembers its neighbours, so each step finds the lists as it left them. */
void model_resume(struct model_txn *t)
{
	struct index *ix = &t->m->ix;

	assert(t->m->suspended == t && !t->m->in_transaction);
	for (size_t i = 0; i < t->n_ops; i++) {
		if (t->ops[i].before)
			index_remove(ix, t->ops[i].before);
		if (t->ops[i].after)
			index_restore(ix, t->ops[i].after);
	}
	t->m->suspended = NULL;
	t->m->in_transaction = true;
}

void model_commit(struct model_txn *t)
{
	assert(t->m->in_transaction);
	for (size_t i = 0; i < t->n_deltas; i++)
		if (t->deltas[i].after)
			((struct object *)t->deltas[i].after)->delta = 0;
	for (size_t i = 0; i < t->n_ops; i++)
		object_free(t->ops[i].before);
	txn_free(t);
}

void model_abort(struct model_txn *t)
{
	if (t->m->suspended == t)
		for (size_t i = 0; i < t->n_ops; i++)
			object_free(t->ops[i].after); /* in no index */
	else
		undo_to(t, 0);
	t->m->next_order = t->order_before;
	/* These numbers were never in force, so they are given again. Otherwise dry runs would use them up. */
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		if (kind_ops((enum object_kind)kind)->numbers_once)
			t->m->next_number[kind] = t->next_number_before[kind];
	memcpy(t->m->pool_next, t->pool_next_before, sizeof(t->m->pool_next));
	txn_free(t);
}
