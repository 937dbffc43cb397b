/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workloads whose engine names a network namespace by a path: opening it, and attaching an ENI to it by way of vpcd. */
#ifndef CLI_WORKLOAD_NETNS_H
#define CLI_WORKLOAD_NETNS_H

#include "cli/lib/vpcd.h"

struct workload_netns {
	const char *path; /* the engine's; borrowed */
	int fd;		  /* -1: not open */
	char *vpcds_path; /* owned; by which vpcd finds the same namespace */
};
#define WORKLOAD_NETNS_INIT ((struct workload_netns){.fd = -1})
void workload_netns_clear(struct workload_netns *n);

/* Opens the namespace. -ENOENT: there is none; -ENOTTY: it is no network namespace; -EEXIST: it is this process's own;
 * else -errno. */
int workload_netns_open(const char *path, struct workload_netns *ret);
/* Finds the path by which vpcd, which listens at socket and may live in another mount namespace, gets at it: the
 * engine's where that is the same namespace for vpcd, else this process's descriptor. -errno. */
int workload_netns_share(struct workload_netns *n, const char *socket);

/* Creates and attaches an ENI; wish's attachment must name n->vpcds_path. One that the workload left in a namespace
 * that is gone, or in another, is replaced. -EEXIST: it is attached to this namespace already, and *ret is that ENI.
 * *ret: the ENI, owned. Else as vpcd_transaction. */
int workload_attach(struct http *h, const char *vpc, const struct workload *w, const struct workload_wish *wish,
		    const struct workload_netns *n, json_t **ret, struct vpcd_failure *failure);

#endif
