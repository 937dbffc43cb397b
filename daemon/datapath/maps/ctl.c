/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/ctl.h"

#include <stdio.h>

#include <vpc/clock.h>

#include "datapath/maps/verify/audit.h"

void ctl_adopt(struct maps *maps)
{
	maps->ctl = *ctl_at(maps, 0);
	if (maps->ctl.pickup_until_ns > monotonic_ns() + PICKUP_NS)
		CTL_SET(maps, pickup_until_ns, 0);
	/* Raised for an epoch that was never stored: the one that is in force is enough. */
	if (maps->ctl.lists_revoke > maps->ctl.epoch)
		CTL_SET(maps, lists_revoke, maps->ctl.epoch);
	if (maps->ctl.lists_any > maps->ctl.epoch)
		CTL_SET(maps, lists_any, maps->ctl.epoch);
}

#define FIELDS(FIELD) \
	FIELD(epoch)  \
	FIELD(pickup_until_ns) FIELD(listeners) FIELD(half_open_max) FIELD(graces) FIELD(lists_revoke) FIELD(lists_any)

int maps_ctl_mend(struct maps *maps, struct maps_finding *ret)
{
	int mended = 0;

#define MEND(field)                                                                                                 \
	do {                                                                                                        \
		uint64_t is = __atomic_load_n(&ctl_at(maps, 0)->field, __ATOMIC_RELAXED), should = maps->ctl.field; \
		if (is == should)                                                                                   \
			break;                                                                                      \
		__atomic_store_n(&ctl_at(maps, 0)->field, maps->ctl.field, __ATOMIC_SEQ_CST);                       \
		snprintf(ret->detail, sizeof(ret->detail), "%s was %llu and should be %llu", #field,                \
			 (unsigned long long)is, (unsigned long long)should);                                       \
		mended++;                                                                                           \
	} while (0);
	FIELDS(MEND)
#undef MEND
	ret->map = "ctl";
	return mended;
}
