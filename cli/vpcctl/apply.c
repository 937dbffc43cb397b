/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl apply */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpc/array.h>
#include <vpc/json.h>

#include "cli/declare/check.h"
#include "cli/declare/plan.h"
#include "cli/lib/api.h"
#include "cli/lib/screen.h"
#include "cli/vpcctl/apply_print.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"
#include "cli/vpcctl/state.h"

/* What is read of a document at a time, at least. */
#define READ_BYTES	  65536u
/* What vpcd takes in one request. */
#define REQUEST_BYTES_MAX (8u << 20)

/* --- the document ------------------------------------------------------------------------------------------------ */

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

static int read_document(const char *file, json_t **ret)
{
	bool is_stdin = !strcmp(file, "-");
	_cleanup_fclose_ FILE *f = is_stdin ? fdopen(dup(STDIN_FILENO), "r") : fopen(file, "re");
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *raw = NULL;
	struct text_error error = {0};
	size_t size = 0;
	int r = f ? read_all(f, &text, &size) : -errno;

	if (r < 0)
		return r == -ENOMEM ? api_oom() : api_unreadable(file, -r);
	r = text_parse(text, size, &raw, &error);
	if (r == 0)
		r = check_document(raw, ret, &error);
	return r == -EINVAL ? refuse(file, &error) : r < 0 ? api_oom() : CLI_OK;
}

/* --- the transaction --------------------------------------------------------------------------------------------- */

struct applying {
	const struct args *args;
	const char *file;
	json_t *document;
	const struct plan *changes; /* of this try; borrowed */
	json_t *plan;		    /* as JSON; owned */
	bool shown;		    /* the plan was printed */
};

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

static bool deletes(const json_t *plan)
{
	json_t *object;
	size_t i;

	json_array_foreach (plan, i, object)
		if (!strcmp(json_member_text(object, "action") ?: "", "delete"))
			return true;
	return false;
}

/* Whether who sits at the terminal wants it. Without a terminal --prune was asked for, and that is enough. */
static bool agreed(struct cli *cli, struct applying *a)
{
	char answer[16] = "";

	if (cli->dry_run || args_get(a->args, "-y") || !deletes(a->plan) || !isatty(STDIN_FILENO) ||
	    !strcmp(a->file, "-"))
		return true;
	apply_print_plan(cli, a->plan);
	a->shown = true;
	fputs("delete what is marked with -? [y/N] ", stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* All is as the document says, but perhaps not for long. */
static void print_unconfirmed(struct cli *cli)
{
	_cleanup_json_ json_t *status = api_get_quietly(cli, "/v1/status");
	const json_t *pending;
	size_t i;

	json_array_foreach (json_object_get(status, "pending"), i, pending)
		if (!strcmp(json_member_text(pending, "subsystem") ?: "", "confirm"))
			puts(json_member_text(pending, "reason") ?: "");
}

static int print(struct cli *cli, struct applying *a, json_t *reply)
{
	json_t *result;
	size_t i;

	if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML) {
		json_object_set(reply, "plan", a->plan);
		return output_document(cli, reply);
	}
	if (cli->output == OUTPUT_ID) {
		json_array_foreach (json_object_get(reply, "results"), i, result)
			output_id(result);
		return CLI_OK;
	}
	if (json_array_size(a->plan) == 0) {
		puts("nothing to do: all is as the document says");
		print_unconfirmed(cli);
		return CLI_OK;
	}
	if (!a->shown)
		apply_print_plan(cli, a->plan);
	output_change(cli, reply);
	if (args_get(a->args, "--confirm") && !cli->dry_run)
		printf("taken back in %s s, unless: vpcctl confirm\n", args_get(a->args, "--confirm"));
	return CLI_OK;
}

/* The place in the document of what a change is about. */
static char *about(size_t change, const void *userdata)
{
	const struct applying *a = userdata;
	char called[PLAN_CALLED_SIZE], *text = NULL;
	unsigned line;
	int n;

	if (!plan_about(a->changes, change, &line, called))
		return NULL;
	n = line ? asprintf(&text, "%s:%u: %s", a->file, line, called) : asprintf(&text, "%s: %s", a->file, called);
	return n < 0 ? NULL : text;
}

static int send(struct cli *cli, struct applying *a, json_t *changes, uint64_t revision, json_t **ret)
{
	const char *confirm = args_get(a->args, "--confirm");
	json_t *body = json_pack("{s:O,s:I}", "changes", changes, "if_revision", (json_int_t)revision);
	int status = body ? check_size(body) : api_oom();

	if (status == CLI_OK && confirm && json_object_set_new(body, "confirm", json_integer(atoll(confirm))) < 0)
		status = api_oom();
	if (status != CLI_OK) {
		json_decref(body);
		return status;
	}
	cli->change_about = about;
	cli->change_about_userdata = a;
	status = api_change(cli, "POST", "/v1/transactions", body, 0, ret);
	cli->change_about = NULL;
	return status;
}

/* One try, for the state as it is now. CLI_AGAIN: somebody else was faster. */
static int apply(struct cli *cli, struct applying *a)
{
	struct plan plan = {0};
	struct text_error error;
	struct snapshot s;
	_cleanup_json_ json_t *reply = NULL;
	uint64_t revision;
	int r, status = state_read(cli, &s, &revision);

	if (status != CLI_OK)
		return status;
	a->changes = &plan;
	r = plan_make(&s, a->document, args_get(a->args, "--prune"), &plan, &error);
	json_decref(a->plan);
	a->plan = r == 0 ? plan_to_json(&plan) : NULL;
	if (r == -EINVAL)
		status = refuse(a->file, &error);
	else if (r < 0 || !a->plan)
		status = api_oom();
	else if (json_array_size(a->plan) == 0)
		reply = json_object();
	else if (!agreed(cli, a))
		status = api_refuse("Canceled", "nothing was changed");
	else
		status = send(cli, a, plan.changes, revision, &reply);
	plan_clear(&plan);
	snapshot_clear(&s);
	return status == CLI_OK ? print(cli, a, reply) : status;
}

static int run(struct cli *cli, const struct args *args)
{
	struct applying a = {.args = args, .file = args_get(args, "-f")};
	int status = read_document(a.file, &a.document);

	if (status == CLI_OK)
		do
			status = apply(cli, &a);
		while (status == CLI_AGAIN);
	json_decref(a.document);
	json_decref(a.plan);
	return status;
}

static const struct param params[] = {
	{"-f", VALUE_FILE, PARAM_REQUIRED, "FILE", "the document, YAML or JSON; - is standard input"},
	{"--prune", VALUE_FLAG, 0, NULL, "also delete what the document is about and doesn't name"},
	{"--confirm", VALUE_NUMBER, 0, "SECONDS",
	 "take it all back after so many seconds, unless vpcctl confirm comes before"},
	{"-y", VALUE_FLAG, 0, NULL, "delete without asking; only a terminal is asked"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command apply_command = {
	.noun = "apply",
	.summary = "make the host as a document says, in one transaction",
	.params = params,
	.notes = "The document is as vpcctl export writes it, or a part of that. What it names is created, or changed "
		 "where it "
		 "differs; fields that it doesn't name stay as they are. A list that it names (rules, routes, tags, "
		 "groups) is the "
		 "whole list. Nothing else is deleted, but with --prune: then all that is in the document's scope and "
		 "not in the "
		 "document goes. The scope is `scope: host`, `scope: [names of VPCs]`, or without it the VPCs that the "
		 "document "
		 "lists; prefix lists belong to the host. Network interfaces that are attached are never deleted. "
		 "Applied again, a "
		 "document changes nothing. "
		 "With --confirm, other changes are refused until the document is confirmed or taken back.",
	.example =
		"vpcctl apply -f prod.yaml --dry-run\nvpcctl export --vpc prod | sed s/443/8443/ | vpcctl apply -f -",
	.run = run,
};
