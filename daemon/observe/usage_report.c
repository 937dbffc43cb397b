/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports of usage: sums by period and VPC. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "observe/traffic_json.h"
#include "observe/usage.h"
#include "util/json.h"

#define HOUR_S 3600

struct usage_report {
	enum usage_by by;
	size_t max;
	json_t *rows;	/* of periods that are whole */
	json_t *period; /* rows of the running period, by VPC's id */
	uint64_t begin; /* its first hour */
	bool full;
	uint64_t next; /* first hour of the period that had no room */
};

/* The first hour of the month that comes `more` months after the hour's. */
static uint64_t month_begin(uint64_t hour, int more)
{
	time_t at = (time_t)(hour * HOUR_S);
	struct tm tm;

	if (!gmtime_r(&at, &tm))
		return hour;
	tm = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + more, .tm_mday = 1};
	return (uint64_t)timegm(&tm) / HOUR_S;
}

uint64_t usage_period_begin(uint64_t hour, enum usage_by by)
{
	switch (by) {
	case USAGE_BY_DAY:
		return hour - hour % 24;
	case USAGE_BY_MONTH:
		return month_begin(hour, 0);
	default:
		return hour;
	}
}

uint64_t usage_period_end(uint64_t hour, enum usage_by by)
{
	switch (by) {
	case USAGE_BY_DAY:
		return hour - hour % 24 + 24;
	case USAGE_BY_MONTH:
		return month_begin(hour, 1);
	default:
		return hour + 1;
	}
}

int usage_report_new(enum usage_by by, size_t max, struct usage_report **ret)
{
	struct usage_report *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct usage_report){.by = by, .max = max, .rows = json_array(), .period = json_object()};
	if (!r->rows || !r->period) {
		usage_report_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

struct usage_report *usage_report_free(struct usage_report *r)
{
	if (!r)
		return NULL;
	json_decref(r->rows);
	json_decref(r->period);
	free(r);
	return NULL;
}

static json_t *time_of(uint64_t hour)
{
	return json_time_s(hour * HOUR_S * 1000000000ull);
}

/* The rows of the running period join the others. */
static int end_period(struct usage_report *r)
{
	const char *vpc;
	json_t *row;

	json_object_foreach (r->period, vpc, row)
		if (json_array_append(r->rows, row) < 0)
			return -ENOMEM;
	json_object_clear(r->period);
	return 0;
}

static const char *const meter_names[USAGE_METERS] = {
	[USAGE_ENIS] = "enis",
	[USAGE_GATEWAYS] = "gateways",
	[USAGE_PEERINGS] = "peerings",
};

/* Adds what is in *stat to the JSON. */
static int add_traffic(json_t *row, const char *name, const struct vpc_eni_stat *stat)
{
	json_t *known = json_object_get(row, name);
	struct vpc_eni_stat sum = {
		.rx_packets = stat->rx_packets + (uint64_t)json_integer_value(json_object_get(known, "rx_packets")),
		.rx_bytes = stat->rx_bytes + (uint64_t)json_integer_value(json_object_get(known, "rx_bytes")),
		.tx_packets = stat->tx_packets + (uint64_t)json_integer_value(json_object_get(known, "tx_packets")),
		.tx_bytes = stat->tx_bytes + (uint64_t)json_integer_value(json_object_get(known, "tx_bytes")),
	};

	if (!known && json_object_set_new(row, name, json_object()) < 0)
		return -ENOMEM;
	return traffic_put_json(json_object_get(row, name), &sum) < 0 ? -ENOMEM : 0;
}

static json_t *row_new(const struct usage_report *r, const char *vpc)
{
	return json_pack("{s:o, s:o, s:s, s:b, s:i}", "from", time_of(r->begin), "to",
			 time_of(usage_period_end(r->begin, r->by)), "vpc_id", vpc, "running", 0, "most_enis", 0);
}

/* The row of a VPC in the running period. Borrowed. NULL: out of memory. */
static json_t *row_of(struct usage_report *r, const char *vpc)
{
	json_t *row = json_object_get(r->period, vpc);

	if (row)
		return row;
	row = row_new(r, vpc);
	return row && json_object_set_new(r->period, vpc, row) == 0 ? row : NULL;
}

int usage_report_add(struct usage_report *r, uint64_t hour, const char *vpc, const char *name, uint64_t most_enis,
		     const struct usage_counts *counts, bool running)
{
	uint64_t begin = usage_period_begin(hour, r->by);
	json_t *row;
	int n = 0;

	if (r->full)
		return 1;
	if (begin != r->begin) {
		n = end_period(r);
		r->begin = begin;
	}
	if (n < 0)
		return n;
	if (json_array_size(r->rows) + json_object_size(r->period) >= r->max && !json_object_get(r->period, vpc)) {
		/* A report has one period at least: of a crowded one the VPCs that have no room are together. */
		if (json_array_size(r->rows) > 0) {
			json_object_clear(r->period);
			r->full = true;
			r->next = begin;
			return 1;
		}
		vpc = name = "";
	}
	row = row_of(r, vpc);
	if (!row)
		return -ENOMEM;
	for (size_t i = 0; n == 0 && i < USAGE_METERS; i++)
		n = add_traffic(row, meter_names[i], &counts->of[i]);
	if (n == 0 && (json_int_t)most_enis > json_integer_value(json_object_get(row, "most_enis")))
		n = json_object_set_new(row, "most_enis", json_integer((json_int_t)most_enis));
	if (n == 0 && running)
		n = json_object_set_new(row, "running", json_true());
	return n < 0 || json_object_set_new(row, "vpc", json_string(name)) < 0 ? -ENOMEM : 0;
}

json_t *usage_report_json(struct usage_report *r)
{
	if (end_period(r) < 0)
		return NULL;
	return json_pack("{s:O, s:o}", "usage", r->rows, "next",
			 r->full ? json_integer((json_int_t)(r->next * HOUR_S)) : json_null());
}
