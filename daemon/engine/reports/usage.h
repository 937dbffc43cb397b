/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metering: what each VPC used in each hour, kept in the store. The counters are read now and then, when an hour ends,
 * and when somebody asks. What is to be stored goes along with the next commit, or soon by itself (commit.h).
 *
 * What a deleted object had counted is stored in the commit that deletes it. So nothing is lost or counted twice when
 * vpcd is killed. What is lost with the host itself is what it counted since the last reading (USAGE_READ_US).
 */
#ifndef ENGINE_USAGE_H
#define ENGINE_USAGE_H

#include "engine/engine.h"
#include "model/model.h"
#include "observe/usage.h"
#include "store/store.h"

struct commit;
struct gateway_traffic;
struct txn;
struct usage_part;

/* At a start, after traffic_start() and gateways_start(). Errors: StoreUnavailable. */
int usage_start(struct engine *e, struct vpc_error *reterr);
/* When the worker has ended: reads the counters once more, so that commit_end() stores them. */
void usage_end(struct engine *e);
void usage_free(struct engine *e);

/* Counters of gateways were read. */
void usage_note_gateways(struct engine *e, const struct gateway_traffic *list, size_t n);
/* Before a transaction is committed: what objects that it deletes have counted goes along with it. -ENOMEM. */
int usage_fill(struct txn *t, struct commit *c);
/* It was published. Called before the counters of what is gone end. */
void usage_object_changed(struct engine *e, const struct object *before, const struct object *after);

/* --- for commit.c: what is to be stored --- */

struct store_usage;
struct store_meta;
/* What waits for a commit, or NULL. Taken. */
struct usage_part *usage_part_take(struct engine *e);
bool usage_part_waits(const struct engine *e);
/* It was not stored: it waits again. Takes part; NULL is fine. */
void usage_part_give_back(struct engine *e, struct usage_part *part);
void usage_part_free(struct usage_part *part);
size_t usage_part_metas(const struct usage_part *part);
/* Borrowed, for as long as the part is there. */
size_t usage_part_get_metas(const struct usage_part *part, struct store_meta *ret);
size_t usage_part_rows(const struct usage_part *part);
void usage_part_get_rows(const struct usage_part *part, struct store_usage *ret);

#endif
