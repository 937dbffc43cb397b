/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store's thread. A transaction's commit waits for the disk there; what can wait for the next commit (the final
 * text of a kept reply, a meta value) goes along with it, or after a pause by itself. When nothing happens the log is
 * looked after. When a commit has failed the store is tried again and again, until it works.
 */
#include "engine/txn/commit.h"

#include <vpc/clock.h>

#include "engine/condition.h"
#include "engine/reports/usage.h"
#include "store/usage.h"
#include "util/log.h"
#include "util/worker.h"

#define IDLE_US	 100000ull  /* after the last commit */
#define WATCH_US 5000000ull /* then now and then, whether the files are still there */
#define PROBE_US 1000000ull /* after a failure */

/* Something for the next commit. Owns its strings. */
struct store_note {
	struct store_note *next;
	char *key, *digest, *value; /* digest NULL: a meta value */
	uid_t uid;
	int64_t time_s;
};

static void note_free(struct store_note *n)
{
	free(n->key);
	free(n->digest);
	free(n->value);
	free(n);
}

static void notes_free(struct store_note *n)
{
	while (n) {
		struct store_note *next = n->next;

		note_free(n);
		n = next;
	}
}

/* --- looking after the store ------------------------------------------------------------------------- */

static void later(struct engine *e, uint64_t us)
{
	if (!e->store_timer)
		return;
	sd_event_source_set_time_relative(e->store_timer, us);
	sd_event_source_set_enabled(e->store_timer, SD_EVENT_ONESHOT);
}

static void store_works(struct engine *e)
{
	e->store_failed = false;
	condition_clear(e->conditions, CONDITION_STORE, "");
}

static void store_fails(struct engine *e, const struct vpc_error *error)
{
	e->store_failed = true;
	condition_raise(e->conditions, CONDITION_STORE, "", monotonic_ns() + PROBE_US * 1000, "%s", error->message);
	later(e, PROBE_US);
}

static int finish_run(void *data)
{
	return store_checkpoint_finish(((struct engine *)data)->store);
}

static void finish_done(void *data, int result)
{
	struct engine *e = data;

	e->checkpointing = false;
	if (result == -EBUSY && e->reading_past)
		return; /* our own readers end soon, and the next checkpoint moves the rest */
	if (result < 0)
		log_warning("the store's log could not be moved into its file: %s", strerror(-result));
}

static int checkpoint_run(void *data)
{
	return store_checkpoint(((struct engine *)data)->store);
}

static void checkpoint_done(void *data, int result)
{
	struct engine *e = data;

	/* Where a commit was under way, its frames are left to the commits' thread. */
	if (result == -EBUSY)
		result = 0;
	if (result < 0 || worker_submit(e->worker, WORKER_STORE, finish_run, finish_done, NULL, e) < 0)
		finish_done(e, result);
}

static void checkpoint(struct engine *e)
{
	if (!e->checkpointing)
		e->checkpointing =
			worker_submit(e->worker, WORKER_KERNEL, checkpoint_run, checkpoint_done, NULL, e) == 0;
}

static int prune_run(void *data)
{
	return store_history_prune(((struct engine *)data)->store);
}

static void prune(struct engine *e);

/* A step at a time, so that a commit waits for one step at most. */
static void prune_done(void *data, int result)
{
	struct engine *e = data;

	e->pruning = false;
	if (result > 0)
		prune(e);
	else if (result < 0)
		log_warning("old revisions could not be deleted from the store: %s", strerror(-result));
}

static void prune(struct engine *e)
{
	if (!e->pruning)
		e->pruning = worker_submit(e->worker, WORKER_STORE, prune_run, prune_done, NULL, e) == 0;
}

/* --- commits ----------------------------------------------------------------------------------------- */

struct commit *commit_new(struct engine *e)
{
	struct commit *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->e = e;
	c->error = VPC_ERROR_INIT;
	return c;
}

void commit_free(struct commit *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_writes; i++)
		json_decref(c->documents[i]);
	free(c->documents);
	free(c->writes);
	free(c->text);
	free(c->command);
	free(c->note);
	notes_free(c->notes);
	usage_part_free(c->usage);
	usage_part_free(c->usage_own);
	vpc_error_clear(&c->error);
	free(c);
}

/* The notes come first: what the transaction says of the same key is newer. */
static int commit_run(void *data)
{
	struct commit *c = data;
	struct store *s = c->e->store;
	_cleanup_free_ struct store_reply *replies = NULL;
	_cleanup_free_ struct store_meta *meta = NULL;
	_cleanup_free_ struct store_usage *usage = NULL;
	struct store_batch batch = {.revision = c->revision, .writes = c->writes, .n_writes = c->n_writes};
	size_t n = c->n_meta + usage_part_metas(c->usage) + usage_part_metas(c->usage_own) + 1;
	int r;

	for (const struct store_note *note = c->notes; note; note = note->next)
		n++;
	replies = calloc(n, sizeof(*replies));
	meta = calloc(n, sizeof(*meta));
	batch.n_usage = usage_part_rows(c->usage) + usage_part_rows(c->usage_own);
	usage = calloc(batch.n_usage + 1, sizeof(*usage));
	if (!replies || !meta || !usage)
		return vpc_error_oom(&c->error);
	for (const struct store_note *note = c->notes; note; note = note->next) {
		if (note->digest)
			replies[batch.n_replies++] =
				(struct store_reply){note->uid, note->key, note->digest, note->value, note->time_s};
		else
			meta[batch.n_meta++] = (struct store_meta){note->key, note->value};
	}
	batch.n_meta += usage_part_get_metas(c->usage, &meta[batch.n_meta]);
	batch.n_meta += usage_part_get_metas(c->usage_own, &meta[batch.n_meta]);
	usage_part_get_rows(c->usage, usage);
	usage_part_get_rows(c->usage_own, usage + usage_part_rows(c->usage));
	batch.usage = usage;
	for (size_t i = 0; i < c->n_meta; i++)
		meta[batch.n_meta++] = c->meta[i];
	if (c->reply.key)
		replies[batch.n_replies++] = c->reply;
	batch.replies = replies;
	batch.meta = meta;
	if (!batch.revision)
		batch.revision = store_revision(s);
	else
		batch.author = &c->author;
	r = store_commit(s, &batch, &c->error);
	c->checkpoint_due = r == 0 && store_checkpoint_due(s);
	c->history_due = r == 0 && store_history_due(s);
	return r;
}

static void commit_done(void *data, int result)
{
	struct commit *c = data;
	struct engine *e = c->e;

	if (result == 0) {
		if (e->store_failed)
			store_works(e);
		later(e, IDLE_US);
	} else {
		struct store_note **tail = &c->notes;

		while (*tail)
			tail = &(*tail)->next;
		*tail = e->notes;
		e->notes = TAKE_PTR(c->notes);
		usage_part_give_back(e, TAKE_PTR(c->usage));
		store_fails(e, &c->error);
	}
	if (c->checkpoint_due)
		checkpoint(e);
	if (c->history_due)
		prune(e);
	c->done(c, result, &c->error);
}

int commit_submit(struct commit *c)
{
	struct engine *e = c->e;
	int r;

	c->notes = TAKE_PTR(e->notes);
	c->usage = usage_part_take(e);
	r = worker_submit(e->worker, WORKER_STORE, commit_run, commit_done, NULL, c);
	if (r < 0) {
		e->notes = TAKE_PTR(c->notes);
		usage_part_give_back(e, TAKE_PTR(c->usage));
	}
	return r;
}

/* --- what can wait ----------------------------------------------------------------------------------- */

static void flushed(struct commit *c, int result, struct vpc_error *error)
{
	(void)result, (void)error;
	commit_free(c);
}

/* Commits the notes by themselves. */
static void flush(struct engine *e)
{
	struct commit *c = e->notes || usage_part_waits(e) ? commit_new(e) : NULL;

	if (!c)
		return;
	c->done = flushed;
	if (commit_submit(c) < 0)
		commit_free(c);
}

static void note_add(struct engine *e, struct store_note *n)
{
	struct store_note **tail = &e->notes;

	while (*tail)
		tail = &(*tail)->next;
	*tail = n;
	later(e, e->store_failed ? PROBE_US : IDLE_US);
}

void commit_soon(struct engine *e)
{
	later(e, e->store_failed ? PROBE_US : IDLE_US);
}

void commit_note_reply(struct engine *e, const struct store_reply *reply, char *text)
{
	struct store_note *n = text ? calloc(1, sizeof(*n)) : NULL;

	if (n) {
		*n = (struct store_note){.key = strdup(reply->key),
					 .digest = strdup(reply->request_digest),
					 .value = TAKE_PTR(text),
					 .uid = reply->uid,
					 .time_s = reply->time_s};
		if (n->key && n->digest) {
			note_add(e, n);
			return;
		}
		note_free(n);
	}
	free(text);
	log_warning("the kept reply of '%s' lacks its time", reply->key);
}

void commit_note_meta(struct engine *e, const char *key, const char *value)
{
	struct store_note *n = calloc(1, sizeof(*n));

	if (n) {
		*n = (struct store_note){.key = strdup(key), .value = value ? strdup(value) : NULL};
		if (n->key && (n->value || !value)) {
			note_add(e, n);
			return;
		}
		note_free(n);
	}
	log_warning("'%s' could not be noted in the store: out of memory", key);
}

/* --- kept replies ------------------------------------------------------------------------------------ */

struct finding {
	struct engine *e;
	uid_t uid;
	char *key, *digest, *text;
	struct vpc_error error;
	kept_reply_fn fn;
	void *userdata;
};

static void finding_free(struct finding *f)
{
	free(f->key);
	free(f->digest);
	free(f->text);
	vpc_error_clear(&f->error);
	free(f);
}

static int finding_run(void *data)
{
	struct finding *f = data;

	return store_find_reply(f->e->store, f->uid, f->key, (int64_t)(realtime_s()), &f->digest, &f->text, &f->error);
}

static void finding_done(void *data, int result)
{
	struct finding *f = data;

	f->fn(result, f->digest, f->text, &f->error, f->userdata);
	finding_free(f);
}

int commit_find_reply(struct engine *e, uid_t uid, const char *key, kept_reply_fn fn, void *userdata)
{
	struct finding *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	*f = (struct finding){
		.e = e, .uid = uid, .key = strdup(key), .error = VPC_ERROR_INIT, .fn = fn, .userdata = userdata};
	flush(e); /* so that what is found has its final text */
	r = f->key ? worker_submit(e->worker, WORKER_STORE, finding_run, finding_done, NULL, f) : -ENOMEM;
	if (r < 0)
		finding_free(f);
	return r;
}

/* --- when there is nothing to do --------------------------------------------------------------------- */

struct care {
	struct engine *e;
	bool probe;
	struct vpc_error error;
};

static int care_run(void *data)
{
	struct care *care = data;

	return care->probe ? store_probe(care->e->store, &care->error) : store_idle_work(care->e->store, &care->error);
}

static void care_done(void *data, int result)
{
	struct care *care = data;
	struct engine *e = care->e;

	e->store_cared_for = false;
	if (result < 0)
		store_fails(e, &care->error);
	else if (care->probe)
		store_works(e);
	if (result == 0)
		later(e, WATCH_US);
	vpc_error_clear(&care->error);
	free(care);
}

static int on_store_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	struct care *care;

	(void)source, (void)usec;
	if (e->committing || e->store_cared_for) {
		later(e, IDLE_US);
		return 0;
	}
	if (!e->store_failed)
		flush(e);
	care = calloc(1, sizeof(*care));
	if (!care) {
		later(e, PROBE_US);
		return 0;
	}
	*care = (struct care){.e = e, .probe = e->store_failed, .error = VPC_ERROR_INIT};
	e->store_cared_for = worker_submit(e->worker, WORKER_STORE, care_run, care_done, NULL, care) == 0;
	if (!e->store_cared_for)
		free(care);
	return 0;
}

int commit_watch(struct engine *e)
{
	return sd_event_add_time_relative(e->event, &e->store_timer, CLOCK_MONOTONIC, IDLE_US, 0, on_store_timer, e);
}

void commit_end(struct engine *e)
{
	bool waits = e->notes || usage_part_waits(e);
	struct commit *c = waits && e->store && !e->store_failed ? commit_new(e) : NULL;

	e->store_timer = sd_event_source_disable_unref(e->store_timer);
	if (c) {
		c->notes = TAKE_PTR(e->notes);
		c->usage = usage_part_take(e);
		if (commit_run(c) < 0)
			log_warning("%s", c->error.message);
		commit_free(c);
	}
	notes_free(TAKE_PTR(e->notes));
}
