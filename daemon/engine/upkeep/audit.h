/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rolling audit of what sends no event in the namespaces of VPCs. Called on the event loop unless it says
 * otherwise. */
#ifndef ENGINE_AUDIT_H
#define ENGINE_AUDIT_H

#include "engine/engine_private.h"

/* Begins the rolling audit of namespaces, for as long as the engine lives. */
int audit_start(struct engine *e);

#endif
