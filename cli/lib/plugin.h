/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugins of engines share that report an error as one text: vpc-docker, vpc-netavark, vpc-libvirt. */
#ifndef CLI_PLUGIN_H
#define CLI_PLUGIN_H

#include <stdio.h>

#include <vpc/cleanup.h>

#include "cli/lib/vpcd.h"

/* What the engine shows to its user. */
struct plugin_error {
	char text[1024];
};
/* Fills *e; returns -EINVAL, for `return plugin_fail(…)`. */
PRINTF_LIKE(2, 3) int plugin_fail(struct plugin_error *e, const char *format, ...);
/* Fills *e; returns -ENOMEM. */
int plugin_oom(struct plugin_error *e);
/* Fills *e from a failed request to vpcd; returns r. */
int plugin_failed(int r, const struct vpcd_failure *failure, struct plugin_error *e);

/* All of f, of less than max bytes; *ret is owned. "WHAT is too long" is a failure, and so is an error of reading. */
int plugin_read(FILE *f, size_t max, const char *what, char **ret, size_t *ret_size, struct plugin_error *e);

/* For a line that names no work: --version, --help, or a wrong one, which is shown the usage on stderr. Returns the
 * exit status. program: "NAME VERSION". */
int plugin_usage(int argc, char **argv, const char *program, const char *usage);

#endif
