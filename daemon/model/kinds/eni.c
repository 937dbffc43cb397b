/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network interfaces: made, changed, deleted. Addresses, groups, attachment and JSON are in the eni_*.c beside it. */
#include "model/kinds/eni.h"

#include <string.h>

#define TCP_IDLE_S	  432000
#define UDP_IDLE_S	  30
#define UDP_STREAM_IDLE_S 180

static int check_limits(const struct model *m, uint32_t subnet, struct vpc_error *reterr)
{
	int r = limit_check(m, MODEL_LIMIT_enis_per_subnet,
			    posting_count(index_referrers(&m->ix, OBJECT_SUBNET, subnet, OBJECT_ENI)) + 1,
			    VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL, reterr);

	if (r < 0)
		return r;
	return limit_check(m, MODEL_LIMIT_enis, model_count(m, OBJECT_ENI) + 1, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			   reterr);
}

static int choose_groups_or_default(struct model_txn *t, const struct change *c, struct eni *e,
				    struct vpc_error *reterr)
{
	if (change_has(c, FIELD_SECURITY_GROUPS) && c->n_security_groups)
		return eni_choose_groups(t, c, e, reterr);
	e->groups[0] = model_vpc(t->m, e->vpc)->default_sg;
	e->n_groups = 1;
	return 0;
}

/* The ENI of the VPC that has the MAC, or NULL. */
static const struct object *mac_holder(const struct model *m, uint32_t vpc, const uint8_t mac[6])
{
	const struct posting *p = index_posting(&m->ix, POSTING_MAC, 0, mac, 6);

	for (const struct post *post = p ? p->first : NULL; post; post = post->next)
		if (eni_of(post->owner)->vpc == vpc)
			return post->owner;
	return NULL;
}

/*
 * The MAC follows from the VPC and the primary IPv4 address. So an ENI that gets the address of a deleted one has the
 * MAC that the neighbours remember. If a request gave that MAC to another ENI, the next of three is taken, else a
 * random one.
 */
static void derive_mac(struct model_txn *t, struct eni *e)
{
	static const uint8_t low[] = {0x2, 0x6, 0xe}; /* locally administered, unicast; gateways have 0xa */

	for (size_t i = 0; i < ARRAY_SIZE(low); i++) {
		e->mac[0] = (uint8_t)((e->vpc >> 8 & 0xf) << 4 | low[i]);
		e->mac[1] = (uint8_t)e->vpc;
		memcpy(e->mac + 2, e->ip.bytes + 12, 4);
		if (!mac_holder(t->m, e->vpc, e->mac))
			return;
	}
	txn_new_mac(t, e->mac);
}

/* The addresses are chosen by then. */
static int choose_mac(struct model_txn *t, const struct change *c, struct eni *e, struct vpc_error *reterr)
{
	static const uint8_t none[6];
	const struct object *holder;

	if (!change_has(c, FIELD_MAC)) {
		derive_mac(t, e);
		return 0;
	}
	if (mac_parse(c->mac ? c->mac : "", e->mac) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "mac",
				     "'%.64s' is not a MAC; give one as 02:00:00:00:00:11, or leave it out",
				     c->mac ? c->mac : "");
	if (e->mac[0] & 1 || !memcmp(e->mac, none, sizeof(none)))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "mac",
				     "%s is not a unicast MAC; give one as 02:00:00:00:00:11, or leave it out", c->mac);
	if (e->mac[0] == GATEWAY_MAC_0 && e->mac[1] == GATEWAY_MAC_1)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "mac",
				     "%s could be a gateway's; choose another, or leave it out", c->mac);
	holder = mac_holder(t->m, e->vpc, e->mac);
	if (holder)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "mac",
				     "%s is %s's already; choose another, or leave it out", c->mac, holder->id);
	return 0;
}

int eni_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_ENI);
	struct eni *e = (struct eni *)o;
	const struct object *subnet;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = txn_target(t, c, OBJECT_SUBNET, &subnet, reterr);
	if (r < 0)
		return r;
	e->subnet = subnet->number;
	e->vpc = subnet_of(subnet)->vpc;
	e->source_dest_check = change_has(c, FIELD_SOURCE_DEST_CHECK) ? c->source_dest_check : true;
	e->delete_on_termination = change_has(c, FIELD_DELETE_ON_TERMINATION) && c->delete_on_termination;
	e->tcp_idle_s = TCP_IDLE_S;
	e->udp_idle_s = UDP_IDLE_S;
	e->udp_stream_idle_s = UDP_STREAM_IDLE_S;
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0)
		r = check_limits(t->m, e->subnet, reterr);
	if (r >= 0)
		r = choose_groups_or_default(t, c, e, reterr);
	if (r >= 0)
		r = eni_choose_addresses(t->m, c, e, reterr);
	if (r >= 0)
		r = choose_mac(t, c, e, reterr);
	if (r >= 0)
		r = txn_identify(t, o, reterr);
	if (r < 0)
		return r;
	/* Tells this ENI from the one that had the number before. */
	do
		e->incarnation = (uint32_t)txn_random(t);
	while (!e->incarnation);
	result_set(ret, o);
	r = txn_insert(t, TAKE_PTR(o), reterr);
	if (r >= 0)
		eni_note_addresses(t->m, e, c);
	return r;
}

int eni_update(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	struct eni *e;
	int r = txn_target_copy(t, c, OBJECT_ENI, &o, &copy, reterr);

	if (r < 0)
		return r;
	e = (struct eni *)copy;
	r = change_names(t->m, c, copy, o, reterr);
	if (r < 0)
		return r;
	if (change_has(c, FIELD_SOURCE_DEST_CHECK))
		e->source_dest_check = c->source_dest_check;
	if (change_has(c, FIELD_DELETE_ON_TERMINATION))
		e->delete_on_termination = c->delete_on_termination;
	if (change_has(c, FIELD_SECONDARY_IPS)) {
		r = eni_choose_secondary(t->m, c, e, eni_of(o), reterr);
		if (r < 0)
			return r;
	}
	result_set(ret, o);
	r = txn_replace(t, o, TAKE_PTR(copy), reterr);
	return r < 0 || !change_has(c, FIELD_SECONDARY_IPS) ? r : eip_part_from(t, &e->o, false, reterr);
}

int eni_delete(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	const struct object *o;
	int r = txn_target(t, c, OBJECT_ENI, &o, reterr);

	if (r < 0)
		return r;
	if (eni_of(o)->attachment.kind != ATTACHMENT_NONE)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "eni_id", "%s is attached; detach it first", o->id);
	/* Its elastic IPs become nobody's, its published ports and flow logs go with it, routes to it become
	 * blackholes. */
	r = eip_part_from(t, o, true, reterr);
	if (r >= 0)
		r = publish_remove_of(t, o, reterr);
	if (r >= 0)
		r = flow_log_remove_of(t, o, reterr);
	if (r >= 0)
		r = change_delete(t, c, ret, reterr);
	return r < 0 ? r : route_retarget(t, ret->id, reterr);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static void clear(struct object *o)
{
	struct eni *e = (struct eni *)o;

	free(e->secondary);
	free(e->detach_reason);
	attachment_clear(&e->attachment);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct eni *e = (struct eni *)to;
	const struct eni *f = eni_of(from);

	e->vpc = f->vpc;
	e->subnet = f->subnet;
	e->incarnation = f->incarnation;
	memcpy(e->mac, f->mac, sizeof(e->mac));
	e->ip = f->ip;
	e->ip6 = f->ip6;
	e->secondary = calloc(f->n_secondary + 1, sizeof(*e->secondary));
	if (!e->secondary)
		return -ENOMEM;
	if (f->n_secondary)
		memcpy(e->secondary, f->secondary, f->n_secondary * sizeof(*e->secondary));
	e->n_secondary = f->n_secondary;
	memcpy(e->groups, f->groups, sizeof(e->groups));
	e->n_groups = f->n_groups;
	e->source_dest_check = f->source_dest_check;
	e->delete_on_termination = f->delete_on_termination;
	e->tcp_idle_s = f->tcp_idle_s;
	e->udp_idle_s = f->udp_idle_s;
	e->udp_stream_idle_s = f->udp_stream_idle_s;
	if (text_set(&e->detach_reason, f->detach_reason) < 0)
		return -ENOMEM;
	return attachment_copy(&e->attachment, &f->attachment);
}

static int post_address(struct index *ix, struct object *o, const struct subnet *s, const struct ip *ip)
{
	enum posting_type in_subnet = ip->family == 4 ? POSTING_ADDRESSES4_OF_SUBNET : POSTING_ADDRESSES6_OF_SUBNET;
	int r = index_post(ix, o, POSTING_ADDRESS, s->vpc, ip->bytes, sizeof(ip->bytes), 0);

	return r < 0 ? r : index_post(ix, o, in_subnet, s->o.number, NULL, 0, subnet_offset(s, ip));
}

static int post_eni(struct index *ix, struct object *o)
{
	const struct eni *e = eni_of(o);
	const struct subnet *s = (const struct subnet *)index_by_number(ix, OBJECT_SUBNET, e->subnet);
	int r = index_post_reference(ix, o, OBJECT_SUBNET, e->subnet);

	if (r >= 0)
		r = index_post(ix, o, POSTING_MAC, 0, e->mac, sizeof(e->mac), 0);
	for (size_t i = 0; r >= 0 && i < e->n_groups; i++)
		r = index_post_reference(ix, o, OBJECT_SG, e->groups[i]);
	if (r >= 0)
		r = post_address(ix, o, s, &e->ip);
	if (r >= 0 && e->ip6.family)
		r = post_address(ix, o, s, &e->ip6);
	for (size_t i = 0; r >= 0 && i < e->n_secondary; i++)
		r = post_address(ix, o, s, &e->secondary[i]);
	return r;
}

static void loaded(struct model *m, struct object *o)
{
	route_loaded(m, o);
}

const struct kind_ops eni_ops = {
	.size = sizeof(struct eni),
	.parent = {OBJECT_VPC, offsetof(struct eni, vpc)},
	.first_number = VPC_ENI_FIRST,
	.clear = clear,
	.copy = copy_members,
	.post = post_eni,
	.to_json = eni_to_json,
	.to_document = eni_to_document,
	.load = eni_load,
	.loaded = loaded,
	.schemas = eni_schemas,
	.n_schemas = ENI_SCHEMAS,
};
