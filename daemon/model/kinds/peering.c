/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Peerings: asked for by one VPC, accepted or rejected by the other. The two address spaces never overlap while one is
 * pending or active. One that was rejected stays to be seen until it is deleted, or one of its VPCs is.
 */
#include <string.h>

#include "model/internal.h"

static const char *const status_names[] = {
	[PEERING_PENDING] = "pending-acceptance",
	[PEERING_ACTIVE] = "active",
	[PEERING_REJECTED] = "rejected",
};

bool peering_has(const struct peering *p, uint32_t vpc)
{
	return p->vpc == vpc || p->peer_vpc == vpc;
}

uint32_t peering_other(const struct peering *p, uint32_t vpc)
{
	return p->vpc == vpc ? p->peer_vpc : p->vpc;
}

static const struct post *first_of(const struct model *m, uint32_t vpc)
{
	const struct posting *p = index_referrers(&m->ix, OBJECT_VPC, vpc, OBJECT_PEERING);

	return p ? p->first : NULL;
}

bool peering_next_active(const struct model *m, uint32_t vpc, const struct post **at, uint32_t *ret)
{
	for (*at = *at ? (*at)->next : first_of(m, vpc); *at; *at = (*at)->next)
		if (peering_of((*at)->owner)->status == PEERING_ACTIVE) {
			*ret = peering_other(peering_of((*at)->owner), vpc);
			return true;
		}
	return false;
}

bool peering_is_active(const struct model *m, uint32_t vpc, uint32_t peer)
{
	const struct post *at = NULL;
	uint32_t other;

	while (peering_next_active(m, vpc, &at, &other))
		if (other == peer)
			return true;
	return false;
}

/* The peering of the two that is pending or active, in either direction; NULL: none. */
static const struct object *peering_between(const struct model *m, uint32_t vpc, uint32_t peer)
{
	for (const struct post *at = first_of(m, vpc); at; at = at->next)
		if (peering_of(at->owner)->status != PEERING_REJECTED && peering_has(peering_of(at->owner), peer))
			return at->owner;
	return NULL;
}

int peering_check_cidr(const struct model *m, uint32_t vpc, const struct cidr *cidr, const char *field,
		       struct vpc_error *reterr)
{
	char mine[CIDR_STRLEN], others[CIDR_STRLEN];

	for (const struct post *at = first_of(m, vpc); at; at = at->next) {
		const struct peering *p = peering_of(at->owner);
		const struct vpc *other = model_vpc(m, peering_other(p, vpc));
		const struct cidr *overlapping =
			p->status == PEERING_REJECTED ? NULL : vpc_overlapping_cidr(other, cidr);

		if (overlapping)
			return vpc_error_set(reterr, VPC_E_CIDR_CONFLICT, field,
					     "%s overlaps %s of %s (%s), with which there is a peering: %s; choose "
					     "another range, or delete the peering first",
					     cidr_format(cidr, mine), cidr_format(overlapping, others), other->o.id,
					     other->o.name, p->o.id);
	}
	return 0;
}

static int check_spaces(const struct vpc *a, const struct vpc *b, struct vpc_error *reterr)
{
	char mine[CIDR_STRLEN], others[CIDR_STRLEN];
	const struct cidr *cidr, *overlapping = NULL;

	for (size_t i = 0; !overlapping && (cidr = vpc_cidr(a, i)); i++)
		overlapping = vpc_overlapping_cidr(b, cidr);
	if (!overlapping)
		return 0;
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "peer_vpc_id",
			     "%s of %s overlaps %s of %s; peered VPCs have addresses that differ: choose another VPC",
			     cidr_format(cidr, mine), a->o.id, cidr_format(overlapping, others), b->o.id);
}

static size_t count_of(const struct model *m, uint32_t vpc)
{
	size_t n = 0;

	for (const struct post *at = first_of(m, vpc); at; at = at->next)
		n += peering_of(at->owner)->status != PEERING_REJECTED;
	return n;
}

static int check_limits(const struct model *m, const struct object *o, uint32_t vpc, uint32_t peer,
			struct vpc_error *reterr)
{
	int r = limit_check_new(m, o, reterr);

	if (r >= 0)
		r = limit_check(m, MODEL_LIMIT_peerings_per_vpc, count_of(m, vpc) + 1,
				VPC_E_PEERINGS_PER_VPC_LIMIT_EXCEEDED, "vpc_id", reterr);
	if (r >= 0)
		r = limit_check(m, MODEL_LIMIT_peerings_per_vpc, count_of(m, peer) + 1,
				VPC_E_PEERINGS_PER_VPC_LIMIT_EXCEEDED, "peer_vpc_id", reterr);
	return r;
}

static int check_pair(const struct model *m, const struct object *vpc, const struct object *peer,
		      struct vpc_error *reterr)
{
	const struct object *other = peering_between(m, vpc->number, peer->number);

	if (vpc == peer)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "peer_vpc_id",
				     "%s cannot be peered with itself; name another VPC", vpc->id);
	if (!other)
		return 0;
	if (vpc_error_add_holder(reterr, other->id) < 0)
		return vpc_error_oom(reterr);
	return vpc_error_set(reterr, VPC_E_PEERING_ALREADY_EXISTS, "peer_vpc_id",
			     "%s and %s have a peering: %s; use that, or delete it first", vpc->id, peer->id,
			     other->id);
}

int peering_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_PEERING);
	struct peering *p = (struct peering *)o;
	const struct object *vpc, *peer;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0)
		r = txn_target(t, c, OBJECT_VPC, &vpc, reterr);
	if (r >= 0)
		r = txn_resolve(t, OBJECT_VPC, c->peer_vpc_id, NULL, "peer_vpc_id", &peer, reterr);
	if (r >= 0)
		r = check_pair(t->m, vpc, peer, reterr);
	if (r >= 0)
		r = check_spaces(vpc_of(vpc), vpc_of(peer), reterr);
	if (r >= 0)
		r = check_limits(t->m, o, vpc->number, peer->number, reterr);
	if (r < 0)
		return r;
	p->vpc = vpc->number;
	p->peer_vpc = peer->number;
	return change_add(t, TAKE_PTR(o), ret, reterr);
}

/* The peering became active, or isn't any more. */
static int note(struct model_txn *t, const char *id, uint32_t vpc, uint32_t peer, struct vpc_error *reterr)
{
	int r = route_retarget(t, id, reterr);

	if (r >= 0)
		r = vpc_note_exits(t, vpc, reterr);
	return r < 0 ? r : vpc_note_exits(t, peer, reterr);
}

/* Answers a request that is pending. */
static int answer(struct model_txn *t, const struct change *c, enum peering_status status, struct change_result *ret,
		  struct vpc_error *reterr)
{
	const struct object *o;
	struct object *copy;
	int r = txn_target(t, c, OBJECT_PEERING, &o, reterr);

	if (r < 0)
		return r;
	if (peering_of(o)->status != PEERING_PENDING)
		return vpc_error_set(reterr, VPC_E_INVALID_STATE_TRANSITION, "peering_id",
				     "%s is %s, not %s; to end it: vpcctl peering delete", o->id,
				     status_names[peering_of(o)->status], status_names[PEERING_PENDING]);
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	((struct peering *)copy)->status = status;
	result_set(ret, o);
	r = txn_replace(t, o, copy, reterr);
	return r < 0 ? r : note(t, ret->id, peering_of(copy)->vpc, peering_of(copy)->peer_vpc, reterr);
}

int peering_accept(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	return answer(t, c, PEERING_ACTIVE, ret, reterr);
}

int peering_reject(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	return answer(t, c, PEERING_REJECTED, ret, reterr);
}

static int remove_one(struct model_txn *t, const struct object *o, struct vpc_error *reterr)
{
	uint32_t vpc = peering_of(o)->vpc, peer = peering_of(o)->peer_vpc;
	char id[OBJECT_ID_MAX];
	int r;

	memcpy(id, o->id, sizeof(id));
	r = txn_remove(t, o, reterr);
	return r < 0 ? r : note(t, id, vpc, peer, reterr);
}

int peering_remove_rejected(struct model_txn *t, uint32_t vpc, struct vpc_error *reterr)
{
	const struct post *at = first_of(t->m, vpc);
	int r = 0;

	while (r >= 0 && at) {
		const struct object *o = at->owner;

		if (peering_of(o)->status != PEERING_REJECTED) {
			at = at->next;
			continue;
		}
		r = remove_one(t, o, reterr);
		at = first_of(t->m, vpc);
	}
	return r;
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	struct peering *p = (struct peering *)to;

	p->vpc = peering_of(from)->vpc;
	p->peer_vpc = peering_of(from)->peer_vpc;
	p->status = peering_of(from)->status;
	return 0;
}

static int post(struct index *ix, struct object *o)
{
	int r = index_post_reference(ix, o, OBJECT_VPC, peering_of(o)->vpc);

	return r < 0 ? r : index_post_reference(ix, o, OBJECT_VPC, peering_of(o)->peer_vpc);
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct peering *p = peering_of(o);

	if (json_put(ret, "vpc_id", json_string(model_vpc(m, p->vpc)->o.id)) < 0 ||
	    json_put(ret, "peer_vpc_id", json_string(model_vpc(m, p->peer_vpc)->o.id)) < 0)
		return -ENOMEM;
	return json_put(ret, "status", json_string(status_names[p->status]));
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct peering *p = (struct peering *)o;
	_cleanup_free_ char *status = document_text(d, "status", true);
	struct vpc_error error = VPC_ERROR_INIT;
	bool known = false;

	p->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	p->peer_vpc = document_ref(m, d, "peer_vpc_id", OBJECT_VPC);
	for (size_t i = 0; status && i < ARRAY_SIZE(status_names); i++) {
		if (strcmp(status, status_names[i]) != 0)
			continue;
		p->status = (enum peering_status)i;
		known = true;
	}
	if (!known)
		document_damaged(d, "status");
	if (!p->vpc || !p->peer_vpc || p->status == PEERING_REJECTED)
		return;
	if (check_pair(m, &model_vpc(m, p->vpc)->o, &model_vpc(m, p->peer_vpc)->o, &error) < 0 ||
	    check_spaces(model_vpc(m, p->vpc), model_vpc(m, p->peer_vpc), &error) < 0)
		document_damaged(d, "peer_vpc_id");
	vpc_error_clear(&error);
}

static void loaded(struct model *m, struct object *o)
{
	route_loaded(m, o);
	if (peering_of(o)->status != PEERING_ACTIVE)
		return;
	vpc_peering_loaded(m, peering_of(o)->vpc);
	vpc_peering_loaded(m, peering_of(o)->peer_vpc);
}

static const struct schema_field fields[] = {
	{"vpc_id", SCHEMA_STRING, "that asked for it"},
	{"peer_vpc_id", SCHEMA_STRING, "that accepts or rejects it"},
	{"status", SCHEMA_STRING, "pending-acceptance, active or rejected"},
	{"counters", SCHEMA_REF("VpcCounters"),
	 "since it was accepted: received by the VPC that asked for it, and sent by it"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops peering_ops = {
	.size = sizeof(struct peering),
	.name_optional = true,
	.remove = remove_one,
	.copy = copy_members,
	.post = post,
	.to_json = to_document,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
