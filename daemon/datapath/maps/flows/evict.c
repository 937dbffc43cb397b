/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/evict.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include <vpc/clock.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/flows/flows.h"
#include "datapath/maps/flows/sweep.h"
#include "datapath/maps/shares.h"

/* Candidates that are kept at most: what one eviction may be. */
#define KEPT	32768u
/* How long after a walk that found nothing the next may begin. */
#define REST_NS 15000000000ull

struct candidate {
	uint64_t last_seen_ns;
	struct vpc_flow_key key;
};

struct evict {
	int fd;
	uint64_t now_ns, rest_until_ns;
	struct eviction whose;
	bool wanted;
	struct candidate *found; /* has room for twice KEPT; NULL while there is nothing to do */
	uint32_t n, at;
	struct vpc_flow_key keys[FLOWS_READ_BATCH];
	struct vpc_flow flows[FLOWS_READ_BATCH];
};

int evict_new(const struct maps *maps, struct evict **ret)
{
	struct evict *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->fd = maps->map[MAP_FLOW].fd;
	*ret = d;
	return 0;
}

struct evict *evict_free(struct evict *d)
{
	if (!d)
		return NULL;
	free(d->found);
	free(d);
	return NULL;
}

void evict_plan(const struct maps *maps, struct evict *d, uint64_t now_ns)
{
	d->n = d->at = 0;
	d->now_ns = now_ns;
	d->wanted = now_ns >= d->rest_until_ns && shares_to_evict(maps, &d->whose);
}

static int by_age(const void *a, const void *b)
{
	uint64_t x = ((const struct candidate *)a)->last_seen_ns, y = ((const struct candidate *)b)->last_seen_ns;

	return x < y ? -1 : x > y;
}

/* Leaves those that have been idle longest, as many as are to be evicted. */
static void keep_oldest(struct evict *d)
{
	uint32_t most = d->whose.n < KEPT ? d->whose.n : KEPT;

	qsort(d->found, d->n, sizeof(*d->found), by_age);
	if (d->n > most)
		d->n = most;
}

static void consider(struct evict *d, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	uint32_t counts_to = flow->eni[0] ? flow->eni[0] : flow->eni[1];

	if (key->vpc != d->whose.vpc || (d->whose.eni && counts_to != d->whose.eni))
		return;
	if (!(flow->flags & VPC_FLOW_BUDGETED) || flow->last_seen_ns + VPC_SWEEP_END_IDLE_S * NS_PER_S > d->now_ns)
		return;
	if (d->n == 2 * KEPT)
		keep_oldest(d);
	d->found[d->n++] = (struct candidate){.last_seen_ns = flow->last_seen_ns, .key = *key};
}

static int walk(struct evict *d)
{
	uint64_t cursor = 0, next = 0;
	bool first = true;
	int r;

	do {
		__u32 n = FLOWS_READ_BATCH;

		r = bpf_map_lookup_batch(d->fd, first ? NULL : &cursor, &next, d->keys, d->flows, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n; i++)
			consider(d, &d->keys[i], &d->flows[i]);
		cursor = next;
		first = false;
	} while (r == 0);
	return 0;
}

int evict_read(struct evict *d)
{
	int r;

	if (!d->wanted)
		return 0;
	if (!d->found)
		d->found = calloc(2 * KEPT, sizeof(*d->found));
	if (!d->found)
		return -ENOMEM;
	r = walk(d);
	if (r < 0) {
		d->n = 0;
		return r;
	}
	keep_oldest(d);
	if (!d->n) {
		free(d->found);
		d->found = NULL;
		d->rest_until_ns = d->now_ns + REST_NS;
	}
	return 0;
}

int evict_step(struct maps *maps, struct evict *d, uint64_t now_ns)
{
	struct vpc_sweep io = {.op = VPC_SWEEP_END, .epoch = maps_epoch(maps), .now_ns = now_ns};
	int r;

	for (; d->at < d->n && io.n < VPC_SWEEP_MAX; d->at++)
		io.key[io.n++] = d->found[d->at].key;
	r = io.n ? sweep_run(maps, &io) : 0;
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < io.n; i++)
		maps->evicted += io.result[i] == VPC_SWEPT_DONE;
	return d->at < d->n;
}
