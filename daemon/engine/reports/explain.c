/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl explain: the model and the maps of this moment. */
#include <vpc/clock.h>

#include "engine/engine.h"
#include "engine/engine_private.h"
#include "observe/explain/explain.h"

int engine_explain(struct engine *e, const struct explain_question *q, json_t **ret, struct vpc_error *reterr)
{
	int r = explain_answer(e->maps, e->model, monotonic_ns(), q, ret, reterr);

	if (r == 0 && json_object_set_new(*ret, "revision", json_integer((json_int_t)e->revision)) < 0) {
		json_decref(*ret);
		return vpc_error_oom(reterr);
	}
	return r;
}
