/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What to do about a refusal, where the command line knows more than vpcd: which name was meant, which option helps. An
 * ENI that was called by an address, its container's name or the first digits (at least 4) of its container's id is
 * found, and the command runs again. */
#ifndef CLI_HINT_H
#define CLI_HINT_H

#include "cli/lib/cli.h"

extern const struct cli_refusals hint_refusals;

/* Says on stderr which resource of any kind has a name like ref, or nothing. */
void hint_near_any(struct cli *cli, const char *ref);

#endif
