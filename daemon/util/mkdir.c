/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/mkdir.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int make(const char *path, mode_t mode)
{
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int mkdir_parents(const char *path, mode_t parents_mode, mode_t mode)
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
		r = make(part, parents_mode);
		if (r < 0)
			return r;
		part[i] = '/';
	}
	return make(part, mode);
}
