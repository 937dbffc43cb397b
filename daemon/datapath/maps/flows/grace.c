/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/grace.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include <vpc/array.h>
#include <vpc/clock.h>

#include "datapath/maps/ctl.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/flows/flows.h"
#include "datapath/maps/flows/sweep.h"
#include "datapath/maps/generations.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/words.h"

/* A run of the program that fails (out of memory, in the kernel) is tried again so often. */
#define TRIES 3

struct sweeping {
	struct maps *maps;
	uint64_t epoch;
	bool all; /* every flow is affected */
	struct graces kept;
	bool lost; /* some flow with a grace is not in kept */
	struct maps_change *c;
	struct vpc_sweep io;
	struct graced item[VPC_SWEEP_MAX]; /* what io.key names */
};

static uint32_t until_of(uint64_t until_ns)
{
	uint64_t until = (until_ns >> VPC_GRACE_SHIFT) + 1;

	return until < VPC_GRACE_KEEP ? (uint32_t)until : VPC_GRACE_KEEP - 1;
}

uint32_t grace_until(enum flows_mode flows, uint64_t until_ns)
{
	return flows == FLOWS_KEEP ? VPC_GRACE_KEEP : until_of(until_ns);
}

static void remember(struct sweeping *s, const struct graced *item)
{
	struct graced *to = ARRAY_PUSH(&s->kept);

	if (to)
		*to = *item;
	else
		s->lost = true;
}

/* The reply to the change lists the flows whose grace is ended. If the list can't grow, the reply lists fewer. */
static void note_ended(struct sweeping *s, const struct graced *item)
{
	struct vpc_flow_key *to = s->c ? ARRAY_PUSH(&s->c->ended) : NULL;

	if (to)
		*to = item->key;
}

static int sweep_flush(struct sweeping *s)
{
	uint32_t n = s->io.n;
	int r = n ? -EAGAIN : 0;

	for (unsigned i = 0; r < 0 && i < TRIES; i++)
		r = sweep_run(s->maps, &s->io);
	for (uint32_t i = 0; i < n; i++) {
		if (r < 0)
			remember(s, &s->item[i]);
		else if (s->io.result[i] == VPC_SWEPT_NOTHING)
			continue;
		else if (s->io.op == VPC_SWEEP_UNSPARE || s->io.result[i] == VPC_SWEPT_ENDED)
			note_ended(s, &s->item[i]);
		else
			remember(s, &s->item[i]);
	}
	s->io.n = 0;
	return r;
}

static int sweep_add(struct sweeping *s, const struct graced *item)
{
	s->item[s->io.n] = *item;
	s->io.key[s->io.n++] = item->key;
	return s->io.n == VPC_SWEEP_MAX ? sweep_flush(s) : 0;
}

/* Whether the change takes something away from the ENI, the set it has, or the prefix lists that this names. */
static bool side_affected(const struct sweeping *s, uint32_t number)
{
	const struct maps *maps = s->maps;
	const struct mirror *m = &maps->mirror;

	if (!number || number >= maps->map[MAP_ENI].n)
		return false;
	return s->all || m->enis[number].revoked == s->epoch || m->sets[m->enis[number].set].revoked == s->epoch ||
	       (m->lists_revoked == s->epoch && set_lists(m, &m->sets[m->enis[number].set]));
}

static bool affected(const struct sweeping *s, const uint32_t eni[2])
{
	return side_affected(s, eni[0]) || side_affected(s, eni[1]);
}

static void keep_list(struct maps *maps, struct sweeping *s)
{
	free(maps->graced.at);
	maps->graced = s->kept;
	maps->graced_lost = s->lost;
	CTL_SET(maps, graces, maps->graced.n || maps->graced_lost);
}

/* --- giving --- */

static int give_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	const struct graced item = {.key = *key, .eni = {flow->eni[0], flow->eni[1]}};
	struct sweeping *s = userdata;

	(void)established;
	if (flow->state == VPC_FLOW_TOMBSTONE)
		return 0;
	if (affected(s, item.eni))
		return sweep_add(s, &item);
	if (flow->grace_until[0] || flow->grace_until[1])
		remember(s, &item);
	return 0;
}

static int give(struct maps *maps, uint32_t op)
{
	struct sweeping s = {
		.maps = maps,
		.epoch = maps->grace.epoch,
		.all = maps->grace.all,
		.io = {.op = op,
		       .epoch = maps->grace.epoch,
		       .now_ns = monotonic_ns(),
		       .grace_until = maps->grace.until},
	};
	int r;

	CTL_SET(maps, graces, 1);
	r = maps_each_flow(maps, 0, give_flow, &s);
	if (r >= 0)
		r = sweep_flush(&s);
	if (r < 0) {
		free(s.kept.at); /* they are a part of the flows only */
		maps->graced_lost = true;
		return r;
	}
	keep_list(maps, &s);
	return 0;
}

int grace_give(struct maps *maps, const struct maps_change *c)
{
	maps->grace.pending = true;
	maps->grace.all = false;
	maps->grace.epoch = c->epoch;
	maps->grace.until = grace_until(c->flows, monotonic_ns() + c->drain_s * NS_PER_S);
	return give(maps, VPC_SWEEP_GRACE);
}

int grace_finish(struct maps *maps)
{
	int r = maps->grace.pending ? give(maps, VPC_SWEEP_LATE) : 0;

	if (r == 0)
		generations_commit(maps);
	return r;
}

int maps_resume_sweep(struct maps *maps, enum flows_mode flows, uint64_t until_ns)
{
	maps->grace.pending = true;
	maps->grace.all = true;
	maps->grace.epoch = maps_epoch(maps);
	maps->grace.until = grace_until(flows, until_ns);
	return grace_finish(maps);
}

bool maps_sweep_pending(const struct maps *maps)
{
	return maps->grace.pending;
}

/* --- ending --- */

/* Whether the change takes an address from the ENI. */
static bool loses_address(const struct mirror *m, uint32_t number)
{
	return number && number < m->size.enis && m->enis[number].affected & AFFECTED_ADDRESS;
}

static int review_address(struct sweeping *s, const struct graced *item)
{
	const struct mirror *m = &s->maps->mirror;

	if (loses_address(m, item->eni[0]) || loses_address(m, item->eni[1]))
		return sweep_add(s, item);
	remember(s, item);
	return 0;
}

static int review_any_address(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established,
			      void *userdata)
{
	const struct graced item = {.key = *key, .eni = {flow->eni[0], flow->eni[1]}};

	(void)established;
	return flow->grace_until[0] || flow->grace_until[1] ? review_address(userdata, &item) : 0;
}

static bool change_takes_address(const struct maps *maps, const struct maps_change *c)
{
	for (size_t i = 0; i < c->mirror.affected_enis.n; i++)
		if (loses_address(&maps->mirror, c->mirror.affected_enis.at[i]))
			return true;
	return false;
}

int grace_end_addresses(struct maps *maps, struct maps_change *c)
{
	struct sweeping s = {
		.maps = maps,
		.epoch = c->epoch,
		.c = c,
		.io = {.op = VPC_SWEEP_ADDRESS, .epoch = c->epoch, .now_ns = monotonic_ns()},
	};
	int r = 0, end;

	if ((!maps->graced.n && !maps->graced_lost) || !change_takes_address(maps, c))
		return 0;
	if (maps->graced_lost)
		r = maps_each_flow(maps, 0, review_any_address, &s);
	for (size_t i = 0; !maps->graced_lost && i < maps->graced.n; i++) {
		end = review_address(&s, &maps->graced.at[i]);
		if (end < 0)
			r = end; /* the others are reviewed all the same */
	}
	end = sweep_flush(&s);
	if (r >= 0)
		r = end;
	s.lost |= r < 0 && maps->graced_lost;
	keep_list(maps, &s);
	return r;
}

/* Flows with a grace that a change with cut affects. */
struct grace_review {
	struct sweeping allowed; /* sides that are allowed again lose theirs */
	struct sweeping all;	 /* both sides lose theirs */
};

static int review_flow(struct grace_review *s, const struct graced *item)
{
	const struct mirror *m = &s->allowed.maps->mirror;

	if (!affected(&s->allowed, item->eni)) {
		remember(&s->allowed, item);
		return 0;
	}
	/* An ENI that loses a group loses all graces: a quarantine must cut also what only a grace allows. */
	for (unsigned i = 0; i < 2; i++) {
		uint32_t number = item->eni[i];

		if (number && number < m->size.enis && m->enis[number].revoked == s->allowed.epoch)
			return sweep_add(&s->all, item);
	}
	return sweep_add(&s->allowed, item);
}

static int review_any_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established,
			   void *userdata)
{
	const struct graced item = {.key = *key, .eni = {flow->eni[0], flow->eni[1]}};

	(void)established;
	if (!flow->grace_until[0] && !flow->grace_until[1])
		return 0;
	return review_flow(userdata, &item);
}

int grace_end(struct maps *maps, struct maps_change *c)
{
	struct grace_review s;
	int r = 0, end;

	if (!maps->graced.n && !maps->graced_lost)
		return 0;
	s.allowed = (struct sweeping){.maps = maps, .epoch = c->epoch, .c = c};
	s.allowed.io = (struct vpc_sweep){.op = VPC_SWEEP_CONFIRM, .epoch = c->epoch, .now_ns = monotonic_ns()};
	s.all = s.allowed;
	s.all.io.op = VPC_SWEEP_UNSPARE;
	if (maps->graced_lost)
		r = maps_each_flow(maps, 0, review_any_flow, &s);
	for (size_t i = 0; !maps->graced_lost && i < maps->graced.n; i++) {
		end = review_flow(&s, &maps->graced.at[i]);
		if (end < 0)
			r = end; /* the others are reviewed all the same */
	}
	end = sweep_flush(&s.allowed);
	if (r >= 0)
		r = end;
	end = sweep_flush(&s.all);
	if (r >= 0)
		r = end;
	for (size_t i = 0; i < s.all.kept.n; i++) /* could not be ended */
		remember(&s.allowed, &s.all.kept.at[i]);
	free(s.all.kept.at);
	s.allowed.lost |= s.all.lost || (r < 0 && maps->graced_lost);
	keep_list(maps, &s.allowed);
	return r;
}

/* --- after a start --- */

static int find_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	const struct graced item = {.key = *key, .eni = {flow->eni[0], flow->eni[1]}};

	(void)established;
	if (flow->grace_until[0] || flow->grace_until[1])
		remember(userdata, &item);
	return 0;
}

int grace_find(struct maps *maps)
{
	struct sweeping s = {.maps = maps};
	int r;

	if (!maps->ctl.graces)
		return 0;
	r = maps_each_flow(maps, 0, find_flow, &s);
	if (r < 0) {
		free(s.kept.at);
		maps->graced_lost = true;
		return r;
	}
	keep_list(maps, &s);
	return 0;
}
