/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPCs. */
#include <string.h>
#include <strings.h>

#include "model/internal.h"

#define MTU_DEFAULT 1500
#define MTU_MIN	    1280
#define MTU_MAX	    9216

/* What is wrong with a CIDR that isn't one, and what to write instead. */
static int not_a_cidr(const char *text, uint8_t family, const char *field, struct vpc_error *reterr)
{
	static const char *const everybody[] = {"any",	    "all",   "everyone", "everybody",
						"anywhere", "world", "internet", "*"};
	const char *kind = family == 4 ? "IPv4 " : family == 6 ? "IPv6 " : "IPv4 or IPv6 ";
	struct ip ip;

	if (ip_parse(text, &ip) == 0 && (!family || ip.family == family))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "'%.64s' is an address, not an %sCIDR; for this address alone write %.64s/%u",
				     text, kind, text, ip.family == 4 ? 32u : 128u);
	for (size_t i = 0; i < ARRAY_SIZE(everybody); i++)
		if (!strcasecmp(text, everybody[i]))
			return vpc_error_set(
				reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				"'%s' is not an %sCIDR; for everybody write 0.0.0.0/0 (IPv4) or ::/0 (IPv6)", text,
				kind);
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field, "'%.64s' is not an %sCIDR; give one as %s",
			     text, kind, family == 6 ? "fd00::/56" : "10.0.0.0/16");
}

int cidr_check(const char *text, uint8_t family, const char *field, struct cidr *ret, struct vpc_error *reterr)
{
	char fixed[CIDR_STRLEN];
	struct cidr c;

	if (cidr_parse(text ? text : "", &c) < 0 || (family && c.addr.family != family))
		return not_a_cidr(text ? text : "", family, field, reterr);
	if (cidr_has_host_bits(&c)) {
		struct cidr network = c;

		for (unsigned i = c.plen + (c.addr.family == 4 ? 96u : 0u); i < 128; i++)
			network.addr.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
		return vpc_error_set(reterr, VPC_E_INVALID_CIDR_HOST_BITS, field,
				     "'%.64s' has bits set beyond its prefix; did you mean %s?", text,
				     cidr_format(&network, fixed));
	}
	*ret = c;
	return 0;
}

static int check_mtu(const struct change *c, struct vpc *v, struct vpc_error *reterr)
{
	v->mtu = MTU_DEFAULT;
	if (!change_has(c, FIELD_MTU))
		return 0;
	if (c->mtu < MTU_MIN || c->mtu > MTU_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "mtu", "mtu is %d to %d, not %lld", MTU_MIN,
				     MTU_MAX, (long long)c->mtu);
	v->mtu = (uint32_t)c->mtu;
	return 0;
}

/* A NAT gateway behind the host's address, and with IPv6 an egress-only gateway, with default routes in the main table.
 */
static int make_internet(struct model_txn *t, const struct vpc *v, struct vpc_error *reterr)
{
	const struct cidr all4 = {.addr = {.family = 4, .bytes = {[10] = 0xff, [11] = 0xff}}},
			  all6 = {.addr = {.family = 6}};
	uint32_t vpc = v->o.number, table = v->main_route_table;
	bool has_ip6 = v->cidr6.addr.family != 0;
	const struct object *gateway;
	int r = make_in_vpc(t, OBJECT_NAT, vpc, &gateway, reterr);

	if (r >= 0)
		r = route_table_put(t, model_by_number(t->m, OBJECT_ROUTE_TABLE, table), &all4, gateway, reterr);
	if (r < 0 || !has_ip6)
		return r;
	r = make_in_vpc(t, OBJECT_EIGW, vpc, &gateway, reterr);
	return r < 0 ? r : route_table_put(t, model_by_number(t->m, OBJECT_ROUTE_TABLE, table), &all6, gateway, reterr);
}

int vpc_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_VPC);
	struct vpc *v = (struct vpc *)o;
	const struct object *table, *acl;
	const struct sg *group;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0)
		r = vpc_cidr_check(c->cidr, 4, "cidr", &v->cidr, reterr);
	if (r >= 0 && change_has(c, FIELD_CIDR6))
		r = vpc_cidr_check(c->cidr6, 6, "cidr6", &v->cidr6, reterr);
	if (r >= 0)
		r = check_mtu(c, v, reterr);
	v->count_flows = change_has(c, FIELD_COUNT_FLOWS) && c->count_flows;
	if (r >= 0)
		r = change_add(t, TAKE_PTR(o), ret, reterr);
	if (r < 0)
		return r;
	r = sg_make(t, v->o.number, SG_DEFAULT_NAME, NULL, true, &group, reterr);
	if (r >= 0)
		r = make_in_vpc(t, OBJECT_ROUTE_TABLE, v->o.number, &table, reterr);
	if (r >= 0)
		r = make_in_vpc(t, OBJECT_ACL, v->o.number, &acl, reterr);
	if (r < 0)
		return r;
	/* This version isn't visible to anybody yet, so it may be altered. */
	v->default_sg = group->o.number;
	v->main_route_table = table->number;
	v->default_acl = acl->number;
	return change_has(c, FIELD_INTERNET) && c->internet ? make_internet(t, v, reterr) : 0;
}

/* --- gateways and published ports -------------------------------------------------------------------------------- */

static bool has_exits(const struct model *m, uint32_t vpc)
{
	static const enum object_kind exits[] = {OBJECT_IGW, OBJECT_EIGW, OBJECT_NAT, OBJECT_PUBLISH};

	if (model_vpc(m, vpc)->n_host_access)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(exits); i++)
		if (posting_count(index_referrers(&m->ix, OBJECT_VPC, vpc, exits[i])))
			return true;
	return false;
}

static bool routes_out6(const struct table_route *r)
{
	return r->destination.addr.family == 6 && r->active && (r->kind == ROUTE_IGW || r->kind == ROUTE_EIGW);
}

/* A route to a prefix list counts whether or not the list has entries: so a change of these needs no look at it. */
static bool table_routes_out6(const struct vpc_route_table *rt)
{
	/* The routes for IPv6 are the last. */
	for (size_t i = rt->n_routes; i-- > 0 && rt->routes[i].destination.addr.family == 6;)
		if (routes_out6(&rt->routes[i]))
			return true;
	for (size_t i = 0; i < rt->n_lists; i++)
		if (routes_out6(&rt->lists[i]))
			return true;
	return false;
}

static bool has_exits6(const struct model *m, const struct vpc *v)
{
	const struct posting *p = index_referrers(&m->ix, OBJECT_VPC, v->o.number, OBJECT_ROUTE_TABLE);

	for (const struct post *post = p ? p->first : NULL; v->cidr6.addr.family && post; post = post->next)
		if (table_routes_out6(route_table_of(post->owner)))
			return true;
	return false;
}

/* Whether addresses of the family are reached from outside as they are: by the host, or IPv6 by the world. */
static bool is_reached(const struct vpc *v, uint8_t family, bool routed_out6)
{
	return vpc_reaches_host(v, family) || (family == 6 && routed_out6);
}

/* What isn't translated is reached in one VPC alone. */
static int check_reached(const struct model *m, const struct vpc *v, bool routed_out6, struct vpc_error *reterr)
{
	char text[CIDR_STRLEN], other[CIDR_STRLEN];

	if (!is_reached(v, 4, false) && !is_reached(v, 6, routed_out6))
		return 0;
	for (const struct object *o = NULL; (o = model_next(m, OBJECT_VPC, o));) {
		const struct cidr *own, *its;

		if (o->number == v->o.number)
			continue;
		for (size_t i = 0; (own = vpc_cidr(v, i)); i++) {
			its = vpc_overlapping_cidr(vpc_of(o), own);
			if (!its || !is_reached(v, own->addr.family, routed_out6) ||
			    !is_reached(vpc_of(o), own->addr.family, vpc_of(o)->routed_out6))
				continue;
			if (vpc_error_add_holder(reterr, o->id) < 0)
				return vpc_error_oom(reterr);
			return vpc_error_set(reterr, VPC_E_CIDR_CONFLICT, NULL,
					     "%s would be reached from outside with %s, which overlaps %s of %s, "
					     "which is too; take the host access, or the IPv6 routes outward, from one "
					     "of them first",
					     v->o.id, cidr_format(own, text), cidr_format(its, other), o->id);
		}
	}
	return 0;
}

int vpc_note_exits(struct model_txn *t, uint32_t vpc, struct vpc_error *reterr)
{
	const struct vpc *v = model_vpc(t->m, vpc);
	const struct post *at = NULL;
	uint32_t other;
	bool peered = peering_next_active(t->m, vpc, &at, &other);
	bool routed_out = has_exits(t->m, vpc), routed_out6 = has_exits6(t->m, v);
	struct object *copy;
	int r = check_reached(t->m, v, routed_out6, reterr);

	if (r < 0 || (v->routed_out == routed_out && v->routed_out6 == routed_out6 && v->peered == peered))
		return r;
	copy = object_copy(&v->o);
	if (!copy)
		return vpc_error_oom(reterr);
	((struct vpc *)copy)->routed_out = routed_out;
	((struct vpc *)copy)->routed_out6 = routed_out6;
	((struct vpc *)copy)->peered = peered;
	return txn_replace(t, &v->o, copy, reterr);
}

void vpc_exit_loaded(struct model *m, uint32_t vpc)
{
	((struct vpc *)model_vpc(m, vpc))->routed_out = true;
}

void vpc_routes_loaded(struct model *m, uint32_t vpc)
{
	struct vpc *v = (struct vpc *)model_vpc(m, vpc);

	v->routed_out6 = has_exits6(m, v);
}

void vpc_peering_loaded(struct model *m, uint32_t vpc)
{
	((struct vpc *)model_vpc(m, vpc))->peered = true;
}

/* --- stores of earlier versions ---------------------------------------------------------------------------------- */

int vpc_make_missing(struct model_txn *t, enum object_kind kind, size_t offset, struct vpc_error *reterr)
{
	const struct object *o = NULL, *next = model_next(t->m, OBJECT_VPC, NULL), *made;
	int r = 0;

	while (r >= 0 && (o = next)) {
		uint32_t *number = (uint32_t *)((char *)o + offset);

		next = model_next(t->m, OBJECT_VPC, o);
		if (*number)
			continue;
		r = make_in_vpc(t, kind, o->number, &made, reterr);
		/* It follows from what was made, so it is no change of the VPC. */
		if (r >= 0)
			*number = made->number;
	}
	return r;
}

/* --- deleting ---------------------------------------------------------------------------------------------------- */

/* What the VPC was born with goes with it. If something else is left, the whole change is undone. */
static int remove_born(struct model_txn *t, const struct vpc *v, struct vpc_error *reterr)
{
	const struct object *group = &model_sg(t->m, v->default_sg)->o;
	const struct object *table = model_by_number(t->m, OBJECT_ROUTE_TABLE, v->main_route_table);
	const struct object *acl = model_by_number(t->m, OBJECT_ACL, v->default_acl);
	uint32_t vpc = v->o.number;
	int r = table ? txn_remove(t, table, reterr) : 0;

	if (r >= 0 && acl)
		r = txn_remove(t, acl, reterr);
	if (r >= 0)
		r = txn_remove_whole(t, group, reterr);
	if (r >= 0)
		r = peering_remove_rejected(t, vpc, reterr);
	if (r >= 0)
		r = remove_with_vpc(t, OBJECT_NAT, vpc, reterr);
	return r < 0 ? r : remove_with_vpc(t, OBJECT_EIGW, vpc, reterr);
}

int vpc_delete(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	struct object group; /* its kind, number and id */
	int r = txn_target(t, c, OBJECT_VPC, &o, reterr);

	if (r < 0)
		return r;
	result_set(ret, o);
	group = model_sg(t->m, vpc_of(o)->default_sg)->o;
	r = remove_born(t, vpc_of(o), reterr);
	if (r < 0)
		return r;
	o = model_find(t->m, OBJECT_VPC, ret->id);
	r = object_check_unused(t->m, o, reterr);
	if (r >= 0)
		r = object_check_unused(t->m, &group, reterr); /* a rule of another VPC may name it */
	return r < 0 ? r : txn_remove_whole(t, o, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	struct vpc *v = (struct vpc *)to;

	v->cidr = vpc_of(from)->cidr;
	v->cidr6 = vpc_of(from)->cidr6;
	memcpy(v->secondary, vpc_of(from)->secondary, sizeof(v->secondary));
	v->n_secondary = vpc_of(from)->n_secondary;
	memcpy(v->host_access, vpc_of(from)->host_access, sizeof(v->host_access));
	v->n_host_access = vpc_of(from)->n_host_access;
	v->count_flows = vpc_of(from)->count_flows;
	v->mtu = vpc_of(from)->mtu;
	v->default_sg = vpc_of(from)->default_sg;
	v->dhcp = vpc_of(from)->dhcp;
	v->main_route_table = vpc_of(from)->main_route_table;
	v->routed_out = vpc_of(from)->routed_out;
	v->routed_out6 = vpc_of(from)->routed_out6;
	v->default_acl = vpc_of(from)->default_acl;
	v->peered = vpc_of(from)->peered;
	return 0;
}

static int put_attributes(const struct vpc *v, json_t *ret)
{
	if (json_put(ret, "cidr", json_cidr(&v->cidr)) < 0 || json_put(ret, "cidr6", json_cidr(&v->cidr6)) < 0 ||
	    json_put(ret, "secondary_cidrs", vpc_secondary_to_json(v)) < 0 ||
	    json_put(ret, "host_access", vpc_host_access_to_json(v)) < 0 ||
	    json_put(ret, "count_flows", json_boolean(v->count_flows)) < 0 ||
	    json_put(ret, "mtu", json_integer(v->mtu)) < 0 ||
	    json_put(ret, "dhcp_options", dhcp_options_to_json(&v->dhcp)) < 0)
		return -ENOMEM;
	return 0;
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	char netns[80];

	if (json_put(ret, "number", json_integer(o->number)) < 0 || put_attributes(vpc_of(o), ret) < 0)
		return -ENOMEM;
	return json_put(ret, "netns", json_string(model_netns_name(vpc_of(o), m->instance, netns, sizeof(netns))));
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	(void)m;
	return put_attributes(vpc_of(o), ret);
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct vpc *v = (struct vpc *)o;

	(void)m;
	v->cidr = document_cidr(d, "cidr", 4, true);
	v->cidr6 = document_cidr(d, "cidr6", 6, false);
	vpc_secondary_load(d, v);
	vpc_host_access_load(d, v);
	/* Stores of earlier versions don't have it. */
	if (json_object_get(d->json, "count_flows"))
		v->count_flows = document_bool(d, "count_flows");
	v->mtu = (uint32_t)document_i64(d, "mtu", MTU_MIN, MTU_MAX);
	dhcp_options_load(d, &v->dhcp);
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps and metrics"},
	{"cidr", SCHEMA_STRING, NULL},
	{"cidr6", SCHEMA_STRING_OR_NULL, NULL},
	{"secondary_cidrs", SCHEMA_STRINGS, "further CIDRs of both families, in the order in which they were added"},
	{"host_access", SCHEMA_STRINGS, "addresses of the host that it may talk with"},
	{"count_flows", SCHEMA_BOOLEAN, "packets and bytes of each of its flows are counted"},
	{"netns", SCHEMA_STRING, "its network namespace"},
	{"mtu", SCHEMA_INTEGER, "bytes"},
	{"dhcp_options", SCHEMA_REF("DhcpOptions"), NULL},
	{"counters", SCHEMA_REF("VpcCounters"), "of all its network interfaces, those that are gone included"},
};
static const struct schema_field counter_fields[] = {
	{"rx_packets", SCHEMA_INTEGER, "received"},
	{"rx_bytes", SCHEMA_INTEGER, "received"},
	{"tx_packets", SCHEMA_INTEGER, "sent"},
	{"tx_bytes", SCHEMA_INTEGER, "sent"},
};
static const struct schema_field dhcp_options_fields[] = {
	{"dns_servers", SCHEMA_STRINGS, NULL},
	{"domain_name", SCHEMA_STRING_OR_NULL, NULL},
};
static const struct schema schemas[] = {
	{NULL, fields, ARRAY_SIZE(fields)},
	{"DhcpOptions", dhcp_options_fields, ARRAY_SIZE(dhcp_options_fields)},
	{"VpcCounters", counter_fields, ARRAY_SIZE(counter_fields)},
};

const struct kind_ops vpc_ops = {
	.size = sizeof(struct vpc),
	.limit_code = VPC_E_VPC_LIMIT_EXCEEDED,
	.copy = copy_members,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
