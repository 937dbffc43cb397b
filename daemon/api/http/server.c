/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <utlist.h>

#include <vpc/clock.h>

#include "api/http/problem.h"
#include "api/http/request.h"
#include "util/log.h"

#define CONNECTION_TIMEOUT_S 60
/* sd-event's default of 250 ms would make each round of a large body wait that long. */
#define TIMER_ACCURACY_US    1
/* A header as a whole, and what libmicrohttpd needs beside it. Pages that nobody writes to cost nothing. */
#define CONNECTION_MEMORY    (128u << 10)
/* Connections that were cut have no place, but libmicrohttpd still has them for a moment. */
#define CONNECTIONS_CUT_MAX  64
#define ACCEPTS_A_ROUND	     16
#define ACCEPT_PAUSE_US	     100000

struct server {
	struct api *api;
	bool read_only;
	struct MHD_Daemon *http;
	struct clients clients;
	struct client *adding; /* while libmicrohttpd takes it */
	int fd;		       /* listening */
	int parked;	       /* root's connection that waits for a place, or -1; nobody is accepted meanwhile */
	sd_event_source *listening;
	sd_event_source *resume;    /* timer: accept again */
	sd_event_source *impatient; /* timer: the next deadline of a client */
	uint64_t impatient_ns;	    /* what it is set to */
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

/* --- connections --- */

/* libmicrohttpd sees the end and closes. */
static void cut(struct server *s, struct client *c)
{
	clients_cut(&s->clients, c);
	(void)shutdown(c->fd, SHUT_RDWR);
	server_kick(s);
}

static void watch_deadline(struct server *s, uint64_t deadline_ns)
{
	if (deadline_ns >= s->impatient_ns)
		return;
	s->impatient_ns = deadline_ns;
	sd_event_source_set_time(s->impatient, deadline_ns / 1000 + 1);
	sd_event_source_set_enabled(s->impatient, SD_EVENT_ONESHOT);
}

static int on_impatient(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct server *s = userdata;
	uint64_t now = monotonic_ns(), next = UINT64_MAX;
	struct client *c;

	(void)source, (void)usec;
	DL_FOREACH (s->clients.list, c) {
		uint64_t deadline = client_deadline_ns(c);

		if (deadline <= now)
			cut(s, c);
		else if (deadline < next)
			next = deadline;
	}
	s->impatient_ns = UINT64_MAX;
	watch_deadline(s, next);
	return 0;
}

void server_client_is(struct MHD_Connection *connection, struct server *s, enum client_state state)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct client *c = info ? info->socket_context : NULL;

	if (!c)
		return;
	c->state = state;
	c->since_ns = monotonic_ns();
	watch_deadline(s, client_deadline_ns(c));
}

/* Nobody is accepted until then. */
static void accept_later(struct server *s, uint64_t usec)
{
	sd_event_source_set_enabled(s->listening, SD_EVENT_OFF);
	sd_event_source_set_time_relative(s->resume, usec);
	sd_event_source_set_enabled(s->resume, SD_EVENT_ONESHOT);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct server *s = cls;
	struct client *c = *context;

	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = TAKE_PTR(s->adding);
		return;
	}
	*context = NULL;
	if (!c)
		return;
	clients_remove(&s->clients, c);
	free(c);
	if (s->parked >= 0 && s->resume)
		accept_later(s, 0);
}

/* --- accepting --- */

/* Says why, as far as the socket takes it at once. */
static void refuse(int fd)
{
	static const char body[] = "{\"type\":\"about:blank\",\"title\":\"A limit would be exceeded\",\"status\":503,"
				   "\"detail\":\"too many connections of this user, or of all\","
				   "\"code\":\"ResourceLimitExceeded\"}\n";
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 503 Service Unavailable\r\nContent-Type: " PROBLEM_CONTENT_TYPE
			 "\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
			 sizeof(body) - 1, body);

	(void)!send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* If the kernel gives no credentials: a uid that no user has, never root. */
static uid_t uid_of(int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 ? cred.uid : (uid_t)-1;
}

static void take(struct server *s, int fd, uid_t uid)
{
	static const struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct client *c = calloc(1, sizeof(*c));
	uint64_t deadline_ns;
	enum MHD_Result added;

	if (!c) {
		refuse(fd);
		return;
	}
	*c = (struct client){.uid = uid, .fd = fd};
	s->adding = c;
	/* First: libmicrohttpd may start and end it in the one call, and c is freed then. */
	clients_add(&s->clients, c, monotonic_ns());
	deadline_ns = client_deadline_ns(c);
	/* The descriptor is libmicrohttpd's, on failure too. */
	added = MHD_add_connection(s->http, fd, (const struct sockaddr *)&address, sizeof(sa_family_t));
	if (s->adding) {
		s->adding = NULL;
		clients_remove(&s->clients, c);
		free(c);
		return;
	}
	if (added != MHD_YES)
		return;
	watch_deadline(s, deadline_ns);
	server_kick(s);
}

/* False: it waits for a place, and so does everybody behind it. */
static bool admit(struct server *s, int fd)
{
	uid_t uid = uid_of(fd);
	struct client *slow;

	switch (clients_admit(&s->clients, uid, monotonic_ns(), &slow)) {
	case CLIENT_ADMITTED:
		if (slow) {
			(void)shutdown(slow->fd, SHUT_RDWR);
			server_kick(s);
		}
		take(s, fd, uid);
		return true;
	case CLIENT_REFUSED:
		refuse(fd);
		return true;
	default:
		s->parked = fd;
		accept_later(s, ACCEPT_PAUSE_US);
		return false;
	}
}

static int on_listening(sd_event_source *source, int listening, uint32_t events, void *userdata)
{
	struct server *s = userdata;

	(void)source, (void)events;
	for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			if (!admit(s, fd))
				return 0;
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return 0;
		/* No descriptor or no memory: the socket stays readable, so it isn't looked at for a while. */
		struct client *slow = clients_give_way(&s->clients, monotonic_ns());

		if (slow)
			(void)shutdown(slow->fd, SHUT_RDWR);
		accept_later(s, ACCEPT_PAUSE_US);
		return 0;
	}
	return 0;
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct server *s = userdata;
	int fd = TAKE_FD(s->parked);

	(void)source, (void)usec;
	if (fd >= 0 && !admit(s, fd))
		return 0;
	sd_event_source_set_enabled(s->listening, SD_EVENT_ON);
	return 0;
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

static struct MHD_Daemon *start(struct server *s)
{
	unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;

	MHD_set_panic_func(on_panic, NULL);

	return MHD_start_daemon(flags, 0, NULL, NULL, request_on_access, s,			   /**/
				MHD_OPTION_CONNECTION_LIMIT, s->clients.max + CONNECTIONS_CUT_MAX, /**/
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,	   /**/
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,	   /**/
				MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL,		   /**/
				MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, s,		   /**/
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,			   /**/
				MHD_OPTION_END);
}

/* Off until it is set. */
static int add_timer(sd_event *event, sd_event_source **ret, sd_event_time_handler_t fn, struct server *s)
{
	int r = sd_event_add_time(event, ret, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US, fn, s);

	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
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
	r = sd_event_add_io(event, &s->listening, s->fd, EPOLLIN, on_listening, s);
	if (r < 0)
		return r;
	r = add_timer(event, &s->resume, on_resume, s);
	if (r < 0)
		return r;
	r = add_timer(event, &s->impatient, on_impatient, s);
	if (r < 0)
		return r;
	return add_timer(event, &s->timer, on_timer, s);
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
	s->clients.max = max_connections;
	s->impatient_ns = UINT64_MAX;
	s->parked = -1;
	s->fd = TAKE_FD(owned);
	s->http = start(s);
	if (!s->http)
		return -EIO;
	r = add_sources(s, event);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

int server_listen(struct server *s, sd_event *event, int fd)
{
	sd_event_source *listening = NULL;
	int r = sd_event_add_io(event, &listening, fd, EPOLLIN, on_listening, s);

	if (r < 0) {
		close(fd);
		return r;
	}
	sd_event_source_disable_unref(s->listening);
	close_fd(s->fd);
	s->listening = listening;
	s->fd = fd;
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	sd_event_source_disable_unref(s->listening);
	s->resume = sd_event_source_disable_unref(s->resume);
	sd_event_source_disable_unref(s->ready);
	sd_event_source_disable_unref(s->timer);
	close_fd(s->parked);
	close_fd(s->fd);
	if (s->http)
		MHD_stop_daemon(s->http);
	/* Last: requests that end with the daemon may still kick. */
	sd_event_source_disable_unref(s->again);
	sd_event_source_disable_unref(s->impatient);
	free(s);
}
