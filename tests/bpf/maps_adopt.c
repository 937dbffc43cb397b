/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adoption by a new process, and a process that dies at each step of a change (P3, P6). Needs root. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/bpf/maps_util.h"

TestSuite(maps_adopt, .init = maps_setup, .fini = maps_teardown, .timeout = 120);

static void old_state(struct test_plan *tp)
{
	tp_base(tp);
	tp_names(tp, true, 1, 90, 3, 130);
	tp_names(tp, true, 1, 91, 4, 131);
	tp_entry(tp, true, 3, 7, 1);
	tp_entry(tp, true, 3, 8, 2);
}

static void new_state(struct test_plan *tp)
{
	struct eni_record e1 = eni_rec(1, 2, 3), e3 = eni_rec(3, 3, 0);

	tp_init(tp);
	tp_vpc(tp, true, 1);
	for (uint16_t i = 1; i < 5; i++)
		tp_row(tp, true, 1, (uint16_t)(443 + i), i, 101u + i);
	tp_row(tp, true, 3, 8080, 1, 120);
	tp_all(tp, true, 3, 121);
	tp_peer(tp, true, 2, 22, 1, 110);
	tp_names(tp, true, 1, 91, 4, 131);
	tp_names(tp, true, 3, 92, 3, 132);
	tp_entry(tp, true, 3, 8, 2);
	tp_entry(tp, true, 4, 7, 3);
	tp_eni(tp, NULL, &e1);
	tp_eni(tp, NULL, &e3);
	tp_addr(tp, true, 5, 3);
	tp_addr(tp, true, 7, 1);
}

static void change(struct maps *t, struct plan *ret)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct test_plan to;

	new_state(&to);
	cr_assert_eq(maps_diff(t, &to.p, ret, &error), 0);
}

Test(maps_adopt, a_second_start_finds_everything)
{
	struct maps *t = maps_small(true);
	struct test_plan tp;
	struct dump before, after;
	char first[512];
	uint32_t id = t->map[MAP_RULE].id;

	cr_assert(!t->adopted);
	old_state(&tp);
	maps_apply(t, &tp);
	before = maps_dump(t);
	maps_close(t);

	t = maps_small(true);
	cr_assert(t->adopted);
	cr_assert_eq(t->map[MAP_RULE].id, id);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after));
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	/* And goes on from there. */
	new_state(&tp);
	{
		struct plan plan;
		struct maps_change *c;
		struct vpc_error error = VPC_ERROR_INIT;

		change(t, &plan);
		cr_assert_eq(maps_prepare(t, &plan, &c, &error), 0, "%s", error.message);
		maps_publish(t, c);
		maps_retire(t, c);
		plan_clear(&plan);
	}
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	maps_close(t);
	free(before.at);
	free(after.at);
}

/* Where the child dies. */
enum { AT_START, PREPARED, GENERATIONS_RAISED, STORED, PUBLISHED, RETIRED, UNDONE, STEPS };

static void die_at(int step)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct maps *t = maps_small(true);
	struct maps_change *c;
	struct plan plan;

	change(t, &plan);
	if (step == AT_START)
		_exit(0);
	if (maps_prepare(t, &plan, &c, &error) < 0)
		_exit(1);
	if (step == PREPARED)
		_exit(0);
	if (step == UNDONE) {
		maps_undo(t, c);
		_exit(0);
	}
	if (step == GENERATIONS_RAISED || step == STORED) {
		generations_raise(t, c);
		if (step == STORED)
			epoch_store(t, c->epoch);
		_exit(0);
	}
	maps_publish(t, c);
	if (step == RETIRED)
		maps_retire(t, c);
	_exit(0);
}

static void check_after_death(int step)
{
	struct test_plan old, new;
	char first[512];
	struct maps *t = maps_small(true);
	bool stored = step == STORED || step == PUBLISHED || step == RETIRED;
	struct dump before, after;
	struct plan plan;
	struct maps_change *c;
	struct vpc_error error = VPC_ERROR_INIT;

	old_state(&old);
	new_state(&new);
	cr_assert(t->adopted);
	cr_assert_eq(maps_differences(t, stored ? &new : &old, first, sizeof(first)), 0, "step %d: %s", step, first);
	for (uint32_t i = 1; i < t->map[MAP_ENI].n; i++)
		cr_assert_leq(eni_at(t, i)->gen_revoke, maps_epoch(t));
	/* Nothing half-done comes up with the next commit. */
	before = maps_dump(t);
	epoch_store(t, maps_epoch(t) + 1);
	cr_assert_eq(maps_differences(t, stored ? &new : &old, first, sizeof(first)), 0, "step %d: %s", step, first);
	epoch_store(t, maps_epoch(t) - 1);
	maps_close(t);
	/* What was cleared stays cleared. */
	t = maps_small(true);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after), "step %d: a second adoption changed something", step);
	/* Back to the old state, for the next step. */
	cr_assert_eq(maps_diff(t, &old.p, &plan, &error), 0);
	cr_assert_eq(maps_prepare(t, &plan, &c, &error), 0, "step %d: %s", step, error.message);
	maps_publish(t, c);
	maps_retire(t, c);
	plan_clear(&plan);
	cr_assert_eq(maps_differences(t, &old, first, sizeof(first)), 0, "step %d: %s", step, first);
	maps_close(t);
	free(before.at);
	free(after.at);
}

Test(maps_adopt, death_at_every_step_leaves_the_old_or_the_new)
{
	struct test_plan tp;
	struct maps *t;

	maps_without_judging();
	t = maps_small(true);
	old_state(&tp);
	maps_apply(t, &tp);
	maps_close(t);
	for (int step = 0; step < STEPS; step++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			die_at(step);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "step %d", step);
		check_after_death(step);
	}
}

Test(maps_adopt, death_at_any_instant)
{
	struct test_plan old, new;

	maps_without_judging();
	old_state(&old);
	new_state(&new);
	maps_killed_while_changing(&old, &new, 12);
}

/* A map of flows as version 7 left it. */
static int map_before(const char *name)
{
	char path[512];
	int fd =
		bpf_map_create(BPF_MAP_TYPE_HASH, name, sizeof(struct vpc_flow_key), sizeof(struct vpc_flow), 16, NULL);

	cr_assert_geq(fd, 0);
	snprintf(path, sizeof(path), "%s/v7", maps_pin_dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/v7/maps", maps_pin_dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/v7/maps/%s", maps_pin_dir, name);
	cr_assert_eq(bpf_obj_pin(fd, path), 0);
	return fd;
}

static void flow_before(int fd, uint32_t nth, uint32_t eni, uint32_t grace_until, uint8_t flags)
{
	struct vpc_flow_key key = {.vpc = 1, .addr[0][3] = nth, .proto = 17};
	struct vpc_flow flow = {
		.tag = nth, .epoch = 77, .timeout_s = 180, .flags = flags, .state = VPC_FLOW_ESTABLISHED};

	flow.eni[0] = eni;
	flow.incarnation[0] = eni_rec(eni - VPC_ENI_FIRST, 0, 0).incarnation;
	flow.grace_until[1] = grace_until;
	cr_assert_eq(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
}

static bool flow_now(const struct maps *t, enum map_id id, uint32_t nth, struct vpc_flow *ret)
{
	struct vpc_flow_key key = {.vpc = 1, .addr[0][3] = nth, .proto = 17};

	return bpf_map_lookup_elem(t->map[id].fd, &key, ret) == 0;
}

/* P6: what answers a UDP packet of before the upgrade must not be taken for what opens a flow. */
Test(maps_adopt, flows_of_the_version_before_are_carried_over_and_judged_again)
{
	const uint64_t now_ns = 1000000000000ull;
	struct maps *t = maps_small(true);
	int flow = map_before("flow"), fresh = map_before("flow_new");
	struct test_plan tp;
	struct vpc_flow f;
	uint32_t eni;

	old_state(&tp);
	maps_apply(t, &tp);
	eni = tp.enis[0].after.number;
	flow_before(flow, 1, eni, 0, VPC_FLOW_BUDGETED);
	flow_before(flow, 2, eni, (now_ns - 1) >> VPC_GRACE_SHIFT, VPC_FLOW_BUDGETED);
	flow_before(flow, 3, eni, VPC_GRACE_KEEP, 0);
	flow_before(fresh, 4, eni, 0, 0);
	cr_assert_eq(maps_carry(t, now_ns), 0);
	for (uint32_t nth = 1; nth <= 4; nth++)
		cr_expect_neq(stored_at(t, 0)->round[VPC_STORED_CELL((uint64_t)nth)], 0,
			      "it could begin anew in a slot");
	cr_assert(flow_now(t, MAP_FLOW, 1, &f));
	cr_expect_eq(f.epoch, 0, "it would not be judged again");
	cr_expect_eq(f.eni[0], eni);
	cr_expect_eq(f.timeout_s, 180);
	cr_expect(f.grace_until[0] == 0 && f.grace_until[1] == 0);
	cr_assert(flow_now(t, MAP_FLOW, 2, &f));
	cr_expect(f.grace_until[0] == 0 && f.grace_until[1] == 0, "a grace that has ended");
	cr_assert(flow_now(t, MAP_FLOW, 3, &f));
	cr_expect(f.grace_until[0] == 0 && f.grace_until[1] == VPC_GRACE_KEEP);
	cr_assert(flow_now(t, MAP_FLOW_NEW, 4, &f));
	cr_expect(!flow_now(t, MAP_FLOW, 4, &f));
	cr_expect_eq(eni_flows_at(t, eni)->opened, 2);
	cr_expect_eq(vpc_flows_at(t, 1)->total, 2);
	/* What was opened until the old programs went, and nothing twice. */
	flow_before(fresh, 1, eni, 0, 0);
	flow_before(flow, 5, eni, 0, VPC_FLOW_BUDGETED);
	cr_assert_eq(maps_take_over(t, now_ns), 0);
	cr_expect(flow_now(t, MAP_FLOW, 5, &f));
	cr_expect(!flow_now(t, MAP_FLOW_NEW, 1, &f), "a flow in both maps");
	cr_expect_eq(vpc_flows_at(t, 1)->total, 3);
	close(flow);
	close(fresh);
	maps_close(t);
}

/* What was lost while vpcd was away comes back with the reconcile. */
Test(maps_adopt, a_key_lost_meanwhile_comes_with_the_reconcile)
{
	struct maps *t = maps_small(true);
	struct test_plan tp;
	struct vpc_rule_key key;
	char first[512];

	old_state(&tp);
	maps_apply(t, &tp);
	cr_assert(row_key(&t->mirror, &tp.rows[2], &key));
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_RULE].fd, &key), 0);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 1);
	maps_close(t);
	t = maps_small(true);
	maps_mend(t, &tp);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	maps_close(t);
}

/* Died between the store and the key of an address that moved: it belongs to its new ENI from the start on. */
Test(maps_adopt, an_address_that_moved_without_its_key)
{
	struct maps *t = maps_small(true);
	struct maps_change *c;
	struct test_plan tp;
	struct vpc_addr_key key;
	uint32_t n;

	old_state(&tp);
	maps_apply(t, &tp);
	addr_key_of(1, &tp.addrs[0].ip, &key);
	tp_init(&tp);
	tp_addr(&tp, true, 5, 2);
	c = maps_prepared(t, &tp);
	generations_raise(t, c);
	epoch_store(t, c->epoch);
	maps_close(t);
	t = maps_small(true);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_ADDR].fd, &key, &n), 0);
	cr_assert_eq(addr_at(t, n)->eni, VPC_ENI_FIRST + 2);
	cr_assert(visible(addr_at(t, n)->born, addr_at(t, n)->died, maps_epoch(t)));
	maps_close(t);
	change_free(c);
}

Test(maps_adopt, a_mask_group_lost_meanwhile_comes_with_the_reconcile)
{
	struct maps *t = maps_small(true);
	struct vpc_error error = VPC_ERROR_INIT;
	struct maps_change *c;
	struct test_plan tp;
	struct plan plan;
	struct vpc_mask_group_key key;
	char first[512];

	old_state(&tp);
	maps_apply(t, &tp);
	key = row_mask_group_key(&tp.rows[2]);
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_MASK_GROUP_OF].fd, &key), 0);
	maps_close(t);
	t = maps_small(true);
	cr_assert_eq(maps_diff(t, &tp.p, &plan, &error), 0);
	cr_assert_eq(plan.n_rows, 1);
	cr_assert_eq(maps_prepare(t, &plan, &c, &error), 0, "%s", error.message);
	maps_publish(t, c);
	maps_retire(t, c);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	plan_clear(&plan);
	maps_close(t);
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {};
	__u32 bytes = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &bytes), 0);
	return info.id;
}

static void pin_path(const char *what, char ret[512])
{
	snprintf(ret, 512, "%s/v%d/%s", maps_pin_dir, VPC_ABI_VERSION, what);
}

/* Verifying the programs takes seconds. A start of the same build takes over those that are pinned, but only if they
 * are what it would load itself. */
Test(maps_adopt, a_second_start_takes_over_the_programs)
{
	struct maps *t = maps_small(true);
	uint32_t id = program_id(maps_prog_from_workload(t));
	char path[512], other[512];
	struct vpc_sweep io = {.op = VPC_SWEEP_EXPIRE};

	maps_close(t);
	t = maps_small(true);
	cr_assert_eq(program_id(maps_prog_from_workload(t)), id);
	cr_expect_eq(sweep_run(t, &io), 0);
	cr_expect_eq(maps_pins_mend(t), 0);
	maps_close(t);

	pin_path("progs/to_workload", path);
	pin_path("progs/from_workload", other);
	cr_assert_eq(rename(other, path), 0, "another program at the path of a pin");
	t = maps_small(true);
	cr_expect_neq(program_id(maps_prog_to_workload(t)), id);
	cr_expect_neq(program_id(maps_prog_from_workload(t)), id);
	cr_expect_eq(maps_pins_mend(t), 0);
	id = program_id(maps_prog_from_workload(t));
	maps_close(t);

	pin_path("progs/sweep", path);
	cr_assert_eq(unlink(path), 0, "a program that is missing");
	t = maps_small(true);
	cr_expect_neq(program_id(maps_prog_from_workload(t)), id);
	id = program_id(maps_prog_from_workload(t));
	maps_close(t);

	pin_path("maps/fragment", path);
	cr_assert_eq(unlink(path), 0, "a map that is made anew");
	t = maps_small(true);
	cr_expect_neq(program_id(maps_prog_from_workload(t)), id);
	id = program_id(maps_prog_from_workload(t));
	maps_close(t);
	t = maps_small(true);
	cr_expect_eq(program_id(maps_prog_from_workload(t)), id);
	maps_close(t);
}
