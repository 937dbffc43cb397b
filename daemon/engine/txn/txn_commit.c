/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The point of no return: what changed, its reply and the new revision in one durable store transaction. */
#include <vpc/clock.h>

#include "datapath/maps/maps.h"
#include "engine/reports/usage.h"
#include "engine/txn/confirm.h"
#include "engine/txn/grace.h"
#include "engine/txn/reply.h"
#include "engine/txn/txn.h"

/* Enough to tell what was done; a request may have 100,000 changes. */
#define COMMAND_MAX 512

/* Borrowed. NULL: it is no part, or its resource goes with it. */
static const char *parent_id(const struct model *m, const struct object *o)
{
	const struct object *parent = model_parent(m, o);

	return parent ? parent->id : NULL;
}

static int collect_writes(struct txn *t, struct commit *c)
{
	const struct delta *deltas;
	size_t n;
	int r = model_txn_deltas(t->mt, &deltas, &n);

	if (r < 0)
		return r;
	c->writes = calloc(n ? n : 1, sizeof(*c->writes));
	c->documents = calloc(n ? n : 1, sizeof(json_t *));
	if (!c->writes || !c->documents)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct object *o = deltas[i].after ? deltas[i].after : deltas[i].before;
		json_t *document = NULL;

		if (t->request->restore && deltas[i].after && deltas[i].after->revision != t->e->revision + 1)
			continue; /* as it was */
		if (deltas[i].after) {
			document = model_to_document(t->e->model, o);
			if (!document)
				return -ENOMEM;
		}
		c->documents[c->n_writes] = document;
		c->writes[c->n_writes++] = (struct store_write){
			.kind = kind_of(o->kind)->noun,
			.id = o->id,
			.document = document,
			.fresh = !deltas[i].before,
			.name = deltas[i].before ? deltas[i].before->name : o->name,
			.parent = parent_id(t->e->model, o),
		};
	}
	return 0;
}

/* What a request of several changes is called: "sg.revoke, eni.create (3)". NULL: out of memory. */
static char *name_changes(const struct engine_request *request)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, same = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < request->n_changes; i += same) {
		enum change_op op = request->changes[i].op;

		for (same = 1; i + same < request->n_changes && request->changes[i + same].op == op; same++)
			;
		if (ftell(f) > COMMAND_MAX) {
			fputs(", ...", f);
			break;
		}
		fprintf(f, "%s%s", i ? ", " : "", change_op_name(op));
		if (same > 1)
			fprintf(f, " (%zu)", same);
	}
	return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}

static int fill_author(const struct txn *t, struct commit *c)
{
	const struct engine_request *request = t->request;

	c->command = request->command ? strdup(request->command) : name_changes(request);
	if (!c->command)
		return -ENOMEM;
	c->author = (struct store_author){.time_ns = realtime_ns(),
					  .uid = request->caller.uid,
					  .pid = request->caller.pid,
					  .command = c->command};
	return 0;
}

int txn_build_results(struct txn *t)
{
	json_t *list;

	if (!t->reply.pending)
		t->reply.pending = json_array();
	if (t->reply.results)
		return 0;
	list = results_to_json(t->e, t->request->changes, t->results, t->request->n_changes);
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
		.time_s = (int64_t)(realtime_s()),
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

static void add_meta(struct commit *c, const char *key, const char *value)
{
	snprintf(c->value[c->n_meta], sizeof(c->value[0]), "%s", value);
	c->meta[c->n_meta] = (struct store_meta){key, c->value[c->n_meta]};
	c->n_meta++;
}

static int fill_commit(struct txn *t, struct commit *c)
{
	uint32_t reserved = rules_to_reserve(t);
	char text[GRACE_NOTE_MAX];
	int r = collect_writes(t, c);

	if (r == 0)
		r = fill_author(t, c);
	if (r < 0)
		return r;
	c->revision = t->e->revision + 1;
	if (reserved != t->e->rules_reserved) {
		snprintf(text, sizeof(text), "%u", reserved);
		add_meta(c, "next_rule", text);
	}
	if (t->maps_change && t->plan.flows != FLOWS_CUT) {
		grace_format(&t->plan, t->maps_change, text);
		add_meta(c, "sweep", text);
	}
	r = confirm_fill(t, c);
	if (r == 0)
		r = usage_fill(t, c);
	if (r < 0 || !t->request->idempotency_key)
		return r;
	t->reply.revision = c->revision;
	t->reply.epoch = maps_epoch(t->e->maps) + (t->maps_change ? 1 : 0);
	if (txn_build_results(t) < 0 || !(c->text = reply_text(t)))
		return -ENOMEM;
	c->reply = reply_to_keep(t, c->text);
	return 0;
}

static void committed(struct commit *c, int result, struct vpc_error *error)
{
	struct txn *t = c->userdata;
	struct engine *e = t->e;

	e->committing = false;
	if (result == 0) {
		e->revision = c->revision;
		e->rules_reserved = rules_to_reserve(t);
		if (t->request->idempotency_key)
			e->keyed++;
		if (t->maps_change && t->plan.flows != FLOWS_CUT)
			e->sweep_noted = true;
	}
	txn_committed(t, result, error);
	commit_free(c);
}

int txn_commit(struct txn *t, struct vpc_error *reterr)
{
	struct commit *c = commit_new(t->e);
	int r = c ? fill_commit(t, c) : -ENOMEM;

	if (r == 0) {
		c->done = committed;
		c->userdata = t;
		/* Nobody reads N+1 before it is durable and enforced. */
		model_suspend(t->mt);
		t->e->committing = true;
		r = commit_submit(c);
		if (r == 0)
			return 0;
		t->e->committing = false;
	}
	commit_free(c);
	if (r == -ENOMEM)
		return vpc_error_oom(reterr);
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "vpcd is ending; ask again when it runs");
	return r;
}

/* enforced_ns is known only after the commit. When this is lost in a crash, the kept reply says 0 for it. */
void txn_keep_reply(struct txn *t)
{
	struct store_reply reply = reply_to_keep(t, NULL);

	if (t->request->idempotency_key)
		commit_note_reply(t->e, &reply, reply_text(t));
}
