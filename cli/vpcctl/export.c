/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl export */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"
#include "cli/vpcctl/state.h"

static int run(struct cli *cli, const struct args *args)
{
	const char *ref = args_get(args, "--vpc");
	const struct entry *vpc = NULL;
	_cleanup_json_ json_t *document = NULL;
	struct snapshot s;
	uint64_t revision;
	int status = state_read(cli, &s, &revision);

	if (status != CLI_OK)
		return status;
	if (ref)
		status = state_find_vpc(cli, &s, ref, &vpc);
	if (status == CLI_OK)
		document = snapshot_export(&s, vpc ? vpc->name : NULL);
	snapshot_clear(&s);
	if (status != CLI_OK)
		return status;
	if (!document)
		return api_oom();
	/* YAML is what people read. */
	if (cli->output != OUTPUT_JSON)
		cli->output = OUTPUT_YAML;
	return output_document(cli, document);
}

static const struct param params[] = {
	{"--vpc", VALUE_VPC, 0, "VPC", "only this VPC, with the prefix lists that it names"},
	PARAMS_END,
};

const struct command export_command = {
	.noun = "export",
	.summary = "write what there is as a document for vpcctl apply",
	.params = params,
	.notes = "The document is YAML, or JSON with -o json. It calls everything by its name, so that it can be "
		 "applied to "
		 "another host, and applied to the same one it changes nothing. It has neither ids nor counters, nor "
		 "what network "
		 "interfaces are attached to; a rule that is stale is left out. vpcctl backup writes the whole state.",
	.example = "vpcctl export >host.yaml\nvpcctl export --vpc prod >prod.yaml",
	.run = run,
};
