/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/problem.h"

#include <vpc/json.h>

static int add_holders(json_t *problem, const struct vpc_error *error)
{
	json_t *holders = json_array();

	for (size_t i = 0; i < error->n_holders; i++) {
		if (json_array_append_new(holders, json_text_lossy(error->holders[i])) < 0) {
			json_decref(holders);
			return -ENOMEM;
		}
	}
	return json_object_set_new(problem, "holders", holders) < 0 ? -ENOMEM : 0;
}

json_t *problem_json(const struct vpc_error *error, bool with_change)
{
	/* Messages quote requests and may be cut anywhere, so they may not be UTF-8. "s" would refuse the whole object
	 * for one string that isn't UTF-8; "o" takes NULL for failure. */
	json_t *problem = json_pack("{s:s, s:s, s:i, s:o, s:s}", "type", "about:blank", "title",
				    vpc_code_title(error->code), "status", vpc_code_status(error->code), "detail",
				    json_text_lossy(error->message), "code", vpc_code_string(error->code));
	int r = 0;

	if (!problem)
		return NULL;
	if (error->field[0])
		r |= json_object_set_new(problem, "field", json_text_lossy(error->field));
	if (error->n_holders > 0)
		r |= add_holders(problem, error);
	if (with_change && error->change >= 0)
		r |= json_object_set_new(problem, "change", json_integer(error->change));
	if (r != 0) {
		json_decref(problem);
		return NULL;
	}
	return problem;
}
