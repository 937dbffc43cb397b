/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl sg attach, sg detach: a group and the network interfaces that have it. */
#include <stdio.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/sg_rules.h"
#include "cli/vpcctl/resource.h"

static int run(struct cli *cli, const struct args *args, const char *op, const char *done)
{
	_cleanup_json_ json_t *change = json_pack("{s:s}", "op", op);
	_cleanup_json_ json_t *group = NULL;
	size_t n = args_count(args, "ENI");
	json_t *changes;
	int status;

	if (body_set(cli, change, "security_group_id", args, "SG") < 0 ||
	    body_set(cli, change, "enis", args, "ENI") < 0 || body_set(cli, change, "flows", args, "--flows") < 0)
		return api_oom();
	changes = json_pack("[O]", change);
	if (!changes)
		return api_oom();
	status = api_transaction(cli, changes, 0, &group);
	if (status != CLI_OK)
		return status;
	if (cli->output == OUTPUT_ID)
		return output_id(group);
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, group);
	printf("%s %s %zu network %s\n", args_get(args, "SG"), done, n, n == 1 ? "interface" : "interfaces");
	output_change(cli, group);
	return CLI_OK;
}

static int run_attach(struct cli *cli, const struct args *args)
{
	return run(cli, args, "sg.attach", "attached to");
}

static int run_detach(struct cli *cli, const struct args *args)
{
	return run(cli, args, "sg.detach", "detached from");
}

static const struct param attach_params[] = {
	{"SG", VALUE_SG, PARAM_REQUIRED, NULL, "the group: id or name"},
	{"ENI", VALUE_ENI, PARAM_REQUIRED | PARAM_REPEAT, NULL, "network interfaces: ids or names"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param detach_params[] = {
	{"SG", VALUE_SG, PARAM_REQUIRED, NULL, "the group: id or name"},
	{"ENI", VALUE_ENI, PARAM_REQUIRED | PARAM_REPEAT, NULL, "network interfaces: ids or names"},
	PARAM_FLOWS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command sg_attach_command = {
	.noun = "sg",
	.verb = "attach",
	.summary = "attach a security group to network interfaces",
	.params = attach_params,
	.example = "vpcctl sg attach monitoring web1 web2",
	.run = run_attach,
};
const struct command sg_detach_command = {
	.noun = "sg",
	.verb = "detach",
	.summary = "detach a security group from network interfaces",
	.params = detach_params,
	.notes = "A network interface always has a group: detaching its last one is refused.",
	.example = "vpcctl sg detach monitoring web1 --flows drain=60",
	.run = run_detach,
};
