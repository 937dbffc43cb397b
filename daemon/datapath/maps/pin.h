/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where maps and programs are pinned: <pin_dir>/v<ABI>/maps/<name>, <pin_dir>/v<ABI>/progs/<name>. `ctl` is pinned
 * last. Without its pin, the other pins were left by a start that died, and are deleted. <pin_dir>/v<ABI>/build:
 * programs.h.
 */
#ifndef DATAPATH_MAPS_PIN_H
#define DATAPATH_MAPS_PIN_H

#include <jansson.h>
#include <limits.h>

#include <vpc/error.h>

#include "datapath/maps/state.h"

/* Sets maps->dir, makes the folders, and mounts the bpf filesystem if it is missing. DatapathUnavailable. */
int pin_open_dir(struct maps *maps, const char *pin_dir, struct vpc_error *reterr);
/* Has the object use the pinned maps if there are any, and sets maps->adopted. It must be called before the object is
 * loaded. DatapathUnavailable. */
int pin_reuse(struct maps *maps, struct vpc_error *reterr);
/* Pins the programs, and the maps that are not pinned yet. DatapathUnavailable. */
int pin_all(struct maps *maps, struct vpc_error *reterr);
/* As maps_verify: reports pins that are missing or lead to another object. */
int pin_verify(const struct maps *maps, json_t *report);

#endif
