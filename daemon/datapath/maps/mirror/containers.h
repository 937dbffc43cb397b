/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mirror's containers: numbers to give out, hash chains through arrays, runs of blocks.
 * Number 0 is never given out: it ends a chain and means "none".
 */
#ifndef DATAPATH_MIRROR_CONTAINERS_H
#define DATAPATH_MIRROR_CONTAINERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* The numbers 1..size-1, and which of them are free. */
struct numbers {
	uint32_t size;
	uint32_t fresh; /* this number and all above it were never given out */
	uint32_t free;	/* head of the list of numbers that were given back; 0: none */
	uint32_t used;	/* how many are given out */
	uint32_t *next; /* of that list, by number; owned */
};

/* -ENOMEM. Release with numbers_clear. */
int numbers_init(struct numbers *n, uint32_t size);
void numbers_clear(struct numbers *n);
/* Gives out a number; 0: none is free. */
uint32_t numbers_take(struct numbers *n);
void numbers_give(struct numbers *n, uint32_t number);
/* Starts over: the numbers for which used() is true are given out, all others are free. */
void numbers_adopt(struct numbers *n, bool (*used)(const void *userdata, uint32_t number), const void *userdata);

/* --- hash chains -------------------------------------------------------------------------------------------------- */

/* Heads of hash chains. The links are in the nodes, which is why insertion can't fail. */
struct chains {
	uint32_t *head; /* owned */
	uint32_t mask;
};

/* About one head for each entry. -ENOMEM. Release with chains_clear. */
int chains_init(struct chains *c, uint32_t entries);
void chains_clear(struct chains *c);
/* Hash of a key; `bytes` is a multiple of 4 and covers any padding, which must be zero. */
uint32_t chains_hash(const void *key, size_t bytes);

static inline uint32_t *chains_head(const struct chains *c, uint32_t hash)
{
	return &c->head[hash & c->mask];
}

/* --- runs of blocks ----------------------------------------------------------------------------------------------- */

/* The blocks 1..size-1 of a map, given out in runs of neighbours. */
struct extents {
	uint32_t size;
	uint32_t used; /* blocks that are given out */
	uint32_t runs; /* runs that are given out */
	struct extent {
		uint32_t at;
		uint32_t n;
	} * free; /* owned; ascending, never adjacent; has room for runs + 2, so that giving back can't fail */
	uint32_t n_free;
	size_t cap;
};

/* -ENOMEM. Release with extents_clear. */
int extents_init(struct extents *e, uint32_t size);
void extents_clear(struct extents *e);
/* Gives out the first run of n free blocks and returns its first block; 0: there is no such run, or no memory. */
uint32_t extents_take(struct extents *e, uint32_t n);
/* Gives out exactly the n blocks from `at` on. False: not all of them are free, or no memory. */
bool extents_take_at(struct extents *e, uint32_t at, uint32_t n);
void extents_give(struct extents *e, uint32_t at, uint32_t n);

#endif
