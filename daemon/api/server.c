/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "api/request.h"
#include "observe/log.h"

#define CONNECTION_TIMEOUT_S 60
/* sd-event's default of 250 ms would make each round of a large body wait that long. */
#define TIMER_ACCURACY_US    1

struct server {
	struct api *api;
	bool read_only;
	bool place_free; /* a connection ended in this round */
	struct MHD_Daemon *http;
	sd_event_source *ready;
	sd_event_source *again;
	sd_event_source *timer;
};

struct api *server_api(struct server *s)
{
	return s->api;
}

bool server_read_only(const struct server *s)
{
	return s->read_only;
}

void server_kick(struct server *s)
{
	sd_event_source_set_enabled(s->again, SD_EVENT_ONESHOT);
}

static void run(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	MHD_run(s->http);
	/* At its connection limit libmicrohttpd stops listening, and begins again in the round after a place got free.
	 */
	if (s->place_free) {
		s->place_free = false;
		server_kick(s);
	}
	if (MHD_get_timeout(s->http, &timeout_ms) != MHD_YES) {
		sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
		return;
	}
	if (timeout_ms == 0) {
		server_kick(s);
		return;
	}
	sd_event_source_set_time_relative(s->timer, timeout_ms * 1000);
	sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source, (void)fd, (void)events;
	run(userdata);
	return 0;
}

static int on_again(sd_event_source *source, void *userdata)
{
	(void)source;
	run(userdata);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source, (void)usec;
	run(userdata);
	return 0;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct server *s = cls;

	(void)connection, (void)context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		s->place_free = true;
}

/* Paths and arguments stay encoded: a name may have a slash in it, and url.c tells "%2F" from "/". */
static size_t keep_encoded(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls, (void)connection;
	return strlen(s);
}

/* libmicrohttpd's own bookkeeping is broken, and it can't go on: what it says must not be lost. */
static void on_panic(void *cls, const char *file, unsigned line, const char *reason)
{
	(void)cls;
	log_error("libmicrohttpd cannot go on: %s (%s:%u)", reason ? reason : "no reason", file, line);
	abort();
}

static struct MHD_Daemon *start(struct server *s, int fd, uint32_t max_connections)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;

	MHD_set_panic_func(on_panic, NULL);

	return MHD_start_daemon(flags, 0, NULL, NULL, request_on_access, s,		       /**/
				MHD_OPTION_LISTEN_SOCKET, fd,				       /**/
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)max_connections,	       /**/
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S, /**/
				MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL,	       /**/
				MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, NULL,       /**/
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,		       /**/
				MHD_OPTION_END);
}

static int add_sources(struct server *s, sd_event *event)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD);
	int r;

	if (!info)
		return -EIO;
	r = sd_event_add_io(event, &s->ready, info->epoll_fd, EPOLLIN, on_ready, s);
	if (r < 0)
		return r;
	r = sd_event_add_defer(event, &s->again, on_again, s);
	if (r < 0)
		return r;
	r = sd_event_add_time(event, &s->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US, on_timer, s);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
}

int server_new(struct api *api, sd_event *event, int fd, bool read_only, uint32_t max_connections, struct server **ret)
{
	_cleanup_close_ int owned = fd;
	_cleanup_(server_freep) struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->api = api;
	s->read_only = read_only;
	s->http = start(s, owned, max_connections);
	if (!s->http)
		return -EIO;
	(void)TAKE_FD(owned); /* closed by MHD_stop_daemon */
	r = add_sources(s, event);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	sd_event_source_disable_unref(s->ready);
	sd_event_source_disable_unref(s->timer);
	if (s->http)
		MHD_stop_daemon(s->http);
	/* Last: requests that end with the daemon may still kick. */
	sd_event_source_disable_unref(s->again);
	free(s);
}
