/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: what one is called, and which have taps open, by their descriptors. Only root sees those of others. */
#ifndef CLI_OWNER_PROCESS_H
#define CLI_OWNER_PROCESS_H

#include <jansson.h>

#define OWNER_PROCESS_MAX 96

/* "pid N command", or "": it is gone. */
void owner_process(const char *pid, char ret[OWNER_PROCESS_MAX]);
/* {"<inode of the tap's namespace> <its name>": "pid N command"}, of the lowest pid. Owned; NULL: out of memory. */
json_t *owner_vmms(void);

#endif
