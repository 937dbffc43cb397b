/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three readers of the same bytes: parse_view and view_ipv4/view_ipv6 read the linear part directly, the general parser
 * reads everything by helpers. They must never see different packets (P4). Here the headers of bpf/ are compiled
 * for this machine, with a frame of which only a part is linear: BPF_PROG_TEST_RUN makes nothing like that.
 */
#include <linux/bpf.h>
/* after it */
#include <bpf/bpf_helpers.h>

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "random.h"

static long frame_load(const struct __sk_buff *skb, __u32 at, void *to, __u32 length);
static void *scratch_lookup(const void *map);
#define bpf_skb_load_bytes(skb, at, to, length) frame_load(skb, at, to, length)
#define bpf_map_lookup_elem(map, key)		((void)(key), scratch_lookup(map))

/* What checksum.h needs is only there for BPF; nothing here comes so far. */
#define BPF_LIB_CHECKSUM_H
static inline int checksum_is_elsewhere(struct __sk_buff *skb, __u32 l4, __u32 proto)
{
	return skb && l4 && proto;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/lib/fast/fast.h"
#pragma GCC diagnostic pop

/* An assertion that holds is dear in a loop like this. */
#define MUST(condition)                                           \
	do {                                                      \
		if (!(condition))                                 \
			cr_assert_fail("not so: %s", #condition); \
	} while (0)

#define ROUNDS	  400000
#define FRAME_MAX 2048

static __u8 *frame; /* where 32 bits tell its address, as in struct __sk_buff; the IP header is aligned */
static struct scratch scratch;

static long frame_load(const struct __sk_buff *skb, __u32 at, void *to, __u32 length)
{
	if (at > skb->len || length > skb->len - at)
		return -14;
	memcpy(to, frame + at, length);
	return 0;
}

static void *scratch_lookup(const void *map)
{
	return map == &scratch_of_cpu ? &scratch : NULL;
}

static bool once_in(__u32 n)
{
	return !random_below(n);
}

static void setup(void)
{
	frame = mmap((void *)0x20000000l, 2 * FRAME_MAX, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	cr_assert_neq(frame, MAP_FAILED);
	frame += 2;
}

TestSuite(parse, .init = setup);

static void put16(__u8 *at, __u32 value)
{
	at[0] = (__u8)(value >> 8);
	at[1] = (__u8)value;
}

/* Something like a packet. Returns the frame's length. */
static __u32 make(__u32 family)
{
	static const __u8 protos[] = {6, 6, 6, 17, 17, 1, 58, 0, 44, 60, 43, 51, 132, 47};
	__u32 header = family == 4 ? 20 : 40, payload = random_below(100), upper;
	__u8 *l3 = frame + ETH_HLEN, *l4, proto = protos[random_below(sizeof(protos))];

	for (__u32 i = 0; i < 400; i++)
		frame[i] = (__u8)random_below(256);
	put16(frame + 12, family == 4 ? ETH_P_IP : ETH_P_IPV6);
	if (family == 4 && once_in(8))
		header += 4 * random_below(11);
	l4 = l3 + header;
	l4[12] = (__u8)((5 + (once_in(4) ? random_below(11) : 0)) << 4 | random_below(16));
	l4[13] = once_in(3) ? (__u8)random_below(256) : (__u8)(TCP_ACK | (random_below(2) << 3));
	upper = proto == IPPROTO_TCP ? (l4[12] >> 4) * 4u : 8;
	if (family == 4) {
		l3[0] = (__u8)(0x40 | header / 4);
		put16(l3 + 2, header + upper + payload);
		put16(l3 + 6, once_in(6) ? random_below(65536) : random_below(2) << 14);
		l3[9] = proto;
	} else {
		l3[0] = (__u8)(0x60 | random_below(16));
		put16(l3 + 4, upper + payload);
		l3[6] = proto;
	}
	return ETH_HLEN + header + upper + payload;
}

/* Bends what there is, sometimes: lengths above all. */
static __u32 bend(__u32 family, __u32 length)
{
	__u8 *l3 = frame + ETH_HLEN, *total = l3 + (family == 4 ? 2 : 4);

	if (once_in(6))
		put16(total, random_below(120));
	if (once_in(20))
		put16(total, once_in(2) ? 0 : random_below(65536));
	if (once_in(10))
		l3[random_below(60)] = (__u8)random_below(256);
	if (once_in(20))
		l3[0] = (__u8)random_below(256);
	if (once_in(6))
		length = ETH_HLEN + random_below(length);
	return length + (once_in(6) ? random_below(60) : 0);
}

static int read_packet(struct __sk_buff *skb, __u32 family, __u32 linear, struct packet *ret)
{
	int rc;

	skb->data = (__u32)(unsigned long)frame;
	skb->data_end = skb->data + linear;
	rc = parse_packet(skb, ETH_HLEN, family, 0);
	*ret = scratch.packet;
	if (!ret->fragment)
		ret->fragment_id = 0; /* only of a fragment does anybody look at it */
	return rc;
}

/* What the fast path saw, if it saw anything, must be what the parser saw. */
static int read_fast(const struct __sk_buff *skb, __u32 family, int rc, const struct packet *p)
{
	const __u8 *l3 = frame + ETH_HLEN, *end = (const __u8 *)(unsigned long)skb->data_end;
	__u32 header_view = family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct header_view f = {};

	if (!(family == 4 ? view_ipv4(skb, l3, end, &f) : view_ipv6(skb, l3, end, &f)))
		return 0;
	if (f.proto == IPPROTO_TCP && !tcp_flags_valid(f.tcp_flags)) { /* those that go by it look */
		MUST(rc == VPC_DROP_INVALID_FLAGS);
		return 0;
	}
	MUST(rc == PASS);
	MUST(p->fragment == WHOLE && p->l4 - p->l3 == header_view);
	MUST(f.proto == p->proto);
	MUST(f.ports == ((__u32)p->dport << 16 | p->sport)); /* as flow_cache_note() has them */
	MUST(f.frame.hop_limit == p->hop_limit);
	MUST(f.frame.headers == header_view + (p->proto == IPPROTO_TCP ? p->upper : 8));
	MUST(p->proto != IPPROTO_TCP || (p->tcp_flags == f.tcp_flags && f.tcp == frame + p->l4));
	MUST(f.room == p->end - p->l4);
	if (family == 4)
		MUST(f.src == p->src[3] && f.dst == p->dst[3]);
	else
		MUST(address_equal(f.src6, p->src) && address_equal(view_dst6(&f), p->dst));
	return 1;
}

Test(parse, every_reader_sees_the_same)
{
	unsigned passed = 0, header_view = 0, fast = 0;

	for (int i = 0; i < ROUNDS; i++) {
		__u32 family = once_in(2) ? 4 : 6, length = bend(family, make(family));
		struct __sk_buff skb = {.len = length, .gso_size = once_in(10) ? 1000 : 0};
		struct packet whole, part, general;
		int rc = read_packet(&skb, family, 0, &general);

		MUST(read_packet(&skb, family, random_below(length + 1), &part) == rc);
		MUST(rc || !memcmp(&part, &general, sizeof(part)));
		fast += (unsigned)read_fast(&skb, family, rc, &general);
		MUST(read_packet(&skb, family, length, &whole) == rc);
		MUST(rc || !memcmp(&whole, &general, sizeof(whole)));
		fast += (unsigned)read_fast(&skb, family, rc, &general);
		memset(&part, 0, sizeof(part));
		part.family = (__u8)family;
		header_view += parse_view(&skb, &part) != 0;
		passed += !rc;
	}
	cr_expect_gt(passed, ROUNDS / 4, "%u packets", passed);
	cr_expect_gt(header_view, ROUNDS / 8, "%u with a header view", header_view);
	cr_expect_gt(fast, ROUNDS / 8, "%u fast ones", fast);
}
