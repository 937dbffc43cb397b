/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One change from its preparation to its retirement. */
#ifndef DATAPATH_MAPS_CHANGE_RECORD_H
#define DATAPATH_MAPS_CHANGE_RECORD_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"
#include "datapath/maps/undo.h"

struct maps_change {
	struct maps_change *next; /* of those whose retirement has to wait */
	uint64_t epoch;		  /* that it is published at */
	enum flows_mode flows;
	uint32_t drain_s;
	bool affects_flows; /* an ENI that it takes something away from had established flows */
	struct mirror_change mirror;
	struct undo_log undo;
	ARRAY(struct vpc_flow_key) ended; /* flows whose grace it ends, and that are allowed by nothing else */
};

/* NULL is fine. */
void change_free(struct maps_change *c);

#endif
