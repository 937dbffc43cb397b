/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A resource as it was: the model of that revision is made from the store's documents, and asked. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/reports/past.h"
#include "model/document_set.h"

struct show_job {
	struct past_job job;
	enum object_kind kind;
	char *ref, *scope;	/* scope NULL: none */
	char id[OBJECT_ID_MAX]; /* of what is called so now; "" */
	uint64_t revision;
	bool is_newest;
	struct document_set documents;
	json_t *reply;
	engine_past_fn fn;
	void *userdata;
};

static int on_document(const char *kind, const char *id, const json_t *document, void *userdata)
{
	struct show_job *j = userdata;
	int r = document_set_add(&j->documents, kind, json_incref((json_t *)document));

	(void)id;
	if (r == -ENOMEM)
		return vpc_error_oom(&j->job.error);
	return 0; /* a kind that this version doesn't know */
}

static int make_model(const struct engine *e, const struct document_set *documents, struct model **ret,
		      struct vpc_error *reterr)
{
	_cleanup_(model_freep) struct model *m = NULL;
	int r;

	if (model_new(&e->limits, &m) < 0)
		return vpc_error_oom(reterr);
	model_set_instance(m, e->instance);
	model_set_pools(m, e->pools, e->n_pools);
	r = document_set_load(documents, m, reterr);
	if (r == 0)
		*ret = TAKE_PTR(m);
	return r;
}

/* Adds to reterr those that the name fits. 1: found the one; 0. */
static int resolve_kind(const struct show_job *j, const struct model *m, enum object_kind kind,
			const struct object **found, struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const char *scope = kind_of(kind)->scope == SCOPE_HOST ? NULL : j->scope;
	const struct object *o = NULL;

	if (model_resolve(m, kind, j->ref, scope, "id", &o, &error) < 0) {
		for (size_t i = 0; i < error.n_holders; i++)
			vpc_error_add_holder(reterr, error.holders[i]);
		return 0;
	}
	vpc_error_add_holder(reterr, o->id);
	*found = o;
	return 1;
}

static int resolve_any(const struct show_job *j, const struct model *m, const struct object **ret,
		       struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error fits = VPC_ERROR_INIT;
	const struct object *found = NULL;

	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		(void)resolve_kind(j, m, (enum object_kind)kind, &found, &fits);
	if (found && fits.n_holders == 1) {
		*ret = found;
		return 0;
	}
	if (fits.n_holders) {
		*reterr = fits;
		fits = VPC_ERROR_INIT;
		return vpc_error_set(reterr, VPC_E_AMBIGUOUS_NAME, "id", "'%.64s' fits %zu resources; give an id",
				     j->ref, reterr->n_holders);
	}
	return vpc_error_set(reterr, VPC_E_NOT_FOUND, "id", "there is no resource '%.64s'", j->ref);
}

/* What is there now doesn't help who asks about the past. */
static int not_there(const struct show_job *j, struct vpc_error *reterr)
{
	/* the field tells whether it is the resource, or the VPC that it is said to be in */
	bool is_vpc = !strcmp(reterr->field, "vpc");
	const char *title = is_vpc ? "VPC" : j->kind == OBJECT_KINDS ? "resource" : kind_of(j->kind)->title;
	char when[48] = "there is";

	if (!j->is_newest)
		snprintf(when, sizeof(when), "at revision %" PRIu64 " there was", j->revision);
	return vpc_error_set(reterr, reterr->code, is_vpc ? "vpc" : "id",
			     "%s no %s '%.64s'; vpcctl log says when what was there", when, title,
			     is_vpc ? j->scope : j->ref);
}

static int resolve(const struct show_job *j, const struct model *m, const struct object **ret, struct vpc_error *reterr)
{
	const char *scope = j->kind != OBJECT_KINDS && kind_of(j->kind)->scope == SCOPE_HOST ? NULL : j->scope;
	int r = j->kind == OBJECT_KINDS ? resolve_any(j, m, ret, reterr)
					: model_resolve(m, j->kind, j->ref, scope, "id", ret, reterr);

	/* It may have got its name later. */
	for (unsigned kind = 0; r < 0 && j->id[0] && kind < OBJECT_KINDS; kind++) {
		*ret = model_find(m, (enum object_kind)kind, j->id);
		if (!*ret)
			continue;
		vpc_error_clear(reterr);
		r = 0;
	}
	if (r == 0)
		return 0;
	return reterr->code == VPC_E_AMBIGUOUS_NAME || reterr->code == VPC_E_INTERNAL_ERROR ? r : not_there(j, reterr);
}

static int check_revision(const struct show_job *j, const struct store_reader *reader, struct vpc_error *reterr)
{
	if (j->revision > store_reader_revision(reader))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "at",
				     "revision %" PRIu64 " is to come; give one up to %" PRIu64 ", the newest",
				     j->revision, store_reader_revision(reader));
	return j->revision < store_reader_oldest(reader) ? past_too_old(j->revision, reader, reterr) : 0;
}

static int run(struct past_job *job, struct store_reader *reader)
{
	struct show_job *j = (struct show_job *)job;
	_cleanup_(model_freep) struct model *m = NULL;
	const struct object *o = NULL;
	int r = check_revision(j, reader, &job->error);

	j->is_newest = j->revision == store_reader_revision(reader);
	if (r == 0)
		r = store_read_documents(reader, j->revision, on_document, j, &job->error);
	if (r < 0)
		return r;
	document_set_sort(&j->documents);
	r = make_model(job->e, &j->documents, &m, &job->error);
	document_set_clear(&j->documents);
	if (r == 0)
		r = resolve(j, m, &o, &job->error);
	if (r < 0)
		return r;
	j->reply = model_to_json(m, o);
	return j->reply ? 0 : vpc_error_oom(&job->error);
}

static void show_job_clear(struct show_job *j)
{
	free(j->ref);
	free(j->scope);
	document_set_clear(&j->documents);
	json_decref(j->reply);
}

static void done(struct past_job *job)
{
	struct show_job *j = (struct show_job *)job;

	j->fn(j->reply, &job->error, j->userdata);
	show_job_clear(j);
}

/* The id of the one resource that is called so now. */
static void note_id(const struct engine *e, struct show_job *j)
{
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		const struct object *o;

		if (j->kind != OBJECT_KINDS && j->kind != (enum object_kind)kind)
			continue;
		if (model_resolve(e->model, (enum object_kind)kind, j->ref, j->scope, "id", &o, &error) == 0)
			snprintf(j->id, sizeof(j->id), "%s", o->id);
	}
}

int engine_show_at(struct engine *e, enum object_kind kind, const char *ref, const char *scope, uint64_t revision,
		   engine_past_fn fn, void *userdata)
{
	struct show_job *j = calloc(1, sizeof(*j));
	int r = -ENOMEM;

	if (!j)
		return -ENOMEM;
	*j = (struct show_job){.job = {.e = e, .run = run, .done = done},
			       .kind = kind,
			       .ref = strdup(ref),
			       .scope = scope ? strdup(scope) : NULL,
			       .revision = revision,
			       .fn = fn,
			       .userdata = userdata};
	if (j->ref && (j->scope || !scope)) {
		note_id(e, j);
		r = past_submit(&j->job);
	}
	if (r < 0) {
		show_job_clear(j);
		free(j);
	}
	return r;
}
