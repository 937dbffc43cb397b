/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where maps and programs are pinned: <pin_dir>/v<ABI>/maps/<name>, <pin_dir>/v<ABI>/progs/<name>. The maps count as
 * one whole once `ctl` is pinned, which is the last: without it the others are what a start that died left behind, and
 * are thrown away.
 */
#ifndef DATAPATH_MAPS_PIN_H
#define DATAPATH_MAPS_PIN_H

#include <jansson.h>

#include <vpc/error.h>

#include "datapath/maps/state.h"

/* Sets maps->dir and makes the folders, and mounts the bpf filesystem if it is missing. DatapathUnavailable. */
int pin_open_dir(struct maps *maps, const char *pin_dir, struct vpc_error *reterr);
/* Before the object is loaded: has it use the pinned maps, if there are any. Sets maps->adopted. DatapathUnavailable.
 */
int pin_reuse(struct maps *maps, struct vpc_error *reterr);
/* Pins the programs, and the maps that are not pinned yet. DatapathUnavailable. */
int pin_all(struct maps *maps, struct vpc_error *reterr);
/* As maps_verify: reports pins that are missing or lead to another object. */
int pin_verify(const struct maps *maps, json_t *report);

#endif
