/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The point of no return: what changed, its reply and the new revision in one durable store transaction. */
#include "engine/txn.h"

#include "observe/log.h"

/* Documents are owned by `documents`, parallel to the writes. */
struct writes {
	struct store_write *write;
	json_t **document;
	size_t n;
};

static void writes_clear(struct writes *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_decref(w->document[i]);
	free(w->document);
	free(w->write);
}

static int writes_collect(struct txn *t, struct writes *ret)
{
	const struct delta *deltas;
	size_t n;
	int r = model_txn_deltas(t->mt, &deltas, &n);

	if (r < 0)
		return r;
	ret->write = calloc(n ? n : 1, sizeof(*ret->write));
	ret->document = calloc(n ? n : 1, sizeof(json_t *));
	if (!ret->write || !ret->document)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct object *o = deltas[i].after ? deltas[i].after : deltas[i].before;
		json_t *document = NULL;

		if (deltas[i].after) {
			document = model_to_document(t->e->model, o);
			if (!document)
				return -ENOMEM;
		}
		ret->document[ret->n] = document;
		ret->write[ret->n++] = (struct store_write){
			.kind = object_kind_name(o->kind),
			.id = o->id,
			.document = document,
			.fresh = !deltas[i].before,
		};
	}
	return 0;
}

int txn_build_results(struct txn *t)
{
	json_t *list;

	if (!t->reply.pending)
		t->reply.pending = json_array();
	if (t->reply.results)
		return 0;
	list = json_array();
	for (size_t i = 0; list && i < t->request->n_changes; i++) {
		json_t *one = result_to_json(t->e, t->request->changes[i].op, &t->results[i]);

		if (!one || json_array_append_new(list, one) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	t->reply.results = list ? list : json_array();
	return list && t->reply.pending ? 0 : -ENOMEM;
}

/* The reply as text, to be kept for the idempotency key. NULL: there is none, or out of memory. */
static char *reply_text(const struct txn *t)
{
	json_t *json = engine_reply_encode(&t->reply);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

static struct store_reply reply_to_keep(const struct txn *t, const char *text)
{
	return (struct store_reply){
		.uid = t->request->caller.uid,
		.key = t->request->idempotency_key,
		.request_digest = t->request->request_digest,
		.reply = text,
		.time_s = (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000000ull),
	};
}

/* Numbers of rules are noted in the store so many at a time, so that most commits needn't write the note. */
#define RULES_RESERVED 1024

/* What next_rule in the store must be when the change is there: no number below it is given by a later start. */
static uint32_t rules_to_reserve(const struct txn *t)
{
	uint32_t next = model_next_rule_number(t->e->model);

	if (next && next <= t->e->rules_reserved)
		return t->e->rules_reserved;
	return next && next <= UINT32_MAX - RULES_RESERVED ? next + RULES_RESERVED : next; /* 0: all were given */
}

int txn_commit(struct txn *t, struct vpc_error *reterr)
{
	_cleanup_(writes_clear) struct writes writes = {0};
	_cleanup_free_ char *text = NULL;
	uint64_t revision = store_revision(t->e->store) + 1;
	uint32_t reserved = rules_to_reserve(t);
	struct store_reply reply = {0};
	char next_rule[16];
	char sweep[GRACE_NOTE_MAX];
	struct store_meta meta[2];
	size_t n_meta = 0;
	int r = writes_collect(t, &writes);

	if (r < 0)
		return vpc_error_oom(reterr);
	if (reserved != t->e->rules_reserved) {
		snprintf(next_rule, sizeof(next_rule), "%u", reserved);
		meta[n_meta++] = (struct store_meta){.key = "next_rule", .value = next_rule};
	}
	if (t->tables_change && t->plan.flows != FLOWS_CUT) {
		grace_format(&t->plan, t->tables_change, sweep);
		meta[n_meta++] = (struct store_meta){.key = "sweep", .value = sweep};
	}
	if (t->request->idempotency_key) {
		t->reply.revision = revision;
		t->reply.epoch = tables_epoch(t->e->tables) + (t->tables_change ? 1 : 0);
		if (txn_build_results(t) < 0 || !(text = reply_text(t)))
			return vpc_error_oom(reterr);
		reply = reply_to_keep(t, text);
	}
	r = store_commit(t->e->store,
			 &(struct store_batch){
				 .revision = revision,
				 .writes = writes.write,
				 .n_writes = writes.n,
				 .replies = &reply,
				 .n_replies = reply.key ? 1 : 0,
				 .meta = meta,
				 .n_meta = n_meta,
			 },
			 reterr);
	if (r < 0)
		return r;
	t->e->rules_reserved = reserved;
	if (t->tables_change && t->plan.flows != FLOWS_CUT)
		t->e->sweep_noted = true;
	return 0;
}

/* enforced_ns is known only after the commit. When this is lost in a crash, the kept reply says 0 for it. */
void txn_keep_reply(struct txn *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_free_ char *text = NULL;

	struct store_reply reply;

	if (!t->request->idempotency_key)
		return;
	text = reply_text(t);
	reply = reply_to_keep(t, text);
	if (!text || store_commit(t->e->store,
				  &(struct store_batch){
					  .revision = store_revision(t->e->store), .replies = &reply, .n_replies = 1},
				  &error) < 0)
		log_warning("the kept reply of '%s' lacks its time", t->request->idempotency_key);
}
