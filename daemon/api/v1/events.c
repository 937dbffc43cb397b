/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/events?since=REV: JSON lines, one for each commit and one for each object that it changed, until the client
 * goes. The lines are read from the store when the reader has taken those before, so a slow reader costs nothing but
 * its buffer. One that is slower than the history is long gets a last line {"event": "end"}, which says so.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/http/stream.h"
#include "api/v1/handlers.h"
#include "api/v1/route.h"

/* Of one reading of the store. A line is short: names and commands are. */
#define PIECE_BYTES (64u << 10)

struct event_stream {
	struct engine *engine;
	struct request *request; /* a reference, until the first reading says that there is a stream */
	struct stream *stream;	 /* after that */
	struct commit_watch *watch;
	struct events_at at;
	bool reading;  /* the store is read for it */
	bool finished; /* the last line is told */
	bool ended;    /* and it is freed when that is done */
};

static void event_stream_free(struct event_stream *s)
{
	if (!s)
		return;
	engine_unwatch_commits(s->watch);
	request_unref(s->request);
	free(s);
}
DEFINE_CLEANUP(struct event_stream *, event_stream_free);

static void on_ended(void *userdata)
{
	struct event_stream *s = userdata;

	s->stream = NULL;
	s->ended = true;
	if (!s->reading)
		event_stream_free(s);
}

/* The last line. */
static void end_with(struct event_stream *s, const struct vpc_error *error)
{
	_cleanup_json_ json_t *json =
		json_pack("{s:s, s:s, s:s, s:I}", "event", "end", "code", vpc_code_string(error->code), "detail",
			  error->message, "revision", (json_int_t)s->at.revision);
	_cleanup_free_ char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;
	size_t bytes = line ? strlen(line) : 0;

	if (line) {
		line[bytes] = '\n'; /* in place of the NUL */
		(void)stream_append(s->stream, line, bytes + 1);
	}
	s->finished = true;
	stream_finish(s->stream, !line);
}

static void read_more(struct event_stream *s);

static void on_drained(struct stream *stream, void *userdata)
{
	(void)stream;
	read_more(userdata);
}

static void on_commit(void *userdata)
{
	struct event_stream *s = userdata;

	if (s->stream)
		read_more(s);
}

/* The store reaches back so far: the reply is a stream. On error s is still the caller's. */
static int start(struct event_stream *s, const char *text, size_t size, struct vpc_error *reterr)
{
	static const struct stream_ops ops = {.drained = on_drained, .ended = on_ended, .patient = true};
	_cleanup_(request_unrefp) struct request *r = NULL;
	int n = stream_check_limits(s->request, reterr);

	if (n == 0)
		n = stream_new(s->request, &ops, s, &s->stream, reterr);
	if (n < 0)
		return n;
	if (engine_watch_commits(s->engine, on_commit, s, &s->watch) < 0) {
		s->stream = stream_free(s->stream);
		return vpc_error_oom(reterr);
	}
	(void)stream_append(s->stream, text, size);
	r = TAKE_PTR(s->request);
	stream_start(r, s->stream); /* without memory it frees s */
	return 0;
}

static void on_events(const char *text, size_t size, const struct events_at *next, struct vpc_error *error,
		      void *userdata)
{
	struct event_stream *s = userdata;

	s->reading = false;
	if (s->ended || (s->request && request_is_gone(s->request))) {
		event_stream_free(s);
		return;
	}
	if (error->code == VPC_E_OK)
		s->at = *next;
	if (s->request) {
		if (error->code == VPC_E_OK && start(s, text, size, error) == 0)
			return;
		request_reply_error(s->request, error);
		event_stream_free(s);
	} else if (error->code != VPC_E_OK) {
		end_with(s, error);
	} else if (size) {
		(void)stream_append(s->stream, text, size);
	} else {
		read_more(s); /* a commit may have come meanwhile */
	}
}

/* If there is something new and the reader has taken the rest; else on_commit or on_drained comes again. */
static void read_more(struct event_stream *s)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	if (s->reading || s->finished || stream_room(s->stream) < STREAM_BUFFER_BYTES ||
	    s->at.revision >= engine_revision(s->engine))
		return;
	s->reading = true;
	if (engine_read_events(s->engine, &s->at, PIECE_BYTES, on_events, s) >= 0)
		return;
	s->reading = false;
	vpc_error_oom(&error);
	end_with(s, &error);
}

/* --- the beginning --- */

static int read_since(const struct request *r, uint64_t *ret, struct vpc_error *reterr)
{
	const char *text = r->arguments[QUERY_SINCE];
	uint64_t revision = engine_revision(r->api->engine);

	*ret = revision;
	if (!text)
		return 0;
	if (number_parse(text, UINT64_MAX, ret) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "since",
				     "'%.64s' is not a revision; give a whole number, as vpcctl status shows it", text);
	if (*ret > revision)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "since",
				     "revision %" PRIu64 " is to come; give one up to %" PRIu64 ", the newest", *ret,
				     revision);
	return 0;
}

/* The store says first whether it reaches back so far: then the reply is a stream, or 410. */
void handle_events(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_(event_stream_freep) struct event_stream *s = calloc(1, sizeof(*s));
	int n = s ? read_since(r, &s->at.revision, &error) : vpc_error_oom(&error);

	if (n == 0)
		n = stream_check_limits(r, &error);
	if (n < 0) {
		request_reply_error(r, &error);
		return;
	}
	s->engine = r->api->engine;
	s->request = request_ref(r);
	s->reading = true;
	if (engine_read_events(s->engine, &s->at, PIECE_BYTES, on_events, s) < 0) {
		vpc_error_oom(&error);
		request_reply_error(r, &error);
		return;
	}
	TAKE_PTR(s); /* on_events' */
}
