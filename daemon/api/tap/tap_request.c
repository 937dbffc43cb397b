/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line that a client of vpcd-tap.sock sends. Pure; takes outside bytes: tests/fuzz/fuzz_tap.c. */
#include <stdlib.h>

#include "api/tap/tap_socket.h"
#include "api/v1/decode.h"
#include "api/v1/value.h"
#include "model/object.h"

static const struct member request_members[] = {
	{"eni", &value_string, offsetof(struct tap_request, eni), offsetof(struct tap_request, eni), "id or name"},
	{"vpc", &value_string, offsetof(struct tap_request, vpc), offsetof(struct tap_request, vpc), "id or name"},
	{"queues", &value_integer, offsetof(struct tap_request, queues), offsetof(struct tap_request, queues),
	 "number"},
};

void tap_request_clear(struct tap_request *r)
{
	free(r->eni);
	free(r->vpc);
	*r = (struct tap_request){0};
}

int tap_request_parse(const char *line, size_t size, struct tap_request *ret, struct vpc_error *reterr)
{
	_cleanup_(tap_request_clear) struct tap_request request = {.queues = 1};
	struct member_set set = {
		.members = request_members,
		.n = ARRAY_SIZE(request_members),
		.allowed = MEMBER_BITS(request_members),
		.required = 1,
		.base = &request,
	};
	json_t *json;
	int r = decode_body(line, size, &json, reterr);

	if (r < 0)
		return r;
	r = members_decode(json, &set, 1, "", reterr);
	json_decref(json);
	if (r < 0)
		return r;
	if (request.queues < 1 || request.queues > ATTACHMENT_QUEUES_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "queues", "queues is 1 to %d",
				     ATTACHMENT_QUEUES_MAX);
	*ret = request;
	request = (struct tap_request){0};
	return 0;
}
