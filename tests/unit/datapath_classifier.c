/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classifiers (P4 exact, P8 bounded): read back by the letter of include/vpc/abi/classifier.h, they say of every port
 * and peer what the rules say one by one, in few steps and little space. P9: what they name is a rule that allows.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/classifier/classifier.h"

#define RULES_MAX 4096
/* Levels of a list with as many steps as there may be rules: of IPv4, IPv6, groups; and the ports'. */
#define STEPS_MAX (18 * 12 + 16 * 8 + 6)

struct question {
	uint8_t family, slot;
	uint16_t port;
	uint32_t peer[4]; /* network order; IPv4: peer[0] */
	uint32_t group;	  /* 0: none */
};

static void clear_blocks(struct classifier_blocks *b)
{
	free(b->at);
}

/* --- one by one --- */

static bool prefix_holds(const uint32_t *prefix, unsigned plen, const uint32_t *addr)
{
	for (unsigned w = 0; w < 4 && plen; w++) {
		unsigned bits = plen > 32 ? 32 : plen;

		if ((ntohl(prefix[w]) ^ ntohl(addr[w])) >> (32 - bits))
			return false;
		plen -= bits;
	}
	return true;
}

static bool allows(const struct classifier_rule *rule, const struct question *q)
{
	if (rule->slot != VPC_SLOT_ANY && rule->slot != q->slot)
		return false;
	if ((q->port & (0xffff0000u >> rule->port_plen) & 0xffff) != rule->port)
		return false;
	if (rule->peer_kind == VPC_PEER_SG)
		return q->group && rule->peer[0] == q->group;
	return rule->peer_kind == q->family && prefix_holds(rule->peer, rule->peer_plen, q->peer);
}

static bool any_allows(const struct classifier_rule *rules, size_t n, const struct question *q)
{
	for (size_t i = 0; i < n; i++)
		if (allows(&rules[i], q))
			return true;
	return false;
}

/* --- by the classifier --- */

static int compare_key(const uint32_t *a, const uint32_t *b, uint32_t words)
{
	for (uint32_t w = 0; w < words; w++)
		if (a[w] != b[w])
			return a[w] < b[w] ? -1 : 1;
	return 0;
}

static uint32_t rank(const uint32_t *keys, uint32_t n, uint32_t words, const uint32_t *key)
{
	uint32_t i = 0;

	while (i < n && compare_key(&keys[i * words], key, words) <= 0)
		i++;
	return i;
}

static uint32_t list_find(const struct classifier_blocks *b, const struct vpc_classifier_list *list, uint32_t words,
			  const uint32_t *key, unsigned *steps)
{
	uint32_t levels = list->size >> VPC_LIST_LEVELS_SHIFT, leaves = list->size & VPC_LIST_LEAVES_MASK;
	uint32_t at = list->at, nth = 0, shift = VPC_STEPS_INNER_SHIFT(words), i;

	if (!levels)
		return 0;
	while (--levels) {
		uint32_t here = (leaves - 1) >> levels * shift, below = (leaves - 1) >> (levels - 1) * shift;

		cr_assert_lt(at + nth, b->n);
		i = rank(b->at[at + nth].word, VPC_STEPS_INNER(words), words, key);
		cr_assert_gt(i, 0, "the first key is zero");
		nth = (nth << shift) + i - 1;
		if (nth > below)
			nth = below;
		at += here + 1;
		++*steps;
	}
	++*steps;
	cr_assert_lt(at + nth, b->n);
	i = rank(b->at[at + nth].word, VPC_STEPS_LEAF(words), words, key);
	cr_assert_gt(i, 0);
	return b->at[at + nth].word[VPC_STEPS_LEAF(words) * words + i - 1];
}

/* Row that allows, or 0. */
static uint32_t table_find(const struct classifier_blocks *b, const struct question *q, unsigned *steps)
{
	const struct vpc_classifier *header = (const struct vpc_classifier *)b->at;
	uint32_t port = (uint32_t)q->slot << 16 | q->port, group[2] = {q->group, port}, addr[4];
	uint32_t node = list_find(b, &header->ports, 1, &port, steps), row = 0;

	for (unsigned i = 0; i < 4; i++)
		addr[i] = ntohl(q->peer[i]);
	for (unsigned chain = 0; node && !row; chain++) {
		const struct vpc_classifier_node *at =
			(const struct vpc_classifier_node *)&b->at[header->nodes + node / 2] + node % 2;

		cr_assert_lt(chain, 18u);
		row = list_find(b, q->family == 4 ? &at->list4 : &at->list6, q->family == 4 ? 1 : 4, addr, steps);
		node = at->parent;
	}
	if (!row && q->group && header->bloom >> (q->group & 63) & 1)
		row = list_find(b, &header->groups, 2, group, steps);
	return row;
}

/* --- random rules --- */

static uint32_t state;

static uint32_t draw(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return n ? (uint32_t)((uint64_t)(state >> 4) * n >> 28) : 0;
}

/* Addresses and ports of few values, so that rules meet; some at the ends of what there is. */
static void draw_address(uint8_t family, uint32_t addr[4])
{
	static const uint32_t firsts[] = {0, 0x0a000000, 0x0a0000ff, 0x7fffffff, 0x80000000, 0xffffffff};

	memset(addr, 0, 16);
	for (unsigned w = 0; w < (family == 4 ? 1u : 4u); w++)
		addr[w] = htonl(firsts[draw(6)] ^ (draw(2) ? draw(8) << draw(30) : 0));
}

static uint16_t draw_port(void)
{
	static const uint16_t ports[] = {0, 1, 22, 80, 443, 1023, 1024, 32768, 65534, 65535};

	return draw(3) ? ports[draw(10)] : (uint16_t)draw(65536);
}

static struct classifier_rule draw_rule(uint32_t row, bool wide_any)
{
	static const uint8_t kinds[] = {VPC_PEER_CIDR4, VPC_PEER_CIDR6, VPC_PEER_SG};
	struct classifier_rule r = {.slot = (uint8_t)draw(VPC_SLOTS), .peer_kind = kinds[draw(3)], .row = row};

	r.port_plen = r.slot == VPC_SLOT_ANY && !wide_any ? 0 : (uint8_t)(draw(2) ? 16 : draw(17));
	r.port = (uint16_t)(draw_port() & (0xffff0000u >> r.port_plen));
	if (r.peer_kind == VPC_PEER_SG) {
		r.peer[0] = 1 + draw(4) * 64 + draw(3);
		return r;
	}
	draw_address(r.peer_kind, r.peer);
	r.peer_plen = (uint8_t)draw(r.peer_kind == VPC_PEER_CIDR4 ? 33 : 129);
	if (draw(4) && r.peer_plen < 8)
		r.peer_plen = r.peer_kind == VPC_PEER_CIDR4 ? 32 : 128;
	for (unsigned bit = r.peer_plen; bit < 128; bit++)
		r.peer[bit / 32] &= ~htonl(0x80000000u >> bit % 32);
	return r;
}

/* Near a rule, so that a good part is allowed and the rest just isn't. */
static struct question draw_question(const struct classifier_rule *rules, size_t n)
{
	const struct classifier_rule *near = n ? &rules[draw((uint32_t)n)] : NULL;
	struct question q = {.family = draw(2) ? 4 : 6,
			     .slot = (uint8_t)(1 + draw(VPC_SLOTS - 1)),
			     .port = draw_port(),
			     .group = draw(2) ? 1 + draw(5) * 64 + draw(3) : 0};

	draw_address(q.family, q.peer);
	if (near && draw(4)) {
		q.slot = near->slot && draw(8) ? near->slot : q.slot;
		q.port = (uint16_t)(near->port + draw(2) * draw(0x10000u >> near->port_plen) - (draw(8) == 0));
		if (near->peer_kind == VPC_PEER_SG) {
			q.group = near->peer[0];
		} else {
			q.family = near->peer_kind;
			memcpy(q.peer, near->peer, sizeof(q.peer));
			q.peer[q.family == 4 ? 0 : 3] ^= htonl(draw(3) ? 0 : 1u << draw(32));
		}
	}
	return q;
}

static void check_question(const struct classifier_blocks *b, const struct classifier_rule *rules, size_t n,
			   const struct question *q)
{
	unsigned steps = 0;
	uint32_t row = table_find(b, q, &steps);

	if (!row) {
		cr_assert(!any_allows(rules, n, q), "family %u slot %u port %u: a rule allows it", q->family, q->slot,
			  q->port);
	} else {
		cr_assert_leq(row, n);
		cr_assert(allows(&rules[row - 1], q), "family %u slot %u port %u: rule %u doesn't allow it", q->family,
			  q->slot, q->port, row);
	}
	cr_assert_leq(steps, (unsigned)STEPS_MAX);
}

static void shuffle(struct classifier_rule *rules, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = draw((uint32_t)i);
		struct classifier_rule other = rules[i - 1];

		rules[i - 1] = rules[j];
		rules[j] = other;
	}
}

/* Rows are 1 … n: rules[row - 1]. */
static void check_rules(struct classifier_rule *rules, size_t n, unsigned questions)
{
	_cleanup_(clear_blocks) struct classifier_blocks b = {}, again = {};
	const struct vpc_classifier *header;
	size_t ranges = 0;

	for (size_t i = 0; i < n; i++)
		ranges += rules[i].slot == VPC_SLOT_ANY && rules[i].port_plen ? VPC_SLOTS - 1 : 1;
	cr_assert_eq(classifier_build(rules, n, 7, VPC_EGRESS, &b), 0);
	header = (const struct vpc_classifier *)b.at;
	cr_assert_eq(header->blocks, b.n);
	cr_assert_eq(header->set, 7);
	cr_assert_eq(header->dir, VPC_EGRESS);
	cr_assert_leq(b.n, 8 + 2 * ranges, "%zu blocks for %zu rules", b.n, n);
	for (unsigned i = 0; i < questions; i++) {
		struct question q = draw_question(rules, n);

		check_question(&b, rules, n, &q);
	}
	shuffle(rules, n);
	cr_assert_eq(classifier_build(rules, n, 7, VPC_EGRESS, &again), 0);
	cr_assert_eq(again.n, b.n);
	cr_assert_eq(memcmp(again.at, b.at, b.n * sizeof(*b.at)), 0, "the order of the rules doesn't matter");
}

Test(datapath_classifier, random_rules_say_the_same)
{
	static struct classifier_rule rules[RULES_MAX];
	static const size_t sizes[] = {0, 1, 2, 3, 8, 30, 100, 400};
	unsigned allowed = 0, asked = 0;

	for (; asked < 400; asked++) {
		size_t n = sizes[asked % ARRAY_SIZE(sizes)];

		state = asked * 7919 + 1;
		for (size_t i = 0; i < n; i++)
			rules[i] = draw_rule((uint32_t)i + 1, asked % 4 == 0);
		for (unsigned i = 0; i < 20; i++) {
			struct question q = draw_question(rules, n);

			allowed += any_allows(rules, n, &q);
		}
		check_rules(rules, n, n > 100 ? 300 : 1000);
	}
	cr_assert_gt(allowed, asked * 20 / 8, "%u of %u questions are allowed: the test compares something", allowed,
		     asked * 20);
	cr_assert_lt(allowed, asked * 20 * 9 / 10);
}

/* As many steps as a list of the size can have, with none that could be joined. */
Test(datapath_classifier, every_rule_of_a_long_list_is_found)
{
	static const uint8_t kinds[] = {VPC_PEER_CIDR4, VPC_PEER_CIDR6, VPC_PEER_SG};
	static struct classifier_rule rules[RULES_MAX];

	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t n = 1; n <= RULES_MAX; n = n * 2 + n / 3) {
			_cleanup_(clear_blocks) struct classifier_blocks b = {};
			unsigned steps = 0;

			memset(rules, 0, sizeof(rules));
			for (uint32_t i = 0; i < n; i++) {
				rules[i] = (struct classifier_rule){.slot = VPC_SLOT_TCP,
								    .port_plen = 16,
								    .port = 80,
								    .peer_kind = kinds[k],
								    .peer_plen = kinds[k] == VPC_PEER_CIDR4 ? 32 : 128,
								    .row = i + 1};
				rules[i].peer[kinds[k] == VPC_PEER_CIDR6 ? 3 : 0] =
					kinds[k] == VPC_PEER_SG ? 2 * i + 1 : htonl(2 * i + 1);
			}
			cr_assert_eq(classifier_build(rules, n, 1, VPC_INGRESS, &b), 0);
			for (uint32_t i = 0; i < 2 * n + 2; i++) {
				struct question q = {
					.family = kinds[k] == VPC_PEER_CIDR6 ? 6 : 4, .slot = VPC_SLOT_TCP, .port = 80};

				if (kinds[k] == VPC_PEER_SG)
					q.group = i;
				else
					q.peer[kinds[k] == VPC_PEER_CIDR6 ? 3 : 0] = htonl(i);
				cr_assert_eq(table_find(&b, &q, &steps), i % 2 && i / 2 < n ? i / 2 + 1 : 0, "%u", i);
			}
		}
}

/* The widest of nested prefixes, the lowest of equal ones; the ends of all there is. */
Test(datapath_classifier, names_one_rule_of_those_that_allow)
{
	struct classifier_rule rules[] = {
		{.slot = VPC_SLOT_ANY, .peer_kind = VPC_PEER_CIDR4, .peer_plen = 32, .peer = {0xffffffff}, .row = 9},
		{.slot = VPC_SLOT_ANY,
		 .peer_kind = VPC_PEER_CIDR4,
		 .peer_plen = 1,
		 .peer = {htonl(1u << 31)},
		 .row = 5},
		{.slot = VPC_SLOT_ANY,
		 .peer_kind = VPC_PEER_CIDR4,
		 .peer_plen = 1,
		 .peer = {htonl(1u << 31)},
		 .row = 3},
		{.slot = VPC_SLOT_ANY, .peer_kind = VPC_PEER_CIDR6, .row = 8},
	};
	struct question q = {.family = 4, .slot = VPC_SLOT_OTHER, .peer = {0xffffffff}};
	_cleanup_(clear_blocks) struct classifier_blocks b = {};
	unsigned steps = 0;

	cr_assert_eq(classifier_build(rules, ARRAY_SIZE(rules), 1, VPC_INGRESS, &b), 0);
	cr_expect_eq(table_find(&b, &q, &steps), 3);
	q.peer[0] = htonl(0x7fffffff);
	cr_expect_eq(table_find(&b, &q, &steps), 0);
	q.peer[0] = 0;
	cr_expect_eq(table_find(&b, &q, &steps), 0);
	q.family = 6;
	cr_expect_eq(table_find(&b, &q, &steps), 8);
	memset(q.peer, 0xff, sizeof(q.peer));
	cr_expect_eq(table_find(&b, &q, &steps), 8);
}
