/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl explain --change: what a transaction that isn't committed would change of who may talk with whom. */
#include <errno.h>

#include "observe/explain/compare.h"
#include "observe/explain/explain.h"

/* Copies both snapshots. The model shows N+1 before and after. */
static int copy_both(struct model *m, struct model_txn *t, struct world_scope *s, struct world w[2])
{
	const struct delta *deltas;
	size_t n;
	int r = model_txn_deltas(t, &deltas, &n);

	if (r == 0)
		r = world_scope_add(s, m, deltas, n);
	if (r < 0)
		return r;
	model_suspend(t);
	r = world_scope_add(s, m, deltas, n);
	if (r == 0)
		r = world_copy(&w[0], m, s);
	model_resume(t);
	return r < 0 ? r : world_copy(&w[1], m, s);
}

json_t *explain_change(struct model *m, struct model_txn *t)
{
	struct world_scope scope = {0};
	struct world w[2] = {0};
	json_t *json = copy_both(m, t, &scope, w) < 0 ? NULL : compare(&w[0], &w[1]);

	for (unsigned i = 0; i < 2; i++)
		world_clear(&w[i]);
	world_scope_clear(&scope);
	return json;
}
