/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was counted is read on the worker, and becomes records and text on the event loop, a little at a time. */
#include <netinet/in.h>
#include <string.h>

#include "datapath/maps/flows/flows.h"
#include "datapath/maps/traffic.h"
#include "engine/flows/flow_logs_private.h"
#include "engine/flows/verdicts.h"
#include "util/log.h"
#include "util/worker.h"

/* The counts are read so often at least, that their map doesn't fill. */
#define TICK_MAX_MS	 5000u
#define TICK_ACCURACY_US 10000
/* What one step of the event loop does. */
#define STEP_COUNTS	 1024u
#define STEP_RECORDS	 512u

/* --- drops ---------------------------------------------------------------------------------------------- */

struct eni_drops *flow_logs_drops(struct flow_logs *fl, uint32_t eni)
{
	for (size_t from = 0, to = fl->drops.n; from < to;) {
		size_t middle = from + (to - from) / 2;

		if (fl->drops.at[middle].eni == eni)
			return &fl->drops.at[middle];
		if (fl->drops.at[middle].eni < eni)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = ((const struct eni_drops *)a)->eni, y = ((const struct eni_drops *)b)->eni;

	return (x > y) - (x < y);
}

/* The ENIs whose drops are compared: those of VPCs with a flow log. */
static int list_drops(struct flow_logs *fl)
{
	ARRAY(struct eni_drops) list = {0};
	const struct object *o = NULL;

	while ((o = model_next(fl->e->model, OBJECT_ENI, o))) {
		const struct eni_drops *old = flow_logs_drops(fl, o->number);
		struct eni_drops *d;

		if (!flow_logs_of_vpc(fl, eni_of(o)->vpc))
			continue;
		d = ARRAY_PUSH(&list);
		if (!d) {
			free(list.at);
			return -ENOMEM;
		}
		*d = old && old->incarnation == eni_of(o)->incarnation
			     ? *old
			     : (struct eni_drops){.eni = o->number, .incarnation = eni_of(o)->incarnation};
	}
	if (list.n)
		qsort(list.at, list.n, sizeof(*list.at), compare_numbers);
	fl->stale = false;
	free(fl->drops.at);
	fl->drops.at = list.at;
	fl->drops.n = list.n;
	fl->drops.cap = list.cap;
	return 0;
}

/* --- readings ------------------------------------------------------------------------------------------- */

static int note_count(const struct vpc_flow_count_key *key, const struct vpc_flow_count *count, void *userdata)
{
	struct flow_logs *fl = userdata;
	struct counted *c = ARRAY_PUSH(&fl->counted);

	if (!c)
		return -ENOMEM;
	*c = (struct counted){.key = *key, .count = *count};
	return 0;
}

static void find_flow(const struct maps *maps, struct counted *c)
{
	struct vpc_flow flow;
	bool from_opener;

	if (c->key.proto == IPPROTO_ICMP || c->key.proto == IPPROTO_ICMPV6)
		return;
	if (maps_find_flow(maps, c->vpc, c->key.proto, c->key.src, c->key.dst, c->key.sport, c->key.dport, &flow,
			   &from_opener) < 0)
		return;
	c->created_ns = flow.created_ns;
	if (flow.state == VPC_FLOW_TOMBSTONE)
		return;
	c->has_flow = true;
	c->rules = (struct flow_log_rules){flow.rule[!from_opener], flow.rule[from_opener]};
}

static int read_run(void *data)
{
	struct flow_logs *fl = data;
	int r;

	fl->counted.n = 0;
	r = flow_count_read(fl->count, note_count, fl, &fl->lost_packets);
	for (size_t i = 0; i < fl->counted.n; i++) {
		struct counted *c = &fl->counted.at[i];

		c->vpc = c->key.ifindex > VPC_NUMBER_MASK ? c->key.ifindex - VPC_UPLINK_FIRST
							  : maps_vpc_of_eni(fl->e->maps, c->key.ifindex);
		find_flow(fl->e->maps, c);
	}
	flow_counts_check(fl);
	for (size_t i = 0; i < fl->drops.n; i++) {
		uint64_t drops[VPC_DROP_REASONS_MAX], sum = 0;

		if (maps_drops_read(fl->e->maps, fl->drops.at[i].eni, drops) < 0)
			continue;
		for (size_t k = 1; k < VPC_DROP_COUNT; k++)
			sum += drops[k];
		fl->drops.at[i].counted = sum;
	}
	return r;
}

/* Drops that no event told of are in no record. */
static void compare_drops(struct flow_logs *fl)
{
	for (size_t i = 0; i < fl->drops.n; i++) {
		struct eni_drops *d = &fl->drops.at[i];
		const struct object *o = model_by_number(fl->e->model, OBJECT_ENI, d->eni);
		uint64_t missing;

		if (!d->based) {
			d->based = true;
			d->base = d->counted;
			d->told = 0;
			continue;
		}
		missing = d->counted > d->base + d->told ? d->counted - d->base - d->told : 0;
		if (o && missing > d->skipped)
			flow_logs_skip(fl, eni_of(o), missing - d->skipped, true);
		d->skipped = missing > d->skipped ? missing : d->skipped;
	}
}

void flow_logs_rest(struct flow_logs *fl)
{
	uint64_t ms = TICK_MAX_MS;

	fl->phase = PHASE_REST;
	sd_event_source_set_enabled(fl->step, SD_EVENT_OFF);
	if (fl->stale && list_drops(fl) < 0)
		log_warning("drops of flow logs can't be compared: no memory");
	if (!flow_logs_active(fl))
		fl->count = flow_count_close(fl->count);
	for (size_t i = 0; i < fl->n_logs; i++)
		ms = fl->logs[i]->interval_s * 1000 < ms ? fl->logs[i]->interval_s * 1000 : ms;
	sd_event_source_set_time_relative(fl->timer, ms * 1000);
	sd_event_source_set_enabled(fl->timer, flow_logs_active(fl) ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (fl->asked)
		flow_logs_read_soon(fl);
}

/* All events of packets that were counted are in the ring: the counters' grace period waited for their judgement. */
static void read_over(struct flow_logs *fl, int result)
{
	verdicts_read(fl->e);
	if (result < 0) {
		log_warning("what flow logs count could not be read: %s", strerror(-result));
		for (size_t i = 0; i < fl->n_logs; i++)
			fl->logs[i]->gap = true;
	}
	for (size_t i = 0; fl->lost_packets && i < fl->n_logs; i++)
		fl->logs[i]->gap = true;
	if (result < 0 || fl->lost_packets)
		flow_totals_lost(fl->totals, 0, monotonic_ns());
	fl->lost_ever += fl->lost_packets;
	compare_drops(fl);
	fl->at = 0;
	fl->phase = PHASE_COUNTS;
}

static void read_done(void *data, int result)
{
	struct flow_logs *fl = data;

	if (fl->e->closing) {
		fl->phase = PHASE_COUNTS; /* flow_logs_end() goes on */
		fl->at = 0;
		return;
	}
	read_over(fl, result);
	if (sd_event_source_set_enabled(fl->step, SD_EVENT_ON) < 0) {
		flow_counts_end_reading(fl);
		flow_logs_rest(fl);
	}
}

static void begin_reading(struct flow_logs *fl)
{
	bool asked = fl->asked;

	/* Events are told before the worker has the drops' counters to itself. */
	verdicts_read(fl->e);
	fl->phase = PHASE_READ;
	fl->read_ns = boottime_ns();
	flow_counts_begin_reading(fl);
	sd_event_source_set_enabled(fl->timer, SD_EVENT_OFF);
	sd_event_source_set_priority(fl->step, asked ? SD_EVENT_PRIORITY_NORMAL : SD_EVENT_PRIORITY_IDLE);
	if (worker_submit(fl->e->worker, asked ? WORKER_FLOWS : WORKER_COUNT, read_run, read_done, NULL, fl) < 0) {
		flow_counts_end_reading(fl);
		flow_logs_rest(fl);
	}
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source, (void)usec;
	begin_reading(userdata);
	return 0;
}

void flow_logs_read_soon(struct flow_logs *fl)
{
	/* By the timer, so that nobody is called before he has asked. */
	if (fl->phase == PHASE_REST && sd_event_source_set_time_relative(fl->timer, 0) >= 0)
		sd_event_source_set_enabled(fl->timer, SD_EVENT_ONESHOT);
}

/* True: there is more to do. */
static bool step(struct flow_logs *fl, size_t counts, size_t records)
{
	if (fl->phase == PHASE_COUNTS) {
		for (; counts > 0 && fl->at < fl->counted.n; counts--)
			flow_logs_add_counted(fl, &fl->counted.at[fl->at++]);
		if (fl->at < fl->counted.n)
			return true;
		flow_log_verdicts_next(fl->verdicts);
		flow_counts_end_reading(fl);
		fl->lost_events = fl->lost_packets = 0;
		fl->phase = PHASE_RECORDS;
		fl->at = 0;
		return true;
	}
	for (; fl->at < fl->n_logs; fl->at++) {
		struct flow_log_run *l = fl->logs[fl->at];

		/* A reading ends just before or just after an interval does. */
		if (l->due_ns > fl->read_ns + NS_PER_S / 2)
			continue;
		if (flow_logs_flush(l, records))
			flow_logs_write(l);
		else
			return true;
	}
	return false;
}

static int on_step(sd_event_source *source, void *userdata)
{
	(void)source;
	if (!step(userdata, STEP_COUNTS, STEP_RECORDS))
		flow_logs_rest(userdata);
	return 0;
}

int flow_logs_reading_new(struct flow_logs *fl)
{
	int r = sd_event_add_defer(fl->e->event, &fl->step, on_step, fl);

	if (r >= 0)
		r = sd_event_source_set_priority(fl->step, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(fl->step, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(fl->e->event, &fl->timer, CLOCK_MONOTONIC, 1000000, TICK_ACCURACY_US,
					       on_timer, fl);
	return r < 0 ? r : sd_event_source_set_enabled(fl->timer, SD_EVENT_OFF);
}

void flow_logs_read_rest(struct flow_logs *fl)
{
	if (fl->count && fl->phase == PHASE_REST)
		read_over(fl, read_run(fl));
	for (size_t i = 0; i < fl->n_logs; i++)
		fl->logs[i]->due_ns = boottime_ns();
	fl->read_ns = boottime_ns();
	if (fl->phase == PHASE_COUNTS || fl->phase == PHASE_RECORDS)
		while (step(fl, STEP_COUNTS, STEP_RECORDS))
			;
}
