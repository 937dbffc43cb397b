/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an object received and sent. */
#ifndef CLI_COUNTERS_H
#define CLI_COUNTERS_H

#include "cli/lib/cli.h"

/* Prints the object's member `counters` as a table behind an empty line; nothing when it has none. Returns an exit
 * status. */
int counters_print(struct cli *cli, const json_t *object);

#endif
