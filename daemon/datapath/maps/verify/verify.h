/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of maps_verify share. */
#ifndef DATAPATH_MAPS_VERIFY_H
#define DATAPATH_MAPS_VERIFY_H

#include <jansson.h>

#include "compiler/plan.h"
#include "datapath/maps/state.h"

/* What is compared with the maps: the whole state, and the epoch that is in force. */
struct verify {
	const struct maps *maps;
	const struct plan *all;
	json_t *report;
	uint64_t epoch;
};

/* Each reports the differences it finds. -ENOMEM, -errno of bpf(). */
int verify_enis(const struct verify *v);
int verify_addrs(const struct verify *v);
int verify_vpcs(const struct verify *v);
int verify_edge(const struct verify *v);
int verify_edge_host(const struct verify *v);
int verify_acls(const struct verify *v);

#endif
