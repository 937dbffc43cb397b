/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifiers of sets whose rule walk would be long.
 * abi.h includes this file, and its rules hold here.
 */
#ifndef VPC_ABI_CLASSIFIER_H
#define VPC_ABI_CLASSIFIER_H

#include <linux/types.h>

/*
 * classifier: array of blocks, mmapable.
 *
 * A classifier is one direction of one set. It is a run of blocks that begins with struct vpc_classifier. All block
 * numbers in it count from there, so its bytes don't depend on its place. It never changes while a set names it. It
 * only says which row to look at: the row itself says whether it counts and allows.
 *
 *   ports    slot << 16 | port -> the deepest node (mask group of the set) that has the packet. A node's parent has a
 *            shorter port prefix or the rules for all protocols, so the chain is at most 18 long
 *   node     by family: address -> row of a rule of this mask group that allows it
 *   groups   {peer group, slot << 16 | port} -> row of a rule that names the group
 *
 * Each of these is a list of intervals: ascending keys, of which the first is all zero, each with the value that holds
 * from it up to the next key (0: nothing). It is stored as a tree with one search path: levels of blocks, from the
 * single top block down, each level in one piece and behind the one above. Keys are `words` words (1: ports, IPv4; 2:
 * groups; 4: IPv6), most significant first, in host order. An inner block has VPC_STEPS_INNER(words) keys: the first
 * keys of the blocks below it. A leaf has VPC_STEPS_LEAF(words) keys, and as many values behind them. Unused keys are
 * all ones, and unused values of a leaf repeat the last one.
 */

#define VPC_BLOCK_WORDS 16u
struct vpc_classifier_block {
	__u32 word[VPC_BLOCK_WORDS];
};
_Static_assert(sizeof(struct vpc_classifier_block) == 64, "vpc_classifier_block");

#define VPC_STEPS_INNER(words)	     (VPC_BLOCK_WORDS / (words))
#define VPC_STEPS_INNER_SHIFT(words) ((words) == 1 ? 4u : (words) == 2 ? 3u : 2u)
#define VPC_STEPS_LEAF(words)	     (VPC_BLOCK_WORDS / ((words) + 1))

/* A list of intervals, as its tree of blocks. */
struct vpc_classifier_list {
	__u32 at;   /* its top block */
	__u32 size; /* levels << VPC_LIST_LEVELS_SHIFT | blocks of the lowest level; 0: the list is empty */
};
#define VPC_LIST_LEVELS_SHIFT 24
#define VPC_LIST_LEAVES_MASK  0xffffffu

struct vpc_classifier {
	__u32 blocks; /* of the whole classifier */
	__u32 set;
	__u32 dir;
	__u32 nodes; /* block of node 0, which is not used */
	struct vpc_classifier_list ports;
	struct vpc_classifier_list groups;
	__u64 bloom; /* 1 << (sg & 63) of every group in `groups` */
	__u32 pad[6];
};
_Static_assert(sizeof(struct vpc_classifier) == sizeof(struct vpc_classifier_block), "vpc_classifier");

/* A block has two nodes: node n is half n & 1 of block n >> 1. */
struct vpc_classifier_node {
	__u32 parent; /* 0: none */
	struct vpc_classifier_list list4;
	struct vpc_classifier_list list6;
	__u32 pad[3];
};
_Static_assert(sizeof(struct vpc_classifier_node) * 2 == sizeof(struct vpc_classifier_block), "vpc_classifier_node");

#endif
