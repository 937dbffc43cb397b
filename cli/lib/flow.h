/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tracked flows for people: those that a change has cut, and lists. */
#ifndef CLI_FLOW_H
#define CLI_FLOW_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/lib/cli.h"
#include "cli/lib/table.h"

/* "10.0.1.4:443 (web1)"; IPv6 in brackets when there is a port. end: "src" or "dst". Owned; NULL: out of memory. */
char *flow_end_text(const json_t *flow, const char *end);

/* The columns of a list, and a flow's row in it. titles: false for what follows another table. */
void flow_columns(struct table *t, bool titles);
void flow_row(struct table *t, const json_t *flow);

/* What a change has cut, or would cut (cli->dry_run): how many flows, and those that the reply lists. Prints nothing
 * where there is none. */
void flow_print_cut(const struct cli *cli, const json_t *reply);

#endif
