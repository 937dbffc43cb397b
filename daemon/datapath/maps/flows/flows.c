/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/flows.h"

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
	int r = map_each(&maps->map[MAP_FLOW], each_flow, &each);

	if (r)
		return r;
	each.established = false;
	r = map_each(&maps->map[MAP_FLOW_NEW], each_flow, &each);
	return r ? r : map_each(&maps->map[MAP_FLOW_OVERFLOW], each_flow, &each);
}
