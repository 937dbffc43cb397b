/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CIDRs of VPCs: vpc.add-cidr, vpc.remove-cidr. */
#include <assert.h>
#include <string.h>

#include "model/kinds/route_table.h"

#define CIDR4_PLEN_MIN 8
#define CIDR4_PLEN_MAX 28
#define CIDR6_PLEN_MIN 44
#define CIDR6_PLEN_MAX 60

/* What no VPC may have, and what an IPv6 one must be in. */
static const char *const reserved4[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"};
static const char *const allowed6[] = {"2000::/3", "fc00::/7"};

/* --- which CIDRs a VPC can have ---------------------------------------------------------------------------------- */

static int check_range4(const char *text, const char *field, const struct cidr *c, struct vpc_error *reterr)
{
	if (c->plen < CIDR4_PLEN_MIN || c->plen > CIDR4_PLEN_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_VPC_RANGE, field,
				     "a VPC is /%d to /%d, %s is not; choose another size", CIDR4_PLEN_MIN,
				     CIDR4_PLEN_MAX, text);
	for (size_t i = 0; i < ARRAY_SIZE(reserved4); i++) {
		struct cidr reserved;

		if (cidr_parse(reserved4[i], &reserved) == 0 && cidr_overlaps(&reserved, c))
			return vpc_error_set(reterr, VPC_E_INVALID_VPC_RANGE, field,
					     "%s overlaps %s, which is reserved; choose another range", text,
					     reserved4[i]);
	}
	return 0;
}

static int check_range6(const char *text, const char *field, const struct cidr *c, struct vpc_error *reterr)
{
	if (c->plen < CIDR6_PLEN_MIN || c->plen > CIDR6_PLEN_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_VPC_RANGE, field,
				     "a VPC's IPv6 is /%d to /%d, %s is not; choose another size", CIDR6_PLEN_MIN,
				     CIDR6_PLEN_MAX, text);
	for (size_t i = 0; i < ARRAY_SIZE(allowed6); i++) {
		struct cidr allowed;

		if (cidr_parse(allowed6[i], &allowed) == 0 && cidr_contains(&allowed, c))
			return 0;
	}
	return vpc_error_set(reterr, VPC_E_INVALID_VPC_RANGE, field,
			     "%s is neither in %s nor in %s; choose a range in one of them", text, allowed6[0],
			     allowed6[1]);
}

int vpc_cidr_check(const char *text, uint8_t family, const char *field, struct cidr *ret, struct vpc_error *reterr)
{
	int r = cidr_check(text, family, field, ret, reterr);

	if (r < 0)
		return r;
	return ret->addr.family == 4 ? check_range4(text, field, ret, reterr) : check_range6(text, field, ret, reterr);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

const struct cidr *vpc_cidr(const struct vpc *v, size_t i)
{
	if (i == 0)
		return &v->cidr;
	if (v->cidr6.addr.family && i == 1)
		return &v->cidr6;
	i -= v->cidr6.addr.family ? 2 : 1;
	return i < v->n_secondary ? &v->secondary[i] : NULL;
}

bool vpc_has_cidr(const struct vpc *v, const struct cidr *c)
{
	const struct cidr *own;

	for (size_t i = 0; (own = vpc_cidr(v, i)); i++)
		if (cidr_contains(own, c))
			return true;
	return false;
}

const struct cidr *vpc_overlapping_cidr(const struct vpc *v, const struct cidr *c)
{
	const struct cidr *own;

	for (size_t i = 0; (own = vpc_cidr(v, i)); i++)
		if (cidr_overlaps(own, c))
			return own;
	return NULL;
}

static size_t count_family(const struct vpc *v, uint8_t family)
{
	const struct cidr *own;
	size_t n = 0;

	for (size_t i = 0; (own = vpc_cidr(v, i)); i++)
		n += own->addr.family == family;
	return n;
}

static bool cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return a->plen == b->plen && ip_equal(&a->addr, &b->addr);
}

/* --- vpc.add-cidr ------------------------------------------------------------------------------------------------ */

/* The first destination of the table's routes that c holds whole; NULL: none. */
static const struct cidr *destination_in(const struct model *m, const struct vpc_route_table *rt, const struct cidr *c)
{
	for (size_t i = 0; i < rt->n_routes; i++)
		if (cidr_contains(c, &rt->routes[i].destination))
			return &rt->routes[i].destination;
	return route_list_entry_in(m, rt, c);
}

/* A route of the VPC to the CIDR or to a part of it would lead nowhere any longer. A shorter one stays. */
static int check_routes(const struct model *m, const struct object *vpc, const struct cidr *c, struct vpc_error *reterr)
{
	const struct posting *p = index_referrers(&m->ix, OBJECT_VPC, vpc->number, OBJECT_ROUTE_TABLE);
	const struct cidr *first = NULL;
	char text[CIDR_STRLEN], whole[CIDR_STRLEN];

	for (const struct post *post = p ? p->first : NULL; post; post = post->next) {
		const struct cidr *inside = destination_in(m, route_table_of(post->owner), c);

		if (!inside)
			continue;
		if (vpc_error_add_holder(reterr, post->owner->id) < 0)
			return vpc_error_oom(reterr);
		first = first ? first : inside;
	}
	if (!first)
		return 0;
	return vpc_error_set(reterr, VPC_E_CIDR_CONFLICT, "cidr",
			     "there is a route to %s, which is in %s; delete the route first, or choose another range",
			     cidr_format(first, text), cidr_format(c, whole));
}

static int check_new(const struct model *m, const struct object *o, const struct cidr *c, struct vpc_error *reterr)
{
	const struct cidr *other = vpc_overlapping_cidr(vpc_of(o), c);
	size_t asked = count_family(vpc_of(o), c->addr.family) + 1;
	char text[CIDR_STRLEN], whole[CIDR_STRLEN];
	int r;

	if (other)
		return vpc_error_set(reterr, VPC_E_CIDR_CONFLICT, "cidr", "%s overlaps %s of %s; choose another range",
				     cidr_format(c, text), cidr_format(other, whole), o->id);
	r = limit_check(m, MODEL_LIMIT_cidrs_per_vpc, asked, VPC_E_RESOURCE_LIMIT_EXCEEDED, "cidr", reterr);
	if (r >= 0)
		r = peering_check_cidr(m, o->number, c, "cidr", reterr);
	return r < 0 ? r : check_routes(m, o, c, reterr);
}

int vpc_add_cidr(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	struct object *copy;
	struct cidr cidr;
	struct vpc *v;
	int r = txn_target(t, c, OBJECT_VPC, &o, reterr);

	if (r >= 0)
		r = vpc_cidr_check(c->cidr, 0, "cidr", &cidr, reterr);
	if (r >= 0)
		r = check_new(t->m, o, &cidr, reterr);
	if (r < 0)
		return r;
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	v = (struct vpc *)copy;
	assert(v->n_secondary < VPC_SECONDARY_MAX); /* by the limit, which can't be set higher */
	if (cidr.addr.family == 6 && !v->cidr6.addr.family)
		v->cidr6 = cidr;
	else
		v->secondary[v->n_secondary++] = cidr;
	result_set(ret, o);
	r = txn_replace(t, o, copy, reterr);
	return r < 0 ? r : vpc_note_exits(t, v->o.number, reterr);
}

/* --- vpc.remove-cidr --------------------------------------------------------------------------------------------- */

static int check_no_subnets(const struct model *m, const struct object *vpc, const struct cidr *c,
			    struct vpc_error *reterr)
{
	const struct posting *p = index_referrers(&m->ix, OBJECT_VPC, vpc->number, OBJECT_SUBNET);
	const struct object *first = NULL;
	char text[CIDR_STRLEN];
	size_t n = 0;

	for (const struct post *post = p ? p->first : NULL; post; post = post->next) {
		const struct subnet *s = subnet_of(post->owner);

		if (!cidr_contains(c, &s->cidr) && !cidr_contains(c, &s->cidr6))
			continue;
		if (vpc_error_add_holder(reterr, s->o.id) < 0)
			return vpc_error_oom(reterr);
		first = first ? first : &s->o;
		n++;
	}
	if (!n)
		return 0;
	return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL,
			     "%s is still used by %zu subnet%s: %s%s; delete %s first", cidr_format(c, text), n,
			     n == 1 ? "" : "s", first->id, n == 1 ? "" : " and others", n == 1 ? "it" : "them");
}

static void remove_secondary(struct vpc *v, size_t i)
{
	v->n_secondary--;
	memmove(&v->secondary[i], &v->secondary[i + 1], (v->n_secondary - i) * sizeof(v->secondary[0]));
	v->secondary[v->n_secondary] = (struct cidr){0};
}

/* A secondary IPv6 CIDR takes the place of the first one. */
static void remove_first6(struct vpc *v)
{
	v->cidr6 = (struct cidr){0};
	for (size_t i = 0; i < v->n_secondary; i++) {
		if (v->secondary[i].addr.family != 6)
			continue;
		v->cidr6 = v->secondary[i];
		remove_secondary(v, i);
		return;
	}
}

/* False: the VPC doesn't have it. */
static bool remove_cidr(struct vpc *v, const struct cidr *c)
{
	if (cidr_equal(&v->cidr6, c)) {
		remove_first6(v);
		return true;
	}
	for (size_t i = 0; i < v->n_secondary; i++) {
		if (!cidr_equal(&v->secondary[i], c))
			continue;
		remove_secondary(v, i);
		return true;
	}
	return false;
}

int vpc_remove_cidr(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	struct cidr cidr;
	uint32_t vpc;
	int r = txn_target(t, c, OBJECT_VPC, &o, reterr);

	if (r >= 0)
		r = cidr_check(c->cidr, 0, "cidr", &cidr, reterr);
	if (r < 0)
		return r;
	vpc = o->number;
	if (cidr_equal(&vpc_of(o)->cidr, &cidr))
		return vpc_error_set(reterr, VPC_E_CANNOT_DELETE, "cidr",
				     "%s is the primary CIDR of %s; it goes with the VPC (vpcctl vpc delete)", c->cidr,
				     o->id);
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	if (!remove_cidr((struct vpc *)copy, &cidr))
		return vpc_error_set(reterr, VPC_E_INVALID_VPC_CIDR_NOT_FOUND, "cidr",
				     "%s does not have the CIDR %s; vpcctl vpc show lists those it has", o->id,
				     c->cidr);
	r = check_no_subnets(t->m, o, &cidr, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	r = txn_replace(t, o, TAKE_PTR(copy), reterr);
	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

json_t *vpc_secondary_to_json(const struct vpc *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->n_secondary; i++) {
		if (json_array_append_new(list, json_cidr(&v->secondary[i])) == 0)
			continue;
		json_decref(list);
		return NULL;
	}
	return list;
}

void vpc_secondary_load(struct document *d, struct vpc *v)
{
	const json_t *list = json_object_get(d->json, "secondary_cidrs");

	if (list && (!json_is_array(list) || json_array_size(list) > VPC_SECONDARY_MAX)) {
		document_damaged(d, "secondary_cidrs");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct cidr *c = &v->secondary[v->n_secondary];

		if (!text || cidr_parse(text, c) < 0 || cidr_has_host_bits(c) || vpc_overlapping_cidr(v, c) ||
		    (c->addr.family == 6 && !v->cidr6.addr.family)) {
			document_damaged(d, "secondary_cidrs");
			return;
		}
		v->n_secondary++;
	}
}
