/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifier of a set: what include/vpc/abi/classifier.h describes, made from the rules of all its
 * groups. A pure function: the same rules, in whatever order, give the same bytes.
 *
 * Where several rules allow the same, it leads to one of them: of nested prefixes to the widest, of the same prefix to
 * the lowest row. So no list is longer than twice its rules and one, however they overlap.
 */
#ifndef DATAPATH_CLASSIFIER_H
#define DATAPATH_CLASSIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

struct classifier_rule {
	uint8_t slot;	   /* VPC_SLOT_… */
	uint8_t port_plen; /* 0..16 */
	uint8_t peer_kind; /* VPC_PEER_CIDR4, VPC_PEER_CIDR6, VPC_PEER_SG */
	uint8_t peer_plen;
	uint16_t port; /* host order, bits beyond port_plen zero */
	uint16_t pad;
	uint32_t peer[4]; /* network order, as in struct vpc_rule_key; SG: peer[0] is its number, host order */
	uint32_t row;
};

/* The blocks of a whole classifier. */
struct classifier_blocks {
	struct vpc_classifier_block *at; /* owned; free() it */
	size_t n;
	size_t cap;
};

/* Builds the classifier of n rules. set and dir go into its header. *ret is overwritten. -ENOMEM; -E2BIG: it would have
 * more blocks than VPC_VERSIONED_VALUE_MASK. */
int classifier_build(const struct classifier_rule *rules, size_t n, uint32_t set, uint32_t dir,
		     struct classifier_blocks *ret);

#endif
