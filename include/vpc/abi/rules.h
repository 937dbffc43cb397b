/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups, sets of groups, prefix lists and rules: the maps by which a flow is judged.
 * abi.h includes this file, and its rules hold here.
 */
#ifndef VPC_ABI_RULES_H
#define VPC_ABI_RULES_H

#include <linux/types.h>

/* --- set: array by set number, mmapable ------------------------------------------------------------------------- */

/* A combination of groups that an ENI has. Its groups never change while the number is used. */

struct vpc_set {
	__u64 gen_revoke; /* the last epoch that revoked something from ENIs with this set */
	__u64 gen_any;	  /* the last epoch that changed anything for ENIs with this set */
	__u64 bloom;	  /* 1 << (sg & 63) of every group */
	__u32 n;
	__u32 lists;		      /* bit d: a group of the set may name a prefix list in direction d (a superset) */
	__u32 sg[VPC_GROUPS_PER_ENI]; /* ascending */
	/* By direction: the first block of its classifier; 0: none, and its rules are walked. */
	struct vpc_versioned classifier[2];
};
_Static_assert(sizeof(struct vpc_set) == 128, "vpc_set");

/* --- sg: array by group number, mmapable ------------------------------------------------------------------------ */

#define VPC_INGRESS 0
#define VPC_EGRESS  1

/* The slot of port mask groups in which a packet is looked up. Every packet is also looked up in ANY. */
#define VPC_SLOT_ANY	0 /* rules for all protocols */
#define VPC_SLOT_TCP	1 /* port: destination port of the flow's first packet */
#define VPC_SLOT_UDP	2
#define VPC_SLOT_ICMP	3 /* port: type << 8 | code */
#define VPC_SLOT_ICMPV6 4
#define VPC_SLOT_OTHER	5 /* port: the protocol number */
#define VPC_SLOTS	6

struct vpc_sg_dir {
	__u32 all4;		     /* row of the rule that allows every protocol to 0.0.0.0/0; 0: none */
	__u32 all6;		     /* likewise for ::/0 */
	__u32 port_plens[VPC_SLOTS]; /* bit p: there may be port mask groups with a port prefix of p bits, 0 to 16 (a
				      * superset) */
};
/* The other bits of port_plens[VPC_SLOT_ANY]: bit VPC_LISTS_SHIFT + i says that list_of may have {sg, direction, i} (a
 * superset). */
#define VPC_PORT_PLENS_MASK 0x1ffffu
#define VPC_LISTS_SHIFT	    17
#define VPC_LISTS_PER_GROUP 15 /* lists that a group may name in one direction */
struct vpc_sg {
	struct vpc_sg_dir dir[2]; /* by VPC_INGRESS, VPC_EGRESS */
};
_Static_assert(sizeof(struct vpc_sg) == 64, "vpc_sg");

/* --- prefix lists ----------------------------------------------------------------------------------------------- */

/*
 * A list is a group with a number from VPC_LIST_FIRST on. No set has it, and `sg` has no row of it. Its entries are the
 * rows of its only mask group: {list, VPC_INGRESS, VPC_SLOT_ANY, 0, 0}. A rule that names the list is a row of kind
 * VPC_PEER_PREFIX_LIST in a group's mask group. So an entry is one row, whoever uses the list.
 *
 * list_of: hash {sg, direction, i} -> number of a list that the group may name. It only says where to look: the group's
 * row says whether the list is named, and the list's row whether it has the address.
 */

#define VPC_LIST_FIRST 0x20000u
struct vpc_list_key {
	__u32 sg;
	__u8 dir;
	__u8 at; /* below VPC_LISTS_PER_GROUP */
	__u16 pad;
};
_Static_assert(sizeof(struct vpc_list_key) == 8, "vpc_list_key");

/* --- mask groups ------------------------------------------------------------------------------------------------ */

/*
 * mask_group_of: hash {sg, dir, slot, port prefix} -> number of a mask group. mask_group: array, mmapable.
 *
 * Port ranges are split into at most 30 aligned prefixes. So a packet finds every range that has its port by at most 17
 * lookups, however many ranges a group has.
 */

struct vpc_mask_group_key {
	__u32 sg;
	__u8 dir;
	__u8 slot;
	__u8 plen; /* bits of the port that count, 0 to 16 */
	__u8 pad;
	__u16 port; /* host byte order; bits beyond plen are zero */
	__u16 pad2;
};
_Static_assert(sizeof(struct vpc_mask_group_key) == 12, "vpc_mask_group_key");

#define VPC_MASK_GROUP_SG   1u /* a rule of the mask group names a group */
#define VPC_MASK_GROUP_LIST 2u /* a rule of the mask group names a prefix list */

/* The keys to look up in `rule`. Each field is a superset: a bit is cleared only when no row can have such a key. */
struct vpc_mask_group {
	__u64 plens4;	 /* bit p: IPv4 peers with a prefix of p bits, 0 to 32 */
	__u64 plens6[3]; /* bit p % 64 of word p / 64: IPv6 peers with a prefix of p bits, 0 to 128 */
	__u64 sg_bloom;	 /* 1 << (sg & 63) of every group that a rule names */
	struct vpc_mask_group_key key;
	__u32 flags; /* VPC_MASK_GROUP_… */
};
_Static_assert(sizeof(struct vpc_mask_group) == 56, "vpc_mask_group");

/* --- rule: hash {mask group, peer} -> row number; row: array, mmapable ------------------------------------------ */

#define VPC_PEER_CIDR4	     4
#define VPC_PEER_CIDR6	     6
#define VPC_PEER_SG	     1
#define VPC_PEER_PREFIX_LIST 2
/* Kinds of rows that are not in the hash: sg.all4 and sg.all6 name them. Their key has the group in mask_group, the
 * direction in plen, and 0 in addr. */
#define VPC_PEER_ALL4	     0xa4
#define VPC_PEER_ALL6	     0xa6

struct vpc_rule_key {
	__u32 mask_group;
	__u8 kind; /* VPC_PEER_… */
	__u8 plen; /* bits of addr that count; 0 for groups and lists */
	__u16 pad;
	__be32 addr[4]; /* CIDR4: addr[0], the rest is 0; CIDR6; SG, PREFIX_LIST: addr[0] is the number, in host byte
			 * order */
};
_Static_assert(sizeof(struct vpc_rule_key) == 24, "vpc_rule_key");

/* Row 0 is never used. */
struct vpc_row {
	__u64 born;
	__u64 died; /* VPC_ALIVE: not deleted */
	struct vpc_rule_key key;
	__u32 rule; /* number of the rule, which is never given twice; flows store it and events tell it */
	__u32 pad;
};
_Static_assert(sizeof(struct vpc_row) == 48, "vpc_row");
#define VPC_ALIVE (~0ull)

/* row_stat: array by row number: the packets and bytes that the row allowed, counted when a flow is judged. */

struct vpc_row_stat {
	__u64 packets;
	__u64 bytes;
	__u64 last_used_ns; /* CLOCK_BOOTTIME */
};
_Static_assert(sizeof(struct vpc_row_stat) == 24, "vpc_row_stat");

#endif
