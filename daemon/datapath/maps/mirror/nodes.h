/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mirror: what vpcd knows of the rows in the kernel's maps, so that a change reads nothing back. It holds one node
 * for each number in use (row, mask group, set, address, ENI), in arrays by number. The arrays are as long as the
 * kernel's maps and come from calloc: pages that nobody used cost nothing. Making a node can't fail once there is a
 * number for it. Number 0 is never used and ends a chain.
 *
 * Life of a row, an address or an ENI:
 *
 *   FREE -> NEW      a prepared change adds it          (undo: back to FREE)
 *   NEW  -> ALIVE    the change is published
 *   ALIVE -> DYING   a prepared change removes it       (undo: back to ALIVE)
 *   DYING -> DEAD    the change is published
 *   DEAD -> FREE     the change is retired: no program can be reading the row any more
 *
 * Nothing in this folder reads or writes a map, and nothing makes a bpf() call.
 */
#ifndef DATAPATH_MIRROR_NODES_H
#define DATAPATH_MIRROR_NODES_H

#include <vpc/abi/abi.h>
#include <vpc/array.h>

#include "compiler/plan.h"
#include "datapath/maps/mirror/containers.h"

enum node_state {
	NODE_FREE,
	NODE_NEW,
	NODE_ALIVE,
	NODE_DYING,
	NODE_DEAD,
};

/* What the prepared change does to the flows of a set or an ENI: bits. */
enum affected {
	AFFECTED = 1,	      /* it is in the change's list; something was added, or one of the following */
	AFFECTED_REVOKED = 2, /* a rule or a group was taken away: its flows are judged again, but for graces */
	AFFECTED_ADDRESS = 4, /* an ENI lost an address: its flows are judged again, without a grace for any */
};

/* A row of the rules. */
struct row {
	struct vpc_rule_key key;
	uint32_t next;		  /* in its chain of rows_by_key */
	uint32_t mask_group_next; /* in the list of its mask group's rows */
	uint32_t mask_group_prev;
	uint32_t references; /* head of the list of the rules that want it */
	uint32_t rule;	     /* the rule that its packets are counted for */
	uint8_t state;	     /* enum node_state */
	bool hashed;	     /* the kernel's hash leads from the key to this row */
	bool touched;	     /* is in the prepared change */
	uint8_t pad;
};

/* One rule wants one row. Several rules may want the same: the row lives while one of them does. */
struct reference {
	uint32_t rule;
	uint32_t row;
	uint32_t next_of_row;
	uint32_t next_of_rule; /* in its chain of references_by_rule; of a free one: the next free one */
};

/* The rows of one group and direction with the same slot and port prefix. */
struct mask_group {
	struct vpc_mask_group_key key;
	uint32_t next; /* in its chain of mask_groups_by_key */
	uint32_t rows; /* head of the list of its rows, in any state */
	uint32_t n_rows;
	uint32_t stale;	     /* rows that were retired since its hints were computed */
	uint32_t group_next; /* in the list of its group and direction */
	uint32_t group_prev;
	bool used;
};

/* The classifier of a set and direction. */
struct set_classifier {
	uint32_t max_probes; /* no packet's rule walk takes more; an upper bound, see walk.h */
	uint32_t at;	     /* its first block, as of the prepared change if there is one; 0: none */
	uint32_t blocks;
	uint64_t sum; /* of its blocks (classifier_sum) */
	bool wanted;  /* the rule walk would be too long. Wanted and none there: there was no room for it */
	bool touched; /* is in the prepared change */
};

/* A combination of groups that some ENI has. */
struct set {
	uint32_t next; /* in its chain of sets_by_groups */
	uint32_t n;
	uint32_t sg[VPC_GROUPS_PER_ENI]; /* ascending */
	/* ENIs that have it: also those that the prepared change gives it to, and those that left it by a change that
	 * is not yet retired. 0: the node is free. */
	uint32_t users;
	uint32_t enis;	  /* head of the list of ENIs that have it by what is published */
	uint64_t revoked; /* epoch of the last change that took something away from it; 0 after a start */
	uint8_t affected; /* enum affected, 0: by the prepared change */
	struct set_classifier classifier[2]; /* by direction */
};

struct addr {
	struct vpc_addr_key key;
	uint32_t eni;
	uint32_t next; /* in its chain of addrs_by_key */
	uint8_t state; /* enum node_state */
	bool hashed;   /* the kernel's hash leads from the key to this row */
	uint32_t eip;  /* number of the elastic IP of this address, as of the prepared change if there is one */
};

struct eni_node {
	struct vpc_eni row; /* what was asked for; its set, generations and the flags of its port are zero */
	uint32_t set;	    /* by what is published; 0: none */
	uint32_t set_next;  /* in the list of the ENIs that have this set */
	uint32_t set_prev;
	uint64_t revoked;     /* epoch of the last change by which it lost a group; 0 after a start */
	uint8_t state;	      /* enum node_state */
	uint8_t affected;     /* enum affected, 0: by the prepared change */
	uint32_t subnet;      /* by what is published; 0: none */
	uint32_t subnet_next; /* in the list of the ENIs of this subnet */
	uint32_t subnet_prev;
};

/* Group `sg` has rows that allow what comes from, or goes to, another group's members. */
struct peer_reference {
	struct peer_reference *next;
	uint32_t sg;
	uint32_t n_rows;
};

/* A prefix list that a group's rows name, and how many in one direction. */
struct named_list {
	uint32_t list; /* number, from VPC_LIST_FIRST on; 0: the place is free */
	uint32_t n_rows;
};

/* A group, or a prefix list: that has one mask group, whose rows are its entries, and no sets. */
struct group {
	ARRAY(uint32_t) sets;			  /* sets that contain it */
	struct peer_reference *referenced_by;	  /* groups with rows that refer to it */
	uint32_t n_mask_groups[2][VPC_SLOTS][17]; /* by direction, slot and length of the port prefix */
	uint32_t mask_groups[2];		  /* head of the list of them, by direction */
	/* The most probes that one of these mask groups takes beyond its own lookup; 0 where there is none. */
	uint8_t probes[2][VPC_SLOTS][17];
	uint32_t max_probes[2]; /* no packet's walk through this group's rules takes more, by direction */
	struct named_list lists[2][VPC_LISTS_PER_GROUP]; /* by direction; the place is that in list_of */
};

/* --- the edge ----------------------------------------------------------------------------------------------------- */

/* A route, by its number in route_row. Its value is versioned: it has one row for as long as there is a route to the
 * destination, whatever the target. */
struct route {
	struct vpc_route_key key;
	uint32_t target; /* by what is published; 0: none */
	uint32_t next;	 /* in its chain of routes_by_key */
	uint8_t state;	 /* enum node_state */
	bool touched;	 /* is in the prepared change */
};

/* How many routes of a table have each length of prefix, in any state. */
struct route_table {
	uint32_t n4[33];
	uint32_t n6[129];
};

/* Which route table a subnet has, by its number. */
struct association {
	uint32_t table; /* by what is published; 0: none */
	bool touched;
};

struct nat_node {
	struct nat_record record; /* by what is published */
	uint8_t state;
	bool touched;
};

struct eip_node {
	struct eip_record record; /* by what is published; of a new one as planned */
	uint32_t next_by_address; /* in its chain of eips_by_address */
	uint32_t next_by_private; /* in its chain of eips_by_private, if it is an ENI's by what is published */
	uint8_t state;
	bool touched;
};

/* A published prefix of ports. */
struct publish {
	struct vpc_publish_row row; /* without its life */
	uint32_t next;		    /* in its chain of publishes_by_key */
	uint8_t state;
	bool hashed; /* the kernel's hash leads from the key to this row */
};

/* --- network ACLs ------------------------------------------------------------------------------------------------ */

/* The table of one direction of an ACL. */
struct acl_table {
	uint32_t at; /* its first block; 0: none */
	uint32_t blocks;
	uint32_t vpc;
	uint64_t sum; /* of its blocks (classifier_sum) */
};

struct acl_node {
	struct acl_table table[2]; /* by direction, as of the prepared change if there is one */
	bool touched[2];
	bool broken[2]; /* the kernel has something there that is no table of this ACL */
};

struct subnet_node {
	uint32_t acl; /* number of its ACL, as of the prepared change if there is one; 0: none */
	bool touched;
	uint32_t enis; /* head of the list of ENIs in it by what is published */
};

/* How many numbers each of the kernel's maps has; number 0 is one of them. */
struct mirror_sizes {
	uint32_t rows;
	uint32_t mask_groups;
	uint32_t sets;
	uint32_t addrs;	       /* rows that there may be: addresses, and each ENI's MAC */
	uint32_t addr_numbers; /* in the map, which may have more of them */
	uint32_t enis;
	uint32_t groups;
	uint32_t lists;	     /* prefix lists: the numbers from VPC_LIST_FIRST on */
	uint32_t list_names; /* that list_of holds: lists that groups name, by direction */
	uint32_t vpcs;
	uint32_t blocks; /* of `classifier` */
	uint32_t routes;
	uint32_t route_tables;
	uint32_t subnets;
	uint32_t nats;
	uint32_t eips;
	uint32_t publishes;
	uint32_t acls;
	uint32_t acl_blocks;
};

struct mirror {
	struct mirror_sizes size;
	struct numbers row_numbers;
	struct numbers mask_group_numbers;
	struct numbers set_numbers;
	struct numbers addr_numbers;
	struct extents blocks; /* of `classifier` */
	struct row *rows;
	struct mask_group *mask_groups;
	struct set *sets;
	struct addr *addrs;
	struct eni_node *enis;	  /* by number */
	uint32_t eni_max;	  /* greatest number that an ENI ever had */
	struct group **groups;	  /* by number, prefix lists too; made when first met */
	struct vpc_space *spaces; /* by VPC number */
	struct reference *references;
	uint32_t n_references;
	size_t cap_references;
	uint32_t free_reference;
	struct chains rows_by_key;
	struct chains references_by_rule;
	struct chains mask_groups_by_key;
	struct chains sets_by_groups;
	struct chains addrs_by_key;

	struct numbers route_numbers;
	struct numbers publish_numbers;
	struct route *routes;
	struct route_table **route_tables; /* by number; made when first met */
	struct association *associations;  /* by subnet number */
	struct nat_node *nats;		   /* by number */
	struct eip_node *eips;		   /* by number */
	struct publish *publishes;
	uint32_t n_publish_plens[17]; /* published prefixes by their length, in any state */
	struct chains routes_by_key;
	struct chains eips_by_address;
	struct chains eips_by_private;
	struct chains publishes_by_key;

	struct acl_node *acls;	     /* by number */
	struct subnet_node *subnets; /* by number */
	uint32_t *acl_tables;	     /* by VPC number: how many tables its ACLs have, by what is published */
	struct extents acl_blocks;

	uint32_t waiting_routes;
	uint32_t waiting_publishes;
	uint32_t waiting_rows; /* dead, and not yet retired */
	uint32_t waiting_addrs;
	uint32_t waiting_sets;	/* ENIs that left a set by a change that is not yet retired */
	uint32_t n_walked;	/* classifiers that are wanted and that there was no room for */
	uint32_t n_list_names;	/* places in use in `lists` of all groups */
	uint64_t lists_revoked; /* epoch of the last change that took an entry from a prefix list; 0 after a start */
};

#endif
