/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of maps_verify share. */
#ifndef DATAPATH_TABLES_VERIFY_H
#define DATAPATH_TABLES_VERIFY_H

#include "datapath/maps/private.h"

struct verify {
	struct maps *t;
	const struct plan *all;
	json_t *report;
	uint64_t epoch;
	/* rows of `all`, sorted by key; found: by position in `rows` */
	const struct plan_row **rows;
	bool *found;
	/* addresses of `all`, sorted */
	const struct plan_addr **addrs;
	bool *addr_found;
	bool *mask_group_found; /* by class number: mask_group_of leads there and the class's own key agrees */
};

/* Appends a difference; -ENOMEM. */
PRINTF_LIKE(5, 6)
int verify_tell(struct verify *v, const char *what, const char *object, const char *problem, const char *format, ...);
int verify_rows(struct verify *v);
int verify_enis(struct verify *v);
int verify_addrs(struct verify *v);
int verify_vpcs(struct verify *v);
/* In maps/classifier_adopt.c. */
int verify_classifier(struct verify *v);

#endif
