/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine without kernel and store, behind the functions of engine/engine.h, for the tests of api/. The model is the
 * real one. Included by one file of a test program: it defines the engine's functions, so that the real engine isn't
 * linked. Everything happens on the event loop's thread; `hold` and `errors` may be set from elsewhere.
 */
#ifndef TESTS_UNIT_API_FAKE_ENGINE_H
#define TESTS_UNIT_API_FAKE_ENGINE_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <vpc/json.h>

#include "engine/engine.h"
#include "observe/metrics.h"

struct held {
	struct engine_request *request;
	engine_reply_fn fn;
	void (*verified)(const json_t *report, void *userdata);
	void *userdata;
	struct held *next;
};

struct verdict_listener {
	struct engine *engine;
	void (*fn)(const json_t *verdict, void *userdata);
	void *userdata;
	bool drops_only;
	uint32_t eni;
	struct verdict_listener *next;
};

struct engine {
	struct model *model;
	uint64_t revision;
	_Atomic bool hold;	/* replies wait for fake_engine_release */
	_Atomic int error;	/* vpc_code with which the next requests end */
	_Atomic unsigned asked; /* engine_submit and engine_verify */
	_Atomic unsigned verifies;
	_Atomic unsigned n_listeners;
	_Atomic unsigned n_lists; /* of flows */
	_Atomic unsigned pieces;  /* of lists of flows that were made */
	struct held *held;
	struct verdict_listener *listeners;
	struct commit_watch *watches;
	uint64_t oldest;	      /* revisions before it are forgotten */
	_Atomic unsigned events_read; /* engine_read_events */
	char *kept;		      /* reply of the last request that had an idempotency key */
	char *kept_key, *kept_digest;
	/* the last request, as it came */
	struct caller caller;
	uint64_t received_ns;
	bool dry_run;
	size_t n_changes;
	char scope[64];
	uint64_t if_match;
	struct flow_filter filter; /* of the last request about flows */
};

int engine_explain(struct engine *e, const struct explain_question *q, json_t **ret, struct vpc_error *reterr)
{
	(void)e, (void)q;
	*ret = json_pack("{s:s}", "verdict", "allow");
	return *ret ? 0 : vpc_error_oom(reterr);
}

__attribute__((__unused__)) static int fake_engine_new(struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e || model_new(&vpc_limits_default, &e->model) < 0)
		return -ENOMEM;
	model_set_instance(e->model, "default");
	*ret = e;
	return 0;
}

void engine_request_free(struct engine_request *r)
{
	if (!r)
		return;
	change_list_free(r->changes, r->n_changes);
	free(r->idempotency_key);
	free(r->request_digest);
	free(r->command);
	free(r);
}

static json_t *fake_result(struct engine *e, const struct change *c, const struct change_result *result)
{
	const struct object *o = model_find(e->model, change_op_kind(c->op), result->id);
	json_t *j, *rules;

	if (c->op != CHANGE_SG_AUTHORIZE && c->op != CHANGE_SG_REVOKE)
		return o ? model_to_json(e->model, o) : json_pack("{s:s}", "id", result->id);
	j = json_pack("{s:s, s:o}", "id", result->id, "rules", rules = json_array());
	for (size_t i = 0; i < result->n_rule_ids; i++) {
		o = model_find(e->model, OBJECT_RULE, result->rule_ids[i]);
		json_array_append_new(rules,
				      o ? model_to_json(e->model, o) : json_pack("{s:s}", "id", result->rule_ids[i]));
	}
	return j;
}

/* Applies the changes to the model: what the real engine does, less everything that takes time. */
static int fake_apply(struct engine *e, struct engine_request *r, struct engine_reply *reply)
{
	struct model_context context = {.revision = e->revision + 1, .seed = e->revision + 1, .instance = "default"};
	struct model_txn *txn;
	int n = model_begin(e->model, &context, &txn);

	if (n < 0)
		return vpc_error_oom(&reply->error);
	reply->results = json_array();
	for (size_t i = 0; i < r->n_changes && n == 0; i++) {
		struct change_result result = {0};

		n = model_apply(txn, &r->changes[i], &result, &reply->error);
		if (n < 0)
			reply->error.change = (int)i;
		else
			json_array_append_new(reply->results, fake_result(e, &r->changes[i], &result));
		change_result_clear(&result);
	}
	if (n < 0 || r->dry_run)
		model_abort(txn);
	else
		model_commit(txn);
	if (n == 0 && !r->dry_run)
		e->revision++;
	return n;
}

static void fake_answer(struct engine *e, struct engine_request *r, engine_reply_fn fn, void *userdata)
{
	struct engine_reply reply = {.error = VPC_ERROR_INIT, .dry_run = r->dry_run};
	bool known = r->idempotency_key && e->kept_key && strcmp(e->kept_key, r->idempotency_key) == 0;

	if (known && strcmp(e->kept_digest, r->request_digest) != 0)
		vpc_error_set(&reply.error, VPC_E_IDEMPOTENT_PARAMETER_MISMATCH, "Idempotency-Key", "another request");
	else if (known)
		reply.replayed = e->kept;
	else if (e->error)
		vpc_error_set(&reply.error, (enum vpc_code)e->error, NULL, "as the test wants it");
	else
		fake_apply(e, r, &reply);
	reply.revision = reply.epoch = e->revision;
	reply.enforced_ns = 12345;
	reply.pending = json_array();
	if (r->idempotency_key && !known && reply.error.code == VPC_E_OK) {
		json_t *j = engine_reply_encode(&reply);

		free(e->kept);
		free(e->kept_key);
		free(e->kept_digest);
		e->kept = json_dumps(j, 0);
		e->kept_key = strdup(r->idempotency_key);
		e->kept_digest = strdup(r->request_digest);
		json_decref(j);
	}
	fn(&reply, userdata);
	json_decref(reply.results);
	json_decref(reply.pending);
	vpc_error_clear(&reply.error);
	engine_request_free(r);
}

static void fake_hold(struct engine *e, struct held what)
{
	struct held *h = malloc(sizeof(*h)), **tail = &e->held;

	*h = what;
	while (*tail)
		tail = &(*tail)->next;
	*tail = h;
}

/* Answers everything that is held. */
__attribute__((__unused__)) static void fake_engine_release(struct engine *e)
{
	struct held *held = e->held;

	e->held = NULL;
	while (held) {
		struct held *next = held->next;
		_cleanup_json_ json_t *report = json_pack("{s:b, s:[]}", "equal", 1, "differences");

		if (held->request)
			fake_answer(e, held->request, held->fn, held->userdata);
		else
			held->verified(report, held->userdata);
		free(held);
		held = next;
	}
}

__attribute__((__unused__)) static void fake_engine_emit(struct engine *e, const json_t *verdict)
{
	struct verdict_listener *next;

	for (struct verdict_listener *l = e->listeners; l; l = next) {
		next = l->next;
		l->fn(verdict, l->userdata);
	}
}

void engine_submit(struct engine *e, struct engine_request *r, engine_reply_fn fn, void *userdata)
{
	e->caller = r->caller;
	e->received_ns = r->received_ns;
	e->dry_run = r->dry_run;
	e->n_changes = r->n_changes;
	e->if_match = r->changes[0].if_match;
	snprintf(e->scope, sizeof(e->scope), "%s", r->changes[0].scope ? r->changes[0].scope : "");
	if (e->hold)
		fake_hold(e, (struct held){.request = r, .fn = fn, .userdata = userdata});
	else
		fake_answer(e, r, fn, userdata);
	e->asked++;
}

json_t *engine_reply_encode(const struct engine_reply *reply)
{
	json_t *j = json_pack("{s:I, s:I, s:I, s:O, s:O}", "revision", (json_int_t)reply->revision, "epoch",
			      (json_int_t)reply->epoch, "enforced_ns", (json_int_t)reply->enforced_ns, "pending",
			      reply->pending, "results", reply->results);

	if (reply->dry_run)
		json_object_set_new(j, "dry_run", json_true());
	return j;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	model_free(e->model);
	free(e->kept);
	free(e->kept_key);
	free(e->kept_digest);
	free(e);
}

const struct model *engine_model(const struct engine *e)
{
	return e->model;
}

uint64_t engine_revision(const struct engine *e)
{
	return e->revision;
}

json_t *engine_object_json(struct engine *e, const struct object *o)
{
	return model_to_json(e->model, o);
}

json_t *engine_status(struct engine *e)
{
	return json_pack("{s:s, s:I, s:I, s:{s:i}, s:{s:i}, s:[]}", "instance", "default", "revision",
			 (json_int_t)e->revision, "epoch", (json_int_t)e->revision, "counts", "vpcs",
			 (int)model_count(e->model, OBJECT_VPC), "limits", "vpcs", 1000, "pending");
}

char *engine_metrics(struct engine *e, const json_t *traffic, size_t *ret_size)
{
	_cleanup_json_ json_t *status = engine_status(e);

	return metrics_text(status, traffic, ret_size);
}

int engine_tail_flow_log(struct engine *e, const struct object *o,
			 void (*fn)(const char *lines, size_t bytes, void *userdata), void *userdata,
			 struct engine_tail **ret)
{
	(void)e, (void)o, (void)fn, (void)userdata, (void)ret;
	return -ENOENT;
}

void engine_untail_flow_log(struct engine_tail *t)
{
	(void)t;
}

char *engine_flow_log_skipped(const struct engine_tail *t)
{
	(void)t;
	return NULL;
}

int engine_advise(struct engine *e, const struct object *sg, uint64_t since_s, json_t **ret, struct vpc_error *reterr)
{
	(void)since_s, (void)reterr;
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:I, s:[]}", "id", sg->id, "name", sg->name, "vpc_id", "",
			 "vpc", "", "since", "", "watched_since", "", "flows_watched_since", "revision",
			 (json_int_t)e->revision, "rules");
	return 0;
}

int engine_usage(struct engine *e, const char *vpc, uint64_t first, uint64_t last, enum usage_by by, engine_past_fn fn,
		 void *userdata)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_json_ json_t *usage = json_pack("{s:[], s:n}", "usage", "next");

	(void)e, (void)vpc, (void)first, (void)last, (void)by;
	fn(usage, &error, userdata);
	return 0;
}

void engine_traffic(struct engine *e, void (*fn)(const json_t *traffic, void *userdata), void *userdata)
{
	_cleanup_json_ json_t *traffic = json_pack(
		"{s:s, s:i, s:[], s:[], s:i, s:[], s:i, s:[], s:i}", "time", "2026-01-02T03:04:05Z", "time_ns", 1,
		"vpcs", "enis", "enis_left_out", 0, "gateways", "gateways_left_out", 0, "rules", "rules_left_out", 0);

	(void)e;
	fn(traffic, userdata);
}

void engine_verify(struct engine *e, void (*fn)(const json_t *report, void *userdata), void *userdata)
{
	e->verifies++;
	fake_hold(e, (struct held){.verified = fn, .userdata = userdata});
	e->asked++;
	if (!e->hold)
		fake_engine_release(e);
}

int engine_listen(struct engine *e, bool drops_only, uint32_t eni, void (*fn)(const json_t *verdict, void *userdata),
		  void *userdata, struct verdict_listener **ret)
{
	struct verdict_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct verdict_listener){e, fn, userdata, drops_only, eni, e->listeners};
	e->listeners = l;
	e->n_listeners++;
	*ret = l;
	return 0;
}

void engine_unlisten(struct verdict_listener *l)
{
	for (struct verdict_listener **at = &l->engine->listeners; *at; at = &(*at)->next) {
		if (*at == l) {
			*at = l->next;
			break;
		}
	}
	l->engine->n_listeners--;
	free(l);
}

/* --- the past: what the test puts there --- */

int engine_log(struct engine *e, const char *resource, uint64_t before, size_t limit, engine_past_fn fn, void *userdata)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_json_ json_t *json =
		json_pack("{s:[], s:I, s:I}", "log", "oldest", (json_int_t)before, "revision", (json_int_t)limit);

	(void)e;
	if (resource && strcmp(resource, "nobody") == 0)
		vpc_error_set(&error, VPC_E_NOT_FOUND, "resource", "nobody");
	fn(json, &error, userdata);
	return 0;
}

int engine_show_at(struct engine *e, enum object_kind kind, const char *ref, const char *scope, uint64_t revision,
		   engine_past_fn fn, void *userdata)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_json_ json_t *json =
		json_pack("{s:s, s:i, s:I}", "id", ref, "kind", kind, "revision", (json_int_t)revision);

	(void)scope;
	if (revision < e->oldest)
		vpc_error_set(&error, VPC_E_REVISION_TOO_OLD, "revision", "too old");
	fn(json, &error, userdata);
	return 0;
}

/* Each revision is a commit of one line, {"event":"commit","revision":N,…}, of 200 bytes. */
int engine_read_events(struct engine *e, const struct events_at *from, size_t max_bytes, engine_events_fn fn,
		       void *userdata)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct events_at at = *from;
	char *text = calloc(1, max_bytes + 256);
	size_t size = 0;

	e->events_read++;
	if (at.revision < e->oldest)
		vpc_error_set(&error, VPC_E_REVISION_TOO_OLD, "revision", "too old");
	while (error.code == VPC_E_OK && at.revision < e->revision && size < max_bytes)
		size += (size_t)sprintf(text + size,
					"{\"event\":\"commit\",\"revision\":%llu,\"command\":\"%0160d\"}\n",
					(unsigned long long)++at.revision, 0);
	fn(text, size, &at, &error, userdata);
	free(text);
	return 0;
}

struct commit_watch {
	struct engine *e;
	void (*fn)(void *userdata);
	void *userdata;
	struct commit_watch *next;
};

int engine_watch_commits(struct engine *e, void (*fn)(void *userdata), void *userdata, struct commit_watch **ret)
{
	struct commit_watch *w = malloc(sizeof(*w));

	*w = (struct commit_watch){e, fn, userdata, e->watches};
	e->watches = *ret = w;
	return 0;
}

void engine_unwatch_commits(struct commit_watch *w)
{
	struct commit_watch **at = w ? &w->e->watches : NULL;

	if (!w)
		return;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

/* n more commits are in force. */
__attribute__((__unused__)) static void fake_engine_commit(struct engine *e, unsigned n)
{
	e->revision += n;
	for (struct commit_watch *w = e->watches, *next; w; w = next) {
		next = w->next;
		w->fn(w->userdata);
	}
}

/* A file with {} in it. */
int engine_backup(struct engine *e, engine_backup_fn fn, void *userdata)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)e;
	if (write(fd, "{}", 2) != 2)
		abort();
	fn(fd, 2, &error, userdata);
	return 0;
}

/* Says how long the text was, as the revision. */
void engine_restore(struct engine *e, char *text, size_t size, struct engine_request *request, engine_reply_fn fn,
		    void *userdata)
{
	struct engine_reply reply = {.error = VPC_ERROR_INIT,
				     .revision = size,
				     .results = json_array(),
				     .pending = json_array(),
				     .dry_run = request->dry_run};

	(void)e;
	fn(&reply, userdata);
	json_decref(reply.results);
	json_decref(reply.pending);
	engine_request_free(request);
	free(text);
}

/* "Opens" the null device, at once. */
int engine_open_tap(struct engine *e, const struct object *eni, size_t n, const struct caller *caller, engine_tap_fn fn,
		    void *userdata, struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int fds[ATTACHMENT_QUEUES_MAX] = {0};

	if (eni_of(eni)->attachment.kind != ATTACHMENT_TAP)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "eni", "no tap");
	e->caller = *caller;
	for (size_t i = 0; i < n; i++)
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fn(fds, n, &error, userdata);
	for (size_t i = 0; i < n; i++)
		close_fd(fds[i]);
	return 0;
}

#include "api_fake_flows.h"

#endif
