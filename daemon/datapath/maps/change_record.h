/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One change from its preparation to its retirement. */
#ifndef DATAPATH_MAPS_CHANGE_RECORD_H
#define DATAPATH_MAPS_CHANGE_RECORD_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"
#include "datapath/maps/undo.h"

struct maps_change {
	struct maps_change *next; /* next in the list of changes whose retirement is postponed */
	uint64_t epoch;		  /* at which it is published */
	enum flows_mode flows;
	uint32_t drain_s;
	bool affects_flows; /* it revokes something from an ENI that has established flows */
	struct mirror_change mirror;
	struct undo_log undo;
	ARRAY(struct vpc_flow_key) ended; /* flows whose grace it ends, and that no rule allows */
};

/* c may be NULL. */
void change_free(struct maps_change *c);

#endif
