/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of VPCs, subnets and ENIs: what the kernel is told of an object, with every reference resolved. */
#include "compiler/internal.h"

#define GATEWAY_HOST 1 /* the first host address of a subnet is its gateway */

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

static struct ip gateway_ip4(const struct subnet *sn)
{
	return cidr_nth(&sn->cidr, GATEWAY_HOST);
}

int record_vpc(const struct scope *s, enum snapshot snapshot, const struct vpc *v, struct vpc_record *ret)
{
	(void)snapshot;
	memset(ret, 0, sizeof(*ret));
	ret->number = v->o.number;
	memcpy(ret->id, v->o.id, sizeof(ret->id));
	model_netns_name(v, s->instance, ret->netns, sizeof(ret->netns));
	ret->mtu = v->mtu;
	ret->cidrs[ret->n_cidrs++] = v->cidr;
	if (v->cidr6.addr.family)
		ret->cidrs[ret->n_cidrs++] = v->cidr6;
	record_address_config(&v->dhcp, &ret->address_config);
	return 0;
}

int record_subnet(const struct scope *s, enum snapshot snapshot, const struct subnet *sn, struct subnet_record *ret)
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
	ret->gateway = (struct cidr){.addr = gateway_ip4(sn), .plen = sn->cidr.plen};
	if (sn->cidr6.addr.family) {
		ret->gateway6 = (struct cidr){
			.addr = {.family = 6, .bytes = {[0] = 0xfe, [1] = 0x80, [15] = 1}},
			.plen = 64,
		};
		ret->cidr6 = sn->cidr6;
	}
	return 0;
}

int record_eni(const struct scope *s, enum snapshot snapshot, const struct eni *e, struct eni_record *ret)
{
	const struct vpc *v = scope_vpc(s, snapshot, e->vpc);
	const struct subnet *sn = scope_subnet(s, snapshot, e->subnet);
	uint32_t half = model_limits(s->m)->flows_established / 2;
	struct ip gateway;

	if (!v || !sn)
		return -ENOENT;
	gateway = gateway_ip4(sn);
	memset(ret, 0, sizeof(*ret));
	ret->number = e->o.number;
	ret->incarnation = e->incarnation;
	ret->vpc = e->vpc;
	ret->subnet = e->subnet;
	ret->flags = (e->source_dest_check ? VPC_ENI_SOURCE_DEST_CHECK : 0u) |
		     (e->attachment.kind == ATTACHMENT_NONE ? VPC_ENI_UNPLUGGED : 0u);
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
