/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs of an instance: loaded, or those that an earlier vpcd of the same build has pinned.
 *
 * The kernel takes seconds to verify them, and a vpcd that is restarted needs none that differ. So a folder beside the
 * pins has the digest of the object file, of the programs' instructions as the kernel has them, and of the maps that
 * each of them uses. Pinned programs are taken over if the digest is still the same.
 */
#ifndef DATAPATH_MAPS_PROGRAMS_H
#define DATAPATH_MAPS_PROGRAMS_H

#include <limits.h>

#include "datapath/maps/state.h"

struct bpf_program;

/* Where a program is pinned; name "": the folder. -ENAMETOOLONG. */
int program_path(const struct maps *maps, const char *name, char ret[PATH_MAX]);
/* Takes over the pinned programs if they are those of this build and of the maps that the object reuses, so that
 * loading the object loads none. It must be called after pin_reuse(). Returns whether it did. Any doubt means no: the
 * object then loads its own. */
bool programs_reuse(struct maps *maps);
/* Writes the digest, after programs and maps were pinned. -errno. */
int programs_note(const struct maps *maps);
/* Borrowed: owned by the instance. -errno if it was never loaded. */
int program_fd(const struct maps *maps, const struct bpf_program *program);
void programs_close(struct maps *maps);

#endif
