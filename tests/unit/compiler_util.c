/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compiler_util.h"

static struct plan compile(struct model_bench *b, const char *text, bool must)
{
	struct model_context context = {
		.revision = b->revision + 1, .seed = b->revision * 7919 + 1, .instance = "test"};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	json_t *json = model_json_from_quotes(text);
	const struct delta *deltas;
	struct plan plan = {0};
	struct model_txn *t;
	size_t n;

	cr_assert_eq(model_begin(b->m, &context, &t), 0);
	for (size_t i = 0; i < json_array_size(json); i++) {
		struct change c = model_change_from_json(json_array_get(json, i));
		struct change_result result;
		int r = model_apply(t, &c, &result, &error);

		cr_assert(r == 0 || !must, "%s: %s", text, error.message);
		change_result_clear(&result);
		change_clear(&c);
		vpc_error_clear(&error);
	}
	cr_assert_eq(model_txn_deltas(t, &deltas, &n), 0);
	cr_assert_eq(compile_delta(b->m, "test", deltas, n, &plan, &error), 0, "%s", error.message);
	model_commit(t);
	b->revision++;
	json_decref(json);
	return plan;
}

struct plan compiled(struct model_bench *b, const char *text)
{
	return compile(b, text, true);
}

struct plan compiled_where_allowed(struct model_bench *b, const char *text)
{
	return compile(b, text, false);
}
