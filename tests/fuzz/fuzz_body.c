/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bodies of requests. The first byte says as what the rest is read: a transaction, an attachment, or one of the
 * changes. What is taken must be whole: every field marked present is there, and everything is given back
 * (LeakSanitizer).
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/v1/decode.h"
#include "api/http/problem.h"
#include "api/http/url.h"

#define MAX_CHANGES 64

static void check_change(const struct change *c)
{
	assert(c->op < CHANGE_OPS);
	assert((c->present & ~change_op_allowed(c->op)) == 0);
	if (c->present & FIELD_BIT(FIELD_NAME))
		assert(c->name);
	if (c->present & FIELD_BIT(FIELD_CIDR))
		assert(c->cidr);
	if (c->present & FIELD_BIT(FIELD_RULES))
		assert(c->rules);
	for (size_t i = 0; i < c->n_rules; i++)
		assert(c->rules[i].direction && c->rules[i].protocol);
	if (c->present & FIELD_BIT(FIELD_ATTACHMENT))
		assert(c->attachment.kind != ATTACHMENT_NONE);
	if (c->present & FIELD_BIT(FIELD_FLOWS))
		assert(c->flows != FLOWS_DRAIN || (c->drain_s >= 1 && c->drain_s <= 86400));
}

static void check_error(const struct vpc_error *e)
{
	json_t *problem = problem_json(e, true);
	char *text;

	assert(e->code != VPC_E_OK);
	assert(problem);
	text = json_dumps(problem, 0);
	assert(text);
	free(text);
	json_decref(problem);
}

static int read_transaction(const json_t *json, struct vpc_error *e)
{
	struct change *changes = NULL;
	size_t n = 0;
	bool dry_run;
	int r = decode_transaction(json, MAX_CHANGES, &changes, &n, &dry_run, e);

	if (r < 0)
		return r;
	assert(n >= 1 && n <= MAX_CHANGES);
	for (size_t i = 0; i < n; i++) {
		check_change(&changes[i]);
		assert((change_op_required(changes[i].op) & ~changes[i].present) == 0);
	}
	change_list_free(changes, n);
	return 0;
}

static int read_one(const json_t *json, uint8_t what, struct vpc_error *e)
{
	struct change c;
	bool dry_run;
	int r = what == 1 ? decode_attachment(json, &c, &dry_run, e)
			  : decode_change(json, (what - 2) % CHANGE_OPS, 0, &c, &dry_run, e);

	if (r < 0)
		return r;
	check_change(&c);
	change_clear(&c);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vpc_error e = VPC_ERROR_INIT;
	json_t *json = NULL;
	char *path = NULL;
	int r;

	if (size < 1)
		return 0;
	if (url_decode((const char *)data + 1, strnlen((const char *)data + 1, size - 1), &path) == 0)
		assert(strlen(path) <= size);
	free(path);
	r = decode_body((const char *)data + 1, size - 1, &json, &e);
	if (r == 0)
		r = data[0] == 0 ? read_transaction(json, &e) : read_one(json, data[0], &e);
	if (r < 0)
		check_error(&e);
	vpc_error_clear(&e);
	json_decref(json);
	return 0;
}
