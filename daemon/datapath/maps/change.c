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

static void drop_change(struct maps *t, struct maps_change *c)
{
	mirror_undo(&t->mirror, &c->mirror);
	write_edge_undone(t, c);
	change_free(c);
}

int maps_prepare(struct maps *t, const struct plan *plan, struct maps_change **ret, struct vpc_error *reterr)
{
	struct maps_change *c;
	int r;

	if (t->prepared)
		return -EBUSY;
	c = calloc(1, sizeof(*c));
	if (!c)
		return vpc_error_oom(reterr);
	c->epoch = maps_epoch(t) + 1;
	c->flows = plan->flows;
	c->drain_s = plan->drain_s;
	/* The mirror goes first, because it knows what fits: nothing is written before. */
	r = mirror_plan(&t->mirror, &c->mirror, plan, reterr);
	if (r >= 0 && mirror_change_empty(&c->mirror)) {
		drop_change(t, c);
		*ret = NULL;
		return 0;
	}
	if (r >= 0) {
		r = write_change(t, c, reterr);
		if (r < 0)
			write_undo(t, c);
	}
	if (r < 0) {
		drop_change(t, c);
		return r;
	}
	t->prepared = c;
	t->n_changes++;
	*ret = c;
	return 0;
}

void maps_undo(struct maps *t, struct maps_change *c)
{
	if (!c)
		return;
	write_undo(t, c);
	drop_change(t, c);
	t->prepared = NULL;
	t->n_changes--;
	retire_postponed(t);
}

uint64_t maps_publish(struct maps *t, struct maps_change *c)
{
	if (!c)
		return maps_epoch(t);
	/* Graces that an earlier change promised are given by the rules of before this one; where that fails, not at
	 * all, since a cut doesn't wait. */
	if (grace_finish(t) < 0)
		generations_commit(t);
	cut_note_affected(t, c);
	generations_raise(t, c);
	if (c->flows == FLOWS_CUT && c->mirror.revoked)
		(void)grace_end(t, c);
	else if (c->mirror.revoked)
		(void)grace_give(t, c);
	epoch_store(t, c->epoch);
	write_published(t, c);
	mirror_publish(&t->mirror, &c->mirror);
	write_edge_published(t, c);
	t->prepared = NULL;
	(void)grace_finish(t);
	retire_postponed(t);
	return c->epoch;
}

uint64_t maps_change_epoch(const struct maps_change *c)
{
	return c->epoch;
}
