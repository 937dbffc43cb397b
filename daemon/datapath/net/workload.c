/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workloads' ends of attached ENIs, put right by the worker. */
#include "datapath/net/device/device.h"
#include "datapath/net/net.h"

int net_workload_mend(const struct plan *plan, const struct workload *w, bool unfinished)
{
	struct device_iterator it = {.plan = plan};
	struct device_spec before, after;
	int r = 0;

	while (r >= 0 && device_next(&it, &before, &after))
		if (after.ops && after.ops->far_end)
			r = after.ops->far_end->mend(&after, w, unfinished);
	return r;
}
