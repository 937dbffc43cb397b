/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/address_config.h"

#include <stdio.h>
#include <string.h>

#include "datapath/maps/report.h"
#include "datapath/maps/state.h"
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

void maps_address_config_apply(struct maps *t, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_enis; i++) {
		const struct plan_eni *p = &plan->enis[i];

		if (p->has_after && p->after.number < t->map[MAP_ADDRESS_CONFIG].n &&
		    !address_config_right(address_config_at(t, p->after.number), &p->after))
			address_config_store(address_config_at(t, p->after.number), &p->after);
	}
	for (size_t i = 0; i < plan->n_vpcs; i++) {
		const struct plan_vpc *p = &plan->vpcs[i];

		if (p->has_after && p->after.number < t->map[MAP_ADDRESS_CONFIG_SPACE].n &&
		    !options_right(address_config_space_at(t, p->after.number), &p->after.address_config))
			options_store(address_config_space_at(t, p->after.number), &p->after.address_config);
	}
}

int maps_address_config_verify(struct maps *t, const struct plan *all, json_t *report)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < all->n_enis; i++) {
		const struct eni_record *want = &all->enis[i].after;
		char name[32];

		if (want->number < t->map[MAP_ADDRESS_CONFIG].n &&
		    address_config_right(address_config_at(t, want->number), want))
			continue;
		snprintf(name, sizeof(name), "ENI %u", want->number);
		r = report_difference(report, "DHCP answers", name, "differs", "the addresses are not the ENI's");
	}
	for (size_t i = 0; r >= 0 && i < all->n_vpcs; i++) {
		const struct vpc_record *want = &all->vpcs[i].after;

		if (want->number < t->map[MAP_ADDRESS_CONFIG_SPACE].n &&
		    options_right(address_config_space_at(t, want->number), &want->address_config))
			continue;
		r = report_difference(report, "DHCP answers", want->id, "differs", "the options are not the VPC's");
	}
	return r;
}
