/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl confirm */
#include <stdio.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

static int run(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	int status = api_change(cli, "POST", "/v1/confirm", NULL, 0, &reply);

	(void)args;
	if (status != CLI_OK)
		return status;
	if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML)
		return output_document(cli, reply);
	if (cli->output == OUTPUT_TABLE)
		puts("confirmed: the change stays");
	return CLI_OK;
}

static const struct param params[] = {PARAMS_END};

const struct command confirm_command = {
	.noun = "confirm",
	.summary = "keep what vpcctl apply --confirm has changed",
	.params = params,
	.notes = "Without it, the change is taken back when its time is over, also if vpcd was stopped or killed "
		 "meanwhile. "
		 "vpcctl status shows what waits.",
	.example = "vpcctl apply -f prod.yaml --confirm 60 && curl -m 5 https://10.0.1.4/ && vpcctl confirm",
	.run = run,
};
