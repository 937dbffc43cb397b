/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conditions: what is wrong now. A part of vpcd raises a condition when something fails that it will try again, and
 * clears it when that works. `status`, `/metrics` and the log show the conditions; health is "degraded" while there is
 * one.
 *
 * A condition belongs to a subsystem and an object (the id of a resource, or "" for the whole subsystem). So the repair
 * of one object never hides the trouble of another, and there are at most as many conditions as objects.
 *
 * For the event loop only. Raising a condition doesn't fail: without memory for it, health is "degraded" all the same.
 */
#ifndef ENGINE_CONDITION_H
#define ENGINE_CONDITION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/cleanup.h>

/* The label of the metric vpcd_conditions follows from the second column. */
#define CONDITION_SUBSYSTEMS_DEF(X)                                                                              \
	X(CONDITION_NETWORK, "network") /* namespaces, bridges, ports and what hangs on them */                  \
	X(CONDITION_LINKS, "links")	/* tcx links; the fallback filters judge meanwhile */                    \
	X(CONDITION_REMOVAL, "removal") /* devices of something that was deleted and could not be deleted yet */ \
	X(CONDITION_STORE, "store")	/* documents can't be committed, or not safely */                        \
	X(CONDITION_EDGE, "edge")	/* uplinks and outer interfaces, as the programs know them */            \
	X(CONDITION_MAPS, "maps")	/* rows, programs or pins are not what they should be */

enum condition_subsystem {
#define X(symbol, name) symbol,
	CONDITION_SUBSYSTEMS_DEF(X)
#undef X
		CONDITION_SUBSYSTEMS
};
/* Its name in replies and logs; static. */
const char *condition_subsystem_name(enum condition_subsystem s);

#define CONDITION_OBJECT_MAX 64
#define CONDITION_REASON_MAX 320

struct condition {
	enum condition_subsystem subsystem;
	char object[CONDITION_OBJECT_MAX]; /* id of the object; "": the subsystem itself */
	char reason[CONDITION_REASON_MAX]; /* in English, for people: what is wrong, and what to do if they must */
	uint64_t since_ns;		   /* CLOCK_REALTIME: when it was first raised */
	unsigned failures;		   /* times that it was raised since */
	uint64_t retry_ns;		   /* CLOCK_MONOTONIC: when it is tried again; 0: on an event, or when
					    * somebody does something */
};

struct conditions;
/* NULL: out of memory. */
struct conditions *conditions_new(void);
void conditions_free(struct conditions *c);
DEFINE_CLEANUP(struct conditions *, conditions_free);

/* Raises a condition, or keeps it. Logs it when it is new or has another reason. Returns the condition, valid until the
 * next call; NULL: out of memory. retry_ns: as in struct condition. */
PRINTF_LIKE(5, 6)
const struct condition *condition_raise(struct conditions *c, enum condition_subsystem s, const char *object,
					uint64_t retry_ns, const char *format, ...);
/* Clears a condition and logs that. It is no error if there was none. */
void condition_clear(struct conditions *c, enum condition_subsystem s, const char *object);
/* The condition of an object; NULL: nothing is wrong with it. Valid until the next raise or clear. */
const struct condition *condition_find(const struct conditions *c, enum condition_subsystem s, const char *object);
/* The number of conditions of a subsystem; CONDITION_SUBSYSTEMS: of all. */
size_t condition_count(const struct conditions *c, enum condition_subsystem s);
/* Calls fn for each condition. fn may clear the one that it is given. */
void condition_each(struct conditions *c, void (*fn)(const struct condition *one, void *userdata), void *userdata);

/* {"state": "ok"|"degraded", "conditions": {"network": 0, …}, "failures": n}: failures is the sum of all
 * conditions'. NULL: out of memory. */
json_t *conditions_health(const struct conditions *c);

#endif
