/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that change something: body → struct engine_request → the engine → reply. */
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "api/v1/decode.h"
#include "api/http/digest.h"
#include "api/v1/handlers.h"
#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/v1/route.h"

#define IDEMPOTENCY_KEY_HEADER "Idempotency-Key"
#define IDEMPOTENCY_KEY_MAX    255
#define COMMAND_HEADER	       "Vpcctl-Command"
#define COMMAND_MAX	       512

DEFINE_CLEANUP(struct engine_request *, engine_request_free);

/* --- replying --- */

/* The reply to one change: its object with the transaction's numbers beside its own fields. */
static json_t *single_result(const json_t *reply)
{
	const json_t *result = json_array_get(json_object_get(reply, "results"), 0);
	json_t *object = json_is_object(result) ? json_copy((json_t *)result) : json_object();
	const char *key;
	json_t *v;

	if (!object)
		return NULL;
	json_object_foreach ((json_t *)reply, key, v) {
		if (strcmp(key, "results") == 0)
			continue;
		if (strcmp(key, "pending") == 0 && json_array_size(v) == 0)
			continue;
		if (json_object_set(object, key, v) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static void reply_done(struct request *r, const json_t *reply)
{
	unsigned status = json_is_true(json_object_get(reply, "dry_run")) ? 200 : operation_of(r)->status;
	_cleanup_json_ json_t *object = NULL;

	if (operation_of(r)->op == CHANGE_OPS) {
		request_reply_json(r, status, reply);
		return;
	}
	object = single_result(reply);
	request_reply_object(r, status, object);
}

/* userdata: a reference to the request. */
void change_on_reply(const struct engine_reply *reply, void *userdata)
{
	_cleanup_(request_unrefp) struct request *r = userdata;
	_cleanup_json_ json_t *json = NULL;

	if (!request_wants_reply(r, &reply->error))
		return;
	/* A kept reply is what engine_reply_encode gave the first time. */
	json = reply->replayed ? json_loads(reply->replayed, 0, NULL) : engine_reply_encode(reply);
	if (!json) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

		/* The change is made: the message must not say otherwise, whatever the code's title says. */
		vpc_error_set(&error, VPC_E_INTERNAL_ERROR, NULL, "the change is in force; its reply cannot be made");
		request_reply_error(r, &error);
		return;
	}
	reply_done(r, json);
}

/* --- asking --- */

static int read_if_match(struct request *r, struct change *c, struct vpc_error *reterr)
{
	const char *s = request_header(r, MHD_HTTP_HEADER_IF_MATCH);
	uint64_t revision;
	size_t n;

	/* "*": the object must exist, which it must anyway. */
	if (!s || strcmp(s, "*") == 0)
		return 0;
	if (!r->id)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "If-Match",
				     "If-Match goes with a change to one object; leave it out");
	n = strlen(s);
	if (n < 2 || s[0] != '"' || s[n - 1] != '"' || s[1] == '0' ||
	    number_parse_part(s + 1, n - 2, UINT64_MAX, &revision) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "If-Match",
				     "If-Match must be a revision in quotes, as \"17\"");
	if (c->if_match && c->if_match != revision)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "if_match",
				     "if_match and the If-Match header differ; give one of them");
	c->if_match = revision;
	return 0;
}

static int set_scope(const struct request *r, struct change *c, struct vpc_error *reterr)
{
	const char *vpc = r->arguments[QUERY_VPC];

	if (!vpc)
		return 0;
	if (c->scope)
		return strcmp(c->scope, vpc) == 0
			       ? 0
			       : vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "vpc",
					       "vpc in the body and in the address differ; give one of them");
	c->scope = strdup(vpc);
	return c->scope ? 0 : vpc_error_oom(reterr);
}

/* The path's {id} into the field that it stands for. */
static int set_target(const struct request *r, struct change *c, struct vpc_error *reterr)
{
	char **place;

	if (!r->id)
		return 0;
	place = (char **)((char *)c + decode_change_members[operation_of(r)->path].offset);
	*place = strdup(r->id);
	if (!*place)
		return vpc_error_oom(reterr);
	c->present |= FIELD_BIT(operation_of(r)->path);
	return 0;
}

int change_read_key(struct request *r, char **ret_key, char **ret_digest, struct vpc_error *reterr)
{
	const char *key = request_header(r, IDEMPOTENCY_KEY_HEADER), *vpc = r->arguments[QUERY_VPC];
	const char *if_match = request_header(r, MHD_HTTP_HEADER_IF_MATCH);
	struct digest_part parts[] = {
		{r->route->method, strlen(r->route->method)}, {r->path, strlen(r->path)}, {vpc, vpc ? strlen(vpc) : 0},
		{if_match, if_match ? strlen(if_match) : 0},  {r->body, r->body_bytes},
	};
	size_t length;

	if (!key)
		return 0;
	length = strlen(key);
	for (size_t i = 0; i < length; i++) {
		if (key[i] < 0x20 || key[i] > 0x7e)
			length = 0;
	}
	if (length < 1 || length > IDEMPOTENCY_KEY_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, IDEMPOTENCY_KEY_HEADER,
				     "an idempotency key has 1 to %d printable characters", IDEMPOTENCY_KEY_MAX);
	*ret_key = strdup(key);
	if (!*ret_key || digest_make(parts, ARRAY_SIZE(parts), ret_digest) < 0)
		return vpc_error_oom(reterr);
	return 0;
}

/* What vpcctl says that it was asked to do: for people, in the history. */
int change_read_command(struct request *r, struct engine_request *request, struct vpc_error *reterr)
{
	const char *text = request_header(r, COMMAND_HEADER);
	json_t *json;
	bool valid;

	if (!text)
		return 0;
	json = json_string(text); /* of UTF-8 alone */
	valid = json && strlen(text) <= COMMAND_MAX;
	json_decref(json);
	for (const char *p = text; *p; p++)
		valid &= (unsigned char)*p >= ' ' && *p != 0x7f;
	if (!valid)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, COMMAND_HEADER,
				     COMMAND_HEADER " has at most %d bytes of UTF-8, without control characters",
				     COMMAND_MAX);
	request->command = strdup(text);
	return request->command ? 0 : vpc_error_oom(reterr);
}

static int read_body(const struct request *r, json_t **ret, struct vpc_error *reterr)
{
	if (r->body_bytes == 0 && operation_of(r)->body == BODY_OPTIONAL) {
		*ret = json_object();
		return *ret ? 0 : vpc_error_oom(reterr);
	}
	if (r->body_bytes == 0)
		return vpc_error_set(reterr, VPC_E_MALFORMED_REQUEST, NULL,
				     "this request needs a body: send a JSON object");
	return decode_body(r->body, r->body_bytes, ret, reterr);
}

static int decode_single(struct request *r, const json_t *body, struct engine_request *request,
			 struct vpc_error *reterr)
{
	uint64_t from_path = r->id ? FIELD_BIT(operation_of(r)->path) : 0;
	struct change *c;
	int n;

	request->changes = calloc(1, sizeof(*request->changes));
	if (!request->changes)
		return vpc_error_oom(reterr);
	c = request->changes;
	if (operation_of(r)->body == BODY_ATTACHMENT)
		n = decode_attachment(body, c, &request->dry_run, reterr);
	else
		n = decode_change(body, operation_of(r)->op, from_path, c, &request->dry_run, reterr);
	if (n < 0)
		return n;
	request->n_changes = 1;
	n = set_target(r, c, reterr);
	if (n < 0)
		return n;
	n = set_scope(r, c, reterr);
	if (n < 0)
		return n;
	return read_if_match(r, c, reterr);
}

static int decode_many(struct request *r, const json_t *body, struct engine_request *request, struct vpc_error *reterr)
{
	size_t max = model_limits(engine_model(r->api->engine))->changes_per_request;
	struct transaction_options options;
	int n = decode_transaction(body, max, &request->changes, &request->n_changes, &request->dry_run, reterr);

	if (n >= 0)
		n = decode_transaction_options(body, &options, reterr);
	if (n < 0)
		return n;
	request->if_revision = options.if_revision;
	request->confirm_s = (uint32_t)options.confirm;
	request->background = options.background;
	for (size_t i = 0; i < request->n_changes; i++) {
		/* The address' scope is for the changes that don't name their own. */
		if (request->changes[i].scope)
			continue;
		n = set_scope(r, &request->changes[i], reterr);
		if (n < 0)
			return n;
	}
	if (request_header(r, MHD_HTTP_HEADER_IF_MATCH))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "If-Match",
				     "a transaction's changes have an if_match each; put it there");
	return 0;
}

static int make_request(struct request *r, struct engine_request **ret, struct vpc_error *reterr)
{
	_cleanup_(engine_request_freep) struct engine_request *request = calloc(1, sizeof(*request));
	_cleanup_json_ json_t *body = NULL;
	int n;

	if (!request)
		return vpc_error_oom(reterr);
	n = read_body(r, &body, reterr);
	if (n < 0)
		return n;
	if (operation_of(r)->body == BODY_TRANSACTION)
		n = decode_many(r, body, request, reterr);
	else
		n = decode_single(r, body, request, reterr);
	if (n < 0)
		return n;
	n = request->dry_run ? 0 /* it leaves nothing that could be kept */
			     : change_read_key(r, &request->idempotency_key, &request->request_digest, reterr);
	if (n == 0)
		n = change_read_command(r, request, reterr);
	if (n < 0)
		return n;
	request->caller = request_caller(r);
	request->received_ns = r->received_ns;
	*ret = TAKE_PTR(request);
	return 0;
}

/* One change or many: the route's body says which. */
void handle_change(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct engine_request *request;

	if (make_request(r, &request, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	request_drop_body(r);
	engine_submit(r->api->engine, request, change_on_reply, request_ref(r));
}

void handle_confirm(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct engine_request *request = calloc(1, sizeof(*request));

	if (!request) {
		vpc_error_oom(&error);
		request_reply_error(r, &error);
		return;
	}
	*request = (struct engine_request){.confirms = true,
					   .command = strdup("confirm"),
					   .caller = request_caller(r),
					   .received_ns = r->received_ns};
	request_drop_body(r);
	engine_submit(r->api->engine, request, change_on_reply, request_ref(r));
}
