/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shows a plan of vpcctl apply to people. */
#ifndef CLI_APPLY_PRINT_H
#define CLI_APPLY_PRINT_H

#include <jansson.h>

#include "cli/lib/cli.h"

/* plan: of plan_to_json(). A line for each object, with a line for each field that changes; then how many there are. */
void apply_print_plan(const struct cli *cli, const json_t *plan);

#endif
