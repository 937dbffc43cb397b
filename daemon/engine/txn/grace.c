/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep and drain, across a crash. The flows get their graces when the change is published (flows/grace.c). The store
 * says from the change's own commit on what was promised and at which epoch the change is published:
 *
 *   not published   a start finds the change as what the maps lack, and publishes that, with the same promise
 *   published       what follows the store of the epoch may not be done; a start does it
 */
#include "engine/txn/grace.h"

#include <inttypes.h>

#include <vpc/clock.h>

#include "datapath/maps/maps.h"
#include "engine/txn/commit.h"
#include "util/log.h"

#define META_SWEEP "sweep"

void grace_format(const struct plan *plan, const struct maps_change *change, char buf[GRACE_NOTE_MAX])
{
	uint64_t epoch = maps_change_epoch(change);
	uint64_t until_ns = monotonic_ns() + plan->drain_s * NS_PER_S;

	if (plan->flows == FLOWS_KEEP)
		snprintf(buf, GRACE_NOTE_MAX, "keep %" PRIu64, epoch);
	else
		snprintf(buf, GRACE_NOTE_MAX, "drain %" PRIu64 " %" PRIu64, epoch, until_ns);
}

/* False: it isn't a note of ours; also those of versions whose flows aren't taken over. */
static bool parse_note(const char *text, enum flows_mode *ret_flows, uint64_t *ret_epoch, uint64_t *ret_until_ns)
{
	*ret_flows = FLOWS_KEEP;
	*ret_until_ns = 0;
	if (sscanf(text, "keep %" SCNu64, ret_epoch) == 1)
		return true;
	*ret_flows = FLOWS_DRAIN;
	return sscanf(text, "drain %" SCNu64 " %" SCNu64, ret_epoch, ret_until_ns) == 2;
}

int grace_load(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_free_ char *text = NULL;
	uint64_t epoch, until_ns, now_ns = monotonic_ns();
	enum flows_mode flows;
	int r = store_get_meta(e->store, META_SWEEP, &text, reterr);

	if (r < 0 || !text)
		return r;
	e->sweep_noted = true;
	if (!parse_note(text, &flows, &epoch, &until_ns))
		return 0;
	if (epoch <= maps_epoch(e->maps)) {
		r = maps_resume_sweep(e->maps, flows, until_ns);
		if (r < 0)
			log_error("flows could not be given their grace (%s); the next change does it", strerror(-r));
	} else if (epoch == maps_epoch(e->maps) + 1) {
		e->promised_flows = flows;
		e->promised_drain_s = until_ns > now_ns ? (uint32_t)((until_ns - now_ns) / NS_PER_S + 1) : 0;
	} /* else something else isn't published either, and a grace is for nothing but its own change */
	return 0;
}

void grace_done(struct engine *e)
{
	if (!e->sweep_noted)
		return;
	if (maps_sweep_pending(e->maps)) {
		log_error("flows could not be given their grace; the next change does it");
		return;
	}
	commit_note_meta(e, META_SWEEP, NULL);
	e->sweep_noted = false;
}
