/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The replies of a request. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/internal.h"
#include "api/http/problem.h"
#include "api/http/request.h"
#include "api/http/server.h"

void request_wake(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->connection);
	server_kick(r->server);
}

static struct MHD_Response *out_of_memory(void)
{
	static char text[] = "{\"type\":\"about:blank\",\"title\":\"Something went wrong inside; nothing was changed\","
			     "\"status\":500,\"detail\":\"out of memory\",\"code\":\"InternalError\"}\n";

	return MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
}

void request_reply(struct request *r, unsigned status, const char *content_type, struct MHD_Response *response)
{
	if (!response) {
		response = out_of_memory();
		status = 500;
		content_type = PROBLEM_CONTENT_TYPE;
	}
	if (request_is_gone(r)) {
		if (response)
			MHD_destroy_response(response);
		return;
	}
	assert(!r->answered);
	r->answered = true;
	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
		r->status = status;
		r->response = response;
	}
	/* Without even that response the connection is closed when it wakes. */
	request_wake(r);
}

void request_reply_text(struct request *r, unsigned status, const char *content_type, char *text, size_t size)
{
	struct MHD_Response *response =
		text ? MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE) : NULL;

	if (!response)
		free(text);
	request_reply(r, status, content_type, response);
}

static struct MHD_Response *json_response(const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);
	size_t size = text ? strlen(text) : 0;
	struct MHD_Response *response;

	if (!text)
		return NULL;
	text[size] = '\n'; /* in the place of the NUL, which HTTP doesn't need: curl leaves the prompt on a new line */
	response = MHD_create_response_from_buffer(size + 1, text, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(text);
	return response;
}

void request_reply_json(struct request *r, unsigned status, const json_t *json)
{
	request_reply(r, status, "application/json", json ? json_response(json) : NULL);
}

void request_reply_object(struct request *r, unsigned status, const json_t *object)
{
	const json_t *revision = json_object_get(object, "revision");
	struct MHD_Response *response = object ? json_response(object) : NULL;
	char tag[32];

	if (response && revision) {
		snprintf(tag, sizeof(tag), "\"%" JSON_INTEGER_FORMAT "\"", json_integer_value(revision));
		MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, tag);
	}
	request_reply(r, status, "application/json", response);
}

void request_reply_error(struct request *r, const struct vpc_error *error)
{
	json_t *problem = problem_json(error, r->route && r->route->many);
	struct MHD_Response *response = problem ? json_response(problem) : NULL;

	json_decref(problem);
	if (response && error->code == VPC_E_METHOD_NOT_ALLOWED && !request_is_gone(r)) {
		char allow[ALLOW_SIZE];
		const char *id;
		size_t id_size;

		route_find(r->api->router, "", r->path, server_read_only(r->server), &id, &id_size, allow);
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow[0] ? allow : "GET");
	}
	request_reply(r, (unsigned)vpc_code_status(error->code), PROBLEM_CONTENT_TYPE, response);
}

bool request_wants_reply(struct request *r, const struct vpc_error *error)
{
	if (request_is_gone(r))
		return false;
	if (error->code == VPC_E_OK)
		return true;
	request_reply_error(r, error);
	return false;
}
