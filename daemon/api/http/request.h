/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One HTTP request, from its first header to the end of its reply.
 *
 *   request_on_access  (libmicrohttpd) collects the body, then calls the route's handler once
 *   request_reply_*    once a request, within the handler or at any time after: then the connection sleeps until then
 *   request_on_completed  (libmicrohttpd) the reply is sent or the client is gone
 *
 * A handler that replies later takes a reference, which keeps the struct, not the connection, the body or the api:
 * request_is_gone() tells when nobody waits for the reply any more, and replying is then harmless.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/cleanup.h>
#include <vpc/error.h>

#include "api/http/route.h"
#include "engine/engine.h"

struct api;
struct server;

#define BODY_MAX_BYTES (8u << 20)

struct request {
	struct api *api;		      /* NULL once gone */
	struct server *server;		      /* as api */
	struct MHD_Connection *connection;    /* as api */
	const struct route *route;	      /* NULL when none fits */
	char *path;			      /* as it came, still encoded; without arguments */
	char *id;			      /* decoded {id} of the path, or NULL */
	char *arguments[ROUTE_ARGUMENTS_MAX]; /* decoded, or NULL; by position in router.arguments */
	char *body;
	size_t body_bytes;
	size_t body_capacity_bytes;
	uint64_t seen_bytes;	/* of the body, kept or not */
	uint64_t received_ns;	/* CLOCK_MONOTONIC: when the last byte was read */
	struct vpc_error error; /* what was wrong before the handler had its turn */
	unsigned status;
	struct MHD_Response *response; /* until it is queued */
	bool dispatched;
	bool answered; /* a reply was given, or at least tried */
	bool suspended;
	bool streams; /* the reply goes on until the client goes */
	unsigned references;
	struct request *prev, *next; /* of the api */
};

/* libmicrohttpd's callbacks; cls of the first is the struct server. */
enum MHD_Result request_on_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *size, void **context);
/* The connection is done with the request; *context: the struct request, whose reference it gives back. */
void request_on_completed(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_RequestTerminationCode code);

/* Takes a reference, which request_unref() gives back. Returns r. */
struct request *request_ref(struct request *r);
/* Returns NULL. NULL is fine. */
struct request *request_unref(struct request *r);
static inline void request_unrefp(struct request **r)
{
	*r = request_unref(*r);
}

/* Whether the client is gone: nobody reads a reply any more. */
bool request_is_gone(const struct request *r);
/* Ends the sleep of a request's connection, if it sleeps: there is a reply, or (shutting down) there will be none. */
void request_wake(struct request *r);
/* The body is no longer needed. */
void request_drop_body(struct request *r);

/* Each replies once. json is borrowed; text is owned by the reply and freed by free(). */
void request_reply_json(struct request *r, unsigned status, const json_t *json);
void request_reply_text(struct request *r, unsigned status, const char *content_type, char *text, size_t size);
void request_reply_error(struct request *r, const struct vpc_error *error);
/* For what the engine answers: whether the client waits and error is VPC_E_OK. Another error is replied here. */
bool request_wants_reply(struct request *r, const struct vpc_error *error);
/* response: taken; NULL stands for out of memory. */
void request_reply(struct request *r, unsigned status, const char *content_type, struct MHD_Response *response);
/* As request_reply_json for an object with a `revision`, which becomes the ETag. */
void request_reply_object(struct request *r, unsigned status, const json_t *object);

/* Who asks; peer credentials of the connection. */
struct caller request_caller(const struct request *r);
/* A header's value or NULL; borrowed. */
const char *request_header(const struct request *r, const char *name);

#endif
