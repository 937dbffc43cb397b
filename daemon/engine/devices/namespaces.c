/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/devices/namespaces.h"

#include <utlist.h>

#include <vpc/array.h>
#include <vpc/json.h>

#include "datapath/net/net.h"
#include "util/log.h"
#include "util/worker.h"

/* --- making ------------------------------------------------------------------------------------------ */

static int make_run(void *data)
{
	struct making *m = data;

	for (size_t i = 0; i < m->n; i++) {
		/* made already, and the job needs more */
		int r = m->list[i].ns.ns_fd >= 0
				? 0
				: netns_make(&m->list[i].record, m->e->instance, &m->list[i].ns, &m->error);

		if (r < 0)
			return r;
	}
	return 0;
}

static void make_done(void *data, int result)
{
	struct making *m = data;

	if (result < 0 && m->error.code == VPC_E_OK)
		vpc_error_set(&m->error, VPC_E_DATAPATH_UNAVAILABLE, NULL, "cannot make a network namespace: %s",
			      strerror(-result));
	queue_wake_job(&m->e->queue, m->job);
}

struct made_netns *making_find(const struct making *m, const char *vpc_id)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->list[i].record.id, vpc_id) == 0)
			return &m->list[i];
	return NULL;
}

static int add(struct making *m, const struct vpc_record *v)
{
	struct made_netns *made = ARRAY_ADD(m->list, m->n);

	if (!made)
		return -ENOMEM;
	*made = (struct made_netns){.record = *v, .ns = NETNS_INIT};
	return 0;
}

int making_begin(struct making *m, struct engine *e, struct job *job, const struct plan *plan)
{
	bool missing = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_vpcs; i++) {
		const struct vpc_record *v = &plan->vpcs[i].after;
		const struct made_netns *made = making_find(m, v->id);

		if (!plan->vpcs[i].has_after || net_has_vpc(e->net, v->number) || (made && made->ns.ns_fd >= 0))
			continue;
		missing = true;
		r = made ? 0 : add(m, v);
	}
	if (r < 0 || !missing)
		return r;
	if (!m->e)
		DL_APPEND(e->makings, m);
	m->e = e;
	m->job = job;
	r = worker_submit(e->worker, WORKER_KERNEL, make_run, make_done, NULL, m);
	return r < 0 ? r : 1;
}

/* --- removing ---------------------------------------------------------------------------------------- */

struct drop_op {
	struct made_netns *list;
	size_t n;
	char *instance;
	const struct made_netns *failed; /* the last that could not be removed */
};

static int drop_run(void *data)
{
	struct drop_op *op = data;
	int r = 0;

	for (size_t i = 0; i < op->n; i++) {
		int one = netns_remove(op->list[i].record.netns, op->instance, op->list[i].record.id);

		if (one < 0) {
			r = one;
			op->failed = &op->list[i];
		}
	}
	return r;
}

static void drop_done(void *data, int result)
{
	struct drop_op *op = data;

	if (result < 0)
		log_warning("namespace %s of %s could not be removed: %s", op->failed->record.netns,
			    op->failed->record.id, strerror(-result));
	free(op->list);
	free(op->instance);
	free(op);
}

static void drop(struct engine *e, struct made_netns *list, size_t n)
{
	struct drop_op *op = calloc(1, sizeof(*op));
	char *instance = strdup(e->instance);

	if (!op || !instance) {
		log_warning("%zu namespaces of a refused change could not be removed: out of memory", n);
		free(op);
		free(instance);
		free(list);
		return;
	}
	*op = (struct drop_op){.list = list, .n = n, .instance = instance};
	/* after the worker's end there is nobody to wait for it */
	if (!e->worker || worker_submit(e->worker, WORKER_KERNEL, drop_run, drop_done, NULL, op) < 0)
		drop_done(op, drop_run(op));
}

void making_end(struct making *m)
{
	struct made_netns *list = TAKE_PTR(m->list);
	struct engine *e = TAKE_PTR(m->e);
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		netns_clear(&list[i].ns);
		/* a VPC that is there keeps it, whoever made it: a repair takes it over */
		if (!model_find(e->model, OBJECT_VPC, list[i].record.id))
			list[n++] = list[i];
	}
	m->n = 0;
	vpc_error_clear(&m->error);
	if (e)
		DL_DELETE(e->makings, m);
	if (n)
		drop(e, list, n);
	else
		free(list);
}

/* --- for verify -------------------------------------------------------------------------------------- */

json_t *making_names(const struct engine *e)
{
	json_t *names = json_object();

	for (const struct making *m = e->makings; names && m; m = m->next)
		for (size_t i = 0; i < m->n; i++)
			json_object_set_new(names, m->list[i].record.netns, json_true());
	return names;
}

void making_excuse(json_t *differences, const json_t *names)
{
	for (size_t i = json_array_size(differences); i-- > 0;) {
		const json_t *d = json_array_get(differences, i);
		const char *what = json_member_text(d, "what");
		const char *problem = json_member_text(d, "problem");
		const char *object = json_member_text(d, "object");

		if (what && problem && object && strcmp(what, "namespace") == 0 && strcmp(problem, "unexpected") == 0 &&
		    json_object_get(names, object))
			json_array_remove(differences, i);
	}
}
