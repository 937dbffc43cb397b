/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics in the text format of Prometheus. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "observe/metrics.h"

/* Every number of status' object `name` as one metric with a label. */
static void print_members(FILE *f, const json_t *status, const char *name, const char *metric, const char *help)
{
	const json_t *object = json_object_get(status, name);
	const char *key;
	json_t *v;

	fprintf(f, "# HELP %s %s\n# TYPE %s gauge\n", metric, help, metric);
	json_object_foreach ((json_t *)object, key, v) {
		if (json_is_integer(v))
			fprintf(f, "%s{kind=\"%s\"} %" JSON_INTEGER_FORMAT "\n", metric, key, json_integer_value(v));
	}
}

/* The number of conditions of each subsystem, also where it is 0. */
static void print_conditions(FILE *f, const json_t *status)
{
	const json_t *counts = json_object_get(json_object_get(status, "health"), "conditions");
	const char *subsystem;
	json_t *v;

	fprintf(f, "# HELP vpcd_conditions What is wrong now and tried again, by subsystem.\n"
		   "# TYPE vpcd_conditions gauge\n");
	json_object_foreach ((json_t *)counts, subsystem, v)
		fprintf(f, "vpcd_conditions{subsystem=\"%s\"} %" JSON_INTEGER_FORMAT "\n", subsystem,
			json_integer_value(v));
}

static void print_number(FILE *f, const char *metric, const char *type, const char *help, json_int_t n)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n%s %" JSON_INTEGER_FORMAT "\n", metric, help, metric, type, metric, n);
}

/* What each VPC has of the map of established flows. */
static void print_shares(FILE *f, const json_t *status)
{
	const json_t *shares = json_object_get(status, "flow_shares");
	const char *vpc, *what;
	json_t *share, *v;

	fputs("# HELP vpcd_vpc_flows Flows of a VPC in the map of established ones, what it is guaranteed, and the "
	      "room it has.\n# TYPE vpcd_vpc_flows gauge\n",
	      f);
	json_object_foreach ((json_t *)shares, vpc, share)
		json_object_foreach (share, what, v)
			fprintf(f, "vpcd_vpc_flows{vpc=\"%s\",kind=\"%s\"} %" JSON_INTEGER_FORMAT "\n", vpc, what,
				json_integer_value(v));
}

/* --- traffic ----------------------------------------------------------------------------------------- */

/* A label's value: backslash, quote and newline are escaped. */
static void print_label(FILE *f, const char *name, const json_t *object, const char *member, bool first)
{
	const char *value = json_string_value(json_object_get(object, member)) ?: "";

	fprintf(f, "%s%s=\"", first ? "{" : ",", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", f);
		else if (*value == '\\' || *value == '"')
			fprintf(f, "\\%c", *value);
		else
			fputc(*value, f);
	}
	fputc('"', f);
}

struct label {
	const char *name, *member;
};
struct counter {
	const char *metric, *member, *help;
};
#define LABELS_MAX 4

/* Counters of each object of traffic's list `name`. */
static void print_counters(FILE *f, const json_t *traffic, const char *name, const struct label labels[LABELS_MAX],
			   const struct counter *counters, size_t n)
{
	const json_t *list = json_object_get(traffic, name);
	json_t *object;
	size_t at;

	for (size_t i = 0; i < n; i++) {
		fprintf(f, "# HELP %s %s\n# TYPE %s counter\n", counters[i].metric, counters[i].help,
			counters[i].metric);
		json_array_foreach (list, at, object) {
			fputs(counters[i].metric, f);
			for (size_t k = 0; k < LABELS_MAX && labels[k].name; k++)
				print_label(f, labels[k].name, object, labels[k].member, k == 0);
			fprintf(f, "} %" JSON_INTEGER_FORMAT "\n",
				json_integer_value(json_object_get(object, counters[i].member)));
		}
	}
}

static void print_traffic(FILE *f, const json_t *traffic)
{
	static const struct label vpc_labels[LABELS_MAX] = {{"vpc", "id"}, {"name", "name"}};
	static const struct label eni_labels[LABELS_MAX] = {
		{"eni", "id"}, {"name", "name"}, {"vpc", "vpc_id"}, {"vpc_name", "vpc"}};
	static const struct label rule_labels[LABELS_MAX] = {
		{"rule", "id"}, {"security_group", "security_group_id"}, {"security_group_name", "security_group"}};
	static const struct counter vpc_counters[] = {
		{"vpcd_vpc_receive_bytes_total", "rx_bytes", "What the network interfaces of a VPC received."},
		{"vpcd_vpc_receive_packets_total", "rx_packets", "What the network interfaces of a VPC received."},
		{"vpcd_vpc_transmit_bytes_total", "tx_bytes", "What the network interfaces of a VPC sent."},
		{"vpcd_vpc_transmit_packets_total", "tx_packets", "What the network interfaces of a VPC sent."},
	};
	static const struct counter eni_counters[] = {
		{"vpcd_eni_receive_bytes_total", "rx_bytes", "What a network interface received."},
		{"vpcd_eni_receive_packets_total", "rx_packets", "What a network interface received."},
		{"vpcd_eni_transmit_bytes_total", "tx_bytes", "What a network interface sent."},
		{"vpcd_eni_transmit_packets_total", "tx_packets", "What a network interface sent."},
		{"vpcd_eni_dropped_packets_total", "drops", "Packets to and from it that were dropped."},
	};
	static const struct label gateway_labels[LABELS_MAX] = {
		{"gateway", "id"}, {"name", "name"}, {"kind", "kind"}, {"vpc", "vpc_id"}};
	static const struct counter gateway_counters[] = {
		{"vpcd_gateway_receive_bytes_total", "rx_bytes", "What entered the VPC by a gateway or peering."},
		{"vpcd_gateway_receive_packets_total", "rx_packets", "What entered the VPC by a gateway or peering."},
		{"vpcd_gateway_transmit_bytes_total", "tx_bytes", "What left the VPC by a gateway or peering."},
		{"vpcd_gateway_transmit_packets_total", "tx_packets", "What left the VPC by a gateway or peering."},
	};
	static const struct counter rule_counters[] = {
		{"vpcd_rule_allowed_packets_total", "packets", "Packets that the rule allowed when they were judged."},
		{"vpcd_rule_allowed_bytes_total", "bytes", "Bytes that the rule allowed when they were judged."},
	};

	print_counters(f, traffic, "vpcs", vpc_labels, vpc_counters, ARRAY_SIZE(vpc_counters));
	print_counters(f, traffic, "enis", eni_labels, eni_counters, ARRAY_SIZE(eni_counters));
	print_number(f, "vpcd_eni_left_out", "gauge",
		     "Network interfaces that have no series because others have more bytes (metrics_enis).",
		     json_integer_value(json_object_get(traffic, "enis_left_out")));
	print_counters(f, traffic, "gateways", gateway_labels, gateway_counters, ARRAY_SIZE(gateway_counters));
	print_number(f, "vpcd_gateway_left_out", "gauge",
		     "Gateways that have no series because others have more bytes (metrics_gateways).",
		     json_integer_value(json_object_get(traffic, "gateways_left_out")));
	print_counters(f, traffic, "rules", rule_labels, rule_counters, ARRAY_SIZE(rule_counters));
	print_number(f, "vpcd_rule_rows_left_out", "gauge",
		     "Rows of rules that were not looked at because others allowed more packets (metrics_rules).",
		     json_integer_value(json_object_get(traffic, "rules_left_out")));
}

char *metrics_text(const json_t *status, const json_t *traffic, size_t *ret_size)
{
	char *text = NULL;
	FILE *f = status ? open_memstream(&text, ret_size) : NULL;

	if (!f)
		return NULL;
	print_number(f, "vpcd_revision", "gauge", "Revision of the last committed change.",
		     json_integer_value(json_object_get(status, "revision")));
	print_number(f, "vpcd_epoch", "gauge", "Epoch that packets are judged by.",
		     json_integer_value(json_object_get(status, "epoch")));
	print_number(f, "vpcd_pending", "gauge", "Operations still to be done in the background.",
		     (json_int_t)json_array_size(json_object_get(status, "pending")));
	print_conditions(f, status);
	print_members(f, status, "audit", "vpcd_audit",
		      "Changes by others that the audit of maps and pins found and mended since the start.");
	print_members(f, status, "counts", "vpcd_objects", "Resources there are.");
	print_members(f, status, "limits", "vpcd_limit", "Resources there may be.");
	print_members(f, status, "flow_counts", "vpcd_flow_counts",
		      "VPCs whose flows are counted, tuples that are, and what had no room since the start.");
	print_shares(f, status);
	if (traffic)
		print_traffic(f, traffic);
	if (fclose(f) != 0)
		free(TAKE_PTR(text));
	return text;
}
