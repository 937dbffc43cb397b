/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NAT gateways. In AWS one is in a subnet; here it may also belong to the VPC alone, so that a VPC has one from the
 * start. */
#include <string.h>

#include "model/internal.h"

/* subnet 0: of the VPC alone. c NULL: one that goes with its VPC. */
static int make(struct model_txn *t, uint32_t vpc, uint32_t subnet, const struct change *c, const struct object **ret,
		struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_NAT);
	struct nat *n = (struct nat *)o;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	n->vpc = vpc;
	n->subnet = subnet;
	n->with_vpc = !c;
	/* Tells this gateway from the one that had the number before. */
	do
		n->incarnation = (uint32_t)txn_random(t);
	while (!n->incarnation);
	r = change_names_new(t->m, c, INTERNET_NAME, o, reterr);
	if (r >= 0)
		r = txn_add(t, TAKE_PTR(o), ret, reterr);
	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

static int make_of_vpc(struct model_txn *t, uint32_t vpc, const struct change *c, const struct object **ret,
		       struct vpc_error *reterr)
{
	return make(t, vpc, 0, c, ret, reterr);
}

/* Where the request wants it: in a subnet, or in a VPC, or both, which then must agree. */
static int find_place(struct model_txn *t, const struct change *c, uint32_t *ret_vpc, uint32_t *ret_subnet,
		      struct vpc_error *reterr)
{
	const struct object *o;
	int r = 0;

	*ret_vpc = *ret_subnet = 0;
	if (!change_has(c, FIELD_VPC_ID) && !change_has(c, FIELD_SUBNET_ID))
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "subnet_id",
				     "a NAT gateway needs subnet_id, or vpc_id alone");
	if (change_has(c, FIELD_VPC_ID)) {
		r = txn_target(t, c, OBJECT_VPC, &o, reterr);
		if (r < 0)
			return r;
		*ret_vpc = o->number;
	}
	if (!change_has(c, FIELD_SUBNET_ID))
		return 0;
	r = *ret_vpc ? txn_resolve_in(t, OBJECT_SUBNET, c->subnet_id, *ret_vpc, "subnet_id", &o, reterr)
		     : txn_target(t, c, OBJECT_SUBNET, &o, reterr);
	if (r < 0)
		return r;
	*ret_vpc = subnet_of(o)->vpc;
	*ret_subnet = o->number;
	return 0;
}

int nat_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o, *eip = NULL;
	uint32_t vpc, subnet;
	int r = find_place(t, c, &vpc, &subnet, reterr);

	if (r >= 0 && change_has(c, FIELD_EIP_ID))
		r = txn_resolve(t, OBJECT_EIP, c->eip_id, NULL, "elastic_ip_id", &eip, reterr);
	if (r < 0)
		return r;
	if (eip && (eip_of(eip)->eni || eip_of(eip)->nat))
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "elastic_ip_id",
				     "%s is associated already; disassociate it first", eip->id);
	r = make(t, vpc, subnet, c, &o, reterr);
	if (r < 0)
		return r;
	result_set(ret, o);
	return eip ? eip_give_to_nat(t, eip, o, reterr) : 0;
}

static int remove_one(struct model_txn *t, const struct object *o, struct vpc_error *reterr)
{
	uint32_t vpc = nat_of(o)->vpc, number = o->number;
	int r = eip_part_from(t, o, true, reterr);

	if (r < 0)
		return r;
	o = model_by_number(t->m, OBJECT_NAT, number);
	r = txn_remove(t, o, reterr);
	if (r >= 0)
		r = route_retarget(t, o->id, reterr);
	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	struct nat *n = (struct nat *)to;

	n->vpc = nat_of(from)->vpc;
	n->subnet = nat_of(from)->subnet;
	n->eip = nat_of(from)->eip;
	n->incarnation = nat_of(from)->incarnation;
	n->with_vpc = nat_of(from)->with_vpc;
	return 0;
}

static int post(struct index *ix, struct object *o)
{
	return nat_of(o)->subnet ? index_post_reference(ix, o, OBJECT_SUBNET, nat_of(o)->subnet) : 0;
}

static int put_common(const struct model *m, const struct nat *n, json_t *ret)
{
	const struct subnet *s = model_subnet(m, n->subnet);

	if (json_put(ret, "vpc_id", json_string(model_vpc(m, n->vpc)->o.id)) < 0 ||
	    json_put(ret, "subnet_id", json_text_or_null(s ? s->o.id : NULL)) < 0)
		return -ENOMEM;
	return json_put(ret, "with_vpc", json_boolean(n->with_vpc));
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	if (put_common(m, nat_of(o), ret) < 0)
		return -ENOMEM;
	return json_put(ret, "incarnation", json_integer(nat_of(o)->incarnation));
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	const struct object *eip = model_by_number(m, OBJECT_EIP, nat_of(o)->eip);

	if (json_put(ret, "number", json_integer(o->number)) < 0 || put_common(m, nat_of(o), ret) < 0 ||
	    json_put(ret, "elastic_ip_id", json_text_or_null(eip ? eip->id : NULL)) < 0)
		return -ENOMEM;
	return json_put(ret, "address", eip ? json_ip(&eip_of(eip)->address) : json_null());
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct nat *n = (struct nat *)o;
	const struct subnet *s;

	n->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	if (!json_is_null(json_object_get(d->json, "subnet_id"))) {
		n->subnet = document_ref(m, d, "subnet_id", OBJECT_SUBNET);
		s = model_subnet(m, n->subnet);
		if (s && s->vpc != n->vpc)
			document_damaged(d, "subnet_id");
	}
	n->with_vpc = document_bool(d, "with_vpc");
	n->incarnation = (uint32_t)document_i64(d, "incarnation", 1, UINT32_MAX);
}

static void loaded(struct model *m, struct object *o)
{
	route_loaded(m, o);
	vpc_exit_loaded(m, nat_of(o)->vpc);
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps"},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"subnet_id", SCHEMA_STRING_OR_NULL, "null: it belongs to the VPC alone"},
	{"with_vpc", SCHEMA_BOOLEAN, "it was made with its VPC, and is deleted with it"},
	{"elastic_ip_id", SCHEMA_STRING_OR_NULL, NULL},
	{"address", SCHEMA_STRING_OR_NULL, "of the elastic IP; null: the host's own"},
	{"counters", SCHEMA_REF("VpcCounters"), "received from the world, and sent to it"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops nat_ops = {
	.size = sizeof(struct nat),
	.parent = {OBJECT_VPC, offsetof(struct nat, vpc)},
	.name_optional = true,
	.make = make_of_vpc,
	.remove = remove_one,
	.with_vpc = offsetof(struct nat, with_vpc),
	.copy = copy_members,
	.post = post,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
