/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times are of CLOCK_REALTIME, so that they hold across restarts and boots, and follow a clock that is set. An expired
 * rule is revoked by a transaction as any other: flows are cut, the history has it. While vpcd doesn't run nothing
 * expires.
 */
#include "engine/upkeep/rule_expiry.h"

#include <vpc/array.h>
#include <vpc/clock.h>

#include "engine/txn/txn.h"
#include "util/log.h"

/* Rules that one transaction revokes at most. */
#define AT_ONCE 1000
/* What could not be revoked is tried again. */
#define RETRY_S 1

struct expiring_rule {
	uint64_t expires_s;
	char id[OBJECT_ID_MAX];
};

static void arm(struct engine *e, uint64_t at_s)
{
	sd_event_source_set_time(e->rule_timer, at_s * UINT64_C(1000000));
	sd_event_source_set_enabled(e->rule_timer, SD_EVENT_ONESHOT);
}

static int add(struct engine *e, const struct object *o)
{
	struct expiring_rule *grown;

	if (!rule_of(o)->expires_s)
		return 0;
	grown = array_grow(e->expiring_rules, &e->max_expiring_rules, e->n_expiring_rules + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	e->expiring_rules = grown;
	grown = &grown[e->n_expiring_rules++];
	grown->expires_s = rule_of(o)->expires_s;
	memcpy(grown->id, o->id, sizeof(grown->id));
	return 0;
}

/* Forgets rules that are gone; the time of the next one. 0: none expires. */
static uint64_t next_expiry(struct engine *e)
{
	uint64_t next = 0;
	size_t n = 0;

	for (size_t i = 0; i < e->n_expiring_rules; i++) {
		const struct expiring_rule *r = &e->expiring_rules[i];

		if (!model_find(e->model, OBJECT_RULE, r->id))
			continue;
		if (!next || r->expires_s < next)
			next = r->expires_s;
		e->expiring_rules[n++] = *r;
	}
	e->n_expiring_rules = n;
	return next;
}

static void revoked(const struct engine_reply *reply, void *userdata)
{
	struct engine *e = userdata;
	uint64_t next;

	if (e->closing)
		return;
	if (reply->error.code != VPC_E_OK)
		log_error("rules that have expired can't be revoked yet: %s", reply->error.message);
	else
		log_notice("revision %llu revoked rules that have expired", (unsigned long long)reply->revision);
	next = reply->error.code == VPC_E_OK ? next_expiry(e) : realtime_s() + RETRY_S;
	if (next)
		arm(e, next);
}

static int revoke_one(struct change *c, const struct engine *e, const struct object *rule)
{
	const struct object *group = model_by_number(e->model, OBJECT_SG, rule_of(rule)->sg);

	*c = (struct change){
		.op = CHANGE_SG_REVOKE,
		.present = FIELD_BIT(FIELD_SG_ID) | FIELD_BIT(FIELD_RULE_IDS),
		.sg_id = strdup(group->id),
		.rule_ids = calloc(1, sizeof(char *)),
	};
	if (c->rule_ids)
		c->rule_ids[c->n_rule_ids++] = strdup(rule->id);
	return c->sg_id && c->rule_ids && c->rule_ids[0] ? 0 : -ENOMEM;
}

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	struct engine_request *r = calloc(1, sizeof(*r));
	struct change *changes = calloc(AT_ONCE, sizeof(*changes));
	uint64_t next = next_expiry(e), now = realtime_s();
	int result = r && changes ? 0 : -ENOMEM;

	(void)source, (void)usec;
	if (r)
		*r = (struct engine_request){.changes = changes,
					     .command = strdup("rules have expired"),
					     .caller.pid = getpid(),
					     .received_ns = monotonic_ns()};
	for (size_t i = 0; result == 0 && i < e->n_expiring_rules && r->n_changes < AT_ONCE; i++)
		if (e->expiring_rules[i].expires_s <= now)
			result = revoke_one(&changes[r->n_changes++], e,
					    model_find(e->model, OBJECT_RULE, e->expiring_rules[i].id));
	if (result == 0 && r->n_changes) {
		engine_submit(e, r, revoked, e);
		return 0;
	}
	if (!r)
		free(changes);
	engine_request_free(r);
	if (result < 0)
		next = now + RETRY_S;
	if (next)
		arm(e, next);
	return 0;
}

int rule_expiry_load(struct engine *e)
{
	uint64_t next;
	int r = sd_event_add_time(e->event, &e->rule_timer, CLOCK_REALTIME, 0, 0, on_expiry, e);

	if (r < 0 || sd_event_source_set_enabled(e->rule_timer, SD_EVENT_OFF) < 0)
		return -ENOMEM;
	for (const struct object *o = NULL; (o = model_next(e->model, OBJECT_RULE, o));)
		if (add(e, o) < 0)
			return -ENOMEM;
	next = next_expiry(e);
	if (next)
		arm(e, next);
	return 0;
}

void rule_expiry_note(struct txn *t)
{
	struct engine *e = t->e;
	const struct delta *deltas;
	bool any = false;
	size_t n;
	int r = model_txn_deltas(t->mt, &deltas, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (deltas[i].after && deltas[i].after->kind == OBJECT_RULE && rule_of(deltas[i].after)->expires_s) {
			r = add(e, deltas[i].after);
			any = true;
		}
	if (r < 0)
		log_error("no memory: rules that expire are looked for when vpcd starts again");
	if (any)
		arm(e, next_expiry(e));
}

void rule_expiry_end(struct engine *e)
{
	sd_event_source_disable_unref(e->rule_timer);
	free(e->expiring_rules);
}
