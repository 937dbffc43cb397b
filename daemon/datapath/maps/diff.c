/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan that turns what the mirror holds into a whole state. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/diff.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/state.h"

/* Compares which rules refer to a row too: a row differs if other rules do than should. */
static int diff_rows(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->n_references + 1, sizeof(*wanted));

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_rows; i++) {
		const struct plan_row *r = &d->all->rows[i];
		struct vpc_rule_key key;
		uint32_t number = row_key(m, r, &key) ? row_find(m, &key) : 0;
		uint32_t reference = number ? reference_find(m, number, r->rule) : 0;
		struct plan_row *item;

		if (reference) {
			wanted[reference] = true;
			continue;
		}
		item = PLAN_PUSH(d, rows, plan_row);
		if (!item)
			return -ENOMEM;
		*item = *r;
		item->add = true;
	}
	for (uint32_t number = 1; number < m->row_numbers.fresh; number++) {
		const struct row *row = &m->rows[number];

		for (uint32_t c = row->state == NODE_ALIVE ? row->references : 0; c; c = m->references[c].next_of_row) {
			struct plan_row *item;

			if (wanted[c])
				continue;
			item = PLAN_PUSH(d, rows, plan_row);
			if (!item)
				return -ENOMEM;
			row_describe(m, row, item);
			item->rule = m->references[c].rule;
		}
	}
	return 0;
}

static bool eni_same(const struct mirror *m, const struct eni_record *want)
{
	const struct eni_node *eni = &m->enis[want->number];
	const struct set *set = &m->sets[eni->set];
	struct vpc_eni row;

	eni_row_of(want, &row);
	return eni->state == NODE_ALIVE && set->n == want->n_groups &&
	       memcmp(set->sg, want->groups, want->n_groups * sizeof(*want->groups)) == 0 &&
	       eni_row_equal(&row, &eni->row);
}

static int diff_enis(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.enis, sizeof(*wanted));

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_enis; i++) {
		const struct eni_record *want = &d->all->enis[i].after;
		struct plan_eni *item;

		/* A number that the map does not have is left to prepare, which refuses it by name. */
		if (want->number < m->size.enis) {
			wanted[want->number] = true;
			if (eni_same(m, want))
				continue;
		}
		item = PLAN_PUSH(d, enis, plan_eni);
		if (!item)
			return -ENOMEM;
		item->has_after = true;
		item->after = *want;
		if (want->number < m->size.enis && m->enis[want->number].state == NODE_ALIVE) {
			item->has_before = true;
			eni_record_of(m, want->number, &item->before);
		}
	}
	for (uint32_t number = 1; number < m->size.enis; number++) {
		struct plan_eni *item;

		if (wanted[number] || m->enis[number].state != NODE_ALIVE)
			continue;
		item = PLAN_PUSH(d, enis, plan_eni);
		if (!item)
			return -ENOMEM;
		item->has_before = true;
		eni_record_of(m, number, &item->before);
	}
	return 0;
}

static struct ip ip_of(const struct vpc_addr_key *key)
{
	static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};
	struct ip ip = {.family = 6};

	memcpy(ip.bytes, key->addr, sizeof(ip.bytes));
	if (memcmp(ip.bytes, v4_prefix, sizeof(v4_prefix)) == 0)
		ip.family = 4;
	return ip;
}

static int diff_addrs(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->addr_numbers.size, sizeof(*wanted));

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_addrs; i++) {
		const struct plan_addr *want = &d->all->addrs[i];
		struct vpc_addr_key key;
		struct plan_addr *item;
		uint32_t number;

		addr_key_of(want->vpc, &want->ip, &key);
		number = addr_find(m, &key);
		if (number && m->addrs[number].eni == want->eni) {
			wanted[number] = true;
			continue;
		}
		item = PLAN_PUSH(d, addrs, plan_addr);
		if (!item)
			return -ENOMEM;
		*item = *want;
		item->add = true;
	}
	for (uint32_t number = 1; number < m->addr_numbers.fresh; number++) {
		const struct addr *addr = &m->addrs[number];
		struct plan_addr *item;

		if (wanted[number] || addr->state != NODE_ALIVE)
			continue;
		item = PLAN_PUSH(d, addrs, plan_addr);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_addr){.vpc = addr->key.vpc, .eni = addr->eni, .ip = ip_of(&addr->key)};
	}
	return 0;
}

static int diff_vpcs(struct diff *d)
{
	static const struct vpc_space none;
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.vpcs, sizeof(*wanted));

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_vpcs; i++) {
		const struct vpc_record *want = &d->all->vpcs[i].after;
		struct plan_vpc *item;
		struct vpc_space space;

		if (want->number < m->size.vpcs) {
			wanted[want->number] = true;
			space_of(want, &m->spaces[want->number], &space);
			if (memcmp(&space, &m->spaces[want->number], sizeof(space)) == 0)
				continue;
		}
		item = PLAN_PUSH(d, vpcs, plan_vpc);
		if (!item)
			return -ENOMEM;
		item->has_after = true;
		item->after = *want;
	}
	for (uint32_t number = 1; number < m->size.vpcs; number++) {
		struct plan_vpc *item;

		if (wanted[number] || memcmp(&m->spaces[number], &none, sizeof(none)) == 0)
			continue;
		item = PLAN_PUSH(d, vpcs, plan_vpc);
		if (!item)
			return -ENOMEM;
		item->has_before = true;
		item->before.number = number;
	}
	return 0;
}

int maps_diff(struct maps *maps, const struct plan *all, struct plan *ret, struct vpc_error *reterr)
{
	struct plan plan = {.flows = FLOWS_CUT};
	struct diff d = {.m = &maps->mirror, .all = all, .plan = &plan};
	int r = diff_rows(&d);

	if (r >= 0)
		r = diff_enis(&d);
	if (r >= 0)
		r = diff_addrs(&d);
	if (r >= 0)
		r = diff_vpcs(&d);
	if (r >= 0)
		r = diff_edge(&d);
	if (r >= 0)
		r = diff_acls(&d);
	if (r < 0) {
		plan_clear(&plan);
		return vpc_error_oom(reterr);
	}
	*ret = plan;
	return 0;
}
