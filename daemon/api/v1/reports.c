/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runs and how it is: status, verify, metrics. */
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

/* --- traffic and metrics: counters are read on a thread, and the reply follows --- */

static void on_traffic(const json_t *traffic, void *userdata)
{
	struct request *r = userdata;

	request_reply_json(r, 200, traffic);
	request_unref(r);
}

void handle_traffic(struct request *r)
{
	engine_traffic(r->api->engine, on_traffic, request_ref(r));
}

static void on_metrics(const json_t *traffic, void *userdata)
{
	struct request *r = userdata;

	if (!request_is_gone(r)) {
		size_t size = 0;
		char *text = engine_metrics(r->api->engine, traffic, &size);

		request_reply_text(r, 200, r->route->content_type, text, size);
	}
	request_unref(r);
}

void handle_metrics(struct request *r)
{
	engine_traffic(r->api->engine, on_metrics, request_ref(r));
}
