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

#endif
