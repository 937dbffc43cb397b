/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What to do about a refusal, where more is to be said than the daemon knows: the command line's own words. */
#ifndef CLI_HINT_H
#define CLI_HINT_H

#include "cli/lib/cli.h"

/* Prints a line on stderr after a refusal with that code and message, or nothing. */
void hint_print(struct cli *cli, const char *code, const char *detail);
/* An ENI that is called otherwise than by its id or name: by an address, its container's name, the first digits (at
 * least 4) of its container's id. Its id, owned; NULL: none, or several. */
char *hint_find_eni(struct cli *cli, const char *ref);
/* What a message quotes: "there is no VPC 'x'" → x. Owned; NULL: nothing. */
char *hint_quoted(const char *detail);

#endif
