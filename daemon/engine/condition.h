/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conditions: what is wrong now. Each part of vpcd raises one when something fails that it goes on trying, and clears
 * it when that works. `status`, `/metrics` and the log show them; health is "degraded" while there is one.
 *
 * A condition belongs to a subsystem and an object (the id of a resource, or "" for the subsystem as a whole). So one
 * object's repair never hides another's trouble, and there are at most as many conditions as objects.
 *
 * Event loop only. Raising doesn't fail: without memory for another one, health says "degraded" all the same.
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
	char object[CONDITION_OBJECT_MAX]; /* "" : the subsystem itself */
	char reason[CONDITION_REASON_MAX]; /* in English, for people: what is wrong, and what to do if they must */
	uint64_t since_ns;		   /* CLOCK_REALTIME, of the first time */
	unsigned failures;		   /* times that it was raised since */
	uint64_t retry_ns;		   /* CLOCK_MONOTONIC, when it is tried again; 0: by an event, or by somebody */
};

struct conditions;
/* NULL: out of memory. */
struct conditions *conditions_new(void);
void conditions_free(struct conditions *c);
DEFINE_CLEANUP(struct conditions *, conditions_free);

/* Something is wrong, or still is. Tells the log when it is new or has another reason. The returned condition (NULL:
 * out of memory) is valid until the next call. retry_ns: see struct condition. */
PRINTF_LIKE(5, 6)
const struct condition *condition_raise(struct conditions *c, enum condition_subsystem s, const char *object,
					uint64_t retry_ns, const char *format, ...);
/* It is right now. Tells the log. Fine if nothing was wrong. */
void condition_clear(struct conditions *c, enum condition_subsystem s, const char *object);
/* NULL: nothing is wrong with it. Valid until the next raise or clear. */
const struct condition *condition_find(const struct conditions *c, enum condition_subsystem s, const char *object);
/* Of a subsystem; CONDITION_SUBSYSTEMS: of all. */
size_t condition_count(const struct conditions *c, enum condition_subsystem s);
/* Calls fn for each; it may clear the one that it is given. */
void condition_each(struct conditions *c, void (*fn)(const struct condition *one, void *userdata), void *userdata);

/* {"state": "ok"|"degraded", "conditions": {"network": 0, …}, "failures": n}: failures is the sum of all
 * conditions'. NULL: out of memory. */
json_t *conditions_health(const struct conditions *c);

#endif
