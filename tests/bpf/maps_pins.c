/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pins: sizes that are kept, what purging removes and what it leaves, pins of another version (P6). Needs root. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/maps_util.h"

TestSuite(maps_pins, .init = maps_setup, .fini = maps_teardown, .timeout = 120);

Test(maps_pins, a_size_that_was_pinned_is_kept)
{
	struct maps *t = maps_small(true);
	struct vpc_limits larger = maps_limits_small;
	struct maps_config config = {
		.pin_dir = maps_pin_dir, .limits = &larger, .first_epoch = 1, .classifier_from = MAPS_CLASSIFIER_FROM};
	struct vpc_error error = VPC_ERROR_INIT;

	maps_close(t);
	larger.rows = 4000;
	larger.enis = 100;
	cr_assert_eq(maps_open(&config, &t, &error), 0, "%s", error.message);
	cr_assert_eq(maps_limits(t)->rows, 400);
	cr_assert_eq(maps_limits(t)->enis, 16);
	cr_assert_eq(maps_epoch(t), 7);
	maps_close(t);
}

Test(maps_pins, a_first_start_that_died_is_thrown_away)
{
	struct maps *t = maps_small(true);
	char path[512];

	maps_close(t);
	snprintf(path, sizeof(path), "%s/v%d/maps/ctl", maps_pin_dir, VPC_ABI_VERSION);
	cr_assert_eq(unlink(path), 0);
	t = maps_small(true);
	cr_assert(!t->adopted);
	maps_close(t);
	t = maps_small(true);
	cr_assert(t->adopted);
	maps_close(t);
}

Test(maps_pins, purge_leaves_nothing)
{
	struct maps *t = maps_small(true);
	char path[512];
	struct stat st;

	maps_close(t);
	snprintf(path, sizeof(path), "%s/v%d", maps_pin_dir, VPC_ABI_VERSION);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(maps_purge(path), 0);
	cr_assert_neq(stat(path, &st), 0);
	cr_assert_eq(maps_purge(path), 0);
}

/* The folder that the instances' pins are in. */
static void base_path(char base[512])
{
	snprintf(base, 512, "%s/base", maps_pin_dir);
}

static const char *vanishing; /* the folder that is removed as soon as it was made, once */

/* In place of libc's. */
int mkdir(const char *path, mode_t mode)
{
	int r = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);

	if (vanishing && strcmp(path, vanishing) == 0) {
		vanishing = NULL;
		cr_assert_eq(rmdir(path), 0);
	}
	return r;
}

Test(maps_pins, the_last_purge_removes_the_folder_of_all_instances)
{
	char base[512], one[520], other[520];
	struct stat st;

	base_path(base);
	snprintf(one, sizeof(one), "%s/one", base);
	snprintf(other, sizeof(other), "%s/other", base);
	cr_assert_eq(mkdir(base, 0700), 0);
	cr_assert_eq(mkdir(one, 0700), 0);
	cr_assert_eq(mkdir(other, 0700), 0);
	cr_assert_eq(maps_purge(one), 0);
	cr_assert_neq(stat(one, &st), 0);
	cr_assert_eq(stat(other, &st), 0, "it was another instance's");
	cr_assert_eq(maps_purge(other), 0);
	cr_assert_neq(stat(base, &st), 0);
	cr_assert_eq(maps_purge(other), 0, "nothing is there any more");
	/* as when a purge was ended before its last step */
	cr_assert_eq(mkdir(base, 0700), 0);
	cr_assert_eq(maps_purge(other), 0);
	cr_assert_neq(stat(base, &st), 0);
}

Test(maps_pins, a_start_meets_the_purge_of_another_instance)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	char base[512], own[520];
	struct maps_config config = {.pin_dir = own,
				     .limits = &maps_limits_small,
				     .first_epoch = 7,
				     .classifier_from = MAPS_CLASSIFIER_FROM};
	struct maps *t = NULL;
	struct stat st;

	base_path(base);
	snprintf(own, sizeof(own), "%s/own", base);
	vanishing = base;
	cr_assert_eq(maps_open(&config, &t, &error), 0, "%s", error.message);
	cr_assert_null(vanishing);
	maps_close(t);
	cr_assert_eq(maps_purge(own), 0);
	cr_assert_neq(stat(base, &st), 0);
}

/* Its programs would go on judging, in front of ours. */
Test(maps_pins, another_versions_pins_go_and_tcp_may_be_taken_up_for_a_while)
{
	struct maps *t = maps_small(true);
	char own[512], other[512], stranger[512];
	struct stat st;

	cr_assert_eq(maps_take_over(t, 1000), 0);
	cr_assert_eq(((struct vpc_ctl *)t->map[MAP_CTL].mem)->pickup_until_ns, 0);
	snprintf(own, sizeof(own), "%s/v%d/maps/ctl", maps_pin_dir, VPC_ABI_VERSION);
	snprintf(other, sizeof(other), "%s/v%d", maps_pin_dir, VPC_ABI_VERSION + 1);
	snprintf(stranger, sizeof(stranger), "%s/very", maps_pin_dir);
	cr_assert_eq(mkdir(other, 0700), 0);
	cr_assert_eq(mkdir(stranger, 0700), 0);
	snprintf(other, sizeof(other), "%s/v%d/links", maps_pin_dir, VPC_ABI_VERSION + 1);
	cr_assert_eq(mkdir(other, 0700), 0);
	snprintf(other, sizeof(other), "%s/v%d/links/1024-in", maps_pin_dir, VPC_ABI_VERSION + 1);
	cr_assert_eq(bpf_obj_pin(t->map[MAP_CTL].fd, other), 0);
	cr_assert_eq(maps_take_over(t, 1000), 0);
	snprintf(other, sizeof(other), "%s/v%d", maps_pin_dir, VPC_ABI_VERSION + 1);
	cr_expect_neq(stat(other, &st), 0);
	cr_expect_eq(stat(own, &st), 0);
	cr_expect_eq(stat(stranger, &st), 0);
	cr_expect_eq(((struct vpc_ctl *)t->map[MAP_CTL].mem)->pickup_until_ns, 30000001000ull);
	rmdir(stranger);
	maps_close(t);
}
