/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads all objects of a host at one revision. */
#ifndef CLI_STATE_H
#define CLI_STATE_H

#include "cli/declare/snapshot.h"
#include "cli/lib/cli.h"

/* What snapshot_make() takes: {"vpcs": [objects of the API], …}. Owned. */
int state_read_lists(struct cli *cli, json_t **ret, uint64_t *ret_revision);
/* *ret: to be cleared with snapshot_clear(). *ret_revision: of the whole state. Returns an exit status. */
int state_read(struct cli *cli, struct snapshot *ret, uint64_t *ret_revision);
/* The VPC of that id or name, borrowed from s. Returns an exit status; if there is none, that was said. */
int state_find_vpc(struct cli *cli, const struct snapshot *s, const char *ref, const struct entry **ret);

#endif
