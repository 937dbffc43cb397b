/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/flows.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/flows/translations.h"
#include "datapath/maps/flows/young.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/state.h"

struct each_flow {
	maps_flow_fn fn;
	void *userdata;
	uint32_t eni;
	bool established;
};

static int each_flow(const void *key, const void *value, void *userdata)
{
	const struct each_flow *each = userdata;
	const struct vpc_flow *flow = value;

	if (each->eni && flow->eni[0] != each->eni && flow->eni[1] != each->eni)
		return 0;
	return each->fn(key, flow, each->established, each->userdata);
}

int maps_each_flow(struct maps *maps, uint32_t eni, maps_flow_fn fn, void *userdata)
{
	struct each_flow each = {.fn = fn, .userdata = userdata, .eni = eni, .established = true};
	int r = young_flush(maps, UINT64_MAX);

	if (r == 0)
		r = map_each(&maps->map[MAP_FLOW], each_flow, &each);
	if (r)
		return r;
	each.established = false;
	r = map_each(&maps->map[MAP_FLOW_NEW], each_flow, &each);
	return r ? r : map_each(&maps->map[MAP_FLOW_OVERFLOW], each_flow, &each);
}

uint32_t maps_eni_incarnation(const struct maps *maps, uint32_t number)
{
	return number < maps->map[MAP_ENI].n ? eni_at(maps, number)->incarnation : 0;
}

bool maps_flow_translation(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
			   struct vpc_nat_entry *ret_out)
{
	struct vpc_nat_key out;

	return translation_of_flow(key, flow, &out) && translation_find(maps, &out, ret_out);
}

__be32 maps_flow_elastic_ip(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	struct vpc_addr_key private = {.vpc = key->vpc, .addr = {[2] = htonl(0xffff)}};
	struct vpc_nat_key out;
	uint32_t number;

	/* A peered ENI has its word in the place of the outside's incarnation. */
	if (!translation_of_flow(key, flow, &out) || flow->incarnation[flow->eni[0] ? 1 : 0])
		return 0;
	private.addr[3] = out.local;
	number = eip_by_private(&maps->mirror, &private);
	return number ? maps->mirror.eips[number].record.address : 0;
}

/* Whether an end of a flow comes behind the other in its key, as flow_key_ends() of the programs has it. */
static bool comes_behind(const __be32 a[4], const __be32 b[4], __be16 a_port, __be16 b_port)
{
	int r = memcmp(a, b, 4 * sizeof(*a));

	return r > 0 || (r == 0 && ntohs(a_port) > ntohs(b_port));
}

int maps_find_flow(const struct maps *maps, uint32_t vpc, uint8_t proto, const __be32 src[4], const __be32 dst[4],
		   __be16 sport, __be16 dport, struct vpc_flow *ret, bool *ret_from_opener)
{
	static const enum map_id where[] = {MAP_FLOW, MAP_FLOW_NEW, MAP_FLOW_OVERFLOW};
	struct vpc_flow_key key = {.vpc = vpc, .proto = proto};
	unsigned from = comes_behind(src, dst, sport, dport);

	memcpy(key.addr[from], src, sizeof(key.addr[from]));
	memcpy(key.addr[!from], dst, sizeof(key.addr[!from]));
	key.port[from] = sport;
	key.port[!from] = dport;
	if (!young_find(maps, &key, ret)) {
		size_t i = 0;

		while (i < ARRAY_SIZE(where) && bpf_map_lookup_elem(maps->map[where[i]].fd, &key, ret) < 0)
			i++;
		if (i == ARRAY_SIZE(where))
			return -ENOENT;
	}
	*ret_from_opener = (ret->opener & 1) == from;
	return 0;
}
