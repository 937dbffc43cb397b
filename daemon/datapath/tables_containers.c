/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, chains and arrays of the mirror. */
#include "datapath/tables_private.h"

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

void numbers_adopt(struct numbers *n, bool (*used)(const struct tables *t, uint32_t number), const struct tables *t)
{
	uint32_t last = n->size - 1;

	while (last && !used(t, last))
		last--;
	n->fresh = last + 1;
	n->free = 0;
	n->used = last;
	/* Downwards, so that low numbers are given out first. */
	for (uint32_t i = last; i > 0; i--)
		if (!used(t, i))
			numbers_give(n, i);
}

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

/* Words folded in by multiplication and shifts (the finalizer of splitmix64). Keys come from those who may change
 * rules, so no secret is needed. */
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

void *array_grow(void *at, size_t *cap, size_t n, size_t item_bytes)
{
	size_t grown = *cap ? *cap : 8;
	void *moved;

	if (n <= *cap)
		return at;
	while (grown < n)
		grown *= 2;
	moved = reallocarray(at, grown, item_bytes);
	if (moved)
		*cap = grown;
	return moved;
}

void zero_words(void *at, size_t bytes)
{
	__u64 *word = at;

	for (size_t i = bytes / sizeof(*word); i > 0; i--)
		store64(&word[i - 1], 0);
}

uint32_t versioned_value(const struct vpc_versioned *v, uint64_t epoch)
{
	uint64_t best = 0;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t slot = load64(&v->slot[i]);

		if (slot >> VPC_VERSIONED_SHIFT <= epoch && slot > best)
			best = slot;
	}
	return (uint32_t)(best & VPC_VERSIONED_VALUE_MASK);
}

unsigned versioned_spare(const struct vpc_versioned *v, uint64_t epoch)
{
	uint64_t at0 = load64(&v->slot[0]) >> VPC_VERSIONED_SHIFT;
	uint64_t at1 = load64(&v->slot[1]) >> VPC_VERSIONED_SHIFT;

	if (at0 > epoch)
		return 0;
	if (at1 > epoch)
		return 1;
	return at0 > at1 ? 1 : 0;
}

int limit_error(struct vpc_error *reterr, const char *table, uint64_t size, uint64_t used, uint64_t asked)
{
	return vpc_error_set(
		reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
		"the kernel table '%s' holds %llu entries: %llu are used and this change asks for %llu more", table,
		(unsigned long long)size, (unsigned long long)used, (unsigned long long)asked);
}

int number_error(struct vpc_error *reterr, const char *table, uint32_t size, uint32_t asked)
{
	return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			     "the kernel table '%s' holds the numbers up to %u and this change needs number %u", table,
			     size - 1, asked);
}

int bpf_error(struct vpc_error *reterr, int error, const char *what)
{
	vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: %s", what, strerror(error < 0 ? -error : error));
	return error < 0 ? error : -error;
}
