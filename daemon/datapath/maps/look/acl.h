/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a network ACL says of a packet, as bpf/lib/rules/acl.h asks it. */
#ifndef DATAPATH_MAPS_LOOK_ACL_H
#define DATAPATH_MAPS_LOOK_ACL_H

#include "datapath/maps/look/look.h"

struct look_acl {
	bool allowed;
	uint32_t acl; /* its number; 0: the direction allows everything and has no table */
	/* The place of the rule that decides among the direction's rules, by number; -1: none does, or there is no
	 * table. */
	int place;
};

/* Asks the ACL of ENI `eni`'s subnet about a packet that leaves the subnet (VPC_EGRESS) or enters it (VPC_INGRESS). */
struct look_acl look_acl(const struct look *l, uint32_t eni, uint32_t direction, const struct look_packet *p);
/* Whether any ACL of a VPC has a table. Without one no packet asks. */
bool look_acl_asked(const struct look *l, uint32_t vpc);

#endif
