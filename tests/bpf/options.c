/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that the router would drop or answer itself are dropped at the sender's port with a reason (P9): a wrong IPv4
 * header checksum, IPv4 options and hop-by-hop options as the kernel reads them, and packets without a return route. So
 * are packets for which the router has no receiver.
 */
#include "bpf_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM4  (12u << 8)	 /* parameter problem, pointer */
#define ERRONEOUS (4u << 8)	 /* ICMPv6: erroneous header field */
#define UNKNOWN	  (4u << 8 | 2u) /* unrecognized option */
#define SILENT	  0u

static struct lab *l;

/* C, in another subnet, lets everything in, and is reached by the router alone. */
static void setup(void)
{
	l = lab_usual();
	lab_allow_all(l, SG_B, VPC_INGRESS, 4);
	lab_allow_all(l, SG_B, VPC_INGRESS, 6);
	lab_allow_all(l, SG_C, VPC_INGRESS, 4);
	lab_allow_all(l, SG_C, VPC_INGRESS, 6);
	lab_set_fast_path(l, ENI_C, false);
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(options, .init = setup, .fini = teardown);

/* To C by the router; sport: a flow of its own each. */
static struct packet_spec udp(bool six, uint16_t sport)
{
	return (struct packet_spec){.src = six ? "fd00:1::10" : "10.0.0.10",
				    .dst = six ? "fd00:1:0:1::12" : "10.0.1.12",
				    .smac = lab_mac(ENI_A),
				    .dmac = lab_gateway_mac(),
				    .proto = IPPROTO_UDP,
				    .sport = sport,
				    .dport = 53,
				    .payload = 40};
}

/* The frame has that fate. type_code: of the error that its sender is told, SILENT: none; info: what stands in it. */
static void expect_fate(const char *what, const struct frame *f, int reason, unsigned type_code, uint32_t info)
{
	const uint8_t *icmp = lab_out(l)->data + (f->data[12] == 8 ? 34 : 54);
	struct verdict v;

	lab_answers(l);
	v = lab_from(l, ENI_A, f);
	cr_expect_eq(v.reason, reason, "%s: reason %d", what, v.reason);
	cr_expect_eq(v.action,
		     !reason	 ? TC_ACT_OK
		     : type_code ? TC_ACT_REDIRECT
				 : TC_ACT_SHOT,
		     "%s: action %d", what, v.action);
	if (v.action != TC_ACT_REDIRECT)
		return;
	cr_expect_arr_eq(lab_out(l)->data, lab_mac(ENI_A), 6, "%s: told to somebody else", what);
	cr_expect_eq((unsigned)icmp[0] << 8 | icmp[1], type_code, "%s: type %u, code %u", what, icmp[0], icmp[1]);
	cr_expect_eq((uint32_t)icmp[4] << 24 | (uint32_t)icmp[5] << 16 | (uint32_t)icmp[6] << 8 | icmp[7], info,
		     "%s: %02x%02x%02x%02x", what, icmp[4], icmp[5], icmp[6], icmp[7]);
}

/* --- checksum --------------------------------------------------------------------------------------------------- */

/* By every path that leads up: a new flow, a known one, a cached one, and of later fragments. */
Test(options, a_wrong_header_checksum)
{
	struct packet_spec p = udp(false, 1000);
	struct frame right, wrong;

	for (int cached = 0; cached < 2; cached++) {
		frame_build(&right, &p);
		for (size_t i = 0; i < 4; i++) {
			for (unsigned bit = 0; bit < 16; bit++) {
				wrong = right;
				wrong.data[24 + bit / 8] ^= (uint8_t)(1u << bit % 8);
				expect_fate("wrong", &wrong, VPC_DROP_BAD_CHECKSUM, SILENT, 0);
			}
			expect_fate("right", &right, 0, SILENT, 0);
		}
		lab_age_ms(l, 50); /* old enough to be remembered by the CPU */
	}
	p.fragment_id = 7, p.more_fragments = true;
	frame_build(&right, &p);
	wrong = right;
	wrong.data[24] ^= 1;
	expect_fate("first fragment", &wrong, VPC_DROP_BAD_CHECKSUM, SILENT, 0);
	expect_fate("first fragment", &right, 0, SILENT, 0);
	p.fragment_offset = 48, p.more_fragments = false;
	frame_build(&right, &p);
	wrong = right;
	wrong.data[24] ^= 1;
	expect_fate("later fragment", &wrong, VPC_DROP_BAD_CHECKSUM, SILENT, 0);
	expect_fate("later fragment", &right, 0, SILENT, 0);
}

/* Both sums of zero in one's complement, and sums that carry. */
Test(options, every_right_header_checksum)
{
	struct packet_spec p = udp(false, 1000);
	struct frame f;

	for (unsigned id = 0; id < 0x10000; id += 97) {
		p.fragment_id = id;
		frame_build(&f, &p);
		lab_answers(l);
		cr_assert_eq(lab_from(l, ENI_A, &f).reason, 0, "id %u", id);
	}
}

/* Without a router between them the receiver's own stack sees what is wrong, and counts it. */
Test(options, a_wrong_header_checksum_for_a_neighbour)
{
	struct packet_spec p = udp(false, 1000);
	struct frame f;

	p.dst = "10.0.0.11", p.dmac = lab_mac(ENI_B);
	frame_build(&f, &p);
	f.data[24] ^= 1;
	for (int i = 0; i < 3; i++)
		cr_expect_eq(lab_from(l, ENI_A, &f).reason, 0);
}

/* --- IPv4 options ----------------------------------------------------------------------------------------------- */

static void expect_option4(const char *what, const uint8_t *bytes, size_t n, int reason, unsigned type_code,
			   unsigned pointer)
{
	struct packet_spec p = udp(false, 2000);
	struct frame f;

	frame_build(&f, &p);
	frame_options4(&f, bytes, n);
	expect_fate(what, &f, reason, type_code, (uint32_t)pointer << 24);
	f.data[24] ^= 1;
	expect_fate(what, &f, VPC_DROP_BAD_CHECKSUM, SILENT, 0);
}

#define GOOD4(what, ...)                                          \
	do {                                                      \
		const uint8_t b[] = {__VA_ARGS__};                \
		expect_option4(what, b, sizeof(b), 0, SILENT, 0); \
	} while (0)
#define BAD4(what, pointer, ...)                                                                   \
	do {                                                                                       \
		const uint8_t b[] = {__VA_ARGS__};                                                 \
		expect_option4(what, b, sizeof(b), VPC_DROP_IP_OPTION, PROBLEM4, 20u + (pointer)); \
	} while (0)

/* __ip_options_compile() in the kernel: pointers are from the header's first byte on. */
Test(options, ipv4_options)
{
	GOOD4("no-operations", 1, 1, 1, 1);
	GOOD4("the end, and anything behind it", 0, 7, 1, 0);
	GOOD4("record route", 7, 7, 4, 0, 0, 0, 0, 0);
	GOOD4("record route, full", 7, 7, 8, 0, 0, 0, 0, 0);
	GOOD4("record route without room", 7, 3, 4, 0);
	GOOD4("timestamp", 68, 8, 5, 0, 0, 0, 0, 0);
	GOOD4("timestamp, full", 68, 8, 9, 0, 0, 0, 0, 0);
	GOOD4("timestamp with addresses", 68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0);
	GOOD4("router alert", 148, 4, 0, 0);
	GOOD4("an unknown one", 30, 4, 0, 0);
	GOOD4("security", 130, 4, 0, 0);
	BAD4("no length", 3, 1, 1, 1, 7);
	BAD4("length 0", 0, 7, 0, 4, 0);
	BAD4("length 1", 1, 1, 7, 1, 4);
	BAD4("beyond the header", 0, 7, 5, 4, 0);
	BAD4("an unknown one beyond the header", 0, 30, 9, 0, 0);
	BAD4("record route: length", 1, 7, 2, 0, 0);
	BAD4("record route: pointer", 2, 7, 7, 3, 0, 0, 0, 0, 0);
	BAD4("record route: room", 2, 7, 7, 5, 0, 0, 0, 0, 0);
	BAD4("record route twice", 8, 7, 7, 8, 0, 0, 0, 0, 1, 7, 3, 4, 0);
	BAD4("timestamp: length", 1, 68, 3, 5, 0);
	BAD4("timestamp: pointer", 2, 68, 8, 4, 0, 0, 0, 0, 0);
	BAD4("timestamp: room", 2, 68, 8, 6, 0, 0, 0, 0, 0);
	BAD4("timestamp: room for an address", 2, 68, 8, 5, 1, 0, 0, 0, 0);
	BAD4("timestamp: overflow", 3, 68, 8, 9, 0xf0, 0, 0, 0, 0);
	BAD4("timestamp twice", 8, 68, 8, 9, 0, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0);
	BAD4("router alert: length", 1, 148, 3, 0, 0);
	expect_option4("CIPSO", (const uint8_t[]){134, 6, 0, 0, 0, 1, 0, 0}, 8, VPC_DROP_NOT_IMPLEMENTED, SILENT, 0);
}

/* The longest header there is. */
Test(options, forty_bytes_of_ipv4_options)
{
	uint8_t b[40];

	memset(b, 1, sizeof(b));
	expect_option4("no-operations", b, sizeof(b), 0, SILENT, 0);
	b[39] = 7;
	expect_option4("the last byte", b, sizeof(b), VPC_DROP_IP_OPTION, PROBLEM4, 20 + 39);
	memset(b, 0, sizeof(b));
	b[0] = 7, b[1] = 39, b[2] = 4;
	expect_option4("record route", b, sizeof(b), 0, SILENT, 0);
}

/* Where no router reads them, only a source route counts, and that there is none must be seen. */
Test(options, ipv4_options_to_a_neighbour)
{
	static const struct {
		uint8_t bytes[8];
		int reason;
	} all[] = {{{7, 7, 3}, 0},
		   {{68, 8, 4}, 0},
		   {{1, 1, 1, 1, 1, 1, 1, 7}, VPC_DROP_IP_OPTION},
		   {{7, 1}, VPC_DROP_IP_OPTION},
		   {{1, 131, 7, 4}, VPC_DROP_SOURCE_ROUTE},
		   {{137, 7, 4}, VPC_DROP_SOURCE_ROUTE}};
	struct packet_spec p = udp(false, 3000);
	struct frame f;
	struct verdict v;

	p.dst = "10.0.0.11", p.dmac = lab_mac(ENI_B);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		frame_build(&f, &p);
		frame_options4(&f, all[i].bytes, 8);
		v = lab_from(l, ENI_A, &f);
		cr_expect_eq(v.reason, all[i].reason, "%zu: reason %d", i, v.reason);
		cr_expect_neq(v.reason != 0, v.action == TC_ACT_REDIRECT, "%zu: nobody is told", i);
	}
}

/* --- hop-by-hop options ----------------------------------------------------------------------------------------- */

static void expect_option6(const char *what, const uint8_t *bytes, size_t n, int reason, unsigned type_code,
			   unsigned pointer)
{
	struct packet_spec p = udp(true, 4000);
	uint8_t ext[264] = {IPPROTO_UDP, (uint8_t)((n + 2) / 8 - 1)};
	struct frame f;

	cr_assert_eq((n + 2) % 8, 0, "%s", what);
	memcpy(ext + 2, bytes, n);
	p.ext = ext, p.ext_length = n + 2;
	frame_build(&f, &p);
	expect_fate(what, &f, reason, type_code, pointer);
}

#define OPTION6(what, reason, type_code, pointer, ...)                                                  \
	do {                                                                                            \
		const uint8_t b[] = {__VA_ARGS__};                                                      \
		expect_option6(what, b, sizeof(b), reason, type_code, (pointer) ? 42u + (pointer) : 0); \
	} while (0)
#define GOOD6(what, ...)   OPTION6(what, 0, SILENT, 0, __VA_ARGS__)
#define SILENT6(what, ...) OPTION6(what, VPC_DROP_IP_OPTION, SILENT, 0, __VA_ARGS__)
#define PAD6(n)		   1, n

/* ip6_parse_tlv() in the kernel. Offsets here are from the first option on, which is 42 bytes behind the packet's
 * begin. */
Test(options, hop_by_hop_options)
{
	GOOD6("padding", PAD6(4), 0, 0, 0, 0);
	GOOD6("padding by single bytes", 0, 0, 0, 0, 0, 0);
	GOOD6("router alert", 5, 2, 0, 0, PAD6(0));
	GOOD6("one that may be skipped", 0x1e, 2, 9, 9, PAD6(0));
	GOOD6("IOAM", 0, 0, 49, 2, 0, 0);
	SILENT6("padding that says something", PAD6(4), 0, 0, 0, 1);
	SILENT6("too much of it", PAD6(6), 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0);
	SILENT6("too much of it, by single bytes", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	SILENT6("longer than the header", PAD6(5), 0, 0, 0, 0);
	SILENT6("an option longer than the header", 0x1e, 5, 0, 0, 0, 0);
	SILENT6("no length", 0x1e, 3, 0, 0, 0, 0x1e);
	SILENT6("padding without a length", 0x1e, 3, 0, 0, 0, 1);
	SILENT6("router alert: length", 5, 3, 0, 0, 0, 0);
	SILENT6("IOAM: alignment", 49, 4, 0, 0, 0, 0);
	SILENT6("discard", 0x5e, 4, 0, 0, 0, 0);
	SILENT6("jumbo: length", 194, 2, 0, 0, PAD6(0));
	SILENT6("jumbo: alignment", 0, 194, 4, 0, 1, 0, 0, PAD6(5), 0, 0, 0, 0, 0);
	OPTION6("unknown", VPC_DROP_IP_OPTION, UNKNOWN, 2, PAD6(0), 0x9e, 2, 0, 0);
	OPTION6("unknown, unless multicast", VPC_DROP_IP_OPTION, UNKNOWN, 1, 0, 0xde, 3, 0, 0, 0);
	OPTION6("unknown behind good ones", VPC_DROP_IP_OPTION, UNKNOWN, 8, 0x1e, 4, 0, 0, 0, 0, PAD6(0), 0x9e, 4, 0, 0,
		0, 0);
	OPTION6("jumbo that is none", VPC_DROP_IP_OPTION, ERRONEOUS, 2, 194, 4, 0, 0, 1, 0);
	expect_option6("jumbo beside a length", (const uint8_t[]){194, 4, 0, 1, 0, 0}, 6, VPC_DROP_IP_OPTION, ERRONEOUS,
		       42);
	expect_option6("the first of all", (const uint8_t[]){0x9e, 4, 0, 0, 0, 0}, 6, VPC_DROP_IP_OPTION, UNKNOWN, 42);
	OPTION6("CALIPSO", VPC_DROP_NOT_IMPLEMENTED, SILENT, 0, 7, 4, 0, 0, 0, 0);
}

/* As many as the kernel reads (net.ipv6.max_hbh_opts_number), with as much padding; and the longest header there is. */
Test(options, many_hop_by_hop_options)
{
	uint8_t b[254] = {0};
	size_t at = 0;

	for (unsigned i = 0; i < 8; i++, at += 9) {
		memset(b + at, 0, 7);
		b[at + 7] = 0x1e, b[at + 8] = 0;
	}
	memset(b + at, 0, 6);
	expect_option6("eight, and padding", b, at + 6, 0, SILENT, 0);
	memset(b, 0, sizeof(b));
	for (at = 0; at < 9 * 2; at += 2)
		b[at] = 0x1e;
	b[at] = 1, b[at + 1] = 2;
	expect_option6("nine", b, 22, VPC_DROP_IP_OPTION, SILENT, 0);
	memset(b, 0, sizeof(b));
	b[0] = 0x1e, b[1] = 252;
	expect_option6("one of 252 bytes", b, 254, 0, SILENT, 0);
	b[0] = 0x9e;
	expect_option6("which nobody knows", b, 254, VPC_DROP_IP_OPTION, UNKNOWN, 42);
}

/* Nobody between them has to read them. */
Test(options, hop_by_hop_options_to_a_neighbour)
{
	static const uint8_t ext[8] = {IPPROTO_UDP, 0, 0x5e, 4};
	struct packet_spec p = udp(true, 5000);
	struct frame f;

	p.dst = "fd00:1::11", p.dmac = lab_mac(ENI_B), p.ext = ext, p.ext_length = 8;
	frame_build(&f, &p);
	cr_expect_eq(lab_from(l, ENI_A, &f).reason, 0);
}

/* The errors take the tokens of all errors; what is beyond is only dropped. */
Test(options, errors_about_options_are_limited)
{
	static const uint8_t ext[8] = {IPPROTO_UDP, 0, 0x9e, 4};
	struct packet_spec p = udp(true, 6000);
	struct frame f;
	unsigned told = 0;

	p.ext = ext, p.ext_length = 8;
	frame_build(&f, &p);
	for (unsigned i = 0; i < 2000; i++)
		told += lab_from(l, ENI_A, &f).action == TC_ACT_REDIRECT;
	cr_expect(told >= 100 && told < 1000, "%u told", told);
	cr_expect_eq(lab_drops(l, ENI_A, VPC_DROP_IP_OPTION), 2000);
}

/* --- a way back, and somebody to go to -------------------------------------------------------------------------- */

/* The router takes a source only from where its route to it leads (rp_filter). */
Test(options, what_an_appliance_sends_has_a_way_back)
{
	static const struct {
		const char *src;
		int reason;
	} all[] = {{"10.0.0.77", 0},
		   {"10.0.0.10", 0},
		   {"10.0.0.11", 0},
		   {"10.0.0.1", VPC_DROP_NO_RETURN_ROUTE},
		   {"10.0.0.255", VPC_DROP_NO_RETURN_ROUTE},
		   {"10.0.1.12", VPC_DROP_NO_RETURN_ROUTE},
		   {"10.0.2.7", VPC_DROP_NO_RETURN_ROUTE},
		   {"192.0.2.1", VPC_DROP_NO_RETURN_ROUTE},
		   {"fd00:1::77", 0},
		   {"fd00:1::10", 0},
		   {"fd00:1:0:2::7", VPC_DROP_NO_RETURN_ROUTE},
		   {"2001:db8::1", VPC_DROP_NO_RETURN_ROUTE}};
	struct packet_spec p;
	struct verdict v;

	lab_eni_row(l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_eni_row(l, ENI_A)->gen_any = lab_epoch(l) + 1;
	lab_commit(l);
	for (int again = 0; again < 3; again++)
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			p = udp(strchr(all[i].src, ':'), 7000);
			p.src = all[i].src;
			v = lab_send(l, ENI_A, p);
			cr_expect_eq(v.reason, all[i].reason, "%s: reason %d", all[i].src, v.reason);
			p.dst = strchr(p.src, ':') ? "fd00:1::11" : "10.0.0.11", p.dmac = lab_mac(ENI_B);
			if (strcmp(p.src, p.dst))
				cr_expect_eq(lab_send(l, ENI_A, p).reason, 0, "%s to a neighbour", all[i].src);
		}
}

static void expect_routed(const char *what, uint32_t mark, struct packet_spec p, int reason, uint32_t counted)
{
	struct verdict v;
	struct frame f;

	p.smac = lab_gateway_mac();
	frame_build(&f, &p);
	v = lab_route(l, 1, mark, &f);
	cr_expect_eq(v.reason, reason, "%s: reason %d", what, v.reason);
	cr_expect_eq(v.counted, counted, "%s: counted at %u", what, v.counted);
	cr_expect_eq(v.action, reason ? TC_ACT_SHOT : TC_ACT_REDIRECT, "%s: action %d", what, v.action);
}

/* What the router sends to the subnet: to who has the MAC, or the address; and if nobody is there, counted. */
Test(options, what_the_router_has_nobody_for)
{
	static const uint8_t nobody[6] = {2, 1, 2, 3, 4, 5}, all[6] = {255, 255, 255, 255, 255, 255};
	struct packet_spec p = udp(false, 8000);
	struct vpc_event e;
	struct frame f;

	lab_ctl(l)->listeners = VPC_LISTEN_DROPS;
	p.src = "10.0.1.12", p.dst = "10.0.0.11", p.dmac = lab_mac(ENI_B);
	expect_routed("B", VPC_MARK_ENI | ENI_C, p, 0, 0);
	p.dmac = nobody;
	expect_routed("nobody, from C", VPC_MARK_ENI | ENI_C, p, VPC_DROP_UNKNOWN_DESTINATION, ENI_C);
	cr_assert(lab_event(l, &e), "and told");
	cr_expect(e.eni == ENI_C && e.direction == VPC_EGRESS && e.reason == VPC_DROP_UNKNOWN_DESTINATION);
	cr_expect(e.dst[3] == inet_addr("10.0.0.11") && e.proto == IPPROTO_UDP && ntohs(e.sport) == 8000);
	p.dmac = lab_mac(ENI_B);
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_DETACHED;
	expect_routed("B is attached to nothing", VPC_MARK_ENI | ENI_C, p, VPC_DROP_UNKNOWN_DESTINATION, ENI_C);
	expect_routed("of the router's own", 0, p, VPC_DROP_UNKNOWN_DESTINATION, ENI_B);
	p.dmac = nobody;
	frame_build(&f, &p);
	cr_expect_eq(lab_route(l, 1, 0, &f).action, TC_ACT_SHOT, "of the router's own, to nobody");
	cr_expect_eq(lab_drops(l, 0, VPC_DROP_UNKNOWN_DESTINATION), 1, "counts at no ENI");
	p.dmac = all;
	frame_build(&f, &p);
	cr_expect_eq(lab_route(l, 1, 0, &f).action, TC_ACT_OK, "to all: no port lets it out");
}
