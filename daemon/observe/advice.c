/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/advice.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	struct advice_rule rule; /* first */
	UT_hash_handle hh;
};

struct watched {
	struct advice_vpc vpc; /* first */
	UT_hash_handle hh;
};

struct advice {
	struct entry *entries;
	struct watched *vpcs;
	size_t max;
	struct entry *cursor; /* NULL: the first */
};

int advice_new(size_t max, struct advice **ret)
{
	struct advice *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->max = max;
	*ret = a;
	return 0;
}

struct advice *advice_free(struct advice *a)
{
	struct watched *w, *next;

	if (!a)
		return NULL;
	HASH_ITER (hh, a->vpcs, w, next)
		advice_end(a, w->vpc.vpc);
	free(a);
	return NULL;
}

/* --- VPCs --------------------------------------------------------------------------------------------------------- */

static struct watched *find_vpc(const struct advice *a, uint32_t vpc)
{
	struct watched *w;

	HASH_FIND(hh, a->vpcs, &vpc, sizeof(vpc), w);
	return w;
}

static int add_vpc(struct advice *a, const struct advice_vpc *vpc)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->vpc = *vpc;
	HASH_ADD(hh, a->vpcs, vpc.vpc, sizeof(w->vpc.vpc), w);
	if (w->hh.tbl)
		return 0;
	free(w);
	return -ENOMEM;
}

int advice_begin(struct advice *a, uint32_t vpc, uint64_t now_ns, uint32_t first_rule, uint64_t round)
{
	struct watched *w = find_vpc(a, vpc);

	if (w) {
		w->vpc.kept = false;
		return 0;
	}
	return add_vpc(a,
		       &(struct advice_vpc){.vpc = vpc, .since_ns = now_ns, .first_rule = first_rule, .round = round});
}

void advice_end(struct advice *a, uint32_t vpc)
{
	struct watched *w = find_vpc(a, vpc);
	struct entry *e, *next;

	if (!w)
		return;
	HASH_ITER (hh, a->entries, e, next)
		if (e->rule.vpc == vpc)
			advice_forget(a, &e->rule);
	HASH_DEL(a->vpcs, w);
	free(w);
}

const struct advice_vpc *advice_vpc_find(const struct advice *a, uint32_t vpc)
{
	struct watched *w = find_vpc(a, vpc);

	return w ? &w->vpc : NULL;
}

bool advice_watches(const struct advice *a)
{
	return a->vpcs != NULL;
}

void advice_lost(struct advice *a, uint64_t now_ns)
{
	struct watched *w, *next;

	HASH_ITER (hh, a->vpcs, w, next)
		w->vpc.lost_ns = now_ns;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

struct advice_rule *advice_find(const struct advice *a, uint32_t rule)
{
	struct entry *e;

	HASH_FIND(hh, a->entries, &rule, sizeof(rule), e);
	return e ? &e->rule : NULL;
}

static struct advice_rule *add_rule(struct advice *a, struct watched *w, const struct advice_rule *rule)
{
	bool room = w->vpc.n < a->max / HASH_COUNT(a->vpcs) && HASH_COUNT(a->entries) < a->max;
	struct entry *e = room ? calloc(1, sizeof(*e)) : NULL;

	if (e) {
		e->rule = *rule;
		HASH_ADD(hh, a->entries, rule.rule, sizeof(e->rule.rule), e);
	}
	if (!e || !e->hh.tbl) {
		free(e);
		w->vpc.full = true;
		return NULL;
	}
	w->vpc.n++;
	return &e->rule;
}

struct advice_rule *advice_add(struct advice *a, uint32_t vpc, uint32_t rule, uint64_t counter, bool told,
			       uint64_t now_ns)
{
	struct watched *w = find_vpc(a, vpc);
	struct advice_rule added;
	bool is_new;

	if (!w)
		return NULL;
	/* Of a rule that is newer than the watch, every flow should have been told. */
	is_new = rule >= w->vpc.first_rule;
	added = (struct advice_rule){
		.rule = rule,
		.vpc = vpc,
		.base = is_new ? 0 : counter - (told && counter),
		.gap_ns = is_new	   ? 0
			  : w->vpc.lost_ns ? now_ns
					   : w->vpc.since_ns,
	};
	return add_rule(a, w, &added);
}

void advice_forget(struct advice *a, struct advice_rule *r)
{
	struct entry *e = (struct entry *)r;
	struct watched *w = find_vpc(a, r->vpc);

	if (w)
		w->vpc.n--;
	if (a->cursor == e)
		a->cursor = e->hh.next;
	HASH_DEL(a->entries, e);
	free(e);
}

struct advice_rule *advice_next(struct advice *a)
{
	struct entry *e = a->cursor ? a->cursor : a->entries;

	a->cursor = e ? e->hh.next : NULL;
	return e ? &e->rule : NULL;
}

size_t advice_count(const struct advice *a)
{
	return HASH_COUNT(a->entries);
}

bool advice_is_behind(const struct advice_rule *r, uint64_t counter)
{
	return counter > r->base + r->told + r->untold;
}

void advice_look(struct advice_rule *r, uint64_t counter, uint64_t now_ns)
{
	uint64_t known = r->base + r->told;

	if (counter < known) { /* flows from before the watch were told late */
		r->base -= known - counter < r->base ? known - counter : r->base;
		known = counter;
	}
	if (counter <= known + r->untold) {
		r->untold = counter - known;
		r->doubted = false;
	} else if (r->doubted) {
		r->untold = counter - known;
		r->gap_ns = now_ns;
		r->doubted = false;
	} else {
		r->doubted = true;
	}
}

/* --- a restart ---------------------------------------------------------------------------------------------------- */

const struct advice_vpc *advice_next_vpc(const struct advice *a, const struct advice_vpc *prev)
{
	const struct watched *w = prev ? ((const struct watched *)prev)->hh.next : a->vpcs;

	return w ? &w->vpc : NULL;
}

const struct advice_rule *advice_next_rule(const struct advice *a, const struct advice_rule *prev)
{
	const struct entry *e = prev ? ((const struct entry *)prev)->hh.next : a->entries;

	return e ? &e->rule : NULL;
}

int advice_keep_vpc(struct advice *a, const struct advice_vpc *vpc)
{
	struct advice_vpc kept = *vpc;

	kept.n = 0;
	kept.kept = true;
	return find_vpc(a, vpc->vpc) ? -EEXIST : add_vpc(a, &kept);
}

int advice_keep_rule(struct advice *a, const struct advice_rule *rule)
{
	struct watched *w = find_vpc(a, rule->vpc);

	if (!w || !w->vpc.kept)
		return -ENOENT;
	if (advice_find(a, rule->rule))
		return -EEXIST;
	return add_rule(a, w, rule) ? 0 : -ENOSPC;
}

void advice_end_kept(struct advice *a)
{
	struct watched *w, *next;

	HASH_ITER (hh, a->vpcs, w, next)
		if (w->vpc.kept)
			advice_end(a, w->vpc.vpc);
}

void advice_resume(struct advice_rule *r, uint64_t counter, uint64_t now_ns)
{
	r->doubted = false;
	if (counter >= r->base + r->told + r->untold)
		return;
	/* Nobody knows how often it was set back. */
	r->base = counter;
	r->told = r->untold = 0;
	r->gap_ns = now_ns;
}

void advice_add_gap(struct advice_times *t, const struct advice_gap *gap)
{
	if (t->n_gaps == ADVICE_GAPS) {
		t->gap[1].begin_ns = t->gap[0].begin_ns;
		memmove(&t->gap[0], &t->gap[1], (ADVICE_GAPS - 1) * sizeof(t->gap[0]));
		t->n_gaps--;
	}
	t->gap[t->n_gaps++] = *gap;
}

/* --- boxes -------------------------------------------------------------------------------------------------------- */

static struct cidr merge_peers(const struct cidr *a, const struct cidr *b)
{
	unsigned start = a->addr.family == 4 ? 96 : 0, most = a->plen < b->plen ? a->plen : b->plen, plen = 0;
	struct cidr ret = *a;

	if (a->addr.family != b->addr.family)
		return (struct cidr){0};
	while (plen < most) {
		unsigned bit = start + plen, mask = 0x80u >> bit % CHAR_BIT;

		if ((a->addr.bytes[bit / CHAR_BIT] ^ b->addr.bytes[bit / CHAR_BIT]) & mask)
			break;
		plen++;
	}
	ret.plen = (uint8_t)plen;
	for (unsigned bit = start + plen; ret.addr.family && bit < 128; bit++)
		ret.addr.bytes[bit / CHAR_BIT] &= (uint8_t) ~(0x80u >> bit % CHAR_BIT);
	return ret;
}

struct advice_box advice_merge(const struct advice_box *a, const struct advice_box *b)
{
	struct advice_box ret = {
		.protocol = a->protocol,
		.from = a->from < b->from ? a->from : b->from,
		.to = a->to > b->to ? a->to : b->to,
		.peer = merge_peers(&a->peer, &b->peer),
	};

	if (a->protocol != b->protocol) {
		ret.protocol = -1;
		ret.from = 0;
		ret.to = UINT16_MAX;
	}
	return ret;
}

bool advice_contains(const struct advice_box *outer, const struct advice_box *inner)
{
	if (outer->protocol != -1 &&
	    (outer->protocol != inner->protocol || outer->from > inner->from || outer->to < inner->to))
		return false;
	return !outer->peer.addr.family || cidr_contains(&outer->peer, &inner->peer);
}

/* How wide a box is: bits. */
static unsigned width(const struct advice_box *b)
{
	unsigned bits = b->protocol == -1 ? CHAR_BIT : 0;

	for (unsigned span = (unsigned)b->to - b->from; span; span >>= 1)
		bits++;
	if (b->peer.addr.family)
		bits += (b->peer.addr.family == 4 ? 32u : 128u) - b->peer.plen;
	return bits;
}

/* Puts a box in, and takes out those that it holds. There is room for it. */
static void put(struct advice_rule *r, const struct advice_box *box)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < r->n; i++)
		if (!advice_contains(box, &r->box[i]))
			r->box[n++] = r->box[i];
	r->box[n++] = *box;
	r->n = n;
}

/* Makes room for one box more: of all pairs, the new box among them, the one is merged that becomes least wide. */
static void merge_one(struct advice_rule *r, const struct advice_box *flow)
{
	unsigned least = UINT_MAX;
	uint8_t first = 0, second = 0;
	struct advice_box merged;

	for (uint8_t i = 0; i < r->n; i++)
		for (uint8_t k = (uint8_t)(i + 1); k <= r->n; k++) {
			struct advice_box both = advice_merge(&r->box[i], k < r->n ? &r->box[k] : flow);

			if (width(&both) < least) {
				least = width(&both);
				first = i;
				second = k;
			}
		}
	merged = advice_merge(&r->box[first], second < r->n ? &r->box[second] : flow);
	r->merged = true;
	put(r, &merged);
	if (second < ADVICE_BOXES)
		advice_note(r, flow);
}

void advice_note(struct advice_rule *r, const struct advice_box *flow)
{
	for (uint8_t i = 0; i < r->n; i++)
		if (advice_contains(&r->box[i], flow))
			return;
	if (r->n < ADVICE_BOXES)
		put(r, flow);
	else
		merge_one(r, flow);
}
