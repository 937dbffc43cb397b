/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/events.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include "datapath/maps/ctl.h"

void maps_listen(struct maps *maps, uint32_t bits)
{
	CTL_SET(maps, listeners, bits);
}

static int take_event(void *ctx, void *data, size_t size)
{
	struct maps *maps = ctx;

	if (size >= sizeof(struct vpc_event) && maps->event_fn)
		maps->event_fn(data, maps->event_userdata);
	return 0;
}

static int open_ring(struct maps *maps)
{
	if (!maps->ring)
		maps->ring = ring_buffer__new(maps->map[MAP_EVENTS].fd, take_event, maps, NULL);
	return maps->ring ? 0 : -errno;
}

int maps_events_fd(struct maps *maps)
{
	int r = open_ring(maps);

	return r < 0 ? r : ring_buffer__epoll_fd(maps->ring);
}

int maps_events_read(struct maps *maps, maps_event_fn fn, void *userdata)
{
	int r = open_ring(maps);

	if (r < 0)
		return r;
	maps->event_fn = fn;
	maps->event_userdata = userdata;
	r = ring_buffer__consume(maps->ring);
	maps->event_fn = NULL;
	return r;
}
