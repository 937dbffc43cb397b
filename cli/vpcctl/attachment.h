/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an ENI is attached to: the options that `eni attach` and `attach` share, as the API's attachment. */
#ifndef CLI_ATTACHMENT_H
#define CLI_ATTACHMENT_H

#include "cli/lib/cli.h"

#define PARAMS_ATTACHMENT                                                                                             \
	{"--netns", VALUE_NETNS, PARAM_ONE_OF, "PATH|NAME", "a network namespace: its path, or name in /run/netns"},  \
		{"--pid", VALUE_NUMBER, PARAM_ONE_OF, "PID", "the network namespace of this process"},                \
		{"--tap", VALUE_FLAG, PARAM_ONE_OF, NULL, "a tap device, for a VM"},                                  \
		{"--link", VALUE_FLAG, PARAM_ONE_OF, NULL,                                                            \
		 "a link in the host's own namespace, for an engine that moves it into its container"},               \
		{"--owner", VALUE_USER, 0, "USER", "who may open the tap (default: root)"},                           \
		{"--queues", VALUE_NUMBER, 0, "N", "queues of the tap (default: 1)"},                                 \
		{"--default-route", VALUE_YES_NO, 0, "yes|no",                                                        \
		 "whether the namespace's default route goes through it (default: yes, if there is none)"},           \
	{                                                                                                             \
		"--ifname", VALUE_TEXT, 0, "NAME",                                                                    \
			"the interface's name inside the namespace (default: eth0; of a link vpc<number of the ENI>)" \
	}

/* *ret: {"kind": "netns"|"tap"|"link", …}. Owned. A relative path is made absolute, since vpcd runs in another folder.
 * Returns an exit status. */
int attachment_body(const struct cli *cli, const struct args *args, json_t **ret);

#endif
