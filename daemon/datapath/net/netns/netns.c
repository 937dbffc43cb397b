/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netns/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/paths.h>

#include "datapath/net/netlink/link.h"
#include "datapath/net/netlink/request.h"

void netns_clear(struct netns *ns)
{
	ns->ns_fd = close_fd(ns->ns_fd);
	nl_socket_free(ns->rtnl);
	ns->rtnl = NULL;
}

struct run {
	int ns_fd;
	int (*fn)(void *data);
	void *data;
	int result;
};

static void *run_main(void *userdata)
{
	struct run *run = userdata;

	if ((run->ns_fd >= 0 ? setns(run->ns_fd, CLONE_NEWNET) : unshare(CLONE_NEWNET)) < 0)
		run->result = -errno;
	else
		run->result = run->fn(run->data);
	return NULL;
}

int netns_run(int ns_fd, int (*fn)(void *data), void *data)
{
	struct run run = {.ns_fd = ns_fd, .fn = fn, .data = data};
	sigset_t all, old;
	pthread_t thread;
	int r;

	/* signals are the event loop's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, NULL, run_main, &run);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		return -r;
	pthread_join(thread, NULL);
	return run.result;
}

static int open_rtnl(void *data)
{
	return netlink_open(NETLINK_ROUTE, data);
}

int netns_open_rtnl(int ns_fd, struct nl_sock **ret)
{
	return netns_run(ns_fd, open_rtnl, ret);
}

int netns_open(const char *path)
{
	/* O_NONBLOCK: a name may turn out to be a fifo */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct statfs fs;
	int type;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != NSFS_MAGIC)
		return -EINVAL;
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return -errno;
	return type == CLONE_NEWNET ? fd_move_high(TAKE_FD(fd)) : -EINVAL;
}

int netns_open_here(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd_move_high(fd);
}

static int alias_of_lo(struct nl_sock *rtnl, char ret[NETNS_ALIAS_MAX])
{
	struct link_info lo;
	int r = link_get(rtnl, 1, NULL, &lo);

	if (r >= 0)
		snprintf(ret, NETNS_ALIAS_MAX, "%s", lo.alias);
	return r;
}

int netns_alias(int ns_fd, char ret[NETNS_ALIAS_MAX])
{
	_cleanup_(nl_socket_freep) struct nl_sock *rtnl = NULL;
	int r = netns_open_rtnl(ns_fd, &rtnl);

	return r < 0 ? r : alias_of_lo(rtnl, ret);
}

const char *netns_make_alias(const char *instance, const char *id, char buf[NETNS_ALIAS_MAX])
{
	snprintf(buf, NETNS_ALIAS_MAX, "vpcd:%s:%s", instance, id);
	return buf;
}

bool netns_alias_is_ours(const char *alias, const char *instance)
{
	size_t n = instance ? strlen(instance) : 0;

	if (strncmp(alias, "vpcd:", 5) != 0)
		return false;
	return !instance || (strncmp(alias + 5, instance, n) == 0 && alias[5 + n] == ':');
}

int netns_path(const char *name, char buf[NETNS_PATH_MAX])
{
	int n = snprintf(buf, NETNS_PATH_MAX, "%s/%s", NETNS_DIR, name);

	return n < 0 || n >= NETNS_PATH_MAX ? -ENAMETOOLONG : 0;
}

int netns_each(const char *instance, int (*fn)(const char *name, const char *alias, int ns_fd, void *userdata),
	       void *userdata)
{
	_cleanup_(closedirp) DIR *dir = opendir(NETNS_DIR);
	const struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		char path[NETNS_PATH_MAX], alias[NETNS_ALIAS_MAX];
		_cleanup_close_ int fd = -1;
		int r;

		if (entry->d_name[0] == '.' || netns_path(entry->d_name, path) < 0)
			continue;
		fd = netns_open(path);
		if (fd < 0 || netns_alias(fd, alias) < 0 || !netns_alias_is_ours(alias, instance))
			continue;
		r = fn(entry->d_name, alias, fd, userdata);
		if (r)
			return r;
	}
	return 0;
}

bool netns_is_our_file(const char *path, const char *alias)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[NETNS_ALIAS_MAX];
	size_t want = strlen(alias);
	struct statfs fs;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 || !S_ISREG(st.st_mode) || fs.f_type == NSFS_MAGIC)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	if (n < (ssize_t)want)
		return false;
	text[n] = 0;
	return strncmp(text, alias, want) == 0 && (alias[want - 1] == ':' || strcmp(text + want, "\n") == 0);
}

int netns_sweep_files(const char *instance)
{
	_cleanup_(closedirp) DIR *dir = opendir(NETNS_DIR);
	char prefix[NETNS_ALIAS_MAX];
	const struct dirent *entry;
	int result = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	netns_make_alias(instance, "", prefix);
	while ((entry = readdir(dir))) {
		char path[NETNS_PATH_MAX];

		if (entry->d_name[0] == '.' || netns_path(entry->d_name, path) < 0 || !netns_is_our_file(path, prefix))
			continue;
		if (unlink(path) < 0 && errno != ENOENT)
			result = -errno;
	}
	return result;
}

int netns_unlink(const char *name)
{
	char path[NETNS_PATH_MAX];
	int r = netns_path(name, path);

	if (r < 0)
		return r;
	if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return -errno;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
