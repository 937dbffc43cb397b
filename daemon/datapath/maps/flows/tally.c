/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the counts of established flows are what `flow` holds. The programs count without a lock, and where two CPUs
 * change one flow at the same time a count may be left one too high or too low; a share must not be used up by what
 * isn't there. Each walk around `flow` counts its entries. A count that was the same before and after three walks in a
 * row, and wrong by the same each time, is put right. One that changes meanwhile isn't judged.
 *
 * Everything here runs on the worker, and touches only mapped memory.
 */
#include "datapath/maps/private.h"

#define ROUNDS 3

struct tally_one {
	int64_t counted;
	int64_t before; /* the count when the walk began */
	int64_t wrong;	/* by how much it was, the last time */
	uint32_t times; /* in a row */
};

enum { OPENED, ANSWERED, ENI_COUNTS };
enum { TOTAL, HALF_OPEN, VPC_COUNTS };

struct tally {
	const struct vpc_eni *eni;
	struct vpc_eni_flows *eni_flows;
	struct vpc_vpc_flows *vpc_flows;
	uint32_t n_enis, n_vpcs;
	struct tally_one (*of_eni)[ENI_COUNTS];
	struct tally_one (*of_vpc)[VPC_COUNTS];
	bool walking; /* since the beginning of `flow` */
};

int tally_new(const struct maps *t, struct tally **ret)
{
	_cleanup_(tally_freep) struct tally *y = calloc(1, sizeof(*y));

	if (!y)
		return -ENOMEM;
	y->eni = eni_at(t, 0);
	y->eni_flows = eni_flows_at(t, 0);
	y->vpc_flows = vpc_flows_at(t, 0);
	y->n_enis = t->kernel_map[MAP_ENI].n;
	y->n_vpcs = t->kernel_map[MAP_VPC].n;
	y->of_eni = calloc(y->n_enis, sizeof(*y->of_eni));
	y->of_vpc = calloc(y->n_vpcs, sizeof(*y->of_vpc));
	if (!y->of_eni || !y->of_vpc)
		return -ENOMEM;
	*ret = TAKE_PTR(y);
	return 0;
}

struct tally *tally_free(struct tally *y)
{
	if (!y)
		return NULL;
	free(y->of_eni);
	free(y->of_vpc);
	free(y);
	return NULL;
}

static int64_t *eni_count(const struct tally *y, uint32_t number, unsigned which)
{
	return (int64_t *)(which == OPENED ? &y->eni_flows[number].opened : &y->eni_flows[number].answered);
}

static int64_t *vpc_count(const struct tally *y, uint32_t number, unsigned which)
{
	return (int64_t *)(which == TOTAL ? &y->vpc_flows[number].total : &y->vpc_flows[number].half_open);
}

static void begin_one(struct tally_one *one, const int64_t *count)
{
	one->counted = 0;
	one->before = __atomic_load_n(count, __ATOMIC_RELAXED);
}

void tally_begin(struct tally *y)
{
	y->walking = true;
	for (uint32_t i = 0; i < y->n_enis; i++)
		for (unsigned which = 0; which < ENI_COUNTS; which++)
			begin_one(&y->of_eni[i][which], eni_count(y, i, which));
	for (uint32_t i = 0; i < y->n_vpcs; i++)
		for (unsigned which = 0; which < VPC_COUNTS; which++)
			begin_one(&y->of_vpc[i][which], vpc_count(y, i, which));
}

static void add_side(struct tally *y, const struct vpc_flow *flow, unsigned side)
{
	uint32_t number = flow->eni[side];

	if (number && number < y->n_enis && y->eni[number].incarnation == flow->incarnation[side])
		y->of_eni[number][side && flow->eni[0] ? ANSWERED : OPENED].counted++;
}

void tally_add(struct tally *y, const struct vpc_flow_key *key, const struct vpc_flow *flow)
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

static void end_one(struct tally_one *one, int64_t *count)
{
	int64_t wrong = one->before - one->counted;

	if (!wrong || __atomic_load_n(count, __ATOMIC_RELAXED) != one->before) {
		one->times = 0;
		return;
	}
	one->times = one->times && wrong == one->wrong ? one->times + 1 : 1;
	one->wrong = wrong;
	if (one->times < ROUNDS)
		return;
	__atomic_fetch_sub(count, wrong, __ATOMIC_RELAXED);
	one->times = 0;
}

void tally_end(struct tally *y)
{
	if (!y->walking)
		return;
	y->walking = false;
	for (uint32_t i = 0; i < y->n_enis; i++)
		for (unsigned which = 0; which < ENI_COUNTS; which++)
			end_one(&y->of_eni[i][which], eni_count(y, i, which));
	for (uint32_t i = 0; i < y->n_vpcs; i++)
		for (unsigned which = 0; which < VPC_COUNTS; which++)
			end_one(&y->of_vpc[i][which], vpc_count(y, i, which));
}
