/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rolling audit of maps and pins finds and mends what somebody changes by hand while vpcd runs. It takes a minute
 * for rows and keys, two seconds for pins, and 100 ms for the row of `ctl`. With many rows a pass takes longer, because
 * it uses at most 1 % of a CPU.
 *
 * A finding becomes a condition ("maps"), which is cleared when it is mended. The log says what it was. Mending reads
 * the maps back and publishes the difference to the model, as a start does.
 */
#ifndef ENGINE_AUDIT_MAPS_H
#define ENGINE_AUDIT_MAPS_H

#include "compiler/plan.h"
#include "engine/engine_private.h"

/* Starts the audit, which runs as long as the engine. -ENOMEM, or an error of sd-event. */
int maps_audit_start(struct engine *e);
/* Ends the audit. To be called after the worker has ended, also without maps_audit_start. */
void maps_audit_end(struct engine *e);
/* Calls maps_address_config_apply, and counts and logs what somebody else had changed. */
void maps_audit_address_config(struct engine *e, const struct plan *plan);
/* {"found": n, "mended": n, "pins": n, "links": n} for status. NULL: out of memory. */
json_t *maps_audit_json(const struct engine *e);

#endif
