/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/gateway_stat.h"
#include "datapath/maps/traffic.h"
#include "engine/reports/gateways.h"
#include "engine/reports/traffic.h"
#include "engine/reports/usage_private.h"
#include "engine/txn/commit.h"
#include "engine/txn/txn.h"
#include "util/boot.h"
#include "util/log.h"
#include "util/worker.h"

#define HOUR_S	      3600ull
#define USAGE_READ_US (300 * 1000000ull) /* the counters are read so often at least */
#define ACCURACY_US   100000ull

static uint64_t hour_now(void)
{
	return realtime_s() / HOUR_S;
}

static struct usage_state *state_of(const struct engine *e, uint32_t vpc)
{
	return vpc && vpc < e->usage->vpcs_end ? &e->usage->vpcs[vpc] : NULL;
}

/* --- totals -------------------------------------------------------------------------------------------- */

struct usage_counts usage_totals(const struct engine *e, uint32_t vpc)
{
	return (struct usage_counts){.of = {[USAGE_ENIS] = traffic_of_vpc(e->traffic, vpc),
					    [USAGE_GATEWAYS] = traffic_of_vpc(e->usage->gateways, vpc),
					    [USAGE_PEERINGS] = traffic_of_vpc(e->usage->peerings, vpc)}};
}

static void set_totals(struct engine *e, uint32_t vpc, const struct usage_counts *c)
{
	traffic_set_vpc(e->traffic, vpc, &c->of[USAGE_ENIS]);
	traffic_set_vpc(e->usage->gateways, vpc, &c->of[USAGE_GATEWAYS]);
	traffic_set_vpc(e->usage->peerings, vpc, &c->of[USAGE_PEERINGS]);
}

/* What the VPC at the other end of a peering says of it. */
static struct vpc_eni_stat other_side(const struct vpc_eni_stat *s)
{
	return (struct vpc_eni_stat){.rx_packets = s->tx_packets,
				     .rx_bytes = s->tx_bytes,
				     .tx_packets = s->rx_packets,
				     .tx_bytes = s->rx_bytes};
}

size_t usage_sources(const struct model *m, const struct object *o, const struct vpc_eni_stat *stat,
		     struct usage_source ret[2])
{
	if (o->kind == OBJECT_PEERING) {
		ret[0] = (struct usage_source){peering_of(o)->vpc, USAGE_PEERINGS, *stat};
		ret[1] = (struct usage_source){peering_of(o)->peer_vpc, USAGE_PEERINGS, other_side(stat)};
		return 2;
	}
	ret[0] = (struct usage_source){o->kind == OBJECT_IGW ? igw_of(o)->vpc : model_vpc_of(m, o), USAGE_GATEWAYS,
				       *stat};
	return 1;
}

/* side: of a peering, 0: the VPC that asked for it. */
static void note_source(struct engine *e, uint32_t row, uint64_t owner, uint32_t side, const struct usage_source *s)
{
	uint32_t incarnation = (uint32_t)(owner ^ owner >> 32) | 1;

	traffic_note(s->meter == USAGE_PEERINGS ? e->usage->peerings : e->usage->gateways, s->vpc, 2 * row + side,
		     incarnation, &s->stat);
}

static void note_row(struct engine *e, const struct object *o, const struct gateway_traffic *g)
{
	struct usage_source sources[2];
	size_t sides;

	if (!o || maps_gateway_owner(e->maps, g->row) != g->owner)
		return; /* gone meanwhile */
	sides = usage_sources(e->model, o, &g->stat, sources);
	for (uint32_t side = 0; side < sides; side++)
		note_source(e, g->row, g->owner, side, &sources[side]);
}

void usage_note_gateways(struct engine *e, const struct gateway_traffic *list, size_t n)
{
	for (size_t i = 0; e->usage && i < n; i++)
		note_row(e, model_by_number(e->model, list[i].kind, list[i].number), &list[i]);
}

void usage_note_last(struct engine *e, const struct object *o)
{
	struct gateway_traffic rows[GATEWAY_ROWS_MAX];
	size_t n = gateway_rows(o, rows);

	if (gateways_list_read(e->maps, rows, n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		note_row(e, o, &rows[i]);
}

/* Reads all counters at once, where nothing else is to be done: at a start and an end. */
static void read_all(struct engine *e)
{
	const struct object *vpc = NULL;
	struct gateway_traffic *list = NULL;
	struct vpc_eni_stat sum;
	size_t n = 0, shown;

	while ((vpc = model_next(e->model, OBJECT_VPC, vpc)))
		traffic_refresh_vpc(e, vpc->number, &sum);
	if (gateways_list(e, &list, &shown, &n) < 0)
		return;
	if (gateways_list_read(e->maps, list, n) >= 0)
		usage_note_gateways(e, list, n);
	free(list);
}

/* --- hours --------------------------------------------------------------------------------------------- */

void usage_note_most(struct engine *e, uint32_t vpc)
{
	size_t n = model_referrers(e->model, OBJECT_VPC, vpc, OBJECT_ENI, NULL, 0);
	struct usage_state *s = state_of(e, vpc);

	if (s && n > s->most_enis)
		s->most_enis = (uint32_t)n;
}

void usage_vpc_begins(struct engine *e, uint32_t vpc, bool begins)
{
	static const struct usage_counts zero;
	struct usage_state *s = state_of(e, vpc);

	if (!s)
		return;
	*s = (struct usage_state){.hour = begins ? hour_now() : 0};
	snprintf(s->counters, sizeof(s->counters), "%s", e->usage->counters);
	set_totals(e, vpc, &zero);
}

/* until: of the hour that ends, if one does. */
static void take_stock_of(struct engine *e, const struct object *vpc, uint64_t hour, const struct usage_counts *until)
{
	struct usage_state *s = state_of(e, vpc->number), before;
	struct usage_part *part;
	struct usage_hour ended;
	int r = 0;

	if (!s)
		return;
	before = *s;
	if (usage_state_turn(s, hour, until, &ended)) {
		part = usage_part_waiting(e);
		r = part ? usage_part_put_row(part, vpc->id, vpc->name, &ended) : -ENOMEM;
		if (r < 0)
			*s = before; /* with the next reading */
	}
	usage_note_most(e, vpc->number);
	s->totals = usage_totals(e, vpc->number);
	if (r < 0 || memcmp(s, &before, sizeof(before)) == 0)
		return;
	part = usage_part_waiting(e);
	if (!part || usage_part_put_state(part, vpc->id, s) < 0)
		log_warning("metering of %s could not be noted: out of memory", vpc->id);
}

static int prune_run(void *data)
{
	struct engine *e = data;
	uint64_t keep = e->usage->keep_days * 24, hour = hour_now();

	return store_usage_prune(e->store, hour > keep ? hour - keep : 0);
}

static void prune(struct engine *e);

/* A step at a time, so that a commit waits for one step at most. */
static void prune_done(void *data, int result)
{
	struct engine *e = data;

	e->usage->pruning = false;
	if (result > 0 && !e->closing)
		prune(e);
	else if (result < 0)
		log_warning("old usage could not be deleted from the store: %s", strerror(-result));
}

static void prune(struct engine *e)
{
	if (!e->usage->pruning)
		e->usage->pruning = worker_submit(e->worker, WORKER_STORE, prune_run, prune_done, NULL, e) == 0;
}

void usage_take_stock(struct engine *e)
{
	const struct object *vpc = NULL;
	uint64_t hour = hour_now();
	bool ended = false;

	while ((vpc = model_next(e->model, OBJECT_VPC, vpc))) {
		const struct usage_state *s = state_of(e, vpc->number);
		struct usage_counts totals = usage_totals(e, vpc->number);

		ended |= s && s->hour != hour;
		take_stock_of(e, vpc, hour, &totals);
	}
	if (usage_part_waits(e))
		commit_soon(e);
	if (ended && e->worker)
		prune(e);
}

/* --- when ---------------------------------------------------------------------------------------------- */

static void rest(struct engine *e)
{
	uint64_t now_us = realtime_ns() / 1000, hour_us = HOUR_S * 1000000ull;
	uint64_t at_us = (now_us / hour_us + 1) * hour_us;

	if (at_us > now_us + USAGE_READ_US)
		at_us = now_us + USAGE_READ_US;
	sd_event_source_set_time(e->usage->timer, at_us);
	sd_event_source_set_enabled(e->usage->timer, SD_EVENT_ONESHOT);
}

static void on_read(const json_t *traffic, void *userdata)
{
	struct engine *e = userdata;

	if (e->closing)
		return;
	e->usage->reading = false;
	if (traffic)
		usage_take_stock(e);
	rest(e);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *e = userdata;

	(void)source, (void)usec;
	if (!e->usage->reading) {
		e->usage->reading = true;
		engine_traffic(e, on_read, e);
	}
	return 0;
}

/* --- start and end ------------------------------------------------------------------------------------- */

/* Counters that begin at 0 are others: after the machine's start, and where the maps were made anew. */
static void name_counters(struct engine *e)
{
	char boot[BOOT_ID_MAX];

	if (boot_id_read(boot) < 0)
		boot[0] = '\0';
	snprintf(e->usage->counters, sizeof(e->usage->counters), "%s:%u:%u", boot, maps_traffic_id(e->maps),
		 maps_gateways_id(e->maps));
}

/* *ret_known: the store has the state. */
static int load_state(struct engine *e, const struct object *vpc, bool *ret_known, struct vpc_error *reterr)
{
	struct usage_state *s = state_of(e, vpc->number);
	_cleanup_free_ char *text = NULL;
	char key[USAGE_KEY_MAX];
	int r;

	snprintf(key, sizeof(key), USAGE_KEY, vpc->id);
	r = store_get_meta(e->store, key, &text, reterr);
	if (r < 0 || !s)
		return r;
	*ret_known = text && usage_state_parse(text, s) == 0;
	if (text && !*ret_known)
		log_warning("what the store says of the usage of %s can't be read: its metering begins anew", vpc->id);
	usage_state_resume(s, e->usage->counters);
	set_totals(e, vpc->number, &s->gone);
	return 0;
}

/* After the counters were read. begun: a VPC whose state isn't known is new, and began at 0. */
static void begin(struct engine *e, const struct object *vpc, bool known, bool begun)
{
	struct usage_state *s = state_of(e, vpc->number);
	struct usage_counts totals = usage_totals(e, vpc->number), back, until;

	if (!s)
		return;
	/* Somebody set counters back: what they had is among what is gone, then. */
	back = usage_gain(&totals, &s->totals);
	if (!usage_is_zero(&back)) {
		usage_add(&s->gone, &back);
		usage_add(&totals, &back);
		set_totals(e, vpc->number, &totals);
	}
	if (!known && !begun)
		s->start = totals;
	if (!known)
		s->hour = hour_now();
	/* What was counted while vpcd was gone belongs to the hour in which it comes back, if that is another one. */
	until = s->totals;
	take_stock_of(e, vpc, hour_now(), &until);
}

int usage_start(struct engine *e, struct vpc_error *reterr)
{
	_cleanup_free_ char *begun = NULL;
	_cleanup_free_ bool *known = NULL;
	const struct object *vpc = NULL;
	struct usage *u = calloc(1, sizeof(*u));
	int r;

	e->usage = u;
	if (!u)
		return vpc_error_oom(reterr);
	u->vpcs_end = e->limits.vpcs + 1;
	u->keep_days = 400;
	u->vpcs = calloc(u->vpcs_end, sizeof(*u->vpcs));
	known = calloc(u->vpcs_end, sizeof(*known));
	if (!u->vpcs || !known || traffic_new(2 * maps_gateway_rows(e->maps), u->vpcs_end, &u->gateways) < 0 ||
	    traffic_new(2 * maps_gateway_rows(e->maps), u->vpcs_end, &u->peerings) < 0)
		return vpc_error_oom(reterr);
	name_counters(e);
	r = store_get_meta(e->store, USAGE_BEGUN, &begun, reterr);
	while (r >= 0 && (vpc = model_next(e->model, OBJECT_VPC, vpc)))
		r = load_state(e, vpc, &known[vpc->number < u->vpcs_end ? vpc->number : 0], reterr);
	if (r < 0)
		return r;
	read_all(e);
	while ((vpc = model_next(e->model, OBJECT_VPC, vpc)))
		begin(e, vpc, known[vpc->number < u->vpcs_end ? vpc->number : 0], begun != NULL);
	if (!begun && (!usage_part_waiting(e) || usage_part_put_text(usage_part_waiting(e), USAGE_BEGUN, "1") < 0))
		return vpc_error_oom(reterr);
	r = sd_event_add_time(e->event, &u->timer, CLOCK_REALTIME, 0, ACCURACY_US, on_timer, e);
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "cannot start a timer: %s", strerror(-r));
	rest(e);
	return 0;
}

void engine_usage_keep(struct engine *e, uint64_t days)
{
	e->usage->keep_days = days;
}

void usage_end(struct engine *e)
{
	if (!e->usage || !e->usage->timer)
		return;
	e->usage->timer = sd_event_source_disable_unref(e->usage->timer);
	read_all(e);
	usage_take_stock(e);
}

void usage_free(struct engine *e)
{
	struct usage *u = e->usage;

	if (!u)
		return;
	sd_event_source_disable_unref(u->timer);
	usage_part_free(u->part);
	traffic_free(u->gateways);
	traffic_free(u->peerings);
	free(u->vpcs);
	free(u);
	e->usage = NULL;
}
