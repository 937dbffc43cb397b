/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of a security group: on the command line, and in tables. */
#ifndef CLI_SG_RULES_H
#define CLI_SG_RULES_H

#include "cli/lib/args.h"
#include "cli/lib/cli.h"

extern const struct command sg_authorize_command, sg_revoke_command;
/* sg_members.c */
extern const struct command sg_attach_command, sg_detach_command;
/* sg_advise.c */
extern const struct command sg_advise_command;

/* A table of rules. Returns an exit status. */
int sg_rules_print(struct cli *cli, const json_t *rules);

/* "ingress tcp 443 10.0.0.0/16". Owned; NULL: out of memory. */
char *sg_rule_text(struct cli *cli, const json_t *rule);

/* Ports of a protocol as the API has them, set in rule. ports: "443", "8000-8999", "all"; for icmp and icmpv6
 * "TYPE[/CODE]"; NULL: not given, and left to vpcd to refuse where they are needed. 0, -EINVAL: not ports, -ENOMEM. */
int sg_rules_set_ports(json_t *rule, const char *protocol, const char *ports);

#endif
