/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the kernel's maps back: ENIs and their sets, addresses, address spaces. */
#include "datapath/maps/verify/verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/hex.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/verify/report.h"

#define OBJECT_TEXT_MAX 96

/* --- ENIs --- */

static int verify_set(const struct verify *v, const struct eni_record *want, const char *name)
{
	uint32_t number = versioned_value(&eni_at(v->maps, want->number)->set, v->epoch);
	const struct vpc_set *set;

	if (!number && !want->n_groups)
		return 0;
	if (!number || number >= v->maps->map[MAP_SET].n)
		return report_difference(v->report, "ENI groups", name, "missing", "set %u is in force", number);
	set = set_at(v->maps, number);
	if (set->n != want->n_groups || memcmp(set->sg, want->groups, want->n_groups * sizeof(*want->groups)) != 0 ||
	    set->bloom != set_bloom(want->groups, want->n_groups) ||
	    set->lists != set_lists(&v->maps->mirror, &v->maps->mirror.sets[number]))
		return report_difference(v->report, "ENI groups", name, "differs", "set %u has %u groups, expected %u",
					 number, set->n, want->n_groups);
	return 0;
}

static int verify_eni(const struct verify *v, const struct eni_record *want)
{
	char name[OBJECT_TEXT_MAX];
	struct vpc_eni row;

	snprintf(name, sizeof(name), "eni %u", want->number);
	if (want->number >= v->maps->map[MAP_ENI].n || !eni_at(v->maps, want->number)->incarnation)
		return report_difference(v->report, "ENI row", name, "missing", "VPC %u", want->vpc);
	eni_row_of(want, &row);
	if (!eni_row_equal(&row, eni_at(v->maps, want->number))) {
		int r = report_difference(v->report, "ENI row", name, "differs",
					  "its fields are not what they should be");

		if (r < 0)
			return r;
	}
	return verify_set(v, want, name);
}

int verify_enis(const struct verify *v)
{
	_cleanup_free_ bool *wanted = calloc(v->maps->map[MAP_ENI].n, sizeof(*wanted));
	char name[OBJECT_TEXT_MAX];
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < v->all->n_enis; i++) {
		const struct eni_record *want = &v->all->enis[i].after;

		r = verify_eni(v, want);
		if (want->number < v->maps->map[MAP_ENI].n)
			wanted[want->number] = true;
	}
	for (uint32_t i = 1; r >= 0 && i < v->maps->map[MAP_ENI].n; i++) {
		uint32_t set = versioned_value(&eni_at(v->maps, i)->set, v->epoch);

		/* Without a set nothing passes: the ENI was removed, and is not yet retired. */
		if (wanted[i] || !set)
			continue;
		snprintf(name, sizeof(name), "eni %u", i);
		r = report_difference(v->report, "ENI row", name, "unexpected", "set %u is in force", set);
	}
	return r;
}

/* --- addresses --- */

static int compare_addr_keys(const void *a, const void *b)
{
	const struct plan_addr *x = *(const struct plan_addr *const *)a, *y = *(const struct plan_addr *const *)b;

	if (x->vpc != y->vpc)
		return x->vpc < y->vpc ? -1 : 1;
	return memcmp(x->ip.bytes, y->ip.bytes, sizeof(x->ip.bytes));
}

static const char *addr_text(uint32_t vpc, const void *bytes, char ret[OBJECT_TEXT_MAX])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	if (vpc >= VPC_BRIDGE_FIRST) {
		char mac[MAC_STRLEN];

		snprintf(ret, OBJECT_TEXT_MAX, "subnet %u %s", vpc - VPC_BRIDGE_FIRST,
			 mac_format((const uint8_t *)bytes + 10, mac));
		return ret;
	}
	inet_ntop(AF_INET6, bytes, addr, sizeof(addr));
	snprintf(ret, OBJECT_TEXT_MAX, "VPC %u %s", vpc, addr);
	return ret;
}

/* The addresses that there should be, and what of them was found. */
struct verify_addrs {
	const struct verify *v;
	const struct plan_addr **addrs; /* of the whole state, sorted */
	bool *found;			/* by position in `addrs` */
};

static void verify_addrs_clear(struct verify_addrs *x)
{
	free(x->addrs);
	free(x->found);
}

static int verify_addr(const void *key, const void *value, void *userdata)
{
	struct verify_addrs *x = userdata;
	const struct verify *v = x->v;
	const struct vpc_addr_key *k = key;
	uint32_t number = *(const uint32_t *)value;
	struct plan_addr probe = {.vpc = k->vpc};
	const struct plan_addr *item = &probe, **at;
	const struct vpc_addr_row *row;
	char name[OBJECT_TEXT_MAX];

	addr_text(k->vpc, k->addr, name);
	if (number == 0 || number >= v->maps->map[MAP_ADDR_ROW].n)
		return report_difference(v->report, "address", name, "differs", "leads to row %u, which does not exist",
					 number);
	row = addr_at(v->maps, number);
	if (!visible(row->born, row->died, v->epoch) || memcmp(&row->key, k, sizeof(*k)) != 0)
		return 0; /* waits to be retired; if it should count, it will be missing */
	memcpy(probe.ip.bytes, k->addr, sizeof(probe.ip.bytes));
	at = bsearch(&item, x->addrs, v->all->n_addrs, sizeof(*x->addrs), compare_addr_keys);
	if (!at)
		return report_difference(v->report, "address", name, "unexpected", "of ENI %u", row->eni);
	x->found[at - x->addrs] = true;
	if ((*at)->eni != row->eni)
		return report_difference(v->report, "address", name, "differs", "of ENI %u, expected %u", row->eni,
					 (*at)->eni);
	return 0;
}

int verify_addrs(const struct verify *v)
{
	_cleanup_(verify_addrs_clear) struct verify_addrs x = {.v = v};
	size_t n = v->all->n_addrs;
	char name[OBJECT_TEXT_MAX];
	int r;

	x.addrs = calloc(n + 1, sizeof(*x.addrs));
	x.found = calloc(n + 1, sizeof(*x.found));
	if (!x.addrs || !x.found)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		x.addrs[i] = &v->all->addrs[i];
	qsort(x.addrs, n, sizeof(*x.addrs), compare_addr_keys);
	r = map_each(&v->maps->map[MAP_ADDR], verify_addr, &x);
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!x.found[i])
			r = report_difference(v->report, "address",
					      addr_text(x.addrs[i]->vpc, x.addrs[i]->ip.bytes, name), "missing",
					      "of ENI %u", x.addrs[i]->eni);
	return r;
}

/* --- address spaces --- */

int verify_vpcs(const struct verify *v)
{
	static const struct vpc_space none;
	_cleanup_free_ bool *wanted = calloc(v->maps->map[MAP_VPC].n, sizeof(*wanted));
	char name[OBJECT_TEXT_MAX];
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < v->all->n_vpcs; i++) {
		const struct vpc_record *want = &v->all->vpcs[i].after;
		bool in_range = want->number < v->maps->map[MAP_VPC].n;
		struct vpc_space space;

		if (in_range)
			space_of(want, space_at(v->maps, want->number), &space);
		if (!in_range || memcmp(space_at(v->maps, want->number), &space, sizeof(space)) != 0)
			r = report_difference(v->report, "VPC address space", want->id, "differs", "%u CIDRs expected",
					      want->n_cidrs);
		if (in_range)
			wanted[want->number] = true;
	}
	for (uint32_t i = 1; r >= 0 && i < v->maps->map[MAP_VPC].n; i++) {
		if (wanted[i] || memcmp(space_at(v->maps, i), &none, sizeof(none)) == 0)
			continue;
		snprintf(name, sizeof(name), "VPC %u", i);
		r = report_difference(v->report, "VPC address space", name, "unexpected", "has CIDRs");
	}
	return r;
}
