/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deletes what is dead from the maps after the grace period, and frees its numbers. */
#ifndef DATAPATH_MAPS_RETIRE_H
#define DATAPATH_MAPS_RETIRE_H

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

/* Retires the changes whose grace period passed while another change was prepared, because undoing that one might have
 * needed their rows. */
void retire_postponed(struct maps *maps);
/* Clears an ENI's row. */
void retire_eni(struct maps *maps, uint32_t number);

#endif
