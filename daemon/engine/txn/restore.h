/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a transaction that restores a backup does beyond its changes. */
#ifndef ENGINE_RESTORE_H
#define ENGINE_RESTORE_H

#include "engine/engine_private.h"

/* Has all VPCs looked at, after the transaction: ports that a backup adds are not the transaction's, since their
 * namespaces may be gone, or hang. They are repaired as lost ports are at a start. */
void restore_ports(struct engine *e);

#endif
