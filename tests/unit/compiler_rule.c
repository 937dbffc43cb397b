/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compile_rule: slot, port prefix and peer of every kind of rule. */
#include <arpa/inet.h>
#include <criterion/criterion.h>

#include "compiler/compile.h"

static struct rule rule_make(int16_t protocol, int32_t from, int32_t to)
{
	struct rule r = {
		.o = {.kind = OBJECT_RULE, .number = 77},
		.sg = 5,
		.direction = VPC_INGRESS,
		.protocol = protocol,
		.from_port = from,
		.to_port = to,
		.peer = PEER_SG,
		.peer_sg = 9,
	};
	return r;
}

struct class_case {
	int16_t protocol;
	int32_t from, to;
	uint8_t slot, plen;
	uint16_t port;
};

Test(compiler_rule, slots_and_ports)
{
	static const struct class_case cases[] = {
		{PROTOCOL_ALL, -1, -1, VPC_SLOT_ANY, 0, 0},
		{6, 443, 443, VPC_SLOT_TCP, 16, 443},
		{6, 0, 65535, VPC_SLOT_TCP, 0, 0},
		{6, 0, 0, VPC_SLOT_TCP, 16, 0},
		{17, 0, 65535, VPC_SLOT_UDP, 0, 0},
		{17, 8192, 16383, VPC_SLOT_UDP, 3, 8192},
		{1, -1, -1, VPC_SLOT_ICMP, 0, 0},
		{1, 8, -1, VPC_SLOT_ICMP, 8, 8 << 8},
		{1, 3, 4, VPC_SLOT_ICMP, 16, 3 << 8 | 4},
		{1, 0, 0, VPC_SLOT_ICMP, 16, 0},
		{58, 128, -1, VPC_SLOT_ICMPV6, 8, 128 << 8},
		{58, 255, 255, VPC_SLOT_ICMPV6, 16, 0xffff},
		{0, -1, -1, VPC_SLOT_OTHER, 16, 0},
		{47, -1, -1, VPC_SLOT_OTHER, 16, 47},
		{255, -1, -1, VPC_SLOT_OTHER, 16, 255},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct class_case *c = &cases[i];
		struct rule r = rule_make(c->protocol, c->from, c->to);
		_cleanup_(plan_clear) struct plan plan = {0};

		cr_assert_eq(compile_rule_rows(&r, true, &plan), 0);
		cr_assert_eq(plan.n_rows, 1, "case %zu", i);
		cr_expect_eq(plan.rows[0].slot, c->slot, "case %zu", i);
		cr_expect_eq(plan.rows[0].port_plen, c->plen, "case %zu", i);
		cr_expect_eq(plan.rows[0].port, c->port, "case %zu", i);
		cr_expect_eq(plan.rows[0].peer_kind, VPC_PEER_SG);
		cr_expect_eq(plan.rows[0].peer_plen, 0);
		cr_expect_eq(plan.rows[0].peer[0], 9);
		cr_expect_eq(plan.rows[0].sg, 5);
		cr_expect_eq(plan.rows[0].rule, 77);
		cr_expect(plan.rows[0].add);
	}
}

Test(compiler_rule, peers)
{
	struct rule r = rule_make(6, 80, 80);
	_cleanup_(plan_clear) struct plan plan = {0};

	r.direction = VPC_EGRESS;
	r.peer = PEER_CIDR;
	cr_assert_eq(cidr_parse("10.1.2.0/23", &r.cidr), 0);
	cr_assert_eq(compile_rule_rows(&r, true, &plan), 0);
	cr_assert_eq(cidr_parse("2001:db8::/33", &r.cidr), 0);
	cr_assert_eq(compile_rule_rows(&r, false, &plan), 0);
	cr_assert_eq(cidr_parse("0.0.0.0/0", &r.cidr), 0);
	cr_assert_eq(compile_rule_rows(&r, true, &plan), 0);
	cr_assert_eq(plan.n_rows, 3);

	cr_expect_eq(plan.rows[0].peer_kind, VPC_PEER_CIDR4);
	cr_expect_eq(plan.rows[0].peer_plen, 23);
	cr_expect_eq(plan.rows[0].peer[0], htonl(0x0a010200));
	cr_expect_eq(plan.rows[0].peer[1] | plan.rows[0].peer[2] | plan.rows[0].peer[3], 0);
	cr_expect_eq(plan.rows[0].direction, VPC_EGRESS);

	cr_expect_eq(plan.rows[1].peer_kind, VPC_PEER_CIDR6);
	cr_expect_eq(plan.rows[1].peer_plen, 33);
	cr_expect_eq(plan.rows[1].peer[0], htonl(0x20010db8));
	cr_expect_eq(plan.rows[1].peer[1] | plan.rows[1].peer[2] | plan.rows[1].peer[3], 0);
	cr_expect(!plan.rows[1].add);

	cr_expect_eq(plan.rows[2].peer_kind, VPC_PEER_CIDR4);
	cr_expect_eq(plan.rows[2].peer_plen, 0);
	cr_expect_eq(plan.rows[2].peer[0], 0);
}

Test(compiler_rule, a_range_is_several_rows)
{
	struct rule r = rule_make(17, 1, 65534);
	_cleanup_(plan_clear) struct plan plan = {0};

	cr_assert_eq(compile_rule_rows(&r, true, &plan), 0);
	cr_assert_eq(plan.n_rows, 30);
	for (size_t i = 0; i < plan.n_rows; i++) {
		uint16_t mask = (uint16_t)(0xffff0000u >> plan.rows[i].port_plen);

		cr_expect_eq(plan.rows[i].rule, 77);
		cr_expect_eq(plan.rows[i].port & (uint16_t)~mask, 0);
	}
}

Test(compiler_rule, a_rule_that_names_a_prefix_list_is_one_row)
{
	struct rule r = rule_make(6, 80, 80);
	_cleanup_(plan_clear) struct plan plan = {0};

	r.peer = PEER_PREFIX_LIST;
	r.peer_list = 7;
	cr_assert_eq(compile_rule_rows(&r, true, &plan), 0);
	cr_assert_eq(plan.n_rows, 1);
	cr_expect_eq(plan.rows[0].peer_kind, VPC_PEER_PREFIX_LIST);
	cr_expect_eq(plan.rows[0].peer[0], VPC_LIST_FIRST + 7);
	cr_expect_eq(plan.rows[0].peer_plen, 0);
}
