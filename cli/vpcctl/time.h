/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times on the command line. */
#ifndef CLI_TIME_H
#define CLI_TIME_H

#include <stdint.h>

#include "cli/lib/args.h"

/* The time of an option, in seconds since 1970: a date (UTC), or so long ago. otherwise: where it isn't given. Returns
 * an exit status. */
int time_read(const struct args *args, const char *option, uint64_t otherwise, uint64_t *ret);

#endif
