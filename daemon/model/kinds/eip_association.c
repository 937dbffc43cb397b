/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What elastic IPs are associated with: a private address of an ENI, or a NAT gateway. The elastic IP has the
 * reference; a NAT gateway's follows from it. As in AWS, associating takes the elastic IP from whoever had it, and
 * takes the place of the one that was there.
 */
#include <string.h>

#include "model/kinds/eip.h"

const struct object *eip_holder(const struct model *m, const struct eip *e)
{
	return e->eni ? model_by_number(m, OBJECT_ENI, e->eni) : model_by_number(m, OBJECT_NAT, e->nat);
}

const struct object *eip_of_address(const struct model *m, const struct eni *eni, const struct ip *private_ip)
{
	const struct posting *p = index_users(&m->ix, eni->o.id, OBJECT_EIP);

	for (const struct post *post = p ? p->first : NULL; post; post = post->next)
		if (ip_equal(&eip_of(post->owner)->private_ip, private_ip))
			return post->owner;
	return NULL;
}

/* --- one step ---------------------------------------------------------------------------------------------------- */

static int set_eip_of_nat(struct model_txn *t, uint32_t nat, uint32_t eip, struct vpc_error *reterr)
{
	const struct object *o = model_by_number(t->m, OBJECT_NAT, nat);
	struct object *copy = object_copy(o);

	if (!copy)
		return vpc_error_oom(reterr);
	((struct nat *)copy)->eip = eip;
	return txn_replace(t, o, copy, reterr);
}

/* One of eni and nat, or neither. */
struct association {
	const struct eni *eni;
	struct ip private_ip;
	uint32_t nat;
};

static int associate(struct model_txn *t, const struct object *o, const struct association *a, struct vpc_error *reterr)
{
	uint32_t old_nat = eip_of(o)->nat;
	struct object *copy = object_copy(o);
	struct eip *e = (struct eip *)copy;
	int r;

	if (!copy)
		return vpc_error_oom(reterr);
	e->vpc = a->eni ? a->eni->vpc : 0;
	e->eni = a->eni ? a->eni->o.number : 0;
	e->private_ip = a->private_ip;
	e->nat = a->nat;
	r = txn_replace(t, o, copy, reterr);
	if (r >= 0 && old_nat && old_nat != a->nat)
		r = set_eip_of_nat(t, old_nat, 0, reterr);
	if (r >= 0 && a->nat && old_nat != a->nat)
		r = set_eip_of_nat(t, a->nat, copy->number, reterr);
	return r;
}

static int part(struct model_txn *t, const struct object *o, struct vpc_error *reterr)
{
	static const struct association none;

	return associate(t, o, &none, reterr);
}

int eip_give_to_nat(struct model_txn *t, const struct object *eip, const struct object *nat, struct vpc_error *reterr)
{
	const struct association a = {.nat = nat->number};

	return associate(t, eip, &a, reterr);
}

int eip_part_from(struct model_txn *t, const struct object *holder, bool deleted, struct vpc_error *reterr)
{
	_cleanup_object_list_ struct object_list eips = {0};
	const struct posting *p = index_users(&t->m->ix, holder->id, OBJECT_EIP);
	int r = 0;

	for (const struct post *post = p ? p->first : NULL; post; post = post->next)
		if (deleted || !eni_has_address(eni_of(holder), &eip_of(post->owner)->private_ip))
			if (object_list_add(&eips, post->owner) < 0)
				return vpc_error_oom(reterr);
	for (size_t i = 0; r >= 0 && i < eips.n; i++)
		r = part(t, eips.items[i], reterr);
	return r;
}

/* --- the changes ------------------------------------------------------------------------------------------------- */

static int choose_private(const struct change *c, const struct eni *eni, struct ip *ret, struct vpc_error *reterr)
{
	*ret = eni->ip;
	if (!change_has(c, FIELD_PRIVATE_IP))
		return 0;
	if (ip_parse(c->private_ip ? c->private_ip : "", ret) < 0 || ret->family != 4)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "private_ip",
				     "'%.64s' is not an IPv4 address; give one of the network interface's",
				     c->private_ip ? c->private_ip : "");
	if (!eni_has_address(eni, ret))
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_VALUE, "private_ip",
			"%s is not an address of %s; give one that is, or leave it out for the primary one",
			c->private_ip, eni->o.id);
	return 0;
}

/* What the request names. *ret_before: the elastic IP that is there. */
static int choose(struct model_txn *t, const struct change *c, struct association *ret,
		  const struct object **ret_before, struct vpc_error *reterr)
{
	bool to_eni = change_has(c, FIELD_ENI_ID), to_nat = change_has(c, FIELD_NAT_ID);
	const struct object *o;
	int r;

	*ret = (struct association){0};
	if (!to_eni && !to_nat)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "eni_id",
				     "eip.associate needs eni_id or nat_gateway_id");
	if (to_nat && (to_eni || change_has(c, FIELD_PRIVATE_IP)))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION,
				     to_eni ? "nat_gateway_id" : "private_ip",
				     "an elastic IP is associated with a network interface (eni_id, private_ip) or "
				     "with a NAT gateway (nat_gateway_id); give one of them");
	if (to_nat) {
		r = txn_resolve(t, OBJECT_NAT, c->nat_id, c->scope, "nat_gateway_id", &o, reterr);
		if (r < 0)
			return r;
		ret->nat = o->number;
		*ret_before = model_by_number(t->m, OBJECT_EIP, nat_of(o)->eip);
		return 0;
	}
	r = txn_resolve(t, OBJECT_ENI, c->eni_id, c->scope, "eni_id", &o, reterr);
	if (r >= 0)
		r = choose_private(c, eni_of(o), &ret->private_ip, reterr);
	if (r < 0)
		return r;
	ret->eni = eni_of(o);
	*ret_before = eip_of_address(t->m, ret->eni, &ret->private_ip);
	return 0;
}

/* Where the request allows no reassociation: the elastic IP must be nobody's, and so must its place. */
static int check_free(const struct model *m, const struct change *c, const struct object *o,
		      const struct object *before, struct vpc_error *reterr)
{
	const struct object *holder = eip_holder(m, eip_of(o));

	if (!change_has(c, FIELD_ALLOW_REASSOCIATION) || c->allow_reassociation || (!holder && !before))
		return 0;
	if (holder)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "elastic_ip_id",
				     "%s is associated with %s; disassociate it first, or allow reassociation", o->id,
				     holder->id);
	return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, c->nat_id ? "nat_gateway_id" : "eni_id",
			     "%s is associated there; disassociate it first, or allow reassociation", before->id);
}

int eip_associate(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o, *before = NULL;
	struct association a;
	int r = txn_target(t, c, OBJECT_EIP, &o, reterr);

	if (r >= 0)
		r = choose(t, c, &a, &before, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	if (before == o)
		return 0;
	r = check_free(t->m, c, o, before, reterr);
	if (r < 0)
		return r;
	r = before ? part(t, before, reterr) : 0;
	return r < 0 ? r : associate(t, o, &a, reterr);
}

int eip_disassociate(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, OBJECT_EIP, &o, reterr);

	if (r < 0)
		return r;
	if (!eip_holder(t->m, eip_of(o)))
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "elastic_ip_id",
				     "%s is associated with nothing; vpcctl eip list shows which are", o->id);
	result_set(ret, o);
	return part(t, o, reterr);
}
