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
	char detail[128]; /* English text */
};

/* -ENOMEM. */
int maps_audit_new(struct maps_audit **ret);
/* Returns NULL. a may be NULL. */
struct maps_audit *maps_audit_free(struct maps_audit *a);
/* About how many items a pass over all maps has. */
uint32_t maps_audit_size(const struct maps *maps);
/* Looks at about `most` more items. After the last item it starts again. An item takes 0.1 to 1 µs. Returns 1: *ret
 * says what the first difference is, and the next step starts again; 0: no difference; -ENOMEM, -errno of bpf(). */
int maps_audit_step(const struct maps *maps, struct maps_audit *a, uint32_t most, struct maps_finding *ret);
/* Compares the row of `ctl` with vpcd's copy, and writes it again if it differs. It may be called at any time, and
 * takes some ns. Returns how many fields differed; *ret says what the last one was. */
int maps_ctl_mend(struct maps *maps, struct maps_finding *ret);

#endif
