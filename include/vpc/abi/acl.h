/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network ACLs. abi.h includes this file, and its rules hold here.
 *
 * A direction of an ACL that allows everything has no table and costs nothing. Any other is compiled to a table. A
 * packet's protocol and port lead to the set of rules that name them, and its peer's address to the set of rules that
 * name that. The first rule that is in both sets decides. If there is none, the packet is denied.
 */
#ifndef VPC_ABI_ACL_H
#define VPC_ABI_ACL_H

#include <linux/types.h>

/* vpc_acls: array of __u64 by VPC number, mmapable: how many tables the VPC's ACLs have. 0: no packet of the VPC asks
 * for one. Not versioned: it is raised before the epoch is stored, and lowered after it. VPC_ENI_ACL in an ENI's row
 * says the same of its subnet's ACL. */

/* subnet_acl: array of struct vpc_versioned by subnet number, mmapable: number of its ACL; 0: none, everything is
 * allowed. */

/* acl: array by ACL number, mmapable. By direction: first block of its table; 0: everything is allowed. */
struct vpc_acl {
	struct vpc_versioned table[2];
};
_Static_assert(sizeof(struct vpc_acl) == 32, "vpc_acl");

#define VPC_ACL_RULES 200 /* of one direction */

/* acl_block: array of struct vpc_classifier_block, mmapable. A table is a run of blocks that begins with struct
 * vpc_acl_table, and in which all block numbers count from there. It is never changed while an ACL names it. Its lists
 * are lists of steps as of a classifier; their values are numbers of rule sets:
 *
 *   ports   slot << 16 | port, one word -> the rules whose protocol and ports hold it
 *   peers4  address, one word           -> the rules whose CIDR holds it
 *   peers6  address, four words         -> the same
 *
 * A set of rules is a bit for each rule, by its place in the order of evaluation. Two sets are in a block. */
struct vpc_acl_set {
	__u64 word[4];
};
_Static_assert(sizeof(struct vpc_acl_set) * 8 >= VPC_ACL_RULES, "vpc_acl_set");
#define VPC_ACL_SET_NONE  0u /* no rule */
#define VPC_ACL_SET_ALLOW 1u /* the rules that allow */

struct vpc_acl_table {
	__u32 blocks; /* of the whole table */
	__u32 acl;
	__u32 dir;
	__u32 sets; /* block of sets 0 and 1 */
	struct vpc_classifier_list ports;
	struct vpc_classifier_list peers4;
	struct vpc_classifier_list peers6;
	__u32 vpc;
	__u32 pad[5];
};
_Static_assert(sizeof(struct vpc_acl_table) == 64, "vpc_acl_table");

#endif
