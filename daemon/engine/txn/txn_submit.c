/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What precedes txn.c: known replies are given again, what the request names is opened on the worker, then it queues.
 */
#include <sys/random.h>

#include "engine/devices/workloads.h"
#include "engine/txn/txn.h"
#include "model/document_set.h"
#include "util/worker.h"

void engine_request_free(struct engine_request *r)
{
	if (!r)
		return;
	change_list_free(r->changes, r->n_changes);
	free(r->idempotency_key);
	free(r->request_digest);
	free(r->command);
	if (r->restore)
		document_set_clear(r->restore);
	free(r->restore);
	free(r);
}

struct opening_op {
	struct txn *txn;
	struct opening *opening;
};

static void opening_op_free(void *data)
{
	struct opening_op *async_op = data;

	opening_free(async_op->opening);
	free(async_op);
}

static int opening_op_run(void *data)
{
	return opening_run(((struct opening_op *)data)->opening);
}

static void opening_op_done(void *data, int result)
{
	struct opening_op *async_op = data;
	struct txn *t = async_op->txn;
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	if (result == -ETIMEDOUT) {
		/* The thread still has the operation; it is freed when it comes back. */
		vpc_error_set(
			&error, VPC_E_ATTACHMENT_FAILED, "attachment",
			"opening the namespace took longer than 5 s; try again, or look whether its file system hangs");
		txn_refuse(t, &error);
		return;
	}
	t->opening = TAKE_PTR(async_op->opening);
	free(async_op);
	if (result < 0) {
		error = t->opening->error;
		t->opening->error = VPC_ERROR_INIT;
		error.change = (int)t->opening->failed;
		txn_refuse(t, &error);
	} else if (opening_fill(t->opening, t->request) < 0) {
		vpc_error_oom(&error);
		txn_refuse(t, &error);
	} else {
		t->queued = true;
		queue_add(&t->e->queue, &t->job);
	}
}

/* What is wrong with the request itself is said before anything it names is opened. */
static int check_first(struct txn *t, struct vpc_error *reterr)
{
	int r = txn_validate(t, reterr);

	txn_rewind(t);
	return r;
}

/* Opens what the request attaches to. 0: nothing to open; 1: on its way. */
static int open_workloads(struct txn *t, struct vpc_error *reterr)
{
	struct opening_op *async_op;
	struct opening *opening = NULL;
	int r = opening_new(t->request, &opening);

	if (r < 0 || !opening)
		return r;
	r = check_first(t, reterr);
	async_op = r == 0 ? calloc(1, sizeof(*async_op)) : NULL;
	if (!async_op) {
		opening_free(opening);
		return r < 0 ? r : -ENOMEM;
	}
	*async_op = (struct opening_op){.txn = t, .opening = opening};
	r = worker_submit(t->e->worker, WORKER_USER, opening_op_run, opening_op_done, opening_op_free, async_op);
	if (r < 0) {
		opening_op_free(async_op);
		return r;
	}
	return 1;
}

/* Opens what the request names, if it names anything, and queues. */
static void go_on(struct txn *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r = open_workloads(t, &error);

	if (r < 0) {
		if (error.code == VPC_E_OK)
			vpc_error_set(&error, VPC_E_INTERNAL_ERROR, NULL, "cannot start the request: %s", strerror(-r));
		txn_refuse(t, &error);
	} else if (r == 0) {
		t->queued = true;
		queue_add(&t->e->queue, &t->job);
	}
}

static void on_kept_reply(int found, const char *digest, const char *text, struct vpc_error *error, void *userdata)
{
	struct txn *t = userdata;

	if (found == -ENOENT) {
		if (t->queued)
			txn_start(&t->job);
		else
			go_on(t);
		return;
	}
	if (found < 0) {
		t->reply.error = *error;
		*error = VPC_ERROR_INIT;
	} else if (strcmp(digest, t->request->request_digest) != 0) {
		vpc_error_set(&t->reply.error, VPC_E_IDEMPOTENT_PARAMETER_MISMATCH, "Idempotency-Key",
			      "the key '%s' was used with another request; use a new key", t->request->idempotency_key);
	} else {
		t->reply.replayed = text;
	}
	t->fn(&t->reply, t->userdata);
	t->reply.replayed = NULL;
	txn_end(t);
}

bool txn_replay(struct txn *t)
{
	const struct engine_request *r = t->request;

	/* Asked already, and nothing with a key was committed since. */
	if (!r->idempotency_key || (t->asked && t->keyed == t->e->keyed))
		return false;
	t->asked = true;
	t->keyed = t->e->keyed;
	return commit_find_reply(t->e, r->caller.uid, r->idempotency_key, on_kept_reply, t) == 0;
}

void engine_submit(struct engine *e, struct engine_request *request, engine_reply_fn fn, void *userdata)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct txn *t;

	t = calloc(1, sizeof(*t));
	if (!t) {
		struct engine_reply reply = {.error = VPC_ERROR_INIT};

		vpc_error_oom(&reply.error);
		fn(&reply, userdata);
		engine_request_free(request);
		return;
	}
	t->job.start = txn_start;
	t->job.cancel = txn_cancel;
	t->e = e;
	t->request = request;
	t->fn = fn;
	t->userdata = userdata;
	t->reply.error = VPC_ERROR_INIT;
	t->making.error = VPC_ERROR_INIT;
	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed)) {
		vpc_error_set(&error, VPC_E_INTERNAL_ERROR, NULL, "there are no random numbers");
		txn_refuse(t, &error);
	} else if (!txn_replay(t)) {
		go_on(t);
	}
}
