/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong now: one object's repair leaves the others' trouble alone. */
#include <criterion/criterion.h>

#include "engine/condition.h"

static const char *state_of(const struct conditions *c, json_t **ret)
{
	*ret = conditions_health(c);
	return json_string_value(json_object_get(*ret, "state"));
}

Test(condition, one_repair_leaves_the_others_trouble)
{
	_cleanup_(conditions_freep) struct conditions *c = conditions_new();
	json_t *health;

	cr_assert_str_eq(state_of(c, &health), "ok");
	json_decref(health);
	condition_raise(c, CONDITION_NETWORK, "vpc-1", 0, "a file is in the way");
	condition_raise(c, CONDITION_NETWORK, "vpc-2", 0, "%s", "no descriptor is left");
	condition_raise(c, CONDITION_STORE, "", 0, "read-only");
	cr_expect_eq(condition_count(c, CONDITION_NETWORK), 2);
	cr_expect_eq(condition_count(c, CONDITION_SUBSYSTEMS), 3);
	condition_clear(c, CONDITION_NETWORK, "vpc-2");
	cr_expect_null(condition_find(c, CONDITION_NETWORK, "vpc-2"));
	cr_expect_str_eq(condition_find(c, CONDITION_NETWORK, "vpc-1")->reason, "a file is in the way");
	cr_expect_str_eq(state_of(c, &health), "degraded");
	cr_expect_eq(json_integer_value(json_object_get(json_object_get(health, "conditions"), "network")), 1);
	cr_expect_eq(json_integer_value(json_object_get(json_object_get(health, "conditions"), "maps")), 0);
	json_decref(health);
	condition_clear(c, CONDITION_NETWORK, "vpc-1");
	condition_clear(c, CONDITION_NETWORK, "vpc-1");
	/* the same object in another subsystem is another condition */
	condition_clear(c, CONDITION_MAPS, "");
	cr_expect_str_eq(state_of(c, &health), "degraded");
	json_decref(health);
	condition_clear(c, CONDITION_STORE, "");
	cr_expect_str_eq(state_of(c, &health), "ok");
	json_decref(health);
}

Test(condition, since_is_the_first_time_and_failures_count)
{
	_cleanup_(conditions_freep) struct conditions *c = conditions_new();
	const struct condition *one = condition_raise(c, CONDITION_REMOVAL, "eni-1", 5, "busy");
	uint64_t since = one->since_ns;

	cr_expect_eq(one->failures, 1);
	one = condition_raise(c, CONDITION_REMOVAL, "eni-1", 9, "still busy");
	cr_expect_eq(one->since_ns, since);
	cr_expect_eq(one->retry_ns, 9);
	cr_expect_eq(one->failures, 2);
	cr_expect_str_eq(one->reason, "still busy");
	condition_clear(c, CONDITION_REMOVAL, "eni-1");
	cr_expect_eq(condition_raise(c, CONDITION_REMOVAL, "eni-1", 0, "busy")->failures, 1);
}

static void clear_each(const struct condition *one, void *userdata)
{
	condition_clear(userdata, one->subsystem, one->object);
}

Test(condition, each_may_clear_what_it_is_given)
{
	_cleanup_(conditions_freep) struct conditions *c = conditions_new();
	char id[16];

	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "eni-%d", i);
		condition_raise(c, CONDITION_NETWORK, id, 0, "lost");
	}
	condition_each(c, clear_each, c);
	cr_expect_eq(condition_count(c, CONDITION_SUBSYSTEMS), 0);
}
