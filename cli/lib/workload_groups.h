/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The security groups that a container may ask for, held to what its network allows. */
#ifndef CLI_WORKLOAD_GROUPS_H
#define CLI_WORKLOAD_GROUPS_H

#include <jansson.h>

/* "web, db" as a list of strings, owned. -EINVAL: a name is empty; -ENOMEM. */
int groups_parse(const char *text, json_t **ret);
/* The first of those asked for that a container may not have: it is neither one of its network's own groups nor allowed
 * ("*": any is). Lists may be NULL. Borrowed; NULL: it may have them all. */
const char *groups_forbidden(const json_t *asked, const json_t *own, const json_t *allowed);

/* The reason of a refusal. */
#define OPTIONS_TEXT_MAX 512
/* Holds the options of a network to those that there are: vpc, subnet (required), security-groups,
 * allowed-security-groups, and `more` (NULL: no other). flag: how a user writes an option ("--opt"). -EINVAL: text says
 * why. */
int network_options_check(const json_t *options, const char *flag, const char *more, char text[OPTIONS_TEXT_MAX]);
/* An option as a list of groups, owned; *ret stays where it is missing. -ENOMEM; -EINVAL: text says why. */
int network_options_groups(const json_t *options, const char *flag, const char *name, json_t **ret,
			   char text[OPTIONS_TEXT_MAX]);

#endif
