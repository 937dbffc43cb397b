/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one change does to the mirror: the nodes it touches, and what they were before. */
#ifndef DATAPATH_MIRROR_CHANGE_H
#define DATAPATH_MIRROR_CHANGE_H

#include "datapath/maps/mirror/nodes.h"

struct touched_row {
	uint32_t row;
	uint32_t old_rule;
	uint8_t old_state; /* NODE_ALIVE or NODE_NEW */
	bool removed;	   /* the row is retired with this change */
};

struct touched_reference {
	uint32_t reference;
	bool added;
};

struct touched_group {
	uint32_t sg;
	bool revoked;	    /* a row of it is removed */
	bool directions[2]; /* in which its rows differ */
};

struct touched_classifier {
	uint32_t set;
	uint32_t dir;
	struct set_classifier old;
	bool replaced; /* the old one's blocks are given back when this change is retired */
};

struct touched_eni {
	uint32_t number;
	bool has_before, has_after;
	uint32_t old_set, new_set;
	bool detaches; /* it was attached, and no longer is */
	struct vpc_eni after;
};

struct touched_addr {
	uint32_t addr;
	bool added; /* else: removed */
	/* The kernel's hash key belongs to another living row, `from`, until the epoch is stored: the address moves. */
	bool moved;
	uint32_t from;
};

struct touched_vpc {
	uint32_t number;
	struct vpc_space before;
	struct vpc_space space;
};

struct touched_route {
	uint32_t route;
	uint8_t old_state;
	uint32_t before; /* target by what is published before this change; 0: none */
	uint32_t target; /* 0: it is removed */
};

struct touched_association {
	uint32_t subnet;
	uint32_t before; /* as table, by what is published before this change */
	uint32_t table;	 /* 0: none */
};

struct touched_nat {
	uint32_t number;
	bool has_before, has_after;
	struct nat_record before; /* by what is published before this change */
	struct nat_record after;
};

struct touched_eip {
	uint32_t number;
	bool has_before, has_after;
	struct eip_record before; /* by what is published before this change */
	struct eip_record after;
};

/* The elastic IP of an address changes. */
struct touched_addr_eip {
	uint32_t addr;
	uint32_t old;
};

/* As an address: see struct touched_addr. */
struct touched_publish {
	uint32_t row;
	bool added;
	bool moved;
	uint32_t from;
};

/* One direction of an ACL. */
struct touched_acl {
	uint32_t number;
	uint32_t dir;
	const struct acl_record *record; /* of the plan, only while it is prepared; NULL: it has no table any more */
	struct acl_table old;
	bool replaced; /* the old one's blocks are given back when this change is retired */
};

struct touched_subnet_acl {
	uint32_t subnet;
	uint32_t old, acl; /* 0: none */
};

struct mirror_change {
	ARRAY(struct touched_row) rows;
	ARRAY(struct touched_reference) references;
	ARRAY(struct touched_group) groups;
	ARRAY(struct touched_eni) enis;
	ARRAY(struct touched_addr) addrs;
	ARRAY(struct touched_vpc) vpcs;
	ARRAY(struct touched_route) routes;
	ARRAY(struct touched_association) associations;
	ARRAY(struct touched_nat) nats;
	ARRAY(struct touched_eip) eips;
	ARRAY(struct touched_addr_eip) addr_eips;
	ARRAY(struct touched_publish) publishes;
	ARRAY(struct touched_acl) acls;
	ARRAY(struct touched_subnet_acl) subnet_acls;
	ARRAY(uint32_t) mask_groups; /* new ones */
	ARRAY(uint32_t) sets;	     /* new ones */
	ARRAY(struct touched_classifier) classifiers;
	/* Whose flows are judged again: see affected.h. */
	ARRAY(uint32_t) affected_sets;
	ARRAY(uint32_t) affected_enis;
	bool revoked; /* something is taken away from one of them */
	/* Entries of prefix lists: whoever's set names a list is affected, and none of them is in the arrays. */
	bool lists;
	bool lists_revoked; /* an entry is removed; revoked is set too */
};

#endif
