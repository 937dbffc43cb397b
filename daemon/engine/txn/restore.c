/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backups: {"format", "version", "checksum", "made", "state"}. The state has the documents of each kind in the order of
 * creation, and nothing that differs between two backups of one state; when and where it was made stands apart. The
 * checksum is of the state's own bytes, so a backup that was cut or changed is refused before anything is changed.
 */
#include "engine/txn/restore.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vpc/clock.h>
#include <vpc/hex.h>

#include "engine/engine.h"
#include "engine/reports/past.h"
#include "engine/upkeep/repair.h"
#include "model/document_set.h"
#include "util/json.h"

#define BACKUP_FORMAT  "vpcd-backup"
#define BACKUP_VERSION 1
#define CHECKSUM_SIZE  (sizeof("sha256:") + 2 * SHA256_DIGEST_SIZE)

/* The state's bytes: keys sorted, so the same state has the same. */
#define STATE_FLAGS (JSON_COMPACT | JSON_SORT_KEYS)

static void checksum(const char *text, char ret[CHECKSUM_SIZE])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, strlen(text), (const uint8_t *)text);
	sha256_digest(&context, sizeof(digest), digest);
	snprintf(ret, CHECKSUM_SIZE, "sha256:");
	hex_encode(digest, sizeof(digest), ret + strlen("sha256:"));
}

/* --- backup ------------------------------------------------------------------------------------------ */

struct backup_job {
	struct past_job job;
	struct document_set documents;
	int fd; /* -1: none */
	uint64_t size;
	engine_backup_fn fn;
	void *userdata;
};

static int on_document(const char *kind, const char *id, const json_t *document, void *userdata)
{
	struct backup_job *j = userdata;
	json_t *kept = document_for_backup(document);

	(void)id;
	return kept && document_set_add(&j->documents, kind, kept) != -ENOMEM ? 0 : vpc_error_oom(&j->job.error);
}

/* NULL: out of memory. */
static json_t *state_json(const struct document_set *s)
{
	json_t *state = json_object();

	for (unsigned kind = 0; state && kind < OBJECT_KINDS; kind++)
		json_object_set_new(state, kind_of((enum object_kind)kind)->noun, json_array());
	for (size_t i = 0; state && i < s->n; i++) {
		json_t *list = json_object_get(state, kind_of(s->at[i].kind)->noun);

		if (!list || json_array_append(list, s->at[i].document) < 0) {
			json_decref(state);
			return NULL;
		}
	}
	return state;
}

static int write_backup(struct backup_job *j, const char *state, uint64_t revision)
{
	json_t *made = json_pack("{s:I, s:o, s:s, s:s}", "revision", (json_int_t)revision, "time",
				 json_time_us(realtime_ns()), "instance", j->job.e->instance, "vpcd", VPCD_VERSION);
	_cleanup_free_ char *made_text = made ? json_dumps(made, JSON_COMPACT) : NULL;
	char sum[CHECKSUM_SIZE];
	FILE *f;
	int r;

	json_decref(made);
	checksum(state, sum);
	j->fd = open(j->job.e->state_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (j->fd < 0) /* a file system that has no such files */
		j->fd = memfd_create("backup", MFD_CLOEXEC);
	f = made_text && j->fd >= 0 ? fdopen(dup(j->fd), "w") : NULL;
	if (!f)
		return vpc_error_set(&j->job.error, VPC_E_INTERNAL_ERROR, NULL, "cannot make a file in %s: %s",
				     j->job.e->state_dir, strerror(errno));
	r = fprintf(
		f, "{\"format\":\"" BACKUP_FORMAT "\",\"version\":%d,\"checksum\":\"%s\",\"made\":%s,\n\"state\":%s}\n",
		BACKUP_VERSION, sum, made_text, state);
	if (fclose(f) != 0 || r < 0)
		return vpc_error_set(&j->job.error, VPC_E_INTERNAL_ERROR, NULL, "cannot write a file in %s: %s",
				     j->job.e->state_dir, strerror(errno));
	j->size = (uint64_t)lseek(j->fd, 0, SEEK_END);
	return 0;
}

static int backup_run(struct past_job *job, struct store_reader *reader)
{
	struct backup_job *j = (struct backup_job *)job;
	uint64_t revision = store_reader_revision(reader);
	_cleanup_free_ char *text = NULL;
	json_t *state;
	int r = store_read_documents(reader, revision, on_document, j, &job->error);

	if (r < 0)
		return r;
	document_set_sort(&j->documents);
	state = state_json(&j->documents);
	text = state ? json_dumps(state, STATE_FLAGS) : NULL;
	json_decref(state);
	document_set_clear(&j->documents);
	return text ? write_backup(j, text, revision) : vpc_error_oom(&job->error);
}

static void backup_done(struct past_job *job)
{
	struct backup_job *j = (struct backup_job *)job;

	if (job->error.code != VPC_E_OK)
		close_fd(TAKE_FD(j->fd));
	j->fn(j->fd, j->size, &job->error, j->userdata);
	document_set_clear(&j->documents);
}

int engine_backup(struct engine *e, engine_backup_fn fn, void *userdata)
{
	struct backup_job *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	*j = (struct backup_job){
		.job = {.e = e, .run = backup_run, .done = backup_done}, .fd = -1, .fn = fn, .userdata = userdata};
	r = past_submit(&j->job);
	if (r < 0)
		free(j);
	return r;
}

/* --- restore ----------------------------------------------------------------------------------------- */

struct restore_job {
	struct past_job job;
	char *text;
	size_t size;
	struct engine_request *request;
	engine_reply_fn fn;
	void *userdata;
};

static int refuse(struct vpc_error *reterr, const char *why)
{
	return vpc_error_set(reterr, VPC_E_MALFORMED_REQUEST, NULL, "%s (nothing was changed)", why);
}

static int check_frame(const json_t *backup, struct vpc_error *reterr)
{
	const char *format = json_string_value(json_object_get(backup, "format"));
	const char *sum = json_string_value(json_object_get(backup, "checksum"));
	const json_t *state = json_object_get(backup, "state"), *version = json_object_get(backup, "version");
	_cleanup_free_ char *text = NULL;
	char found[CHECKSUM_SIZE];

	if (!format || strcmp(format, BACKUP_FORMAT) != 0)
		return refuse(reterr, "this is not a backup of vpcd; give a file that vpcctl backup wrote");
	if (!json_is_integer(version) || json_integer_value(version) < 1)
		return refuse(reterr, "the backup is damaged: it has no version; take another one");
	if (json_integer_value(version) > BACKUP_VERSION)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "version",
				     "the backup has version %lld, written by a newer vpcd; this one reads up to %d: "
				     "restore it there (nothing was changed)",
				     (long long)json_integer_value(version), BACKUP_VERSION);
	text = json_is_object(state) ? json_dumps(state, STATE_FLAGS) : NULL;
	if (!text || !sum)
		return refuse(reterr, "the backup is damaged: it has no state, or no checksum; take another one");
	checksum(text, found);
	return strcmp(found, sum) == 0
		       ? 0
		       : refuse(reterr, "the backup is damaged: its state doesn't fit its checksum; take another one");
}

static int read_state(json_t *state, struct document_set *ret, struct vpc_error *reterr)
{
	json_t *list, *document;
	const char *kind;
	size_t i;

	json_object_foreach (state, kind, list) {
		json_array_foreach (list, i, document) {
			int r = document_set_add(ret, kind, json_incref(document));

			if (r == -ENOENT)
				return vpc_error_set(
					reterr, VPC_E_INVALID_PARAMETER_VALUE, "state",
					"this vpcd knows no resources of the kind '%.64s'; use a newer one (nothing "
					"was changed)",
					kind);
			if (r < 0)
				return vpc_error_oom(reterr);
		}
	}
	document_set_sort(ret);
	return 0;
}

/* The request's set. On the thread: of the engine's model only what never changes is read. */
static int restore_run(struct past_job *job, struct store_reader *reader)
{
	struct restore_job *j = (struct restore_job *)job;
	struct document_set *set = calloc(1, sizeof(*set));
	json_error_t where;
	json_t *backup;
	int r;

	(void)reader;
	if (!set)
		return vpc_error_oom(&job->error);
	j->request->restore = set;
	backup = json_loadb(j->text, j->size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
	free(TAKE_PTR(j->text));
	if (!backup)
		return vpc_error_set(
			&job->error, VPC_E_MALFORMED_REQUEST, NULL,
			"the backup is damaged or cut: %s, line %d; take another one (nothing was changed)", where.text,
			where.line);
	j->request->dry_run |= json_is_true(json_object_get(backup, "dry_run"));
	r = check_frame(backup, &job->error);
	if (r == 0)
		r = read_state(json_object_get(backup, "state"), set, &job->error);
	json_decref(backup);
	return r == 0 ? document_set_check(set, job->e->model, &job->error) : r;
}

static void restore_done(struct past_job *job)
{
	struct restore_job *j = (struct restore_job *)job;
	struct engine_reply reply = {.error = job->error};

	free(j->text);
	if (job->error.code == VPC_E_OK) {
		j->request->received_ns = monotonic_ns();
		engine_submit(job->e, j->request, j->fn, j->userdata);
		return;
	}
	j->fn(&reply, j->userdata);
	engine_request_free(j->request);
}

void engine_restore(struct engine *e, char *text, size_t size, struct engine_request *request, engine_reply_fn fn,
		    void *userdata)
{
	struct restore_job *j = calloc(1, sizeof(*j));
	struct engine_reply reply = {.error = VPC_ERROR_INIT};

	if (!request->command)
		request->command = strdup("restore");
	if (j)
		*j = (struct restore_job){.job = {.e = e, .run = restore_run, .done = restore_done},
					  .text = text,
					  .size = size,
					  .request = request,
					  .fn = fn,
					  .userdata = userdata};
	if (j && request->command && past_submit(&j->job) >= 0)
		return;
	free(j);
	free(text);
	engine_request_free(request);
	vpc_error_oom(&reply.error);
	fn(&reply, userdata);
}

/* --- ports ------------------------------------------------------------------------------------------- */

void restore_ports(struct engine *e)
{
	const struct object *o = NULL;

	while ((o = model_next(e->model, OBJECT_VPC, o)))
		reconcile_schedule(e, o->number);
}
