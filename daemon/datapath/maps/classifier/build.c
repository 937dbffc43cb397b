/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One node for each port mask group, with lists of addresses in it; one list for peer groups. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include <vpc/cleanup.h>

#include "datapath/maps/classifier/steps.h"

/* A port mask group as a number: slot, port, length of the prefix. Wider ones sort before those they contain. */
#define MASK_GROUP_PORT_SHIFT 5
#define MASK_GROUP_SLOT_SHIFT 21
#define MASK_GROUP_PLEN_MASK  0x1fu
/* Slots take three bits above the port: what holds for all protocols holds for 2^19 keys. */
#define SLOT_SHIFT	      16
#define ALL_BITS	      19u
/* The chain of nodes over a port: all protocols, 0 to 16 bits. */
#define CHAIN_MAX	      18

enum { LIST4, LIST6, LIST_GROUPS, LISTS };

struct build {
	struct ranges ranges[LISTS];
	size_t at[2]; /* where making nodes stands in LIST4, LIST6 */
	struct steps steps;
	struct steps ports;
	struct classifier_blocks blocks;
	uint32_t nodes; /* block of node 0 */
	/* nodes that hold the port of the last one made */
	struct chain {
		uint32_t node;
		uint32_t last; /* greatest slot << 16 | port in it */
	} chain[CHAIN_MAX];
	uint32_t depth;
};

static void build_clear(struct build *b)
{
	for (unsigned i = 0; i < LISTS; i++)
		free(b->ranges[i].at);
	free(b->steps.at);
	free(b->ports.at);
	free(b->blocks.at);
}

/* --- rules to ranges --- */

static unsigned list_of(const struct classifier_rule *rule)
{
	return rule->peer_kind == VPC_PEER_CIDR4 ? LIST4 : rule->peer_kind == VPC_PEER_CIDR6 ? LIST6 : LIST_GROUPS;
}

/* A rule for all protocols that has a port. vpcd makes none, but the maps could hold one: it counts in each slot. */
static bool in_each_slot(const struct classifier_rule *rule)
{
	return rule->slot == VPC_SLOT_ANY && rule->port_plen;
}

static uint32_t port_bits_free(const struct classifier_rule *rule, uint32_t slot)
{
	return slot == VPC_SLOT_ANY ? ALL_BITS : 16u - rule->port_plen;
}

static uint32_t port_key(const struct classifier_rule *rule, uint32_t slot)
{
	return slot << SLOT_SHIFT | rule->port;
}

static void add_range(struct build *b, const struct classifier_rule *rule, uint32_t slot)
{
	struct ranges *to = &b->ranges[list_of(rule)];
	struct range *range = &to->at[to->n++];

	*range = (struct range){.row = rule->row};
	switch (rule->peer_kind) {
	case VPC_PEER_CIDR4:
		range->low = ntohl(rule->peer[0]);
		range->fixed = 96u + rule->peer_plen;
		break;
	case VPC_PEER_CIDR6:
		range->high = (uint64_t)ntohl(rule->peer[0]) << 32 | ntohl(rule->peer[1]);
		range->low = (uint64_t)ntohl(rule->peer[2]) << 32 | ntohl(rule->peer[3]);
		range->fixed = rule->peer_plen;
		break;
	default:
		range->low = (uint64_t)rule->peer[0] << 32 | port_key(rule, slot);
		range->fixed = 128u - port_bits_free(rule, slot);
		return;
	}
	range->mask_group =
		slot << MASK_GROUP_SLOT_SHIFT | (uint32_t)rule->port << MASK_GROUP_PORT_SHIFT | rule->port_plen;
}

static int make_ranges(struct build *b, const struct classifier_rule *rules, size_t n)
{
	size_t count[LISTS] = {};

	for (size_t i = 0; i < n; i++)
		count[list_of(&rules[i])] += in_each_slot(&rules[i]) ? VPC_SLOTS - 1 : 1;
	for (unsigned i = 0; i < LISTS; i++) {
		b->ranges[i].at = calloc(count[i] + 1, sizeof(struct range));
		if (!b->ranges[i].at)
			return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t slot = in_each_slot(&rules[i]) ? VPC_SLOT_ANY + 1 : rules[i].slot;
		uint32_t last = in_each_slot(&rules[i]) ? VPC_SLOTS - 1 : slot;

		for (; slot <= last; slot++)
			add_range(b, &rules[i], slot);
	}
	for (unsigned i = 0; i < LISTS; i++)
		if (ranges_sort(&b->ranges[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* --- nodes --- */

/* The lowest mask group in either list from position `at` on; false: both lists are at their end. */
static bool next_mask_group(const struct build *b, const size_t at[2], uint32_t *ret)
{
	uint32_t lowest = UINT32_MAX;

	for (unsigned i = LIST4; i <= LIST6; i++)
		if (at[i] < b->ranges[i].n && b->ranges[i].at[at[i]].mask_group < lowest)
			lowest = b->ranges[i].at[at[i]].mask_group;
	*ret = lowest;
	return lowest != UINT32_MAX;
}

/* How many ranges of a list, from position `at` on, are of this mask group. */
static size_t mask_group_ranges(const struct build *b, unsigned list, size_t at, uint32_t mask_group)
{
	size_t end = at;

	while (end < b->ranges[list].n && b->ranges[list].at[end].mask_group == mask_group)
		end++;
	return end - at;
}

static uint32_t count_nodes(const struct build *b)
{
	size_t at[2] = {};
	uint32_t n = 0, mask_group;

	for (; next_mask_group(b, at, &mask_group); n++)
		for (unsigned i = LIST4; i <= LIST6; i++)
			at[i] += mask_group_ranges(b, i, at[i], mask_group);
	return n;
}

static struct vpc_classifier_node *node_at(const struct build *b, uint32_t node)
{
	struct vpc_classifier_block *block = &b->blocks.at[b->nodes + node / 2];

	return (struct vpc_classifier_node *)block + node % 2;
}

/* Leaves the nodes that end before this port. What follows one of them is in the node around it. */
static int chain_leave(struct build *b, uint64_t first)
{
	int r = 0;

	while (r >= 0 && b->depth && b->chain[b->depth - 1].last < first) {
		uint32_t last = b->chain[--b->depth].last;

		r = steps_add(&b->ports, (wide)last + 1, b->depth ? b->chain[b->depth - 1].node : 0);
	}
	return r;
}

static int chain_enter(struct build *b, uint32_t node, uint32_t mask_group)
{
	uint32_t slot = mask_group >> MASK_GROUP_SLOT_SHIFT, plen = mask_group & MASK_GROUP_PLEN_MASK;
	uint32_t first = slot << SLOT_SHIFT | (mask_group >> MASK_GROUP_PORT_SHIFT & 0xffff);
	uint32_t bits = slot == VPC_SLOT_ANY ? ALL_BITS : 16 - plen;
	int r = b->ports.n ? 0 : steps_add(&b->ports, 0, 0);

	if (r >= 0)
		r = chain_leave(b, first);
	if (r < 0)
		return r;
	node_at(b, node)->parent = b->depth ? b->chain[b->depth - 1].node : 0;
	b->chain[b->depth++] = (struct chain){.node = node, .last = first | ((1u << bits) - 1)};
	return steps_add(&b->ports, first, node);
}

static int make_node(struct build *b, uint32_t node, uint32_t mask_group)
{
	static const struct {
		wide last;
		uint32_t words;
	} family[] = {[LIST4] = {UINT32_MAX, 1}, [LIST6] = {~(wide)0, 4}};
	int r = chain_enter(b, node, mask_group);

	for (unsigned i = LIST4; r >= 0 && i <= LIST6; i++) {
		size_t n = mask_group_ranges(b, i, b->at[i], mask_group);
		struct vpc_classifier_list list;

		r = steps_of_ranges(&b->steps, &b->ranges[i].at[b->at[i]], n, family[i].last);
		if (r >= 0)
			r = blocks_add_list(&b->blocks, &b->steps, family[i].words, &list);
		if (r >= 0)
			*(i == LIST4 ? &node_at(b, node)->list4 : &node_at(b, node)->list6) = list;
		b->at[i] += n;
	}
	return r;
}

static int make_nodes(struct build *b, struct vpc_classifier_list *ret_ports)
{
	uint32_t mask_group, n = count_nodes(b);
	int r = blocks_add(&b->blocks, n / 2 + 1, &b->nodes);

	for (uint32_t node = 1; r >= 0 && next_mask_group(b, b->at, &mask_group); node++)
		r = make_node(b, node, mask_group);
	if (r >= 0)
		r = chain_leave(b, UINT64_MAX);
	return r < 0 ? r : blocks_add_list(&b->blocks, &b->ports, 1, ret_ports);
}

static int make_groups(struct build *b, struct vpc_classifier_list *ret, __u64 *ret_bloom)
{
	const struct ranges *ranges = &b->ranges[LIST_GROUPS];
	uint64_t bloom = 0;
	int r = steps_of_ranges(&b->steps, ranges->at, ranges->n, UINT64_MAX);

	for (size_t i = 0; i < ranges->n; i++)
		bloom |= 1ull << (ranges->at[i].low >> 32 & 63);
	*ret_bloom = bloom;
	return r < 0 ? r : blocks_add_list(&b->blocks, &b->steps, 2, ret);
}

int classifier_build(const struct classifier_rule *rules, size_t n, uint32_t set, uint32_t dir,
		     struct classifier_blocks *ret)
{
	_cleanup_(build_clear) struct build b = {};
	struct vpc_classifier header = {.set = set, .dir = dir};
	uint32_t first;
	int r = make_ranges(&b, rules, n);

	if (r >= 0)
		r = blocks_add(&b.blocks, 1, &first);
	if (r >= 0)
		r = make_nodes(&b, &header.ports);
	if (r >= 0)
		r = make_groups(&b, &header.groups, &header.bloom);
	if (r < 0)
		return r;
	header.nodes = b.nodes;
	header.blocks = (uint32_t)b.blocks.n;
	*(struct vpc_classifier *)b.blocks.at = header;
	*ret = b.blocks;
	b.blocks.at = NULL;
	return 0;
}
