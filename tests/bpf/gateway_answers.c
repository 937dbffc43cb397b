/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gateway answers, and to whom. No workload makes the gateway send to another. Each answer leaves by the
 * asker's own port, at a limited rate, and only for the asker's own addresses (P7). A packet that the router could send
 * nowhere is dropped with a reason (P9).
 */
#include "lab_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

LAB_SUITE(gateway_answers, lab_usual());

/* The link-local address that follows from the ENI's MAC. */
static const char *link_local(uint32_t number)
{
	static char text[2][INET6_ADDRSTRLEN];
	static unsigned turn;
	const uint8_t *m = lab_mac(number);

	turn ^= 1;
	snprintf(text[turn], sizeof(text[turn]), "fe80::%x:%xff:fe%02x:%x", (m[0] ^ 2) << 8 | m[1], m[2], m[3],
		 m[4] << 8 | m[5]);
	return text[turn];
}

static struct packet_spec ping(const char *src, const char *dst)
{
	bool six = strchr(src, ':');

	return (struct packet_spec){.src = src,
				    .dst = dst,
				    .proto = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				    .icmp_type = six ? 128 : 8,
				    .icmp_id = 3,
				    .payload = 16};
}

static uint32_t sum_words(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static bool sum_is_right(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* The frame that came out is for its sender, whole, from `src` to `dst`, and all its checksums are right. */
static void expect_answer(const char *what, const char *src, const char *dst, size_t length)
{
	const struct frame *f = lab_out(l);
	bool six = strchr(src, ':');
	size_t header = six ? 40 : 20;
	uint8_t address[2][16];

	inet_pton(six ? AF_INET6 : AF_INET, src, address[0]);
	inet_pton(six ? AF_INET6 : AF_INET, dst, address[1]);
	cr_expect_eq(f->length, length, "%s: %zu bytes", what, f->length);
	cr_expect_arr_eq(f->data, lab_mac(ENI_A), 6, "%s", what);
	cr_expect_arr_eq(f->data + 6, lab_gateway_mac(), 6, "%s", what);
	cr_expect_arr_eq(f->data + (six ? 22 : 26), address[0], six ? 16 : 4, "%s: source", what);
	cr_expect_arr_eq(f->data + (six ? 38 : 30), address[1], six ? 16 : 4, "%s: destination", what);
	cr_expect_eq(f->data[six ? 21 : 22], 64, "%s: hops", what);
	if (!six) {
		cr_expect(sum_is_right(sum_words(f->data + 14, 20, 0)), "%s: header", what);
		cr_expect(sum_is_right(sum_words(f->data + 34, f->length - 34, 0)), "%s: checksum", what);
		return;
	}
	cr_expect(sum_is_right(sum_words(f->data + 54, f->length - 54,
					 sum_words(f->data + 22, 32, (uint32_t)(f->length - 14 - header) + 58))),
		  "%s: checksum", what);
}

static void expect_echo(const char *src, const char *gateway)
{
	struct packet_spec p = ping(src, gateway);
	struct verdict v = lab_send(l, ENI_A, p);
	bool six = strchr(src, ':');

	cr_assert_eq(v.action, 7, "%s: reason %d", src, v.reason);
	cr_expect_eq(v.mark, VPC_MARK_ANSWER | ENI_A);
	expect_answer(src, gateway, src, (size_t)14 + (six ? 40 : 20) + 8 + 16);
	cr_expect_eq(lab_out(l)->data[six ? 54 : 34], six ? 129 : 0);
	cr_expect_eq(lab_to(l, ENI_A, v.mark, lab_out(l)).action, 0);
}

Test(gateway_answers, echo_is_answered_at_the_port_from_own_addresses)
{
	lab_join(l, ENI_A, true, GROUPS(90)); /* which allows nothing */
	lab_commit(l);
	expect_echo("10.0.0.10", "10.0.0.1");
	expect_echo("fd00:1::10", "fe80::1");
	expect_echo(link_local(ENI_A), "fe80::1");
	cr_expect_eq(lab_flows(l, false), 0);
	cr_expect_eq(lab_packets(l, ENI_A, true), 0, "nothing of it is carried");
}

Test(gateway_answers, echo_in_the_name_of_another)
{
	const char *others[] = {"10.0.0.11",	   "10.0.0.99",	 "192.0.2.1", "fd00:1::11",
				link_local(ENI_B), "fe80::1234", "fe80::1",   "fe80:1::1"};

	for (unsigned appliance = 0; appliance < 2; appliance++) {
		lab_eni_row(l, ENI_A)->flags = appliance ? 0 : VPC_ENI_SOURCE_DEST_CHECK;
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			struct packet_spec p = ping(others[i], strchr(others[i], ':') ? "fe80::1" : "10.0.0.1");

			cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE, "%s", others[i]);
			p.fragment_id = 7, p.more_fragments = true;
			cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE, "%s", others[i]);
			p.fragment_offset = 24, p.more_fragments = false;
			cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE, "%s", others[i]);
		}
	}
	cr_expect_eq(lab_packets(l, ENI_A, true), 0, "the router hears nothing of it");
}

/* And what the router itself would answer is let in by nobody. */
Test(gateway_answers, echo_replies_of_the_router_are_refused)
{
	struct packet_spec back = {.src = "10.0.0.1", .dst = "10.0.0.10", .proto = IPPROTO_ICMP, .icmp_id = 3},
			   back6 = {.src = "fe80::1",
				    .dst = link_local(ENI_A),
				    .proto = IPPROTO_ICMPV6,
				    .icmp_type = 129};

	lab_send(l, ENI_A, ping("10.0.0.10", "10.0.0.1"));
	cr_expect_eq(lab_deliver(l, ENI_A, 0, back).reason, VPC_DROP_NO_FLOW);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, back6).reason, VPC_DROP_LINK_LOCAL);
	back6.dst = "fd00:1::10";
	cr_expect_eq(lab_deliver(l, ENI_A, 0, back6).reason, VPC_DROP_LINK_LOCAL);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, back).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ANSWER | ENI_B, back).reason, VPC_DROP_NO_FLOW);
	back.icmp_type = 8;
	cr_expect_eq(lab_deliver(l, ENI_A, 0, back).reason, VPC_DROP_NO_INGRESS_RULE);
	lab_allow_all(l, SG_A, VPC_INGRESS, 4);
	lab_commit(l);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, back).reason, 0);
	back.src = "10.0.0.10", back.dst = "10.0.0.1", back.icmp_type = 0;
	cr_expect_eq(lab_send(l, ENI_A, back).reason, VPC_DROP_GATEWAY_CLOSED, "it asks nothing");
	back6.icmp_type = 128;
	cr_expect_eq(lab_deliver(l, ENI_A, 0, back6).reason, VPC_DROP_LINK_LOCAL);
}

/* ping -6 -s 3000 fe80::1 */
Test(gateway_answers, echo_in_fragments)
{
	static const char *const pairs[][2] = {{"10.0.0.10", "10.0.0.1"}, {"fd00:1::10", "fe80::1"}};

	for (size_t i = 0; i < 2; i++) {
		struct packet_spec p = ping(pairs[i][0], pairs[i][1]);
		size_t header = i ? 14 + 40 + 8 : 14 + 20;
		uint8_t tail[32];

		p.fragment_id = 9, p.more_fragments = true, p.payload = 1000;
		cr_expect_eq(lab_send(l, ENI_A, p).action, 7);
		cr_expect_eq(lab_out(l)->data[header], i ? 129 : 0);
		p.fragment_offset = 1008, p.more_fragments = false, p.payload = sizeof(tail);
		cr_expect_eq(lab_send(l, ENI_A, p).action, 7);
		cr_expect_eq(lab_out(l)->length, header + sizeof(tail));
		cr_expect_eq(lab_out(l)->data[i ? 21 : 22], 64);
		p.fragment_id = 10;
		cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FRAGMENT, "its first one was not seen");
	}
}

Test(gateway_answers, what_lies_behind_an_echo_is_not_sent_back)
{
	struct packet_spec p = ping("10.0.0.10", "10.0.0.1");
	struct frame f;

	p.smac = lab_mac(ENI_A), p.dmac = lab_gateway_mac();
	frame_build(&f, &p);
	f.length += 500;
	cr_expect_eq(lab_from(l, ENI_A, &f).action, 7);
	expect_answer("with bytes behind it", "10.0.0.1", "10.0.0.10", 14 + 20 + 8 + 16);
}

/* ND, RS and DHCPv6 from the link-local address that is by its form another MAC's; a random one is a workload's own. */
Test(gateway_answers, link_local_addresses_of_others)
{
	struct {
		uint8_t type, code;
		uint16_t checksum;
		uint32_t flags;
		uint8_t target[16];
	} m = {.type = 135};
	struct packet_spec p = {.dst = "fe80::1",
				.proto = IPPROTO_ICMPV6,
				.ttl = 255,
				.raw = &m,
				.raw_length = sizeof(m)},
			   dhcp = {.dst = "ff02::1:2",
				   .proto = IPPROTO_UDP,
				   .sport = 546,
				   .dport = 547,
				   .payload = 40,
				   .dmac = (const uint8_t *)"\x33\x33\0\1\0\2"};

	inet_pton(AF_INET6, "fe80::1", m.target);
	p.src = link_local(ENI_A);
	cr_expect_eq(lab_send(l, ENI_A, p).action, 7);
	p.src = "fe80::9d3e:1f2:77a0:5be1";
	cr_expect_eq(lab_send(l, ENI_A, p).action, 7);
	p.src = dhcp.src = link_local(ENI_B);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_ND);
	m.type = 136;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_ND);
	m.type = 133, p.raw_length = 8;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_ND);
	p.src = link_local(ENI_A);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_UNANSWERED, "there is no template");
}

/* What a bucket of so many a second may have given since `begin_ns`: all that it held, and what came in since. */
static unsigned tokens(unsigned per_second, uint64_t begin_ns)
{
	return per_second + 2 + (unsigned)((lab_now_ns() - begin_ns + 10000000) * per_second / 1000000000ull);
}

/* So much in a second, by any of its ways; another ENI's is its own. */
Test(gateway_answers, answers_are_limited)
{
	struct packet_spec echo = ping("10.0.0.10", "10.0.0.1"), theirs = ping("10.0.0.11", "10.0.0.1");
	uint64_t begin_ns = lab_now_ns();
	struct frame arp = {.length = 60};
	unsigned n[2] = {0};

	memset(arp.data, 0xff, 6);
	memcpy(arp.data + 6, lab_mac(ENI_A), 6);
	memcpy(arp.data + 12, (const uint8_t[]){8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, 10);
	memcpy(arp.data + 22, lab_mac(ENI_A), 6);
	inet_pton(AF_INET, "10.0.0.10", arp.data + 28);
	inet_pton(AF_INET, "10.0.0.1", arp.data + 38);
	for (unsigned i = 0; i < 4000; i++)
		n[0] += lab_send(l, ENI_A, echo).action == 7;
	cr_expect_geq(n[0], 1000);
	cr_expect_leq(n[0], tokens(1000, begin_ns), "%u echoes", n[0]);
	cr_expect_eq(lab_drops(l, ENI_A, VPC_DROP_RATE_LIMITED), 4000 - n[0]);
	cr_expect_eq(lab_from(l, ENI_A, &arp).action, 7, "who pings too much keeps its gateway");
	cr_expect_eq(lab_send(l, ENI_B, theirs).action, 7);
	for (unsigned i = 0; i < 4000; i++)
		n[1] += lab_from(l, ENI_A, &arp).action == 7;
	cr_expect_geq(n[1], 1000 - 1);
	cr_expect_leq(n[1], tokens(1000, begin_ns), "%u of ARP", n[1]);
	lab_answers(l);
	cr_expect_eq(lab_send(l, ENI_A, echo).action, 7);
}

/* --- where the router would have nowhere to send to --- */

Test(gateway_answers, without_a_route_there_is_a_reason)
{
	struct packet_spec p = {.src = "10.0.0.10", .proto = IPPROTO_TCP, .sport = 7, .dport = 22, .tcp_flags = 2};

	lab_space(l, 1)->flags = 0;
	p.dst = "8.8.8.8";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_NO_ROUTE);
	p.dst = "10.0.0.1";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_GATEWAY_CLOSED);
	p.proto = IPPROTO_ICMP, p.icmp_type = 13;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_GATEWAY_CLOSED);
	p.src = "fd00:1::10", p.dst = "2001:db8::1", p.proto = IPPROTO_UDP;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_NO_ROUTE);
	p.dst = "fe80::1";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_GATEWAY_CLOSED);
	p.src = link_local(ENI_A);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_GATEWAY_CLOSED);
	p.src = link_local(ENI_B);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(lab_flows(l, false) + lab_flows(l, true), 0, "none of it was opened");
	cr_expect_eq(lab_packets(l, ENI_A, true), 0);
	lab_space(l, 1)->flags = VPC_SPACE_ROUTED_OUT;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE);
	p.src = "fd00:1::10", p.dst = "2001:db8::1";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
}

/* Every subnet has a route table, but for somebody who writes the map. */
Test(gateway_answers, without_a_route_table_there_is_a_reason)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "8.8.8.8", .proto = IPPROTO_UDP, .sport = 7, .dport = 22};
	int fd = bpf_map__fd(lab_skel(l)->maps.subnet_table);
	struct vpc_versioned none = {};
	uint32_t subnet = 1;

	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
	cr_assert_eq(bpf_map_update_elem(fd, &subnet, &none, BPF_ANY), 0);
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_NO_ROUTE);
	p.src = "fd00:1::10", p.dst = "2001:db8::1";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_NO_ROUTE);
}

/* The router would look for it on the bridge, and find nobody. */
Test(gateway_answers, an_eni_that_is_attached_to_nothing)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "10.0.0.11", .proto = IPPROTO_UDP, .sport = 7, .dport = 53};

	lab_allow_dns(l);
	lab_commit(l);
	lab_set_fast_path(l, ENI_B, false);
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_DETACHED;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_UNKNOWN_DESTINATION);
	cr_expect_eq(lab_flows(l, false), 0);
	lab_eni_row(l, ENI_B)->flags &= ~VPC_ENI_DETACHED;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0);
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_DETACHED;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_UNKNOWN_DESTINATION, "of a known flow, too");
}

/* The frame that came out is the gateway's error about `sent`, for its sender. */
static void expect_error(const char *what, const struct frame *sent, const char *src, unsigned type_code, uint32_t info)
{
	const struct frame *f = lab_out(l);
	bool six = strchr(src, ':');
	size_t head = six ? 62 : 42, quoted = sent->length - 14 < 128 ? sent->length - 14 : 128;
	const uint8_t *icmp = f->data + head - 8;

	expect_answer(what, six ? "fe80::1" : "10.0.0.1", src, head + quoted);
	cr_expect_eq((unsigned)icmp[0] << 8 | icmp[1], type_code, "%s: type %u code %u", what, icmp[0], icmp[1]);
	cr_expect_eq((uint32_t)icmp[4] << 24 | (uint32_t)icmp[5] << 16 | (uint32_t)icmp[6] << 8 | icmp[7], info, "%s",
		     what);
	cr_expect_arr_eq(f->data + head, sent->data + 14, quoted, "%s: quotation", what);
}

static struct frame sent_by_a(struct packet_spec p)
{
	struct frame f;

	p.smac = p.smac ? p.smac : lab_mac(ENI_A);
	p.dmac = p.dmac ? p.dmac : lab_gateway_mac();
	frame_build(&f, &p);
	return f;
}

static void expect_told(const char *what, struct packet_spec p, int reason, unsigned type_code, uint32_t info)
{
	struct frame f = sent_by_a(p);
	struct verdict v = lab_from(l, ENI_A, &f);

	cr_expect_eq(v.reason, reason, "%s: reason %d", what, v.reason);
	cr_expect_eq(v.action, 7, "%s", what);
	cr_expect_eq(v.mark, VPC_MARK_ANSWER | ENI_A, "%s", what);
	expect_error(what, &f, p.src, type_code, info);
}

Test(gateway_answers, no_route_is_told_to_the_sender)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "8.8.8.8", .proto = IPPROTO_TCP, .sport = 7, .dport = 22},
			   q = {.src = "fd00:1::10", .dst = "2001:db8::1", .proto = IPPROTO_UDP, .sport = 7};

	p.tcp_flags = 2;
	lab_space(l, 1)->flags = 0;
	expect_told("SYN", p, VPC_DROP_NO_ROUTE, 3 << 8, 0);
	expect_told("UDP", q, VPC_DROP_NO_ROUTE, 1 << 8, 0);
	for (size_t n = 0; n < 150; n++) {
		q.payload = n, p.payload = 150 - n;
		lab_answers(l);
		expect_told("any length", q, VPC_DROP_NO_ROUTE, 1 << 8, 0);
		expect_told("any length", p, VPC_DROP_NO_ROUTE, 3 << 8, 0);
	}
	/* never about an error */
	p.proto = IPPROTO_ICMP, p.icmp_type = 3, p.payload = 60;
	cr_expect_eq(lab_send(l, ENI_A, p).action, 2);
	/* nor where it could be for more than one, or isn't the sender's */
	p.proto = IPPROTO_UDP, p.dst = "224.0.0.9";
	cr_expect_eq(lab_send(l, ENI_A, p).action, 2);
	p.dst = "8.8.8.8", p.src = "10.0.0.11";
	cr_expect_eq(lab_send(l, ENI_A, p).action, 2);
}

Test(gateway_answers, errors_are_limited)
{
	struct packet_spec p = {.src = "10.0.0.10", .dst = "8.8.8.8", .proto = IPPROTO_UDP, .sport = 7, .dport = 22};
	uint64_t begin_ns = lab_now_ns();
	unsigned told = 0;

	lab_space(l, 1)->flags = 0;
	for (unsigned i = 0; i < 2000; i++)
		told += lab_send(l, ENI_A, p).action == 7;
	cr_expect(told >= 100 && told <= tokens(100, begin_ns), "%u errors", told);
	cr_expect_eq(lab_drops(l, ENI_A, VPC_DROP_NO_ROUTE), 2000);
	cr_expect_eq(lab_send(l, ENI_A, ping("10.0.0.10", "10.0.0.1")).action, 7);
}

/* What the router and the bridge would drop without a word, or with one of their own. */
Test(gateway_answers, what_does_not_get_on_has_a_reason)
{
	static const uint8_t lsrr[] = {131, 7, 4, 10, 0, 1, 12, 1}, ssrr[] = {1, 137, 7, 4, 10, 0, 1, 12},
			     record[] = {7, 7, 4, 0, 0, 0, 0, 0}, broken[] = {7, 1, 4, 0, 0, 0, 0, 0};
	struct packet_spec p = {.src = "10.0.0.10", .dst = "10.0.1.12", .proto = IPPROTO_UDP, .sport = 7, .dport = 9},
			   q = {.src = "fd00:1::10", .dst = "fd00:1:0:1::12", .proto = IPPROTO_UDP, .sport = 7};
	const uint8_t *options[] = {lsrr, ssrr, record, broken};
	const int reasons[] = {VPC_DROP_SOURCE_ROUTE, VPC_DROP_SOURCE_ROUTE, 0, VPC_DROP_IP_OPTION};

	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_allow_all(l, SG_C, VPC_INGRESS, 4);
	lab_allow_all(l, SG_C, VPC_INGRESS, 6);
	lab_commit(l);
	p.ttl = q.ttl = 1;
	expect_told("TTL", p, VPC_DROP_HOP_LIMIT, 11 << 8, 0);
	expect_told("hop limit", q, VPC_DROP_HOP_LIMIT, 3 << 8, 0);
	expect_told("again, when it is known", p, VPC_DROP_HOP_LIMIT, 11 << 8, 0);
	p.ttl = q.ttl = 0, q.payload = 1500;
	expect_told("too big", q, VPC_DROP_TOO_BIG, 2 << 8, 1500);
	p.payload = 1500;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "the router may fragment it");
	p.dst = "10.0.0.11", p.dmac = lab_mac(ENI_B), p.ttl = 1, p.payload = 0;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "no router between them");
	p.payload = 1500;
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_TOO_BIG);
	p.dst = "10.0.1.12", p.dmac = NULL, p.ttl = 0, p.payload = 8;
	for (size_t i = 0; i < 4; i++) {
		struct frame f = sent_by_a(p);

		frame_options4(&f, options[i], 8);
		cr_expect_eq(lab_from(l, ENI_A, &f).reason, reasons[i], "options %zu", i);
		for (unsigned n = 0; n < 1000 && reasons[i] == 0; n++)
			lab_from(l, ENI_A, &f);
	}
	cr_expect_geq(lab_drops(l, ENI_A, VPC_DROP_RATE_LIMITED), 500, "the router reads so many options in a second");
}
