/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metering and transactions: what deleted objects had counted is stored in the commit that deletes them. */
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/traffic.h"
#include "engine/reports/gateways.h"
#include "engine/reports/usage_private.h"
#include "engine/txn/commit.h"
#include "engine/txn/txn.h"
#include "util/log.h"

/* What an object had counted that ends with a change, by VPC. Returns how many there are: at most 2. */
static size_t ended_sources(struct engine *e, const struct object *before, const struct object *after,
			    struct usage_source ret[2])
{
	struct vpc_eni_stat stat = {};

	if (!before)
		return 0;
	if (before->kind == OBJECT_ENI && !after) {
		if (maps_traffic_read(e->maps, before->number, 1, &stat) < 0)
			return 0;
		ret[0] = (struct usage_source){eni_of(before)->vpc, USAGE_ENIS, stat};
		return 1;
	}
	if (!gateway_ends(before, after) || gateway_read(e, before, &stat) < 0)
		return 0;
	return usage_sources(e->model, before, &stat, ret);
}

static void stat_add(struct vpc_eni_stat *to, const struct vpc_eni_stat *more)
{
	to->rx_packets += more->rx_packets;
	to->rx_bytes += more->rx_bytes;
	to->tx_packets += more->tx_packets;
	to->tx_bytes += more->tx_bytes;
}

/* --- before the commit --------------------------------------------------------------------------------- */

/* The states of VPCs as they are to be stored, by VPC number; NULL: unchanged. */
struct filling {
	struct engine *e;
	struct usage_state **states;
	struct usage_part *part;
};

static struct usage_state *state_to_store(struct filling *f, uint32_t vpc)
{
	if (!vpc || vpc >= f->e->usage->vpcs_end)
		return NULL;
	if (!f->states)
		f->states = calloc(f->e->usage->vpcs_end, sizeof(struct usage_state *));
	if (!f->states)
		return NULL;
	if (!f->states[vpc]) {
		f->states[vpc] = malloc(sizeof(struct usage_state));
		if (f->states[vpc])
			*f->states[vpc] = f->e->usage->vpcs[vpc];
	}
	return f->states[vpc];
}

static int fill_source(struct filling *f, const struct usage_source *source)
{
	struct usage_state *s = state_to_store(f, source->vpc);

	if (!s)
		return -ENOMEM;
	stat_add(&s->gone.of[source->meter], &source->stat);
	return 0;
}

/* All that a VPC had counted is among what is gone, when it goes itself. */
static int fill_vpc_end(struct filling *f, const struct object *vpc)
{
	struct usage_state *s = state_to_store(f, vpc->number);
	struct usage_hour ended;
	int r = 0;

	if (!s)
		return -ENOMEM;
	if (usage_state_turn(s, 0, &s->gone, &ended))
		r = usage_part_put_row(f->part, vpc->id, vpc->name ?: "", &ended);
	return r < 0 ? r : usage_part_put_state(f->part, vpc->id, NULL);
}

static int fill_deltas(struct filling *f, const struct delta *deltas, size_t n)
{
	struct usage_source sources[2];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		size_t ended = ended_sources(f->e, deltas[i].before, deltas[i].after, sources);

		for (size_t k = 0; r == 0 && k < ended; k++)
			r = fill_source(f, &sources[k]);
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		if (deltas[i].before && !deltas[i].after && deltas[i].before->kind == OBJECT_VPC)
			r = fill_vpc_end(f, deltas[i].before);
	return r;
}

int usage_fill(struct txn *t, struct commit *c)
{
	struct filling f = {.e = t->e};
	const struct delta *deltas;
	size_t n;
	int r = model_txn_deltas(t->mt, &deltas, &n);

	if (r < 0)
		return r;
	f.part = c->usage_own = usage_part_new();
	r = f.part ? fill_deltas(&f, deltas, n) : -ENOMEM;
	for (uint32_t vpc = 1; f.states && vpc < t->e->usage->vpcs_end; vpc++) {
		const struct object *o = f.states[vpc] ? model_by_number(t->e->model, OBJECT_VPC, vpc) : NULL;

		if (r == 0 && o)
			r = usage_part_put_state(f.part, o->id, f.states[vpc]);
		free(f.states[vpc]);
	}
	free(f.states);
	return r;
}

/* --- after the publication ----------------------------------------------------------------------------- */

void usage_object_changed(struct engine *e, const struct object *before, const struct object *after)
{
	struct usage_source sources[2];
	size_t ended = ended_sources(e, before, after, sources);

	for (size_t i = 0; i < ended; i++)
		if (sources[i].vpc < e->usage->vpcs_end)
			stat_add(&e->usage->vpcs[sources[i].vpc].gone.of[sources[i].meter], &sources[i].stat);
	if (ended && before->kind != OBJECT_ENI)
		usage_note_last(e, before);
	if (!before && after->kind == OBJECT_ENI)
		usage_note_most(e, eni_of(after)->vpc);
	if ((!before || !after) && (before ?: after)->kind == OBJECT_VPC)
		usage_vpc_begins(e, (before ?: after)->number, after != NULL);
}
