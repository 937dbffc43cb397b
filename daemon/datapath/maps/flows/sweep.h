/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running the program that looks at many flows at once, judges them and changes them. */
#ifndef DATAPATH_MAPS_FLOWS_SWEEP_H
#define DATAPATH_MAPS_FLOWS_SWEEP_H

#include "datapath/maps/state.h"

/* Runs io->op for the io->n keys in it, and fills in io->result. -errno of bpf(). */
int sweep_run(struct maps *maps, struct vpc_sweep *io);

#endif
