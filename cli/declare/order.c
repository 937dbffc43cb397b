/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of a transaction's changes, and the references between them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/plan_private.h"

static int compare(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;
	int kinds = (int)x->node->kind - (int)y->node->kind;

	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (kinds)
		return x->phase == PHASE_DELETE ? -kinds : kinds;
	return x->place < y->place ? -1 : 1;
}

struct ordering {
	struct plan *p;
	size_t *created;	  /* by node: 1 + the change that creates it */
	const struct node *scope; /* of the change: the VPC in which it names what is born; NULL: none yet */
};

/* The id that a change of the transaction will have made, or the name of what is born in a VPC. */
static json_t *resolve(struct ordering *o, const char *mark)
{
	const struct node *n = o->p->nodes[strtoul(mark + 1, NULL, 10)], *vpc;

	if (mark[0] == MARK_CREATED)
		return json_sprintf("$%zu.id", o->created[n->number] - 1);
	vpc = plan_find(o->p, OBJECT_VPC, "", n->vpc);
	if (o->scope && o->scope != vpc) {
		plan_refuse(o->p, n, "InvalidParameterCombination",
			    "the group '%s' of the new VPC %s can't be named by another VPC yet: apply the VPC first",
			    n->name, n->vpc);
		return NULL;
	}
	o->scope = vpc;
	return json_string(n->name);
}

static int replace(struct ordering *o, json_t *value)
{
	const char *key;
	json_t *v;
	void *next;
	size_t i;

	json_object_foreach_safe(value, next, key, v)
	{
		const char *text = json_string_value(v);
		bool mark = text && (text[0] == MARK_CREATED || text[0] == MARK_BORN);

		if (mark ? json_object_set_new(value, key, resolve(o, text)) < 0 : replace(o, v) < 0)
			return -EINVAL;
	}
	json_array_foreach (value, i, v) {
		const char *text = json_string_value(v);
		bool mark = text && (text[0] == MARK_CREATED || text[0] == MARK_BORN);

		if (mark ? json_array_set_new(value, i, resolve(o, text)) < 0 : replace(o, v) < 0)
			return -EINVAL;
	}
	return 0;
}

static int finish(struct ordering *o, const struct pending *at)
{
	o->scope = NULL;
	/* A group that other VPCs may be named with is looked for in its own VPC first. */
	if (replace(o, at->change) < 0)
		return o->p->error->code ? -EINVAL : -ENOMEM;
	if (o->scope) {
		size_t created = o->created[o->scope->number];

		if (json_object_set_new(at->change, "vpc", json_sprintf("$%zu.id", created - 1)) < 0)
			return -ENOMEM;
	}
	return json_array_append(o->p->changes, at->change) < 0 ? -ENOMEM : 0;
}

int order_changes(struct plan *p)
{
	_cleanup_free_ size_t *created = calloc(p->n + 1, sizeof(*created));
	struct ordering o = {.p = p, .created = created};
	int r = created ? 0 : -ENOMEM;

	p->changes = json_array();
	if (!p->changes)
		return -ENOMEM;
	if (p->n_pending)
		qsort(p->pending, p->n_pending, sizeof(*p->pending), compare);
	for (size_t i = 0; r == 0 && i < p->n_pending; i++)
		if (p->pending[i].creates)
			created[p->pending[i].node->number] = i + 1;
	for (size_t i = 0; r == 0 && i < p->n_pending; i++)
		r = finish(&o, &p->pending[i]);
	return r;
}
