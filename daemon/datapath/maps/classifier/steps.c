/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges, sorted; steps, which are the ranges flattened; and lists, which are the steps as a tree of blocks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/cleanup.h>

#include "datapath/maps/classifier/steps.h"

/* --- ranges --- */

/* The parts of a range that order it, the least significant first. */
enum { PART_FIXED, PART_LOW, PART_HIGH, PART_MASK_GROUP, PARTS };

static uint64_t range_part(const struct range *r, unsigned part)
{
	switch (part) {
	case PART_FIXED:
		return r->fixed;
	case PART_LOW:
		return r->low;
	case PART_HIGH:
		return r->high;
	default:
		return r->mask_group;
	}
}

/* One pass of a radix sort, stable. */
static void sort_by_byte(const struct range *from, struct range *to, size_t n, unsigned part, unsigned shift)
{
	size_t at[257] = {};

	for (size_t i = 0; i < n; i++)
		at[(range_part(&from[i], part) >> shift & 0xff) + 1]++;
	for (unsigned i = 1; i < 257; i++)
		at[i] += at[i - 1];
	for (size_t i = 0; i < n; i++)
		to[at[range_part(&from[i], part) >> shift & 0xff]++] = from[i];
}

/* By bytes, and only those in which the ranges differ: linear, and a fifth of what qsort takes. */
int ranges_sort(struct ranges *r)
{
	struct range *other = r->n < 2 ? NULL : malloc(r->n * sizeof(*other));

	if (r->n < 2)
		return 0;
	if (!other)
		return -ENOMEM;
	for (unsigned part = 0; part < PARTS; part++) {
		uint64_t first = range_part(&r->at[0], part), differ = 0;

		for (size_t i = 1; i < r->n; i++)
			differ |= range_part(&r->at[i], part) ^ first;
		for (unsigned shift = 0; shift < 64; shift += 8) {
			struct range *sorted = other;

			if (!(differ >> shift & 0xff))
				continue;
			sort_by_byte(r->at, sorted, r->n, part, shift);
			other = r->at;
			r->at = sorted;
		}
	}
	free(other);
	return 0;
}

/* --- steps --- */

int steps_add(struct steps *s, wide key, uint32_t value)
{
	struct step *added;

	if (s->n && s->at[s->n - 1].key == key) {
		s->at[s->n - 1].value = value;
		return 0;
	}
	added = ARRAY_PUSH(s);
	if (!added)
		return -ENOMEM;
	*added = (struct step){.key = key, .value = value};
	return 0;
}

static wide range_first(const struct range *r)
{
	return (wide)r->high << 64 | r->low;
}

static wide range_last(const struct range *r)
{
	uint32_t free_bits = 128 - r->fixed;

	return range_first(r) | (free_bits >= 128 ? ~(wide)0 : ((wide)1 << free_bits) - 1);
}

int steps_of_ranges(struct steps *s, const struct range *ranges, size_t n, wide last)
{
	wide next = 0; /* first key that no range so far holds */
	bool full = false;
	int r = 0;

	s->n = 0;
	for (size_t i = 0; r >= 0 && !full && i < n; i++) {
		wide first = range_first(&ranges[i]);
		uint32_t row = ranges[i].row;

		if (first < next)
			continue; /* inside a wider one */
		for (; i + 1 < n && range_first(&ranges[i + 1]) == first && ranges[i + 1].fixed == ranges[i].fixed; i++)
			if (ranges[i + 1].row < row)
				row = ranges[i + 1].row;
		if (first > next)
			r = steps_add(s, next, 0);
		if (r >= 0)
			r = steps_add(s, first, row);
		full = range_last(&ranges[i]) >= last;
		next = range_last(&ranges[i]) + 1;
	}
	if (r >= 0 && s->n && !full)
		r = steps_add(s, next, 0);
	return r;
}

/* --- blocks --- */

int blocks_add(struct classifier_blocks *b, size_t n, uint32_t *ret)
{
	struct vpc_classifier_block *grown;

	if (n > VPC_VERSIONED_VALUE_MASK - b->n)
		return -E2BIG;
	grown = array_grow(b->at, &b->cap, b->n + n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->at = grown;
	memset(&b->at[b->n], 0, n * sizeof(*b->at));
	*ret = (uint32_t)b->n;
	b->n += n;
	return 0;
}

static void put_key(struct vpc_classifier_block *block, uint32_t i, uint32_t words, wide key)
{
	for (uint32_t w = 0; w < words; w++)
		block->word[i * words + w] = (uint32_t)(key >> 32 * (words - 1 - w));
}

static void fill_leaf(struct vpc_classifier_block *block, const struct steps *s, size_t from, uint32_t words)
{
	uint32_t fit = VPC_STEPS_LEAF(words);

	for (uint32_t i = 0; i < fit; i++) {
		bool used = from + i < s->n;
		const struct step *step = used ? &s->at[from + i] : &s->at[s->n - 1];

		put_key(block, i, words, used ? step->key : ~(wide)0);
		block->word[fit * words + i] = step->value;
	}
}

/* span: how many steps a child holds. */
static void fill_inner(struct vpc_classifier_block *block, const struct steps *s, size_t from, size_t span,
		       uint32_t words)
{
	for (uint32_t i = 0; i < VPC_STEPS_INNER(words); i++)
		put_key(block, i, words, from + i * span < s->n ? s->at[from + i * span].key : ~(wide)0);
}

int blocks_add_list(struct classifier_blocks *b, const struct steps *s, uint32_t words, struct vpc_classifier_list *ret)
{
	size_t span[16] = {VPC_STEPS_LEAF(words)}, count = 0;
	uint32_t levels = 1, at = 0;
	int r;

	*ret = (struct vpc_classifier_list){};
	if (!s->n)
		return 0;
	while (span[levels - 1] < s->n) {
		span[levels] = span[levels - 1] * VPC_STEPS_INNER(words);
		levels++;
	}
	for (uint32_t level = 0; level < levels; level++)
		count += (s->n - 1) / span[level] + 1;
	r = blocks_add(b, count, &at);
	if (r < 0)
		return r;
	ret->at = at;
	ret->size = levels << VPC_LIST_LEVELS_SHIFT | (uint32_t)((s->n - 1) / span[0] + 1);
	for (uint32_t level = levels; level-- > 0;)
		for (size_t from = 0; from < s->n; from += span[level], at++) {
			if (level)
				fill_inner(&b->at[at], s, from, span[level - 1], words);
			else
				fill_leaf(&b->at[at], s, from, words);
		}
	return 0;
}
