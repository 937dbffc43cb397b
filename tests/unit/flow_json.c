/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flow as JSON: the same members whoever reports it. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include <vpc/clock.h>

#include "observe/flow_json.h"
#include "observe/flow_record.h"

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

Test(flow_json, a_record_has_both_ends_and_how_the_world_sees_it)
{
	char src_eni[] = "web1", src_sg[] = "web";
	struct flow_record record = {
		.key = {.proto = IPPROTO_TCP, .port = {htons(50000), htons(443)}},
		.flow = {.state = VPC_FLOW_ESTABLISHED,
			 .eni = {5, 0},
			 .epoch = 9,
			 .packets = 12,
			 .created_ns = 10 * NS_PER_S,
			 .last_seen_ns = 70 * NS_PER_S},
		.now_ns = 75 * NS_PER_S,
		.side = {{.eni_id = "eni-1", .eni = src_eni, .rule_id = "sgr-1", .sg_id = "sg-1", .sg = src_sg}},
		.translation = FLOW_BY_NAT,
		.outside_addr = {htonl(0xcb007105), htonl(0xc6336407)},
		.outside_port = {htons(40001), htons(443)},
	};
	const json_t *outside;

	mapped(record.key.addr[0], "10.0.0.1");
	mapped(record.key.addr[1], "198.51.100.7");
	json_decref(object);
	object = flow_record_to_json(&record);
	cr_assert(object);
	cr_expect_str_eq(text("src"), "10.0.0.1");
	cr_expect_str_eq(text("src_eni_id"), "eni-1");
	cr_expect_str_eq(text("src_eni"), "web1");
	cr_expect_str_eq(text("src_rule_id"), "sgr-1");
	cr_expect_str_eq(text("src_sg"), "web");
	cr_expect(json_is_null(json_object_get(object, "dst_eni_id")));
	cr_expect(json_is_null(json_object_get(object, "dst_rule_id")));
	cr_expect_str_eq(text("state"), "established");
	cr_expect_str_eq(text("opened_by"), "eni");
	cr_expect_eq(number("age_s"), 65);
	cr_expect_eq(number("idle_s"), 5);
	cr_expect_eq(number("packets"), 12);
	cr_expect_eq(number("epoch"), 9);
	outside = json_object_get(object, "outside");
	cr_expect_str_eq(json_string_value(json_object_get(outside, "by")), "nat");
	cr_expect_str_eq(json_string_value(json_object_get(outside, "src")), "203.0.113.5");
	cr_expect_eq(json_integer_value(json_object_get(outside, "src_port")), 40001);
	cr_expect_str_eq(json_string_value(json_object_get(outside, "dst")), "198.51.100.7");
}

Test(flow_json, a_record_says_who_opened_it_and_that_it_was_cut_by_hand)
{
	static const struct {
		struct vpc_flow flow;
		const char *opened_by;
	} cases[] = {
		{{.eni = {0, 6}, .epoch = 1}, "outside"},
		{{.eni = {0, 6}, .epoch = 1, .flags = VPC_FLOW_FROM_HOST}, "host"},
		{{.eni = {0, 6}, .epoch = VPC_EPOCH_CUT, .incarnation = {77, 1}, .state = VPC_FLOW_TOMBSTONE}, "peer"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_record record = {.key = {.proto = IPPROTO_UDP}, .flow = cases[i].flow};

		json_decref(object);
		object = flow_record_to_json(&record);
		cr_assert(object);
		cr_expect_str_eq(text("opened_by"), cases[i].opened_by);
		cr_expect(json_is_null(json_object_get(object, "outside")));
	}
	cr_expect_str_eq(text("state"), "cut");
	cr_expect(json_is_null(json_object_get(object, "epoch")), "of a flow that was cut by hand");
}
