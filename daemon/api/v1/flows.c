/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/flows: a list that is written as fast as its reader reads it. The engine makes the next piece when the one
 * before is sent. POST /v1/flows/cut: cuts flows, and replies when they are cut.
 */
#include "api/v1/flows.h"

#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/http/stream.h"
#include "api/v1/decode.h"
#include "api/v1/handlers.h"
#include "api/v1/route.h"

/* --- filters ------------------------------------------------------------------------------------------------------ */

static int find(const struct request *r, enum object_kind kind, const char *ref, const char *scope, const char *field,
		uint32_t *ret, struct vpc_error *reterr)
{
	const struct object *o;
	int n = ref ? model_resolve(engine_model(r->api->engine), kind, ref, scope, field, &o, reterr) : 0;

	if (n == 0 && ref)
		*ret = o->number;
	return n;
}

static int read_filter(const struct request *r, struct flow_filter *f, struct vpc_error *reterr)
{
	static const struct {
		enum query_argument argument;
		int (*set)(struct flow_filter *f, const char *text, struct vpc_error *reterr);
	} settings[] = {
		{QUERY_PEER, flow_filter_set_peer},
		{QUERY_PROTOCOL, flow_filter_set_protocol},
		{QUERY_PORT, flow_filter_set_port},
		{QUERY_STATE, flow_filter_set_states},
	};
	const char *vpc = r->arguments[QUERY_VPC];
	int n = find(r, OBJECT_VPC, vpc, NULL, "vpc", &f->vpc, reterr);

	if (n == 0)
		n = find(r, OBJECT_ENI, r->arguments[QUERY_ENI], vpc, "eni", &f->eni, reterr);
	for (size_t i = 0; n == 0 && i < ARRAY_SIZE(settings); i++) {
		const char *text = r->arguments[settings[i].argument];

		if (text)
			n = settings[i].set(f, text, reterr);
	}
	return n;
}

/* --- the list ----------------------------------------------------------------------------------------------------- */

struct flows_stream {
	struct stream *stream;
	struct flow_list *list;
	uint64_t revision;
	char *text; /* that has no room in the stream yet; owned */
	size_t bytes, at;
	bool asked; /* the engine makes a piece */
	bool last;  /* it was the last */
	bool complete;
};

static void flows_free(struct flows_stream *f)
{
	if (!f)
		return;
	engine_flows_end(f->list);
	stream_free(f->stream);
	free(f->text);
	free(f);
}
DEFINE_CLEANUP(struct flows_stream *, flows_free);

static void append_end(struct flows_stream *f)
{
	char end[96];
	int n = snprintf(end, sizeof(end), "\n],\"complete\":%s,\"revision\":%llu}\n", f->complete ? "true" : "false",
			 (unsigned long long)f->revision);

	stream_finish(f->stream, !stream_append(f->stream, end, (size_t)n));
}

/* Appends what the stream has room for. */
static void append(struct flows_stream *f)
{
	size_t left = f->bytes - f->at, room = stream_room(f->stream), n = left < room ? left : room;

	if (n && stream_append(f->stream, f->text + f->at, n))
		f->at += n;
	if (f->at < f->bytes)
		return;
	free(TAKE_PTR(f->text));
	f->bytes = f->at = 0;
}

static void on_drained(struct stream *s, void *userdata);

static void on_flows(const struct flows_piece *piece, void *userdata)
{
	struct flows_stream *f = userdata;

	f->asked = false;
	f->text = piece->result == 0 ? malloc(piece->bytes + 1) : NULL;
	if (!f->text) {
		stream_finish(f->stream, true);
		return;
	}
	memcpy(f->text, piece->text, piece->bytes);
	f->bytes = piece->bytes;
	f->last = piece->last;
	f->complete = piece->complete;
	append(f);
	/* A piece without flows wakes no stream. */
	if (piece->bytes == 0)
		on_drained(f->stream, f);
}

static void on_drained(struct stream *s, void *userdata)
{
	struct flows_stream *f = userdata;

	if (f->text) {
		append(f);
		return;
	}
	if (f->asked)
		return;
	if (f->last) {
		append_end(f);
		return;
	}
	f->asked = true;
	if (engine_flows_next(f->list) < 0)
		stream_finish(s, true);
}

static void on_ended(void *userdata)
{
	struct flows_stream *f = userdata;

	f->stream = NULL; /* it frees itself */
	flows_free(f);
}

static int read_limit(const struct request *r, uint64_t *ret, struct vpc_error *reterr)
{
	const char *text = r->arguments[QUERY_LIMIT];

	*ret = 0;
	if (!text || (number_parse_part(text, strlen(text), UINT64_MAX, ret) == 0 && *ret > 0))
		return 0;
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "limit", "limit must be a number from 1");
}

static int flows_make(struct request *r, struct flows_stream **ret, struct vpc_error *reterr)
{
	static const struct stream_ops ops = {.drained = on_drained, .ended = on_ended};
	static const char begin[] = "{\"flows\":[\n";
	_cleanup_(flows_freep) struct flows_stream *f = calloc(1, sizeof(*f));
	struct flow_filter filter = FLOW_FILTER_INIT;
	uint64_t limit = 0;
	int n;

	if (!f)
		return vpc_error_oom(reterr);
	n = read_filter(r, &filter, reterr);
	if (n == 0)
		n = read_limit(r, &limit, reterr);
	if (n == 0)
		n = stream_check_limits(r, reterr);
	if (n == 0)
		n = stream_new(r, &ops, f, &f->stream, reterr);
	if (n < 0)
		return n;
	f->revision = engine_revision(r->api->engine);
	if (engine_flows_list(r->api->engine, &filter, limit, on_flows, f, &f->list) < 0)
		return vpc_error_oom(reterr);
	(void)stream_append(f->stream, begin, sizeof(begin) - 1);
	*ret = TAKE_PTR(f);
	return 0;
}

void handle_flows(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct flows_stream *f = NULL;

	if (flows_make(r, &f, &error) < 0)
		request_reply_error(r, &error);
	else
		stream_start(r, f->stream);
}

/* --- cutting ------------------------------------------------------------------------------------------------------ */

struct cut_body {
	char *eni;
	char *peer;
	char *protocol;
	int32_t port;
	bool has_port;
	char *vpc;
	bool dry_run;
};

#define MEMBER(json_name, value_type, field, extra_field, description)                                            \
	{                                                                                                         \
		json_name, &value_type, offsetof(struct cut_body, field), offsetof(struct cut_body, extra_field), \
			description                                                                               \
	}
static const struct member cut_members[] = {
	MEMBER("eni_id", value_string, eni, eni, "network interface whose flows are cut, id or name"),
	MEMBER("peer", value_nullable_string, peer, peer, "only flows with this address or CIDR at the other end"),
	MEMBER("protocol", value_protocol, protocol, protocol, "only flows of tcp, udp, icmp, icmpv6, or a number"),
	MEMBER("port", value_port, port, has_port, "only flows of tcp or udp with this port at an end"),
	MEMBER("vpc", value_string, vpc, vpc, "VPC in which names are looked up"),
	MEMBER("dry_run", value_bool, dry_run, dry_run, "say what would be cut, but cut nothing"),
};
#undef MEMBER
const struct body_members flows_cut_body = {cut_members, ARRAY_SIZE(cut_members), MEMBER_BIT(0)};

static void body_clear(struct cut_body *b)
{
	free(b->eni);
	free(b->peer);
	free(b->protocol);
	free(b->vpc);
}

static int read_cut(struct request *r, struct cut_body *b, struct flow_filter *f, struct vpc_error *reterr)
{
	struct member_set set = {.members = cut_members,
				 .n = ARRAY_SIZE(cut_members),
				 .allowed = MEMBER_BITS(cut_members),
				 .required = flows_cut_body.required,
				 .base = b};
	_cleanup_json_ json_t *body = NULL;
	const char *scope;
	int n;

	if (r->body_bytes == 0)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "eni_id",
				     "a body with eni_id is needed: the network interface whose flows are cut");
	n = decode_body(r->body, r->body_bytes, &body, reterr);
	if (n == 0)
		n = members_decode(body, &set, 1, "", reterr);
	if (n < 0)
		return n;
	scope = b->vpc ? b->vpc : r->arguments[QUERY_VPC];
	n = find(r, OBJECT_ENI, b->eni, scope, "eni_id", &f->eni, reterr);
	if (n == 0 && b->peer)
		n = flow_filter_set_peer(f, b->peer, reterr);
	if (n == 0 && b->protocol)
		n = flow_filter_set_protocol(f, b->protocol, reterr);
	if (n == 0 && b->has_port && (b->port < 0 || b->port > UINT16_MAX))
		n = vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "port", "port is a number from 0 to 65535");
	if (n == 0 && b->has_port)
		f->port = b->port;
	return n;
}

/* userdata: a reference to the request. */
static void on_cut(const struct flow_cut_reply *reply, void *userdata)
{
	_cleanup_(request_unrefp) struct request *r = userdata;
	_cleanup_json_ json_t *json = NULL;

	if (!request_wants_reply(r, &reply->error))
		return;
	json = engine_flow_cut_encode(reply);
	request_reply_json(r, 200, json);
}

void handle_flows_cut(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_(body_clear) struct cut_body body = {0};
	struct flow_cut_request request = {
		.filter = FLOW_FILTER_INIT, .caller = request_caller(r), .received_ns = r->received_ns};

	_cleanup_free_ char *key = NULL, *digest = NULL;

	if (read_cut(r, &body, &request.filter, &error) < 0 || change_read_key(r, &key, &digest, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	request.dry_run = body.dry_run;
	request.idempotency_key = key;
	request.request_digest = digest;
	request_drop_body(r);
	if (engine_flows_cut(r->api->engine, &request, on_cut, request_ref(r)) < 0) {
		vpc_error_oom(&error);
		request_reply_error(r, &error);
		request_unref(r);
	}
}
