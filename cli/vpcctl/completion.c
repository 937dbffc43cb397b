/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl completion: what is made from the command table, and the names that the bash script asks for. */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/lib/help.h"
#include "cli/vpcctl/resource.h"

/* Names of a kind, one a line; of those without one, and of those whose name has odd characters, the id. */
static int print_names(struct cli *cli, const struct resource *r)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, NULL, NULL);
	_cleanup_json_ json_t *reply = NULL;
	json_t *object;
	size_t i;
	int status = api_get(cli, path, &reply);

	if (status != CLI_OK)
		return status;
	json_array_foreach (json_object_get(reply, kind_of(r->kind)->list), i, object) {
		const char *name = json_member_text(object, "name");

		if (!name || !*name || name[strspn(name, plain)])
			output_id(object);
		else
			puts(name);
	}
	return CLI_OK;
}

static int run(struct cli *cli, const struct args *args)
{
	static const char nouns[] = ""
#define RESOURCE(SYMBOL, symbol, noun, ...) " " noun
#include <vpc/kinds.def>
		;
	const char *what = args_get(args, "WHAT"), *kind = args_get(args, "KIND");

	if (!strcmp(what, "bash") && !kind) {
		help_completion(stdout);
		return CLI_OK;
	}
	if (!strcmp(what, "man") && !kind) {
		help_manual(stdout);
		return CLI_OK;
	}
	for (size_t i = 0; !strcmp(what, "names") && kind && cli_resources[i]; i++)
		if (!strcmp(kind_of(cli_resources[i]->kind)->noun, kind))
			return print_names(cli, cli_resources[i]);
	return args_wrong(args, "'bash', 'man', or 'names' and one of%s", nouns);
}

static const struct param params[] = {
	{"WHAT", VALUE_SHELL, PARAM_REQUIRED, NULL,
	 "bash: the completion script; man: the manual page; names: of all resources of a kind"},
	{"KIND", VALUE_TEXT, 0, NULL, "noun of a resource"},
	PARAMS_END,
};

const struct command completion_command = {
	.noun = "completion",
	.summary = "print the bash completion script, or the manual page",
	.params = params,
	.example = "source <(vpcctl completion bash)",
	.run = run,
};
