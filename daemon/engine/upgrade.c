/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What documents of earlier versions lack is made once, and kept in the store before anything follows from it. */
#include "engine/upgrade.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/clock.h>

#include "store/store.h"
#include "util/log.h"

/* Stores what the transaction made as the next revision. */
static int store_deltas(struct engine *e, const struct delta *deltas, size_t n, struct vpc_error *reterr)
{
	_cleanup_free_ struct store_write *writes = calloc(n, sizeof(*writes));
	const struct store_author author = {
		.time_ns = realtime_ns(), .pid = getpid(), .command = "upgrade of the store"};
	struct store_batch batch = {.revision = e->revision + 1, .writes = writes, .author = &author};
	int r = writes ? 0 : vpc_error_oom(reterr);

	for (; r == 0 && batch.n_writes < n; batch.n_writes++) {
		const struct object *o = deltas[batch.n_writes].after;
		json_t *document = model_to_document(e->model, o);

		if (!document) {
			r = vpc_error_oom(reterr);
			break;
		}
		writes[batch.n_writes] = (struct store_write){
			.kind = kind_of(o->kind)->noun,
			.id = o->id,
			.document = document,
			.fresh = !deltas[batch.n_writes].before,
			.name = o->name,
		};
	}
	if (r == 0)
		r = store_commit(e->store, &batch, reterr);
	for (size_t i = 0; i < batch.n_writes; i++)
		json_decref((json_t *)writes[i].document);
	return r;
}

int upgrade_model(struct engine *e, struct vpc_error *reterr)
{
	struct model_context context = {.revision = e->revision + 1, .instance = e->instance};
	const struct delta *deltas;
	struct model_txn *t;
	size_t n = 0;
	int r;

	if (getrandom(&context.seed, sizeof(context.seed), 0) != sizeof(context.seed))
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "no random numbers: %s", strerror(errno));
	if (model_begin(e->model, &context, &t) < 0)
		return vpc_error_oom(reterr);
	r = model_upgrade(t, reterr);
	if (r == 0 && model_txn_deltas(t, &deltas, &n) < 0)
		r = vpc_error_oom(reterr);
	if (r == 0 && n)
		r = store_deltas(e, deltas, n, reterr);
	if (r < 0 || !n) {
		model_abort(t);
		return r;
	}
	model_commit(t);
	e->revision++;
	log_notice("%zu objects were made that the store of an earlier version lacks", n);
	return 0;
}
