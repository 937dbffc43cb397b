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

/* One who waits for what was taken away to be gone. */
struct removal_wait {
	struct net_removal *removal;
	void (*fn)(void *userdata, int result);
	void *userdata;
	int result;
	struct removal_wait *next;
};

/* Removals run some at a time: what comes while some run waits for the next batch. */
#define REMOVALS_AT_ONCE 32
struct removal_batch {
	struct removal_wait *waiting, *last;
	struct removal_wait *now[REMOVALS_AT_ONCE];
	size_t n;
	bool runs;
	uint64_t since_us, ended_us; /* CLOCK_MONOTONIC: the first that waits, the end of the last batch */
	sd_event_source *timer;
};

struct engine {
	char *instance;
	char *state_dir;
	char *bpf_dir;
	struct vpc_limits limits;
	bool use_tcx;
	bool fast_path; /* configured, and the kernel can do it */
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
	struct removal_batch removal_batch;
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
uint64_t clock_ns(clockid_t id);
/* After a publication: tells the log when rules are walked that should be compiled, and when no longer. */
void engine_tell_walked(struct engine *e);
struct net_config engine_net_config(const struct engine *e);

/* --- background.c: what follows a publish, on the worker --- */
/* Retires a published change after a grace period, on the worker. Takes c, NULL is fine. */
void engine_retire(struct engine *e, struct maps_change *c);
/* Puts tcx links over the floor where they are missing, on the worker, when the engine has nothing else to do. */
void engine_attach_links(struct engine *e);
/* For a job that waits for them (WAIT_LINKS): now. Returns false when none is missing: there is nothing to wait for. */
bool engine_attach_hurry(struct engine *e);
/* What had to wait for the end of a commit, since it would have met what the transaction has prepared. */
void engine_do_put_off(struct engine *e);

/* --- workloads.c: opening what a request names --- */

/* One workload a change; ns_fd -1 where the change attaches nothing. */
struct opening {
	size_t n;
	size_t *change;		      /* index of the change in the request */
	struct attachment_spec *spec; /* owned copies */
	struct workload *workload;
	uid_t uid;
	size_t failed; /* index in the request of the change that failed */
	struct vpc_error error;
};
/* Prepares to open whatever the changes attach to; *ret NULL: nothing. -ENOMEM. */
int opening_new(const struct engine_request *r, struct opening **ret);
void opening_free(struct opening *o);
/* Worker function. 0, or -errno with o->error filled. */
int opening_run(void *data);
/* Writes the identity of what was opened into the request's changes. -ENOMEM. */
int opening_fill(struct opening *o, struct engine_request *r);

/* --- taps.c --- */
/* On the worker: what an owner, a user's name or number, stands for. AttachmentFailed: nobody. */
int tap_find_owner(const char *owner, uid_t *ret, struct vpc_error *reterr);
/* Tells the programs which ports of the plan are taps. */
void taps_flag(struct engine *e, const struct plan *plan);

/* --- reconcile.c --- */
/* At start: makes the kernel what the model says. Blocks. Fails only where nothing could be judged. */
int reconcile_start(struct engine *e, struct vpc_error *reterr);
/* Looks at the VPCs one after the other, now and then, without cause. */
int reconcile_watch(struct engine *e);

/* --- audit.c --- */
/* Begins the rolling audit of namespaces, for as long as the engine lives. */
int audit_start(struct engine *e);

/* --- workload_end.c --- */
/* net_up_fn: the workload's end of a port came up, again perhaps. */
void workload_end_up(uint32_t vpc, uint32_t eni, void *userdata);
/* At start: finishes the ends of ports that were attached when vpcd was killed. */
void workload_ends_start(struct engine *e);
void workload_ends_clear(struct engine *e);

/* --- removal.c --- */
/* Deletes on the worker what a change took away, together with what others did meanwhile. w is the caller's until
 * w->fn is called, on the event loop, when all of it was tried. */
void removal_begin(struct engine *e, struct removal_wait *w);
/* What still waits goes to the worker at once. */
void removals_flush(struct engine *e);
/* A removal failed in part: it is tried again until nothing is left. Takes it. */
void removal_failed(struct engine *e, struct net_removal *removal, int result);
/* After the worker's end. */
void removals_clear(struct engine *e);

/* --- detach.c --- */
/* What an ENI is attached to is gone: its attachment becomes none, by a transaction like any other; one with
 * delete_on_termination is deleted. */
void detach_gone(struct engine *e, const char *eni_id, const struct attachment *a);

/* --- repair.c --- */
/* net_event_fn: schedules a repair. */
void reconcile_event(uint32_t vpc, uint32_t port, void *userdata);
/* Schedules a repair of a VPC: soon, or at a time (CLOCK_MONOTONIC) unless one is scheduled before that. */
void reconcile_schedule(struct engine *e, uint32_t vpc);
void reconcile_schedule_at(struct engine *e, uint32_t vpc, uint64_t at_us);

/* --- grace.c: keep and drain, across a crash --- */
/* What a prepared change promises, as the store notes it in the same transaction. */
#define GRACE_NOTE_MAX 64
void grace_format(const struct plan *plan, const struct maps_change *change, char buf[GRACE_NOTE_MAX]);
/* At start, after maps_open and before anything is published: makes up for what a kill prevented, or has the first
 * publication keep the promise. */
int grace_load(struct engine *e, struct vpc_error *reterr);
/* After a publication: the note goes. */
void grace_done(struct engine *e);

/* --- status.c --- */
/* Number of the VPC that a VPC, subnet or ENI (by id) belongs to; 0: there is no such object. */
uint32_t engine_vpc_of(const struct engine *e, const char *id);

/* --- reply.c --- */
/* What the change made or changed, for the reply: see struct engine_reply. NULL: out of memory. */
json_t *result_to_json(struct engine *e, enum change_op op, const struct change_result *r);

/* --- verdicts.c --- */
void verdicts_remember_rule(struct engine *e, const struct object *rule);
const char *verdicts_rule_id(const struct engine *e, uint32_t number);
void verdicts_close(struct engine *e);

/* --- expire.c --- */
/* Begins to look for flows that have ended, for as long as the engine lives. */
int expire_start(struct engine *e);
/* After the worker's end. Fine without expire_start. */
void expire_end(struct engine *e);

#endif
