/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/address_config.h"

#include <stdio.h>
#include <string.h>

#include "datapath/maps/state.h"
#include "datapath/maps/sum.h"
#include "datapath/maps/verify/report.h"
#include "datapath/maps/words.h"

static bool address_config_right(const struct vpc_address_config *row, const struct eni_record *want)
{
	return row->incarnation == want->incarnation && row->ip4 == want->ip4 &&
	       memcmp(row->ip6, want->ip6, sizeof(row->ip6)) == 0;
}

/* A program that reads in between finds an incarnation that isn't the ENI's, and doesn't answer. */
static void address_config_store(struct vpc_address_config *row, const struct eni_record *want)
{
	store32(&row->incarnation, 0);
	store32(&row->ip4, want->ip4);
	for (size_t i = 0; i < 4; i++)
		store32(&row->ip6[i], want->ip6[i]);
	store64(&row->advertised_ns, 0);
	__atomic_store_n(&row->incarnation, want->incarnation, __ATOMIC_RELEASE);
}

static bool options_right(const struct vpc_address_config_space *space, const struct vpc_address_config_options *want)
{
	return memcmp(&space->slot[space->version & 1], want, sizeof(*want)) == 0;
}

/* A program that reads the old slot goes on with it. It looks at the version again after, since two changes may have
 * come meanwhile. */
static void options_store(struct vpc_address_config_space *space, const struct vpc_address_config_options *want)
{
	uint64_t next = space->version + 1;

	memcpy(&space->slot[next & 1], want, sizeof(*want));
	store64(&space->version, next);
}

static uint64_t config_sum(const struct vpc_address_config *row)
{
	return sum64(&row->incarnation, sizeof(*row) - offsetof(struct vpc_address_config, incarnation), 0) | 1;
}

static uint64_t options_sum(const struct vpc_address_config_space *space)
{
	return sum64(&space->slot[space->version & 1], sizeof(space->slot[0]), space->version) | 1;
}

bool address_config_unchanged(const struct maps *maps, uint32_t number)
{
	uint64_t sum = maps->address_config_sums[number];

	return !sum || sum == config_sum(address_config_at(maps, number));
}

bool address_options_unchanged(const struct maps *maps, uint32_t number)
{
	uint64_t sum = maps->address_options_sums[number];

	return !sum || sum == options_sum(address_config_space_at(maps, number));
}

/* Returns 1 if somebody else had changed the row. */
static size_t apply_eni(struct maps *maps, const struct plan_eni *p)
{
	uint32_t number = p->has_after ? p->after.number : p->before.number;
	struct vpc_address_config *row;
	bool unchanged;

	if (number >= maps->map[MAP_ADDRESS_CONFIG].n)
		return 0;
	unchanged = address_config_unchanged(maps, number);
	row = address_config_at(maps, number);
	if (p->has_after && !address_config_right(row, &p->after))
		address_config_store(row, &p->after);
	maps->address_config_sums[number] = p->has_after ? config_sum(row) : 0;
	return !unchanged;
}

static size_t apply_vpc(struct maps *maps, const struct plan_vpc *p)
{
	uint32_t number = p->has_after ? p->after.number : p->before.number;
	struct vpc_address_config_space *space;
	bool unchanged;

	if (number >= maps->map[MAP_ADDRESS_CONFIG_SPACE].n)
		return 0;
	unchanged = address_options_unchanged(maps, number);
	space = address_config_space_at(maps, number);
	if (p->has_after && !options_right(space, &p->after.address_config))
		options_store(space, &p->after.address_config);
	maps->address_options_sums[number] = p->has_after ? options_sum(space) : 0;
	return !unchanged;
}

size_t maps_address_config_apply(struct maps *maps, const struct plan *plan)
{
	size_t changed = 0;

	for (size_t i = 0; i < plan->n_enis; i++)
		changed += apply_eni(maps, &plan->enis[i]);
	for (size_t i = 0; i < plan->n_vpcs; i++)
		changed += apply_vpc(maps, &plan->vpcs[i]);
	return changed;
}

int maps_address_config_verify(struct maps *maps, const struct plan *all, json_t *report)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < all->n_enis; i++) {
		const struct eni_record *want = &all->enis[i].after;
		char name[32];

		if (want->number < maps->map[MAP_ADDRESS_CONFIG].n &&
		    address_config_right(address_config_at(maps, want->number), want))
			continue;
		snprintf(name, sizeof(name), "ENI %u", want->number);
		r = report_difference(report, "DHCP answers", name, "differs", "the addresses are not the ENI's");
	}
	for (size_t i = 0; r >= 0 && i < all->n_vpcs; i++) {
		const struct vpc_record *want = &all->vpcs[i].after;

		if (want->number < maps->map[MAP_ADDRESS_CONFIG_SPACE].n &&
		    options_right(address_config_space_at(maps, want->number), &want->address_config))
			continue;
		r = report_difference(report, "DHCP answers", want->id, "differs", "the options are not the VPC's");
	}
	return r;
}
