/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making folders. What exists stays as it is. Modes are less the umask. */
#ifndef VPC_MKDIR_H
#define VPC_MKDIR_H

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

static inline int mkdir_one(const char *path, mode_t mode)
{
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

/* Makes the missing folders above a path, and not what the path names. -ENAMETOOLONG, -errno of mkdir(): what was made
 * before stays. */
static inline int mkdir_above(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, n + 1);
	for (size_t i = 1; i < n; i++) {
		int r;

		if (part[i] != '/')
			continue;
		part[i] = '\0';
		r = mkdir_one(part, mode);
		if (r < 0)
			return r;
		part[i] = '/';
	}
	return 0;
}

/* As mkdir -p: makes the folder with `mode`, and the missing ones above it with parents_mode. Errors as above. */
static inline int mkdir_parents(const char *path, mode_t parents_mode, mode_t mode)
{
	int r = mkdir_above(path, parents_mode);

	return r < 0 ? r : mkdir_one(path, mode);
}

#endif
