/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of metering only. */
#ifndef ENGINE_USAGE_PRIVATE_H
#define ENGINE_USAGE_PRIVATE_H

#include "engine/engine_private.h"
#include "engine/reports/usage.h"
#include "observe/traffic.h"
#include "store/usage.h"

struct usage {
	struct usage_state *vpcs; /* by VPC number */
	uint32_t vpcs_end;
	struct traffic *gateways, *peerings; /* as e->traffic is for ENIs, by row; a peering has two sides */
	char counters[USAGE_COUNTERS_MAX];   /* which ones the kernel has */
	uint64_t keep_days;
	bool reading, pruning;
	sd_event_source *timer;
	struct usage_part *part; /* waits for a commit, or NULL */
};

/* The key in the store's meta values of a VPC's state, and of what says that VPCs without one are new. */
#define USAGE_KEY     "usage.%s"
#define USAGE_KEY_MAX (OBJECT_ID_MAX + 8)
#define USAGE_BEGUN   "usage"

/* --- usage_part.c --- */
/* NULL: out of memory. */
struct usage_part *usage_part_new(void);
/* That which waits for a commit. Borrowed; NULL: out of memory. */
struct usage_part *usage_part_waiting(struct engine *e);
/* -ENOMEM. state NULL: the VPC is gone. */
int usage_part_put_state(struct usage_part *part, const char *vpc, const struct usage_state *state);
int usage_part_put_text(struct usage_part *part, const char *key, const char *text);
int usage_part_put_row(struct usage_part *part, const char *vpc, const char *name, const struct usage_hour *hour);

/* --- usage.c --- */
/* A VPC's totals, as of the last readings. */
struct usage_counts usage_totals(const struct engine *e, uint32_t vpc);
/* What an object counted for a VPC. A peering is two of these. */
struct usage_source {
	uint32_t vpc;
	enum usage_meter meter;
	struct vpc_eni_stat stat;
};
/* The sources that a gateway's counters are. Returns how many: at most 2. */
size_t usage_sources(const struct model *m, const struct object *o, const struct vpc_eni_stat *stat,
		     struct usage_source ret[2]);
/* The counters of a gateway that ends are read for the last time. */
void usage_note_last(struct engine *e, const struct object *o);
/* How many ENIs a VPC has. */
void usage_note_most(struct engine *e, uint32_t vpc);
/* A VPC was made, or is gone. */
void usage_vpc_begins(struct engine *e, uint32_t vpc, bool begins);
/* The counters were read: hours that are over end, and what changed waits for a commit. */
void usage_take_stock(struct engine *e);

#endif
