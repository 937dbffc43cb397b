/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flow logs run: packets are counted in the VPCs that have one, what was counted is read every few seconds on a thread,
 * joined with the events of the programs on the event loop, and written to files on a thread.
 */
#ifndef ENGINE_FLOW_LOGS_H
#define ENGINE_FLOW_LOGS_H

#include "engine/engine.h"

struct vpc_event;

/* Starts those of the model. What fails is a flow log's own status. -ENOMEM. */
int flow_logs_start(struct engine *e);
/* Writes what was counted so far, and ends. The worker has ended. */
void flow_logs_end(struct engine *e);
/* A change that is being published changes an object of this kind. */
void flow_logs_note(struct engine *e, enum object_kind kind);
/* The model shows it: what was noted is looked after. */
void flow_logs_changed(struct engine *e);
/* An event of the programs; all of them come here while flow logs want them. */
void flow_logs_event(struct engine *e, const struct vpc_event *event);
/* Which events they want: VPC_LISTEN_…. */
uint32_t flow_logs_listening(const struct engine *e);
/* Sets `file` and `log_status`. */
int flow_logs_put_json(struct engine *e, const struct object *o, json_t *json);

#endif
