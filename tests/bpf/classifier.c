/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set's classifier: it counts from its commit on, what it names is counted, and one that is missing, another's or
 * wrong allows nothing that the rules don't (P1, P3, P9). That classifiers say what the rules say is for policy.c and
 * the differential test, with VPCD_TEST_CLASSIFIER=yes.
 */
#include "tests/bpf/bpf_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/maps/classifier/classifier.h"

static struct lab *l;
static uint32_t set_b;
static uint16_t source_port = 2000;

static void setup(void)
{
	l = lab_usual();
	set_b = lab_set(l, GROUPS(SG_B));
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(classifier, .init = setup, .fini = teardown);

static int send_port(uint32_t from, const char *src, uint16_t port)
{
	return lab_cross(l, from, ENI_B,
			 (struct packet_spec){.src = src,
					      .dst = strchr(src, ':') ? "fd00:1::11" : "10.0.0.11",
					      .proto = IPPROTO_UDP,
					      .sport = source_port++,
					      .dport = port})
		.reason;
}

static int a_to_b(uint16_t port)
{
	return send_port(ENI_A, "10.0.0.10", port);
}

static uint32_t allow(uint32_t sg, uint16_t port, const char *peer)
{
	return lab_allow(
		l, &(struct rule_spec){.sg = sg, .slot = VPC_SLOT_UDP, .port = port, .port_plen = 16, .peer = peer});
}

/* From the next commit B's classifier says of everything that `row` allows it. */
static void lie(uint32_t row)
{
	const struct classifier_rule rules[] = {
		{.slot = VPC_SLOT_ANY, .peer_kind = VPC_PEER_CIDR4, .row = row},
		{.slot = VPC_SLOT_ANY, .peer_kind = VPC_PEER_CIDR6, .row = row},
		{.slot = VPC_SLOT_ANY, .peer_kind = VPC_PEER_SG, .peer = {SG_A}, .row = row},
	};
	uint32_t at = lab_compile(l, set_b, VPC_INGRESS);
	struct classifier_blocks blocks;

	cr_assert_eq(classifier_build(rules, 3, set_b, VPC_INGRESS, &blocks), 0);
	memcpy(lab_block(l, at + 1000), blocks.at, blocks.n * sizeof(*blocks.at));
	for (unsigned i = 0; i < 2; i++) {
		__u64 *slot = &lab_set_row(l, set_b)->classifier[VPC_INGRESS].slot[i];

		if ((*slot & VPC_VERSIONED_VALUE_MASK) == at)
			*slot += 1000;
	}
	free(blocks.at);
	__atomic_store_n(&lab_ctl(l)->epoch, lab_epoch(l) + 1, __ATOMIC_SEQ_CST);
}

Test(classifier, counts_from_its_commit_on)
{
	uint32_t row = allow(SG_B, 5, "10.0.0.0/8");

	lab_commit(l);
	cr_expect_eq(a_to_b(5), 0);
	lab_revoke(l, row);
	allow(SG_B, 6, "10.0.0.0/8");
	lab_compile(l, set_b, VPC_INGRESS);
	cr_expect_eq(a_to_b(5), 0, "not committed yet");
	cr_expect_eq(a_to_b(6), VPC_DROP_NO_INGRESS_RULE, "not committed yet");
	__atomic_store_n(&lab_ctl(l)->epoch, lab_epoch(l) + 1, __ATOMIC_SEQ_CST);
	cr_expect_eq(a_to_b(5), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(a_to_b(6), 0);
}

/* The classifier answers, not the hashes: with these empty it still does. */
Test(classifier, is_what_answers)
{
	uint32_t row = allow(SG_B, 5, "10.0.0.0/8");

	lab_compile(l, set_b, VPC_INGRESS);
	__atomic_store_n(&lab_ctl(l)->epoch, lab_epoch(l) + 1, __ATOMIC_SEQ_CST);
	lab_sg(l, SG_B)->dir[VPC_INGRESS].port_plens[VPC_SLOT_UDP] = 0;
	cr_expect_eq(a_to_b(5), 0);
	cr_expect_eq(a_to_b(4), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_row_packets(l, row), 1, "the rule that allowed it is counted");
}

Test(classifier, a_row_must_prove_itself)
{
	uint32_t other_port = allow(SG_B, 5, "0.0.0.0/0"), other_peer = allow(SG_B, 6, "10.9.0.0/16");
	uint32_t other_group = allow(SG_C, 6, "0.0.0.0/0"), ip6 = allow(SG_B, 6, "::/0"),
		 dead = allow(SG_B, 7, "0.0.0.0/0");
	uint32_t group = lab_allow(
		l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_UDP, .port = 6, .port_plen = 16, .peer_sg = SG_C});
	uint32_t out = lab_allow(l, &(struct rule_spec){.sg = SG_B,
							.direction = VPC_EGRESS,
							.slot = VPC_SLOT_UDP,
							.port = 6,
							.port_plen = 16,
							.peer = "0.0.0.0/0"});
	uint32_t egress = lab_sg(l, SG_B)->dir[VPC_EGRESS].all4, all_of_other = lab_allow_all(l, SG_C, VPC_INGRESS, 4);
	uint32_t all6 = lab_allow_all(l, SG_B, VPC_INGRESS, 6);
	const uint32_t wrong[] = {out,	 0,	 other_port,   other_peer, other_group, ip6,
				  group, egress, all_of_other, all6,	   LAB_ROWS + 9};

	lab_commit(l);
	lab_revoke(l, dead);
	lab_commit(l);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		lie(wrong[i]);
		cr_expect_eq(a_to_b(6), VPC_DROP_NO_INGRESS_RULE, "wrong row %zu", i);
	}
	lie(dead);
	cr_expect_eq(a_to_b(7), VPC_DROP_NO_INGRESS_RULE, "not visible at this epoch");
	lie(ip6);
	cr_expect_eq(send_port(ENI_A, "fd00:1::10", 6), 0, "where it is right it allows");
	cr_expect_eq(send_port(ENI_A, "fd00:1::10", 5), VPC_DROP_NO_INGRESS_RULE);
	lie(other_port);
	cr_expect_eq(a_to_b(5), 0);
}

/* A classifier that isn't there, or is another set's: the rules are walked. */
Test(classifier, without_a_classifier_the_rules_are_walked)
{
	struct vpc_versioned *v = &lab_set_row(l, set_b)->classifier[VPC_INGRESS];
	uint64_t epoch;
	uint32_t egress;

	allow(SG_B, 5, "10.0.0.0/8");
	lab_commit(l);
	epoch = lab_epoch(l);
	v->slot[0] = epoch << VPC_VERSIONED_SHIFT | (LAB_BLOCKS + 5);
	v->slot[1] = 0;
	cr_expect_eq(a_to_b(5), 0, "beyond the map");
	cr_expect_eq(a_to_b(6), VPC_DROP_NO_INGRESS_RULE);
	v->slot[0] = epoch << VPC_VERSIONED_SHIFT | (LAB_BLOCKS - 1);
	cr_expect_eq(a_to_b(5), 0, "a block of zeros");
	egress = lab_compile(l, set_b, VPC_EGRESS);
	v->slot[0] = epoch << VPC_VERSIONED_SHIFT | egress;
	cr_expect_eq(a_to_b(5), 0, "the other direction's");
	v->slot[0] = epoch << VPC_VERSIONED_SHIFT | lab_compile(l, lab_set(l, GROUPS(SG_A)), VPC_INGRESS);
	cr_expect_eq(a_to_b(5), 0, "another set's");
	v->slot[0] = (epoch + 1) << VPC_VERSIONED_SHIFT | 1;
	v->slot[1] = (epoch + 2) << VPC_VERSIONED_SHIFT | 1;
	cr_expect_eq(a_to_b(5), 0, "both slots are ahead of the epoch");
	cr_expect_eq(a_to_b(6), VPC_DROP_NO_INGRESS_RULE);
}

/* Lists that lead anywhere, nodes that are their own parents: the search ends, and denies. */
Test(classifier, a_broken_table_ends)
{
	uint32_t at;
	struct vpc_classifier *header;

	allow(SG_B, 5, "10.0.0.0/8");
	at = lab_compile(l, set_b, VPC_INGRESS);
	__atomic_store_n(&lab_ctl(l)->epoch, lab_epoch(l) + 1, __ATOMIC_SEQ_CST);
	cr_expect_eq(a_to_b(5), 0);
	for (uint32_t i = 1; i < ((struct vpc_classifier *)lab_block(l, at))->blocks; i++)
		memset(lab_block(l, at + i), 0xff, sizeof(struct vpc_classifier_block));
	cr_expect_eq(a_to_b(5), VPC_DROP_NO_INGRESS_RULE, "ones");
	for (uint32_t i = 1; i < ((struct vpc_classifier *)lab_block(l, at))->blocks; i++)
		memset(lab_block(l, at + i), 0, sizeof(struct vpc_classifier_block));
	cr_expect_eq(a_to_b(5), VPC_DROP_NO_INGRESS_RULE, "zeros");
	header = (struct vpc_classifier *)lab_block(l, at);
	header->ports.size = 200u << VPC_LIST_LEVELS_SHIFT | 0xffffff;
	header->groups.size = 255u << VPC_LIST_LEVELS_SHIFT;
	header->bloom = ~0ull;
	for (uint32_t i = 1; i < 4; i++)
		for (uint32_t w = 0; w < VPC_BLOCK_WORDS; w++)
			lab_block(l, at + i)->word[w] = 1;
	cr_expect_eq(a_to_b(5), VPC_DROP_NO_INGRESS_RULE, "levels without end, node 1 its own parent");
}

/* The longest search: 18 nodes over the port, each with a long list of other addresses, and 16 groups of the peer; what
 * allows is the last that is looked for. */
Test(classifier, the_longest_search_comes_to_its_end)
{
	uint32_t groups[VPC_GROUPS_PER_ENI + 1] = {0}, row;

	for (uint32_t i = 0; i < VPC_GROUPS_PER_ENI; i++)
		groups[i] = 100 + i;
	groups[0] = SG_A;
	lab_join(l, ENI_A, false, groups);
	for (uint32_t i = 0; i < 18 * 100; i++) {
		struct rule_spec rule = {.sg = SG_B, .slot = VPC_SLOT_UDP, .port_plen = (uint8_t)(i % 18)};
		char peer[32];

		if (rule.port_plen == 17)
			rule = (struct rule_spec){.sg = SG_B};
		rule.port = (uint16_t)(0xffff0000u >> rule.port_plen);
		snprintf(peer, sizeof(peer), "11.%u.%u.0/24", i % 18, i / 18 * 2);
		rule.peer = peer;
		lab_allow(l, &rule);
	}
	for (uint32_t i = 0; i < VPC_GROUPS_PER_ENI; i++) /* the same bits of the bloom filter */
		lab_allow(l, &(struct rule_spec){.sg = SG_B, .peer_sg = 100 + i + 64});
	lab_compile(l, set_b, VPC_INGRESS);
	__atomic_store_n(&lab_ctl(l)->epoch, lab_epoch(l) + 1, __ATOMIC_SEQ_CST);
	cr_expect_eq(a_to_b(65535), VPC_DROP_NO_INGRESS_RULE);
	row = lab_allow(l, &(struct rule_spec){.sg = SG_B,
					       .slot = VPC_SLOT_UDP,
					       .port = 65535,
					       .port_plen = 16,
					       .peer_sg = groups[VPC_GROUPS_PER_ENI - 1]});
	lab_compile(l, set_b, VPC_INGRESS);
	__atomic_store_n(&lab_ctl(l)->epoch, lab_epoch(l) + 1, __ATOMIC_SEQ_CST);
	cr_expect_eq(a_to_b(65535), 0);
	cr_expect_eq(lab_row_packets(l, row), 1);
	cr_expect_eq(a_to_b(65534), VPC_DROP_NO_INGRESS_RULE);
}
