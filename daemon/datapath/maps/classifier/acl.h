/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of one direction of a network ACL, as include/vpc/abi/acl.h describes it. A pure function: the same rules
 * give the same bytes. */
#ifndef DATAPATH_CLASSIFIER_ACL_H
#define DATAPATH_CLASSIFIER_ACL_H

#include "datapath/maps/classifier/classifier.h"

struct acl_table_rule {
	uint8_t slot; /* VPC_SLOT_… */
	uint8_t family;
	uint8_t plen;
	bool allow;
	uint16_t port_first; /* host order; not looked at for VPC_SLOT_ANY */
	uint16_t port_last;
	uint32_t addr[4]; /* network order; IPv4: addr[0] */
};

/* Builds the table of n rules, at most VPC_ACL_RULES, in the order of evaluation. head: acl, dir and vpc go into the
 * table's header. *ret is overwritten; free(ret->at). -ENOMEM; -E2BIG: too many rules. */
int acl_table_build(const struct acl_table_rule *rules, size_t n, const struct vpc_acl_table *head,
		    struct classifier_blocks *ret);

#endif
