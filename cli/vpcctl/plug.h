/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an ENI is plugged in: the options that `eni attach` and `attach` share, as the API's attachment. */
#ifndef CLI_PLUG_H
#define CLI_PLUG_H

#include "cli/lib/cli.h"

#define PARAMS_PLUG                                                                                                  \
	{"--netns", VALUE_NETNS, PARAM_ONE_OF, "PATH|NAME", "a network namespace: its path, or name in /run/netns"}, \
		{"--pid", VALUE_NUMBER, PARAM_ONE_OF, "PID", "the network namespace of this process"},               \
		{"--tap", VALUE_FLAG, PARAM_ONE_OF, NULL, "a tap device, for a VM"},                                 \
		{"--owner", VALUE_USER, 0, "USER", "who may open the tap (default: root)"},                          \
		{"--queues", VALUE_NUMBER, 0, "N", "queues of the tap (default: 1)"},                                \
		{"--default-route", VALUE_YES_NO, 0, "yes|no",                                                       \
		 "whether the namespace's default route goes by it (default: if it has none yet)"},                  \
	{                                                                                                            \
		"--ifname", VALUE_TEXT, 0, "NAME", "what the interface is called inside (default: eth0)"             \
	}

/* *ret: {"kind": "netns"|"tap", …}. A relative path is made absolute, as vpcd's folder is another. Returns an exit
 * status. */
int plug_attachment(const struct args *args, json_t **ret);

#endif
