/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/verdicts: JSON lines as they happen, until the client goes. The engine never waits for a reader: what doesn't
 * fit into a stream's buffer is counted, and told as {"event": "lost", "lost": n} once there is room again.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/http/stream.h"
#include "api/v1/handlers.h"
#include "api/v1/route.h"

#define LOST_RESERVE_BYTES 64 /* room for the line that tells of the loss */

struct verdict_stream {
	struct stream *stream;
	struct verdict_listener *listener;
	uint64_t lost;
};

static void verdicts_free(struct verdict_stream *v)
{
	if (!v)
		return;
	if (v->listener)
		engine_unlisten(v->listener);
	stream_free(v->stream);
	free(v);
}
DEFINE_CLEANUP(struct verdict_stream *, verdicts_free);

/* The line about what was lost stands where the loss was: before what comes after it. */
static bool append_lost(struct verdict_stream *v)
{
	char line[LOST_RESERVE_BYTES];
	int n;

	if (v->lost == 0)
		return true;
	n = snprintf(line, sizeof(line), "{\"event\":\"lost\",\"lost\":%llu}\n", (unsigned long long)v->lost);
	if (!stream_append(v->stream, line, (size_t)n))
		return false;
	v->lost = 0;
	return true;
}

static void on_verdict(const json_t *verdict, void *userdata)
{
	struct verdict_stream *v = userdata;
	_cleanup_free_ char *line = json_dumps(verdict, JSON_COMPACT);
	size_t bytes = line ? strlen(line) : 0;

	if (!line || stream_room(v->stream) < bytes + 1 + 2 * LOST_RESERVE_BYTES || !append_lost(v)) {
		v->lost++;
		return;
	}
	line[bytes] = '\n'; /* in place of the NUL */
	(void)stream_append(v->stream, line, bytes + 1);
}

/* Told when the buffer is empty: what was lost is told then, though no verdict comes after it. */
static void on_drained(struct stream *s, void *userdata)
{
	(void)s;
	(void)append_lost(userdata);
}

static void on_ended(void *userdata)
{
	struct verdict_stream *v = userdata;

	v->stream = NULL; /* it frees itself */
	verdicts_free(v);
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

static int verdicts_make(struct request *r, struct verdict_stream **ret, struct vpc_error *reterr)
{
	static const struct stream_ops ops = {.drained = on_drained, .ended = on_ended, .patient = true};
	_cleanup_(verdicts_freep) struct verdict_stream *v = NULL;
	bool drops = false;
	uint32_t eni = 0;
	int n;

	n = read_drops(r, &drops, reterr);
	if (n == 0)
		n = read_eni(r, &eni, reterr);
	if (n == 0)
		n = stream_check_limits(r, reterr);
	if (n < 0)
		return n;
	v = calloc(1, sizeof(*v));
	if (!v)
		return vpc_error_oom(reterr);
	n = stream_new(r, &ops, v, &v->stream, reterr);
	if (n < 0)
		return n;
	n = engine_listen(r->api->engine, drops, eni, on_verdict, v, &v->listener);
	if (n < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "cannot listen: %s", strerror(-n));
	*ret = TAKE_PTR(v);
	return 0;
}

void handle_verdicts(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct verdict_stream *v = NULL;

	if (verdicts_make(r, &v, &error) < 0)
		request_reply_error(r, &error);
	else
		stream_start(r, v->stream);
}
