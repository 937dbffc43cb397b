/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model itself, and reading it. */
#include "model/model.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "model/internal.h"

int model_new(const struct vpc_limits *limits, struct model **ret)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->limits = *limits;
	m->next_order = 1;
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		m->next_number[kind] = kind_first_number((enum object_kind)kind);
	if (index_init(&m->ix) < 0) {
		free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	assert(!m->in_transaction);
	index_clear(&m->ix);
	free(m->instance);
	free(m);
}

const struct vpc_limits *model_limits(const struct model *m)
{
	return &m->limits;
}

void model_set_pools(struct model *m, const struct pool *pools, size_t n)
{
	assert(n <= POOLS_MAX);
	m->n_pools = n;
	if (n)
		memcpy(m->pools, pools, n * sizeof(*pools));
}

unsigned model_pool_of(const struct model *m, const struct ip *ip)
{
	for (size_t i = 0; i < m->n_pools; i++)
		if (cidr_contains_ip(&m->pools[i].cidr, ip))
			return (unsigned)i + 1;
	return 0;
}

uint32_t model_next_rule_number(const struct model *m)
{
	return m->next_number[OBJECT_RULE];
}

void model_set_next_rule_number(struct model *m, uint32_t next)
{
	uint32_t *mine = &m->next_number[OBJECT_RULE];

	/* 0: all were given out. */
	if (*mine && (!next || next > *mine))
		*mine = next;
}

void model_set_instance(struct model *m, const char *instance)
{
	/* Without memory the former name stays. Only a text for people shows it. */
	text_set(&m->instance, instance);
}

const char *model_netns_name(const struct vpc *v, const char *instance, char *buf, size_t size)
{
	bool named = instance && instance[0] && strcmp(instance, "default") != 0;

	snprintf(buf, size, "%s%s%s", named ? instance : "", named ? "-" : "", v->o.id);
	return buf;
}

int model_upgrade(struct model_txn *t, struct vpc_error *reterr)
{
	int r = vpc_make_missing(t, OBJECT_ROUTE_TABLE, offsetof(struct vpc, main_route_table), reterr);

	return r < 0 ? r : vpc_make_missing(t, OBJECT_ACL, offsetof(struct vpc, default_acl), reterr);
}

/* --- looking up -------------------------------------------------------------------------------------------------- */

const struct object *model_find(const struct model *m, enum object_kind kind, const char *id)
{
	const struct object *o = index_by_id(&m->ix, id);

	return o && o->kind == kind ? o : NULL;
}

const struct object *model_by_number(const struct model *m, enum object_kind kind, uint32_t number)
{
	return index_by_number(&m->ix, kind, number);
}

const struct vpc *model_vpc(const struct model *m, uint32_t number)
{
	return (const struct vpc *)index_by_number(&m->ix, OBJECT_VPC, number);
}

const struct subnet *model_subnet(const struct model *m, uint32_t number)
{
	return (const struct subnet *)index_by_number(&m->ix, OBJECT_SUBNET, number);
}

const struct sg *model_sg(const struct model *m, uint32_t number)
{
	return (const struct sg *)index_by_number(&m->ix, OBJECT_SG, number);
}

static int not_found(enum object_kind kind, const char *ref, const char *field, struct vpc_error *reterr)
{
	const struct kind *k = kind_of(kind);

	/* a part is shown with what it belongs to */
	vpc_error_set(reterr, k->not_found, field, "there is no %s '%.255s'%s%s%s", k->title, ref,
		      k->path ? "; vpcctl " : "", k->path ? k->noun : "", k->path ? " list shows those there are" : "");
	message_clean(reterr);
	return -EINVAL;
}

/* Every object of the kind with that name, over all VPCs. */
static const struct posting *named(const struct model *m, enum object_kind kind, const char *name)
{
	char lower[256];
	size_t n = strlen(name);

	if (kind_ops(kind)->names_ignore_case && n < sizeof(lower)) {
		memcpy(lower, name, n + 1);
		name_lower(lower);
		name = lower;
	}
	return index_posting(&m->ix, POSTING_NAME, (uint32_t)kind, name, n);
}

static int ambiguous(const struct posting *p, enum object_kind kind, const char *name, const char *field,
		     struct vpc_error *reterr)
{
	char list[640] = "";
	size_t used = 0;

	for (const struct post *post = p->first; post; post = post->next) {
		if (vpc_error_add_holder(reterr, post->owner->id) < 0)
			return vpc_error_oom(reterr);
		if (used + 2 + strlen(post->owner->id) < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
						 post->owner->id);
	}
	vpc_error_set(reterr, VPC_E_AMBIGUOUS_NAME, field,
		      "the %s name '%.255s' fits several; say in which VPC (--vpc), or use an id: %s",
		      kind_of(kind)->title, name, list);
	message_clean(reterr);
	return -EINVAL;
}

static int resolve_in_scope(const struct model *m, enum object_kind kind, const char *ref, const char *scope,
			    const char *field, const struct object **ret, struct vpc_error *reterr)
{
	_cleanup_free_ char *key = NULL;
	const struct object *vpc;
	int r = model_resolve(m, OBJECT_VPC, scope, NULL, "vpc", &vpc, reterr);

	if (r < 0)
		return r;
	key = name_key(kind, vpc->number, ref);
	if (!key)
		return vpc_error_oom(reterr);
	*ret = index_by_key(&m->ix, key);
	return *ret ? 0 : not_found(kind, ref, field, reterr);
}

int model_resolve(const struct model *m, enum object_kind kind, const char *ref, const char *scope, const char *field,
		  const struct object **ret, struct vpc_error *reterr)
{
	const struct object *o = NULL;
	const struct posting *p;

	/* No name starts like an id, and no part has a name. */
	if (kind_of(kind)->scope == SCOPE_PART || name_is_id(ref)) {
		o = model_find(m, kind, ref);
	} else if (scope && scope[0] && kind_of(kind)->scope != SCOPE_HOST) {
		int r = resolve_in_scope(m, kind, ref, scope, field, &o, reterr);

		if (r < 0)
			return r;
	} else {
		p = named(m, kind, ref);
		if (p && p->n > 1)
			return ambiguous(p, kind, ref, field, reterr);
		o = p && p->n ? p->first->owner : NULL;
	}
	if (!o)
		return not_found(kind, ref, field, reterr);
	*ret = o;
	return 0;
}

size_t model_count(const struct model *m, enum object_kind kind)
{
	return m->ix.n[kind];
}

const struct object *model_next(const struct model *m, enum object_kind kind, const struct object *prev)
{
	return prev ? prev->next : m->ix.first[kind];
}

uint32_t model_vpc_of(const struct model *m, const struct object *o)
{
	while (o && o->kind != OBJECT_VPC) {
		enum object_kind kind = kind_ops(o->kind)->parent.kind;
		uint32_t parent = object_parent(o);

		if (!parent || kind == OBJECT_VPC)
			return parent;
		o = index_by_number(&m->ix, kind, parent);
	}
	return o ? o->number : 0;
}

const struct object *model_parent(const struct model *m, const struct object *o)
{
	if (kind_of(o->kind)->scope != SCOPE_PART)
		return NULL;
	return index_by_number(&m->ix, kind_ops(o->kind)->parent.kind, object_parent(o));
}

bool model_refers(const struct model *m, const struct object *o, enum object_kind kind, uint32_t number)
{
	return index_refers(&m->ix, o, kind, number);
}

size_t model_referrers(const struct model *m, enum object_kind kind, uint32_t number, enum object_kind by,
		       const struct object **ret, size_t max)
{
	const struct posting *p = index_referrers(&m->ix, kind, number, by);
	size_t n = 0;

	for (const struct post *post = p ? p->first : NULL; post && n < max; post = post->next)
		ret[n++] = post->owner;
	return posting_count(p);
}

const struct object *model_next_part(const struct model *m, enum object_kind kind, uint32_t number,
				     enum object_kind part, const struct object *prev)
{
	const struct posting *p;
	const struct post *post;

	if (prev) {
		/* A part's first posting is its parent's. */
		post = prev->posts[0].next;
	} else {
		p = index_parts(&m->ix, kind, number, part);
		post = p ? p->first : NULL;
	}
	return post ? post->owner : NULL;
}

const struct rule *model_next_rule(const struct model *m, uint32_t sg, const struct rule *prev)
{
	return (const struct rule *)model_next_part(m, OBJECT_SG, sg, OBJECT_RULE, prev ? &prev->o : NULL);
}

const struct schema *model_schemas(enum object_kind kind, size_t *ret_n)
{
	*ret_n = kind_ops(kind)->n_schemas;
	return kind_ops(kind)->schemas;
}

bool model_has_list(enum object_kind kind)
{
	return kind_ops(kind)->has_list;
}

const struct eni *model_eni_by_ip(const struct model *m, uint32_t vpc, const struct ip *ip)
{
	const struct posting *p = index_posting(&m->ix, POSTING_ADDRESS, vpc, ip->bytes, sizeof(ip->bytes));

	return p && p->n ? eni_of(p->first->owner) : NULL;
}
