/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes have taps open: by their descriptors, and what the kernel says of each (others' only as root). */
#ifndef CLI_PLUGGED_TAP_H
#define CLI_PLUGGED_TAP_H

#include <jansson.h>

#define PLUGGED_PROCESS_MAX 96

/* {"<inode of the tap's namespace> <its name>": "pid N command"}, of the lowest pid. Owned; NULL: out of memory. */
json_t *plugged_vmms(void);
/* "pid N command" (vpcctl/owner.c), or "": it is gone. */
void plugged_process(const char *pid, char ret[PLUGGED_PROCESS_MAX]);

#endif
