/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The types of values that requests have: how each is read from JSON, and the JSON schema that says so. Pure.
 *
 * An object of a request is a table of members, each with a type and the place in a C struct where it goes. decode.c
 * reads requests by these tables, openapi.c describes them by the same.
 */
#ifndef API_VALUE_H
#define API_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/cleanup.h>
#include <vpc/error.h>

/* A value was null and that means: not given. */
#define VALUE_ABSENT 1

/* value, extra: where member.offset and member.extra point; what is there before is empty and is freed by the owner of
 * the struct, on failure too. at: the field's name for errors. Returns 0, VALUE_ABSENT or -errno. */
typedef int (*value_decode_fn)(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr);

struct value_type {
	value_decode_fn decode;
	const char *schema; /* JSON text */
};

extern const struct value_type value_string;	      /* char * */
extern const struct value_type value_nullable_string; /* char *; null: absent */
extern const struct value_type value_bool;	      /* bool */
extern const struct value_type value_integer;	      /* int64_t */
extern const struct value_type value_revision;	      /* uint64_t, from 1 */
extern const struct value_type value_strings;	      /* char **, extra: size_t */
extern const struct value_type value_tags;	      /* struct tag *, extra: size_t */
extern const struct value_type value_flows;	      /* enum flows_mode, extra: uint32_t drain_s */
extern const struct value_type value_protocol;	      /* char *; string or number */
extern const struct value_type value_port;	      /* int32_t, extra: bool has; null: absent */
extern const struct value_type value_pid;	      /* pid_t, from 1 */
extern const struct value_type value_attachment_kind; /* enum attachment_kind */

struct member {
	const char *name;
	const struct value_type *type;
	size_t offset;
	size_t extra;	  /* offset of what the type needs beside the value */
	const char *text; /* what it is, for the OpenAPI document */
};

#define MEMBER_BIT(i)	     (UINT64_C(1) << (i))
/* All of a table with fewer than 64 members. */
#define MEMBER_BITS(members) (MEMBER_BIT(ARRAY_SIZE(members)) - 1)

/* One table and where its values go. */
struct member_set {
	const struct member *members;
	size_t n;
	uint64_t allowed;  /* MEMBER_BITs by position in members */
	uint64_t required; /* subset of allowed */
	void *base;
	uint64_t present; /* out */
};

/* Reads an object whose members are those of all sets together. at: "" or the object's own field name, which is put
 * before its members' names. Errors: UnknownParameter, MissingParameter, InvalidParameterValue, each naming the field.
 */
int members_decode(const json_t *object, struct member_set *sets, size_t n_sets, const char *at,
		   struct vpc_error *reterr);

/* "at.name", or "name" when at is "". Cut to the size of vpc_error's field. Returns buf. */
#define PLACE_SIZE 64
const char *place_member(char buf[PLACE_SIZE], const char *at, const char *name);
/* "at[i]", cut in the same way. Returns buf. */
const char *place_element(char buf[PLACE_SIZE], const char *at, size_t i);

#endif
