/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subnets: a bridge with the gateway's addresses. */
#include "compiler/internal.h"

void compile_gateway_mac(uint32_t subnet, uint8_t ret[6])
{
	/* 0x0a: unicast, locally administered; "VP" tells it from the MACs that ENIs draw (first byte 02). */
	ret[0] = 0x0a;
	ret[1] = 'V';
	ret[2] = (uint8_t)(subnet >> 24);
	ret[3] = (uint8_t)(subnet >> 16);
	ret[4] = (uint8_t)(subnet >> 8);
	ret[5] = (uint8_t)subnet;
}

static int record_subnet(const struct scope *s, enum snapshot snapshot, const struct subnet *sn,
			 struct subnet_record *ret)
{
	const struct vpc *v = scope_vpc(s, snapshot, sn->vpc);

	if (!v)
		return -ENOENT;
	memset(ret, 0, sizeof(*ret));
	ret->number = sn->o.number;
	ret->vpc = sn->vpc;
	memcpy(ret->id, sn->o.id, sizeof(ret->id));
	snprintf(ret->bridge, sizeof(ret->bridge), "br%u", sn->o.number);
	ret->ifindex = VPC_BRIDGE_FIRST + sn->o.number;
	compile_gateway_mac(sn->o.number, ret->mac);
	ret->mtu = v->mtu;
	ret->gateway = (struct cidr){.addr = subnet_gateway4(sn), .plen = sn->cidr.plen};
	if (sn->cidr6.addr.family) {
		ret->gateway6 = (struct cidr){
			.addr = {.family = 6, .bytes = {[0] = 0xfe, [1] = 0x80, [15] = 1}},
			.plen = 64,
		};
		ret->cidr6 = sn->cidr6;
	}
	return 0;
}

static int record_association(const struct scope *s, enum snapshot snapshot, const struct subnet *sn,
			      struct association_record *ret)
{
	const struct vpc *v = scope_vpc(s, snapshot, sn->vpc);

	if (!v)
		return -ENOENT;
	*ret = (struct association_record){
		.subnet = sn->o.number,
		.table = sn->route_table ? sn->route_table : v->main_route_table,
	};
	return 0;
}

/* Which route table it uses. There is none yet while a store of an earlier version is loaded. */
static int compile_association(const struct scope *s, const struct subnet *before, const struct subnet *after,
			       struct plan *plan)
{
	struct plan_association c = {0};
	struct plan_association *added;
	int err = 0;

	if (before)
		err = record_association(s, SNAPSHOT_BEFORE, before, &c.before);
	if (err == 0 && after)
		err = record_association(s, SNAPSHOT_AFTER, after, &c.after);
	c.has_before = before && c.before.table;
	c.has_after = after && c.after.table;
	if (err < 0 || (!c.has_before && !c.has_after) ||
	    (c.has_before && c.has_after && c.before.table == c.after.table))
		return err;
	added = ARRAY_ADD(plan->associations, plan->n_associations);
	if (!added)
		return -ENOMEM;
	*added = c;
	return 0;
}

static int record_subnet_acl(const struct scope *s, enum snapshot snapshot, const struct subnet *sn,
			     struct subnet_acl_record *ret)
{
	const struct vpc *v = scope_vpc(s, snapshot, sn->vpc);

	if (!v)
		return -ENOENT;
	*ret = (struct subnet_acl_record){.subnet = sn->o.number, .acl = sn->acl ? sn->acl : v->default_acl};
	return 0;
}

/* Which network ACL it uses; none while a store of an earlier version is loaded. */
static int compile_subnet_acl(const struct scope *s, const struct subnet *before, const struct subnet *after,
			      struct plan *plan)
{
	struct plan_subnet_acl c = {0};
	struct plan_subnet_acl *added;
	int err = 0;

	if (before)
		err = record_subnet_acl(s, SNAPSHOT_BEFORE, before, &c.before);
	if (err == 0 && after)
		err = record_subnet_acl(s, SNAPSHOT_AFTER, after, &c.after);
	c.has_before = before && c.before.acl;
	c.has_after = after && c.after.acl;
	if (err < 0 || (!c.has_before && !c.has_after) || (c.has_before && c.has_after && c.before.acl == c.after.acl))
		return err;
	added = ARRAY_ADD(plan->subnet_acls, plan->n_subnet_acls);
	if (!added)
		return -ENOMEM;
	*added = c;
	return 0;
}

int compile_subnet(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	int err = COMPILE_RECORD(subnet, subnets, s, before, after, plan);

	if (err == 0)
		err = compile_association(s, before ? subnet_of(before) : NULL, after ? subnet_of(after) : NULL, plan);
	if (err == 0)
		err = compile_subnet_acl(s, before ? subnet_of(before) : NULL, after ? subnet_of(after) : NULL, plan);
	return err;
}
