/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every command that is no resource's, once: COMMAND(symbol), in the order of help. A new one is a line here and a file
 * that defines it. Those of a resource are in its own file (resource.h) and come before these.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/lib/args.h"

#define CLI_COMMANDS(COMMAND) \
	COMMAND(tag_add)      \
	COMMAND(tag_remove)   \
	COMMAND(attach)       \
	COMMAND(detach)       \
	COMMAND(rename)       \
	COMMAND(export)       \
	COMMAND(apply)        \
	COMMAND(confirm)      \
	COMMAND(graph)        \
	COMMAND(status)       \
	COMMAND(verify)       \
	COMMAND(explain)      \
	COMMAND(monitor)      \
	COMMAND(top)          \
	COMMAND(usage)        \
	COMMAND(flow_list)    \
	COMMAND(flow_cut)     \
	COMMAND(events)       \
	COMMAND(log)          \
	COMMAND(show)         \
	COMMAND(backup)       \
	COMMAND(restore)      \
	COMMAND(completion)

#define COMMAND(symbol) extern const struct command symbol##_command;
CLI_COMMANDS(COMMAND)
#undef COMMAND

#endif
