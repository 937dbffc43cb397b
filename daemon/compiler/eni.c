/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ENIs: a row, addresses, a MAC, and a port where it is attached. */
#include "compiler/internal.h"

#include <vpc/array.h>

static int record_eni(const struct scope *s, enum snapshot snapshot, const struct eni *e, struct eni_record *ret)
{
	const struct vpc *v = scope_vpc(s, snapshot, e->vpc);
	const struct subnet *sn = scope_subnet(s, snapshot, e->subnet);
	uint32_t half = model_limits(s->m)->flows_established / 2;
	struct ip gateway;

	if (!v || !sn)
		return -ENOENT;
	gateway = subnet_gateway4(sn);
	memset(ret, 0, sizeof(*ret));
	ret->number = e->o.number;
	ret->incarnation = e->incarnation;
	ret->vpc = e->vpc;
	ret->subnet = e->subnet;
	ret->flags = (e->source_dest_check ? VPC_ENI_SOURCE_DEST_CHECK : 0u) |
		     (e->attachment.kind == ATTACHMENT_NONE ? VPC_ENI_DETACHED : 0u);
	ret->mtu = v->mtu;
	memcpy(ret->groups, e->groups, e->n_groups * sizeof(ret->groups[0]));
	ret->n_groups = (uint32_t)e->n_groups;
	memcpy(ret->mac, e->mac, sizeof(ret->mac));
	compile_gateway_mac(e->subnet, ret->gateway_mac);
	ret->gateway4 = ip_v4_be(&gateway);
	ret->subnet4 = ip_v4_be(&sn->cidr.addr);
	ret->mask4 = mask4_be(sn->cidr.plen);
	if (sn->cidr6.addr.family)
		memcpy(ret->subnet6, sn->cidr6.addr.bytes, sizeof(ret->subnet6));
	ret->tcp_idle_s = e->tcp_idle_s;
	ret->udp_idle_s = e->udp_idle_s;
	ret->udp_stream_idle_s = e->udp_stream_idle_s;
	ret->flow_budget = half ? half : 1;
	ret->ip4 = ip_v4_be(&e->ip);
	if (e->ip6.family)
		memcpy(ret->ip6, e->ip6.bytes, sizeof(ret->ip6));
	return 0;
}

/* The nth address of an ENI: primary, IPv6, secondary ones; NULL beyond the last. e may be NULL: it has none. */
static const struct ip *eni_address(const struct eni *e, size_t n)
{
	if (!e)
		return NULL;
	if (n == 0)
		return &e->ip;
	if (e->ip6.family && n-- == 1)
		return &e->ip6;
	return n - 1 < e->n_secondary ? &e->secondary[n - 1] : NULL;
}

static bool has_address(const struct eni *e, const struct ip *ip)
{
	const struct ip *own;

	for (size_t i = 0; (own = eni_address(e, i)); i++)
		if (ip_equal(own, ip))
			return true;
	return false;
}

/* Rows for the addresses that `of` has and `other` has not. */
static int add_addresses(const struct eni *of, const struct eni *other, bool add, struct plan *plan)
{
	const struct ip *ip;

	for (size_t i = 0; (ip = eni_address(of, i)); i++) {
		struct plan_addr *added;

		if (has_address(other, ip))
			continue;
		added = ARRAY_ADD(plan->addrs, plan->n_addrs);
		if (!added)
			return -ENOMEM;
		*added = (struct plan_addr){.add = add, .vpc = of->vpc, .eni = of->o.number, .ip = *ip};
	}
	return 0;
}

/* The row for an ENI's MAC on its subnet's bridge (abi.h, struct vpc_addr_key). Neither ever changes. */
static int add_mac(const struct eni *e, bool add, struct plan *plan)
{
	struct plan_addr *added = ARRAY_ADD(plan->addrs, plan->n_addrs);

	if (!added)
		return -ENOMEM;
	*added = (struct plan_addr){
		.add = add, .vpc = VPC_BRIDGE_FIRST + e->subnet, .eni = e->o.number, .ip = {.family = 6}};
	memcpy(added->ip.bytes + sizeof(added->ip.bytes) - sizeof(e->mac), e->mac, sizeof(e->mac));
	return 0;
}

/* An ENI is four things: a row, addresses, a MAC, a port. */
int compile_eni(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	const struct eni *old = before ? eni_of(before) : NULL, *new = after ? eni_of(after) : NULL;
	int err = COMPILE_RECORD(eni, enis, s, before, after, plan);

	if (err == 0)
		err = add_addresses(old, new, false, plan);
	if (err == 0)
		err = add_addresses(new, old, true, plan);
	if (err == 0 && (!old || !new))
		err = add_mac(new ? new : old, new != NULL, plan);
	if (err == 0)
		err = compile_port(s, old, new, plan);
	return err;
}
