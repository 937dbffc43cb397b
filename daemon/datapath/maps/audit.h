/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rolling audit finds rows and keys that somebody changed by hand. It compares the kernel's maps with the mirror, a
 * slice at a time. It needs nothing but the maps. While a change is prepared it does nothing. It leaves out flows,
 * translations and counters.
 */
#ifndef DATAPATH_MAPS_AUDIT_H
#define DATAPATH_MAPS_AUDIT_H

#include <stdint.h>

struct maps;
struct maps_audit;

struct maps_finding {
	const char *map;  /* static */
	char detail[128]; /* in English */
};

/* -ENOMEM. */
int maps_audit_new(struct maps_audit **ret);
/* Returns NULL. NULL is fine. */
struct maps_audit *maps_audit_free(struct maps_audit *a);
/* How many items a pass over everything has, about. */
uint32_t maps_audit_size(const struct maps *maps);
/* Looks at about `most` items more, and begins anew after the last. An item takes 0.1 to 1 µs. 1: *ret says what the
 * first difference is, and the next step begins anew; 0: none; -ENOMEM, -errno of bpf(). */
int maps_audit_step(const struct maps *maps, struct maps_audit *a, uint32_t most, struct maps_finding *ret);
/* Compares the row of `ctl` and writes it anew where it differs: at any time, some ns. Returns how many fields
 * differed; *ret says what the last one was. */
int maps_ctl_mend(struct maps *maps, struct maps_finding *ret);

#endif
