/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getopt_long() takes `--instanc` for `--instance`, so that a slip is obeyed and a later option changes what it means.
 */
#ifndef VPC_OPTIONS_H
#define VPC_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The first long option of the line that isn't written out in full, or NULL. Values of options aren't looked at;
 * nothing is after "--", nor after the first argument where ends_at_argument is set (getopt's "+"). Call it before
 * getopt_long(). */
static inline const char *options_find_inexact(int argc, char **argv, const struct option *options,
					       bool ends_at_argument)
{
	for (int i = 1; i < argc; i++) {
		const struct option *o = options;
		size_t length;

		if (!strcmp(argv[i], "--") || (argv[i][0] != '-' && ends_at_argument))
			return NULL;
		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		length = strcspn(argv[i] + 2, "=");
		while (o->name && (strlen(o->name) != length || strncmp(o->name, argv[i] + 2, length) != 0))
			o++;
		if (!o->name)
			return argv[i];
		if (o->has_arg == required_argument && !argv[i][2 + length])
			i++;
	}
	return NULL;
}

#endif
