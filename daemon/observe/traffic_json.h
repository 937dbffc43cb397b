/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traffic as JSON: of each VPC, and of the ENIs and rules with the most of it. */
#ifndef OBSERVE_TRAFFIC_JSON_H
#define OBSERVE_TRAFFIC_JSON_H

#include <jansson.h>

#include "datapath/maps/traffic.h"
#include "model/model.h"
#include "observe/traffic.h"

/* Sets rx_packets, rx_bytes, tx_packets and tx_bytes. Returns 0 or -1; the object may then lack some. */
int traffic_put_json(json_t *object, const struct vpc_eni_stat *stat);

/* An ENI's counters. */
struct eni_traffic {
	uint32_t eni;	      /* number */
	uint32_t incarnation; /* of the ENI that had the number when the report was asked for */
	struct vpc_eni_stat stat;
	uint64_t drops; /* for all reasons */
};

/* Sorts the ENIs by bytes, both directions together, the most first; among equals the lower number first. */
void eni_traffic_sort(struct eni_traffic *enis, size_t n);

/* A gateway's counters. */
struct gateway_traffic {
	enum object_kind kind;
	uint32_t number; /* of the object */
	uint32_t row;	 /* of its counters */
	uint64_t owner;	 /* whom the row counts for, if it is the gateway's */
	struct vpc_eni_stat stat;
};
/* Sorts likewise. */
void gateway_traffic_sort(struct gateway_traffic *gateways, size_t n);

/* What a report is made of. All is borrowed. */
struct traffic_report {
	const struct model *model;
	const struct traffic *vpcs;
	const struct eni_traffic *enis; /* in the order in which they are reported */
	size_t n_enis, enis_left_out;
	const struct gateway_traffic *gateways; /* likewise */
	size_t n_gateways, gateways_left_out;
	const struct row_traffic *rows;
	size_t n_rows, rows_left_out;
	/* A rule's packets and bytes, of all its rows. */
	int (*rule)(uint32_t rule, uint64_t *ret_packets, uint64_t *ret_bytes, void *userdata);
	void *userdata;
	uint64_t realtime_ns, monotonic_ns;
};
/* The `Traffic` of GET /v1/traffic. Owned. NULL: out of memory. What is gone from the model is left out. */
json_t *traffic_report_json(const struct traffic_report *r);

#endif
