/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPCs: a namespace and its addresses. */
#include "compiler/internal.h"

static int record_vpc(const struct scope *s, enum snapshot snapshot, const struct vpc *v, struct vpc_record *ret)
{
	const struct cidr *own;

	(void)snapshot;
	memset(ret, 0, sizeof(*ret));
	ret->number = v->o.number;
	memcpy(ret->id, v->o.id, sizeof(ret->id));
	model_netns_name(v, s->instance, ret->netns, sizeof(ret->netns));
	ret->mtu = v->mtu;
	for (size_t i = 0; (own = vpc_cidr(v, i)) && ret->n_cidrs < ARRAY_SIZE(ret->cidrs); i++)
		ret->cidrs[ret->n_cidrs++] = *own;
	for (size_t i = 0; i < v->n_host_access && ret->n_host_access < ARRAY_SIZE(ret->host_access); i++)
		ret->host_access[ret->n_host_access++] = v->host_access[i];
	ret->routed_out = v->routed_out;
	ret->routed_out6 = v->routed_out6;
	ret->peered = v->peered;
	record_address_config(&v->dhcp, &ret->address_config);
	return 0;
}

int compile_vpc(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	return COMPILE_RECORD(vpc, vpcs, s, before, after, plan);
}
