/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gateways and elastic IPs. Internet gateways and egress-only ones have no records: the routes that lead to them say it
 * all (route_table.c), and whether the VPC has an uplink (vpc.c).
 */
#include "compiler/internal.h"

int compile_igw(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	(void)s, (void)before, (void)after, (void)plan;
	return 0;
}

int compile_eigw(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	(void)s, (void)before, (void)after, (void)plan;
	return 0;
}

/* A peering is there for the routes that lead to it while it is active. */
int compile_peering(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	(void)s, (void)before, (void)after, (void)plan;
	return 0;
}

static int record_nat(const struct scope *s, enum snapshot snapshot, const struct nat *n, struct nat_record *ret)
{
	(void)s, (void)snapshot;
	*ret = (struct nat_record){
		.number = n->o.number,
		.vpc = n->vpc,
		.incarnation = n->incarnation,
		.eip = n->eip ? n->eip : VPC_NAT_HOST_ADDRESS,
	};
	return 0;
}

int compile_nat(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	return COMPILE_RECORD(nat, nats, s, before, after, plan);
}

static int record_eip(const struct scope *s, enum snapshot snapshot, const struct eip *e, struct eip_record *ret)
{
	(void)snapshot;
	*ret = (struct eip_record){
		.number = e->o.number, .address = ip_v4_be(&e->address), .pool = model_pool_of(s->m, &e->address)};
	if (e->eni) {
		ret->target = VPC_EIP_ENI << VPC_TARGET_SHIFT | e->eni;
		ret->vpc = e->vpc;
		ret->private_address = ip_v4_be(&e->private_ip);
	} else if (e->nat) {
		ret->target = VPC_EIP_NAT << VPC_TARGET_SHIFT | e->nat;
	}
	return 0;
}

int compile_eip(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	return COMPILE_RECORD(eip, eips, s, before, after, plan);
}
