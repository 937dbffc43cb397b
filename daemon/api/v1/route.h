/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every address of the API, once: dispatching, Allow headers and the OpenAPI document follow from the table. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/change.h"
#include "model/object.h"

struct request;

/* Arguments after the "?" that the API knows. */
enum query_argument {
	QUERY_VPC,
	QUERY_SUBNET,
	QUERY_DROPS,
	QUERY_ENI,
	QUERY_ARGUMENTS,
};
#define QUERY_BIT(q) (1u << (q))
const char *query_name(enum query_argument q);
const char *query_text(enum query_argument q);

/* What a request's body is. */
enum body_kind {
	BODY_NONE,
	BODY_OPTIONAL,	 /* the change's fields, all of which may be left out */
	BODY_CHANGE,	 /* the change's fields */
	BODY_ATTACHMENT, /* the attachment itself */
	BODY_TRANSACTION,
};

struct route {
	const char *method;
	const char *pattern;
	void (*handle)(struct request *r);
	enum object_kind kind;	/* of lists and objects */
	enum change_op op;	/* of changes; CHANGE_OPS: none */
	enum change_field path; /* the field that {id} of a change stands for */
	enum body_kind body;
	unsigned status;      /* of success */
	uint32_t query;	      /* QUERY_BITs that it takes */
	const char *response; /* schema of the reply in the OpenAPI document; NULL: text */
	const char *content_type;
	const char *text; /* what it does */
};

extern const struct route routes[];
extern const size_t n_routes;

/* Finds the route of a method and an encoded path. *ret_id: the encoded {id} within path. NULL: none; then allow gets
 * the methods that the path has, as "GET, POST", or "". read_only: only GET counts. */
#define ALLOW_SIZE 64
const struct route *route_find(const char *method, const char *path, bool read_only, const char **ret_id,
			       size_t *ret_id_size, char allow[ALLOW_SIZE]);

#endif
