/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl verify: reads the kernel back and compares it with the model. */
#include "compiler/compile.h"
#include "datapath/maps/maps.h"
#include "datapath/net/net.h"
#include "engine/devices/links.h"
#include "engine/devices/namespaces.h"
#include "engine/engine.h"

#include "datapath/maps/address_config.h"
#include "util/log.h"
#include "util/worker.h"

struct verify {
	struct job job;
	struct engine *e;
	void (*fn)(const json_t *report, void *userdata);
	void *userdata;
	struct plan all;
	struct net_config config;
	json_t *differences;
	json_t *making; /* names of namespaces for VPCs of transactions that wait for them */
};

static int verify_run(void *data)
{
	struct verify *v = data;

	return net_verify(&v->config, &v->all, v->differences);
}

static void verify_done(void *data, int result)
{
	struct verify *v = data;
	struct engine *e = v->e;
	json_t *report;

	if (result < 0)
		json_array_append_new(v->differences,
				      json_pack("{s:s,s:s,s:s,s:s}", "what", "verify", "object", "", "problem",
						"differs", "detail", "the kernel's state could not be read in full"));
	making_excuse(v->differences, v->making);
	report = json_pack("{s:b,s:O,s:I,s:I}", "equal", json_array_size(v->differences) == 0, "differences",
			   v->differences, "revision", (json_int_t)e->revision, "epoch",
			   (json_int_t)maps_epoch(e->maps));
	v->fn(report, v->userdata);
	json_decref(report);
	json_decref(v->differences);
	json_decref(v->making);
	plan_clear(&v->all);
	free(v);
	queue_done(&e->queue);
}

static void verify_start(struct job *job)
{
	struct verify *v = (struct verify *)job;
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r;

	/* Devices that the worker is still about to delete or to give their links are not differences. */
	if (engine_attach_hurry(v->e) || v->e->removing) {
		/* its turn isn't given up: there may always be something under way */
		queue_hold(&v->e->queue, WAIT_REMOVAL | WAIT_LINKS);
		return;
	}
	v->making = making_names(v->e);
	r = v->making ? compile_all(v->e->model, v->e->instance, 0, &v->all, &error) : -ENOMEM;
	if (r == 0)
		r = maps_verify(v->e->maps, &v->all, v->differences);
	if (r == 0)
		r = maps_address_config_verify(v->e->maps, &v->all, v->differences);
	if (r == 0)
		r = worker_submit(v->e->worker, WORKER_KERNEL, verify_run, verify_done, NULL, v);
	if (r < 0)
		verify_done(v, r);
}

void engine_verify(struct engine *e, void (*fn)(const json_t *report, void *userdata), void *userdata)
{
	struct verify *v = calloc(1, sizeof(*v));
	json_t *differences = json_array();

	if (!v || !differences) {
		free(v);
		json_decref(differences);
		fn(NULL, userdata);
		return;
	}
	*v = (struct verify){
		.job.start = verify_start,
		.e = e,
		.fn = fn,
		.userdata = userdata,
		.config = engine_net_config(e),
		.differences = differences,
	};
	queue_add(&e->queue, &v->job);
}
