/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a transaction reports, what it keeps in memory, and what it costs in a large model. */
#include <malloc.h>
#include <string.h>
#include "model_util.h"

MODEL_SUITE(model_deltas);

/* --- deltas ------------------------------------------------------------------------------------------------------ */

#define APPLY(t, ...)                                                \
	do {                                                         \
		json_t *_json = model_json_from_quotes(__VA_ARGS__); \
		struct change _c = model_change_from_json(_json);    \
		struct change_result _r;                             \
		int _e = model_apply(t, &_c, &_r, &b.error);         \
		cr_assert_eq(_e, 0, "%s", b.error.message);          \
		change_result_clear(&_r);                            \
		change_clear(&_c);                                   \
		json_decref(_json);                                  \
	} while (0)

Test(model_deltas, each_object_at_most_once)
{
	struct model_context context = {.revision = 2, .seed = 9};
	const struct delta *d;
	struct model_txn *t;
	size_t n;

	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'sg.create', 'name': 'g', 'vpc_id': 'a'}]");
	cr_assert_eq(model_begin(b.m, &context, &t), 0);
	APPLY(t, "{'op': 'sg.create', 'name': 'gone', 'vpc_id': 'a'}");
	APPLY(t, "{'op': 'vpc.update', 'vpc_id': 'a', 'name': 'b'}");
	APPLY(t, "{'op': 'vpc.update', 'vpc_id': 'b', 'name': 'c'}");
	APPLY(t, "{'op': 'sg.delete', 'security_group_id': 'gone'}");
	APPLY(t, "{'op': 'sg.authorize', 'security_group_id': 'g', 'rules': [{'direction': 'ingress', 'protocol': "
		 "'all', 'cidr': '::/0'}]}");
	APPLY(t, "{'op': 'sg.authorize', 'security_group_id': 'g', 'rules': [{'direction': 'ingress', 'protocol': '1', "
		 "'cidr': '0.0.0.0/0'}]}");
	APPLY(t, "{'op': 'sg.revoke', 'security_group_id': 'g', 'rules': [{'direction': 'ingress', 'protocol': 'all', "
		 "'cidr': '::/0'}]}");
	cr_assert_eq(model_txn_deltas(t, &d, &n), 0);
	cr_assert_eq(n, 3);
	cr_assert(d[0].before && d[0].after);
	cr_assert_str_eq(d[0].before->name, "a");
	cr_assert_str_eq(d[0].after->name, "c");
	cr_assert(d[1].after->kind == OBJECT_SG && d[1].before && d[1].after->revision == 2);
	cr_assert(!d[2].before && d[2].after->kind == OBJECT_RULE);
	model_commit(t);
	/* What was new in that transaction is old in the next. */
	context.revision = 3;
	cr_assert_eq(model_begin(b.m, &context, &t), 0);
	APPLY(t, "{'op': 'vpc.update', 'vpc_id': 'c', 'name': 'd'}");
	cr_assert_eq(model_txn_deltas(t, &d, &n), 0);
	cr_assert_eq(n, 1);
	cr_assert_str_eq(d[0].before->name, "c");
	model_abort(t);
}

Test(model_deltas, same_seed_same_ids)
{
	struct model_bench other;
	char id[OBJECT_ID_MAX];

	model_bench_open(&other, NULL);
	strcpy(id, model_ok(&b, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'}"));
	cr_assert_str_eq(model_ok(&other, "{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'}"), id);
	cr_assert_str_neq(model_ok(&other, "{'op': 'vpc.create', 'name': 'b', 'cidr': '10.0.0.0/16'}"), id);
	model_bench_close(&other);
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What the process holds of memory after n changes to one route table with as many routes, beyond what it held before
 * them.
 */
static size_t kept_by_changes(unsigned n)
{
	struct model_context context = {.revision = 100 + n, .seed = n};
	struct model_txn *t;
	size_t before, after;

	cr_assert_eq(model_begin(b.m, &context, &t), 0);
	APPLY(t, "{'op': 'route-table.create', 'vpc_id': 'a', 'name': 'many'}");
	before = allocated();
	for (unsigned i = 0; i < n; i++) {
		char *text = NULL;

		cr_assert_geq(
			asprintf(&text,
				 "{'op': 'route.add', 'route_table_id': 'many', 'destination': '100.64.%u.%u/32', "
				 "'target': 'e'}",
				 i / 256, i % 256),
			0);
		APPLY(t, text);
		free(text);
	}
	after = allocated();
	model_abort(t);
	return after - before;
}

/* A version of the table for each change, with all of its routes, would be 16 times as much for four times the changes.
 */
Test(model_deltas, many_changes_to_one_object_keep_no_copies_of_it)
{
	size_t few, many;

#ifdef __SANITIZE_ADDRESS__
	cr_skip("the sanitizer's malloc tells nothing of itself by mallinfo2");
#endif
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/24'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's'}]");
	few = kept_by_changes(200);
	many = kept_by_changes(800);
	cr_assert_gt(few, 0);
	cr_assert_lt(many, 8 * few, "%zu and %zu bytes", few, many);
}

/* --- size -------------------------------------------------------------------------------------------------------- */

static struct change many_rules(size_t n)
{
	struct change c = {.op = CHANGE_SG_AUTHORIZE, .present = FIELD_BIT(FIELD_SG_ID) | FIELD_BIT(FIELD_RULES)};

	c.sg_id = strdup("g");
	c.rules = calloc(n, sizeof(*c.rules));
	c.n_rules = n;
	for (size_t i = 0; i < n; i++) {
		c.rules[i] = (struct rule_spec){.direction = strdup("ingress"),
						.protocol = strdup("tcp"),
						.has_from_port = true,
						.has_to_port = true,
						.from_port = 443,
						.to_port = 443};
		cr_assert_geq(asprintf(&c.rules[i].cidr, "10.%zu.%zu.%zu/32", i >> 16, i >> 8 & 255, i & 255), 0);
	}
	return c;
}

/* No time is asserted; with work that grew with the group, this would not end within criterion's patience. */
Test(model_deltas, a_group_of_a_hundred_thousand_rules, .timeout = 120)
{
	struct model_context context = {.revision = 2, .seed = 3};
	struct change c = many_rules(100000);
	struct change_result result;
	const struct delta *deltas;
	struct model_txn *t;
	size_t n;

	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'sg.create', 'name': 'g', 'vpc_id': 'a'}]");
	cr_assert_eq(model_begin(b.m, &context, &t), 0);
	cr_assert_eq(model_apply(t, &c, &result, &b.error), 0, "%s", b.error.message);
	cr_assert_eq(result.n_rule_ids, 100000);
	change_result_clear(&result);
	model_abort(t);
	cr_assert_eq(model_count(b.m, OBJECT_RULE), 5);
	cr_assert_eq(model_begin(b.m, &context, &t), 0);
	cr_assert_eq(model_apply(t, &c, &result, &b.error), 0);
	model_commit(t);
	b.revision++;
	change_result_clear(&result);
	change_clear(&c);
	model_refused(&b, "RulesPerSecurityGroupLimitExceeded", "rules",
		      "{'op': 'sg.authorize', 'security_group_id': 'g', 'rules': [{'direction': 'ingress', 'protocol': "
		      "'all', 'cidr': '::/0'}]}");
	for (unsigned i = 0; i < 20000; i++) {
		context.revision = ++b.revision + 1;
		cr_assert_eq(model_begin(b.m, &context, &t), 0);
		APPLY(t, i % 2 ? "{'op': 'sg.authorize', 'security_group_id': 'g', 'rules': [{'direction': 'egress', "
				 "'protocol': 'tcp',"
				 " 'from_port': 1, 'to_port': 1, 'cidr': '1.2.3.4/32'}]}"
			       : "{'op': 'sg.update', 'security_group_id': 'g', 'tags': {'a': 'b'}}");
		cr_assert_eq(model_txn_deltas(t, &deltas, &n), 0);
		cr_assert_leq(n, 2, "only what changed");
		model_abort(t);
	}
	model_ok(&b, "{'op': 'sg.delete', 'security_group_id': 'g'}");
	cr_assert_eq(model_count(b.m, OBJECT_RULE), 3);
}

Test(model_deltas, a_thousand_enis_in_one_subnet)
{
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/16'}]");
	for (unsigned i = 0; i < 1000; i++)
		model_ok(&b, "{'op': 'eni.create', 'name': 'e%u', 'subnet_id': 's'}", i);
	cr_assert_str_eq(model_shown(&b, b.id, "ip"), "10.0.3.235");
}
