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

int compile_subnet(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	return COMPILE_RECORD(subnet, subnets, s, before, after, plan);
}
