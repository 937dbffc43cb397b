/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/events.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include "datapath/maps/ctl.h"

void maps_listen(struct maps *t, uint32_t bits)
{
	CTL_SET(t, listeners, bits);
}

static int take_event(void *ctx, void *data, size_t size)
{
	struct maps *t = ctx;

	if (size >= sizeof(struct vpc_event) && t->event_fn)
		t->event_fn(data, t->event_userdata);
	return 0;
}

static int open_ring(struct maps *t)
{
	if (!t->ring)
		t->ring = ring_buffer__new(t->map[MAP_EVENTS].fd, take_event, t, NULL);
	return t->ring ? 0 : -errno;
}

int maps_events_fd(struct maps *t)
{
	int r = open_ring(t);

	return r < 0 ? r : ring_buffer__epoll_fd(t->ring);
}

int maps_events_read(struct maps *t, maps_event_fn fn, void *userdata)
{
	int r = open_ring(t);

	if (r < 0)
		return r;
	t->event_fn = fn;
	t->event_userdata = userdata;
	r = ring_buffer__consume(t->ring);
	t->event_fn = NULL;
	return r;
}
