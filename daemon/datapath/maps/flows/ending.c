/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ending flows early, where a share is nearly full (maps/shares.c says whose): those of that VPC or ENI that have
 * been idle longest. `flow` is walked on the worker; the program that deletes looks again whether the flow is idle
 * still.
 */
#include <bpf/bpf.h>

#include "datapath/maps/private.h"

#define READ_BATCH 1024u /* as in flows/expiry.c */
#define KEPT	   32768u
/* After a walk that found nothing there is no other for so long. */
#define REST_NS	   15000000000ull

struct candidate {
	uint64_t last_seen_ns;
	struct vpc_flow_key key;
};

struct ending {
	int fd;
	uint64_t now_ns, rest_until_ns;
	struct shares_end whose;
	bool wanted;
	struct candidate *found; /* twice KEPT, while there is something to do */
	uint32_t n, at;
	struct vpc_flow_key keys[READ_BATCH];
	struct vpc_flow flows[READ_BATCH];
};

int ending_new(const struct maps *t, struct ending **ret)
{
	struct ending *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->fd = t->kernel_map[MAP_FLOW].fd;
	*ret = d;
	return 0;
}

struct ending *ending_free(struct ending *d)
{
	if (!d)
		return NULL;
	free(d->found);
	free(d);
	return NULL;
}

void ending_plan(const struct maps *t, struct ending *d, uint64_t now_ns)
{
	d->n = d->at = 0;
	d->now_ns = now_ns;
	d->wanted = now_ns >= d->rest_until_ns && shares_to_end(t, &d->whose);
}

static int by_age(const void *a, const void *b)
{
	uint64_t x = ((const struct candidate *)a)->last_seen_ns, y = ((const struct candidate *)b)->last_seen_ns;

	return x < y ? -1 : x > y;
}

/* Leaves those that have been idle longest, as many as are to be ended. */
static void keep_oldest(struct ending *d)
{
	uint32_t most = d->whose.n < KEPT ? d->whose.n : KEPT;

	qsort(d->found, d->n, sizeof(*d->found), by_age);
	if (d->n > most)
		d->n = most;
}

static void consider(struct ending *d, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	uint32_t counts_to = flow->eni[0] ? flow->eni[0] : flow->eni[1];

	if (key->vpc != d->whose.vpc || (d->whose.eni && counts_to != d->whose.eni))
		return;
	if (!(flow->flags & VPC_FLOW_BUDGETED) || flow->last_seen_ns + VPC_SWEEP_END_IDLE_S * 1000000000ull > d->now_ns)
		return;
	if (d->n == 2 * KEPT)
		keep_oldest(d);
	d->found[d->n++] = (struct candidate){.last_seen_ns = flow->last_seen_ns, .key = *key};
}

static int walk(struct ending *d)
{
	uint64_t cursor = 0, next = 0;
	bool first = true;
	int r;

	do {
		__u32 n = READ_BATCH;

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

int ending_read(struct ending *d)
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

int ending_step(struct maps *t, struct ending *d, uint64_t now_ns)
{
	struct vpc_sweep io = {.op = VPC_SWEEP_END, .epoch = maps_epoch(t), .now_ns = now_ns};
	int r;

	for (; d->at < d->n && io.n < VPC_SWEEP_MAX; d->at++)
		io.key[io.n++] = d->found[d->at].key;
	r = io.n ? sweep_run(t, &io) : 0;
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < io.n; i++)
		t->ended_early += io.result[i] == VPC_SWEPT_DONE;
	return d->at < d->n;
}
