/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POST /v1/explain: reads alone, but its question has a body. */
#include "api/v1/explain.h"

#include <vpc/json.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/v1/decode.h"
#include "api/v1/handlers.h"

#define QUESTION(json_name, value_type, field, extra_field, description)            \
	{                                                                           \
		json_name, &value_type, offsetof(struct explain_question, field),   \
			offsetof(struct explain_question, extra_field), description \
	}

const struct member explain_members[] = {
	QUESTION("from", value_string, from, from, "network interface (id or name), or an address"),
	QUESTION("to", value_string, to, to, "network interface (id or name), or an address"),
	QUESTION("protocol", value_protocol, protocol, protocol, "tcp, udp, icmp, icmpv6, or a number"),
	QUESTION("port", value_port, port, has_port,
		 "destination port (all if absent); of icmp the type (echo if absent)"),
	QUESTION("code", value_port, code, has_code, "of icmp"),
	QUESTION("source_port", value_port, source_port, has_source_port,
		 "of tcp and udp; with it, flows that are known are looked at too"),
	QUESTION("vpc", value_string, vpc, vpc, "VPC in which names and private addresses are looked up"),
};
const size_t explain_n_members = ARRAY_SIZE(explain_members);
/* from, to, protocol */
const uint64_t explain_required = 0x7;

/* Reads a body. ret is cleared by the caller, also after an error. UnknownParameter, MissingParameter,
 * InvalidParameterValue. */
static int explain_decode(const json_t *body, struct explain_question *ret, struct vpc_error *reterr)
{
	struct member_set set = {
		.members = explain_members,
		.n = explain_n_members,
		.allowed = MEMBER_BITS(explain_members),
		.required = explain_required,
		.base = ret,
	};

	return members_decode(body, &set, 1, "", reterr);
}

/* --- a set of changes --------------------------------------------------------------------------------------------- */

static json_t *reach_json(const struct engine_reply *reply)
{
	json_t *json = reply->reach ? json_copy(reply->reach) : NULL;
	json_t *cut = reply->cut_flows ? json_incref(reply->cut_flows) : json_array();
	int r = json ? 0 : -1;

	if (!json || !cut) {
		json_decref(json);
		json_decref(cut);
		return NULL;
	}
	r |= json_object_set_new(json, "cut_flows", cut) |
	     json_object_set_new(json, "cut_flows_total", json_integer((json_int_t)reply->cut_flows_total)) |
	     json_object_set_new(json, "revision", json_integer((json_int_t)reply->revision)) |
	     json_object_set_new(json, "epoch", json_integer((json_int_t)reply->epoch));
	if (r == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* userdata: a reference to the request. */
static void on_reply(const struct engine_reply *reply, void *userdata)
{
	_cleanup_(request_unrefp) struct request *r = userdata;
	_cleanup_json_ json_t *json = NULL;

	if (!request_wants_reply(r, &reply->error))
		return;
	json = reach_json(reply);
	request_reply_json(r, 200, json);
}

/* The changes go the way of a dry run. */
static int ask_changes(struct request *r, const json_t *body, struct vpc_error *reterr)
{
	struct engine_request *request = calloc(1, sizeof(*request));
	size_t max = model_limits(engine_model(r->api->engine))->changes_per_request;
	struct transaction_options options;
	int n;

	if (!request)
		return vpc_error_oom(reterr);
	n = decode_transaction(body, max, &request->changes, &request->n_changes, &request->dry_run, reterr);
	if (n >= 0)
		n = decode_transaction_options(body, &options, reterr);
	if (n < 0) {
		engine_request_free(request);
		return n;
	}
	request->if_revision = options.if_revision;
	request->dry_run = true;
	request->explain = true;
	request->caller = request_caller(r);
	request->received_ns = r->received_ns;
	request_drop_body(r);
	engine_submit(r->api->engine, request, on_reply, request_ref(r));
	return 0;
}

/* --- a packet ----------------------------------------------------------------------------------------------------- */

static int ask_packet(struct request *r, const json_t *body, struct vpc_error *reterr)
{
	_cleanup_(explain_question_clear) struct explain_question q = {0};
	_cleanup_json_ json_t *json = NULL;
	int n = explain_decode(body, &q, reterr);

	if (n >= 0)
		n = engine_explain(r->api->engine, &q, &json, reterr);
	if (n >= 0)
		request_reply_json(r, 200, json);
	return n;
}

void handle_explain(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_json_ json_t *body = NULL;
	int n = decode_body(r->body, r->body_bytes, &body, &error);

	if (n >= 0)
		n = json_object_get(body, "changes") ? ask_changes(r, body, &error) : ask_packet(r, body, &error);
	if (n < 0)
		request_reply_error(r, &error);
}
