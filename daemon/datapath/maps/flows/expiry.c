/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/expiry.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include <vpc/clock.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/flows/evict.h"
#include "datapath/maps/flows/flows.h"
#include "datapath/maps/flows/recount.h"
#include "datapath/maps/flows/sweep.h"
#include "datapath/maps/flows/translations.h"
#include "datapath/maps/flows/young.h"
#include "datapath/maps/shares.h"
#include "datapath/maps/words.h"

/* Entries that one step looks at. It deletes at most VPC_SWEEP_MAX of them. */
#define STEP_MAX 1024u

enum { ESTABLISHED, OTHER, OVERFLOW, FLOW_MAPS };

/* How long after the last insertion flow_overflow may be called empty: no CPU is still inserting an entry that the walk
 * didn't see. */
#define OVERFLOW_REST_NS 10000000000ull

struct maps_expiry {
	const struct maps *maps; /* borrowed */
	int fd[FLOW_MAPS];	 /* borrowed */
	uint64_t cursor[FLOW_MAPS];
	bool started[FLOW_MAPS]; /* cursor is where the last batch ended */
	unsigned turn;
	uint32_t budget;
	struct vpc_flow_key *keys; /* `budget` and a batch, as are flows */
	struct vpc_flow *flows;
	uint32_t n, at; /* read, and of them looked at */
	struct recount *recount;
	struct evict *evict;
	struct translations *translations;
	struct vpc_host_flows *host;
	uint64_t now_ns;
	uint32_t overflowing; /* entries of flow_overflow in this round */
	uint64_t rounds;      /* that were read to their end */
	uint64_t noted;	      /* as `rounds`, when the last round of flow_stored began */
	uint64_t looked;      /* of them, those that steps have seen all of */
	void (*watch)(const struct vpc_flow_key *key, const struct vpc_flow *flow, void *userdata);
	void *userdata;
};

int maps_expiry_new(const struct maps *maps, uint32_t budget, struct maps_expiry **ret)
{
	_cleanup_(maps_expiry_freep) struct maps_expiry *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->fd[ESTABLISHED] = maps->map[MAP_FLOW].fd;
	x->fd[OTHER] = maps->map[MAP_FLOW_NEW].fd;
	x->fd[OVERFLOW] = maps->map[MAP_FLOW_OVERFLOW].fd;
	x->host = host_flows_at(maps, 0);
	x->maps = maps;
	x->budget = budget;
	x->keys = calloc(budget + FLOWS_READ_BATCH, sizeof(*x->keys));
	x->flows = calloc(budget + FLOWS_READ_BATCH, sizeof(*x->flows));
	if (!x->keys || !x->flows || recount_new(maps, &x->recount) < 0 || evict_new(maps, &x->evict) < 0 ||
	    translations_new(maps, budget, &x->translations) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(x);
	return 0;
}

struct maps_expiry *maps_expiry_free(struct maps_expiry *x)
{
	if (!x)
		return NULL;
	recount_free(x->recount);
	evict_free(x->evict);
	translations_free(x->translations);
	free(x->keys);
	free(x->flows);
	free(x);
	return NULL;
}

void maps_expiry_watch(struct maps_expiry *x,
		       void (*fn)(const struct vpc_flow_key *key, const struct vpc_flow *flow, void *userdata),
		       void *userdata)
{
	x->watch = fn;
	x->userdata = userdata;
}

uint64_t maps_expiry_rounds(const struct maps_expiry *x)
{
	return x->looked;
}

void maps_expiry_plan(struct maps *maps, struct maps_expiry *x, uint64_t now_ns)
{
	shares_update(maps);
	evict_plan(maps, x->evict, now_ns);
	(void)young_flush(maps, now_ns - VPC_YOUNG_NS); /* the next call moves what this one leaves */
	x->now_ns = now_ns;
}

static void round_begins(struct maps_expiry *x, unsigned which)
{
	if (which == ESTABLISHED) {
		recount_begin(x->recount);
		if (x->rounds != x->noted)
			young_next_round(x->maps);
		x->noted = x->rounds;
	} else if (which == OVERFLOW)
		x->overflowing = 0;
}

static void batch_is_read(struct maps_expiry *x, unsigned which, uint32_t n)
{
	if (which == OVERFLOW)
		x->overflowing += n;
	for (uint32_t i = 0; i < n; i++)
		young_note_stored(x->maps, x->flows[x->n + i].tag);
	for (uint32_t i = 0; i < n; i++)
		translations_flow(x->translations, &x->keys[x->n + i], &x->flows[x->n + i]);
	for (uint32_t i = 0; which == ESTABLISHED && i < n; i++)
		recount_add(x->recount, &x->keys[x->n + i], &x->flows[x->n + i]);
}

static void round_ends(struct maps_expiry *x, unsigned which)
{
	__u64 last_ns = load64(&x->host->overflow_ns);

	if (which == OVERFLOW)
		x->rounds++;
	if (which == ESTABLISHED)
		recount_end(x->recount);
	else if (which == OVERFLOW && !x->overflowing && last_ns && x->now_ns > last_ns + OVERFLOW_REST_NS)
		__atomic_compare_exchange_n(&x->host->overflow_ns, &last_ns, 0, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
}

int maps_expiry_read(struct maps_expiry *x)
{
	int r = 0;

	x->n = x->at = 0;
	translations_begin(x->translations, x->now_ns);
	/* At most once around each map. */
	for (unsigned ends = 0; ends < FLOW_MAPS && x->n < x->budget;) {
		unsigned which = x->turn;
		__u32 n = FLOWS_READ_BATCH;
		uint64_t next = 0;

		if (!x->started[which])
			round_begins(x, which);
		r = bpf_map_lookup_batch(x->fd[which], x->started[which] ? &x->cursor[which] : NULL, &next,
					 x->keys + x->n, x->flows + x->n, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		batch_is_read(x, which, n);
		x->started[which] = r == 0;
		x->cursor[which] = next;
		x->n += n;
		if (r == 0)
			continue;
		round_ends(x, which);
		ends++;
		x->turn = (which + 1) % FLOW_MAPS;
	}
	r = translations_read(x->translations);
	return r < 0 ? r : evict_read(x->evict);
}

/* Whether a flow is idle for longer than its timeout, or of an ENI that is gone. The program that deletes looks again
 * whether it is idle. */
static bool over(const struct maps *maps, const struct vpc_flow *flow, uint64_t now_ns)
{
	for (unsigned i = 0; i < 2; i++) {
		uint32_t number = flow->eni[i];

		if (number && (number >= maps->map[MAP_ENI].n || maps->mirror.enis[number].state == NODE_FREE ||
			       maps->mirror.enis[number].row.incarnation != flow->incarnation[i]))
			return true;
	}
	return flow->last_seen_ns + flow->timeout_s * NS_PER_S < now_ns;
}

const struct vpc_nat_key *maps_expiry_tracked(const struct maps_expiry *x, unsigned *ret_n)
{
	return translations_tracked(x->translations, ret_n);
}

int maps_expiry_step(struct maps *maps, struct maps_expiry *x, uint64_t now_ns, unsigned *deleted)
{
	struct vpc_sweep io = {.op = VPC_SWEEP_EXPIRE, .epoch = maps_epoch(maps), .now_ns = now_ns};
	uint32_t end = x->n - x->at < STEP_MAX ? x->n : x->at + STEP_MAX;
	int r;

	for (; x->at < end && io.n < VPC_SWEEP_MAX; x->at++)
		if (over(maps, &x->flows[x->at], now_ns))
			io.key[io.n++] = x->keys[x->at];
		else if (x->watch && x->flows[x->at].state != VPC_FLOW_TOMBSTONE)
			x->watch(&x->keys[x->at], &x->flows[x->at], x->userdata);
	r = io.n ? sweep_run(maps, &io) : 0;
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < io.n; i++)
		*deleted += io.result[i] == VPC_SWEPT_DONE;
	if (x->at < x->n)
		return 1;
	x->looked = x->rounds;
	r = translations_step(maps, x->translations, now_ns, deleted);
	return r ? r : evict_step(maps, x->evict, now_ns);
}
