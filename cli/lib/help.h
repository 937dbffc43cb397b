/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, usage hints, bash completion and the manual page, made from the command table. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/lib/args.h"

/* Help for what is known of the command line: the program, a noun, or a command. */
void help_print(FILE *f, const struct args *args);
/* One or two lines after a usage error: the right usage and where to read more. */
void help_hint(FILE *f, const struct args *args);
/* "vpcctl sg create NAME --vpc VPC [--description TEXT] …", a line for each form. */
void help_usage(FILE *f, const struct command *c, const char *indent);
/* The bash completion script. */
void help_completion(FILE *f);
/* vpcctl(1), as roff. */
void help_manual(FILE *f);

#endif
