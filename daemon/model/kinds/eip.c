/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elastic IPs: allocated from a pool and released. What they are associated with is in eip_association.c. */
#include "model/kinds/eip.h"

#include <arpa/inet.h>
#include <string.h>

/* --- pools ------------------------------------------------------------------------------------------------------- */

static size_t pool_size(const struct pool *p)
{
	return (size_t)1 << (32 - p->cidr.plen);
}

/* The first and the last address of a network are its own, but of a /31 or /32. */
static bool is_usable(const struct pool *p, size_t offset)
{
	return pool_size(p) <= 2 || (offset > 0 && offset < pool_size(p) - 1);
}

static size_t pool_offset(const struct pool *p, const struct ip *ip)
{
	return ntohl(ip_v4_be(ip)) - ntohl(ip_v4_be(&p->cidr.addr));
}

static const struct object *holder_of(const struct model *m, const struct ip *ip)
{
	const struct posting *p = index_posting(&m->ix, POSTING_PUBLIC_ADDRESS, 0, ip->bytes, sizeof(ip->bytes));

	return p && p->n ? p->first->owner : NULL;
}

static int no_pool(const struct model *m, const char *name, struct vpc_error *reterr)
{
	char list[512] = "";
	size_t used = 0;

	if (!m->n_pools)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "pool",
				     "the configuration has no pool of public addresses; put one into vpcd.conf ([pool "
				     "\"public\"] with cidr and uplink) and start vpcd anew");
	for (size_t i = 0; i < m->n_pools && used + POOL_NAME_MAX + 2 < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", m->pools[i].name);
	if (!name)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "pool", "there are several pools; say which: %s",
				     list);
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "pool", "there is no pool '%.64s'; there is %s",
			     name, list);
}

/* By name, by the address asked for, or the only one. */
static int choose_pool(const struct model *m, const struct change *c, const struct ip *asked, size_t *ret,
		       struct vpc_error *reterr)
{
	const char *name = change_has(c, FIELD_POOL) ? c->pool : NULL;

	for (size_t i = 0; i < m->n_pools; i++) {
		const struct pool *p = &m->pools[i];

		if (name	    ? strcmp(p->name, name) != 0
		    : asked->family ? !cidr_contains_ip(&p->cidr, asked)
				    : m->n_pools > 1)
			continue;
		*ret = i;
		return 0;
	}
	if (!name && asked->family && m->n_pools)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "address",
				     "%.64s is in no pool; choose an address of one, or leave it out", c->address);
	return no_pool(m, name, reterr);
}

static int check_asked(const struct model *m, const struct pool *p, const char *text, const struct ip *ip,
		       struct vpc_error *reterr)
{
	const struct object *holder = holder_of(m, ip);
	char range[CIDR_STRLEN];

	if (!cidr_contains_ip(&p->cidr, ip))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "address",
				     "%.64s is not in %s, the pool '%s'; choose an address of it, or leave it out",
				     text, cidr_format(&p->cidr, range), p->name);
	if (!is_usable(p, pool_offset(p, ip)))
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_VALUE, "address",
			"%.64s is the first or last address of the pool '%s', which nobody gets; choose another", text,
			p->name);
	if (holder)
		return vpc_error_set(reterr, VPC_E_INVALID_IP_ADDRESS_IN_USE, "address",
				     "%.64s is %s's already; choose another address", text, holder->id);
	return 0;
}

/* The next free one behind the last that was given, so that a released address rests as long as it can. */
static int next_free(struct model *m, size_t pool, struct ip *ret, struct vpc_error *reterr)
{
	const struct pool *p = &m->pools[pool];
	size_t size = pool_size(p);

	for (size_t i = 0; i < size; i++) {
		size_t offset = (m->pool_next[pool] + i) % size;
		struct ip ip = cidr_nth(&p->cidr, (uint32_t)offset);

		if (!is_usable(p, offset) || holder_of(m, &ip))
			continue;
		m->pool_next[pool] = (uint32_t)(offset + 1);
		*ret = ip;
		return 0;
	}
	return vpc_error_set(reterr, VPC_E_INSUFFICIENT_ADDRESS_CAPACITY, NULL,
			     "the pool '%s' has no free address; release one that nothing uses (vpcctl eip list), or "
			     "%s",
			     p->name, m->n_pools > 1 ? "name another pool" : "add a pool to vpcd.conf");
}

static int choose_address(struct model *m, const struct change *c, struct eip *e, struct vpc_error *reterr)
{
	struct ip asked = {0};
	size_t pool = 0;
	int r;

	if (change_has(c, FIELD_ADDRESS) && (ip_parse(c->address ? c->address : "", &asked) < 0 || asked.family != 4))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "address",
				     "'%.64s' is not an IPv4 address; give one as 203.0.113.10",
				     c->address ? c->address : "");
	r = choose_pool(m, c, &asked, &pool, reterr);
	if (r < 0)
		return r;
	if (text_set(&e->pool, m->pools[pool].name) < 0)
		return vpc_error_oom(reterr);
	if (!asked.family)
		return next_free(m, pool, &e->address, reterr);
	e->address = asked;
	return check_asked(m, &m->pools[pool], c->address, &asked, reterr);
}

/* --- allocate, release ------------------------------------------------------------------------------------------- */

int eip_allocate(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_EIP);
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0)
		r = choose_address(t->m, c, (struct eip *)o, reterr);
	return r < 0 ? r : change_add(t, TAKE_PTR(o), ret, reterr);
}

int eip_release(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o, *holder;
	int r = txn_target(t, c, OBJECT_EIP, &o, reterr);

	if (r < 0)
		return r;
	holder = eip_holder(t->m, eip_of(o));
	if (holder) {
		if (vpc_error_add_holder(reterr, holder->id) < 0)
			return vpc_error_oom(reterr);
		return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL,
				     "%s is still used by %s (%s); disassociate it first", o->id, holder->id,
				     holder->name);
	}
	return change_delete(t, c, ret, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static void clear(struct object *o)
{
	free(((struct eip *)o)->pool);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct eip *e = (struct eip *)to;
	const struct eip *f = eip_of(from);

	e->address = f->address;
	e->vpc = f->vpc;
	e->eni = f->eni;
	e->private_ip = f->private_ip;
	e->nat = f->nat;
	return text_set(&e->pool, f->pool);
}

static int post(struct index *ix, struct object *o)
{
	const struct eip *e = eip_of(o);
	const struct object *holder =
		e->eni ? index_by_number(ix, OBJECT_ENI, e->eni) : index_by_number(ix, OBJECT_NAT, e->nat);
	int r = index_post(ix, o, POSTING_PUBLIC_ADDRESS, 0, e->address.bytes, sizeof(e->address.bytes), 0);

	return r < 0 || !holder ? r : index_post_use(ix, o, holder->id);
}

static int put_common(const struct model *m, const struct eip *e, json_t *ret)
{
	const struct object *eni = model_by_number(m, OBJECT_ENI, e->eni),
			    *nat = model_by_number(m, OBJECT_NAT, e->nat);

	if (json_put(ret, "address", json_ip(&e->address)) < 0 || json_put(ret, "pool", json_string(e->pool)) < 0 ||
	    json_put(ret, "eni_id", json_text_or_null(eni ? eni->id : NULL)) < 0 ||
	    json_put(ret, "private_ip", json_ip(&e->private_ip)) < 0)
		return -ENOMEM;
	return json_put(ret, "nat_gateway_id", json_text_or_null(nat ? nat->id : NULL));
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	return put_common(m, eip_of(o), ret);
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	const struct vpc *v = model_vpc(m, eip_of(o)->vpc);

	if (json_put(ret, "number", json_integer(o->number)) < 0 || put_common(m, eip_of(o), ret) < 0)
		return -ENOMEM;
	return json_put(ret, "vpc_id", json_text_or_null(v ? v->o.id : NULL));
}

static void load_eni(struct model *m, struct document *d, struct eip *e)
{
	const struct eni *eni;

	e->eni = document_ref(m, d, "eni_id", OBJECT_ENI);
	eni = (const struct eni *)model_by_number(m, OBJECT_ENI, e->eni);
	e->vpc = eni ? eni->vpc : 0;
	if (eni &&
	    (!e->private_ip.family || !eni_has_address(eni, &e->private_ip) || eip_of_address(m, eni, &e->private_ip)))
		document_damaged(d, "private_ip");
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct eip *e = (struct eip *)o;

	e->address = document_ip(d, "address", 4, true);
	e->pool = document_text(d, "pool", true);
	if (e->address.family && holder_of(m, &e->address))
		document_damaged(d, "address");
	e->private_ip = document_ip(d, "private_ip", 4, !json_is_null(json_object_get(d->json, "private_ip")));
	if (!json_is_null(json_object_get(d->json, "eni_id")))
		load_eni(m, d, e);
	else if (e->private_ip.family)
		document_damaged(d, "private_ip");
	if (!json_is_null(json_object_get(d->json, "nat_gateway_id")))
		e->nat = document_ref(m, d, "nat_gateway_id", OBJECT_NAT);
	if (e->nat && (e->eni || nat_of(model_by_number(m, OBJECT_NAT, e->nat))->eip))
		document_damaged(d, "nat_gateway_id");
}

/* Derived, so not in the NAT gateway's document. */
static void loaded(struct model *m, struct object *o)
{
	const struct eip *e = eip_of(o);

	if (e->nat)
		((struct nat *)nat_of(model_by_number(m, OBJECT_NAT, e->nat)))->eip = o->number;
	for (size_t i = 0; i < m->n_pools; i++) {
		size_t next = pool_offset(&m->pools[i], &e->address) + 1;

		if (cidr_contains_ip(&m->pools[i].cidr, &e->address) && next > m->pool_next[i])
			m->pool_next[i] = (uint32_t)next;
	}
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps"},
	{"address", SCHEMA_STRING, "the public one"},
	{"pool", SCHEMA_STRING, "of the configuration, that it was taken from"},
	{"eni_id", SCHEMA_STRING_OR_NULL, "network interface that it is associated with"},
	{"private_ip", SCHEMA_STRING_OR_NULL, "the network interface's address that it stands for"},
	{"nat_gateway_id", SCHEMA_STRING_OR_NULL, "NAT gateway that it is associated with"},
	{"vpc_id", SCHEMA_STRING_OR_NULL, "of the network interface"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops eip_ops = {
	.size = sizeof(struct eip),
	.name_optional = true,
	.clear = clear,
	.copy = copy_members,
	.post = post,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
