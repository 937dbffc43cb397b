/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runs and how it is: status, verify, metrics. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/v1/handlers.h"
#include "api/http/internal.h"
#include "api/http/request.h"

void handle_status(struct request *r)
{
	json_t *status = engine_status(r->api->engine);

	request_reply_json(r, 200, status);
	json_decref(status);
}

/* --- verify ---
 *
 * Reading the kernel back takes time, so one verification runs at a time. Requests that come while it runs get the
 * report of the next one, so that no report is older than its request.
 */

struct waiting {
	struct request *request;
	struct waiting *next;
};

struct verify_run {
	struct api *api; /* NULL once that is gone */
	struct waiting *now, *later;
};

static void waiting_reply(struct waiting *w, const json_t *report)
{
	while (w) {
		struct waiting *next = w->next;

		request_reply_json(w->request, 200, report);
		request_unref(w->request);
		free(w);
		w = next;
	}
}

static void verify_start(struct verify_run *run);

static void on_verified(const json_t *report, void *userdata)
{
	struct verify_run *run = userdata;
	struct waiting *now = TAKE_PTR(run->now);

	waiting_reply(now, report);
	if (run->api && run->later) {
		run->now = TAKE_PTR(run->later);
		verify_start(run);
		return;
	}
	waiting_reply(run->later, NULL);
	if (run->api)
		run->api->verify = NULL;
	free(run);
}

static void verify_start(struct verify_run *run)
{
	engine_verify(run->api->engine, on_verified, run);
}

void verify_stop(struct api *a)
{
	if (!a->verify)
		return;
	a->verify->api = NULL;
	a->verify = NULL;
}

void handle_verify(struct request *r)
{
	struct verify_run *run = r->api->verify;
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w) {
		request_reply(r, 500, NULL, NULL);
		return;
	}
	w->request = request_ref(r);
	if (run) {
		w->next = run->later;
		run->later = w;
		return;
	}
	run = calloc(1, sizeof(*run));
	if (!run) {
		request_unref(w->request);
		free(w);
		request_reply(r, 500, NULL, NULL);
		return;
	}
	run->api = r->api;
	run->now = w;
	r->api->verify = run;
	verify_start(run);
}

/* --- metrics --- */

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

void handle_metrics(struct request *r)
{
	json_t *status = engine_status(r->api->engine);
	char *text = NULL;
	size_t size = 0;
	FILE *f = status ? open_memstream(&text, &size) : NULL;

	if (f) {
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
		if (fclose(f) != 0) {
			free(text);
			text = NULL;
		}
	}
	json_decref(status);
	request_reply_text(r, 200, r->route->content_type, text, size);
}
