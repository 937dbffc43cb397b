/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/reports/traffic.h"

#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/counters.h"
#include "datapath/maps/traffic.h"
#include "engine/engine_private.h"
#include "engine/reports/gateways.h"
#include "engine/reports/usage.h"
#include "observe/traffic_json.h"
#include "util/log.h"
#include "util/worker.h"

int traffic_start(struct engine *e)
{
	return traffic_new(VPC_ENI_FIRST + e->limits.enis, e->limits.vpcs + 1, &e->traffic);
}

void traffic_end(struct engine *e)
{
	e->traffic = traffic_free(e->traffic);
}

static void note(struct engine *e, const struct object *eni, const struct vpc_eni_stat *now)
{
	traffic_note(e->traffic, eni_of(eni)->vpc, eni->number, eni_of(eni)->incarnation, now);
}

/* --- one VPC ----------------------------------------------------------------------------------------- */

static int read_one(struct engine *e, const struct object *eni)
{
	struct vpc_eni_stat now;
	int r = maps_traffic_read(e->maps, eni->number, 1, &now);

	if (r >= 0)
		note(e, eni, &now);
	return r;
}

/* All numbers from the first ENI's to the last one's, in as few calls as that takes. */
static int read_range(struct engine *e, const struct object *const *enis, size_t n, uint32_t first, uint32_t last)
{
	_cleanup_free_ struct vpc_eni_stat *stats = calloc(last - first + 1, sizeof(*stats));
	int r = stats ? maps_traffic_read(e->maps, first, last - first + 1, stats) : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < n; i++)
		note(e, enis[i], &stats[enis[i]->number - first]);
	return r;
}

void traffic_refresh_vpc(struct engine *e, uint32_t vpc, struct vpc_eni_stat *ret)
{
	size_t n = model_referrers(e->model, OBJECT_VPC, vpc, OBJECT_ENI, NULL, 0);
	_cleanup_free_ const struct object **enis = calloc(n + 1, sizeof(*enis));
	uint32_t first = UINT32_MAX, last = 0;
	int r = enis ? 0 : -ENOMEM;

	if (enis)
		n = model_referrers(e->model, OBJECT_VPC, vpc, OBJECT_ENI, enis, n);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		first = enis[i]->number < first ? enis[i]->number : first;
		last = enis[i]->number > last ? enis[i]->number : last;
	}
	if (r >= 0 && n && (last - first) / n < 8)
		r = read_range(e, enis, n, first, last);
	else
		for (size_t i = 0; r >= 0 && i < n; i++)
			r = read_one(e, enis[i]);
	if (r < 0)
		log_warning("the counters of a VPC could not be read: %s", strerror(-r));
	*ret = traffic_of_vpc(e->traffic, vpc);
}

void traffic_object_is_gone(struct engine *e, const struct object *o)
{
	if (o->kind == OBJECT_ENI)
		read_one(e, o);
	else if (o->kind == OBJECT_VPC)
		traffic_set_vpc(e->traffic, o->number, &(struct vpc_eni_stat){});
}

/* --- the report of all traffic ----------------------------------------------------------------------- */

/* The worker's, until it is done. */
struct report {
	struct engine *e;
	const struct maps *maps;
	uint32_t enis_end, rows_end;	  /* numbers that exist are below them */
	struct eni_traffic *enis;	  /* those that exist, and their counters */
	size_t n_enis, enis_max;	  /* at most enis_max are reported */
	struct gateway_traffic *gateways; /* likewise */
	size_t n_gateways, n_counted, gateways_max;
	struct row_traffic *rows;
	uint32_t n_rows, rows_max, rows_left_out;
	void (*fn)(const json_t *traffic, void *userdata);
	void *userdata;
};

static void report_free(struct report *r)
{
	if (!r)
		return;
	free(r->enis);
	free(r->gateways);
	free(r->rows);
	free(r);
}
DEFINE_CLEANUP(struct report *, report_free);

static int read_enis(struct report *r)
{
	uint32_t n = r->enis_end - VPC_ENI_FIRST;
	_cleanup_free_ struct vpc_eni_stat *stats = NULL;
	int result;

	if (!r->n_enis)
		return 0;
	stats = calloc(n, sizeof(*stats));
	result = stats ? maps_traffic_read(r->maps, VPC_ENI_FIRST, n, stats) : -ENOMEM;
	for (size_t i = 0; result >= 0 && i < r->n_enis; i++)
		if (r->enis[i].eni - VPC_ENI_FIRST < n)
			r->enis[i].stat = stats[r->enis[i].eni - VPC_ENI_FIRST];
	return result;
}

static int read_drops(struct report *r)
{
	int result = 0;

	for (size_t i = 0; result >= 0 && i < r->n_enis && i < r->enis_max; i++) {
		uint64_t drops[VPC_DROP_REASONS_MAX];

		result = maps_drops_read(r->maps, r->enis[i].eni, drops);
		for (size_t k = 1; result >= 0 && k < VPC_DROP_COUNT; k++)
			r->enis[i].drops += drops[k];
	}
	return result;
}

static int report_run(void *data)
{
	struct report *r = data;
	int result = read_enis(r);

	if (result < 0)
		return result;
	eni_traffic_sort(r->enis, r->n_enis);
	result = read_drops(r);
	if (result >= 0)
		result = gateways_list_read(r->maps, r->gateways, r->n_counted);
	gateway_traffic_sort(r->gateways, r->n_gateways);
	r->n_rows = maps_rows_read(r->maps, r->rows_end, r->rows, r->rows_max, &r->rows_left_out);
	return result;
}

static int rule_traffic(uint32_t rule, uint64_t *ret_packets, uint64_t *ret_bytes, void *userdata)
{
	struct engine *e = userdata;
	struct rule_counters c;
	int r = maps_rule_counters(e->maps, rule, &c);

	if (r < 0)
		return r;
	*ret_packets = c.packets;
	*ret_bytes = c.bytes;
	return 0;
}

static json_t *report_json(struct report *r)
{
	struct engine *e = r->e;

	for (size_t i = 0; i < r->n_enis; i++) {
		const struct object *eni = model_by_number(e->model, OBJECT_ENI, r->enis[i].eni);

		/* One that took the number meanwhile begins at what it has when it is next read. */
		if (eni && eni_of(eni)->incarnation == r->enis[i].incarnation)
			note(e, eni, &r->enis[i].stat);
	}
	usage_note_gateways(e, r->gateways, r->n_counted);
	return traffic_report_json(&(struct traffic_report){
		.model = e->model,
		.vpcs = e->traffic,
		.enis = r->enis,
		.n_enis = r->n_enis < r->enis_max ? r->n_enis : r->enis_max,
		.enis_left_out = r->n_enis < r->enis_max ? 0 : r->n_enis - r->enis_max,
		.gateways = r->gateways,
		.n_gateways = r->n_gateways < r->gateways_max ? r->n_gateways : r->gateways_max,
		.gateways_left_out = r->n_gateways < r->gateways_max ? 0 : r->n_gateways - r->gateways_max,
		.rows = r->rows,
		.n_rows = r->n_rows,
		.rows_left_out = r->rows_left_out,
		.rule = rule_traffic,
		.userdata = e,
		.realtime_ns = realtime_ns(),
		.monotonic_ns = monotonic_ns(),
	});
}

static void report_done(void *data, int result)
{
	_cleanup_(report_freep) struct report *r = data;
	json_t *json = NULL;

	if (result < 0)
		log_warning("the counters could not be read: %s", strerror(-result));
	else if (!r->e->closing)
		json = report_json(r);
	r->fn(json, r->userdata);
	json_decref(json);
}

void engine_traffic(struct engine *e, void (*fn)(const json_t *traffic, void *userdata), void *userdata)
{
	struct report *r = calloc(1, sizeof(*r));
	const struct object *o = NULL;

	if (r) {
		*r = (struct report){.e = e,
				     .maps = e->maps,
				     .enis_end = maps_enis_end(e->maps),
				     .rows_end = maps_rows_end(e->maps),
				     .enis_max = e->limits.metrics_enis,
				     .gateways_max = e->limits.metrics_gateways,
				     .rows_max = e->limits.metrics_rules,
				     .fn = fn,
				     .userdata = userdata};
		r->enis = calloc(model_count(e->model, OBJECT_ENI) + 1, sizeof(*r->enis));
		r->rows = calloc(r->rows_max + 1, sizeof(*r->rows));
	}
	while (r && r->enis && (o = model_next(e->model, OBJECT_ENI, o)))
		r->enis[r->n_enis++] = (struct eni_traffic){.eni = o->number, .incarnation = eni_of(o)->incarnation};
	if (r && r->enis && r->rows && gateways_list(e, &r->gateways, &r->n_gateways, &r->n_counted) == 0 &&
	    worker_submit(e->worker, WORKER_FLOWS, report_run, report_done, NULL, r) == 0)
		return;
	report_free(r);
	fn(NULL, userdata);
}
