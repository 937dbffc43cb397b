/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/explain/reach.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "observe/explain/compare.h"
#include "observe/explain/report.h"

/* Differences that are gathered. Those of different groups or ports are different ones. */
#define REACHES_MAX (4 * COMPARE_ENTRIES_MAX)
/* Ports that are listed of one difference. */
#define PORTS_MAX   32

void reach_add_eni(struct reach_enis *e, const struct world_eni *eni)
{
	if (e->n < REACH_NAMED)
		e->named[e->n] = eni;
	e->n++;
}

/* Whether both ends have the same groups. */
static bool same_groups(const struct reach_enis *a, const struct reach_enis *b)
{
	const struct world_eni *x, *y;

	if (!a || !b)
		return a == b;
	x = a->named[0];
	y = b->named[0];
	return x->vpc == y->vpc && x->n_groups == y->n_groups && memcmp(x->groups, y->groups, sizeof(x->groups)) == 0;
}

static bool same_cidr(const struct cidr *a, const struct cidr *b)
{
	return a->plen == b->plen && ip_equal(&a->addr, &b->addr);
}

#define FIRST(list) ((list).n ? (list).at[0] : NULL)

/* Whether a difference that is known already says this one: of a wider part of the outside, or as one more receiver.
 * ret_more: it is one more. */
static bool known_says(struct reach *k, const struct reach_ends *e, bool allowed, const struct region *region,
		       bool *ret_more)
{
	*ret_more = false;
	if (k->allowed != allowed || k->family != e->family || k->from.n > 1 || FIRST(k->from) != e->from ||
	    !region_equal(&k->region, region))
		return false;
	if (!e->from)
		return FIRST(k->to) == e->to && cidr_contains(&k->from_cidr, &e->from_cidr);
	if (!e->to)
		return !k->to.n && cidr_contains(&k->to_cidr, &e->to_cidr);
	*ret_more = k->to.n && same_groups(k->to.at[0], e->to);
	return *ret_more;
}

static bool push(struct reach_list *l, const struct reach_enis *enis)
{
	const struct reach_enis **added = enis ? ARRAY_PUSH(l) : NULL;

	if (added)
		*added = enis;
	return !enis || added;
}

static void reach_clear(struct reach *r)
{
	region_clear(&r->region);
	free(r->from.at);
	free(r->to.at);
}

bool reach_note(struct reaches *r, const struct reach_ends *e, bool allowed, const struct region *region)
{
	struct reach *added;
	bool more;

	if (!region->list.n)
		return true;
	for (size_t i = 0; i < r->list.n; i++)
		if (known_says(&r->list.at[i], e, allowed, region, &more))
			return !more || push(&r->list.at[i].to, e->to);
	if (r->list.n == REACHES_MAX) {
		r->left_out[allowed]++;
		return true;
	}
	added = ARRAY_PUSH(&r->list);
	if (!added)
		return false;
	*added = (struct reach){
		.allowed = allowed, .family = e->family, .from_cidr = e->from_cidr, .to_cidr = e->to_cidr};
	for (size_t i = 0; i < region->list.n; i++)
		region_add(&added->region, region->list.at[i].first, region->list.at[i].last);
	return push(&added->from, e->from) && push(&added->to, e->to) && !added->region.failed;
}

static bool same_list(const struct reach_list *x, const struct reach_list *y)
{
	return x->n == y->n && (!x->n || memcmp(x->at, y->at, x->n * sizeof(*x->at)) == 0);
}

/* Moves what b says into a, if they differ in one end alone, and both ends there have the same groups. */
static bool join(struct reach *a, struct reach *b)
{
	bool one_to = same_list(&a->to, &b->to) && same_cidr(&a->to_cidr, &b->to_cidr);
	bool one_from = same_list(&a->from, &b->from) && same_cidr(&a->from_cidr, &b->from_cidr);

	if (a->allowed != b->allowed || a->family != b->family || !region_equal(&a->region, &b->region))
		return false;
	if (one_to && b->from.n && a->from.n && same_groups(a->from.at[0], b->from.at[0])) {
		for (size_t i = 0; i < b->from.n; i++)
			if (!push(&a->from, b->from.at[i]))
				return false;
		return true;
	}
	if (!one_from || !b->to.n || !a->to.n || !same_groups(a->to.at[0], b->to.at[0]))
		return false;
	for (size_t i = 0; i < b->to.n; i++)
		if (!push(&a->to, b->to.at[i]))
			return false;
	return true;
}

void reaches_join(struct reaches *r)
{
	for (size_t i = 0; i < r->list.n; i++)
		for (size_t k = i + 1; k < r->list.n;) {
			if (!join(&r->list.at[i], &r->list.at[k])) {
				k++;
				continue;
			}
			reach_clear(&r->list.at[k]);
			r->list.at[k] = r->list.at[--r->list.n];
		}
}

void reaches_clear(struct reaches *r)
{
	for (size_t i = 0; i < r->list.n; i++)
		reach_clear(&r->list.at[i]);
	free(r->list.at);
	*r = (struct reaches){0};
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

/* "tcp 443", "tcp 1000-2000", "all", "icmp 8/0", "protocols 7 to 255". */
static json_t *interval_json(const struct interval *i)
{
	uint32_t first = i->first >> 16, last = i->last >> 16;
	bool whole = !(i->first & 0xffff) && (i->last & 0xffff) == 0xffff;
	int32_t from = (int32_t)(i->first & 0xffff), to = (int32_t)(i->last & 0xffff);

	if (i->first == 0 && i->last == REGION_LAST)
		return json_string("all");
	if (first != last)
		return json_sprintf("protocols %u to %u", first, last);
	if (first == IPPROTO_ICMP || first == IPPROTO_ICMPV6) {
		if (whole)
			return json_string(explain_ports((int)first, -1, -1).text);
		return json_string(explain_ports((int)first, from >> 8,
						 (from & 0xff) == 0 && (to & 0xff) == 0xff ? -1 : from & 0xff)
					   .text);
	}
	return json_string(explain_ports((int)first, whole ? -1 : from, to).text);
}

/* Splits an interval at the borders of protocols, as far as it isn't whole protocols. */
static bool ports_json(json_t *list, const struct interval *i)
{
	struct interval part = *i;

	while (part.first <= i->last) {
		uint32_t end = part.first | 0xffff;

		part.last = i->last;
		if ((part.first & 0xffff) && end < i->last)
			part.last = end;
		else if ((i->last & 0xffff) != 0xffff && (part.first >> 16) != (i->last >> 16))
			part.last = (i->last & ~0xffffu) - 1;
		if (json_array_size(list) < PORTS_MAX && json_array_append_new(list, interval_json(&part)) < 0)
			return false;
		part.first = part.last + 1;
	}
	return true;
}

static json_t *groups_json(const struct world_eni *e, const struct world *w[2])
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < e->n_groups; i++) {
		const struct world_rules *g = world_find(&w[0]->groups, e->groups[i]);

		if (!g)
			g = world_find(&w[1]->groups, e->groups[i]);
		json_array_append_new(list, json_string(g ? g->name : "?"));
	}
	return list;
}

/* One end: {"cidr"} or {"security_groups", "enis", "eni_ids", "eni_names"}. */
static json_t *end_json(const struct reach_list *l, const struct cidr *cidr, const struct world *w[2])
{
	json_t *ids, *names;
	char text[CIDR_STRLEN];
	json_int_t enis = 0;

	if (!l->n)
		return json_pack("{s:s}", "cidr", cidr_format(cidr, text));
	ids = json_array();
	names = json_array();
	for (size_t k = 0; k < l->n; k++) {
		enis += (json_int_t)l->at[k]->n;
		for (size_t i = 0; i < l->at[k]->n && i < REACH_NAMED && json_array_size(ids) < REACH_NAMED; i++) {
			json_array_append_new(ids, json_string(l->at[k]->named[i]->id));
			json_array_append_new(names, json_string(l->at[k]->named[i]->name));
		}
	}
	return json_pack("{s:o,s:I,s:o,s:o}", "security_groups", groups_json(l->at[0]->named[0], w), "enis", enis,
			 "eni_ids", ids, "eni_names", names);
}

static json_t *reach_json(const struct reach *r, const struct world *w[2])
{
	_cleanup_json_ json_t *ports = json_array();

	for (size_t i = 0; ports && i < r->region.list.n; i++)
		if (!ports_json(ports, &r->region.list.at[i]))
			return NULL;
	return json_pack("{s:o,s:o,s:i,s:O}", "from", end_json(&r->from, &r->from_cidr, w), "to",
			 end_json(&r->to, &r->to_cidr, w), "ip_version", r->family, "ports", ports);
}

json_t *reaches_json(const struct reaches *r, const struct world *after, const struct world *before, bool complete)
{
	const struct world *w[2] = {after, before};
	_cleanup_json_ json_t *denied = json_array(), *allowed = json_array();
	json_t *const lists[2] = {denied, allowed};
	json_int_t total[2] = {(json_int_t)r->left_out[0], (json_int_t)r->left_out[1]};

	for (size_t i = 0; i < r->list.n; i++) {
		json_t *list = lists[r->list.at[i].allowed];

		total[r->list.at[i].allowed]++;
		if (json_array_size(list) >= COMPARE_ENTRIES_MAX)
			continue;
		if (json_array_append_new(list, reach_json(&r->list.at[i], w)) < 0)
			return NULL;
	}
	return json_pack("{s:O,s:I,s:O,s:I,s:b}", "allowed", allowed, "allowed_total", total[1], "denied", denied,
			 "denied_total", total[0], "complete", complete);
}
