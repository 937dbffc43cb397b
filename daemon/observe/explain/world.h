/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A copy of what decides who may talk with whom, of one snapshot of the model: ENIs, groups with their rules, prefix
 * lists, network ACLs and route tables of the VPCs that a change concerns. Two of them, before and after a change, are
 * compared by compare.c.
 */
#ifndef OBSERVE_EXPLAIN_WORLD_H
#define OBSERVE_EXPLAIN_WORLD_H

#include "model/model.h"
#include "observe/explain/region.h"

/* A rule of a group, or an entry of an ACL. */
struct world_rule {
	uint8_t direction;
	bool allow;
	uint32_t first, last; /* as of struct interval */
	enum peer_kind peer;
	struct cidr cidr;
	uint32_t number; /* of the peer group, or of the prefix list */
};

/* Something with rules: a group, a prefix list (its entries are rules with a CIDR), or an ACL in the order of its
 * numbers. */
struct world_rules {
	uint32_t number;
	char name[64]; /* of a group; cut */
	ARRAY(struct world_rule) list;
	uint64_t digest; /* differs when the rules do */
	bool changed;	 /* set by compare() */
};
struct world_set {
	ARRAY(struct world_rules) list; /* ascending by number */
};

struct world_eni {
	uint32_t number, vpc, subnet, acl, table;
	char id[OBJECT_ID_MAX];
	char name[64];	      /* cut */
	struct ip address[2]; /* IPv4, IPv6; family 0: none */
	uint32_t groups[16];
	size_t n_groups;
	bool has_eip;
	struct region published; /* ports that the world reaches by the host's address; owned */
};

struct world_table {
	uint32_t number;
	struct table_route *routes; /* to CIDRs; owned, as `lists` */
	size_t n;
	struct table_route *lists; /* to prefix lists */
	size_t n_lists;
};

struct world_vpc {
	uint32_t number;
	struct cidr cidrs[VPC_SECONDARY_MAX + 2];
	size_t n_cidrs;
	uint32_t peers[16]; /* VPCs with an active peering */
	size_t n_peers;
};

struct world {
	struct world_set groups, lists, acls;
	ARRAY(struct world_eni) enis; /* ascending by number */
	ARRAY(struct world_table) tables;
	ARRAY(struct world_vpc) vpcs;
	bool too_large; /* it isn't complete */
};

/* VPCs that are copied: all those of a change, and those that are peered with them. */
struct world_scope {
	ARRAY(uint32_t) vpcs;
};
/* Adds the VPCs of a change's objects, as the model shows them now. -ENOMEM. */
int world_scope_add(struct world_scope *s, const struct model *m, const struct delta *deltas, size_t n);
void world_scope_clear(struct world_scope *s);

/* Copies the snapshot that the model shows. -ENOMEM. */
int world_copy(struct world *w, const struct model *m, const struct world_scope *s);
void world_clear(struct world *w);

const struct world_rules *world_find(const struct world_set *s, uint32_t number);
const struct world_table *world_table(const struct world *w, uint32_t number);
const struct world_vpc *world_vpc(const struct world *w, uint32_t number);

#endif
