/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking up what an object refers to, as it was before a transaction or as it is after. */
#include "compiler/internal.h"

static int compare_objects(const struct object *a, const struct object *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	return compare_objects(*(const struct object *const *)a, *(const struct object *const *)b);
}

/* Nothing refers to parts, of which one transaction may have a hundred thousand. */
static bool is_referred_to(const struct delta *d)
{
	return d->before && kind_of(d->before->kind)->scope != SCOPE_PART;
}

int scope_init(struct scope *s, const struct model *m, const char *instance, const struct delta *deltas, size_t n)
{
	size_t n_old = 0;

	*s = (struct scope){.m = m, .instance = instance};
	for (size_t i = 0; i < n; i++)
		n_old += is_referred_to(&deltas[i]);
	if (n_old == 0)
		return 0;
	s->old = calloc(n_old, sizeof(*s->old));
	if (!s->old)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (is_referred_to(&deltas[i]))
			s->old[s->n_old++] = deltas[i].before;
	qsort(s->old, s->n_old, sizeof(*s->old), compare_entries);
	return 0;
}

void scope_clear(struct scope *s)
{
	free(s->old);
	*s = (struct scope){0};
}

const struct object *scope_find(const struct scope *s, enum snapshot snapshot, enum object_kind kind, uint32_t number)
{
	if (snapshot == SNAPSHOT_BEFORE && s->n_old > 0) {
		const struct object wanted = {.kind = kind, .number = number};
		const struct object *key = &wanted;
		const struct object **found = bsearch(&key, s->old, s->n_old, sizeof(*s->old), compare_entries);

		if (found)
			return *found;
	}
	return model_by_number(s->m, kind, number);
}

const struct vpc *scope_vpc(const struct scope *s, enum snapshot snapshot, uint32_t number)
{
	return (const struct vpc *)scope_find(s, snapshot, OBJECT_VPC, number);
}

const struct subnet *scope_subnet(const struct scope *s, enum snapshot snapshot, uint32_t number)
{
	return (const struct subnet *)scope_find(s, snapshot, OBJECT_SUBNET, number);
}
