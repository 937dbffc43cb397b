/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs tell about packets, through a ring buffer. */
#ifndef DATAPATH_MAPS_EVENTS_H
#define DATAPATH_MAPS_EVENTS_H

#include <vpc/abi/abi.h>

struct maps;

typedef void (*maps_event_fn)(const struct vpc_event *e, void *userdata);

/* Which events the programs make: VPC_LISTEN_… bits; 0: none. */
void maps_listen(struct maps *maps, __u32 bits);
/* The ring's epoll descriptor, borrowed: readable when there are events. -errno: the ring can't be opened. */
int maps_events_fd(struct maps *maps);
/* Calls fn for each event that is there; *e is valid until fn returns. How many, or -errno. */
int maps_events_read(struct maps *maps, maps_event_fn fn, void *userdata);

#endif
