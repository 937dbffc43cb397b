/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/explain/compare.h"

#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "observe/explain/allowed.h"
#include "observe/explain/reach.h"

/* So many rules are looked at, in about a fifth of a second. */
#define WORK_MAX     40000000u
/* CIDRs outside of a VPC with which one ENI's rules are compared. */
#define OUTSIDES_MAX 256

/* ENIs that are alike, before and after. */
struct bucket {
	const struct world_eni *before, *after; /* the first of them; NULL: there is none */
	struct reach_enis enis;
	bool changed;
};

struct comparison {
	struct world *w[2]; /* before, after */
	ARRAY(struct bucket) buckets;
	ARRAY(struct cidr) narrow; /* CIDRs that may hold some ENIs of a subnet and not others */
	struct allowed allowed[2];
	struct region was, is, gained, lost;
	struct reaches reaches;
	uint64_t work;
	bool complete, oom;
};

/* --- what changed ------------------------------------------------------------------------------------------------- */

static void mark_set(struct world_set *a, const struct world_set *b)
{
	for (size_t i = 0; i < a->list.n; i++) {
		const struct world_rules *other = world_find(b, a->list.at[i].number);

		a->list.at[i].changed =
			!other || other->digest != a->list.at[i].digest || other->list.n != a->list.at[i].list.n;
	}
}

/* A group whose rules name a changed list is changed too. */
static void mark_groups(struct world *w)
{
	for (size_t i = 0; i < w->groups.list.n; i++) {
		struct world_rules *g = &w->groups.list.at[i];

		for (size_t k = 0; !g->changed && k < g->list.n; k++) {
			const struct world_rules *l = g->list.at[k].peer == PEER_PREFIX_LIST
							      ? world_find(&w->lists, g->list.at[k].number)
							      : NULL;

			g->changed = l && l->changed;
		}
	}
}

static void mark(struct world *a, struct world *b)
{
	mark_set(&a->groups, &b->groups);
	mark_set(&b->groups, &a->groups);
	mark_set(&a->lists, &b->lists);
	mark_set(&b->lists, &a->lists);
	mark_set(&a->acls, &b->acls);
	mark_set(&b->acls, &a->acls);
	mark_groups(a);
	mark_groups(b);
}

static bool table_changed(const struct comparison *c, uint32_t number)
{
	const struct world_table *a = world_table(c->w[0], number), *b = world_table(c->w[1], number);

	if (!a || !b || a->n != b->n || a->n_lists != b->n_lists)
		return true;
	for (size_t i = 0; i < a->n + a->n_lists; i++) {
		const struct table_route *x = i < a->n ? &a->routes[i] : &a->lists[i - a->n];
		const struct table_route *y = i < a->n ? &b->routes[i] : &b->lists[i - a->n];

		if (x->kind != y->kind || x->active != y->active || x->number != y->number || x->list != y->list ||
		    memcmp(&x->destination, &y->destination, sizeof(x->destination)) != 0)
			return true;
	}
	return false;
}

/* Whether something of the ENI itself changed, or of what it is judged by. */
static bool eni_changed(const struct comparison *c, const struct world_eni *a, const struct world_eni *b)
{
	if (!a || !b || a->n_groups != b->n_groups || a->acl != b->acl || a->table != b->table ||
	    a->has_eip != b->has_eip || !region_equal(&a->published, &b->published) ||
	    memcmp(a->groups, b->groups, sizeof(a->groups)) != 0 || !ip_equal(&a->address[0], &b->address[0]) ||
	    !ip_equal(&a->address[1], &b->address[1]))
		return true;
	for (size_t i = 0; i < a->n_groups; i++) {
		const struct world_rules *g = world_find(&c->w[1]->groups, a->groups[i]);

		if (!g || g->changed)
			return true;
	}
	return (world_find(&c->w[1]->acls, a->acl) && world_find(&c->w[1]->acls, a->acl)->changed) ||
	       table_changed(c, a->table);
}

/* --- buckets ------------------------------------------------------------------------------------------------------ */

/* Whether a VPC's address space holds the CIDR. Others hold no ENI. */
static bool is_in_vpcs(const struct comparison *c, const struct cidr *cidr)
{
	for (unsigned i = 0; i < 2; i++)
		for (size_t k = 0; k < c->w[i]->vpcs.n; k++)
			for (size_t n = 0; n < c->w[i]->vpcs.at[k].n_cidrs; n++)
				if (cidr_overlaps(&c->w[i]->vpcs.at[k].cidrs[n], cidr))
					return true;
	return false;
}

static void note_narrow(struct comparison *c, const struct world_rules *r)
{
	for (size_t i = 0; i < r->list.n; i++) {
		const struct world_rule *rule = &r->list.at[i];
		struct cidr *added;

		/* The least subnet is a /28, and a /64 in IPv6. */
		++c->work;
		if (rule->peer != PEER_CIDR || rule->cidr.plen <= (rule->cidr.addr.family == 6 ? 64 : 16) ||
		    !is_in_vpcs(c, &rule->cidr))
			continue;
		added = ARRAY_PUSH(&c->narrow);
		if (!added)
			c->oom = true;
		else
			*added = rule->cidr;
	}
}

static int by_cidr(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cidr));
}

static void collect_narrow(struct comparison *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < 2; i++) {
		const struct world_set *sets[] = {&c->w[i]->groups, &c->w[i]->lists, &c->w[i]->acls};

		for (size_t s = 0; s < ARRAY_SIZE(sets); s++)
			for (size_t k = 0; k < sets[s]->list.n; k++)
				note_narrow(c, &sets[s]->list.at[k]);
	}
	if (!c->narrow.n)
		return;
	qsort(c->narrow.at, c->narrow.n, sizeof(*c->narrow.at), by_cidr);
	for (size_t i = 0; i < c->narrow.n; i++)
		if (!n || by_cidr(&c->narrow.at[n - 1], &c->narrow.at[i]) != 0)
			c->narrow.at[n++] = c->narrow.at[i];
	c->narrow.n = n;
}

/* Whether the same narrow CIDRs hold the addresses of both. */
static bool held_alike(struct comparison *c, const struct world_eni *a, const struct world_eni *b)
{
	for (size_t i = 0; i < c->narrow.n; i++)
		for (unsigned f = 0; f < 2; f++) {
			++c->work;
			if (cidr_contains_ip(&c->narrow.at[i], &a->address[f]) !=
			    cidr_contains_ip(&c->narrow.at[i], &b->address[f]))
				return false;
		}
	return true;
}

static bool alike(struct comparison *c, const struct world_eni *a, const struct world_eni *b)
{
	if (!a || !b)
		return a == b;
	return a->subnet == b->subnet && a->acl == b->acl && a->table == b->table && a->has_eip == b->has_eip &&
	       a->n_groups == b->n_groups && memcmp(a->groups, b->groups, sizeof(a->groups)) == 0 &&
	       a->address[1].family == b->address[1].family && region_equal(&a->published, &b->published) &&
	       held_alike(c, a, b);
}

static void put_eni(struct comparison *c, const struct world_eni *before, const struct world_eni *after)
{
	const struct world_eni *e = after ? after : before;
	struct bucket *b = NULL;

	for (size_t i = 0; !b && c->work < WORK_MAX && i < c->buckets.n; i++) {
		++c->work;
		if (alike(c, c->buckets.at[i].before, before) && alike(c, c->buckets.at[i].after, after))
			b = &c->buckets.at[i];
	}
	if (!b) {
		b = ARRAY_PUSH(&c->buckets);
		if (!b) {
			c->oom = true;
			return;
		}
		*b = (struct bucket){.before = before, .after = after};
	}
	b->changed = b->changed || eni_changed(c, before, after);
	reach_add_eni(&b->enis, e);
}

/* Both lists ascend by number. */
static void fill_buckets(struct comparison *c)
{
	const struct world *a = c->w[0], *b = c->w[1];
	size_t i = 0, k = 0;

	while (!c->oom && (i < a->enis.n || k < b->enis.n)) {
		const struct world_eni *x = i < a->enis.n ? &a->enis.at[i] : NULL;
		const struct world_eni *y = k < b->enis.n ? &b->enis.at[k] : NULL;

		if (x && y && strcmp(x->id, y->id) == 0)
			i++, k++;
		else if (x && (!y || x->number <= y->number))
			i++, y = NULL;
		else
			k++, x = NULL;
		put_eni(c, x, y);
	}
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

static struct cidr single(const struct ip *ip)
{
	return (struct cidr){.addr = *ip, .plen = ip->family == 6 ? 128 : 32};
}

/* What is allowed in one world between two ends, of which either may not be there. */
static void reach_in(struct comparison *c, unsigned i, const struct allowed_end *from, const struct allowed_end *to,
		     struct region *ret)
{
	ret->list.n = 0;
	if (from->cidr.addr.family && to->cidr.addr.family)
		allowed_between(&c->allowed[i], from, to, ret);
	c->oom = c->oom || ret->failed;
}

/* Compares both worlds, and notes the difference. from, to: by world. */
static void compare_ends(struct comparison *c, const struct allowed_end from[2], const struct allowed_end to[2],
			 struct reach_ends *ends)
{
	reach_in(c, 0, &from[0], &to[0], &c->was);
	reach_in(c, 1, &from[1], &to[1], &c->is);
	if (region_equal(&c->was, &c->is))
		return;
	region_without(&c->is, &c->was, &c->gained);
	region_without(&c->was, &c->is, &c->lost);
	c->oom = c->oom || c->gained.failed || c->lost.failed || !reach_note(&c->reaches, ends, true, &c->gained) ||
		 !reach_note(&c->reaches, ends, false, &c->lost);
}

static struct allowed_end end_of(const struct world_eni *e, unsigned family)
{
	return e ? (struct allowed_end){.eni = e, .cidr = single(&e->address[family])} : (struct allowed_end){0};
}

static void compare_pair(struct comparison *c, const struct bucket *x, const struct bucket *y)
{
	if (x == y && x->enis.n < 2)
		return;
	for (unsigned family = 0; family < 2; family++) {
		struct allowed_end from[2] = {end_of(x->before, family), end_of(x->after, family)};
		struct allowed_end to[2] = {end_of(y->before, family), end_of(y->after, family)};
		struct reach_ends ends = {.family = family ? 6 : 4, .from = &x->enis, .to = &y->enis};

		compare_ends(c, from, to, &ends);
	}
}

/* --- outside ------------------------------------------------------------------------------------------------------ */

struct outsides {
	ARRAY(struct cidr) list;
};

static bool is_inside(const struct comparison *c, uint32_t vpc, const struct cidr *cidr)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct world_vpc *v = world_vpc(c->w[i], vpc);

		for (size_t k = 0; v && k < v->n_cidrs; k++)
			if (cidr_contains(&v->cidrs[k], cidr))
				return true;
	}
	return false;
}

static void add_outside(struct comparison *c, struct outsides *o, uint32_t vpc, const struct cidr *cidr)
{
	struct cidr *added;

	++c->work;
	if (is_inside(c, vpc, cidr))
		return;
	for (size_t i = 0; i < o->list.n; i++)
		if (by_cidr(&o->list.at[i], cidr) == 0)
			return;
	if (o->list.n == OUTSIDES_MAX) {
		c->complete = false;
		return;
	}
	added = ARRAY_PUSH(&o->list);
	if (added)
		*added = *cidr;
	else
		c->oom = true;
}

static void add_rules_outsides(struct comparison *c, struct outsides *o, const struct world *w, uint32_t vpc,
			       const struct world_rules *r)
{
	for (size_t i = 0; r && i < r->list.n && !c->oom; i++) {
		const struct world_rule *rule = &r->list.at[i];
		const struct world_rules *l =
			rule->peer == PEER_PREFIX_LIST ? world_find(&w->lists, rule->number) : NULL;

		if (rule->peer == PEER_CIDR)
			add_outside(c, o, vpc, &rule->cidr);
		for (size_t k = 0; l && k < l->list.n && !c->oom; k++)
			add_outside(c, o, vpc, &l->list.at[k].cidr);
	}
}

static void add_eni_outsides(struct comparison *c, struct outsides *o, const struct world *w, const struct world_eni *e)
{
	const struct world_table *t = e ? world_table(w, e->table) : NULL;

	for (size_t i = 0; e && i < e->n_groups; i++)
		add_rules_outsides(c, o, w, e->vpc, world_find(&w->groups, e->groups[i]));
	if (e)
		add_rules_outsides(c, o, w, e->vpc, world_find(&w->acls, e->acl));
	for (size_t i = 0; t && i < t->n; i++)
		add_outside(c, o, e->vpc, &t->routes[i].destination);
}

/* The wider ones first: a narrower one that differs as a wider one does isn't told. */
static int by_plen(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;

	return x->plen != y->plen ? (int)x->plen - (int)y->plen : by_cidr(a, b);
}

static void compare_outside(struct comparison *c, const struct bucket *b, const struct cidr *cidr, bool outward)
{
	unsigned family = cidr->addr.family == 6;
	struct allowed_end me[2] = {end_of(b->before, family), end_of(b->after, family)};
	struct allowed_end outside[2] = {{.cidr = *cidr}, {.cidr = *cidr}};
	struct reach_ends ends = {.family = cidr->addr.family};

	if (outward) {
		ends.from = &b->enis;
		ends.to_cidr = *cidr;
		compare_ends(c, me, outside, &ends);
	} else {
		ends.to = &b->enis;
		ends.from_cidr = *cidr;
		compare_ends(c, outside, me, &ends);
	}
}

static void compare_outsides(struct comparison *c, const struct bucket *b)
{
	const struct cidr all[2] = {{.addr.family = 4, .addr.bytes = {[10] = 0xff, [11] = 0xff}}, {.addr.family = 6}};
	struct outsides o = {0};
	const struct world_eni *e = b->after ? b->after : b->before;

	add_outside(c, &o, e->vpc, &all[0]);
	add_outside(c, &o, e->vpc, &all[1]);
	add_eni_outsides(c, &o, c->w[0], b->before);
	add_eni_outsides(c, &o, c->w[1], b->after);
	if (o.list.n)
		qsort(o.list.at, o.list.n, sizeof(*o.list.at), by_plen);
	for (size_t i = 0; i < o.list.n && !c->oom; i++) {
		compare_outside(c, b, &o.list.at[i], true);
		compare_outside(c, b, &o.list.at[i], false);
	}
	free(o.list.at);
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static void compare_buckets(struct comparison *c)
{
	for (size_t i = 0; i < c->buckets.n && !c->oom; i++) {
		const struct bucket *x = &c->buckets.at[i];

		if (x->changed)
			compare_outsides(c, x);
		for (size_t k = 0; k < c->buckets.n && !c->oom; k++) {
			if (c->work >= WORK_MAX) {
				c->complete = false;
				return;
			}
			if (x->changed || c->buckets.at[k].changed)
				compare_pair(c, x, &c->buckets.at[k]);
		}
	}
}

static void comparison_clear(struct comparison *c)
{
	for (size_t i = 0; i < c->buckets.n; i++)
		reach_enis_clear(&c->buckets.at[i].enis);
	free(c->buckets.at);
	free(c->narrow.at);
	for (unsigned i = 0; i < 2; i++)
		allowed_clear(&c->allowed[i]);
	region_clear(&c->was);
	region_clear(&c->is);
	region_clear(&c->gained);
	region_clear(&c->lost);
	reaches_clear(&c->reaches);
}

json_t *compare(struct world *before, struct world *after)
{
	struct comparison c = {.w = {before, after}, .complete = !before->too_large && !after->too_large};
	json_t *json = NULL;

	for (unsigned i = 0; i < 2; i++)
		c.allowed[i] = (struct allowed){.w = c.w[i], .work = &c.work};
	mark(before, after);
	collect_narrow(&c);
	fill_buckets(&c);
	compare_buckets(&c);
	reaches_join(&c.reaches);
	if (!c.oom)
		json = reaches_json(&c.reaches, after, before, c.complete);
	comparison_clear(&c);
	return json;
}
