/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes of the maps follow from the limits (P8). Needs root. */
#include <bpf/libbpf.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <sys/sysinfo.h>

#include "datapath/maps/size.h"
#include "datapath/maps/skeleton.h"
#include "tests/bpf/maps_util.h"

TestSuite(maps_size, .init = maps_setup, .fini = maps_teardown, .timeout = 60);

static uint64_t sum(const struct maps *t)
{
	uint64_t bytes = 0;

	for (int i = 0; i < MAP_COUNT; i++)
		bytes += t->map[i].bytes;
	return bytes;
}

/* What the kernel itself says a map takes (fdinfo; map_mem_usage since 6.4). */
static uint64_t kernel_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "memlock: %llu", &bytes);
	fclose(f);
	return bytes;
}

Test(maps_size, defaults_fit_into_their_part_of_memory)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps_config config = {.limits = &vpc_limits_default,
				     .first_epoch = 1,
				     .memory_percent = 5,
				     .classifier_from = MAPS_CLASSIFIER_FROM};
	struct sysinfo machine;
	struct maps *t;
	json_t *status;

	sysinfo(&machine);
	cr_assert_eq(maps_open(&config, &t, &error), 0, "%s", error.message);
	cr_assert_leq(sum(t), (uint64_t)machine.totalram * machine.mem_unit / 20);
	status = maps_status(t);
	cr_assert_eq(json_integer_value(json_object_get(json_object_get(status, "row"), "size")),
		     (json_int_t)maps_limits(t)->rows + 1);
	cr_assert_eq(json_integer_value(json_object_get(json_object_get(status, "row"), "used")), 0);
	cr_assert_eq(json_object_size(status), MAP_COUNT);
	json_decref(status);
	maps_close(t);
}

static bool grows(int fd)
{
	struct bpf_map_info info = {};
	__u32 info_bytes = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &info_bytes), 0);
	return info.map_flags & BPF_F_NO_PREALLOC;
}

Test(maps_size, estimates_are_what_the_kernel_takes)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct vpc_limits limits = vpc_limits_default;
	struct maps_config config = {.limits = &limits, .first_epoch = 1, .classifier_from = MAPS_CLASSIFIER_FROM};
	struct maps *t;

	limits.rows = limits.port_mask_groups = limits.flows_established = 20000;
	cr_assert_eq(maps_open(&config, &t, &error), 0, "%s", error.message);
	for (int i = 0; i < MAP_COUNT; i++) {
		const struct kernel_map *map = &t->map[i];
		uint64_t actual = kernel_bytes(map->fd);

		/* Small ones are all overhead; elements allocated as they come are not there yet. */
		if (map->bytes < 100000 || grows(map->fd))
			continue;
		cr_assert_lt((double)actual, (double)map->bytes * 1.15, "%s: %lu, estimated %lu", map->name, actual,
			     map->bytes);
		cr_assert_gt((double)actual, (double)map->bytes * 0.6, "%s: %lu, estimated %lu", map->name, actual,
			     map->bytes);
	}
	maps_close(t);
}

Test(maps_size, small_machines_get_small_maps)
{
	static const uint64_t megabytes[] = {20, 52, 100, 400, 4000};
	uint32_t rows_before = 0;

	for (size_t i = 0; i < ARRAY_SIZE(megabytes); i++) {
		struct datapath_bpf *bpf = datapath_bpf__open();
		struct vpc_limits limits = vpc_limits_default;
		uint64_t bytes = 0;

		cr_assert_not_null(bpf);
		size_fit(bpf, megabytes[i] << 20, &limits);
		for (int id = 0; id < MAP_COUNT; id++) {
			const struct bpf_map *map = size_object_map(bpf, (enum map_id)id);
			uint32_t n = size_by_limits((enum map_id)id, &limits);

			bytes += size_of_map(bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
					     n ? n : bpf_map__max_entries(map));
		}
		cr_assert_leq(bytes, megabytes[i] << 20);
		cr_assert_gt(bytes, (megabytes[i] << 20) / (megabytes[i] == 4000 ? 20 : 2), "%lu MB is wasted", bytes);
		cr_assert_geq(limits.rows, rows_before);
		cr_assert_leq(limits.rows, vpc_limits_default.rows);
		rows_before = limits.rows;
		datapath_bpf__destroy(bpf);
	}
}
