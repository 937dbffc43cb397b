/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of rules, kept over a restart of vpcd in a file beside the store. The file holds for as long as the
 * kernel's counters that it goes with: `counters` names them, and differs after a start of the machine. So it needn't
 * be on the disk when the machine goes down, and its words are those of this machine.
 */
#ifndef OBSERVE_ADVICE_FILE_H
#define OBSERVE_ADVICE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "observe/advice.h"

#define ADVICE_FILE	    "advice"
#define ADVICE_COUNTERS_MAX 128

/* What goes with what is known. */
struct advice_kept {
	struct advice_times times;
	uint64_t looked_ns; /* CLOCK_BOOTTIME: every flow that was there then has been looked at later */
	char counters[ADVICE_COUNTERS_MAX];
};

/* Bytes of the file. rounds: looks at all flows so far; VPCs whose flows haven't all been looked at are left out.
 * *ret: owned. -ENOMEM. */
int advice_pack(const struct advice *a, const struct advice_kept *k, uint64_t rounds, void **ret, size_t *ret_bytes);
/* Takes up what was kept, into an `a` without entries. *k: counters in, the rest out. now_ns, CLOCK_BOOTTIME: since
 * then vpcd runs. rounds: as advice_begin(). -EBADMSG: damaged, or of another version; -ESTALE: of other counters;
 * -ENOMEM. On failure *k is as it was, and `a` may have kept some: call advice_end_kept(). */
int advice_unpack(struct advice *a, struct advice_kept *k, const void *bytes, size_t n, uint64_t now_ns,
		  uint64_t rounds);

/* Writes the file anew, beside it first, with a checksum. On any thread. -errno: it is as it was. */
int advice_file_write(const char *state_dir, const void *bytes, size_t n);
/* *ret: owned. -ENOENT: there is none; -EBADMSG: it is damaged; -ENOMEM, -errno. */
int advice_file_read(const char *state_dir, void **ret, size_t *ret_n);
/* Fine if there is none. -errno. */
int advice_file_remove(const char *state_dir);

#endif
