/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the routes do. Each replies to its request exactly once, at once or later. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "model/object.h"

struct api;
struct request;

/* objects.c: reading the model */
void handle_list(struct request *r);
void handle_show(struct request *r);
void handle_prefix_entries(struct request *r);

/* changes.c: through the engine, one transaction a request */
void handle_change(struct request *r);
void handle_confirm(struct request *r);

/* reports.c */
void handle_status(struct request *r);
void handle_verify(struct request *r);
void handle_traffic(struct request *r);
void handle_metrics(struct request *r);

/* flow_log_records.c: a stream */
void handle_flow_log_records(struct request *r);

/* explain.c */
void handle_explain(struct request *r);

/* verdicts.c, events.c: streams */
void handle_verdicts(struct request *r);
void handle_events(struct request *r);

/* backup.c */
void handle_backup(struct request *r);
void handle_restore(struct request *r);

/* changes.c: the reply of the engine; userdata: a reference to the request. */
struct engine_reply;
void change_on_reply(const struct engine_reply *reply, void *userdata);
struct engine_request;
struct vpc_error;
/* changes.c: the header of the idempotency key, and the digest of the request. Owned, also after an error; untouched:
 * there is none. Before the body is dropped. */
int change_read_key(struct request *r, char **ret_key, char **ret_digest, struct vpc_error *reterr);
/* changes.c: the header of the command that the request is of, into request. */
int change_read_command(struct request *r, struct engine_request *request, struct vpc_error *reterr);

/* past.c */
void handle_log(struct request *r);
void handle_usage(struct request *r);
void handle_advice(struct request *r);
void handle_resource_at(struct request *r);
/* The request's kind of object at the revision that it names; kind OBJECT_KINDS: any. */
void past_show(struct request *r, enum object_kind kind);

/* flows.c */
void handle_flows(struct request *r);
void handle_flows_cut(struct request *r);

/* openapi.c */
void handle_openapi(struct request *r);

/* The running verification will find nobody waiting. */
void verify_stop(struct api *a);

#endif
