/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens the namespace that a user named. Everything about it is checked on the open descriptor. */
#include "datapath/net/netns/workload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vpc/file.h>
#include <vpc/paths.h>

#include "datapath/net/netns/netns.h"

#define NAME_MAX_CHARS 64

void workload_clear(struct workload *w)
{
	w->ns_fd = close_fd(w->ns_fd);
	nl_socket_free(w->rtnl);
	w->rtnl = NULL;
	w->pidfd = close_fd(w->pidfd);
	free(w->path);
	*w = WORKLOAD_INIT;
}

const struct workload *workload_find(const struct workload *list, size_t n, uint32_t eni)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].eni == eni)
			return &list[i];
	return NULL;
}

static int refuse(struct vpc_error *reterr, const char *field, const char *path, const char *why)
{
	return vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, field, "%s: %s", path, why);
}

static bool is_name(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && n <= NAME_MAX_CHARS && s[n] == 0 && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* "/run/netns/<name>" or the absolute path; owned. */
static int resolve_path(const char *netns, char **ret, struct vpc_error *reterr)
{
	if (netns[0] == '/') {
		*ret = strdup(netns);
	} else if (!is_name(netns)) {
		return refuse(reterr, "netns", netns,
			      "not a namespace's name (1 to 64 of A-Z a-z 0-9 . _ -); give a name under " NETNS_DIR
			      ", or an absolute path");
	} else if (asprintf(ret, "%s/%s", NETNS_DIR, netns) < 0) {
		*ret = NULL;
	}
	return *ret ? 0 : vpc_error_oom(reterr);
}

/* Field 22 of /proc/<pid>/stat: clock ticks since boot. The name in field 2 may hold blanks and brackets. */
static int read_start_time(pid_t pid, uint64_t *ret)
{
	char path[64], text[1024], *p;
	unsigned long long start;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	n = file_read_at(AT_FDCWD, path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			 &start) != 1)
		return -EIO;
	*ret = start;
	return 0;
}

static bool same_namespace(const char *path, const struct stat *st)
{
	struct stat other;

	return stat(path, &other) >= 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* Whether uid owns the user namespace that the network namespace belongs to. */
static bool owns_user_namespace(int ns_fd, uid_t uid)
{
	_cleanup_close_ int user_ns = ioctl(ns_fd, NS_GET_USERNS);
	uid_t owner;

	return user_ns >= 0 && ioctl(user_ns, NS_GET_OWNER_UID, &owner) >= 0 && owner == uid;
}

static bool owns_process(pid_t pid, uid_t uid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return stat(path, &st) >= 0 && st.st_uid == uid;
}

/* It differs from that of a later namespace with the same inode number. */
static int read_cookie(const struct nl_sock *rtnl, uint64_t *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(nl_socket_get_fd(rtnl), SOL_SOCKET, SO_NETNS_COOKIE, ret, &size) < 0 ? -errno : 0;
}

/* Refuses a network namespace that is not a workload's. Fills the numbers and the socket. */
static int check_namespace(struct workload *w, const char *field, struct vpc_error *reterr)
{
	char alias[NETNS_ALIAS_MAX];
	struct stat st;
	int r;

	if (fstat(w->ns_fd, &st) < 0)
		return refuse(reterr, field, w->path, strerror(errno));
	w->ns_dev = st.st_dev;
	w->ns_ino = st.st_ino;
	if (same_namespace("/proc/self/ns/net", &st))
		return refuse(reterr, field, w->path,
			      "this is vpcd's own network namespace; name one that a workload has to itself");
	if (same_namespace("/proc/1/ns/net", &st))
		return refuse(reterr, field, w->path,
			      "this is the host's network namespace; name one that a workload has to itself");
	r = netns_alias(w->ns_fd, alias);
	if (r >= 0 && netns_alias_is_ours(alias, NULL))
		return refuse(reterr, field, w->path, "this is the network namespace of a VPC, not of a workload");
	if (r >= 0)
		r = netns_open_rtnl(w->ns_fd, &w->rtnl);
	if (r >= 0)
		r = read_cookie(w->rtnl, &w->ns_cookie);
	if (r >= 0)
		r = boot_id_read(w->boot_id);
	return r < 0 ? refuse(reterr, field, w->path, strerror(-r)) : 0;
}

static int open_namespace(struct workload *w, const char *field, struct vpc_error *reterr)
{
	w->ns_fd = netns_open(w->path);
	if (w->ns_fd >= 0)
		return 0;
	if (w->ns_fd == -EINVAL || w->ns_fd == -ENOTTY)
		return refuse(reterr, field, w->path, "not a network namespace");
	if (w->ns_fd == -ENOENT)
		return refuse(reterr, field, w->path, "there is no such namespace; make it first (ip netns add)");
	return refuse(reterr, field, w->path, strerror(-w->ns_fd));
}

static int open_by_path(const struct attachment_spec *spec, uid_t uid, struct workload *w, struct vpc_error *reterr)
{
	int r = resolve_path(spec->netns, &w->path, reterr);

	if (r >= 0)
		r = open_namespace(w, "netns", reterr);
	if (r < 0)
		return r;
	if (uid != 0 && !owns_user_namespace(w->ns_fd, uid))
		return refuse(reterr, "netns", w->path,
			      "only root may attach to it: you don't own the user namespace that it belongs to");
	return check_namespace(w, "netns", reterr);
}

static bool process_lives(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* The process still lives at the end, so the number was its own all the time. */
static int open_by_pid(const struct attachment_spec *spec, uid_t uid, struct workload *w, struct vpc_error *reterr)
{
	uint64_t start_after;
	int r;

	if (asprintf(&w->path, "/proc/%d/ns/net", spec->pid) < 0) {
		w->path = NULL;
		return vpc_error_oom(reterr);
	}
	w->pidfd = fd_move_high((int)syscall(SYS_pidfd_open, spec->pid, 0));
	if (w->pidfd < 0)
		return vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "pid", "process %d: %s", spec->pid,
				     errno == ESRCH ? "there is no such process; give one that runs" : strerror(errno));
	r = read_start_time(spec->pid, &w->pid_start);
	if (r >= 0)
		r = open_namespace(w, "pid", reterr);
	else
		refuse(reterr, "pid", w->path, strerror(-r));
	if (r < 0)
		return r;
	if (uid != 0 && !owns_process(spec->pid, uid) && !owns_user_namespace(w->ns_fd, uid))
		return refuse(reterr, "pid", w->path, "only root may attach to another user's process");
	r = check_namespace(w, "pid", reterr);
	if (r < 0)
		return r;
	r = read_start_time(spec->pid, &start_after);
	if (r < 0 || start_after != w->pid_start || !process_lives(w->pidfd))
		return refuse(reterr, "pid", w->path, "the process ended while its namespace was opened");
	return 0;
}

int workload_open(const struct attachment_spec *spec, uid_t uid, struct workload *ret, struct vpc_error *reterr)
{
	_cleanup_(workload_clear) struct workload w = WORKLOAD_INIT;
	int r;

	if (spec->netns)
		r = open_by_path(spec, uid, &w, reterr);
	else if (spec->pid > 0)
		r = open_by_pid(spec, uid, &w, reterr);
	else
		r = vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "attachment",
				  "the attachment names neither a namespace nor a process; give netns or pid");
	if (r < 0)
		return r;
	*ret = w;
	w = WORKLOAD_INIT;
	return 0;
}

/* The namespace at the path, if it is the attachment's; -ESTALE: it isn't. */
static int reopen_at(const struct attachment *a, const char *path, struct workload *w)
{
	struct stat st;
	int r;

	w->ns_fd = netns_open(path);
	if (w->ns_fd == -ENOENT || w->ns_fd == -ENOTDIR || w->ns_fd == -EINVAL || w->ns_fd == -ENOTTY ||
	    w->ns_fd == -ESRCH)
		return -ESTALE;
	if (w->ns_fd < 0)
		return w->ns_fd;
	if (fstat(w->ns_fd, &st) < 0)
		return -errno;
	if (st.st_dev != a->ns_dev || st.st_ino != a->ns_ino)
		return -ESTALE;
	r = netns_open_rtnl(w->ns_fd, &w->rtnl);
	if (r < 0)
		return r;
	r = read_cookie(w->rtnl, &w->ns_cookie);
	if (r < 0)
		return r;
	if (a->ns_cookie && w->ns_cookie != a->ns_cookie)
		return -ESTALE;
	w->ns_dev = a->ns_dev;
	w->ns_ino = a->ns_ino;
	w->pid_start = a->pid_start;
	w->path = strdup(path);
	return w->path ? 0 : -ENOMEM;
}

static int reopen_by_path(const struct attachment *a, struct workload *w)
{
	uint64_t start;
	int r = reopen_at(a, a->path, w);

	if (r < 0 || a->pid <= 0)
		return r;
	return read_start_time(a->pid, &start) < 0 || start != a->pid_start ? -ESTALE : 0;
}

/* A container's engine may have unmounted the path, or handed the namespace over by a descriptor of a process that has
 * ended since, while the container lives. */
static int reopen_by_process(const struct attachment *a, struct workload *w)
{
	const struct stat wanted = {.st_dev = a->ns_dev, .st_ino = a->ns_ino};
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int r = -ESTALE;

	if (!dir)
		return -errno;
	while (r == -ESTALE && (entry = readdir(dir))) {
		char path[sizeof(entry->d_name) + 16];

		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) || !same_namespace(path, &wanted))
			continue;
		workload_clear(w);
		r = reopen_at(a, path, w);
	}
	closedir(dir);
	return r;
}

static int reopen(const struct attachment *a, bool search, struct workload *ret)
{
	_cleanup_(workload_clear) struct workload w = WORKLOAD_INIT;
	char boot_id[BOOT_ID_MAX];
	int r;

	if (!a->path)
		return -ESTALE;
	r = boot_id_read(boot_id);
	if (r < 0)
		return r;
	if (strcmp(boot_id, a->boot_id) != 0)
		return -ESTALE;
	r = reopen_by_path(a, &w);
	if (r == -ESTALE && search && a->ns_cookie) {
		workload_clear(&w);
		r = reopen_by_process(a, &w);
	}
	if (r < 0)
		return r;
	memcpy(w.boot_id, boot_id, sizeof(w.boot_id));
	*ret = w;
	w = WORKLOAD_INIT;
	return 0;
}

int workload_reopen(const struct attachment *a, struct workload *ret)
{
	return reopen(a, true, ret);
}

int workload_reopen_path(const struct attachment *a, struct workload *ret)
{
	return reopen(a, false, ret);
}
