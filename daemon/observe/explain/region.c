/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/explain/region.h"

void region_clear(struct region *r)
{
	free(r->list.at);
	*r = (struct region){0};
}

void region_add(struct region *r, uint32_t first, uint32_t last)
{
	struct interval *added = ARRAY_PUSH(&r->list);

	if (added)
		*added = (struct interval){first, last};
	else
		r->failed = true;
}

static int compare(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void region_sort(struct region *r)
{
	size_t n = 0;

	if (r->list.n)
		qsort(r->list.at, r->list.n, sizeof(*r->list.at), compare);
	for (size_t i = 0; i < r->list.n; i++) {
		struct interval *last = n ? &r->list.at[n - 1] : NULL;

		if (last && r->list.at[i].first <= last->last + 1)
			last->last = r->list.at[i].last > last->last ? r->list.at[i].last : last->last;
		else
			r->list.at[n++] = r->list.at[i];
	}
	r->list.n = n;
}

static void begin(const struct region *a, const struct region *b, struct region *ret)
{
	ret->list.n = 0;
	ret->failed = a->failed || b->failed;
}

void region_both(const struct region *a, const struct region *b, struct region *ret)
{
	size_t i = 0, k = 0;

	begin(a, b, ret);
	while (i < a->list.n && k < b->list.n) {
		const struct interval *x = &a->list.at[i], *y = &b->list.at[k];
		uint32_t first = x->first > y->first ? x->first : y->first;
		uint32_t last = x->last < y->last ? x->last : y->last;

		if (first <= last)
			region_add(ret, first, last);
		if (x->last < y->last)
			i++;
		else
			k++;
	}
}

void region_without(const struct region *a, const struct region *b, struct region *ret)
{
	size_t k = 0;

	begin(a, b, ret);
	for (size_t i = 0; i < a->list.n; i++) {
		uint32_t first = a->list.at[i].first, last = a->list.at[i].last;

		while (k < b->list.n && b->list.at[k].last < first)
			k++;
		for (size_t n = k; first <= last && n < b->list.n && b->list.at[n].first <= last; n++) {
			if (b->list.at[n].first > first)
				region_add(ret, first, b->list.at[n].first - 1);
			first = b->list.at[n].last + 1;
		}
		if (first <= last)
			region_add(ret, first, last);
	}
}

bool region_equal(const struct region *a, const struct region *b)
{
	return a->list.n == b->list.n &&
	       (!a->list.n || memcmp(a->list.at, b->list.at, a->list.n * sizeof(*a->list.at)) == 0);
}
