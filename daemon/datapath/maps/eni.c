/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/eni.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/words.h"

void eni_store(struct maps *maps, uint32_t number, const struct vpc_eni *row)
{
	struct vpc_eni *at = eni_at(maps, number);
	struct vpc_eni new = *row;
	const __u32 *from = &new.vpc;

	new.flags |= __atomic_load_n(&at->flags, __ATOMIC_RELAXED) & ENI_KEPT_FLAGS;
	for (size_t i = 0; i < (sizeof(new) - offsetof(struct vpc_eni, vpc)) / sizeof(*from); i++)
		store32(&(&at->vpc)[i], from[i]);
}

void maps_eni_set_flags(struct maps *maps, uint32_t eni, uint32_t set, uint32_t clear)
{
	__u32 *flags;

	if (eni >= maps->map[MAP_ENI].n)
		return;
	flags = &eni_at(maps, eni)->flags;
	store32(flags, (*flags & ~(clear & ENI_PORT_FLAGS)) | (set & ENI_PORT_FLAGS));
}

int eni_zero_counters(struct maps *maps, uint32_t number)
{
	static const struct vpc_eni_flows no_flows;
	static const struct vpc_eni_fragments no_fragments;
	static const uint64_t zero;
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct vpc_eni_stat *stats = NULL;
	int r;

	if (cpus < 0)
		return cpus;
	stats = calloc((size_t)cpus, sizeof(*stats));
	if (!stats)
		return -ENOMEM;
	r = bpf_map_update_elem(maps->map[MAP_ENI_STAT].fd, &number, stats, BPF_ANY);
	if (r >= 0)
		r = bpf_map_update_elem(maps->map[MAP_ENI_FLOWS].fd, &number, &no_flows, BPF_ANY);
	if (r >= 0)
		r = bpf_map_update_elem(maps->map[MAP_ENI_FRAGMENTS].fd, &number, &no_fragments, BPF_ANY);
	for (uint32_t i = 0; r >= 0 && i < VPC_DROP_REASONS_MAX; i++) {
		uint32_t index = number * VPC_DROP_REASONS_MAX + i;

		r = bpf_map_update_elem(maps->map[MAP_DROP].fd, &index, &zero, BPF_ANY);
	}
	return r;
}

/* An entry is changed in steps, so that a program sees the old CIDR, a part of one of the two, or the new one, and
 * never other addresses: the entry becomes empty, then gets the address, then the mask, which widens it. */
static void space_store4(struct vpc_cidr4 *at, const struct vpc_cidr4 *to)
{
	if (memcmp(at, to, sizeof(*at)) == 0)
		return;
	store32(&at->mask, space_empty4.mask);
	store32(&at->addr, to->addr);
	store32(&at->mask, to->mask);
}

static void space_store6(struct vpc_cidr6 *at, const struct vpc_cidr6 *to)
{
	if (memcmp(at, to, sizeof(*at)) == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(at->mask); i++)
		store32(&at->mask[i], space_empty6.mask[i]);
	for (size_t i = 0; i < ARRAY_SIZE(at->addr); i++)
		store32(&at->addr[i], to->addr[i]);
	for (size_t i = 0; i < ARRAY_SIZE(at->mask); i++)
		store32(&at->mask[i], to->mask[i]);
}

void space_store(struct maps *maps, uint32_t number, const struct vpc_space *space)
{
	struct vpc_space *at = space_at(maps, number);

	if (space->n4 < at->n4)
		store32(&at->n4, space->n4);
	if (space->n6 < at->n6)
		store32(&at->n6, space->n6);
	for (size_t i = 0; i < VPC_CIDRS_MAX; i++) {
		space_store4(&at->cidr4[i], &space->cidr4[i]);
		space_store6(&at->cidr6[i], &space->cidr6[i]);
	}
	for (size_t i = 0; i < VPC_HOST_CIDRS_MAX; i++) {
		if (memcmp(&at->host4[i], &space->host4[i], sizeof(at->host4[i])) != 0)
			space_store4(&at->host4[i], &space_empty4);
		if (memcmp(&at->host6[i], &space->host6[i], sizeof(at->host6[i])) != 0)
			space_store6(&at->host6[i], &space_empty6);
	}
	store32(&at->n4, space->n4);
	store32(&at->n6, space->n6);
	store32(&at->flags, space->flags);
}

void space_store_hosts(struct maps *maps, uint32_t number, const struct vpc_space *space)
{
	struct vpc_space *at = space_at(maps, number);

	for (size_t i = 0; i < VPC_HOST_CIDRS_MAX; i++) {
		space_store4(&at->host4[i], &space->host4[i]);
		space_store6(&at->host6[i], &space->host6[i]);
	}
	__atomic_store_n(&at->n_host4, space->n_host4, __ATOMIC_RELEASE);
	__atomic_store_n(&at->n_host6, space->n_host6, __ATOMIC_RELEASE);
}
