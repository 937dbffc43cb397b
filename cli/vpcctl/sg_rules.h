/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of a security group: on the command line, and in tables. */
#ifndef CLI_SG_RULES_H
#define CLI_SG_RULES_H

#include "cli/lib/args.h"
#include "cli/lib/cli.h"

extern const struct command sg_authorize_command, sg_revoke_command;
/* sg_members.c */
extern const struct command sg_attach_command, sg_detach_command;

/* A table of rules. Returns an exit status. */
int sg_rules_print(struct cli *cli, const json_t *rules);

#endif
