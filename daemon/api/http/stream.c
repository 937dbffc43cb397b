/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utlist.h>

#include <vpc/clock.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/http/server.h"

#define STREAMS_MAX	  32
/* Of users other than root: together, and each. */
#define STREAMS_OTHERS	  24
#define STREAMS_A_USER	  8
#define READ_BLOCK_BYTES  (16u << 10)
#define TIMER_ACCURACY_US 1000000u

struct stream {
	struct api *api;
	struct server *server;
	struct MHD_Connection *connection;
	const struct stream_ops *ops;
	void *userdata;
	uid_t uid;
	int fd; /* the connection's */
	sd_event_source *hangup;
	sd_event_source *patience;
	uint64_t read_ns; /* CLOCK_MONOTONIC: when the client last took something */
	char *buffer;	  /* STREAM_BUFFER_BYTES; start ≤ i < end is to be sent */
	size_t start, end;
	bool sleeping; /* the connection is suspended */
	bool finished; /* nothing is appended any more */
	bool failed;
	bool stopped; /* nothing is sent any more */
	struct stream *prev, *next;
};

struct stream *stream_free(struct stream *s)
{
	if (!s)
		return NULL;
	sd_event_source_disable_unref(s->hangup);
	sd_event_source_disable_unref(s->patience);
	free(s->buffer);
	free(s);
	return NULL;
}

static void wake(struct stream *s)
{
	if (!s->sleeping)
		return;
	s->sleeping = false;
	s->read_ns = monotonic_ns();
	MHD_resume_connection(s->connection);
	server_kick(s->server);
}

size_t stream_room(const struct stream *s)
{
	return STREAM_BUFFER_BYTES - (s->end - s->start);
}

bool stream_append(struct stream *s, const char *data, size_t bytes)
{
	if (bytes > stream_room(s))
		return false;
	if (s->end + bytes > STREAM_BUFFER_BYTES) {
		memmove(s->buffer, s->buffer + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	memcpy(s->buffer + s->end, data, bytes);
	s->end += bytes;
	wake(s);
	return true;
}

void stream_finish(struct stream *s, bool failed)
{
	s->finished = true;
	s->failed = failed;
	wake(s);
}

/* How much goes out at once: whole lines, so that they aren't cut by the end of a chunk. */
static size_t next_piece(const struct stream *s, size_t max)
{
	const char *data = s->buffer + s->start, *end;
	size_t n = s->end - s->start;

	if (n <= max)
		return n;
	end = memrchr(data, '\n', max);
	return end ? (size_t)(end + 1 - data) : max;
}

/* libmicrohttpd asks for the next piece; it isn't to ask again before there is one. */
static ssize_t on_read(void *cls, uint64_t position, char *buf, size_t max)
{
	struct stream *s = cls;
	size_t n;

	(void)position;
	if (s->stopped)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->start == s->end && !s->finished && s->ops->drained)
		s->ops->drained(s, s->userdata);
	n = next_piece(s, max);
	if (n == 0 && s->finished)
		return s->failed ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0) {
		s->sleeping = true;
		MHD_suspend_connection(s->connection);
		return 0;
	}
	memcpy(buf, s->buffer + s->start, n);
	s->start += n;
	if (s->start == s->end)
		s->start = s->end = 0;
	s->read_ns = monotonic_ns();
	return (ssize_t)n;
}

static void on_free(void *cls)
{
	struct stream *s = cls;

	DL_DELETE(s->api->streams, s);
	s->api->n_streams--;
	s->ops->ended(s->userdata);
	stream_free(s);
}

/* libmicrohttpd doesn't watch a suspended connection, and a stream with nothing to send is suspended. Without this
 * nobody would notice that the client has gone. */
static int on_hangup(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct stream *s = userdata;

	(void)fd, (void)events;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	s->stopped = true;
	wake(s);
	return 0;
}

/* A client that reads nothing keeps a place that others could have. */
static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct stream *s = userdata;

	(void)usec;
	if (!s->sleeping && monotonic_ns() - s->read_ns > STREAM_PATIENCE_S * NS_PER_S) {
		s->stopped = true;
		(void)shutdown(s->fd, SHUT_RDWR);
		server_kick(s->server);
		return 0;
	}
	sd_event_source_set_time_relative(source, STREAM_PATIENCE_S * 1000000ull / 4);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void streams_stop(struct api *a)
{
	struct stream *s;

	DL_FOREACH (a->streams, s) {
		s->stopped = true;
		wake(s);
	}
}

/* --- the beginning --- */

int stream_check_limits(const struct request *r, struct vpc_error *reterr)
{
	uid_t uid = request_caller(r).uid;
	const struct stream *s;
	size_t others = 0, same = 0;

	DL_FOREACH (r->api->streams, s) {
		others += s->uid != 0;
		same += s->uid == uid;
	}
	if (r->api->n_streams >= STREAMS_MAX)
		return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
				     "streams: the limit is %d, asked for %zu; end another one first", STREAMS_MAX,
				     r->api->n_streams + 1);
	if (uid != 0 && (same >= STREAMS_A_USER || others >= STREAMS_OTHERS))
		return vpc_error_set(
			reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			"streams: the limit is %d for a user and %d for all but root; end another one first",
			STREAMS_A_USER, STREAMS_OTHERS);
	return 0;
}

static int watch(struct stream *s)
{
	/* No events: a hangup is always told, and this descriptor's data is libmicrohttpd's. */
	int r = sd_event_add_io(s->api->event, &s->hangup, s->fd, 0, on_hangup, s);

	if (r >= 0 && !s->ops->patient)
		r = sd_event_add_time_relative(s->api->event, &s->patience, CLOCK_MONOTONIC,
					       STREAM_PATIENCE_S * 1000000ull / 4, TIMER_ACCURACY_US, on_patience, s);
	return r < 0 ? r : 0;
}

int stream_new(struct request *r, const struct stream_ops *ops, void *userdata, struct stream **ret,
	       struct vpc_error *reterr)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	_cleanup_(stream_freep) struct stream *s = calloc(1, sizeof(*s));
	int n;

	if (!s)
		return vpc_error_oom(reterr);
	if (!info)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "the connection has no descriptor");
	s->api = r->api;
	s->server = r->server;
	s->connection = r->connection;
	s->ops = ops;
	s->userdata = userdata;
	s->uid = request_caller(r).uid;
	s->fd = info->connect_fd;
	s->read_ns = monotonic_ns();
	s->buffer = malloc(STREAM_BUFFER_BYTES);
	if (!s->buffer)
		return vpc_error_oom(reterr);
	n = watch(s);
	if (n < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "the client can't be watched: %s",
				     strerror(-n));
	*ret = TAKE_PTR(s);
	return 0;
}

void stream_start(struct request *r, struct stream *s)
{
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, READ_BLOCK_BYTES, on_read, s, on_free);

	if (response) {
		DL_APPEND(r->api->streams, s);
		r->api->n_streams++;
		r->streams = true;
	} else {
		s->ops->ended(s->userdata);
		stream_free(s);
	}
	request_reply(r, 200, r->route->content_type, response);
}
