/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/commands.h"

#include <vpc/paths.h>

#include "cli/vpcctl/resource.h"

const struct command *const cli_commands[] = {
#define COMMAND(symbol) &symbol##_command,
	CLI_COMMANDS(COMMAND)
#undef COMMAND
};
const size_t cli_n_commands = ARRAY_SIZE(cli_commands);

const struct resource *const cli_resources[] = {&vpc_resource, &subnet_resource, &sg_resource, &eni_resource, NULL};

const struct param cli_globals[] = {
	{"--socket", VALUE_FILE, 0, "PATH", "vpcd's socket (default: VPCD_SOCKET, or " VPCD_SOCKET ")"},
	{"-o", VALUE_OUTPUT, 0, "FORMAT", "table, json, yaml or id (default: table)"},
	{"--output", VALUE_OUTPUT, PARAM_HIDDEN, "FORMAT", ""},
	{"--help", VALUE_FLAG, 0, NULL, "this help"},
	{"-h", VALUE_FLAG, PARAM_HIDDEN, NULL, ""},
	{"--version", VALUE_FLAG, 0, NULL, "the version of vpcctl"},
	{0},
};
