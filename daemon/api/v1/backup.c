/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /v1/backup, POST /v1/restore. */
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/v1/handlers.h"
#include "api/v1/route.h"

/* userdata: a reference to the request. */
static void on_backup(int fd, uint64_t size, struct vpc_error *error, void *userdata)
{
	_cleanup_(request_unrefp) struct request *r = userdata;
	struct MHD_Response *response;

	if (error->code != VPC_E_OK || request_is_gone(r)) {
		if (fd >= 0)
			close(fd);
		if (!request_is_gone(r))
			request_reply_error(r, error);
		return;
	}
	response = MHD_create_response_from_fd64(size, fd);
	if (!response)
		close(fd);
	request_reply(r, 200, r->route->content_type, response);
}

void handle_backup(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	if (engine_backup(r->api->engine, on_backup, request_ref(r)) >= 0)
		return;
	request_unref(r);
	vpc_error_oom(&error);
	request_reply_error(r, &error);
}

void handle_restore(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct engine_request *request = calloc(1, sizeof(*request));
	const char *dry_run = r->arguments[QUERY_DRY_RUN];
	size_t size = r->body_bytes;
	char *text;

	if (!request || change_read_command(r, request, &error) < 0) {
		if (!request)
			vpc_error_oom(&error);
		engine_request_free(request);
		request_reply_error(r, &error);
		return;
	}
	request->caller = request_caller(r);
	request->received_ns = r->received_ns;
	request->dry_run = dry_run && (strcmp(dry_run, "1") == 0 || strcasecmp(dry_run, "true") == 0);
	text = TAKE_PTR(r->body);
	request_drop_body(r);
	engine_restore(r->api->engine, text, size, request, change_on_reply, request_ref(r));
}
