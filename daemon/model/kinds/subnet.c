/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subnets. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "model/internal.h"

#define CIDR4_PLEN_MAX	   28
#define CIDR6_PLEN	   64
#define GATEWAY6	   "fe80::1"
/* The first four and the last IPv4 address of each subnet. */
#define RESERVED_ADDRESSES 5u

static int check_conflict(const struct model *m, const struct subnet *s, struct vpc_error *reterr)
{
	const struct posting *p = index_referrers(&m->ix, OBJECT_VPC, s->vpc, OBJECT_SUBNET);

	for (const struct post *post = p ? p->first : NULL; post; post = post->next) {
		const struct subnet *other = subnet_of(post->owner);
		bool overlaps4 = cidr_overlaps(&s->cidr, &other->cidr);
		char own[CIDR_STRLEN], text[CIDR_STRLEN];

		if (!overlaps4 && !cidr_overlaps(&s->cidr6, &other->cidr6))
			continue;
		return vpc_error_set(reterr, VPC_E_INVALID_SUBNET_CONFLICT, overlaps4 ? "cidr" : "cidr6",
				     "%s overlaps %s of %s; choose a range that no subnet has (vpcctl subnet list)",
				     cidr_format(overlaps4 ? &s->cidr : &s->cidr6, own),
				     cidr_format(overlaps4 ? &other->cidr : &other->cidr6, text), other->o.id);
	}
	return 0;
}

static int not_in_vpc(const struct vpc *v, const struct cidr *cidr, const char *field, struct vpc_error *reterr)
{
	char all[(2 + VPC_SECONDARY_MAX) * (CIDR_STRLEN + 2)] = "", text[CIDR_STRLEN];
	const struct cidr *own;
	size_t at = 0;

	for (size_t i = 0; (own = vpc_cidr(v, i)); i++)
		if (own->addr.family == cidr->addr.family)
			at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", at ? ", " : "",
					       cidr_format(own, text));
	return vpc_error_set(
		reterr, VPC_E_INVALID_SUBNET_RANGE, field,
		"%s is not in the VPC's %s; choose a part of that, or add a CIDR to the VPC (vpcctl vpc add-cidr)",
		cidr_format(cidr, text), all);
}

static int check_cidrs(const struct change *c, const struct vpc *v, struct subnet *s, struct vpc_error *reterr)
{
	int r = cidr_check(c->cidr, 4, "cidr", &s->cidr, reterr);

	if (r < 0)
		return r;
	if (s->cidr.plen > CIDR4_PLEN_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_SUBNET_RANGE, "cidr",
				     "%s is too small; the smallest subnet is a /%d", c->cidr, CIDR4_PLEN_MAX);
	if (!vpc_has_cidr(v, &s->cidr))
		return not_in_vpc(v, &s->cidr, "cidr", reterr);
	if (!change_has(c, FIELD_CIDR6))
		return 0;
	r = cidr_check(c->cidr6, 6, "cidr6", &s->cidr6, reterr);
	if (r < 0)
		return r;
	if (!v->cidr6.addr.family)
		return vpc_error_set(
			reterr, VPC_E_INVALID_SUBNET_RANGE, "cidr6",
			"%s has no IPv6; leave cidr6 out, or give the VPC an IPv6 CIDR first (vpcctl vpc add-cidr)",
			v->o.id);
	if (s->cidr6.plen != CIDR6_PLEN)
		return vpc_error_set(reterr, VPC_E_INVALID_SUBNET_RANGE, "cidr6",
				     "a subnet's IPv6 is a /%d, %s is not; choose a /%d of the VPC's", CIDR6_PLEN,
				     c->cidr6, CIDR6_PLEN);
	if (!vpc_has_cidr(v, &s->cidr6))
		return not_in_vpc(v, &s->cidr6, "cidr6", reterr);
	return 0;
}

int subnet_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_SUBNET);
	struct subnet *s = (struct subnet *)o;
	const struct object *vpc;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = txn_target(t, c, OBJECT_VPC, &vpc, reterr);
	if (r < 0)
		return r;
	s->vpc = vpc->number;
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0)
		r = check_cidrs(c, vpc_of(vpc), s, reterr);
	if (r >= 0)
		r = check_conflict(t->m, s, reterr);
	return r < 0 ? r : change_add(t, TAKE_PTR(o), ret, reterr);
}

int subnet_set_number(struct model_txn *t, const struct object *subnet, size_t offset, uint32_t number,
		      struct vpc_error *reterr)
{
	struct object *copy;

	if (*(const uint32_t *)((const char *)subnet + offset) == number)
		return 0;
	copy = object_copy(subnet);
	if (!copy)
		return vpc_error_oom(reterr);
	*(uint32_t *)((char *)copy + offset) = number;
	return txn_replace(t, subnet, copy, reterr);
}

uint32_t subnet_offset(const struct subnet *s, const struct ip *ip)
{
	const struct cidr *c = ip->family == 4 ? &s->cidr : &s->cidr6;
	uint32_t base, low;

	if (memcmp(c->addr.bytes, ip->bytes, ip->family == 4 ? 0 : 12) != 0)
		return UINT32_MAX;
	memcpy(&base, c->addr.bytes + 12, sizeof(base));
	memcpy(&low, ip->bytes + 12, sizeof(low));
	return ntohl(low) - ntohl(base);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	struct subnet *s = (struct subnet *)to;

	s->vpc = subnet_of(from)->vpc;
	s->cidr = subnet_of(from)->cidr;
	s->cidr6 = subnet_of(from)->cidr6;
	s->route_table = subnet_of(from)->route_table;
	s->acl = subnet_of(from)->acl;
	return 0;
}

static int post(struct index *ix, struct object *o)
{
	const struct subnet *s = subnet_of(o);
	int r = s->route_table ? index_post_reference(ix, o, OBJECT_ROUTE_TABLE, s->route_table) : 0;

	return r >= 0 && s->acl ? index_post_reference(ix, o, OBJECT_ACL, s->acl) : r;
}

static int put_common(const struct model *m, const struct subnet *s, uint32_t table, uint32_t acl, json_t *ret)
{
	const struct object *network_acl = model_by_number(m, OBJECT_ACL, acl);
	const struct object *rt = model_by_number(m, OBJECT_ROUTE_TABLE, table);

	if (json_put(ret, "vpc_id", json_string(model_vpc(m, s->vpc)->o.id)) < 0 ||
	    json_put(ret, "cidr", json_cidr(&s->cidr)) < 0 || json_put(ret, "cidr6", json_cidr(&s->cidr6)) < 0)
		return -ENOMEM;
	if (json_put(ret, "route_table_id", json_text_or_null(rt ? rt->id : NULL)) < 0)
		return -ENOMEM;
	return json_put(ret, "network_acl_id", json_text_or_null(network_acl ? network_acl->id : NULL));
}

/* null there: the VPC's own ones. */
static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	return put_common(m, subnet_of(o), subnet_of(o)->route_table, subnet_of(o)->acl, ret);
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	const struct subnet *s = subnet_of(o);
	struct ip gateway = cidr_nth(&s->cidr, 1);
	int64_t usable = ((int64_t)1 << (32 - s->cidr.plen)) - RESERVED_ADDRESSES;
	int64_t used = (int64_t)posting_count(index_posting(&m->ix, POSTING_ADDRESSES4_OF_SUBNET, o->number, NULL, 0));

	uint32_t table = s->route_table ? s->route_table : model_vpc(m, s->vpc)->main_route_table;
	uint32_t acl = s->acl ? s->acl : model_vpc(m, s->vpc)->default_acl;

	if (json_put(ret, "number", json_integer(o->number)) < 0 || put_common(m, s, table, acl, ret) < 0 ||
	    json_put(ret, "gateway", json_ip(&gateway)) < 0 ||
	    json_put(ret, "gateway6", json_text_or_null(s->cidr6.addr.family ? GATEWAY6 : NULL)) < 0 ||
	    json_put(ret, "available_ips", json_integer(usable - used)) < 0)
		return -ENOMEM;
	return 0;
}

/* Documents of earlier versions lack it. */
static bool document_has(const struct document *d, const char *key)
{
	const json_t *value = json_object_get(d->json, key);

	return value && !json_is_null(value);
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct subnet *s = (struct subnet *)o;

	s->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	s->cidr = document_cidr(d, "cidr", 4, true);
	s->cidr6 = document_cidr(d, "cidr6", 6, false);
	if (document_has(d, "network_acl_id"))
		s->acl = document_ref(m, d, "network_acl_id", OBJECT_ACL);
	if (s->acl && acl_of(model_by_number(m, OBJECT_ACL, s->acl))->vpc != s->vpc)
		document_damaged(d, "network_acl_id");
	if (!document_has(d, "route_table_id"))
		return;
	s->route_table = document_ref(m, d, "route_table_id", OBJECT_ROUTE_TABLE);
	if (s->route_table && route_table_of(model_by_number(m, OBJECT_ROUTE_TABLE, s->route_table))->vpc != s->vpc)
		document_damaged(d, "route_table_id");
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "its bridge is called br and this"},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"cidr", SCHEMA_STRING, NULL},
	{"cidr6", SCHEMA_STRING_OR_NULL, NULL},
	{"gateway", SCHEMA_STRING, NULL},
	{"gateway6", SCHEMA_STRING_OR_NULL, NULL},
	{"available_ips", SCHEMA_INTEGER, NULL},
	{"route_table_id", SCHEMA_STRING_OR_NULL,
	 "that it uses: the one that it is associated with, or the VPC's main one"},
	{"network_acl_id", SCHEMA_STRING_OR_NULL,
	 "that it uses: the one that it is associated with, or the VPC's default one"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops subnet_ops = {
	.size = sizeof(struct subnet),
	.parent = {OBJECT_VPC, offsetof(struct subnet, vpc)},
	.limit_per_vpc = MODEL_LIMIT_subnets_per_vpc,
	.copy = copy_members,
	.post = post,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
