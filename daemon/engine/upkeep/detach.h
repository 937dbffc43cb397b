/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ENIs whose workload is gone. Called on the event loop unless it says otherwise. */
#ifndef ENGINE_DETACH_H
#define ENGINE_DETACH_H

#include "engine/engine_private.h"

/* Sets the attachment of an ENI to none by a transaction, because what it was attached to is gone. An ENI with
 * delete_on_termination is deleted. */
void detach_gone(struct engine *e, const char *eni_id, const struct attachment *a);

#endif
