/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every command, once: COMMAND(symbol), in the order of help. A new one is a line here and a file that defines it. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/lib/args.h"

#define CLI_COMMANDS(COMMAND)         \
	COMMAND(vpc_create)           \
	COMMAND(vpc_list)             \
	COMMAND(vpc_show)             \
	COMMAND(vpc_set_dhcp_options) \
	COMMAND(vpc_delete)           \
	COMMAND(subnet_create)        \
	COMMAND(subnet_list)          \
	COMMAND(subnet_show)          \
	COMMAND(subnet_delete)        \
	COMMAND(sg_create)            \
	COMMAND(sg_list)              \
	COMMAND(sg_show)              \
	COMMAND(sg_delete)            \
	COMMAND(sg_authorize)         \
	COMMAND(sg_revoke)            \
	COMMAND(sg_attach)            \
	COMMAND(sg_detach)            \
	COMMAND(eni_create)           \
	COMMAND(eni_list)             \
	COMMAND(eni_show)             \
	COMMAND(eni_delete)           \
	COMMAND(eni_attach)           \
	COMMAND(eni_detach)           \
	COMMAND(eni_set)              \
	COMMAND(tag_add)              \
	COMMAND(tag_remove)           \
	COMMAND(attach)               \
	COMMAND(detach)               \
	COMMAND(rename)               \
	COMMAND(status)               \
	COMMAND(verify)               \
	COMMAND(monitor)              \
	COMMAND(completion)

#define COMMAND(symbol) extern const struct command symbol##_command;
CLI_COMMANDS(COMMAND)
#undef COMMAND

#endif
