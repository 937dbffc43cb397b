/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A transaction on its way: what txn.c and the files beside it share. */
#ifndef ENGINE_TXN_H
#define ENGINE_TXN_H

#include "engine/devices/namespaces.h"
#include "engine/devices/workloads.h"
#include "engine/flows/flow_counts.h"
#include "engine/txn/commit.h"

struct txn {
	struct job job; /* first: the queue's view of it */
	struct engine *e;
	struct engine_request *request;
	engine_reply_fn fn;
	void *userdata;
	bool queued;		 /* it is a job of the engine's */
	bool asked;		 /* whether there is a kept reply */
	uint64_t keyed;		 /* e->keyed when it was asked */
	uint64_t seed;		 /* same ids when it has to be started over */
	struct opening *opening; /* namespaces of workloads, NULL: none */

	struct making making; /* namespaces of the VPCs that it creates */
	unsigned tries;	      /* times it had to wait for a grace period */

	/* one run, from txn_start to its end */
	struct model_txn *mt;
	struct change_result *results;
	struct plan plan;
	struct maps_change *maps_change;
	struct net_change *net_change;
	struct engine_reply reply;
	struct net_removal *removal;
	struct cut_report *cut_report;
	struct cut_counts cut_counts;
	struct flow_pairs *cut_pairs; /* flows by peerings that it cut */
	uint64_t cut_epoch;	      /* the epoch of the change */
	struct flow_counts_wait counts_wait;
	struct former *former; /* what it changed, if it is to be confirmed */
	bool handed_over;      /* net has the namespaces of VPCs that aren't published */
};

/* --- txn_submit.c --- */
/* Whether the store is asked first for a reply that is kept for the request's idempotency key: then the transaction
 * goes on, or ends, when it has answered. */
bool txn_replay(struct txn *t);

/* --- txn.c --- */
/* Applies the changes to the model: it shows N+1 until txn_rewind or the end. */
int txn_validate(struct txn *t, struct vpc_error *reterr);
/* Gives up this run of the transaction; the model is N again. It may be started once more. */
void txn_rewind(struct txn *t);
/* The job's start: one run of the transaction. */
void txn_start(struct job *job);
/* The job's cancel: vpcd ends. */
void txn_cancel(struct job *job);
/* The reply of a transaction that no longer is the running job. */
void txn_reply_late(struct txn *t);
/* Frees it; the next job starts if it was the running one. */
void txn_end(struct txn *t);
/* From the store's thread. result < 0: nothing was stored, and error says why. */
void txn_committed(struct txn *t, int result, struct vpc_error *error);
/* Ends it with an error: everything is undone, the reply is sent, the next job starts. */
void txn_refuse(struct txn *t, struct vpc_error *error);

/* --- txn_prepare.c --- */
/* Whether a deletion on the worker is in its way. */
bool txn_must_wait_for_removal(const struct txn *t);
/* The namespaces of VPCs that come to nothing are net's no longer: making_end removes them. */
void txn_take_back(struct txn *t);
int txn_prepare(struct txn *t, struct vpc_error *reterr);

/* --- txn_commit.c --- */
/* The documents of what changed, the revision, the reply to be kept: sent to the store's thread, as one durable
 * transaction. The model shows N until txn_committed. */
int txn_commit(struct txn *t, struct vpc_error *reterr);
/* results of the reply, by the model as it is now. */
int txn_build_results(struct txn *t);
/* Puts the final text of a reply in place of the one that was stored with the commit. */
void txn_keep_reply(struct txn *t);

/* --- txn_cut.c --- */
/* cut_flows of a dry run, when the prepared change would take something away. Reads the map of established flows. */
void txn_try_cut(struct txn *t);
/* After publishing: whether there may be cut_flows, and whether the reply waits for them (true). t->cut_report, if it
 * is set, must be followed by txn_report_begin; where the reply waits, txn_reply_late comes of that. */
bool txn_report_cut(struct txn *t);
/* wait: what txn_report_cut returned; then it takes the change. */
void txn_report_begin(struct txn *t, bool wait);
/* At the engine's end, before the worker's: replies that wait are sent; those that wait for the worker, by its end. */
void txn_report_close(struct engine *e);

#endif
