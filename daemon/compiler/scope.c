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

/* --- prefix lists that routes lead to ------------------------------------------------------------------------------
 */

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int compare_changes(const void *a, const void *b)
{
	const struct list_change *x = a, *y = b;

	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	return compare_cidrs(&x->cidr, &y->cidr);
}

/* An entry that was taken away and added again is two objects, and one change. */
static void merge_changes(struct scope *s)
{
	struct list_change *at = s->list_changes;
	size_t n = 0;

	if (s->n_list_changes)
		qsort(at, s->n_list_changes, sizeof(*at), compare_changes);
	for (size_t i = 0; i < s->n_list_changes; i++) {
		if (n && !compare_changes(&at[i], &at[n - 1])) {
			at[n - 1].was = at[n - 1].was || at[i].was;
			at[n - 1].is = at[n - 1].is || at[i].is;
		} else {
			at[n++] = at[i];
		}
	}
	s->n_list_changes = n;
}

static bool in_newest(const struct object *entry)
{
	return entry && !prefix_entry_of(entry)->until;
}

static int note_entry(struct scope *s, const struct delta *d)
{
	bool was = in_newest(d->before), is = in_newest(d->after);
	const struct prefix_entry *e = prefix_entry_of(d->after ? d->after : d->before);
	struct list_change *added;

	/* A route that goes with the entry is one of a table with a delta. */
	if (was == is ||
	    (!s->n_tables && !model_referrers(s->m, OBJECT_PREFIX_LIST, e->list, OBJECT_ROUTE_TABLE, NULL, 0)))
		return 0;
	added = ARRAY_ADD(s->list_changes, s->n_list_changes);
	if (!added)
		return -ENOMEM;
	*added = (struct list_change){.list = e->list, .cidr = e->cidr, .was = was, .is = is};
	return 0;
}

static int note_table(struct scope *s, const struct object *table)
{
	uint32_t *added = ARRAY_ADD(s->tables, s->n_tables);

	if (!added)
		return -ENOMEM;
	*added = table->number;
	return 0;
}

static int note_lists(struct scope *s, const struct delta *deltas, size_t n)
{
	int err = 0;

	for (unsigned pass = 0; pass < 2; pass++) {
		enum object_kind kind = pass ? OBJECT_PREFIX_ENTRY : OBJECT_ROUTE_TABLE;

		for (size_t i = 0; err == 0 && i < n; i++) {
			const struct object *o = deltas[i].after ? deltas[i].after : deltas[i].before;

			if (o->kind == kind)
				err = pass ? note_entry(s, &deltas[i]) : note_table(s, o);
		}
	}
	if (err == 0 && s->n_tables)
		qsort(s->tables, s->n_tables, sizeof(*s->tables), compare_numbers);
	if (err == 0)
		merge_changes(s);
	return err;
}

const struct list_change *scope_list_changes(const struct scope *s, uint32_t list, size_t *ret_n)
{
	size_t low = 0, high = s->n_list_changes, n = 0;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->list_changes[middle].list < list)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < s->n_list_changes && s->list_changes[low + n].list == list)
		n++;
	*ret_n = n;
	return n ? &s->list_changes[low] : NULL;
}

bool scope_has_entry(const struct scope *s, enum snapshot snapshot, uint32_t list, const struct cidr *cidr)
{
	const struct list_change wanted = {.list = list, .cidr = *cidr}, *found = NULL;

	if (s->n_list_changes)
		found = bsearch(&wanted, s->list_changes, s->n_list_changes, sizeof(wanted), compare_changes);
	if (found)
		return snapshot == SNAPSHOT_BEFORE ? found->was : found->is;
	return prefix_entry_find(s->m, list, cidr) != NULL;
}

bool scope_has_delta(const struct scope *s, const struct object *table)
{
	return s->n_tables &&
	       bsearch(&table->number, s->tables, s->n_tables, sizeof(*s->tables), compare_numbers) != NULL;
}

/* ------------------------------------------------------------------------------------------------------------------ */

int scope_init(struct scope *s, const struct model *m, const char *instance, const struct delta *deltas, size_t n)
{
	size_t n_old = 0;

	*s = (struct scope){.m = m, .instance = instance};
	if (note_lists(s, deltas, n) < 0) {
		scope_clear(s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		n_old += is_referred_to(&deltas[i]);
	if (n_old == 0)
		return 0;
	s->old = calloc(n_old, sizeof(*s->old));
	if (!s->old) {
		scope_clear(s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		if (is_referred_to(&deltas[i]))
			s->old[s->n_old++] = deltas[i].before;
	qsort(s->old, s->n_old, sizeof(*s->old), compare_entries);
	return 0;
}

void scope_clear(struct scope *s)
{
	free(s->old);
	free(s->list_changes);
	free(s->tables);
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
