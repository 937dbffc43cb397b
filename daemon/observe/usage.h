/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metering: what a VPC counted in each hour. The kernel's counters go on while vpcd is gone. So what is stored of a VPC
 * is where the running hour began, not what was counted in it. A VPC's totals never go back: they are the counters of
 * what it has, and what those that are gone had counted (traffic.h). Pure.
 */
#ifndef OBSERVE_USAGE_H
#define OBSERVE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <vpc/abi/abi.h>

enum usage_meter {
	USAGE_ENIS,	/* its network interfaces: received and sent, whoever was at the other end */
	USAGE_GATEWAYS, /* the world and the host: what entered the VPC and what left it */
	USAGE_PEERINGS, /* peered VPCs likewise */
	USAGE_METERS
};
struct usage_counts {
	struct vpc_eni_stat of[USAGE_METERS];
};

/* *to grows by what is in *more. */
void usage_add(struct usage_counts *to, const struct usage_counts *more);
/* What totals have gained; what went back has gained nothing. */
struct usage_counts usage_gain(const struct usage_counts *from, const struct usage_counts *to);
bool usage_is_zero(const struct usage_counts *c);
/* As 12 numbers, in the order of the meters, each rx_packets, rx_bytes, tx_packets, tx_bytes; and back. */
#define USAGE_VALUES 12
void usage_to_values(const struct usage_counts *c, uint64_t ret[USAGE_VALUES]);
struct usage_counts usage_from_values(const uint64_t values[USAGE_VALUES]);

#define USAGE_COUNTERS_MAX 64
/* Of one VPC. */
struct usage_state {
	/* Which counters of the kernel: other ones began at 0. No spaces. */
	char counters[USAGE_COUNTERS_MAX];
	uint64_t hour;		    /* the running one, since 1970; 0: none is yet */
	uint32_t most_enis;	    /* at once, in the running hour */
	struct usage_counts start;  /* the totals when it began */
	struct usage_counts gone;   /* what objects that are gone had counted: a part of the totals */
	struct usage_counts totals; /* when they were last read */
};

/* As text for the store, and back. parse: -EINVAL. */
#define USAGE_TEXT_MAX (USAGE_COUNTERS_MAX + 3 * USAGE_VALUES * 21 + 64)
void usage_state_format(const struct usage_state *s, char ret[USAGE_TEXT_MAX]);
int usage_state_parse(const char *text, struct usage_state *ret);

/* At a start: the state goes on with these counters. Of other ones, what was counted until the totals were last read
 * stays. */
void usage_state_resume(struct usage_state *s, const char *counters);

/* A finished hour. */
struct usage_hour {
	uint64_t hour;
	uint32_t most_enis;
	struct usage_counts counts;
};
/* The running hour becomes `hour`, earlier or later, if it is another one. What was counted until `until` belongs to
 * the hour that ends. Returns whether there is something to keep of that: *ret. */
bool usage_state_turn(struct usage_state *s, uint64_t hour, const struct usage_counts *until, struct usage_hour *ret);

/* --- reports --- */

enum usage_by { USAGE_BY_HOUR, USAGE_BY_DAY, USAGE_BY_MONTH };
/* The first hour of the period that an hour is in (UTC), and of the one after that. */
uint64_t usage_period_begin(uint64_t hour, enum usage_by by);
uint64_t usage_period_end(uint64_t hour, enum usage_by by);

/* Sums by period and VPC. Rows must come in the order of hours. */
struct usage_report;
/* max: rows that the report has at most; whole periods are left out beyond them. -ENOMEM. */
int usage_report_new(enum usage_by by, size_t max, struct usage_report **ret);
struct usage_report *usage_report_free(struct usage_report *r);
/* running: of an hour that isn't over. 0; 1: there is no room for this row's period, it and all after it are left out;
 * -ENOMEM. */
int usage_report_add(struct usage_report *r, uint64_t hour, const char *vpc, const char *name, uint64_t most_enis,
		     const struct usage_counts *counts, bool running);
/* {"usage": […], "next": seconds since 1970 or null}. Owned. NULL: out of memory. */
json_t *usage_report_json(struct usage_report *r);

#endif
