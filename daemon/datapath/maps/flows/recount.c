/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/recount.h"

#include <errno.h>
#include <stdlib.h>

#define ROUNDS 3

enum { OPENED, ANSWERED, ENI_COUNTS };
enum { TOTAL, HALF_OPEN, VPC_COUNTS };

struct recount {
	const struct vpc_eni *eni;
	struct vpc_eni_flows *eni_flows;
	struct vpc_vpc_flows *vpc_flows;
	uint32_t n_enis, n_vpcs;
	struct recount_count (*of_eni)[ENI_COUNTS];
	struct recount_count (*of_vpc)[VPC_COUNTS];
	bool walking; /* the walk has begun at the beginning of `flow` */
};

int recount_new(const struct maps *maps, struct recount **ret)
{
	_cleanup_(recount_freep) struct recount *y = calloc(1, sizeof(*y));

	if (!y)
		return -ENOMEM;
	y->eni = eni_at(maps, 0);
	y->eni_flows = eni_flows_at(maps, 0);
	y->vpc_flows = vpc_flows_at(maps, 0);
	y->n_enis = maps->map[MAP_ENI].n;
	y->n_vpcs = maps->map[MAP_VPC].n;
	y->of_eni = calloc(y->n_enis, sizeof(*y->of_eni));
	y->of_vpc = calloc(y->n_vpcs, sizeof(*y->of_vpc));
	if (!y->of_eni || !y->of_vpc)
		return -ENOMEM;
	*ret = TAKE_PTR(y);
	return 0;
}

struct recount *recount_free(struct recount *y)
{
	if (!y)
		return NULL;
	free(y->of_eni);
	free(y->of_vpc);
	free(y);
	return NULL;
}

static int64_t *eni_count(const struct recount *y, uint32_t number, unsigned which)
{
	return (int64_t *)(which == OPENED ? &y->eni_flows[number].opened : &y->eni_flows[number].answered);
}

static int64_t *vpc_count(const struct recount *y, uint32_t number, unsigned which)
{
	return (int64_t *)(which == TOTAL ? &y->vpc_flows[number].total : &y->vpc_flows[number].half_open);
}

void recount_count_begin(struct recount_count *c, const int64_t *now)
{
	c->counted = 0;
	c->before = __atomic_load_n(now, __ATOMIC_RELAXED);
}

void recount_begin(struct recount *y)
{
	y->walking = true;
	for (uint32_t i = 0; i < y->n_enis; i++)
		for (unsigned which = 0; which < ENI_COUNTS; which++)
			recount_count_begin(&y->of_eni[i][which], eni_count(y, i, which));
	for (uint32_t i = 0; i < y->n_vpcs; i++)
		for (unsigned which = 0; which < VPC_COUNTS; which++)
			recount_count_begin(&y->of_vpc[i][which], vpc_count(y, i, which));
}

static void add_side(struct recount *y, const struct vpc_flow *flow, unsigned side)
{
	uint32_t number = flow->eni[side];

	if (number && number < y->n_enis && y->eni[number].incarnation == flow->incarnation[side])
		y->of_eni[number][side && flow->eni[0] ? ANSWERED : OPENED].counted++;
}

void recount_add(struct recount *y, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	if (!y->walking || key->vpc >= y->n_vpcs || !(flow->flags & (VPC_FLOW_BUDGETED | VPC_FLOW_HALF_OPEN)))
		return;
	y->of_vpc[key->vpc][TOTAL].counted++;
	if (flow->flags & VPC_FLOW_HALF_OPEN) {
		y->of_vpc[key->vpc][HALF_OPEN].counted++;
		return;
	}
	add_side(y, flow, 0);
	add_side(y, flow, 1);
}

void recount_count_end(struct recount_count *c, int64_t *now)
{
	int64_t wrong = c->before - c->counted;

	if (!wrong || __atomic_load_n(now, __ATOMIC_RELAXED) != c->before) {
		c->times = 0;
		return;
	}
	c->times = c->times && wrong == c->wrong ? c->times + 1 : 1;
	c->wrong = wrong;
	if (c->times < ROUNDS)
		return;
	__atomic_fetch_sub(now, wrong, __ATOMIC_RELAXED);
	c->times = 0;
}

void recount_end(struct recount *y)
{
	if (!y->walking)
		return;
	y->walking = false;
	for (uint32_t i = 0; i < y->n_enis; i++)
		for (unsigned which = 0; which < ENI_COUNTS; which++)
			recount_count_end(&y->of_eni[i][which], eni_count(y, i, which));
	for (uint32_t i = 0; i < y->n_vpcs; i++)
		for (unsigned which = 0; which < VPC_COUNTS; which++)
			recount_count_end(&y->of_vpc[i][which], vpc_count(y, i, which));
}
