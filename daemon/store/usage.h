/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What VPCs used, by the hour. A row says what one VPC counted in one hour; what is written for the same hour later is
 * added to it. Rows outlive their VPCs. They are not part of the state: they have no revision and no history.
 */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "store/history.h"

#define STORE_USAGE_VALUES 12

struct store_usage {
	uint64_t hour;	  /* since 1970, UTC */
	const char *vpc;  /* id; "": of VPCs of that hour beyond STORE_USAGE_PER_HOUR */
	const char *name; /* its last */
	uint64_t most;	  /* the row keeps the greatest; all that follows is added */
	uint64_t values[STORE_USAGE_VALUES];
};

/* VPCs that have a row of their own in one hour. There are fewer at once; but many may come and go. */
#define STORE_USAGE_PER_HOUR 4096

/* Between two commits, on their thread: deletes some of the rows before an hour. 1: there is more to do; 0; -errno. */
int store_usage_prune(struct store *s, uint64_t before);

/* Calls fn for each row of the hours first to last, both included, in the order of hours; of one hour in the order of
 * ids. fn returns 0 to go on, 1 to stop, -errno. Rows are borrowed. Errors: StoreUnavailable. */
typedef int (*store_usage_fn)(const struct store_usage *row, void *userdata);
int store_read_usage(struct store_reader *r, uint64_t first, uint64_t last, store_usage_fn fn, void *userdata,
		     struct vpc_error *reterr);

#endif
