/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network namespaces by descriptor, and by name under /run/netns. Every function may run on any thread. */
#ifndef DATAPATH_NETNS_H
#define DATAPATH_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <vpc/cleanup.h>

#define NETNS_ALIAS_MAX 256

struct nl_sock;

/* A VPC's namespace, opened. */
struct netns {
	int ns_fd;
	struct nl_sock *rtnl; /* for NETLINK_ROUTE requests inside it */
};
#define NETNS_INIT ((struct netns){.ns_fd = -1})
/* Closes the descriptor and frees the socket. */
void netns_clear(struct netns *ns);

/* Runs fn(data) on a short-lived thread inside the namespace and waits for it, so that the caller's own namespace is
 * never in doubt. ns_fd -1: in a new one, which ends with the thread unless fn keeps it. What fn returns (0 or more),
 * or -errno. */
int netns_run(int ns_fd, int (*fn)(void *data), void *data);
/* A socket for NETLINK_ROUTE requests inside the namespace, the caller's. 0 or -errno. */
int netns_open_rtnl(int ns_fd, struct nl_sock **ret);
/* Opens a path that should be a network namespace. -errno; -EINVAL: it is something else. */
int netns_open(const char *path);
/* The calling thread's own. -errno. */
int netns_open_here(void);
/* ifalias of lo, "" where there is none. */
int netns_alias(int ns_fd, char ret[NETNS_ALIAS_MAX]);
/* "vpcd:<instance>:<id>". Returns buf. */
const char *netns_make_alias(const char *instance, const char *id, char buf[NETNS_ALIAS_MAX]);
/* Whether the alias is of the instance (NULL: of any). */
bool netns_alias_is_ours(const char *alias, const char *instance);
/* "/run/netns/<name>". -ENAMETOOLONG. */
#define NETNS_PATH_MAX 128
int netns_path(const char *name, char buf[NETNS_PATH_MAX]);
/* Calls fn for every namespace of the instance under /run/netns. fn returns not 0 to stop. */
int netns_each(const char *instance, int (*fn)(const char *name, const char *alias, int ns_fd, void *userdata),
	       void *userdata);
/* Makes /run/netns as iproute2 does: a shared mount point, so that every mount namespace sees what is mounted there. */
int netns_make_dir(void);
/* On a thread inside a namespace: mounts it at path, on a file that holds the alias. -EEXIST: something else is there.
 */
int netns_bind(const char *path, const char *alias);
/* On a thread inside a namespace: mounts it under the name again where somebody took that away. -EEXIST: something that
 * isn't vpcd's is in the way. */
int netns_bind_here(const char *name, const char *instance, const char *vpc_id);
/* Unmounts and removes a VPC's namespace. Returns 0 when there is none any more, 1 when the one of that name isn't
 * ours (no errno: the kernel's own refusals say nothing of whose it is), or -errno. */
int netns_remove(const char *name, const char *instance, const char *vpc_id);
/* Unmounts and removes a name. */
int netns_unlink(const char *name);
/* The file that a namespace is mounted on holds the alias, so that one without its mount (vpcd was killed before
 * mounting, or after unmounting) is known as ours. Removes those of the instance. -errno of the last failure. */
int netns_sweep_files(const char *instance);
/* Whether the path is such a file of the alias, or (alias ending in ':') of the instance. */
bool netns_is_our_file(const char *path, const char *alias);

#endif
