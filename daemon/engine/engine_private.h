/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of engine/ only. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include <vpc/limits.h>

#include "engine/queue.h"
#include "model/change.h"
#include "model/pool.h"
#include "observe/advice.h"
#include "observe/eni_names.h"
#include "observe/rule_names.h"

/* A VPC that is to be repaired, and when. */
struct due_vpc {
	uint32_t vpc;
	uint64_t at_us; /* CLOCK_MONOTONIC */
};

/* How packets leave the host: edge.c. */
enum edge_mode {
	EDGE_OFF,      /* packets can't leave */
	EDGE_FORWARD,  /* the programs translate, and the host forwards */
	EDGE_REDIRECT, /* the programs send them out of the outer interfaces */
};
struct edge {
	enum edge_mode mode;
	bool redirect;	    /* configured */
	char reason[240];   /* why it isn't EDGE_REDIRECT, or that uplinks transmit; or "" */
	bool peer;	    /* bpf_redirect_peer reaches uplinks */
	uint32_t mtu;	    /* the smallest MTU of the outer interfaces; 0: there are none */
	char *outer;	    /* names: of the configuration, or NULL */
	char *pool_uplinks; /* of the pools, or NULL */
	char *outers;	    /* names of the outer interfaces that exist */
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
	bool fast_path; /* configured, and supported by the kernel */
	struct edge edge;
	sd_event *event;

	struct model *model;
	struct store *store;
	uint64_t revision;	  /* of the model that is read: committed and published */
	bool committing;	  /* the running transaction is with the store's thread */
	uint64_t keyed;		  /* transactions with an idempotency key that were committed */
	struct store_note *notes; /* to be stored with the next commit */
	bool store_failed;	  /* CONDITION_STORE is raised */
	bool store_cared_for;	  /* the store's thread is looking after it */
	sd_event_source *store_timer;
	struct pinned_mark *mark; /* which store and revision the kernel enforces */
	uint32_t rules_reserved;  /* next_rule in the store; 0: none, or all numbers are used */
	struct maps *maps;
	struct net *net;
	struct worker *worker;

	struct conditions *conditions; /* what is wrong now */

	struct job_queue queue;
	struct making *makings;
	unsigned removing; /* removals that run on the worker or wait for it */
	struct removals *removals;
	struct failed_removal *failed_removals;
	/* Searches for flows that were cut. Some keep a change from being retired. */
	struct cut_report *cut_reports;
	bool retiring;		     /* the worker waits for a grace period */
	struct retire_op *retired;   /* its grace period ended while a transaction was committed */
	bool attach_put_off;	     /* likewise */
	struct maps_change **retire; /* changes that were published since it began; the next grace period is theirs */
	size_t n_retire;
	bool attaching;		   /* a port's tcx links on the worker */
	bool attach_wanted;	   /* a port may lack its tcx links */
	uint64_t attach_latest_us; /* CLOCK_MONOTONIC: when they are made at the latest */
	sd_event_source *attach_timer;
	sd_event_source *links_timer; /* links that failed are tried again */
	bool closing;

	/* At a start: what a change promised that is committed and not published. */
	enum flows_mode promised_flows;
	uint32_t promised_drain_s;
	bool sweep_noted; /* the store has the note of a keep or drain */

	struct maps_expiry *expiry; /* the worker's while it reads */
	sd_event_source *expire_timer;
	sd_event_source *expire_step;
	struct maps_audit *maps_audit;
	sd_event_source *check_timer;
	uint32_t checked_vpc; /* the VPC that was looked at last without a cause */
	sd_event_source *audit_timer;
	uint32_t audited_vpc;	      /* the VPC that was audited last */
	struct end_check *end_checks; /* ports whose workload's end is looked at, by ENI number */
	sd_event_source *end_timer;
	sd_event_source *repair_timer;
	struct due_vpc *due; /* VPCs to be repaired, each once */
	size_t n_due;
	struct port_retry *port_retries; /* ports that were lost, by ENI number */
	bool checkpointing;
	bool pruning;		      /* the store's thread deletes old revisions */
	unsigned reading_past;	      /* readers of the store's past on the worker */
	struct commit_watch *watches; /* who is told of each commit that is in force */
	uint32_t walked;	      /* maps_walked() as was last told */

	struct traffic *traffic; /* what VPCs received and sent */
	struct usage *usage;	 /* what they used in each hour */
	struct flow_logs *flow_logs;
	struct advice *advice; /* what rules were seen to allow */
	struct advice_times advice_times;
	uint64_t advice_rounds;		 /* of looks at all flows, as was last noted */
	uint64_t advice_round_ns[2];	 /* when the last one but one ended, and the last one; 0: none has */
	struct advice_keep *advice_keep; /* keeping it over a restart; NULL: the engine has not started */

	struct confirm *confirm;	      /* a change that waits for its confirmation, or NULL */
	struct expiring_rule *expiring_rules; /* rules that expire; some may be gone */
	size_t n_expiring_rules, max_expiring_rules;
	sd_event_source *rule_timer;

	sd_event_source *events_source;
	struct verdict_listener *listeners;

	struct rule_names rule_names;
	struct eni_names eni_names;
	struct flow_cut *flow_cuts; /* the first runs, the others wait */
};

struct net_config;
struct net_config engine_net_config(const struct engine *e);

#endif
