/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl verify */
#include <stdio.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

static const struct field columns[] = {
	{"WHAT", "what", TABLE_LEFT, NULL},
	{"OBJECT", "object", TABLE_LEFT, NULL},
	{"PROBLEM", "problem", TABLE_LEFT, NULL},
	{"DETAIL", "detail", TABLE_LEFT, NULL},
};

/* Equal only if the reply says so: one without that member is no proof of a clean kernel. */
static int run(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *report = NULL;
	const json_t *differences;
	bool equal;
	int status = api_get(cli, "/v1/verify", &report);

	(void)args;
	if (status != CLI_OK)
		return status;
	equal = json_is_true(json_object_get(report, "equal"));
	differences = json_object_get(report, "differences");
	if (cli->output == OUTPUT_ID) {
		json_t *entry;
		size_t i;

		json_array_foreach (differences, i, entry)
			puts(json_member_text(entry, "object") ?: "");
	} else if (cli->output != OUTPUT_TABLE) {
		status = output_document(cli, report);
	} else if (equal) {
		puts("the kernel is as it should be");
	} else {
		status = output_rows(cli, differences, columns, ARRAY_SIZE(columns));
		printf("\n%zu %s from what should be\n", json_array_size(differences),
		       json_array_size(differences) == 1 ? "thing differs" : "things differ");
	}
	return status != CLI_OK ? status : equal ? CLI_OK : CLI_REFUSED;
}

static const struct param params[] = {PARAMS_END};

const struct command verify_command = {
	.noun = "verify",
	.summary = "read the kernel back and compare it with the model",
	.params = params,
	.notes = "Exit status 0: the kernel has what the model says, and nothing else. 1: something differs.",
	.example = "vpcctl verify && echo clean",
	.run = run,
};
