/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which rule of a set of groups allows a packet: the rule walk, or the set's classifier, and then the prefix lists, as
 * bpf/lib/rules/policy.h judges. */
#ifndef DATAPATH_MAPS_LOOK_RULES_H
#define DATAPATH_MAPS_LOOK_RULES_H

#include "datapath/maps/look/look.h"

struct look_rules {
	uint32_t set;	   /* whose rules are asked */
	uint32_t peer_set; /* the groups of the other end; 0: it has none that count */
	uint8_t direction; /* VPC_INGRESS, VPC_EGRESS */
	uint8_t family;
	uint8_t slot;  /* look_slot() */
	uint16_t port; /* look_port() */
	__be32 peer[4];
};

/* Returns the number of the rule that allows it; 0: none does. ret_row: its row, may be NULL. */
uint32_t look_rules(const struct look *l, const struct look_rules *q, uint32_t *ret_row);

/* --- of this folder --- */

/* Takes the row to which the key leads, if it is visible and has the key. Returns its number, or 0. */
uint32_t rules_probe(const struct look *l, const struct vpc_rule_key *key);
/* The mask group of a key, and its number; NULL: there is none. */
const struct vpc_mask_group *rules_mask_group(const struct look *l, const struct vpc_mask_group_key *key,
					      uint32_t *ret_number);
/* The row of a mask group that has a prefix with the peer's address, or 0. */
uint32_t rules_prefixes(const struct look *l, const struct look_rules *q, const struct vpc_mask_group *c,
			uint32_t number);
/* Calls of the classifier and of prefix lists. Return the row, or 0. ret_has: whether the set has a classifier. */
uint32_t rules_by_classifier(const struct look *l, const struct look_rules *q, bool *ret_has);
uint32_t rules_by_lists(const struct look *l, const struct look_rules *q);

#endif
