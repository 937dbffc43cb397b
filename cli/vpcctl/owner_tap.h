/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes have taps open, by their descriptors. Only root sees the processes of others. */
#ifndef CLI_OWNER_TAP_H
#define CLI_OWNER_TAP_H

#include <jansson.h>

#define OWNER_PROCESS_MAX 96

/* {"<inode of the tap's namespace> <its name>": "pid N command"}, of the lowest pid. Owned; NULL: out of memory. */
json_t *owner_vmms(void);
/* "pid N command" (vpcctl/owner.c), or "": it is gone. */
void owner_process(const char *pid, char ret[OWNER_PROCESS_MAX]);

#endif
