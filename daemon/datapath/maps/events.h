/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the events that the programs emit about packets, from a ring buffer. */
#ifndef DATAPATH_MAPS_EVENTS_H
#define DATAPATH_MAPS_EVENTS_H

#include <vpc/abi/abi.h>

struct maps;

typedef void (*maps_event_fn)(const struct vpc_event *e, void *userdata);

/* Sets which events the programs emit: VPC_LISTEN_… bits; 0: none. */
void maps_listen(struct maps *maps, __u32 bits);
/* The ring's epoll descriptor, borrowed: readable when there are events. -errno: the ring can't be opened. */
int maps_events_fd(struct maps *maps);
/* Calls fn for each waiting event. *e is valid until fn returns. Returns how many there were, or -errno. */
int maps_events_read(struct maps *maps, maps_event_fn fn, void *userdata);

#endif
