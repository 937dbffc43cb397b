/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl apply */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/apply_print.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/document.h"
#include "cli/vpcctl/resource.h"

struct applying {
	const struct args *args;
	const char *file;
	json_t *document;
	json_t *plan; /* as JSON; owned */
	bool shown;   /* the plan was printed */
};

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

static int send(struct cli *cli, const struct applying *a, const struct document_plan *p, json_t **ret)
{
	const char *confirm = args_get(a->args, "--confirm");

	return document_send(cli, p, "/v1/transactions",
			     confirm ? json_pack("{s:I}", "confirm", (json_int_t)atoll(confirm)) : NULL, ret);
}

/* One try, for the state as it is now. CLI_AGAIN: somebody else was faster. */
static int apply(struct cli *cli, struct applying *a)
{
	struct document_plan p;
	_cleanup_json_ json_t *reply = NULL;
	int status = document_plan(cli, a->file, a->document, args_get(a->args, "--prune"), &p);

	json_decref(a->plan);
	a->plan = status == CLI_OK ? plan_to_json(&p.plan) : NULL;
	if (status == CLI_OK && !a->plan)
		status = api_oom();
	else if (status == CLI_OK && json_array_size(a->plan) == 0)
		reply = json_object();
	else if (status == CLI_OK && !agreed(cli, a))
		status = api_refuse("Canceled", "nothing was changed");
	else if (status == CLI_OK)
		status = send(cli, a, &p, &reply);
	document_plan_clear(&p);
	return status == CLI_OK ? print(cli, a, reply) : status;
}

static int run(struct cli *cli, const struct args *args)
{
	struct applying a = {.args = args, .file = args_get(args, "-f")};
	_cleanup_json_ json_t *text = NULL;
	int status = document_read(a.file, &text);

	if (status == CLI_OK)
		status = document_check(a.file, text, &a.document);
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
