/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows a publish, on the worker: grace periods. */
#include "engine/txn/background.h"

#include <vpc/array.h>
#include "datapath/maps/maps.h"
#include "engine/devices/links.h"
#include "engine/engine_private.h"

#include "datapath/maps/counters.h"
#include "util/log.h"
#include "util/worker.h"

/* --- retire: one grace period serves all that was published before it began -------------------------- */

struct retire_op {
	struct engine *e;
	struct maps_change **list;
	size_t n;
	int result;
};

static void retire_begin(struct engine *e);

static int retire_run(void *data)
{
	(void)data;
	return maps_wait_grace_period();
}

static void retire_end(struct retire_op *async_op)
{
	struct engine *e = async_op->e;

	for (size_t i = 0; async_op->result == 0 && i < async_op->n; i++)
		maps_retire(e->maps, async_op->list[i]);
	free(async_op->list);
	free(async_op);
	e->retiring = false;
	if (e->closing)
		return;
	retire_begin(e);
	queue_wake(&e->queue, WAIT_NUMBERS);
}

static void retire_done(void *data, int result)
{
	struct retire_op *async_op = data;

	if (result < 0)
		log_error("cannot wait for a grace period: %s", strerror(-result));
	async_op->result = result;
	if (async_op->e->committing && !async_op->e->closing)
		async_op->e->retired = async_op;
	else
		retire_end(async_op);
}

static void retire_begin(struct engine *e)
{
	struct retire_op *async_op;

	if (e->retiring || !e->n_retire)
		return;
	async_op = calloc(1, sizeof(*async_op));
	if (!async_op)
		return; /* with the next change */
	*async_op = (struct retire_op){.e = e, .list = e->retire, .n = e->n_retire};
	if (worker_submit(e->worker, WORKER_GRACE, retire_run, retire_done, NULL, async_op) < 0) {
		free(async_op);
		return;
	}
	e->retire = NULL;
	e->n_retire = 0;
	e->retiring = true;
}

void engine_retire(struct engine *e, struct maps_change *c)
{
	struct maps_change **added;

	if (!c)
		return;
	added = ARRAY_ADD(e->retire, e->n_retire);
	if (!added) {
		/* No list to keep it in: wait here rather than lose the numbers. */
		if (maps_wait_grace_period() == 0)
			maps_retire(e->maps, c);
		return;
	}
	*added = c;
	retire_begin(e);
}

/* --- put off ----------------------------------------------------------------------------------------- */

void engine_do_put_off(struct engine *e)
{
	struct retire_op *retired = TAKE_PTR(e->retired);

	if (retired)
		retire_end(retired);
	links_do_put_off(e);
}

void engine_tell_walked(struct engine *e)
{
	uint32_t walked = maps_walked(e->maps);

	if (walked > e->walked)
		log_warning(
			"the map 'classifier' has no room for %u more: new flows of these ENIs are slow (%u in all)",
			walked - e->walked, walked);
	else if (walked < e->walked && !walked)
		log_notice("all sets of groups that need a classifier have one");
	e->walked = walked;
}
