/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcd --purge: removes all that an instance has made. No engine runs. */
#include <string.h>

#include "datapath/maps/maps.h"
#include "datapath/net/net.h"
#include "engine/engine.h"
#include "observe/advice_file.h"
#include "store/store.h"

int engine_purge(const struct engine_config *config, bool state, struct vpc_error *reterr)
{
	int r = net_purge(config->instance), q = maps_purge(config->bpf_dir);

	if (r < 0 || q < 0)
		return vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "could not remove everything: %s",
				     strerror(r < 0 ? -r : -q));
	if (!state)
		return 0;
	r = advice_file_remove(config->state_dir);
	if (r >= 0)
		r = store_remove(config->state_dir);
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "could not remove the state in %s: %s",
				     config->state_dir, strerror(-r));
	return 0;
}
