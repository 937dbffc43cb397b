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
	QUESTION("port", value_port, port, has_port, "destination port; of icmp the type (echo if absent)"),
	QUESTION("code", value_port, code, has_code, "of icmp"),
	QUESTION("source_port", value_port, source_port, has_source_port,
		 "of tcp and udp; with it, flows that are known are looked at too"),
	QUESTION("vpc", value_string, vpc, vpc, "VPC in which names and private addresses are looked up"),
};
const size_t explain_n_members = ARRAY_SIZE(explain_members);
/* from, to, protocol */
const uint64_t explain_required = 0x7;

int explain_decode(const json_t *body, struct explain_question *ret, struct vpc_error *reterr)
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

static int answer(struct request *r, json_t **ret, struct vpc_error *reterr)
{
	_cleanup_(explain_question_clear) struct explain_question q = {0};
	_cleanup_json_ json_t *body = NULL;
	int n = decode_body(r->body, r->body_bytes, &body, reterr);

	if (n >= 0)
		n = explain_decode(body, &q, reterr);
	return n < 0 ? n : engine_explain(r->api->engine, &q, ret, reterr);
}

void handle_explain(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_json_ json_t *json = NULL;

	if (answer(r, &json, &error) < 0)
		request_reply_error(r, &error);
	else
		request_reply_json(r, 200, json);
}
