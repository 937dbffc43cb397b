/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/traffic.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include <vpc/cleanup.h>

#include "datapath/maps/state.h"
#include "datapath/maps/words.h"

/* Elements that one system call copies. */
#define BATCH 256u

/* Reads n consecutive elements of an array, from index `first` on. */
static int read_elements(int fd, uint32_t first, uint32_t n, void *values, size_t value_bytes)
{
	_cleanup_free_ uint32_t *keys = calloc(n, sizeof(*keys));
	uint32_t before = first - 1, next = 0, done = 0;

	if (!keys)
		return -ENOMEM;
	while (done < n) {
		__u32 count = n - done;
		/* A batch begins behind the index that it is given. */
		int r = bpf_map_lookup_batch(fd, first + done ? &before : NULL, &next, keys,
					     (char *)values + done * value_bytes, &count, NULL);

		if (r < 0 && (r != -ENOENT || count < n - done))
			return r;
		if (!count)
			return -EIO;
		done += count;
		before = first + done - 1;
	}
	return 0;
}

uint32_t maps_enis_end(const struct maps *maps)
{
	return maps->mirror.eni_max + 1;
}

uint32_t maps_rows_end(const struct maps *maps)
{
	return maps->mirror.row_numbers.fresh;
}

uint32_t maps_vpc_of_eni(const struct maps *maps, uint32_t eni)
{
	return eni < maps->map[MAP_ENI].n ? __atomic_load_n(&eni_at(maps, eni)->vpc, __ATOMIC_RELAXED) : 0;
}

int traffic_read_stats(const struct kernel_map *map, uint32_t first, uint32_t n, struct vpc_eni_stat *ret)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct vpc_eni_stat *stats = NULL;
	int r = 0;

	if (cpus < 0)
		return cpus;
	if (first > map->n || n > map->n - first)
		return -ERANGE;
	stats = calloc((size_t)cpus * BATCH, sizeof(*stats));
	if (!stats)
		return -ENOMEM;
	for (uint32_t at = 0; r >= 0 && at < n; at += BATCH) {
		uint32_t some = n - at < BATCH ? n - at : BATCH;

		r = read_elements(map->fd, first + at, some, stats, sizeof(*stats) * (size_t)cpus);
		for (uint32_t i = 0; r >= 0 && i < some; i++) {
			struct vpc_eni_stat sum = {};

			for (size_t cpu = 0; cpu < (size_t)cpus; cpu++) {
				const struct vpc_eni_stat *one = &stats[i * (size_t)cpus + cpu];

				sum.rx_packets += one->rx_packets;
				sum.rx_bytes += one->rx_bytes;
				sum.tx_packets += one->tx_packets;
				sum.tx_bytes += one->tx_bytes;
			}
			ret[at + i] = sum;
		}
	}
	return r;
}

uint32_t maps_traffic_id(const struct maps *maps)
{
	return maps->map[MAP_ENI_STAT].id;
}

int maps_traffic_read(const struct maps *maps, uint32_t first, uint32_t n, struct vpc_eni_stat *ret)
{
	return traffic_read_stats(&maps->map[MAP_ENI_STAT], first, n, ret);
}

int maps_drops_read(const struct maps *maps, uint32_t eni, uint64_t ret[VPC_DROP_REASONS_MAX])
{
	if (eni >= maps->map[MAP_ENI].n)
		return -ERANGE;
	return read_elements(maps->map[MAP_DROP].fd, eni * VPC_DROP_REASONS_MAX, VPC_DROP_REASONS_MAX, ret,
			     sizeof(*ret));
}

/* --- rows: those with the most packets, in a heap whose top has the fewest of them ------------------- */

static void sink(struct row_traffic *heap, uint32_t n)
{
	for (uint32_t at = 0, child; (child = 2 * at + 1) < n; at = child) {
		struct row_traffic moved = heap[at];

		if (child + 1 < n && heap[child + 1].packets < heap[child].packets)
			child++;
		if (moved.packets <= heap[child].packets)
			return;
		heap[at] = heap[child];
		heap[child] = moved;
	}
}

static void rise(struct row_traffic *heap, uint32_t at)
{
	while (at > 0 && heap[at].packets < heap[(at - 1) / 2].packets) {
		struct row_traffic moved = heap[at];

		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
		heap[at] = moved;
	}
}

uint32_t maps_rows_read(const struct maps *maps, uint32_t end, struct row_traffic *ret, uint32_t n,
			uint32_t *ret_left_out)
{
	uint32_t used = 0, found = 0;

	for (uint32_t number = 1; number < end; number++) {
		struct row_traffic row = {.packets = load64(&stat_at(maps, number)->packets)};

		if (!row.packets)
			continue;
		row.rule = __atomic_load_n(&row_at(maps, number)->rule, __ATOMIC_RELAXED);
		used++;
		if (found < n) {
			ret[found] = row;
			rise(ret, found++);
		} else if (n && row.packets > ret[0].packets) {
			ret[0] = row;
			sink(ret, n);
		}
	}
	*ret_left_out = used - found;
	return found;
}
