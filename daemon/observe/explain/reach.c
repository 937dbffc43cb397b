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

/* Whether one outside holds the other. */
static bool holds(const struct reach *wide, const struct reach *r)
{
	if (wide->from && wide->to)
		return true;
	return wide->from ? cidr_contains(&wide->to_cidr, &r->to_cidr) : cidr_contains(&wide->from_cidr, &r->from_cidr);
}

static bool is_same(const struct reach *a, const struct reach *b)
{
	return a->allowed == b->allowed && a->family == b->family && same_groups(a->from, b->from) &&
	       same_groups(a->to, b->to) && region_equal(&a->region, &b->region);
}

bool reach_note(struct reaches *r, const struct reach *reach, bool allowed, const struct region *region)
{
	struct reach wanted = *reach, *added;

	if (!region->list.n)
		return true;
	wanted.allowed = allowed;
	wanted.region = *region;
	for (size_t i = 0; i < r->list.n; i++) {
		struct reach *known = &r->list.at[i];

		if (!is_same(known, &wanted) || !holds(known, &wanted))
			continue;
		/* The same part of the outside, of other ENIs; or a part of it, of the same ones. */
		if (known->from == wanted.from && known->to == wanted.to && (!known->from || !known->to))
			return true;
		if (same_cidr(&known->from_cidr, &wanted.from_cidr) && same_cidr(&known->to_cidr, &wanted.to_cidr)) {
			known->pairs += reach->pairs;
			return true;
		}
	}
	r->total[allowed]++;
	if (r->list.n == REACHES_MAX) {
		r->left_out++;
		return true;
	}
	wanted.region = (struct region){0};
	for (size_t i = 0; i < region->list.n; i++)
		region_add(&wanted.region, region->list.at[i].first, region->list.at[i].last);
	added = wanted.region.failed ? NULL : ARRAY_PUSH(&r->list);
	if (added)
		*added = wanted;
	else
		region_clear(&wanted.region);
	return added != NULL;
}

void reaches_clear(struct reaches *r)
{
	for (size_t i = 0; i < r->list.n; i++)
		region_clear(&r->list.at[i].region);
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
static json_t *end_json(const struct reach_enis *e, const struct cidr *cidr, const struct world *w[2])
{
	json_t *ids, *names;
	char text[CIDR_STRLEN];

	if (!e)
		return json_pack("{s:s}", "cidr", cidr_format(cidr, text));
	ids = json_array();
	names = json_array();
	for (size_t i = 0; i < e->n && i < REACH_NAMED; i++) {
		json_array_append_new(ids, json_string(e->named[i]->id));
		json_array_append_new(names, json_string(e->named[i]->name));
	}
	return json_pack("{s:o,s:I,s:o,s:o}", "security_groups", groups_json(e->named[0], w), "enis", (json_int_t)e->n,
			 "eni_ids", ids, "eni_names", names);
}

static json_t *reach_json(const struct reach *r, const struct world *w[2])
{
	_cleanup_json_ json_t *ports = json_array();

	for (size_t i = 0; ports && i < r->region.list.n; i++)
		if (!ports_json(ports, &r->region.list.at[i]))
			return NULL;
	return json_pack("{s:o,s:o,s:i,s:O,s:I}", "from", end_json(r->from, &r->from_cidr, w), "to",
			 end_json(r->to, &r->to_cidr, w), "ip_version", r->family, "ports", ports, "pairs",
			 (json_int_t)r->pairs);
}

json_t *reaches_json(const struct reaches *r, const struct world *after, const struct world *before, bool complete)
{
	const struct world *w[2] = {after, before};
	_cleanup_json_ json_t *denied = json_array(), *allowed = json_array();
	json_t *const lists[2] = {denied, allowed};
	bool all = complete && !r->left_out;

	for (size_t i = 0; i < r->list.n; i++) {
		json_t *list = lists[r->list.at[i].allowed];

		if (json_array_size(list) >= COMPARE_ENTRIES_MAX)
			continue;
		if (json_array_append_new(list, reach_json(&r->list.at[i], w)) < 0)
			return NULL;
	}
	return json_pack("{s:O,s:I,s:O,s:I,s:b}", "allowed", lists[1], "allowed_total", (json_int_t)r->total[1],
			 "denied", lists[0], "denied_total", (json_int_t)r->total[0], "complete", all);
}
