/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files of text, such as those of /proc and /sys. */
#ifndef VPC_FILE_H
#define VPC_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <vpc/cleanup.h>

/* Reads at most size - 1 bytes with one read() and ends them with NUL. Returns how many, or -errno. */
static inline ssize_t file_read(int fd, char *ret, size_t size)
{
	ssize_t n = read(fd, ret, size - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return n;
}

/* The same of a file by its path, from the folder that dir_fd is (or AT_FDCWD). */
static inline ssize_t file_read_at(int dir_fd, const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : file_read(fd, ret, size);
}

#endif
