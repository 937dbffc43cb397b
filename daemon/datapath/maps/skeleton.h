/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The skeleton that bpftool generates, whose code does not pass our warnings. */
#ifndef DATAPATH_MAPS_SKELETON_H
#define DATAPATH_MAPS_SKELETON_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#include "bpf/datapath.skel.h"
#include "bpf/observe.skel.h"
#pragma GCC diagnostic pop

#endif
