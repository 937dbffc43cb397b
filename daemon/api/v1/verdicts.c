/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/verdicts: JSON lines as they happen, until the client goes. The engine never waits for a reader: what doesn't
 * fit into a stream's buffer is counted, and told as {"event": "lost", "lost": n} once there is room again.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <utlist.h>

#include "api/v1/handlers.h"
#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/v1/route.h"
#include "api/http/server.h"

#define STREAMS_MAX	  32
/* Of users other than root: together, and each. */
#define STREAMS_OTHERS	  24
#define STREAMS_A_USER	  8
#define BUFFER_SIZE	  (256 << 10)
#define READ_BLOCK_SIZE	  (16 << 10)
#define LOST_RESERVE_SIZE 64 /* room for the line that tells of the loss */

struct verdict_stream {
	struct api *api;
	struct server *server;
	struct MHD_Connection *connection;
	struct verdict_listener *listener;
	uid_t uid;
	sd_event_source *hangup;
	char *buffer; /* BUFFER_SIZE; start ≤ i < end is to be sent */
	size_t start, end;
	uint64_t lost;
	bool sleeping; /* the connection is suspended */
	bool ended;
	struct verdict_stream *prev, *next;
};

static void stream_free(struct verdict_stream *s)
{
	if (!s)
		return;
	if (s->listener)
		engine_unlisten(s->listener);
	sd_event_source_disable_unref(s->hangup);
	free(s->buffer);
	free(s);
}
DEFINE_CLEANUP(struct verdict_stream *, stream_free);

static void stream_wake(struct verdict_stream *s)
{
	if (!s->sleeping)
		return;
	s->sleeping = false;
	MHD_resume_connection(s->connection);
	server_kick(s->server);
}

static bool append(struct verdict_stream *s, const char *line, size_t size, size_t reserve)
{
	if (s->end + size + 1 + reserve > BUFFER_SIZE && s->start > 0) {
		memmove(s->buffer, s->buffer + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	if (s->end + size + 1 + reserve > BUFFER_SIZE)
		return false;
	memcpy(s->buffer + s->end, line, size);
	s->end += size;
	s->buffer[s->end++] = '\n';
	return true;
}

/* The line about what was lost stands where the loss was: before what comes after it. */
static bool append_lost(struct verdict_stream *s)
{
	char line[LOST_RESERVE_SIZE];
	int n;

	if (s->lost == 0)
		return true;
	n = snprintf(line, sizeof(line), "{\"event\":\"lost\",\"lost\":%llu}", (unsigned long long)s->lost);
	if (!append(s, line, (size_t)n, 0))
		return false;
	s->lost = 0;
	return true;
}

static void on_verdict(const json_t *verdict, void *userdata)
{
	struct verdict_stream *s = userdata;
	_cleanup_free_ char *line = json_dumps(verdict, JSON_COMPACT);
	size_t size = line ? strlen(line) : 0;

	if (!line || s->end - s->start + size + LOST_RESERVE_SIZE * 2 > BUFFER_SIZE || !append_lost(s) ||
	    !append(s, line, size, LOST_RESERVE_SIZE))
		s->lost++;
	stream_wake(s);
}

/* How much goes out at once: whole lines, so that they aren't cut by the end of a chunk. */
static size_t next_piece(const struct verdict_stream *s, size_t max)
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
	struct verdict_stream *s = cls;
	size_t n = next_piece(s, max);

	(void)position;
	if (s->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0 && s->lost > 0 && append_lost(s))
		n = next_piece(s, max);
	if (n == 0) {
		s->sleeping = true;
		MHD_suspend_connection(s->connection);
		return 0;
	}
	memcpy(buf, s->buffer + s->start, n);
	s->start += n;
	if (s->start == s->end)
		s->start = s->end = 0;
	return (ssize_t)n;
}

static void on_free(void *cls)
{
	struct verdict_stream *s = cls;

	DL_DELETE(s->api->streams, s);
	s->api->n_streams--;
	stream_free(s);
}

/* libmicrohttpd doesn't watch a suspended connection, and a stream without verdicts is suspended. Without this nobody
 * would notice that the client has gone, and the kernel would go on producing events for it. */
static int on_hangup(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct verdict_stream *s = userdata;

	(void)fd, (void)events;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	s->ended = true;
	stream_wake(s);
	return 0;
}

void verdicts_stop(struct api *a)
{
	struct verdict_stream *s;

	DL_FOREACH (a->streams, s) {
		s->ended = true;
		stream_wake(s);
	}
}

/* --- the beginning --- */

static int read_drops(const struct request *r, bool *ret, struct vpc_error *reterr)
{
	static const struct {
		const char *text;
		bool drops;
	} values[] = {{"1", true}, {"true", true}, {"0", false}, {"false", false}};
	const char *s = r->arguments[QUERY_DROPS];

	*ret = false;
	if (!s)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (strcasecmp(values[i].text, s) == 0) {
			*ret = values[i].drops;
			return 0;
		}
	}
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "drops", "drops must be 1 or 0");
}

static int read_eni(const struct request *r, uint32_t *ret, struct vpc_error *reterr)
{
	const char *eni = r->arguments[QUERY_ENI], *vpc = r->arguments[QUERY_VPC];
	const struct object *o;
	int n;

	*ret = 0;
	if (!eni)
		return 0;
	n = model_resolve(engine_model(r->api->engine), OBJECT_ENI, eni, vpc, "eni", &o, reterr);
	if (n < 0)
		return n;
	*ret = o->number;
	return 0;
}

static int listen_and_watch(const struct request *r, struct verdict_stream *s, bool drops, uint32_t eni,
			    struct vpc_error *reterr)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int n;

	if (!info)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "the connection has no descriptor");
	/* No events: a hangup is always told, and this descriptor's data is libmicrohttpd's. */
	n = sd_event_add_io(r->api->event, &s->hangup, info->connect_fd, 0, on_hangup, s);
	if (n == 0)
		n = engine_listen(r->api->engine, drops, eni, on_verdict, s, &s->listener);
	if (n < 0)
		vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "cannot listen: %s", strerror(-n));
	return n < 0 ? n : 0;
}

static int check_limits(const struct request *r, struct vpc_error *reterr)
{
	uid_t uid = request_caller(r).uid;
	const struct verdict_stream *s;
	size_t others = 0, same = 0;

	DL_FOREACH (r->api->streams, s) {
		others += s->uid != 0;
		same += s->uid == uid;
	}
	if (r->api->n_streams >= STREAMS_MAX)
		return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
				     "streams of verdicts: the limit is %d, asked for %zu", STREAMS_MAX,
				     r->api->n_streams + 1);
	if (uid != 0 && (same >= STREAMS_A_USER || others >= STREAMS_OTHERS))
		return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
				     "streams of verdicts: the limit is %d for a user and %d for all but root",
				     STREAMS_A_USER, STREAMS_OTHERS);
	return 0;
}

static int stream_make(struct request *r, struct verdict_stream **ret, struct vpc_error *reterr)
{
	_cleanup_(stream_freep) struct verdict_stream *s = NULL;
	bool drops;
	uint32_t eni;
	int n;

	n = read_drops(r, &drops, reterr);
	if (n < 0)
		return n;
	n = read_eni(r, &eni, reterr);
	if (n < 0)
		return n;
	n = check_limits(r, reterr);
	if (n < 0)
		return n;
	s = calloc(1, sizeof(*s));
	if (!s)
		return vpc_error_oom(reterr);
	s->buffer = malloc(BUFFER_SIZE);
	if (!s->buffer)
		return vpc_error_oom(reterr);
	s->api = r->api;
	s->server = r->server;
	s->connection = r->connection;
	s->uid = request_caller(r).uid;
	n = listen_and_watch(r, s, drops, eni, reterr);
	if (n < 0)
		return n;
	*ret = TAKE_PTR(s);
	return 0;
}

void handle_verdicts(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_(stream_freep) struct verdict_stream *s = NULL;
	struct MHD_Response *response;

	if (stream_make(r, &s, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, READ_BLOCK_SIZE, on_read, s, on_free);
	if (response) {
		DL_APPEND(r->api->streams, s);
		r->api->n_streams++;
		r->streams = true;
		s = NULL; /* on_free's */
	}
	request_reply(r, 200, r->route->content_type, response);
}
