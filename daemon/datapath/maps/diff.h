/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of maps_diff share. */
#ifndef DATAPATH_MAPS_DIFF_H
#define DATAPATH_MAPS_DIFF_H

#include <vpc/array.h>

#include "compiler/plan.h"
#include "datapath/maps/mirror/nodes.h"

struct diff {
	const struct mirror *m;
	const struct plan *all;
	struct plan *plan;
	size_t cap_rows, cap_enis, cap_addrs, cap_vpcs;
	size_t cap_routes, cap_associations, cap_nats, cap_eips, cap_publishes;
	size_t cap_acls, cap_subnet_acls;
};

/* Appends a zeroed record to one of the plan's lists. NULL: out of memory. */
#define PLAN_PUSH(d, list, kind)                                                                                     \
	({                                                                                                           \
		void *_grown =                                                                                       \
			array_grow((d)->plan->list, &(d)->cap_##list, (d)->plan->n_##list + 1, sizeof(struct kind)); \
		struct kind *_item = NULL;                                                                           \
		if (_grown) {                                                                                        \
			(d)->plan->list = _grown;                                                                    \
			_item = &(d)->plan->list[(d)->plan->n_##list++];                                             \
			*_item = (struct kind){};                                                                    \
		}                                                                                                    \
		_item;                                                                                               \
	})

/* Routes, associations, gateways, elastic IPs, publications. -ENOMEM. */
int diff_edge(struct diff *d);
/* Network ACLs, and which subnets use them. -ENOMEM. */
int diff_acls(struct diff *d);

#endif
