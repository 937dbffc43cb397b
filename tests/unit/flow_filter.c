/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows a filter names, and what it takes. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>

#include <vpc/clock.h>

#include "observe/flow_filter.h"

#define NOW_NS (1000 * NS_PER_S)

static struct vpc_flow_key key;
static struct vpc_flow flow;
static struct flow_filter filter;
static struct vpc_error error;

static void mapped(__be32 addr[4], const char *text)
{
	addr[0] = addr[1] = 0;
	addr[2] = htonl(0xffff);
	inet_pton(AF_INET, text, &addr[3]);
}

/* ENI 5 (10.0.0.1:50000) opened it to ENI 6 (10.0.0.2:443). */
static void set_up(void)
{
	key = (struct vpc_flow_key){.vpc = 3, .proto = IPPROTO_TCP, .port = {htons(50000), htons(443)}};
	flow = (struct vpc_flow){.eni = {5, 6},
				 .incarnation = {1, 2},
				 .state = VPC_FLOW_ESTABLISHED,
				 .last_seen_ns = NOW_NS,
				 .timeout_s = 60};
	mapped(key.addr[0], "10.0.0.1");
	mapped(key.addr[1], "10.0.0.2");
	filter = FLOW_FILTER_INIT;
	error = VPC_ERROR_INIT;
}

static void tear_down(void)
{
	vpc_error_clear(&error);
}

TestSuite(flow_filter, .init = set_up, .fini = tear_down);

static bool matches(void)
{
	return flow_filter_matches(&filter, &key, &flow, NOW_NS);
}

Test(flow_filter, without_wishes_every_live_flow_is_named)
{
	cr_expect(matches());
	flow.last_seen_ns = NOW_NS - 61 * NS_PER_S;
	cr_expect_not(matches(), "it is idle past its timeout");
	flow.last_seen_ns = NOW_NS;
	flow.state = VPC_FLOW_TOMBSTONE;
	cr_expect_not(matches(), "it is cut");
}

Test(flow_filter, the_peer_is_the_end_that_is_not_the_enis)
{
	filter.eni = 5;
	filter.incarnation = 1;
	cr_assert_eq(flow_filter_set_peer(&filter, "10.0.0.2", &error), 0);
	cr_expect(matches());
	cr_assert_eq(flow_filter_set_peer(&filter, "10.0.0.1", &error), 0);
	cr_expect_not(matches());
	/* the responder's side */
	filter.eni = 6;
	filter.incarnation = 2;
	cr_expect(matches());
	/* the opener may be the second address of the key */
	flow.opener = 1;
	cr_expect_not(matches());
	filter.eni = filter.incarnation = 0;
	cr_expect(matches(), "without an ENI either end counts");
	cr_assert_eq(flow_filter_set_peer(&filter, "10.0.0.0/30", &error), 0);
	cr_expect(matches());
	cr_assert_eq(flow_filter_set_peer(&filter, "fd00::/8", &error), 0);
	cr_expect_not(matches());
}

Test(flow_filter, an_earlier_eni_with_the_number_is_another)
{
	filter.eni = 5;
	filter.incarnation = 7;
	cr_expect_not(matches());
}

Test(flow_filter, protocol_port_vpc_and_states)
{
	cr_assert_eq(flow_filter_set_protocol(&filter, "TCP", &error), 0);
	cr_assert_eq(flow_filter_set_port(&filter, "443", &error), 0);
	filter.vpc = 3;
	cr_expect(matches());
	cr_assert_eq(flow_filter_set_port(&filter, "50000", &error), 0);
	cr_expect(matches());
	cr_assert_eq(flow_filter_set_port(&filter, "80", &error), 0);
	cr_expect_not(matches());
	filter.port = -1;
	cr_assert_eq(flow_filter_set_protocol(&filter, "17", &error), 0);
	cr_expect_not(matches());
	cr_assert_eq(flow_filter_set_protocol(&filter, "all", &error), 0);
	cr_expect(matches());
	filter.vpc = 4;
	cr_expect_not(matches());
	filter.vpc = 0;
	cr_assert_eq(flow_filter_set_states(&filter, "stream,cut", &error), 0);
	cr_expect_not(matches());
	flow.state = VPC_FLOW_TOMBSTONE;
	cr_expect(matches());
	cr_assert_eq(flow_filter_set_states(&filter, "all", &error), 0);
	cr_expect(matches());
	/* other protocols have no ports */
	key.proto = 47;
	filter.port = 443;
	cr_expect_not(matches());
}

Test(flow_filter, what_is_not_understood_is_refused)
{
	static const struct {
		int (*set)(struct flow_filter *f, const char *text, struct vpc_error *reterr);
		const char *text, *field;
	} wrong[] = {
		{flow_filter_set_peer, "10.0.0", "peer"},
		{flow_filter_set_peer, "", "peer"},
		{flow_filter_set_protocol, "256", "protocol"},
		{flow_filter_set_protocol, "", "protocol"},
		{flow_filter_set_port, "65536", "port"},
		{flow_filter_set_port, "-1", "port"},
		{flow_filter_set_port, "99999999999999", "port"},
		{flow_filter_set_states, "open", "state"},
		{flow_filter_set_states, "", "state"},
		{flow_filter_set_states, "cut,,stream", "state"},
		{flow_filter_set_states, "established,x", "state"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		cr_expect_lt(wrong[i].set(&filter, wrong[i].text, &error), 0, "%s \"%s\"", wrong[i].field,
			     wrong[i].text);
		cr_expect_str_eq(error.field, wrong[i].field);
		cr_expect_eq(error.code, VPC_E_INVALID_PARAMETER_VALUE);
		vpc_error_clear(&error);
	}
}
