/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/by_hand.h"

#include <string.h>

#include "datapath/maps/flows/sweep.h"

int maps_cut_by_hand(struct maps *maps, const struct vpc_flow_key *key, uint32_t n, uint64_t now_ns, bool *ret_cut)
{
	struct vpc_sweep io = {.op = VPC_SWEEP_CUT, .epoch = VPC_EPOCH_CUT, .now_ns = now_ns};
	int r = 0;

	memset(ret_cut, 0, n * sizeof(*ret_cut));
	for (uint32_t at = 0; r == 0 && at < n; at += io.n) {
		io.n = n - at < VPC_SWEEP_MAX ? n - at : VPC_SWEEP_MAX;
		memcpy(io.key, key + at, io.n * sizeof(*key));
		r = sweep_run(maps, &io);
		for (uint32_t i = 0; r == 0 && i < io.n; i++)
			ret_cut[at + i] = io.result[i] == VPC_SWEPT_DONE;
	}
	return r;
}
