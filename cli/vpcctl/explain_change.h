/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl explain --change */
#ifndef CLI_EXPLAIN_CHANGE_H
#define CLI_EXPLAIN_CHANGE_H

#include "cli/lib/cli.h"

/* Asks what the changes of the file would do, and prints it. Returns an exit status. */
int explain_change_run(struct cli *cli, const struct args *args);

#endif
