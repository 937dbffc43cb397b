/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A runtime may have made the namespace in a mount namespace of its own, where vpcd sees an empty file under the same
 * path, or another namespace of that name.
 */
#include "cli/lib/workload_netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpc/clock.h>
#include <vpc/json.h>

void workload_netns_clear(struct workload_netns *n)
{
	n->fd = close_fd(n->fd);
	free(n->vpcds_path);
	n->vpcds_path = NULL;
}

static bool same_file(const char *path, const struct stat *st)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

int workload_netns_open(const char *path, struct workload_netns *ret)
{
	/* Not to wait for whoever has the other end, should it be a FIFO. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ENOTDIR || errno == ESRCH ? -ENOENT : -errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return -ENOTTY;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (same_file("/proc/self/ns/net", &st))
		return -EEXIST;
	*ret = (struct workload_netns){.path = path, .fd = TAKE_FD(fd)};
	return 0;
}

/* Process that listens at a socket; 0: it lives in a pid namespace that isn't seen from here. */
static int peer_pid(const char *path, pid_t *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*ret = peer.pid;
	return 0;
}

/* Whether vpcd finds the same namespace under the engine's path. Paths like /proc/self/… name another one for it. */
static bool is_vpcds_too(const char *path, pid_t vpcd, const struct stat *st)
{
	_cleanup_free_ char *there = NULL;

	if (path[0] != '/' || !strncmp(path, "/proc/self/", 11) || !strncmp(path, "/proc/thread-self/", 18))
		return false;
	if (asprintf(&there, "/proc/%d/root%s", (int)vpcd, path) < 0) {
		there = NULL;
		return false;
	}
	return same_file(there, st);
}

int workload_netns_share(struct workload_netns *n, const char *socket)
{
	struct stat st;
	pid_t vpcd = 0;
	char *path;

	if (fstat(n->fd, &st) < 0)
		return -errno;
	/* No daemon: the request that follows says so. */
	if (peer_pid(socket, &vpcd) < 0 || vpcd <= 0 || is_vpcds_too(n->path, vpcd, &st)) {
		path = strdup(n->path);
	} else if (asprintf(&path, "/proc/%d/fd/%d", (int)getpid(), n->fd) < 0) {
		path = NULL;
	}
	if (!path)
		return -ENOMEM;
	free(n->vpcds_path);
	n->vpcds_path = path;
	return 0;
}

/* Whether an ENI is attached to the namespace that fd is. */
static bool is_attached_to(const json_t *eni, int fd)
{
	const json_t *inode = json_object_get(json_object_get(eni, "attachment"), "netns_inode");
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)json_integer_value(inode) == st.st_ino;
}

/* The name is taken. If the ENI is the workload's, and its namespace is gone (a reboot, a runtime that crashed) or
 * is another one (an earlier run of the container left it), the ENI is deleted. -EEXIST: it is attached to n's. */
static int clear_the_way(struct http *h, const char *vpc, const struct workload *w, const struct workload_netns *n,
			 json_t **ret, struct vpcd_failure *failure)
{
	struct vpcd_failure taken = *failure;
	_cleanup_json_ json_t *eni = NULL;

	/* A namespace that is gone may have had the same inode number; vpcd notices that it is gone within a moment. */
	for (int tries = 0; tries < 6; tries++) {
		int r;

		if (tries)
			sleep_ms(50);
		json_decref(eni);
		eni = NULL;
		r = workload_find(h, vpc, w, &eni, failure);
		if (r < 0)
			return r;
		if (!eni && !tries) {
			*failure = taken;
			return -EINVAL;
		}
		if (!eni)
			return 0;
		if (!json_is_object(json_object_get(eni, "attachment")) || !is_attached_to(eni, n->fd))
			return workload_delete(h, vpc, eni, failure);
	}
	*ret = TAKE_PTR(eni);
	return -EEXIST;
}

/* A namespace that was handed over by a descriptor: messages tell of it by the path that the engine knows. */
static void name_path(char *msg, size_t size, const char *handed_over, const char *path)
{
	char *at = strcmp(handed_over, path) != 0 ? strstr(msg, handed_over) : NULL;
	_cleanup_free_ char *rest = at ? strdup(at + strlen(handed_over)) : NULL;

	if (rest)
		snprintf(at, size - (size_t)(at - msg), "%s%s", path, rest);
}

int workload_attach(struct http *h, const char *vpc, const struct workload *w, const struct workload_wish *wish,
		    const struct workload_netns *n, json_t **ret, struct vpcd_failure *failure)
{
	_cleanup_json_ json_t *changes = workload_changes(w, wish), *results = NULL;
	int r;

	if (!changes) {
		*failure = (struct vpcd_failure){.no_memory = true, .text = "out of memory"};
		return -ENOMEM;
	}
	r = vpcd_transaction(h, vpc, changes, &results, failure);
	if (r < 0 && !strcmp(failure->code, "InvalidParameterValue") && strstr(failure->field, "name")) {
		r = clear_the_way(h, vpc, w, n, ret, failure);
		if (r == -EEXIST)
			return r;
		if (r == 0)
			r = vpcd_transaction(h, vpc, changes, &results, failure);
	}
	if (r < 0) {
		name_path(failure->text, sizeof(failure->text), n->vpcds_path, n->path);
		return r;
	}
	*ret = json_incref(json_array_get(results, 1));
	return 0;
}
