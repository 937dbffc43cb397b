/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/flow-logs/{id}/records: records as they are made, until the client goes or the flow log is deleted. What
 * doesn't fit into the stream's buffer is lost to a reader that is too slow, which gets a SKIPDATA record in its place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/http/stream.h"
#include "api/v1/handlers.h"
#include "api/v1/route.h"

#define SKIPPED_RESERVE_BYTES 2048 /* room for the line that tells of a loss */

struct records {
	struct stream *stream;
	struct engine_tail *tail;
	bool lost;
};

static void records_free(struct records *t)
{
	if (!t)
		return;
	engine_untail_flow_log(t->tail);
	stream_free(t->stream);
	free(t);
}
DEFINE_CLEANUP(struct records *, records_free);

static bool append_skipped(struct records *t)
{
	_cleanup_free_ char *line = t->lost ? engine_flow_log_skipped(t->tail) : NULL;

	if (!t->lost)
		return true;
	if (!line || !stream_append(t->stream, line, strlen(line)))
		return false;
	t->lost = false;
	return true;
}

/* Whole lines alone are appended, so that none is cut. */
static void on_lines(const char *lines, size_t bytes, void *userdata)
{
	struct records *t = userdata;

	if (!lines) {
		stream_finish(t->stream, false);
		return;
	}
	while (bytes > 0) {
		const char *end = memchr(lines, '\n', bytes);
		size_t line = end ? (size_t)(end + 1 - lines) : bytes;

		if (stream_room(t->stream) < line + SKIPPED_RESERVE_BYTES || !append_skipped(t) ||
		    !stream_append(t->stream, lines, line))
			t->lost = true;
		lines += line;
		bytes -= line;
	}
}

static void on_drained(struct stream *s, void *userdata)
{
	(void)s;
	(void)append_skipped(userdata);
}

static void on_ended(void *userdata)
{
	struct records *t = userdata;

	t->stream = NULL; /* it frees itself */
	records_free(t);
}

static int records_make(struct request *r, struct records **ret, struct vpc_error *reterr)
{
	static const struct stream_ops ops = {.drained = on_drained, .ended = on_ended, .patient = true};
	_cleanup_(records_freep) struct records *t = NULL;
	const struct object *o;
	int n = model_resolve(engine_model(r->api->engine), OBJECT_FLOW_LOG, r->id, r->arguments[QUERY_VPC], "id", &o,
			      reterr);

	if (n >= 0)
		n = stream_check_limits(r, reterr);
	if (n < 0)
		return n;
	t = calloc(1, sizeof(*t));
	if (!t)
		return vpc_error_oom(reterr);
	n = stream_new(r, &ops, t, &t->stream, reterr);
	if (n < 0)
		return n;
	n = engine_tail_flow_log(r->api->engine, o, on_lines, t, &t->tail);
	if (n < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "the flow log does not run: %s", strerror(-n));
	*ret = TAKE_PTR(t);
	return 0;
}

void handle_flow_log_records(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_(records_freep) struct records *t = NULL;

	if (records_make(r, &t, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	stream_start(r, TAKE_PTR(t)->stream);
}
