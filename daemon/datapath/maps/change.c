/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path of a change: prepare, undo, publish. Start reading here. */
#include <errno.h>
#include <stdlib.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/flows/cut.h"
#include "datapath/maps/flows/grace.h"
#include "datapath/maps/generations.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/mirror.h"
#include "datapath/maps/retire.h"
#include "datapath/maps/write.h"
#include "datapath/maps/write_edge.h"

static void drop_change(struct maps *maps, struct maps_change *c)
{
	mirror_undo(&maps->mirror, &c->mirror);
	write_edge_undone(maps, c);
	change_free(c);
}

int maps_prepare(struct maps *maps, const struct plan *plan, struct maps_change **ret, struct vpc_error *reterr)
{
	struct maps_change *c;
	int r;

	if (maps->prepared)
		return -EBUSY;
	c = calloc(1, sizeof(*c));
	if (!c)
		return vpc_error_oom(reterr);
	c->epoch = maps_epoch(maps) + 1;
	c->flows = plan->flows;
	c->drain_s = plan->drain_s;
	/* The mirror goes first, because it knows what fits: nothing is written before. */
	r = mirror_plan(&maps->mirror, &c->mirror, plan, reterr);
	if (r >= 0 && mirror_change_empty(&c->mirror)) {
		drop_change(maps, c);
		*ret = NULL;
		return 0;
	}
	if (r >= 0) {
		r = write_change(maps, c, reterr);
		if (r < 0)
			write_undo(maps, c);
	}
	if (r < 0) {
		drop_change(maps, c);
		return r;
	}
	maps->prepared = c;
	maps->n_changes++;
	*ret = c;
	return 0;
}

void maps_undo(struct maps *maps, struct maps_change *c)
{
	if (!c)
		return;
	write_undo(maps, c);
	drop_change(maps, c);
	maps->prepared = NULL;
	maps->n_changes--;
	retire_postponed(maps);
}

uint64_t maps_publish(struct maps *maps, struct maps_change *c)
{
	if (!c)
		return maps_epoch(maps);
	/* Flows that an earlier change spares get their grace by the rules before this change. If that fails they get
	 * none, since a cut doesn't wait. */
	if (grace_finish(maps) < 0)
		generations_commit(maps);
	cut_note_affected(maps, c);
	generations_raise(maps, c);
	(void)grace_end_addresses(maps, c);
	if (c->flows == FLOWS_CUT && c->mirror.revoked)
		(void)grace_end(maps, c);
	else if (c->mirror.revoked)
		(void)grace_give(maps, c);
	write_spaces(maps, c);
	epoch_store(maps, c->epoch);
	write_published(maps, c);
	mirror_publish(&maps->mirror, &c->mirror);
	write_edge_published(maps, c);
	maps->prepared = NULL;
	(void)grace_finish(maps);
	retire_postponed(maps);
	return c->epoch;
}

uint64_t maps_change_epoch(const struct maps_change *c)
{
	return c->epoch;
}
