/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of security groups and network ACLs. */
#ifndef CLI_DECLARE_RULE_H
#define CLI_DECLARE_RULE_H

#include <jansson.h>

/* struct declared's normalize: protocol and ports of an item of `rules`, as vpcd shows them. */
int rule_normalize(const char *field, json_t *item);

#endif
