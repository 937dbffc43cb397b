/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which store the kernel enforces, and at which revision. It is a pinned map of its own, <pin_dir>/store, beside those
 * of all versions of the datapath. It is written after the store's commit, with the epoch, so its revision is never
 * above the store's. A store that a later start finds below it has lost changes.
 */
#ifndef DATAPATH_STORE_MARK_H
#define DATAPATH_STORE_MARK_H

#include <stdint.h>

#define MARK_ID_MAX 40

struct pinned_mark;

/* *ret_id "" and *ret_revision 0: nothing is pinned, or nothing was noted yet. -errno: it can't be read. */
int pinned_mark_read(const char *pin_dir, char ret_id[MARK_ID_MAX], uint64_t *ret_revision);
/* Opens the map, or makes and pins it. pin_dir must exist. -errno. */
int pinned_mark_open(const char *pin_dir, struct pinned_mark **ret);
/* Pins the map again if somebody removed or replaced the pin. Returns 1 then, 0 if the pin is there, -errno. m may be
 * NULL. */
int pinned_mark_mend(const struct pinned_mark *m, const char *pin_dir);
/* m may be NULL. The pin stays. */
void pinned_mark_close(struct pinned_mark *m);
/* Notes another store at a revision. A crash in between leaves no mark. m may be NULL. */
void pinned_mark_set(struct pinned_mark *m, const char *id, uint64_t revision);
/* Notes a newer revision of the same store, by one 64-bit store. m may be NULL. */
void pinned_mark_advance(struct pinned_mark *m, uint64_t revision);

#endif
