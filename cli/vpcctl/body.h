/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of requests, made from the command line. */
#ifndef CLI_BODY_H
#define CLI_BODY_H

#include "cli/lib/args.h"
#include "cli/lib/cli.h"

/* A member of a body, and the parameter whose value it gets. Tables of these end with BODY_END. */
struct body_field {
	const char *key;
	const char *param;
};
#define BODY_END  \
	{         \
		0 \
	}

/*
 * Sets body[key] to a parameter's value, if it was given. The parameter's type says how: a number; tags as {"K": "V"};
 * a flag as true, or false if its name begins with --no-; on and off as true and false; a list if the parameter may
 * repeat; else a text. ENIs go through api_alias(). -1: out of memory.
 */
int body_set(const struct cli *cli, json_t *body, const char *key, const struct args *args, const char *param);

/* Makes a body of all these fields. A vpc_id whose parameter was not given becomes the only VPC that there is. *ret:
 * owned. Returns an exit status. */
int body_make(struct cli *cli, const struct args *args, const struct body_field *fields, json_t **ret);

#endif
