/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/document.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpc/array.h>
#include <vpc/json.h>

#include "cli/declare/check.h"
#include "cli/lib/api.h"
#include "cli/lib/screen.h"
#include "cli/vpcctl/state.h"

/* What is read of a file at a time, at least. */
#define READ_BYTES	  65536u
/* What vpcd takes in one request. */
#define REQUEST_BYTES_MAX (8u << 20)
/* Of a plan that creates fewer objects vpcd says soon enough whether they are too many. */
#define OBJECTS_FEW	  10000u

/* --- files ------------------------------------------------------------------------------------------------------- */

static int read_all(FILE *f, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, room = 0, n;

	do {
		char *more = array_grow(text, &room, size + READ_BYTES + 1, 1);

		if (!more)
			return -ENOMEM;
		text = more;
		n = fread(text + size, 1, room - size - 1, f);
		size += n;
	} while (n && size <= TEXT_BYTES_MAX);
	if (ferror(f))
		return -errno;
	text[size] = '\0';
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

static int refuse(const char *file, const struct text_error *error)
{
	_cleanup_free_ char *text = screen_clean(error->message);

	if (error->line)
		return api_refuse(error->code, "%s:%u: %s", file, error->line, text ? text : "");
	return api_refuse(error->code, "%s: %s", file, text ? text : "");
}

int document_read(const char *file, json_t **ret)
{
	bool is_stdin = !strcmp(file, "-");
	_cleanup_fclose_ FILE *f = is_stdin ? fdopen(dup(STDIN_FILENO), "r") : fopen(file, "re");
	_cleanup_free_ char *text = NULL;
	struct text_error error = {0};
	size_t size = 0;
	int r = f ? read_all(f, &text, &size) : -errno;

	if (r < 0)
		return r == -ENOMEM ? api_oom() : api_unreadable(file, -r);
	r = text_parse(text, size, ret, &error);
	return r == -EINVAL ? refuse(file, &error) : r < 0 ? api_oom() : CLI_OK;
}

int document_check(const char *file, const json_t *text, json_t **ret)
{
	struct text_error error = {0};
	int r = check_document(text, ret, &error);

	return r == -EINVAL ? refuse(file, &error) : r < 0 ? api_oom() : CLI_OK;
}

/* --- plans ------------------------------------------------------------------------------------------------------- */

/* A document of very many new objects is refused before its plan is made, which takes long. */
static int check_number(struct cli *cli, const struct document_plan *p, const json_t *document)
{
	size_t creates = plan_least(&p->snapshot, document);
	_cleanup_json_ json_t *status = creates > OBJECTS_FEW ? api_get_quietly(cli, "/v1/status") : NULL;
	const json_t *limit = json_object_get(json_object_get(status, "limits"), "changes_per_request");

	if (!json_is_integer(limit) || (json_int_t)creates <= json_integer_value(limit))
		return CLI_OK;
	return api_refuse("RequestEntityTooLarge",
			  "%s: %zu objects or more are to be created, and vpcd makes at most %lld changes in one "
			  "transaction: apply the document in parts, as VPC by VPC",
			  p->file, creates, (long long)json_integer_value(limit));
}

int document_plan(struct cli *cli, const char *file, const json_t *document, bool prune, struct document_plan *ret)
{
	struct document_plan *p = ret;
	struct text_error error = {0};
	int r, status;

	*p = (struct document_plan){.file = file};
	status = state_read(cli, &p->snapshot, &p->revision);
	if (status == CLI_OK)
		status = check_number(cli, p, document);
	if (status != CLI_OK)
		return status;
	r = plan_make(&p->snapshot, document, prune, &p->plan, &error);
	return r == -EINVAL ? refuse(file, &error) : r < 0 ? api_oom() : CLI_OK;
}

void document_plan_clear(struct document_plan *p)
{
	plan_clear(&p->plan);
	snapshot_clear(&p->snapshot);
	*p = (struct document_plan){0};
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static int check_size(const json_t *body)
{
	size_t size = json_dumpb(body, NULL, 0, JSON_COMPACT);

	if (size <= REQUEST_BYTES_MAX)
		return CLI_OK;
	return api_refuse("RequestEntityTooLarge",
			  "the %zu changes are %zu bytes and vpcd takes %u in one transaction: apply the document in "
			  "parts, as VPC by VPC",
			  json_array_size(json_object_get(body, "changes")), size, REQUEST_BYTES_MAX);
}

int document_send_changes(struct cli *cli, const char *path, json_t *body, json_t **ret)
{
	int status = body ? check_size(body) : api_oom();

	if (status == CLI_OK)
		return api_change(cli, "POST", path, body, 0, ret);
	json_decref(body);
	return status;
}

/* The place in the document of what a change is about. */
static char *about(size_t change, const void *userdata)
{
	const struct document_plan *p = userdata;
	char called[PLAN_CALLED_SIZE], *text = NULL;
	unsigned line;
	int n;

	if (!plan_about(&p->plan, change, &line, called))
		return NULL;
	n = line ? asprintf(&text, "%s:%u: %s", p->file, line, called) : asprintf(&text, "%s: %s", p->file, called);
	return n < 0 ? NULL : text;
}

int document_send(struct cli *cli, const struct document_plan *p, const char *path, json_t *members, json_t **ret)
{
	json_t *body = members ? members : json_object();
	int status;

	if (json_object_set(body, "changes", p->plan.changes) < 0 ||
	    json_object_set_new(body, "if_revision", json_integer((json_int_t)p->revision)) < 0) {
		json_decref(body);
		return api_oom();
	}
	cli->change_about = about;
	cli->change_about_userdata = p;
	status = document_send_changes(cli, path, body, ret);
	cli->change_about = NULL;
	return status;
}
