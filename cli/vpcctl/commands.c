/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/commands.h"

#include <vpc/paths.h>

#include "cli/vpcctl/resource.h"

static const struct command *const other_commands[] = {
#define COMMAND(symbol) &symbol##_command,
	CLI_COMMANDS(COMMAND)
#undef COMMAND
		NULL,
};

static const struct command *const *const groups[] = {
#define RESOURCE(SYMBOL, symbol, ...) symbol##_commands,
#include <vpc/kinds.def>
	other_commands,
};

const struct command *cli_command(size_t i)
{
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		for (size_t k = 0; groups[g][k]; k++)
			if (i-- == 0)
				return groups[g][k];
	return NULL;
}

const struct resource *const cli_resources[] = {
#define RESOURCE(SYMBOL, symbol, ...) &symbol##_resource,
#include <vpc/kinds.def>
	NULL,
};

const struct param cli_globals[] = {
	{"--socket", VALUE_FILE, 0, "PATH", "vpcd's socket (default: VPCD_SOCKET, or " VPCD_SOCKET ")"},
	{"-o", VALUE_OUTPUT, 0, "FORMAT", "table, wide (a list with all it knows), json, yaml or id (default: table)"},
	{"--output", VALUE_OUTPUT, PARAM_HIDDEN, "FORMAT", ""},
	{"--help", VALUE_FLAG, 0, NULL, "this help"},
	{"-h", VALUE_FLAG, PARAM_HIDDEN, NULL, ""},
	{"--version", VALUE_FLAG, 0, NULL, "the version of vpcctl"},
	{0},
};
