/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a hash that nobody could be told of are made again when the kernel refuses them. bpf() is this file's. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>

#include "datapath/maps/map.h"

static int answers[8]; /* of the next calls */
static unsigned n_calls;

int bpf_map_delete_elem(int fd, const void *key)
{
	(void)fd, (void)key;
	return answers[n_calls++];
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd, (void)key, (void)value, (void)flags;
	return answers[n_calls++];
}

static const struct kernel_map map = {.name = "test", .fd = -1};
static const __u32 key = 1, value = 2;

Test(datapath_map, a_refused_deletion_is_made_again)
{
	answers[0] = -EBUSY;
	answers[1] = -ENOMEM;
	cr_expect_eq(map_delete(&map, &key), 0);
	cr_expect_eq(n_calls, 3);
}

Test(datapath_map, what_is_not_there_is_deleted)
{
	answers[0] = -ENOENT;
	cr_expect_eq(map_delete(&map, &key), 0);
	cr_expect_eq(n_calls, 1);
}

Test(datapath_map, a_refused_store_is_made_again)
{
	answers[0] = -EBUSY;
	cr_expect_eq(map_store(&map, &key, &value), 0);
	cr_expect_eq(n_calls, 2);
}

Test(datapath_map, not_for_ever)
{
	for (unsigned i = 0; i < 8; i++)
		answers[i] = -EBUSY;
	cr_expect_eq(map_delete(&map, &key), -EBUSY);
	cr_expect_lt(n_calls, 8);
}
