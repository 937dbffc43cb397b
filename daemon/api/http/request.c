/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <utlist.h>

#include <vpc/array.h>
#include <vpc/clock.h>

#include "api/http/internal.h"
#include "api/http/server.h"
#include "api/http/url.h"

/* A client that sends too much gets its answer after its last byte: few clients read before they have written. One that
 * sends more than this is cut off. */
#define DISCARD_MAX_BYTES (64u << 20)
/* Of all bodies at a time: 256 connections must not be 2 GiB. */
#define BODIES_MAX_BYTES  (64u << 20)
#define BODY_FIRST_BYTES  4096

/* --- life --- */

struct request *request_ref(struct request *r)
{
	r->references++;
	return r;
}

struct request *request_unref(struct request *r)
{
	if (!r || --r->references > 0)
		return NULL;
	assert(!r->connection);
	for (size_t i = 0; i < ROUTE_ARGUMENTS_MAX; i++)
		free(r->arguments[i]);
	free(r->path);
	free(r->id);
	vpc_error_clear(&r->error);
	free(r);
	return NULL;
}

bool request_is_gone(const struct request *r)
{
	return !r->connection;
}

static size_t *bytes_kept(const struct request *r)
{
	return r->route && r->route->body_max ? &r->api->large_body_bytes : &r->api->body_bytes;
}

static size_t body_max(const struct request *r)
{
	return r->route && r->route->body_max ? r->route->body_max : BODY_MAX_BYTES;
}

void request_drop_body(struct request *r)
{
	if (r->api)
		*bytes_kept(r) -= r->body_capacity_bytes;
	free(TAKE_PTR(r->body));
	r->body_bytes = r->body_capacity_bytes = 0;
}

void request_on_completed(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_RequestTerminationCode code)
{
	struct request *r = *context;

	(void)code;
	server_client_is(connection, cls, CLIENT_IDLE);
	if (!r)
		return;
	*context = NULL;
	request_drop_body(r);
	if (r->response)
		MHD_destroy_response(TAKE_PTR(r->response));
	DL_DELETE(r->api->requests, r);
	r->api = NULL;
	r->server = NULL;
	r->connection = NULL;
	request_unref(r);
}

/* --- the beginning --- */

static enum MHD_Result take_argument(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct request *r = cls;
	const struct router *router = r->api->router;

	(void)kind;
	for (size_t i = 0; i < router->n_arguments; i++) {
		const char *name = router->arguments[i].name;

		if (strcmp(name, key) != 0 || !(r->route->arguments & ROUTE_ARGUMENT(i)))
			continue;
		if (r->arguments[i]) {
			vpc_error_set(&r->error, VPC_E_INVALID_PARAMETER_VALUE, name, "%s is given twice; give it once",
				      name);
			return MHD_NO;
		}
		/* "?drops" says yes; without a value the others say nothing, as "?drops=&eni=" does. */
		if (!value)
			value = router->arguments[i].flag ? "1" : "";
		if (!*value)
			return MHD_YES;
		if (url_decode(value, strlen(value), &r->arguments[i]) < 0) {
			vpc_error_set(&r->error, VPC_E_INVALID_PARAMETER_VALUE, name,
				      "%s is not well encoded; write special characters as %%XX", name);
			return MHD_NO;
		}
		return MHD_YES;
	}
	vpc_error_set(&r->error, VPC_E_UNKNOWN_PARAMETER, key,
		      "%s is not an argument of this address; leave it out (/v1/openapi.json lists those there are)",
		      key);
	return MHD_NO;
}

/* Finds the route and reads what the first line says. What is wrong is answered later, from r->error. */
static void read_line(struct request *r, const char *method)
{
	bool read_only = server_read_only(r->server);
	const char *id = NULL;
	char allow[ALLOW_SIZE];
	size_t id_size = 0;

	r->route = route_find(r->api->router, method, r->path, read_only, &id, &id_size, allow);
	if (!r->route && (allow[0] || (read_only && strcmp(method, "GET") != 0))) {
		vpc_error_set(&r->error, VPC_E_METHOD_NOT_ALLOWED, NULL, "%s takes %s, not %s%s", r->path,
			      allow[0] ? allow : "GET", method,
			      read_only ? ": this socket is for reading; make changes at the other one" : "");
		return;
	}
	if (!r->route) {
		vpc_error_set(&r->error, VPC_E_NOT_FOUND, NULL,
			      "there is no %s; /v1/openapi.json lists the addresses there are", r->path);
		return;
	}
	if (id && url_decode(id, id_size, &r->id) < 0) {
		vpc_error_set(&r->error, VPC_E_MALFORMED_REQUEST, NULL,
			      "the path is not well encoded; write special characters as %%XX");
		return;
	}
	MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, take_argument, r);
}

static void check_length(struct request *r)
{
	const char *s = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	/* What isn't a number is libmicrohttpd's to refuse. */
	if (s && strtoull(s, NULL, 10) > body_max(r) && r->error.code == VPC_E_OK)
		vpc_error_set(&r->error, VPC_E_REQUEST_ENTITY_TOO_LARGE, NULL,
			      "a body has at most %zu bytes; send less at a time", body_max(r));
}

static struct request *begin(struct server *server, struct MHD_Connection *connection, const char *url,
			     const char *method)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->path = strdup(url);
	if (!r->path) {
		free(r);
		return NULL;
	}
	r->api = server_api(server);
	r->server = server;
	r->connection = connection;
	r->error = VPC_ERROR_INIT;
	r->references = 1;
	r->received_ns = monotonic_ns();
	DL_APPEND(r->api->requests, r);
	read_line(r, method);
	check_length(r);
	return r;
}

/* --- the body --- */

static int reserve(struct request *r, size_t bytes)
{
	size_t capacity = array_room(r->body_capacity_bytes ? r->body_capacity_bytes : BODY_FIRST_BYTES, bytes);
	size_t limit;
	char *grown;

	if (capacity == r->body_capacity_bytes)
		return 0;
	/* array_room() may double what is needed: one large body fits */
	limit = r->route && r->route->body_max ? 2 * r->route->body_max : BODIES_MAX_BYTES;
	if (*bytes_kept(r) - r->body_capacity_bytes + capacity > limit)
		return vpc_error_set(&r->error, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
				     "bytes of requests at a time: the limit is %zu, try again", limit);
	grown = realloc(r->body, capacity);
	if (!grown)
		return vpc_error_oom(&r->error);
	*bytes_kept(r) += capacity - r->body_capacity_bytes;
	r->body = grown;
	r->body_capacity_bytes = capacity;
	return 0;
}

static void append(struct request *r, const char *data, size_t size)
{
	r->seen_bytes += size;
	r->received_ns = monotonic_ns();
	if (r->error.code != VPC_E_OK)
		return;
	if (r->body_bytes + size > body_max(r)) {
		vpc_error_set(&r->error, VPC_E_REQUEST_ENTITY_TOO_LARGE, NULL,
			      "a body has at most %zu bytes; send less at a time", body_max(r));
		request_drop_body(r);
		return;
	}
	if (reserve(r, r->body_bytes + size) < 0) {
		request_drop_body(r);
		return;
	}
	memcpy(r->body + r->body_bytes, data, size);
	r->body_bytes += size;
}

/* --- calling the handler --- */

static void dispatch(struct request *r)
{
	r->dispatched = true;
	if (r->error.code == VPC_E_OK && !r->route->takes_body && r->seen_bytes > 0)
		vpc_error_set(&r->error, VPC_E_MALFORMED_REQUEST, NULL, "this request takes no body; send none");
	if (r->error.code != VPC_E_OK) {
		request_drop_body(r);
		request_reply_error(r, &r->error);
		return;
	}
	r->route->handle(r);
}

static enum MHD_Result queue(struct request *r)
{
	struct MHD_Response *response = TAKE_PTR(r->response);
	enum MHD_Result result = MHD_queue_response(r->connection, r->status, response);

	server_client_is(r->connection, r->server, r->streams ? CLIENT_SERVED : CLIENT_RECEIVING);
	MHD_destroy_response(response);
	return result;
}

static bool waits_for_continue(const struct request *r)
{
	const char *s = request_header(r, MHD_HTTP_HEADER_EXPECT);

	return s && strcasecmp(s, "100-continue") == 0;
}

enum MHD_Result request_on_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *size, void **context)
{
	struct request *r = *context;

	(void)version;
	if (!r) {
		r = begin(cls, connection, url, method);
		if (!r)
			return MHD_NO;
		*context = r;
		server_client_is(connection, r->server, CLIENT_SENDING);
		if (r->error.code == VPC_E_OK || !waits_for_continue(r))
			return MHD_YES;
		/* The client asked before it sends: it needn't. */
		dispatch(r);
		return r->response ? queue(r) : MHD_NO;
	}
	if (*size > 0) {
		append(r, data, *size);
		*size = 0;
		return r->seen_bytes > body_max(r) + DISCARD_MAX_BYTES ? MHD_NO : MHD_YES;
	}
	if (!r->dispatched) {
		server_client_is(connection, r->server, CLIENT_SERVED);
		dispatch(r);
		if (!r->answered) {
			r->suspended = true;
			MHD_suspend_connection(connection);
			return MHD_YES;
		}
	}
	return r->response ? queue(r) : MHD_NO;
}

/* --- the client --- */

struct caller request_caller(const struct request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	/* If the kernel gives no credentials: a uid that no user has, never root. */
	struct caller caller = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (info && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
		caller = (struct caller){.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
	return caller;
}

const char *request_header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}
