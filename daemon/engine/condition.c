/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/condition.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include <vpc/clock.h>

#include "util/log.h"

struct entry {
	struct condition c;
	char key[CONDITION_OBJECT_MAX + 1]; /* subsystem and object */
	UT_hash_handle hh;
};

struct conditions {
	struct entry *entries;
	size_t count[CONDITION_SUBSYSTEMS];
	bool forgotten; /* one could not be kept for want of memory: true until the list is empty again */
};

const char *condition_subsystem_name(enum condition_subsystem s)
{
	static const char *const names[] = {
#define X(symbol, name) [symbol] = name,
		CONDITION_SUBSYSTEMS_DEF(X)
#undef X
	};

	return names[s];
}

struct conditions *conditions_new(void)
{
	return calloc(1, sizeof(struct conditions));
}

static void drop(struct conditions *c, struct entry *e)
{
	c->count[e->c.subsystem]--;
	HASH_DEL(c->entries, e);
	free(e);
	if (!c->entries)
		c->forgotten = false;
}

void conditions_free(struct conditions *c)
{
	struct entry *e, *next;

	if (!c)
		return;
	HASH_ITER (hh, c->entries, e, next)
		drop(c, e);
	free(c);
}

static void make_key(enum condition_subsystem s, const char *object, char key[CONDITION_OBJECT_MAX + 1])
{
	snprintf(key, CONDITION_OBJECT_MAX + 1, "%c%s", 'a' + (char)s, object);
}

static struct entry *find(const struct conditions *c, enum condition_subsystem s, const char *object)
{
	char key[CONDITION_OBJECT_MAX + 1];
	struct entry *e;

	make_key(s, object, key);
	HASH_FIND_STR(c->entries, key, e);
	return e;
}

static struct entry *add(struct conditions *c, enum condition_subsystem s, const char *object)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->c.subsystem = s;
	e->c.since_ns = realtime_ns();
	snprintf(e->c.object, sizeof(e->c.object), "%s", object);
	make_key(s, object, e->key);
	HASH_ADD_STR(c->entries, key, e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	c->count[s]++;
	return e;
}

const struct condition *condition_raise(struct conditions *c, enum condition_subsystem s, const char *object,
					uint64_t retry_ns, const char *format, ...)
{
	struct entry *e = find(c, s, object);
	char reason[CONDITION_REASON_MAX];
	bool added = !e;
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	if (!e)
		e = add(c, s, object);
	if (!e)
		c->forgotten = true;
	if (!e || added || strcmp(e->c.reason, reason) != 0)
		log_error("%s: %s%s%s", condition_subsystem_name(s), object, object[0] ? ": " : "", reason);
	if (!e)
		return NULL;
	memcpy(e->c.reason, reason, sizeof(reason));
	e->c.retry_ns = retry_ns;
	e->c.failures++;
	return &e->c;
}

void condition_clear(struct conditions *c, enum condition_subsystem s, const char *object)
{
	struct entry *e = find(c, s, object);

	if (!e)
		return;
	log_notice("%s: %s%sis right again", condition_subsystem_name(s), object, object[0] ? " " : "");
	drop(c, e);
}

const struct condition *condition_find(const struct conditions *c, enum condition_subsystem s, const char *object)
{
	const struct entry *e = find(c, s, object);

	return e ? &e->c : NULL;
}

size_t condition_count(const struct conditions *c, enum condition_subsystem s)
{
	return s < CONDITION_SUBSYSTEMS ? c->count[s] : HASH_COUNT(c->entries) + c->forgotten;
}

void condition_each(struct conditions *c, void (*fn)(const struct condition *one, void *userdata), void *userdata)
{
	struct entry *e, *next;

	HASH_ITER (hh, c->entries, e, next)
		fn(&e->c, userdata);
}

json_t *conditions_health(const struct conditions *c)
{
	json_t *counts = json_object();
	json_int_t failures = c->forgotten;
	int r = counts ? 0 : -1;

	for (enum condition_subsystem s = 0; r == 0 && s < CONDITION_SUBSYSTEMS; s++)
		r = json_object_set_new(counts, condition_subsystem_name(s), json_integer((json_int_t)c->count[s]));
	for (const struct entry *e = c->entries; e; e = e->hh.next)
		failures += e->c.failures;
	if (r < 0) {
		json_decref(counts);
		return NULL;
	}
	return json_pack("{s:s,s:o,s:I}", "state", condition_count(c, CONDITION_SUBSYSTEMS) ? "degraded" : "ok",
			 "conditions", counts, "failures", failures);
}
