/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of engine/ only. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include "compiler/compile.h"
#include "datapath/net/net.h"
#include "datapath/maps/store_mark.h"
#include "datapath/maps/maps.h"
#include "util/worker.h"
#include "engine/condition.h"
#include "engine/engine.h"
#include "engine/queue.h"
#include "model/model.h"
#include "store/store.h"

/* Numbers of rules that are gone, so that what still runs by them can be named (a ring, oldest overwritten). */
#define GONE_RULES 4096
struct gone_rule {
	uint32_t number;
	char id[OBJECT_ID_MAX];
};

/* A VPC that is to be repaired, and when. */
struct due_vpc {
	uint32_t vpc;
	uint64_t at_us; /* CLOCK_MONOTONIC */
};

/* How packets leave the host: edge.c. */
enum edge_mode {
	EDGE_OFF,      /* they don't */
	EDGE_FORWARD,  /* the programs translate, and the host forwards */
	EDGE_REDIRECT, /* the programs send them out of the outer interfaces */
};
struct edge {
	enum edge_mode mode;
	char reason[160]; /* why it is not EDGE_REDIRECT, or that it transmits; or "" */
	bool peer;	  /* bpf_redirect_peer reaches uplinks */
	uint32_t mtu;	  /* the smallest of the outer interfaces'; 0: there are none */
	char *outer;	  /* names: of the configuration, or NULL */
	char *outer_also; /* of the pools, or NULL */
	char *outers;	  /* names of those that there are */
	char left_out[16];
};

struct engine {
	char *instance;
	char *state_dir;
	char *bpf_dir;
	struct vpc_limits limits;
	struct pool pools[POOLS_MAX]; /* of public addresses */
	size_t n_pools;
	bool use_tcx;
	bool fast_path; /* configured, and the kernel can do it */
	struct edge edge;
	sd_event *event;

	struct model *model;
	struct store *store;
	uint64_t revision;	  /* of the model as it is read: committed and published */
	bool committing;	  /* the running transaction is with the store's thread */
	uint64_t keyed;		  /* transactions with an idempotency key that were committed */
	struct store_note *notes; /* to go along with the next commit */
	bool store_failed;	  /* CONDITION_STORE is raised */
	bool store_cared_for;	  /* on the store's thread */
	sd_event_source *store_timer;
	struct pinned_mark *mark; /* which store and revision the kernel enforces */
	uint32_t rules_reserved;  /* next_rule in the store; 0: none, or all numbers were given */
	struct maps *maps;
	struct net *net;
	struct worker *worker;

	struct conditions *conditions; /* what is wrong now */

	struct job_queue queue;
	struct making *makings;
	unsigned removing; /* removals on the worker, or waiting for it */
	struct removals *removals;
	struct failed_removal *failed_removals;
	/* Flows that were cut are being looked for; some keep a change from its retiring. */
	struct cut_report *cut_reports;
	bool retiring;		     /* a grace period is being waited for on the worker */
	struct retire_op *retired;   /* its grace period ended while a transaction was committing */
	bool attach_put_off;	     /* likewise */
	struct maps_change **retire; /* published since it began: the next grace period is theirs */
	size_t n_retire;
	bool attaching;		   /* a port's tcx links on the worker */
	bool attach_wanted;	   /* a port may lack its tcx links */
	uint64_t attach_latest_us; /* CLOCK_MONOTONIC: they aren't put off beyond this */
	sd_event_source *attach_timer;
	sd_event_source *links_timer; /* links that failed are tried again */
	bool closing;

	/* At a start: what was promised by a change that was committed and isn't published. */
	enum flows_mode promised_flows;
	uint32_t promised_drain_s;
	bool sweep_noted; /* the store has the note of a keep or drain */

	struct maps_expiry *expiry; /* the worker's while it reads */
	sd_event_source *expire_timer;
	sd_event_source *expire_step;
	struct maps_audit *maps_audit;
	sd_event_source *check_timer;
	uint32_t checked_vpc; /* the one that was looked at last without cause */
	sd_event_source *audit_timer;
	uint32_t audited_vpc;	      /* the last one */
	struct end_check *end_checks; /* ports whose workload's end is looked at, by ENI number */
	sd_event_source *end_timer;
	sd_event_source *repair_timer;
	struct due_vpc *due; /* VPCs to be repaired, each once */
	size_t n_due;
	struct port_retry *port_retries; /* ports that were lost, by ENI number */
	bool checkpointing;
	uint32_t walked; /* maps_walked() as was last told */

	sd_event_source *events_source;
	struct verdict_listener *listeners;

	struct gone_rule gone[GONE_RULES];
	size_t next_gone;
};

/* --- engine.c --- */
/* After a publication: tells the log when rules are walked that should have a classifier, and when no longer. */
void engine_tell_walked(struct engine *e);
struct net_config engine_net_config(const struct engine *e);

#endif
