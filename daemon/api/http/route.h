/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What http/ needs of an address of the API. v1/route.h has the table, with more about each address. */
#ifndef API_HTTP_ROUTE_H
#define API_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;

struct route {
	const char *method;
	const char *pattern; /* "/v1/vpcs/{id}" */
	void (*handle)(struct request *r);
	const char *content_type; /* of a reply that is no error */
	uint32_t arguments;	  /* ROUTE_ARGUMENT bits by position in router.arguments */
	bool takes_body;
	size_t body_max; /* bytes; 0: BODY_MAX_BYTES. Such bodies are counted apart */
	bool many;	 /* the body has several changes, and errors have the index of theirs */
};
#define ROUTE_ARGUMENT(i) (1u << (i))

/* After the "?". */
struct argument {
	const char *name;
	const char *text; /* what it is, for the OpenAPI document */
	bool flag;	  /* its name alone says 1; others say nothing without a value */
};
#define ROUTE_ARGUMENTS_MAX 24

struct router {
	/* The ith address, NULL behind the last. */
	const struct route *(*route)(size_t i);
	const struct argument *arguments;
	size_t n_arguments; /* up to ROUTE_ARGUMENTS_MAX */
};

/* Finds the route of a method and an encoded path. *ret_id: the encoded {id} within path. NULL: none; then allow gets
 * the methods that the path has, as "GET, POST", or "". read_only: only GET counts. */
#define ALLOW_SIZE 64
const struct route *route_find(const struct router *router, const char *method, const char *path, bool read_only,
			       const char **ret_id, size_t *ret_id_size, char allow[ALLOW_SIZE]);

#endif
