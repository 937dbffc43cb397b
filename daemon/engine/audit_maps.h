/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rolling audit of maps and pins: what somebody changed by hand is found and mended while vpcd runs. Rows and keys
 * within a minute (a pass takes 40 s up to about 400,000 items, longer beyond that: it takes at most 1 % of a CPU),
 * pins within two seconds, the row of `ctl` in 100 ms.
 *
 * A finding becomes a condition ("maps"), which goes when it is mended; the log says what it was. Mending reads the
 * maps back and publishes the difference to the model, as a start does.
 */
#ifndef ENGINE_AUDIT_MAPS_H
#define ENGINE_AUDIT_MAPS_H

#include "engine/engine_private.h"

/* Begins, for as long as the engine lives. -ENOMEM, or sd-event's. */
int maps_audit_start(struct engine *e);
/* After the worker's end. Fine without maps_audit_start. */
void maps_audit_end(struct engine *e);
/* maps_address_config_apply. What somebody else had changed is counted and logged. */
void maps_audit_address_config(struct engine *e, const struct plan *plan);
/* {"found": n, "mended": n, "pins": n, "links": n} for status. NULL: out of memory. */
json_t *maps_audit_json(const struct engine *e);

#endif
