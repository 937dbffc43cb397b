/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/epoch.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#include "datapath/maps/ctl.h"
#include "datapath/maps/words.h"

uint64_t maps_epoch(const struct maps *maps)
{
	return load64(&maps->ctl.epoch);
}

void epoch_store(struct maps *maps, uint64_t epoch)
{
	CTL_SET(maps, epoch, epoch);
}

uint32_t versioned_value(const struct vpc_versioned *v, uint64_t epoch)
{
	uint64_t best = 0;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t slot = load64(&v->slot[i]);

		if (slot >> VPC_VERSIONED_SHIFT <= epoch && slot > best)
			best = slot;
	}
	return (uint32_t)(best & VPC_VERSIONED_VALUE_MASK);
}

unsigned versioned_spare(const struct vpc_versioned *v, uint64_t epoch)
{
	uint64_t at0 = load64(&v->slot[0]) >> VPC_VERSIONED_SHIFT;
	uint64_t at1 = load64(&v->slot[1]) >> VPC_VERSIONED_SHIFT;

	if (at0 > epoch)
		return 0;
	if (at1 > epoch)
		return 1;
	return at0 > at1 ? 1 : 0;
}

/* Replaces a map in a map: the system call ends with a grace period (kernel/bpf/syscall.c, maybe_wait_bpf_programs). */
static int wait_by_map(void)
{
	_cleanup_close_ int inner = -1, outer = -1;
	uint32_t key = 0;
	DECLARE_LIBBPF_OPTS(bpf_map_create_opts, opts);

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vpc_grace", 4, 4, 1, NULL);
	if (inner < 0)
		return inner;
	opts.inner_map_fd = (uint32_t)inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "vpc_grace_of", 4, 4, 1, &opts);
	if (outer < 0)
		return outer;
	return bpf_map_update_elem(outer, &key, &inner, BPF_ANY);
}

/* MEMBARRIER_CMD_GLOBAL waits for what synchronize_rcu() waits for. A kernel with nohz_full refuses it. */
int maps_wait_grace_period(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return 0;
	return wait_by_map();
}

void versioned_clear(const struct maps *maps, struct vpc_versioned *v)
{
	store64(&v->slot[versioned_spare(v, maps_epoch(maps))], 0);
	store64(&v->slot[0], 0);
	store64(&v->slot[1], 0);
}

void versioned_undo_after(struct vpc_versioned *v, uint64_t epoch)
{
	for (unsigned i = 0; i < 2; i++)
		if (v->slot[i] >> VPC_VERSIONED_SHIFT > epoch)
			store64(&v->slot[i], 0);
}

void lifetime_undo_after(__u64 *born, __u64 *died, uint64_t epoch)
{
	if (*born > epoch)
		store64(died, 0); /* the rest goes when it is read back */
	else if (*died > epoch && *died != VPC_ALIVE)
		store64(died, VPC_ALIVE);
}
