/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every address of the API, once: dispatching, Allow headers and the OpenAPI document follow from the table. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/http/request.h"
#include "api/http/route.h"
#include "model/change.h"
#include "model/object.h"

/* Arguments after the "?" that the API knows: positions in request.arguments. */
enum query_argument {
	QUERY_VPC,
	QUERY_SUBNET,
	QUERY_DROPS,
	QUERY_ENI,
	QUERY_VERSION,
	QUERY_PEER,
	QUERY_PROTOCOL,
	QUERY_PORT,
	QUERY_STATE,
	QUERY_SINCE,
	QUERY_AT,
	QUERY_RESOURCE,
	QUERY_BEFORE,
	QUERY_DRY_RUN,
	QUERY_LIMIT,
	QUERY_FROM,
	QUERY_TO,
	QUERY_BY,
	QUERY_USED_SINCE,
	QUERY_ARGUMENTS,
};

/* What a request's body is. */
enum body_kind {
	BODY_NONE,
	BODY_OPTIONAL,	 /* the change's fields, all of which may be left out */
	BODY_CHANGE,	 /* the change's fields */
	BODY_ATTACHMENT, /* the attachment itself */
	BODY_TRANSACTION,
	BODY_BACKUP,
	BODY_QUESTION, /* of explain */
	BODY_MEMBERS,  /* operation.members: no change of the model */
};

struct member;

/* The members of a body that is no change. */
struct body_members {
	const struct member *members;
	size_t n;
	uint64_t required; /* MEMBER_BITs */
};

struct operation {
	struct route route;	/* first: what HTTP finds */
	enum object_kind kind;	/* of lists and objects */
	enum change_op op;	/* of changes; CHANGE_OPS: none */
	enum change_field path; /* the field that {id} of a change stands for */
	enum body_kind body;
	const struct body_members *members; /* of BODY_MEMBERS */
	unsigned status;		    /* of success */
	const char *response;		    /* schema of the reply in the OpenAPI document; NULL: text */
	const char *text;		    /* what it does */
};

extern const struct operation operations[];
extern const size_t n_operations;
extern const struct router v1_router;

/* The request has a route. */
static inline const struct operation *operation_of(const struct request *r)
{
	return (const struct operation *)r->route;
}

#endif
