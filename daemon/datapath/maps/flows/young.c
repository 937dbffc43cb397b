/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/young.h"

#include <string.h>

#include <vpc/abi/flow_tag.h>
#include <vpc/clock.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/flows/sweep.h"
#include "datapath/maps/words.h"

/* The word that says whose the slot is: state, flags, opener, icmp_type. */
static uint32_t word_of(const struct vpc_flow *flow)
{
	return __atomic_load_n((const uint32_t *)(const void *)&flow->state, __ATOMIC_ACQUIRE);
}

/* How often a slot is read that changes meanwhile. A connection changes its state less often. */
#define TRIES 64

/* Copies a slot that has a connection. Returns false if it has none. */
static bool slot_read(const struct vpc_young *y, struct vpc_young *ret)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t word = word_of(&y->flow);
		uint64_t tag = load64(&y->flow.tag);

		memcpy(ret, y, sizeof(*ret));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (word_of(&y->flow) != word || load64(&y->flow.tag) != tag)
			continue;
		ret->flow.opener &= 1;
		ret->flow.icmp_type = 0;
		return ret->flow.state != VPC_FLOW_NONE;
	}
	return false;
}

int young_flush(struct maps *maps, uint64_t before_ns)
{
	struct vpc_sweep io = {.op = VPC_SWEEP_FLUSH, .epoch = maps_epoch(maps), .now_ns = monotonic_ns()};
	struct vpc_young copy;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < VPC_YOUNG_SLOTS; i++) {
		if (young_at(maps, i)->flow.state == VPC_FLOW_NONE)
			continue;
		if (!slot_read(young_at(maps, i), &copy) || copy.flow.created_ns >= before_ns)
			continue;
		io.key[io.n++] = copy.key;
		if (io.n < VPC_SWEEP_MAX)
			continue;
		r = sweep_run(maps, &io);
		io.n = 0;
	}
	return r == 0 && io.n ? sweep_run(maps, &io) : r;
}

bool young_find(const struct maps *maps, const struct vpc_flow_key *key, struct vpc_flow *ret)
{
	struct vpc_young copy;

	if (key->via || !slot_read(young_at(maps, VPC_YOUNG_SLOT(vpc_flow_tag(key))), &copy) ||
	    memcmp(&copy.key, key, sizeof(*key)) != 0)
		return false;
	*ret = copy.flow;
	return true;
}

void young_note_stored(const struct maps *maps, uint64_t tag)
{
	uint8_t round = (uint8_t)__atomic_load_n(&host_flows_at(maps, 0)->stored_round, __ATOMIC_RELAXED);

	__atomic_store_n(&stored_at(maps, 0)->round[VPC_STORED_CELL(tag)], round, __ATOMIC_RELEASE);
}

void young_adopt(const struct maps *maps)
{
	struct vpc_host_flows *h = host_flows_at(maps, 0);

	if (!h->stored_round)
		store32(&h->stored_round, 1);
	if (maps->adopted)
		memset(stored_at(maps, 0), (int)h->stored_round, sizeof(struct vpc_flow_stored));
}

void young_next_round(const struct maps *maps)
{
	__u32 *round = &host_flows_at(maps, 0)->stored_round;
	uint32_t now = __atomic_load_n(round, __ATOMIC_RELAXED);

	store32(round, now < VPC_STORED_LAST ? now + 1 : 1);
}
