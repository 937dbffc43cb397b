/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and MAC of an ENI: checked where the request names them, else the lowest free of the subnet. */
#include <string.h>

#include "model/internal.h"

static const char *family_name(uint8_t family)
{
	return family == 4 ? "IPv4" : "IPv6";
}

/* Of both families the first four are reserved; of IPv4 the last one too. */
static bool is_reserved(const struct subnet *s, const struct ip *ip)
{
	uint32_t offset = subnet_offset(s, ip);

	if (offset < SUBNET_RESERVED_FIRST)
		return true;
	return ip->family == 4 && offset == (uint32_t)((1ull << (32 - s->cidr.plen)) - 1);
}

/* family 0: either. e: whose address it will be; old: the version it replaces, whose addresses are not in the way. */
static int check_address(const struct model *m, const struct eni *e, const struct eni *old, const char *text,
			 uint8_t family, const char *field, struct ip *ret, struct vpc_error *reterr)
{
	const struct subnet *s = model_subnet(m, e->subnet);
	const struct cidr *c;
	const struct eni *holder;
	char range[CIDR_STRLEN];
	struct ip ip;

	if (ip_parse(text ? text : "", &ip) < 0 || (family && ip.family != family))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "'%.64s' is not an %s address; give one of the subnet's %s", text ? text : "",
				     family ? family_name(family) : "IP",
				     cidr_format(family == 6 && s->cidr6.addr.family ? &s->cidr6 : &s->cidr, range));
	c = ip.family == 4 ? &s->cidr : &s->cidr6;
	if (!c->addr.family)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%s has no IPv6; leave the address out, or use a subnet with IPv6", s->o.id);
	if (!cidr_contains_ip(c, &ip))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%.64s is not in the subnet's %s; choose an address of it", text,
				     cidr_format(c, range));
	if (is_reserved(s, &ip))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%.64s is reserved in %s, as its first four addresses %s; choose another", text,
				     s->o.id, ip.family == 4 ? "and its last are" : "are");
	holder = model_eni_by_ip(m, e->vpc, &ip);
	if (holder && holder != old)
		return vpc_error_set(reterr, VPC_E_INVALID_IP_ADDRESS_IN_USE, field,
				     "%.64s is %s's already; choose another address", text, holder->o.id);
	*ret = ip;
	return 0;
}

bool eni_has_address(const struct eni *e, const struct ip *ip)
{
	for (size_t i = 0; i < e->n_secondary; i++)
		if (ip_equal(&e->secondary[i], ip))
			return true;
	return ip_equal(&e->ip, ip) || ip_equal(&e->ip6, ip);
}

static enum posting_type addresses_of_subnet(uint8_t family)
{
	return family == 4 ? POSTING_ADDRESSES4_OF_SUBNET : POSTING_ADDRESSES6_OF_SUBNET;
}

/* Finds the lowest free address. Every address below the posting's hint is taken, so n allocations need n steps. */
static int allocate(const struct model *m, const struct eni *e, uint8_t family, struct ip *ret)
{
	const struct subnet *s = model_subnet(m, e->subnet);
	const struct cidr *c = family == 4 ? &s->cidr : &s->cidr6;
	uint64_t end = family == 4 ? (1ull << (32 - c->plen)) - 1 : UINT32_MAX;
	const struct posting *p = index_posting(&m->ix, addresses_of_subnet(family), s->o.number, NULL, 0);
	uint64_t first = p && p->lowest_free > SUBNET_RESERVED_FIRST ? p->lowest_free : SUBNET_RESERVED_FIRST;

	for (uint64_t n = first; n < end; n++) {
		struct ip ip = cidr_nth(c, (uint32_t)n);

		if (model_eni_by_ip(m, e->vpc, &ip) || eni_has_address(e, &ip))
			continue;
		*ret = ip;
		return 0;
	}
	return -ENOSPC;
}

/* searched: allocate() found it, so all between the hint and it is taken. */
static void note_lowest(struct model *m, const struct subnet *s, const struct ip *ip, bool searched)
{
	struct posting *p = index_posting(&m->ix, addresses_of_subnet(ip->family), s->o.number, NULL, 0);
	uint32_t offset = subnet_offset(s, ip), first;

	if (!p || offset == UINT32_MAX)
		return;
	first = p->lowest_free > SUBNET_RESERVED_FIRST ? p->lowest_free : SUBNET_RESERVED_FIRST;
	if (offset == first || (searched && offset > first))
		p->lowest_free = offset + 1;
}

void eni_note_addresses(struct model *m, const struct eni *e, const struct change *c)
{
	const struct subnet *s = model_subnet(m, e->subnet);

	note_lowest(m, s, &e->ip, !change_has(c, FIELD_IP));
	if (e->ip6.family)
		note_lowest(m, s, &e->ip6, !change_has(c, FIELD_IP6));
}

static int check_counts(const struct model *m, const struct eni *e, const struct eni *old, struct vpc_error *reterr)
{
	const struct subnet *s = model_subnet(m, e->subnet);
	size_t n = 1 + e->n_secondary + (s->cidr6.addr.family ? 1 : 0);
	size_t before = old ? 1 + old->n_secondary + (old->ip6.family ? 1 : 0) : 0;
	int r = limit_check(m, MODEL_LIMIT_addresses_per_eni, n, VPC_E_RESOURCE_LIMIT_EXCEEDED, "secondary_ips",
			    reterr);

	if (r < 0)
		return r;
	return limit_check(m, MODEL_LIMIT_addresses, m->ix.n_posts[POSTING_ADDRESS] - before + n,
			   VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL, reterr);
}

int eni_choose_secondary(const struct model *m, const struct change *c, struct eni *e, const struct eni *old,
			 struct vpc_error *reterr)
{
	_cleanup_free_ struct ip *ips = calloc(c->n_secondary_ips + 1, sizeof(*ips));
	int r;

	if (!ips)
		return vpc_error_oom(reterr);
	/* Before anything is done for each of them. */
	r = limit_check(m, MODEL_LIMIT_addresses_per_eni, c->n_secondary_ips + 1, VPC_E_RESOURCE_LIMIT_EXCEEDED,
			"secondary_ips", reterr);
	if (r < 0)
		return r;
	free(e->secondary);
	e->secondary = TAKE_PTR(ips);
	e->n_secondary = 0;
	for (size_t i = 0; i < c->n_secondary_ips; i++) {
		char field[40];
		struct ip ip;

		snprintf(field, sizeof(field), "secondary_ips[%zu]", i);
		r = check_address(m, e, old, c->secondary_ips[i], 0, field, &ip, reterr);
		if (r < 0)
			return r;
		if (eni_has_address(e, &ip))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
					     "%.64s is there twice; name it once", c->secondary_ips[i]);
		e->secondary[e->n_secondary++] = ip;
	}
	return check_counts(m, e, old, reterr);
}

int eni_choose_addresses(const struct model *m, const struct change *c, struct eni *e, struct vpc_error *reterr)
{
	const struct subnet *s = model_subnet(m, e->subnet);
	int r = 0;

	/* Addresses that the request names come first, so that the search doesn't take them. */
	if (change_has(c, FIELD_IP))
		r = check_address(m, e, NULL, c->ip, 4, "ip", &e->ip, reterr);
	if (r >= 0 && change_has(c, FIELD_IP6))
		r = check_address(m, e, NULL, c->ip6, 6, "ip6", &e->ip6, reterr);
	if (r >= 0 && change_has(c, FIELD_SECONDARY_IPS))
		r = eni_choose_secondary(m, c, e, NULL, reterr);
	else if (r >= 0)
		r = check_counts(m, e, NULL, reterr);
	if (r < 0)
		return r;
	if (!e->ip.family && allocate(m, e, 4, &e->ip) < 0)
		return vpc_error_set(
			reterr, VPC_E_INSUFFICIENT_FREE_ADDRESSES, NULL,
			"%s has no free IPv4 address; delete a network interface in it, or use another subnet",
			s->o.id);
	if (s->cidr6.addr.family && !e->ip6.family && allocate(m, e, 6, &e->ip6) < 0)
		return vpc_error_set(
			reterr, VPC_E_INSUFFICIENT_FREE_ADDRESSES, NULL,
			"%s has no free IPv6 address; delete a network interface in it, or use another subnet",
			s->o.id);
	return 0;
}

/* --- eni.assign-ip, eni.unassign-ip ------------------------------------------------------------------------------ */

static int begin(struct model_txn *t, const struct change *c, const struct object **ret, struct object **ret_copy,
		 struct vpc_error *reterr)
{
	int r = txn_target(t, c, OBJECT_ENI, ret, reterr);

	if (r < 0)
		return r;
	if (!c->n_secondary_ips)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "secondary_ips",
				     "secondary_ips must name at least one address");
	*ret_copy = object_copy(*ret);
	return *ret_copy ? 0 : vpc_error_oom(reterr);
}

static int add_address(const struct model *m, const struct change *c, size_t i, struct eni *e, const struct eni *old,
		       struct vpc_error *reterr)
{
	char field[40];
	struct ip ip;
	int r;

	snprintf(field, sizeof(field), "secondary_ips[%zu]", i);
	r = check_address(m, e, old, c->secondary_ips[i], 0, field, &ip, reterr);
	if (r < 0)
		return r;
	if (eni_has_address(e, &ip))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%.64s is an address of %s already; leave it out", c->secondary_ips[i], old->o.id);
	e->secondary[e->n_secondary++] = ip;
	return 0;
}

int eni_assign_ip(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	struct ip *grown;
	struct eni *e;
	int r = begin(t, c, &o, &copy, reterr);

	if (r >= 0)
		r = limit_check(t->m, MODEL_LIMIT_addresses_per_eni, 1 + eni_of(o)->n_secondary + c->n_secondary_ips,
				VPC_E_RESOURCE_LIMIT_EXCEEDED, "secondary_ips", reterr);
	if (r < 0)
		return r;
	e = (struct eni *)copy;
	grown = reallocarray(e->secondary, e->n_secondary + c->n_secondary_ips, sizeof(*grown));
	if (!grown)
		return vpc_error_oom(reterr);
	e->secondary = grown;
	for (size_t i = 0; r >= 0 && i < c->n_secondary_ips; i++)
		r = add_address(t->m, c, i, e, eni_of(o), reterr);
	if (r >= 0)
		r = check_counts(t->m, e, eni_of(o), reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

static int remove_address(const struct change *c, size_t i, struct eni *e, struct vpc_error *reterr)
{
	const char *text = c->secondary_ips[i];
	char field[40];
	struct ip ip;

	snprintf(field, sizeof(field), "secondary_ips[%zu]", i);
	if (ip_parse(text, &ip) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "'%.64s' is not an IP address; vpcctl eni show lists those of %s", text, e->o.id);
	for (size_t k = 0; k < e->n_secondary; k++) {
		if (!ip_equal(&e->secondary[k], &ip))
			continue;
		e->n_secondary--;
		memmove(&e->secondary[k], &e->secondary[k + 1], (e->n_secondary - k) * sizeof(e->secondary[0]));
		return 0;
	}
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
			     "%.64s is no secondary address of %s; vpcctl eni show lists them", text, e->o.id);
}

int eni_unassign_ip(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o, *now;
	int r = begin(t, c, &o, &copy, reterr);

	for (size_t i = 0; r >= 0 && i < c->n_secondary_ips; i++)
		r = remove_address(c, i, (struct eni *)copy, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	now = copy;
	r = txn_replace(t, o, TAKE_PTR(copy), reterr);
	return r < 0 ? r : eip_part_from(t, now, false, reterr);
}
