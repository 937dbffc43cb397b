/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/containers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

int numbers_init(struct numbers *n, uint32_t size)
{
	*n = (struct numbers){.size = size, .fresh = 1};
	n->next = calloc(size, sizeof(*n->next));
	return n->next ? 0 : -ENOMEM;
}

void numbers_clear(struct numbers *n)
{
	free(n->next);
	*n = (struct numbers){};
}

uint32_t numbers_take(struct numbers *n)
{
	uint32_t number = n->free;

	if (number)
		n->free = n->next[number];
	else if (n->fresh < n->size)
		number = n->fresh++;
	if (number)
		n->used++;
	return number;
}

void numbers_give(struct numbers *n, uint32_t number)
{
	n->next[number] = n->free;
	n->free = number;
	n->used--;
}

void numbers_adopt(struct numbers *n, bool (*used)(const void *userdata, uint32_t number), const void *userdata)
{
	uint32_t last = n->size - 1;

	while (last && !used(userdata, last))
		last--;
	n->fresh = last + 1;
	n->free = 0;
	n->used = last;
	/* From the top, so that low numbers are given out first. */
	for (uint32_t i = last; i > 0; i--)
		if (!used(userdata, i))
			numbers_give(n, i);
}

/* --- runs of blocks --- */

/* Makes room for as many free runs as there can be when one more run is given out: so extents_give can't fail. */
static int extents_reserve(struct extents *e)
{
	struct extent *grown = array_grow(e->free, &e->cap, e->runs + 3, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	e->free = grown;
	return 0;
}

int extents_init(struct extents *e, uint32_t size)
{
	*e = (struct extents){.size = size};
	if (extents_reserve(e) < 0)
		return -ENOMEM;
	if (size > 1)
		e->free[e->n_free++] = (struct extent){.at = 1, .n = size - 1};
	return 0;
}

void extents_clear(struct extents *e)
{
	free(e->free);
	*e = (struct extents){};
}

static void extents_insert(struct extents *e, uint32_t i, struct extent extent)
{
	memmove(&e->free[i + 1], &e->free[i], (e->n_free - i) * sizeof(*e->free));
	e->free[i] = extent;
	e->n_free++;
}

static void extents_remove(struct extents *e, uint32_t i)
{
	memmove(&e->free[i], &e->free[i + 1], (e->n_free - i - 1) * sizeof(*e->free));
	e->n_free--;
}

/* Takes n blocks from `at` out of free run i, which has them. */
static void extents_cut(struct extents *e, uint32_t i, uint32_t at, uint32_t n)
{
	struct extent whole = e->free[i];
	uint32_t end = whole.at + whole.n;

	e->free[i].n = at - whole.at;
	if (at + n < end)
		extents_insert(e, i + 1, (struct extent){.at = at + n, .n = end - at - n});
	if (!e->free[i].n)
		extents_remove(e, i);
	e->used += n;
	e->runs++;
}

uint32_t extents_take(struct extents *e, uint32_t n)
{
	if (extents_reserve(e) < 0)
		return 0;
	for (uint32_t i = 0; n && i < e->n_free; i++) {
		uint32_t at = e->free[i].at;

		if (e->free[i].n < n)
			continue;
		extents_cut(e, i, at, n);
		return at;
	}
	return 0;
}

bool extents_take_at(struct extents *e, uint32_t at, uint32_t n)
{
	if (extents_reserve(e) < 0)
		return false;
	for (uint32_t i = 0; n && i < e->n_free; i++) {
		const struct extent *run = &e->free[i];

		if (at < run->at || at - run->at >= run->n || run->n - (at - run->at) < n)
			continue;
		extents_cut(e, i, at, n);
		return true;
	}
	return false;
}

void extents_give(struct extents *e, uint32_t at, uint32_t n)
{
	uint32_t i = 0;

	while (i < e->n_free && e->free[i].at < at)
		i++;
	extents_insert(e, i, (struct extent){.at = at, .n = n});
	if (i + 1 < e->n_free && at + n == e->free[i + 1].at) {
		e->free[i].n += e->free[i + 1].n;
		extents_remove(e, i + 1);
	}
	if (i && e->free[i - 1].at + e->free[i - 1].n == at) {
		e->free[i - 1].n += e->free[i].n;
		extents_remove(e, i);
	}
	e->used -= n;
	e->runs--;
}

/* --- chains --- */

int chains_init(struct chains *c, uint32_t entries)
{
	uint32_t heads = 64;

	while (heads < entries && heads < 1u << 30)
		heads *= 2;
	c->mask = heads - 1;
	c->head = calloc(heads, sizeof(*c->head));
	return c->head ? 0 : -ENOMEM;
}

void chains_clear(struct chains *c)
{
	free(c->head);
	*c = (struct chains){};
}

/* Folds the words in by multiplication and shifts (the finalizer of splitmix64). It uses no secret: whoever can choose
 * keys may change rules, and slows down only his own changes. */
uint32_t chains_hash(const void *key, size_t bytes)
{
	const unsigned char *p = key;
	uint64_t hash = 0x9e3779b97f4a7c15ull;

	for (size_t i = 0; i < bytes; i += 4) {
		uint32_t word;

		memcpy(&word, p + i, sizeof(word));
		hash ^= word;
		hash ^= hash >> 30;
		hash *= 0xbf58476d1ce4e5b9ull;
		hash ^= hash >> 27;
	}
	hash *= 0x94d049bb133111ebull;
	return (uint32_t)(hash >> 32);
}
