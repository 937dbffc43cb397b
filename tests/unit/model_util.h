/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of model/: transactions written as JSON with ' for ", and a dump of all that a model shows. */
#ifndef TESTS_UNIT_MODEL_UTIL_H
#define TESTS_UNIT_MODEL_UTIL_H

#include <criterion/criterion.h>

#include <vpc/abi/abi.h>

#include "model/model.h"

struct model_bench {
	struct model *m;
	uint64_t revision;
	struct vpc_error error;	  /* of the last refusal */
	char id[OBJECT_ID_MAX];	  /* what the last change of the last committed transaction made */
	char rule[OBJECT_ID_MAX]; /* and its last rule */
};

/* Limits: NULL for the defaults. */
void model_bench_open(struct model_bench *b, const struct vpc_limits *limits);
/* Gives it one pool of public addresses, called "public". */
void model_bench_pool(struct model_bench *b, const char *cidr);
void model_bench_close(struct model_bench *b);

/* A suite whose tests have a model each, `b`, with a pool of public addresses. */
#define MODEL_SUITE(name)                               \
	static struct model_bench b;                    \
	static void open_bench(void)                    \
	{                                               \
		model_bench_open(&b, NULL);             \
		model_bench_pool(&b, "203.0.113.0/28"); \
	}                                               \
	static void close_bench(void)                   \
	{                                               \
		model_bench_close(&b);                  \
	}                                               \
	TestSuite(name, .init = open_bench, .fini = close_bench)

/* One transaction, committed: a change or an array of them. Fails the test if it is refused. Returns b->id. */
const char *model_ok(struct model_bench *b, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));
/* One transaction that is refused with the code, on that field, leaving the model as it was, which is checked. */
void model_refused(struct model_bench *b, const char *code, const char *field, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));

/* Decodes a change; fails the test on a field that is not known. Clear it with change_clear(). */
struct change model_change_from_json(const json_t *json);
json_t *model_json_from_quotes(const char *text);

/* Everything visible, as text; owned. */
char *model_dump(const struct model *m);
/* A field of the API's object; borrowed until the next call. */
const char *model_shown(struct model_bench *b, const char *id, const char *field);
const struct object *model_object_of(const struct model_bench *b, const char *id);
/* Both have the same objects, whatever the order of their indexes. */
void model_expect_same(const struct model *m, const struct model *other);
/* Loads every document of m, written as text and read again, into a new model. */
struct model *model_reload(const struct model *m);

/* Everything that a model shows but revisions and the order of lists, which a transaction changes. Owned. */
json_t *model_bench_state(const struct model *m);

#endif
