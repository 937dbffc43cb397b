/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making folders. */
#ifndef UTIL_MKDIR_H
#define UTIL_MKDIR_H

#include <sys/types.h>

/* As mkdir -p: makes the folder with `mode`, and the missing ones above it with parents_mode (both less the umask).
 * What exists stays as it is. -ENAMETOOLONG, -errno of mkdir(): what was made before stays. */
int mkdir_parents(const char *path, mode_t parents_mode, mode_t mode);

#endif
