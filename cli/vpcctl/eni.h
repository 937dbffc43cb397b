/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes a network interface: shared by `eni create` and `attach`. */
#ifndef CLI_ENI_H
#define CLI_ENI_H

#include "cli/vpcctl/resource.h"

#define PARAMS_ENI                                                                                                     \
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique in its VPC"},                                               \
		{"--subnet", VALUE_SUBNET, PARAM_REQUIRED, "SUBNET", "where its addresses come from"},                 \
		{"--sg", VALUE_SG, PARAM_REPEAT, "SG", "a security group it carries (default: the VPC's default)"},    \
		{"--ip", VALUE_TEXT, 0, "ADDRESS", "its IPv4 address (default: a free one)"},                          \
		{"--ip6", VALUE_TEXT, 0, "ADDRESS", "its IPv6 address (default: a free one, if the subnet has IPv6)"}, \
		{"--secondary-ip", VALUE_TEXT, PARAM_REPEAT, "ADDRESS", "a further address"},                          \
		{"--mac", VALUE_TEXT, 0, "MAC", "its MAC address (default: one is made)"},                             \
		{"--no-source-dest-check", VALUE_FLAG, 0, NULL, "it may forward packets of others"},                   \
		{"--delete-on-termination", VALUE_FLAG, 0, NULL, "it is deleted when its namespace is gone"},          \
		PARAM_TAGS

/* The fields of eni.create. */
extern const struct body_field eni_create_body[];

#endif
