/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which store the kernel enforces, and at which revision: a pinned map of its own beside those of all versions of the
 * datapath, <pin_dir>/store. It is written after the store's commit, with the epoch, so its revision is never above the
 * store's; a store that a later start finds below it has lost changes.
 */
#ifndef DATAPATH_STORE_MARK_H
#define DATAPATH_STORE_MARK_H

#include <stdint.h>

#define MARK_ID_MAX 40

struct pinned_mark;

/* *ret_id: "", *ret_revision 0: nothing is pinned, or nothing was noted yet. -errno: it can't be read. */
int pinned_mark_read(const char *pin_dir, char ret_id[MARK_ID_MAX], uint64_t *ret_revision);
/* Makes and pins it where it is missing; pin_dir exists. -errno. */
int pinned_mark_open(const char *pin_dir, struct pinned_mark **ret);
/* Pins it again where somebody removed or replaced the pin: 1, 0: it is there; -errno. NULL is fine. */
int pinned_mark_mend(const struct pinned_mark *m, const char *pin_dir);
/* NULL is fine. What is pinned stays. */
void pinned_mark_close(struct pinned_mark *m);
/* Another store, at a revision. A crash in between leaves none. NULL is fine. */
void pinned_mark_set(struct pinned_mark *m, const char *id, uint64_t revision);
/* The same store at a newer revision: one 64-bit store. NULL is fine. */
void pinned_mark_advance(struct pinned_mark *m, uint64_t revision);

#endif
