/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: the one write path. Owns model, store, maps and net; api/ hands it requests and reads the model.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include <vpc/error.h>

#include "model/model.h"
#include "model/pool.h"
#include "observe/explain/question.h"
#include "observe/flow_filter.h"
#include "observe/usage.h"

struct document_set;
struct engine;

struct engine_config {
	const char *instance;
	const char *state_dir;
	const char *run_dir;
	const char *bpf_dir; /* "/sys/fs/bpf/vpcd/<instance>" */
	struct vpc_limits limits;
	const struct pool *pools; /* of public addresses; copied */
	size_t n_pools;
	uint64_t history_depth; /* revisions of which the changes are kept */
	uint64_t history_bytes; /* how large they may be together */
	bool accept_store;	/* also a store that is older than the kernel's state, or another store */
	bool use_tcx;
	bool use_fast_path;	/* where the kernel supports it */
	bool use_edge_redirect; /* the same; false: the host forwards what leaves VPCs */
	const char *outer;	/* names of outer interfaces, separated by commas; NULL: those of the default routes */
	sd_event *event;
};

/* Opens the store, loads the model, adopts and reconciles the kernel's state. Blocks until enforcement is in place. */
int engine_new(const struct engine_config *config, struct engine **ret, struct vpc_error *reterr);
/* Stops the engine. Networks and enforcement stay. */
void engine_free(struct engine *e);
DEFINE_CLEANUP(struct engine *, engine_free);

/* Who asks. */
struct caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/* A request to change something: one transaction. Owned by the engine from engine_submit on. */
struct engine_request {
	struct change *changes; /* owned, malloc'ed */
	size_t n_changes;
	bool dry_run;
	uint64_t if_revision; /* that the state must have; 0: any */
	uint32_t confirm_s;   /* it is taken back unless it is confirmed within so many seconds; 0: it stays */
	bool confirms;	      /* has no changes: keeps the change that waits for it */
	bool takes_back;      /* has no changes: takes that change back; the engine's own */
	bool background;      /* the reply doesn't wait until devices that the changes remove are deleted */
	bool explain;	      /* with dry_run: the reply says whom it lets talk with whom */
	struct caller caller;
	uint64_t received_ns;	      /* CLOCK_MONOTONIC: when the last byte was read */
	char *idempotency_key;	      /* owned, or NULL */
	char *request_digest;	      /* owned; with a key */
	struct document_set *restore; /* owned: the state that the model is to be; NULL: none, and changes are */
	char *command;		      /* owned: what the caller calls it, for the history; NULL: its changes */
};
void engine_request_free(struct engine_request *r);

/* Exactly one of error (code not OK) and the rest. Valid during the callback only. */
struct engine_reply {
	struct vpc_error error;
	uint64_t revision;
	uint64_t epoch;
	uint64_t enforced_ns;
	json_t *results;  /* array: for each change what it made or changed, as the transaction leaves it: the object as
			   * engine_object_json gives it; for sg.authorize and sg.revoke {"id": group, "rules": [rule,
			   * …]}; for deletes {"id": …}. Where more than 16 results show one object that has a list
			   * (model_has_list), it is whole in the first and the last of them, and {"id": …} between them
			   */
	json_t *pending;  /* array of strings: what is still to be done in the background; usually empty */
	json_t *warnings; /* array of strings, or NULL: what is in force and does not do what was asked for */
	json_t *cut_flows; /* array (at most 100) or NULL when nothing was taken away */
	uint64_t cut_flows_total;
	bool cut_flows_uncounted; /* nor will they be: an earlier change's still are */
	bool cut_flows_pending;	  /* they aren't known: there are too many flows to wait for */
	json_t *reach;		  /* of a request with `explain`: see explain_change() */
	const char *replayed; /* a kept reply's text, when the idempotency key was known; then nothing else is set */
	bool dry_run;
};
typedef void (*engine_reply_fn)(const struct engine_reply *reply, void *userdata);

/* Runs the request; fn is called once, perhaps before this returns. To keep the reply for an idempotency key, the
 * engine stores engine_reply_encode()'s text in the same store transaction. */
void engine_submit(struct engine *e, struct engine_request *r, engine_reply_fn fn, void *userdata);

/* The JSON of a successful reply as the API sends it: {"revision", "epoch", "enforced_ns", "pending", "warnings",
 * "results": […], …}. */
json_t *engine_reply_encode(const struct engine_reply *reply);

/* --- reading --- */

/* The model as of the last revision, borrowed until the loop goes on; and that revision. */
const struct model *engine_model(const struct engine *e);
uint64_t engine_revision(const struct engine *e);
/* The API's object with counters: model_to_json, and an ENI's `counters`, a rule's `packets`, `bytes`, `last_used` (RFC
 * 3339 or null). NULL: out of memory. */
json_t *engine_object_json(struct engine *e, const struct object *o);
/* GET /v1/traffic: fn is called once, perhaps before this returns, with the report, borrowed; NULL: it failed, and the
 * log says why. */
void engine_traffic(struct engine *e, void (*fn)(const json_t *traffic, void *userdata), void *userdata);
/* GET /v1/status. */
json_t *engine_status(struct engine *e);
/* GET /metrics: the status and `traffic` (of engine_traffic; NULL: it is left out) in the text format of Prometheus, of
 * ret_size bytes, malloc'ed. NULL: out of memory. */
char *engine_metrics(struct engine *e, const json_t *traffic, size_t *ret_size);
/* GET /v1/verify: fn gets {"equal": bool, "differences": […]}, borrowed. */
void engine_verify(struct engine *e, void (*fn)(const json_t *report, void *userdata), void *userdata);

/* GET /v1/security-groups/{id}/advice: what the group's rules allowed since then (seconds since 1970; 0: as long as
 * vpcd has watched), and narrower ones. *ret: owned by the caller. Errors: InvalidParameterValue. */
int engine_advise(struct engine *e, const struct object *sg, uint64_t since_s, json_t **ret, struct vpc_error *reterr);

/* POST /v1/explain: what becomes of a packet (observe/explain/explain.h). *ret: owned by the caller. */
int engine_explain(struct engine *e, const struct explain_question *q, json_t **ret, struct vpc_error *reterr);

/* --- taps (vpcd-tap.sock) --- */

/* fds: n descriptors of the tap, closed after the call; NULL: error says why not (the callee may take it). */
typedef void (*engine_tap_fn)(const int *fds, size_t n, struct vpc_error *error, void *userdata);
/* Opens an ENI's tap n times (more than once only with several queues) for a caller who may do that, on the worker; fn
 * is called once, later. Error: fn won't be called. */
int engine_open_tap(struct engine *e, const struct object *eni, size_t n, const struct caller *caller, engine_tap_fn fn,
		    void *userdata, struct vpc_error *reterr);

/* --- verdicts (vpcctl monitor) --- */

struct verdict_listener;
/* fn gets one JSON object a verdict, borrowed: {"time", "event": "drop"|"open"|"rejudge"|"cut", "reason", "direction",
 * "protocol", "eni_id", "eni", "peer_eni_id", "peer_eni", "src", "dst", "src_port", "dst_port", "rule_ids": […],
 * "epoch", "length"}; what was lost comes as {"event": "lost", "lost": n}. eni 0: all. */
int engine_listen(struct engine *e, bool drops_only, uint32_t eni, void (*fn)(const json_t *verdict, void *userdata),
		  void *userdata, struct verdict_listener **ret);
/* Ends listening: fn is not called any more. Frees l, which may be NULL. */
void engine_unlisten(struct verdict_listener *l);

/* --- flows --- */

struct flow_list;

/* The next flows of a list. */
struct flows_piece {
	int result;	  /* 0, or -errno: the list has failed; the rest isn't set */
	const char *text; /* borrowed: objects of JSON ("TrackedFlow"), each a line, ",\n" between them, also between
			   * pieces */
	size_t bytes;
	bool last;     /* no more is told */
	bool complete; /* of the last: there are no more flows; else the limit was reached */
};
typedef void (*engine_flows_fn)(const struct flows_piece *piece, void *userdata);
/* A list of the flows that a filter names; its incarnation is filled in. limit: flows at most; 0: all. fn is called
 * once for each engine_flows_next(). -ENOMEM. */
int engine_flows_list(struct engine *e, const struct flow_filter *filter, uint64_t limit, engine_flows_fn fn,
		      void *userdata, struct flow_list **ret);
/* Has the next piece made, after the one before was told and was not the last. fn is called later. -ENOMEM: it won't
 * be. */
int engine_flows_next(struct flow_list *l);
/* Ends the list: fn is not called any more. NULL is fine. */
void engine_flows_end(struct flow_list *l);

struct flow_cut_request {
	struct flow_filter filter; /* with an ENI; its incarnation is filled in */
	bool dry_run;
	struct caller caller;
	uint64_t received_ns;	     /* CLOCK_MONOTONIC: when the last byte was read */
	const char *idempotency_key; /* copied; NULL: none */
	const char *request_digest;  /* copied; with a key */
};
/* Valid during the callback only. */
struct flow_cut_reply {
	struct vpc_error error;
	json_t *cut_flows; /* array of "TrackedFlow", at most 100 */
	uint64_t total;
	uint64_t enforced_ns; /* from the request to the last flow's end */
	bool dry_run;
	const char *replayed; /* a kept reply's text, when the idempotency key was known; then nothing else is set */
};
/* As the API sends it. Owned; NULL: out of memory. */
json_t *engine_flow_cut_encode(const struct flow_cut_reply *reply);
typedef void (*engine_flow_cut_fn)(const struct flow_cut_reply *reply, void *userdata);
/* Ends the flows that the filter names, in both directions, although rules allow them. fn is called once, later.
 * -EINVAL: there is no such ENI; -ENOMEM: fn won't be called. */
int engine_flows_cut(struct engine *e, const struct flow_cut_request *request, engine_flow_cut_fn fn, void *userdata);
/* --- the past ---
 *
 * Read from the store on the worker, so that neither changes nor other requests wait. fn is called once, later; on
 * error it isn't. -ENOMEM. */

/* Exactly one of error (code not OK; the callee may take it) and json, which is borrowed. */
typedef void (*engine_past_fn)(const json_t *json, struct vpc_error *error, void *userdata);
/* GET /v1/log: the commits before revision `before` (0: all), newest first, at most `limit` of them. resource: only
 * what concerns the resource or resources of that id or name, also of one that is gone; NULL: everything. Strings are
 * copied. Errors: NotFound, StoreUnavailable. */
int engine_log(struct engine *e, const char *resource, uint64_t before, size_t limit, engine_past_fn fn,
	       void *userdata);
/* A resource as the API showed it at a revision, without counters. kind: OBJECT_KINDS: of any. ref, scope (or NULL): as
 * for model_resolve(), by what was there then. Errors: RevisionTooOld, InvalidParameterValue for a revision that is to
 * come, the kind's NotFound, AmbiguousName, StoreUnavailable. */
int engine_show_at(struct engine *e, enum object_kind kind, const char *ref, const char *scope, uint64_t revision,
		   engine_past_fn fn, void *userdata);

/* GET /v1/usage. Hours since 1970 of the first and the last hour. vpc: id, or a name that it had last; NULL: all.
 * Strings are copied. Errors: StoreUnavailable. -ENOMEM: fn isn't called. */
int engine_usage(struct engine *e, const char *vpc, uint64_t first, uint64_t last, enum usage_by by, engine_past_fn fn,
		 void *userdata);

/* For how many days the hours of GET /v1/usage are kept. */
void engine_usage_keep(struct engine *e, uint64_t days);

/* GET /v1/backup: the whole state as one document, in a file without a name, which the callee closes. fd -1: error. */
typedef void (*engine_backup_fn)(int fd, uint64_t size, struct vpc_error *error, void *userdata);
int engine_backup(struct engine *e, engine_backup_fn fn, void *userdata);
/* POST /v1/restore: the model becomes the state of a backup, in one transaction: what both have stays as it is, flows
 * too. text: such a document, malloc'ed and taken. request: without changes; taken. Errors: MalformedRequest,
 * InvalidParameterValue, ResourceLimitExceeded, and those of engine_submit. */
void engine_restore(struct engine *e, char *text, size_t size, struct engine_request *request, engine_reply_fn fn,
		    void *userdata);

/* Where a reader of GET /v1/events is. */
struct events_at {
	uint64_t revision; /* all of it was read */
	uint64_t lines;	   /* of the next commit, too */
};
/* text: whole JSON lines, owned by the caller of fn; empty: nothing is new. next: where they end. */
typedef void (*engine_events_fn)(const char *text, size_t size, const struct events_at *next, struct vpc_error *error,
				 void *userdata);
/* The events behind `from`, of about `max_bytes` (a line more than that). Errors: RevisionTooOld. */
int engine_read_events(struct engine *e, const struct events_at *from, size_t max_bytes, engine_events_fn fn,
		       void *userdata);
/* Calls fn after each commit that is in force. -ENOMEM. */
struct commit_watch;
int engine_watch_commits(struct engine *e, void (*fn)(void *userdata), void *userdata, struct commit_watch **ret);
/* NULL is fine. */
void engine_unwatch_commits(struct commit_watch *w);
/* --- flow logs (vpcctl flow-log tail) --- */

struct engine_tail;
/* fn gets records of the flow log as whole lines, borrowed, when they are made; lines NULL: the flow log is gone, and
 * there will be no more. -ENOENT: it doesn't run; -ENOMEM. */
int engine_tail_flow_log(struct engine *e, const struct object *o,
			 void (*fn)(const char *lines, size_t bytes, void *userdata), void *userdata,
			 struct engine_tail **ret);
/* Ends it: fn is not called any more. Frees t, which may be NULL. */
void engine_untail_flow_log(struct engine_tail *t);
/* A line that says that records are missing here; malloc'ed. NULL: out of memory. */
char *engine_flow_log_skipped(const struct engine_tail *t);

/* Removes every kernel object of an instance; with `state`, its store too. The caller holds the instance's lock. */
int engine_purge(const struct engine_config *config, bool state, struct vpc_error *reterr);

#endif
