/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#define NAME_BYTES 64

/* The descriptor of the folder; -errno. */
static int open_folder(const char *state_dir)
{
	_cleanup_close_ int state = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (state < 0)
		return -errno;
	if (mkdirat(state, FLOW_LOG_FOLDER, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(state, FLOW_LOG_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* n 0: the one that is written. */
static void name_of(const char *id, unsigned n, char ret[NAME_BYTES])
{
	if (n)
		snprintf(ret, NAME_BYTES, "%s.log.%u", id, n);
	else
		snprintf(ret, NAME_BYTES, "%s.log", id);
}

static int rotate(int folder, const char *id)
{
	for (unsigned n = FLOW_LOG_FILES_OLD; n > 0; n--) {
		char from[NAME_BYTES], to[NAME_BYTES];

		name_of(id, n - 1, from);
		name_of(id, n, to);
		if (renameat(folder, from, folder, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, data, bytes);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			bytes -= (size_t)n;
		}
	}
	return 0;
}

static int open_file(int folder, const char *id)
{
	char name[NAME_BYTES];
	int fd;

	name_of(id, 0, name);
	fd = openat(folder, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	return fd < 0 ? -errno : fd;
}

int flow_log_file_append(const char *state_dir, const char *id, const char *lines, size_t bytes)
{
	_cleanup_close_ int folder = open_folder(state_dir), fd = -1;
	struct stat st;
	int r;

	if (folder < 0)
		return folder;
	fd = open_file(folder, id);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > 0 && (size_t)st.st_size + bytes > FLOW_LOG_FILE_BYTES) {
		r = rotate(folder, id);
		close(fd);
		fd = r < 0 ? r : open_file(folder, id);
		if (fd < 0)
			return fd;
	}
	return write_all(fd, lines, bytes);
}

void flow_log_file_remove(const char *state_dir, const char *id)
{
	_cleanup_close_ int folder = open_folder(state_dir);

	for (unsigned n = 0; folder >= 0 && n <= FLOW_LOG_FILES_OLD; n++) {
		char name[NAME_BYTES];

		name_of(id, n, name);
		unlinkat(folder, name, 0);
	}
}
