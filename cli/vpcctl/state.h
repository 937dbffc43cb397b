/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads all objects of a host at one revision. */
#ifndef CLI_STATE_H
#define CLI_STATE_H

#include "cli/declare/snapshot.h"
#include "cli/lib/cli.h"

/* *ret: to be cleared with snapshot_clear(). *ret_revision: of the whole state. Returns an exit status. */
int state_read(struct cli *cli, struct snapshot *ret, uint64_t *ret_revision);

#endif
