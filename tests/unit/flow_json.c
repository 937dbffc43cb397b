/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flow as JSON: the same members whoever reports it. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "observe/flow_json.h"

static json_t *object;

static void set_up(void)
{
	object = json_object();
}

static void tear_down(void)
{
	json_decref(object);
}

TestSuite(flow_json, .init = set_up, .fini = tear_down);

static void mapped(__be32 addr[4], const char *text)
{
	addr[0] = addr[1] = 0;
	addr[2] = htonl(0xffff);
	inet_pton(AF_INET, text, &addr[3]);
}

static const char *text(const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static json_int_t number(const char *member)
{
	const json_t *value = json_object_get(object, member);

	cr_assert(json_is_integer(value), "%s", member);
	return json_integer_value(value);
}

Test(flow_json, a_tracked_flow_runs_from_its_opener)
{
	struct vpc_flow_key key = {.proto = IPPROTO_TCP, .port = {htons(443), htons(50000)}};
	struct vpc_flow flow = {.opener = 1};
	struct flow_tuple tuple;

	mapped(key.addr[0], "10.0.0.1");
	mapped(key.addr[1], "10.0.0.2");
	tuple = flow_tuple_of(&key, &flow);
	cr_assert_eq(flow_put_json(object, &tuple), 0);
	cr_expect_str_eq(text("protocol"), "tcp");
	cr_expect_eq(number("protocol_number"), 6);
	cr_expect_str_eq(text("src"), "10.0.0.2");
	cr_expect_str_eq(text("dst"), "10.0.0.1");
	cr_expect_eq(number("src_port"), 50000);
	cr_expect_eq(number("dst_port"), 443);
	cr_expect_null(json_object_get(object, "icmp_type"));
}

Test(flow_json, an_event_of_icmp_has_type_and_code)
{
	struct vpc_event event = {.ethertype = htons(0x86dd), .proto = IPPROTO_ICMPV6, .sport = htons(128 << 8 | 3)};
	struct flow_tuple tuple;

	inet_pton(AF_INET6, "fd00::1", event.src);
	inet_pton(AF_INET6, "fd00::2", event.dst);
	tuple = flow_tuple_of_event(&event);
	cr_assert_eq(flow_put_json(object, &tuple), 0);
	cr_expect_str_eq(text("protocol"), "icmpv6");
	cr_expect_str_eq(text("src"), "fd00::1");
	cr_expect_eq(number("icmp_type"), 128);
	cr_expect_eq(number("icmp_code"), 3);
	cr_expect(json_is_null(json_object_get(object, "src_port")));
}

Test(flow_json, a_frame_that_is_not_ip_has_no_addresses)
{
	struct vpc_event event = {.ethertype = htons(0x0806)};
	struct flow_tuple tuple = flow_tuple_of_event(&event);

	cr_assert_eq(flow_put_json(object, &tuple), 0);
	cr_expect_str_eq(text("protocol"), "arp");
	cr_expect(json_is_null(json_object_get(object, "src")));
	cr_expect(json_is_null(json_object_get(object, "dst")));
}

Test(flow_json, other_protocols_are_numbers)
{
	struct vpc_event event = {.ethertype = htons(0x0800), .proto = 47};
	struct flow_tuple tuple = flow_tuple_of_event(&event);

	cr_assert_eq(flow_put_json(object, &tuple), 0);
	cr_expect_str_eq(text("protocol"), "47");
	cr_expect_eq(number("protocol_number"), 47);
}
