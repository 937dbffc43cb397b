/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/explain/world.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/abi/abi.h>
#include <vpc/cleanup.h>

/* More rules and entries than this are not copied: they would take too long. */
#define RULES_MAX 200000
#define ENIS_MAX  16000

/* --- which VPCs --------------------------------------------------------------------------------------------------- */

static bool scope_has(const struct world_scope *s, uint32_t vpc)
{
	for (size_t i = 0; i < s->vpcs.n; i++)
		if (s->vpcs.at[i] == vpc)
			return true;
	return false;
}

static int scope_add_vpc(struct world_scope *s, uint32_t vpc)
{
	uint32_t *added;

	if (!vpc || scope_has(s, vpc))
		return 0;
	added = ARRAY_PUSH(&s->vpcs);
	if (!added)
		return -ENOMEM;
	*added = vpc;
	return 0;
}

static int scope_add_all(struct world_scope *s, const struct model *m)
{
	const struct object *o = NULL;
	int r = 0;

	while (r == 0 && (o = model_next(m, OBJECT_VPC, o)))
		r = scope_add_vpc(s, o->number);
	return r;
}

/* Rules of any VPC may name a prefix list, and some objects belong to no VPC, or to two. */
static bool concerns_all(const struct object *o)
{
	return o->kind == OBJECT_PREFIX_LIST || o->kind == OBJECT_PREFIX_ENTRY || o->kind == OBJECT_PEERING ||
	       o->kind == OBJECT_IGW || o->kind == OBJECT_EIP;
}

static int scope_add_peers(struct world_scope *s, const struct model *m)
{
	const struct object *o = NULL;
	size_t n = s->vpcs.n;
	int r = 0;

	while (r == 0 && (o = model_next(m, OBJECT_PEERING, o)))
		for (size_t i = 0; r == 0 && i < n; i++) {
			if (s->vpcs.at[i] == peering_of(o)->vpc)
				r = scope_add_vpc(s, peering_of(o)->peer_vpc);
			else if (s->vpcs.at[i] == peering_of(o)->peer_vpc)
				r = scope_add_vpc(s, peering_of(o)->vpc);
		}
	return r;
}

/* The VPC of an object that the model may no longer show. */
static uint32_t vpc_of_object(const struct model *m, const struct object *o)
{
	const struct object *whole = o->kind == OBJECT_RULE ? model_by_number(m, OBJECT_SG, rule_of(o)->sg) : o;

	return whole ? model_vpc_of(m, whole) : 0;
}

int world_scope_add(struct world_scope *s, const struct model *m, const struct delta *deltas, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct object *o = deltas[i].after ? deltas[i].after : deltas[i].before;

		if (concerns_all(o))
			return scope_add_all(s, m);
		r = scope_add_vpc(s, vpc_of_object(m, o));
	}
	return r < 0 ? r : scope_add_peers(s, m);
}

void world_scope_clear(struct world_scope *s)
{
	free(s->vpcs.at);
	*s = (struct world_scope){0};
}

/* --- copying ------------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, const void *data, size_t bytes)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ b[i]) * 0x100000001b3u;
	return h;
}

static uint64_t rule_digest(const struct world_rule *r)
{
	uint64_t h = 0xcbf29ce484222325u;

	h = mix(h, &r->direction, sizeof(r->direction));
	h = mix(h, &r->allow, sizeof(r->allow));
	h = mix(h, &r->first, sizeof(r->first));
	h = mix(h, &r->last, sizeof(r->last));
	h = mix(h, &r->peer, sizeof(r->peer));
	h = mix(h, r->cidr.addr.bytes, sizeof(r->cidr.addr.bytes));
	h = mix(h, &r->cidr.addr.family, sizeof(r->cidr.addr.family));
	h = mix(h, &r->cidr.plen, sizeof(r->cidr.plen));
	return mix(h, &r->number, sizeof(r->number));
}

static void ports(int protocol, int32_t from, int32_t to, struct world_rule *ret)
{
	uint32_t base = (uint32_t)protocol << 16;

	ret->first = protocol == PROTOCOL_ALL ? 0 : base;
	ret->last = protocol == PROTOCOL_ALL ? REGION_LAST : base | 0xffff;
	if (protocol == PROTOCOL_ALL || from < 0)
		return;
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
		ret->first = base | (uint32_t)from;
		ret->last = base | (uint32_t)to;
	} else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		ret->first = base | (uint32_t)from << 8 | (uint32_t)(to < 0 ? 0 : to);
		ret->last = base | (uint32_t)from << 8 | (uint32_t)(to < 0 ? 0xff : to);
	}
}

static struct world_rules *add_rules(struct world_set *s, uint32_t number)
{
	struct world_rules *added = ARRAY_PUSH(&s->list);

	if (added)
		*added = (struct world_rules){.number = number};
	return added;
}

/* ordered: the order of the rules counts. */
static int add_rule(struct world *w, struct world_rules *to, const struct world_rule *rule, size_t *total, bool ordered)
{
	struct world_rule *added;

	if (++*total > RULES_MAX) {
		w->too_large = true;
		return 0;
	}
	added = ARRAY_PUSH(&to->list);
	if (!added)
		return -ENOMEM;
	*added = *rule;
	to->digest = ordered ? mix(to->digest, &(uint64_t){rule_digest(rule)}, 8) : to->digest + rule_digest(rule);
	return 0;
}

static int copy_group(struct world *w, const struct model *m, const struct object *o, size_t *total)
{
	struct world_rules *to = add_rules(&w->groups, o->number);
	const struct rule *r = NULL;
	int err = to ? 0 : -ENOMEM;

	if (to)
		snprintf(to->name, sizeof(to->name), "%.63s", o->name);
	while (err == 0 && (r = model_next_rule(m, o->number, r))) {
		struct world_rule rule = {.direction = r->direction, .allow = true, .peer = r->peer};

		ports(r->protocol, r->from_port, r->to_port, &rule);
		if (r->peer == PEER_CIDR)
			rule.cidr = r->cidr;
		else
			rule.number = r->peer == PEER_SG ? r->peer_sg : r->peer_list;
		err = add_rule(w, to, &rule, total, false);
	}
	return err;
}

static int copy_list(struct world *w, const struct model *m, const struct object *o, size_t *total)
{
	struct world_rules *to = add_rules(&w->lists, o->number);
	const struct object *e = NULL;
	int err = to ? 0 : -ENOMEM;

	while (err == 0 && (e = model_next_part(m, OBJECT_PREFIX_LIST, o->number, OBJECT_PREFIX_ENTRY, e))) {
		struct world_rule rule = {.allow = true, .cidr = prefix_entry_of(e)->cidr};

		if (!prefix_entry_of(e)->until)
			err = add_rule(w, to, &rule, total, false);
	}
	return err;
}

static int copy_acl(struct world *w, const struct object *o, size_t *total)
{
	struct world_rules *to = add_rules(&w->acls, o->number);
	int err = to ? 0 : -ENOMEM;

	for (size_t i = 0; err == 0 && i < acl_of(o)->n_rules; i++) {
		const struct acl_rule *r = &acl_of(o)->rules[i];
		struct world_rule rule = {.direction = r->direction, .allow = r->allow, .cidr = r->cidr};

		ports(r->protocol, r->from_port, r->to_port, &rule);
		err = add_rule(w, to, &rule, total, true);
	}
	return err;
}

static int copy_table(struct world *w, const struct object *o)
{
	const struct vpc_route_table *rt = route_table_of(o);
	struct world_table *to = ARRAY_PUSH(&w->tables);

	if (!to)
		return -ENOMEM;
	*to = (struct world_table){.number = o->number};
	to->routes = array_copy(rt->routes, rt->n_routes, sizeof(*rt->routes));
	to->lists = array_copy(rt->lists, rt->n_lists, sizeof(*rt->lists));
	to->n = to->routes ? rt->n_routes : 0;
	to->n_lists = to->lists ? rt->n_lists : 0;
	return to->routes && to->lists ? 0 : -ENOMEM;
}

static int copy_vpc(struct world *w, const struct model *m, const struct object *o)
{
	struct world_vpc *to = ARRAY_PUSH(&w->vpcs);
	const struct object *p = NULL;
	const struct cidr *c;

	if (!to)
		return -ENOMEM;
	*to = (struct world_vpc){.number = o->number};
	for (size_t i = 0; (c = vpc_cidr(vpc_of(o), i)) && to->n_cidrs < ARRAY_SIZE(to->cidrs); i++)
		to->cidrs[to->n_cidrs++] = *c;
	while ((p = model_next(m, OBJECT_PEERING, p)) && to->n_peers < ARRAY_SIZE(to->peers)) {
		const struct peering *peering = peering_of(p);

		if (peering->status != PEERING_ACTIVE)
			continue;
		if (peering->vpc == o->number)
			to->peers[to->n_peers++] = peering->peer_vpc;
		else if (peering->peer_vpc == o->number)
			to->peers[to->n_peers++] = peering->vpc;
	}
	return 0;
}

static int copy_eni(struct world *w, const struct model *m, const struct eni *e)
{
	const struct object *subnet = model_by_number(m, OBJECT_SUBNET, e->subnet);
	const struct object *vpc = model_by_number(m, OBJECT_VPC, e->vpc);
	struct world_eni *to = w->enis.n < ENIS_MAX ? ARRAY_PUSH(&w->enis) : NULL;

	if (!to && w->enis.n >= ENIS_MAX) {
		w->too_large = true;
		return 0;
	}
	if (!to || !subnet || !vpc)
		return -ENOMEM;
	*to = (struct world_eni){.number = e->o.number, .vpc = e->vpc, .subnet = e->subnet, .n_groups = e->n_groups};
	to->acl = subnet_of(subnet)->acl ? subnet_of(subnet)->acl : vpc_of(vpc)->default_acl;
	to->table = subnet_of(subnet)->route_table ? subnet_of(subnet)->route_table : vpc_of(vpc)->main_route_table;
	to->address[0] = e->ip;
	to->address[1] = e->ip6;
	memcpy(to->groups, e->groups, sizeof(to->groups));
	snprintf(to->id, sizeof(to->id), "%s", e->o.id);
	snprintf(to->name, sizeof(to->name), "%.63s", e->o.name);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static struct world_eni *eni_at(struct world *w, uint32_t number)
{
	return w->enis.n ? bsearch(&number, w->enis.at, w->enis.n, sizeof(*w->enis.at), by_number) : NULL;
}

/* What the world reaches of the ENIs. */
static void copy_publicity(struct world *w, const struct model *m)
{
	const struct object *o = NULL;

	while ((o = model_next(m, OBJECT_EIP, o))) {
		struct world_eni *e = eip_of(o)->eni ? eni_at(w, eip_of(o)->eni) : NULL;

		if (e)
			e->has_eip = true;
	}
	while ((o = model_next(m, OBJECT_PUBLISH, o))) {
		const struct publication *p = publish_of(o);
		struct world_eni *e = eni_at(w, p->eni);

		if (e)
			region_add(&e->published, (uint32_t)p->protocol << 16 | p->from_port,
				   (uint32_t)p->protocol << 16 | p->to_port);
	}
	for (size_t i = 0; i < w->enis.n; i++)
		region_sort(&w->enis.at[i].published);
}

static int copy_kind(struct world *w, const struct model *m, const struct world_scope *s, enum object_kind kind,
		     size_t *total)
{
	const struct object *o = NULL;
	int r = 0;

	while (r == 0 && (o = model_next(m, kind, o))) {
		if (kind != OBJECT_PREFIX_LIST && !scope_has(s, kind == OBJECT_VPC ? o->number : model_vpc_of(m, o)))
			continue;
		r = kind == OBJECT_SG		 ? copy_group(w, m, o, total)
		    : kind == OBJECT_PREFIX_LIST ? copy_list(w, m, o, total)
		    : kind == OBJECT_ACL	 ? copy_acl(w, o, total)
		    : kind == OBJECT_ROUTE_TABLE ? copy_table(w, o)
		    : kind == OBJECT_VPC	 ? copy_vpc(w, m, o)
						 : copy_eni(w, m, eni_of(o));
	}
	return r;
}

static void sort_rules(struct world_set *s)
{
	_Static_assert(offsetof(struct world_rules, number) == 0, "by_number");
	if (s->list.n)
		qsort(s->list.at, s->list.n, sizeof(*s->list.at), by_number);
}

int world_copy(struct world *w, const struct model *m, const struct world_scope *s)
{
	static const enum object_kind kinds[] = {OBJECT_VPC, OBJECT_PREFIX_LIST, OBJECT_SG,
						 OBJECT_ACL, OBJECT_ROUTE_TABLE, OBJECT_ENI};
	size_t total = 0;
	int r = 0;

	_Static_assert(offsetof(struct world_eni, number) == 0, "by_number");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = copy_kind(w, m, s, kinds[i], &total);
	if (r < 0)
		return r;
	sort_rules(&w->groups);
	sort_rules(&w->lists);
	sort_rules(&w->acls);
	if (w->enis.n)
		qsort(w->enis.at, w->enis.n, sizeof(*w->enis.at), by_number);
	copy_publicity(w, m);
	return 0;
}

static void clear_rules(struct world_set *s)
{
	for (size_t i = 0; i < s->list.n; i++)
		free(s->list.at[i].list.at);
	free(s->list.at);
}

void world_clear(struct world *w)
{
	clear_rules(&w->groups);
	clear_rules(&w->lists);
	clear_rules(&w->acls);
	for (size_t i = 0; i < w->enis.n; i++)
		region_clear(&w->enis.at[i].published);
	for (size_t i = 0; i < w->tables.n; i++)
		free(w->tables.at[i].routes), free(w->tables.at[i].lists);
	free(w->enis.at);
	free(w->tables.at);
	free(w->vpcs.at);
	*w = (struct world){0};
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

const struct world_rules *world_find(const struct world_set *s, uint32_t number)
{
	return s->list.n ? bsearch(&number, s->list.at, s->list.n, sizeof(*s->list.at), by_number) : NULL;
}

const struct world_table *world_table(const struct world *w, uint32_t number)
{
	for (size_t i = 0; i < w->tables.n; i++)
		if (w->tables.at[i].number == number)
			return &w->tables.at[i];
	return NULL;
}

const struct world_vpc *world_vpc(const struct world *w, uint32_t number)
{
	for (size_t i = 0; i < w->vpcs.n; i++)
		if (w->vpcs.at[i].number == number)
			return &w->vpcs.at[i];
	return NULL;
}
