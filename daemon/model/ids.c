/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ids, numbers and MACs, drawn from the transaction's seed: the same seed and changes give the same ones. */
#include <inttypes.h>
#include <stdio.h>

#include "model/internal.h"

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Ids need to be distinct, not
 * secret. */
uint64_t txn_random(struct model_txn *t)
{
	uint64_t z = t->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void new_id(struct model_txn *t, struct object *o)
{
	do {
		uint64_t high = txn_random(t), low = txn_random(t);

		snprintf(o->id, sizeof(o->id), "%s%016" PRIx64 "%x", kind_of(o->kind)->id_prefix, high,
			 (unsigned)(low >> 60));
	} while (index_by_id(&t->m->ix, o->id));
}

/* A flow, or an event that is read late, may still name a rule that was deleted. So a rule's number is never reused. */
static int new_number_once(struct model_txn *t, struct object *o, struct vpc_error *reterr)
{
	uint32_t *next = &t->m->next_number[o->kind];

	if (!*next)
		return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
				     "this host has given out all 4294967295 %s numbers", kind_of(o->kind)->noun);
	o->number = (*next)++;
	return 0;
}

/* Next fit: the search goes on where the last one ended, so a number rests as long as it can before it is used again.
 */
static int new_number(struct model_txn *t, struct object *o, struct vpc_error *reterr)
{
	uint32_t first = kind_first_number(o->kind), count = kind_limit(t->m, o->kind);
	uint32_t *next = &t->m->next_number[o->kind];

	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = *next >= first && *next - first < count ? *next : first;

		*next = number + 1;
		if (index_by_number(&t->m->ix, o->kind, number))
			continue;
		o->number = number;
		return 0;
	}
	/* The limit was checked before, so this happens only after it was lowered below the number of existing objects.
	 */
	return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			     "no number is free for another %s; delete one first", kind_of(o->kind)->noun);
}

int txn_number(struct model_txn *t, struct object *o, struct vpc_error *reterr)
{
	return kind_ops(o->kind)->numbers_once ? new_number_once(t, o, reterr) : new_number(t, o, reterr);
}

int txn_identify(struct model_txn *t, struct object *o, struct vpc_error *reterr)
{
	new_id(t, o);
	if (kind_ops(o->kind)->name_optional && !o->name[0] && text_set(&o->name_key, o->id) < 0)
		return vpc_error_oom(reterr);
	return txn_number(t, o, reterr);
}

void txn_new_mac(struct model_txn *t, uint8_t ret[6])
{
	const struct posting *taken;

	do {
		uint64_t random = txn_random(t);

		/* Locally administered, unicast. */
		ret[0] = 0x02;
		for (unsigned i = 1; i < 6; i++)
			ret[i] = (uint8_t)(random >> 8 * i);
		taken = index_posting(&t->m->ix, POSTING_MAC, 0, ret, 6);
	} while (taken && taken->n);
}
