/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change with a time limit for its confirmation. Its commit has a note with what it changed and when it ends
 * (CLOCK_REALTIME, so that it holds across restarts and boots). It is taken back by one transaction, which also deletes
 * the note. So a kill at any moment leaves either the change with its note, or the former state without.
 */
#include "engine/txn/confirm.h"

#include <inttypes.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "engine/txn/txn.h"
#include "model/former.h"
#include "util/log.h"

#define META_CONFIRM "confirm"
#define MICROSECONDS UINT64_C(1000000)
/* When taking back fails, it is tried again. */
#define RETRY_S	     1

struct confirm {
	struct engine *e;
	uint64_t revision;   /* of the change */
	uint64_t deadline_s; /* CLOCK_BOOTTIME */
	struct former *former;
	sd_event_source *timer;
};

static void confirm_free(struct confirm *c)
{
	if (!c)
		return;
	sd_event_source_disable_unref(c->timer);
	former_free(c->former);
	free(c);
}
DEFINE_CLEANUP(struct confirm *, confirm_free);

static uint64_t left_s(const struct confirm *c)
{
	uint64_t now = boottime_s();

	return c->deadline_s > now ? c->deadline_s - now : 0;
}

int confirm_check(const struct txn *t, struct vpc_error *reterr)
{
	const struct confirm *c = t->e->confirm;
	const struct engine_request *request = t->request;

	if (request->confirms && !c)
		return vpc_error_set(
			reterr, VPC_E_INCORRECT_STATE, NULL,
			"no change waits for its confirmation; vpcctl log shows which were made and taken back");
	if (!c || request->confirms || request->takes_back || request->dry_run || request->caller.pid == getpid())
		return 0;
	return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, NULL,
			     "the change of revision %" PRIu64
			     " waits for its confirmation, and is taken back in %" PRIu64
			     " s without: vpcctl confirm keeps it; other changes are possible after that",
			     c->revision, left_s(c));
}

/* --- the note ---------------------------------------------------------------------------------------- */

/* {"revision", "until", "seconds", "objects"}. NULL: out of memory. */
static char *note_text(struct txn *t)
{
	uint64_t seconds = t->request->confirm_s;
	_cleanup_json_ json_t *json = NULL;
	json_t *objects;

	/* Former versions refer to objects of the former state. */
	model_suspend(t->mt);
	objects = former_to_json(t->e->model, t->former);
	model_resume(t->mt);
	json = json_pack("{s:I,s:I,s:I,s:o}", "revision", (json_int_t)(t->e->revision + 1), "until",
			 (json_int_t)(realtime_s() + seconds), "seconds", (json_int_t)seconds, "objects", objects);
	return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

int confirm_fill(struct txn *t, struct commit *c)
{
	if (t->request->confirms || t->request->takes_back) {
		c->meta[c->n_meta++] = (struct store_meta){META_CONFIRM, NULL};
		return 0;
	}
	if (!t->request->confirm_s)
		return 0;
	former_free(TAKE_PTR(t->former));
	if (former_of_txn(t->mt, &t->former) < 0 || !(c->note = note_text(t)))
		return -ENOMEM;
	c->meta[c->n_meta++] = (struct store_meta){META_CONFIRM, c->note};
	return 0;
}

/* --- waiting ----------------------------------------------------------------------------------------- */

static int set_timer(struct confirm *c, uint64_t seconds)
{
	return sd_event_source_set_time_relative(c->timer, seconds * MICROSECONDS) < 0 ||
			       sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT) < 0
		       ? -ENOMEM
		       : 0;
}

static void taken_back(const struct engine_reply *reply, void *userdata)
{
	struct engine *e = userdata;

	if (reply->error.code == VPC_E_OK) {
		log_notice("the change was not confirmed in time, and is taken back by revision %" PRIu64,
			   reply->revision);
		return;
	}
	log_error("the change that was not confirmed can't be taken back yet: %s", reply->error.message);
	if (e->confirm && !e->closing)
		set_timer(e->confirm, RETRY_S);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct confirm *c = userdata;
	struct engine_request *r = calloc(1, sizeof(*r));

	(void)source, (void)usec;
	if (!r) {
		set_timer(c, RETRY_S);
		return 0;
	}
	*r = (struct engine_request){.takes_back = true,
				     .command = strdup("not confirmed in time: taken back"),
				     .caller.pid = getpid(),
				     .received_ns = monotonic_ns()};
	engine_submit(c->e, r, taken_back, c->e);
	return 0;
}

/* Takes former. */
static int wait_begin(struct engine *e, uint64_t revision, uint64_t seconds, struct former *former)
{
	_cleanup_(confirm_freep) struct confirm *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		former_free(former);
		return -ENOMEM;
	}
	*c = (struct confirm){.e = e, .revision = revision, .deadline_s = boottime_s() + seconds, .former = former};
	r = sd_event_add_time_relative(e->event, &c->timer, CLOCK_BOOTTIME, seconds * MICROSECONDS, 0, on_deadline, c);
	if (r < 0)
		return r;
	e->confirm = TAKE_PTR(c);
	return 0;
}

int confirm_take_back(struct txn *t, struct vpc_error *reterr)
{
	if (!t->e->confirm)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, NULL, "nothing is to be taken back");
	return model_take_back(t->mt, t->e->confirm->former, reterr);
}

void confirm_published(struct txn *t)
{
	struct engine *e = t->e;

	if (t->request->confirms || t->request->takes_back)
		confirm_end(e);
	/* Without memory for a timer, the note is there all the same: the next start takes the change back. */
	if (t->request->confirm_s && t->former &&
	    wait_begin(e, t->reply.revision, t->request->confirm_s, TAKE_PTR(t->former)) < 0)
		log_error("no memory: the change of revision %" PRIu64 " is taken back when vpcd starts again",
			  t->reply.revision);
}

void confirm_end(struct engine *e)
{
	confirm_free(TAKE_PTR(e->confirm));
}

json_t *confirm_pending(const struct engine *e)
{
	if (!e->confirm)
		return NULL;
	return json_pack("{s:s,s:s,s:o}", "subsystem", "confirm", "object", "", "reason",
			 json_sprintf("the change of revision %" PRIu64 " is taken back in %" PRIu64
				      " s, unless vpcctl confirm comes before",
				      e->confirm->revision, left_s(e->confirm)));
}

/* --- at a start -------------------------------------------------------------------------------------- */

struct loading {
	struct model *m;
	enum object_kind kind;
	const json_t *changed; /* {id: what is noted of it} */
	struct vpc_error *reterr;
};

static int load_unchanged(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	struct loading *l = userdata;

	(void)revision;
	return json_object_get(l->changed, id) ? 0 : model_load(l->m, l->kind, document, l->reterr);
}

static int load_kind(struct engine *e, struct loading *l)
{
	int r = store_load(e->store, kind_of(l->kind)->noun, load_unchanged, l, l->reterr);
	const char *id;
	json_t *one;

	json_object_foreach ((json_t *)l->changed, id, one) {
		json_t *document = json_object_get(one, "document");

		if (r == 0 && json_is_object(document) &&
		    !strcmp(json_member_text(one, "kind") ?: "", kind_of(l->kind)->noun))
			r = model_load(l->m, l->kind, document, l->reterr);
	}
	return r;
}

/* The model of the state before the change. */
static int load_former(struct engine *e, const json_t *objects, struct model **ret, struct vpc_error *reterr)
{
	_cleanup_(model_freep) struct model *m = NULL;
	_cleanup_json_ json_t *changed = json_object();
	json_t *one;
	size_t i;
	int r = changed && model_new(&e->limits, &m) == 0 ? 0 : vpc_error_oom(reterr);

	json_array_foreach (objects, i, one)
		if (r == 0 && json_object_set(changed, json_member_text(one, "id") ?: "", one) < 0)
			r = vpc_error_oom(reterr);
	if (r == 0) {
		model_set_instance(m, e->instance);
		model_set_pools(m, e->pools, e->n_pools);
	}
	for (enum object_kind kind = 0; r == 0 && kind < OBJECT_KINDS; kind++) {
		struct loading l = {.m = m, .kind = kind, .changed = changed, .reterr = reterr};

		r = load_kind(e, &l);
	}
	if (r == 0)
		*ret = TAKE_PTR(m);
	return r;
}

int confirm_load(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *note = NULL;
	_cleanup_(model_freep) struct model *m = NULL;
	struct former *former = NULL;
	int64_t left, seconds;
	int r = store_get_meta(e->store, META_CONFIRM, &text, reterr);

	if (r < 0 || !text)
		return r;
	note = json_loads(text, 0, NULL);
	r = load_former(e, json_object_get(note, "objects"), &m, reterr);
	if (r < 0)
		return r;
	if (!note || former_from_json(m, json_object_get(note, "objects"), &former) < 0)
		return vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
				     "the store's note of a change to be confirmed is damaged");
	seconds = json_integer_value(json_object_get(note, "seconds"));
	left = json_integer_value(json_object_get(note, "until")) - (int64_t)realtime_s();
	/* A clock that was set back makes nobody wait for longer than was asked for. */
	left = left < 0 ? 0 : left > seconds ? seconds : left;
	r = wait_begin(e, (uint64_t)json_integer_value(json_object_get(note, "revision")), (uint64_t)left, former);
	return r < 0 ? vpc_error_oom(reterr) : 0;
}
