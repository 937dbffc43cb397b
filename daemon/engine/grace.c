/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep and drain: after such a change is published, the flows it would have cut are stamped with their grace before
 * anything judges them again. The store remembers from the change's own commit on that this is owed, so a crash in
 * between costs no flow.
 */
#include "engine/engine_private.h"

#include "observe/log.h"

#define META_SWEEP "sweep"

void grace_format(const struct plan *plan, char buf[32])
{
	if (plan->flows == FLOWS_KEEP)
		snprintf(buf, 32, "keep");
	else
		snprintf(buf, 32, "drain=%u", plan->drain_s);
}

int grace_load(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_free_ char *text = NULL;
	int r = store_get_meta(e->store, META_SWEEP, &text, reterr);

	if (r < 0 || !text)
		return r;
	e->owed_flows = FLOWS_KEEP;
	if (sscanf(text, "drain=%u", &e->owed_drain_s) == 1)
		e->owed_flows = FLOWS_DRAIN;
	tables_owe_sweep(e->tables, e->owed_flows, e->owed_drain_s);
	return 0;
}

void grace_sweep(struct engine *e, struct tables_change *c)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r;

	if (!tables_sweep_pending(e->tables))
		return;
	r = tables_sweep_grace(e->tables, c, clock_ns(CLOCK_MONOTONIC));
	if (r < 0)
		log_error("flows could not be given their grace (%s); the next change does it", strerror(-r));
	else if (store_set_meta(e->store, META_SWEEP, NULL, &error) < 0)
		log_warning("%s", error.message);
}
