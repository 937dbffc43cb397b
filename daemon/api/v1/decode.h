/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON → struct change. Takes outside bytes: tests/fuzz/fuzz_body.c. Pure.
 */
#ifndef API_DECODE_H
#define API_DECODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/error.h>

#include "api/v1/value.h"
#include "model/change.h"

/* Deepest nesting of a body: more than any request has, little enough to recurse over. */
#define DECODE_DEPTH_MAX 16

/* Parses a body: UTF-8, no duplicate keys, no NUL in strings, an object at the top. Error: MalformedRequest. */
int decode_body(const char *body, size_t size, json_t **ret, struct vpc_error *reterr);

/* One change from its object. from_path: FIELD_BITs that the request's path gives: they are not required, and unknown
 * in the object. The caller fills them in. ret is to be cleared by the caller on success only. */
int decode_change(const json_t *object, enum change_op op, uint64_t from_path, struct change *ret, bool *ret_dry_run,
		  struct vpc_error *reterr);

/* What a transaction may have beside its changes. */
struct transaction_options {
	bool dry_run;
	uint64_t if_revision; /* that of the whole state; 0: any */
	int64_t confirm;      /* seconds; 0: not given */
	bool background;      /* the reply doesn't wait until removed devices are deleted */
};
extern const struct member decode_transaction_members[];
extern const size_t decode_n_transaction_members;

/* Reads them. Errors: InvalidParameterValue. */
int decode_transaction_options(const json_t *object, struct transaction_options *ret, struct vpc_error *reterr);

/* {"changes": [{"op": …}, …], "dry_run"?, …}. At most max_changes (ResourceLimitExceeded). Errors have their change's
 * index. eni.attach takes its attachment as "attachment" or, as PUT does, unwrapped. *ret: owned. */
int decode_transaction(const json_t *object, size_t max_changes, struct change **ret, size_t *ret_n, bool *ret_dry_run,
		       struct vpc_error *reterr);

/* The body of PUT /v1/enis/{id}/attachment: the attachment itself, beside what every change may have. */
int decode_attachment(const json_t *object, struct change *ret, bool *ret_dry_run, struct vpc_error *reterr);

/* The tables, for the OpenAPI document. Positions in decode_change_members are enum change_field's; those of
 * decode_envelope_members are what any change may have beside its own fields. */
extern const struct member decode_change_members[FIELD_COUNT];
extern const struct member decode_envelope_members[];
extern const size_t decode_n_envelope_members;
extern const struct member decode_entry_members[];
extern const size_t decode_n_entry_members;
extern const uint64_t decode_entry_required;
extern const struct member decode_rule_members[];
extern const size_t decode_n_rule_members;
extern const uint64_t decode_rule_required;
extern const struct member decode_attachment_members[];
extern const size_t decode_n_attachment_members;

#endif
