/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nftables table of the host's own namespace: what it should be, and when it was made or compared last. */
#ifndef DATAPATH_NET_HOST_TABLE_H
#define DATAPATH_NET_HOST_TABLE_H

#include <stdbool.h>

struct host_table;
/* ns_fd: vpcd's own namespace, borrowed. NULL: no memory. */
struct host_table *host_table_new(const char *instance, int ns_fd);
void host_table_free(struct host_table *t);
/* What it should be from now on; takes text, NULL: there is to be none. Returns whether that is another. */
bool host_table_set(struct host_table *t, char *text);
/* Makes it so, where it isn't yet. Any thread; waits for the nft helper. 0 or -errno. */
int host_table_apply(struct host_table *t);
/* Compares it with what it should be, if the ruleset has changed since, and makes it so again. Any thread in vpcd's own
 * namespace. 1: it differed; 0; -errno. */
int host_table_mend(struct host_table *t);

#endif
