/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The namespace of a workload: opened as a user named it, or as an attachment remembers it. Any thread. */
#ifndef DATAPATH_NET_WORKLOAD_H
#define DATAPATH_NET_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "compiler/plan.h"
#include "util/boot.h"

struct nl_sock;

/* A namespace of a workload, opened. */
struct workload {
	int ns_fd;
	struct nl_sock *rtnl; /* for NETLINK_ROUTE requests inside it */
	int pidfd;	      /* or -1 */
	uint64_t ns_dev, ns_ino;
	uint64_t ns_cookie; /* SO_NETNS_COOKIE */
	uint64_t pid_start;
	char boot_id[BOOT_ID_MAX];
	char *path;   /* what was opened */
	uint32_t eni; /* number of the ENI that is to be attached to it: the caller's to fill in */
};
#define WORKLOAD_INIT ((struct workload){.ns_fd = -1, .pidfd = -1})
/* Closes and frees what it holds; the struct stays the caller's. */
void workload_clear(struct workload *w);
/* The workload of an ENI in a list, or NULL. */
const struct workload *workload_find(const struct workload *list, size_t n, uint32_t eni);

/* Opens spec->netns or spec->pid for a caller (uid 0 may everything; others must own the process, or the namespace's
 * user namespace). Refused (AttachmentFailed, saying why): not a network namespace, the host's own, vpcd's, any VPC's
 * (lo's alias starts with "vpcd:"), a name that is not [A-Za-z0-9._-]{1,64}, a process that is gone or was replaced
 * meanwhile. */
int workload_open(const struct attachment_spec *spec, uid_t uid, struct workload *ret, struct vpc_error *reterr);
/* Opens again what an attachment names; where its path is gone or leads elsewhere, by a process that still lives in the
 * namespace. -ESTALE: it is gone (boot, inode, cookie, start time). Other errors say nothing of that: try again. */
int workload_reopen(const struct attachment *a, struct workload *ret);
/* The same by the path alone, where a search among all processes would cost too much. */
int workload_reopen_path(const struct attachment *a, struct workload *ret);

#endif
