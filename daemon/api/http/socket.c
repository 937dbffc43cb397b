/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/socket.h"

#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <vpc/mkdir.h>

#define SOCKET_MODE 0660
#define PUBLIC_MODE 0666
#define NO_GROUP    ((gid_t)-1)

static int fail(struct vpc_error *reterr, const char *path, const char *what)
{
	int error = errno;

	vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, "socket", "%s: %s: %s", path, what, strerror(error));
	return -error;
}

/* 0 and NO_GROUP when there is no such group. */
static int find_group(const char *name, gid_t *ret)
{
	long hint = sysconf(_SC_GETGR_R_SIZE_MAX);

	for (size_t size = hint > 0 ? (size_t)hint : 1024; size <= 1 << 20; size *= 2) {
		_cleanup_free_ char *buf = malloc(size);
		struct group g, *found;
		int r;

		if (!buf)
			return -ENOMEM;
		r = getgrnam_r(name, &g, buf, size, &found);
		if (r == ERANGE)
			continue;
		/* Without an entry some sources answer with an errno of theirs (getgrnam_r(3)). */
		*ret = r == 0 && found ? found->gr_gid : NO_GROUP;
		return 0;
	}
	return -E2BIG;
}

static int choose_group(const char *group, const char *default_group, gid_t *ret, struct vpc_error *reterr)
{
	int r = find_group(group ? group : default_group, ret);

	if (r < 0)
		return r == -ENOMEM ? vpc_error_oom(reterr)
				    : vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, "group", "groups cannot be read");
	if (group && *ret == NO_GROUP)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "group",
				     "there is no group %s; make it (groupadd), or name another with --group", group);
	return 0;
}

/* Whether another process answers at the address. */
static bool is_answered(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	/* EAGAIN: somebody listens, whose queue is full. */
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
}

static int check_place(const char *path, const struct sockaddr_un *address, struct vpc_error *reterr)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail(reterr, path, "stat");
	if (!S_ISSOCK(st.st_mode))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "socket",
				     "%s is there and is not a socket; remove it, or choose another with --socket",
				     path);
	if (is_answered(address))
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_VALUE, "socket",
			"another process answers on %s; end it, or choose another with --socket or --run-dir", path);
	return 0;
}

static int fill_address(const char *path, struct sockaddr_un *ret, struct vpc_error *reterr)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "socket",
				     "%s: a socket's path has at most %zu characters; choose a shorter one with "
				     "--socket or --run-dir",
				     path, sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

static int bind_and_listen(struct unix_socket *s, const struct sockaddr_un *address, gid_t gid, mode_t mode,
			   struct vpc_error *reterr)
{
	struct stat st;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return fail(reterr, s->path, "socket");
	if (unlink(s->temporary) < 0 && errno != ENOENT)
		return fail(reterr, s->temporary, "unlink");
	/* bind() gives the file the mode of the socket's own inode: nobody else can connect before chmod. */
	if (fchmod(s->fd, 0600) < 0)
		return fail(reterr, s->path, "fchmod");
	if (bind(s->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return fail(reterr, s->temporary, "bind");
	if (gid != NO_GROUP && lchown(s->temporary, (uid_t)-1, gid) < 0)
		return fail(reterr, s->temporary, "chown");
	if (chmod(s->temporary, mode) < 0)
		return fail(reterr, s->temporary, "chmod");
	if (lstat(s->temporary, &st) < 0)
		return fail(reterr, s->temporary, "stat");
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	if (listen(s->fd, SOMAXCONN) < 0)
		return fail(reterr, s->path, "listen");
	return 0;
}

/* systemd's socket for the path, or -1. */
static int find_activated(const char *path)
{
	int n = sd_listen_fds(0);

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
		int flags;

		if (sd_is_socket_unix(fd, SOCK_STREAM, 1, path, 0) <= 0)
			continue;
		flags = fcntl(fd, F_GETFL);
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
			continue;
		return fd;
	}
	return -1;
}

static int open_socket(const char *path, gid_t gid, mode_t mode, struct unix_socket *ret, struct vpc_error *reterr)
{
	_cleanup_(socket_clear) struct unix_socket s = UNIX_SOCKET_INIT;
	struct sockaddr_un address;
	int r;

	s.path = strdup(path);
	if (!s.path)
		return vpc_error_oom(reterr);
	s.fd = find_activated(path);
	if (s.fd < 0) {
		r = fill_address(path, &address, reterr);
		if (r < 0)
			return r;
		r = check_place(path, &address, reterr);
		if (r < 0)
			return r;
		if (asprintf(&s.temporary, "%s~", path) < 0) {
			s.temporary = NULL;
			return vpc_error_oom(reterr);
		}
		r = fill_address(s.temporary, &address, reterr);
		if (r < 0)
			return r;
		r = bind_and_listen(&s, &address, gid, mode, reterr);
		if (r < 0)
			return r;
	}
	s.gid = gid;
	s.mode = mode;
	*ret = s;
	s = UNIX_SOCKET_INIT;
	return 0;
}

bool socket_is_lost(const struct unix_socket *s)
{
	struct stat st;

	if (!s->unlink)
		return false;
	if (lstat(s->path, &st) < 0)
		return errno == ENOENT;
	return st.st_dev != s->dev || st.st_ino != s->ino;
}

int socket_make_again(struct unix_socket *s, int *ret_fd)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct unix_socket again = UNIX_SOCKET_INIT;
	int r = mkdir_above(s->path, 0755);

	if (r < 0)
		return r;
	r = open_socket(s->path, s->gid, s->mode, &again, &error);
	if (r >= 0)
		r = socket_publish(&again);
	if (r < 0) {
		socket_clear(&again);
		return r;
	}
	*ret_fd = TAKE_FD(again.fd);
	s->dev = again.dev;
	s->ino = again.ino;
	again.unlink = false;
	socket_clear(&again);
	return 0;
}

int socket_open(const char *path, const char *group, const char *default_group, struct unix_socket *ret,
		struct vpc_error *reterr)
{
	gid_t gid;
	int r = choose_group(group, default_group, &gid, reterr);

	return r < 0 ? r : open_socket(path, gid, SOCKET_MODE, ret, reterr);
}

int socket_open_public(const char *path, struct unix_socket *ret, struct vpc_error *reterr)
{
	return open_socket(path, NO_GROUP, PUBLIC_MODE, ret, reterr);
}

gid_t socket_group(const struct unix_socket *s)
{
	struct stat st;

	return stat(s->temporary ? s->temporary : s->path, &st) == 0 && st.st_mode & S_IWGRP ? st.st_gid : NO_GROUP;
}

int socket_publish(struct unix_socket *s)
{
	if (!s->temporary)
		return 0;
	if (rename(s->temporary, s->path) < 0)
		return -errno;
	free(TAKE_PTR(s->temporary));
	s->unlink = true;
	return 0;
}

void socket_clear(struct unix_socket *s)
{
	struct stat st;

	s->fd = close_fd(s->fd);
	if (s->temporary)
		unlink(s->temporary);
	/* Another daemon may have put its own there since. */
	if (s->unlink && lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
	free(s->temporary);
	free(s->path);
	*s = UNIX_SOCKET_INIT;
}
