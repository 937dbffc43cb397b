/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/flows/advice_keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/counters.h"
#include "datapath/maps/flows/expiry.h"
#include "engine/flows/advice.h"
#include "engine/flows/verdicts.h"
#include "observe/advice_file.h"
#include "store/store.h"
#include "util/boot.h"
#include "util/log.h"
#include "util/worker.h"

#define WRITE_US    (300 * 1000000ull)
#define ACCURACY_US 1000000ull

struct advice_keep {
	sd_event_source *timer;
	bool failed; /* as was told */
};

/* What is written on the worker. */
struct writing {
	struct engine *e;
	char *state_dir; /* borrowed */
	void *bytes;
	size_t n;
};

static int name_counters(struct engine *e, char ret[ADVICE_COUNTERS_MAX])
{
	char boot[BOOT_ID_MAX];
	int r = boot_id_read(boot);

	if (r >= 0)
		snprintf(ret, ADVICE_COUNTERS_MAX, "%s:%u:%s", boot, maps_rule_counters_id(e->maps),
			 store_id(e->store));
	return r;
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

static void tell_why(const struct engine *e, int r)
{
	if (r == -ENOENT)
		return;
	if (r == -ESTALE)
		log_info("what rules were seen to allow is forgotten: the kernel's counters began anew");
	else
		log_warning("%s/" ADVICE_FILE " can't be used, and what rules were seen to allow is forgotten: %s",
			    e->state_dir, r == -EBADMSG ? "it is damaged, or another version's" : strerror(-r));
}

void advice_keep_load(struct engine *e)
{
	_cleanup_free_ void *bytes = NULL;
	struct advice_kept kept = {0};
	size_t n = 0;
	int r = name_counters(e, kept.counters);

	if (r >= 0)
		r = advice_file_read(e->state_dir, &bytes, &n);
	if (r >= 0)
		r = advice_unpack(e->advice, &kept, bytes, n, e->advice_times.since_ns, maps_expiry_rounds(e->expiry));
	if (r >= 0) {
		e->advice_times = kept.times;
		return;
	}
	advice_end_kept(e->advice);
	tell_why(e, r);
}

static void resume_rule(struct engine *e, struct advice_rule *r)
{
	const struct object *o = model_by_number(e->model, OBJECT_RULE, r->rule),
			    *sg = o ? model_by_number(e->model, OBJECT_SG, rule_of(o)->sg) : NULL;
	struct rule_counters c = {0};

	if (!sg || sg_of(sg)->vpc != r->vpc) {
		advice_forget(e->advice, r);
		return;
	}
	maps_rule_counters(e->maps, r->rule, &c); /* -ENOENT: it has no rows, and has counted nothing */
	advice_resume(r, c.packets, e->advice_times.gap[e->advice_times.n_gaps - 1].end_ns);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static int pack(struct engine *e, void **ret, size_t *ret_n)
{
	struct advice_kept kept = {.times = e->advice_times, .looked_ns = e->advice_round_ns[0]};
	int r = name_counters(e, kept.counters);

	/* Until all flows were looked at, that is known which was known before. */
	if (!kept.looked_ns && kept.times.n_gaps)
		kept.looked_ns = kept.times.gap[--kept.times.n_gaps].begin_ns;
	else if (!kept.looked_ns)
		kept.looked_ns = kept.times.since_ns;
	if (r >= 0)
		r = advice_pack(e->advice, &kept, maps_expiry_rounds(e->expiry), ret, ret_n);
	return r;
}

static void tell(struct engine *e, int r)
{
	if (r < 0 && !e->advice_keep->failed)
		log_warning("%s/" ADVICE_FILE " can't be written, so a restart forgets what rules were seen to "
			    "allow: %s",
			    e->state_dir, strerror(-r));
	e->advice_keep->failed = r < 0;
}

static void rest(struct engine *e)
{
	if (sd_event_source_set_time_relative(e->advice_keep->timer, WRITE_US) < 0 ||
	    sd_event_source_set_enabled(e->advice_keep->timer, SD_EVENT_ONESHOT) < 0)
		tell(e, -ENOMEM);
}

static int write_run(void *data)
{
	struct writing *w = data;

	return advice_file_write(w->state_dir, w->bytes, w->n);
}

static void write_done(void *data, int result)
{
	struct writing *w = data;

	tell(w->e, result);
	if (!w->e->closing)
		rest(w->e);
	free(w->bytes);
	free(w);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;
	struct writing *w = calloc(1, sizeof(*w));
	int r = w ? 0 : -ENOMEM;

	(void)source, (void)usec;
	verdicts_read(e);
	if (w) {
		*w = (struct writing){.e = e, .state_dir = e->state_dir};
		r = pack(e, &w->bytes, &w->n);
	}
	if (r >= 0)
		r = worker_submit(e->worker, WORKER_COUNT, write_run, write_done, NULL, w);
	if (r >= 0)
		return 0;
	if (w)
		free(w->bytes);
	free(w);
	tell(e, r);
	rest(e);
	return 0;
}

/* --- start and end ------------------------------------------------------------------------------------------------ */

int advice_keep_start(struct engine *e)
{
	int r;

	advice_end_kept(e->advice);
	/* Without a gap nothing is known from before. */
	for (size_t n = e->advice_times.n_gaps ? advice_count(e->advice) : 0; n > 0; n--)
		resume_rule(e, advice_next(e->advice));
	e->advice_keep = calloc(1, sizeof(*e->advice_keep));
	if (!e->advice_keep)
		return -ENOMEM;
	r = sd_event_add_time_relative(e->event, &e->advice_keep->timer, CLOCK_MONOTONIC, WRITE_US, ACCURACY_US,
				       on_timer, e);
	return r < 0 ? r : 0;
}

void advice_keep_end(struct engine *e)
{
	_cleanup_free_ void *bytes = NULL;
	size_t n = 0;
	int r;

	if (!e->advice_keep)
		return;
	verdicts_read(e);
	r = pack(e, &bytes, &n);
	if (r >= 0)
		r = advice_file_write(e->state_dir, bytes, n);
	tell(e, r);
	sd_event_source_disable_unref(e->advice_keep->timer);
	free(e->advice_keep);
	e->advice_keep = NULL;
}
