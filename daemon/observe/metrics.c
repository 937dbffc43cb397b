/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics in the text format of Prometheus. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <vpc/cleanup.h>

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

char *metrics_text(const json_t *status, size_t *ret_size)
{
	char *text = NULL;
	FILE *f = status ? open_memstream(&text, ret_size) : NULL;

	if (!f)
		return NULL;
	print_number(f, "vpcd_revision", "counter", "Revision of the last committed change.",
		     json_integer_value(json_object_get(status, "revision")));
	print_number(f, "vpcd_epoch", "counter", "Epoch that packets are judged by.",
		     json_integer_value(json_object_get(status, "epoch")));
	print_number(f, "vpcd_pending", "gauge", "Operations still to be done in the background.",
		     (json_int_t)json_array_size(json_object_get(status, "pending")));
	print_conditions(f, status);
	print_members(f, status, "audit", "vpcd_audit",
		      "Changes by others that the audit of maps and pins found and mended since the start.");
	print_members(f, status, "counts", "vpcd_objects", "Resources there are.");
	print_members(f, status, "limits", "vpcd_limit", "Resources there may be.");
	print_shares(f, status);
	if (fclose(f) != 0)
		free(TAKE_PTR(text));
	return text;
}
