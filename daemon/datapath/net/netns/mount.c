/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A namespace's name: the file under /run/netns that it is mounted on. */
#include "datapath/net/netns/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/mkdir.h>
#include <vpc/paths.h>

int netns_make_dir(void)
{
	bool bound = false;
	int r = mkdir_one(NETNS_DIR, 0755);

	if (r < 0)
		return r;
	while (mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0) {
		if (errno != EINVAL || bound)
			return -errno;
		/* not a mount point yet */
		if (mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
			return -errno;
		bound = true;
	}
	return 0;
}

/* The file appears under its name with the alias in it, or not at all. */
static int make_marked_file(const char *path, const char *alias)
{
	_cleanup_close_ int fd = open(NETNS_DIR, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0444);
	char text[NETNS_ALIAS_MAX + 1], self[64];
	int n = snprintf(text, sizeof(text), "%s\n", alias);

	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n)
		return -EIO;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* A mount needs a file to stand on. A file without a mount is what a killed run left: only an empty file, or one with
 * our alias in it, is taken for that. */
static int make_mount_point(const char *path, const char *alias)
{
	struct statfs fs;
	struct stat st;
	int r = make_marked_file(path, alias);

	if (r != -EEXIST)
		return r;
	if (lstat(path, &st) < 0 || statfs(path, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || fs.f_type == NSFS_MAGIC)
		return -EEXIST;
	return st.st_size == 0 || netns_is_our_file(path, alias) ? 0 : -EEXIST;
}

int netns_bind(const char *path, const char *alias)
{
	int r = make_mount_point(path, alias);

	if (r < 0)
		return r;
	if (mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}
	return 0;
}

int netns_bind_here(const char *name, const char *instance, const char *vpc_id)
{
	char path[NETNS_PATH_MAX], alias[NETNS_ALIAS_MAX];
	struct stat here, there;
	int r = netns_path(name, path);

	if (r < 0)
		return r;
	if (stat("/proc/thread-self/ns/net", &here) < 0)
		return -errno;
	if (stat(path, &there) >= 0 && there.st_dev == here.st_dev && there.st_ino == here.st_ino)
		return 0;
	r = netns_make_dir();
	return r < 0 ? r : netns_bind(path, netns_make_alias(instance, vpc_id, alias));
}

int netns_remove(const char *name, const char *instance, const char *vpc_id)
{
	char wanted[NETNS_ALIAS_MAX], alias[NETNS_ALIAS_MAX], path[NETNS_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = netns_path(name, path);

	if (r < 0)
		return r;
	fd = netns_open(path);
	if (fd == -ENOENT)
		return 0;
	if (fd == -EINVAL && netns_is_our_file(path, netns_make_alias(instance, vpc_id, wanted)))
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (fd < 0)
		return fd == -EINVAL ? 1 : fd;
	r = netns_alias(fd, alias);
	if (r < 0)
		return r;
	if (strcmp(alias, netns_make_alias(instance, vpc_id, wanted)) != 0)
		return 1;
	return netns_unlink(name);
}
