/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Odd packets: short, fragmented, with extension headers; and ICMP errors. */
#include "bpf_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SYN 0x02
#define ACK 0x10

static struct lab *l;
static uint32_t row;

static void setup(void)
{
	l = lab_usual();
	row = lab_allow(l,
			&(struct rule_spec){
				.sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer = "fd00::/16"});
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(packets, .init = setup, .fini = teardown);

static const struct packet_spec udp4 = {.src = "10.0.0.10",
					.dst = "10.0.0.11",
					.proto = IPPROTO_UDP,
					.sport = 999,
					.dport = 53,
					.payload = 100},
				udp6 = {.src = "fd00:1::10",
					.dst = "fd00:1::11",
					.proto = IPPROTO_UDP,
					.sport = 999,
					.dport = 53,
					.payload = 100},
				back4 = {.src = "10.0.0.11",
					 .dst = "10.0.0.10",
					 .proto = IPPROTO_UDP,
					 .sport = 53,
					 .dport = 999,
					 .payload = 100};

static struct frame built(struct packet_spec p)
{
	struct frame f;

	p.smac = lab_mac(ENI_A);
	p.dmac = lab_gateway_mac();
	frame_build(&f, &p);
	return f;
}

/* Every length from the Ethernet header on: never let through before all of it can be judged. */
Test(packets, cut_short)
{
	struct packet_spec tcp = udp4;
	struct frame f;

	for (int family = 4; family <= 6; family += 2) {
		f = built(family == 4 ? udp4 : udp6);
		/* 6.18's BPF_PROG_TEST_RUN refuses those without an IP header itself */
		for (size_t n = family == 4 ? 34 : 54; n < f.length; n++) {
			struct frame shorter = f;

			shorter.length = n;
			cr_expect_eq(lab_from(l, ENI_A, &shorter).reason, VPC_DROP_MALFORMED, "%zu bytes", n);
		}
		cr_expect_eq(lab_from(l, ENI_A, &f).reason, 0);
	}
	tcp.proto = IPPROTO_TCP, tcp.tcp_flags = SYN, tcp.dport = 80, tcp.payload = 0;
	for (size_t n = 0; n < 20; n++) {
		f = built(tcp);
		f.data[17] = (uint8_t)(20 + n); /* what the IP header says */
		cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED, "%zu bytes of TCP", n);
	}
	f = built(tcp);
	f.length += 6; /* padding of a short frame */
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, 0);
	f.data[46] = 4 << 4;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED, "data offset");
	f.data[46] = 15 << 4;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED);
	f = built(udp4);
	f.data[14] = 0x44;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED);
	f.data[14] = 0x65;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED, "another version");
}

Test(packets, ipv4_options_move_the_ports)
{
	struct frame f = built(udp4);

	frame_options4(&f, "\1\1\1\1\1\1\1\1", 8);
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, 0);
	f.data[34 + 8 + 3] = 54;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_NO_INGRESS_RULE);
}

static void follow(struct packet_spec first)
{
	struct packet_spec later = first;

	first.more_fragments = true;
	later.fragment_offset = 104;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, VPC_DROP_FRAGMENT, "its first wasn't seen");
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, first).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, 0);
	later.more_fragments = true;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, 0);
	later.fragment_id++;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, VPC_DROP_FRAGMENT);
	first.fragment_id = later.fragment_id;
	first.dport = 54;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, first).reason, VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, VPC_DROP_FRAGMENT, "its first was refused");
	later.fragment_id--;
	lab_age(l, 31);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, VPC_DROP_FRAGMENT, "too late");
}

Test(packets, fragments)
{
	struct packet_spec p = udp4;

	p.fragment_id = 77;
	follow(p);
	p = udp6;
	p.fragment_id = 0x12345678;
	follow(p);
}

Test(packets, fragments_after_a_revoke)
{
	struct packet_spec first = udp4, later = udp4;

	first.fragment_id = later.fragment_id = 5;
	first.more_fragments = true;
	later.fragment_offset = 104;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, first).reason, 0);
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, VPC_DROP_FRAGMENT);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, first).reason, VPC_DROP_REVOKED);
}

/* What was judged must not be written over by who puts the fragments together: behind extension headers the ports
 * aren't in the first 8 bytes. */
Test(packets, fragments_that_overlap)
{
	static const uint8_t options[16] = {IPPROTO_UDP, 1, 1, 12};
	struct packet_spec first = udp6, later = udp6;

	first.fragment_id = later.fragment_id = 8;
	first.more_fragments = true;
	first.ext = options, first.ext_length = sizeof(options), first.ext_first = 60;
	first.payload = 8;
	later.proto = 60, later.payload = 16; /* as its fragment header says */
	later.fragment_offset = 16;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, first).reason, 0);
	cr_expect_eq(lab_send(l, ENI_A, later).reason, VPC_DROP_MALFORMED, "new ports");
	cr_expect_eq(lab_deliver(l, ENI_B, VPC_MARK_ENI | ENI_A, later).reason, VPC_DROP_MALFORMED);
	/* another first one of the same id doesn't help */
	first.ext_length = 0, first.raw = "\x11\x00\x01\x04\0\0\0\0\x0f\xa0\x00\x35\0\0\0", first.raw_length = 16;
	first.proto = 60;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, first).reason, 0);
	cr_expect_eq(lab_send(l, ENI_A, later).reason, VPC_DROP_MALFORMED);
	later.fragment_offset = 32;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, 0, "behind all of it");
	/* IPv4 */
	first = udp4, later = udp4;
	first.fragment_id = later.fragment_id = 9;
	first.more_fragments = true, first.payload = 24, later.payload = 16;
	later.fragment_offset = 24;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, first).reason, 0);
	cr_expect_eq(lab_send(l, ENI_A, later).reason, VPC_DROP_MALFORMED);
	later.fragment_offset = 32;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, later).reason, 0);
}

Test(packets, fragment_tricks)
{
	struct packet_spec p = udp4;
	struct frame f;

	p.proto = IPPROTO_TCP, p.dport = 80, p.tcp_flags = SYN, p.payload = 0;
	p.more_fragments = true;
	f = built(p);
	f.length -= 8;
	f.data[17] = 32;
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED, "a first fragment with a part of the header");
	p.more_fragments = false, p.fragment_offset = 8, p.payload = 16;
	f = built(p);
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED, "that writes over the flags");
	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	f = built(p);
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED);
	p = udp6;
	p.fragment_header = true;
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, p).reason, 0, "an atomic fragment is a whole packet");
	/* a later fragment has no right to another's address */
	p = udp4;
	p.fragment_offset = 104, p.src = "10.0.0.99";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_FORGED_SOURCE);
	p.src = "10.0.0.10", p.dst = "10.0.0.99";
	cr_expect_eq(lab_send(l, ENI_A, p).reason, VPC_DROP_UNKNOWN_DESTINATION);
	cr_expect_eq(lab_deliver(l, ENI_B, 0, p).reason, VPC_DROP_WRONG_DESTINATION);
}

static int with_headers(const uint8_t *headers, size_t length, uint8_t first, uint8_t proto, uint16_t port)
{
	struct packet_spec p = udp6;

	p.ext = headers, p.ext_length = length, p.ext_first = first, p.proto = proto, p.dport = port;
	return lab_cross(l, ENI_A, ENI_B, p).reason;
}

Test(packets, extension_headers)
{
	static const uint8_t one[] = {17, 0, 1, 4, 0, 0, 0, 0};
	static const uint8_t two[] = {60, 0, 1, 4, 0, 0, 0, 0, 17, 1, 1, 12, [23] = 0};
	static const uint8_t ah[] = {17, 4, 0, 0, [23] = 0};
	static const uint8_t rh0[] = {17, 2, 0, 1, [23] = 0}, rh2[] = {17, 2, 2, 0, [23] = 0};
	static const uint8_t beyond[] = {17, 60, 1, 4, 0, 0, 0, 0};
	static const uint8_t hidden_tcp[] = {6, 0, 1, 4, 0, 0, 0, 0};
	uint8_t many[72];

	cr_expect_eq(with_headers(one, 8, 0, 17, 53), 0);
	cr_expect_eq(with_headers(one, 8, 0, 17, 54), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(with_headers(two, 24, 0, 17, 53), 0);
	cr_expect_eq(with_headers(two, 24, 0, 17, 54), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(with_headers(ah, 24, 51, 17, 53), 0);
	cr_expect_eq(with_headers(ah, 24, 51, 17, 54), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(with_headers(rh0, 24, 43, 17, 53), VPC_DROP_EXTENSION_HEADER);
	cr_expect_eq(with_headers(rh2, 24, 43, 17, 53), 0);
	cr_expect_eq(with_headers(beyond, 8, 60, 17, 53), VPC_DROP_MALFORMED);
	cr_expect_eq(with_headers(hidden_tcp, 8, 60, 6, 53), VPC_DROP_INVALID_FLAGS);
	for (size_t n = 1; n <= 9; n++) {
		memset(many, 0, sizeof(many));
		for (size_t i = 0; i < n; i++)
			many[i * 8] = i + 1 == n ? 17 : 60;
		cr_expect_eq(with_headers(many, n * 8, 60, 17, 53), n <= 8 ? 0 : VPC_DROP_EXTENSION_HEADER,
			     "%zu headers", n);
	}
	/* an unknown next header is a protocol, which only rules for it or for all match */
	cr_expect_eq(with_headers(one, 8, 253, 17, 53), VPC_DROP_NO_INGRESS_RULE);
	cr_expect_eq(with_headers(one, 8, 59, 17, 53), VPC_DROP_NO_INGRESS_RULE);
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_OTHER, .port = 253, .port_plen = 16, .peer = "::/0"});
	lab_commit(l);
	cr_expect_eq(with_headers(one, 8, 253, 17, 53), 0);
}

/* --- ICMP errors ------------------------------------------------------------------------------------------------ */

static struct packet_spec error_about(const struct frame *quoted, const char *src, const char *dst, size_t length)
{
	bool six = strchr(src, ':');

	return (struct packet_spec){.src = src,
				    .dst = dst,
				    .proto = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				    .icmp_type = six ? 1 : 3,
				    .icmp_code = 4,
				    .quote = quoted,
				    .quote_length = length};
}

Test(packets, errors_about_a_flow)
{
	struct frame q4 = built(udp4), q6 = built(udp6), r4 = built(back4);
	struct packet_spec e = error_about(&q4, "10.0.0.11", "10.0.0.10", 28);

	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, VPC_DROP_ICMP_UNRELATED, "there is no flow");
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp6).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, 0, "eight bytes of the upper header are enough");
	e.quote_length = 27;
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, VPC_DROP_ICMP_UNRELATED);
	e.quote_length = 0;
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, 0);
	e = error_about(&q6, "fd00:1::11", "fd00:1::10", 0);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, 0);
	e.icmp_type = 2;
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, 0, "packet too big");
	/* the routers' */
	e = error_about(&q4, "10.0.0.1", "10.0.0.10", 0);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, e).reason, 0);
	e = error_about(&q4, "198.51.100.1", "10.0.0.10", 0);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, e).reason, 0);
	e = error_about(&q6, "fe80::1", "fd00:1::10", 0);
	cr_expect_eq(lab_deliver(l, ENI_A, 0, e).reason, 0);
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, e).reason, VPC_DROP_LINK_LOCAL);
	/* about the answers, to the other side */
	e = error_about(&r4, "10.0.0.10", "10.0.0.11", 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, e).reason, 0);
	/* an error keeps nothing alive */
	lab_age(l, 31);
	e = error_about(&q4, "10.0.0.11", "10.0.0.10", 28);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, VPC_DROP_ICMP_UNRELATED);
}

Test(packets, forged_errors)
{
	struct frame q4 = built(udp4), r4 = built(back4);
	struct packet_spec e, later = udp4;
	struct frame f;

	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, 0);
	e = error_about(&q4, "10.0.1.12", "10.0.0.10", 0);
	cr_expect_eq(lab_send(l, ENI_C, e).reason, VPC_DROP_ICMP_UNRELATED, "about a flow of others");
	cr_expect_eq(lab_deliver(l, ENI_A, 0, e).reason, VPC_DROP_FORGED_SOURCE);
	e = error_about(&q4, "10.0.0.11", "10.0.1.12", 0);
	cr_expect_eq(lab_send(l, ENI_B, e).reason, VPC_DROP_ICMP_UNRELATED, "to who didn't send it");
	e = error_about(&r4, "10.0.0.11", "10.0.0.10", 0);
	cr_expect_eq(lab_send(l, ENI_B, e).reason, VPC_DROP_ICMP_UNRELATED, "about what it sent itself");
	e = error_about(&q4, "10.0.0.11", "10.0.0.10", 0);
	e.icmp_type = 5;
	cr_expect_eq(lab_send(l, ENI_B, e).reason, VPC_DROP_ICMP_UNRELATED, "redirects are not carried");
	cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, e).reason, VPC_DROP_ICMP_UNRELATED);
	later.fragment_offset = 104;
	f = built(later);
	e = error_about(&f, "10.0.0.11", "10.0.0.10", 0);
	cr_expect_eq(lab_send(l, ENI_B, e).reason, VPC_DROP_ICMP_UNRELATED, "quotes a later fragment");
	/* rules don't speak of errors */
	lab_allow_all(l, SG_A, VPC_INGRESS, 4);
	lab_commit(l);
	q4.data[36] = 1;
	e = error_about(&q4, "10.0.0.11", "10.0.0.10", 0);
	cr_expect_eq(lab_send(l, ENI_B, e).reason, VPC_DROP_ICMP_UNRELATED);
}

/* B's error about A's flow with B's port 53, as A reads it; what we would read beyond it is not A's to judge. */
static void expect_error_ends(int family)
{
	struct packet_spec mine = family == 4 ? udp4 : udp6, e;
	struct frame q = built(mine), f;
	size_t l3 = 14, header = family == 4 ? 20 : 40, upper = l3 + header + 8 + header, length;

	e = error_about(&q, family == 4 ? "10.0.0.11" : "fd00:1::11", family == 4 ? "10.0.0.10" : "fd00:1::10", 0);
	e.smac = lab_mac(ENI_B), e.dmac = lab_gateway_mac();
	frame_build(&f, &e);
	cr_expect_eq(lab_from(l, ENI_B, &f).reason, 0, "IPv%d: the whole of it", family);
	/* The packet ends within the quotation, the frame goes on. */
	for (size_t end = l3 + header; end <= upper + 8; end++) {
		length = end - l3 - (family == 4 ? 0 : header);
		f.data[family == 4 ? 16 : 18] = (uint8_t)(length >> 8);
		f.data[family == 4 ? 17 : 19] = (uint8_t)length;
		if (family == 4)
			frame_checksum4(&f);
		cr_expect_eq(lab_from(l, ENI_B, &f).reason,
			     end == upper + 8				 ? 0
			     : end < l3 + header + (family == 4 ? 8 : 4) ? VPC_DROP_MALFORMED
			     : end < l3 + header + 8			 ? VPC_DROP_MALFORMED
									 : VPC_DROP_ICMP_UNRELATED,
			     "IPv%d: %zu bytes of it", family, end - l3);
	}
}

Test(packets, errors_end_where_the_packet_does)
{
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp6).reason, 0);
	expect_error_ends(4);
	expect_error_ends(6);
}

/* The second fragment could bring another rest of what is quoted than the one that was judged. */
Test(packets, errors_in_fragments)
{
	struct frame q4 = built(udp4), q6 = built(udp6);
	struct packet_spec e4 = error_about(&q4, "10.0.0.11", "10.0.0.10", 0),
			   e6 = error_about(&q6, "fd00:1::11", "fd00:1::10", 0);

	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, 0);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp6).reason, 0);
	for (int again = 0; again < 2; again++) {
		e4.fragment_id = e6.fragment_id = 77, e4.more_fragments = e6.more_fragments = true;
		cr_expect_eq(lab_send(l, ENI_B, e4).reason, VPC_DROP_ICMP_UNRELATED);
		cr_expect_eq(lab_send(l, ENI_B, e6).reason, VPC_DROP_ICMP_UNRELATED);
		cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, e4).reason, VPC_DROP_ICMP_UNRELATED);
		cr_expect_eq(lab_deliver(l, ENI_A, VPC_MARK_ENI | ENI_B, e6).reason, VPC_DROP_ICMP_UNRELATED);
		e4.fragment_offset = e6.fragment_offset = 64, e4.more_fragments = e6.more_fragments = false;
		cr_expect_eq(lab_send(l, ENI_B, e4).reason, VPC_DROP_FRAGMENT);
		cr_expect_eq(lab_send(l, ENI_B, e6).reason, VPC_DROP_FRAGMENT);
		e4.fragment_offset = e6.fragment_offset = 0;
		/* nor by rules */
		lab_allow_all(l, SG_A, VPC_INGRESS, 4);
		lab_allow_all(l, SG_A, VPC_INGRESS, 6);
		lab_commit(l);
	}
	e4.fragment_id = 0;
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e4).reason, 0);
	e6.fragment_header = true;
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e6).reason, 0, "an atomic fragment is whole");
}

Test(packets, errors_about_a_cut_flow)
{
	struct frame q4 = built(udp4);
	struct packet_spec e = error_about(&q4, "10.0.0.11", "10.0.0.10", 0);

	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, 0);
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, VPC_DROP_REVOKED, "the first packet to find out");
	cr_expect_eq(lab_cross(l, ENI_B, ENI_A, e).reason, VPC_DROP_ICMP_UNRELATED);
	cr_expect_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, VPC_DROP_REVOKED);
}

/* Not a test of speed: prints what a packet of an established flow costs, and checks that it writes nothing. */
Test(packets, established_udp_cost)
{
	struct packet_spec out = {.src = "10.0.0.10", .dst = "192.0.2.1", .proto = IPPROTO_UDP, .sport = 1, .dport = 2},
			   in = {.src = "192.0.2.1", .dst = "10.0.0.10", .proto = IPPROTO_UDP, .sport = 2, .dport = 1};
	struct packet_spec switched = udp4;
	struct frame f;
	struct vpc_flow_key key;
	struct vpc_flow before, after;

	cr_assert_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, 0);
	cr_assert_eq(lab_cross(l, ENI_B, ENI_A, back4).reason, 0);
	cr_assert_eq(lab_cross(l, ENI_A, ENI_B, udp4).reason, 0);
	cr_assert(lab_flow(l, true, &key, &before));
	/* within the subnet: the packet stays as it is, run after run */
	switched.smac = lab_mac(ENI_A);
	switched.dmac = lab_mac(ENI_B);
	frame_build(&f, &switched);
	printf("established UDP: from_workload %.0f ns\n", lab_measure(l, true, ENI_A, 0, &f, 2000));
	cr_assert(lab_flow(l, true, &key, &after));
	before.last_seen_ns = after.last_seen_ns;
	before.packets = after.packets;
	cr_expect_arr_eq(&before, &after, sizeof(before));
	memcpy(f.data, lab_mac(ENI_B), 6);
	printf("established UDP in its subnet: from_workload %.0f ns\n", lab_measure(l, true, ENI_A, 0, &f, 2000));
	/* to_workload clears the mark, so over and over works only with what has none: the world's */
	cr_assert_eq(lab_send(l, ENI_A, out).reason, 0);
	cr_assert_eq(lab_deliver(l, ENI_A, 0, in).reason, 0);
	cr_assert_eq(lab_deliver(l, ENI_A, 0, in).reason, 0);
	in.smac = lab_gateway_mac();
	in.dmac = lab_mac(ENI_A);
	frame_build(&f, &in);
	printf("established UDP: to_workload %.0f ns\n", lab_measure(l, false, ENI_A, 0, &f, 2000));
}
