/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's router reads of a packet before it forwards it: an IPv4 header's checksum and options, and IPv6
 * hop-by-hop options. The router may drop a packet for them. The conditions are the kernel's own: ip_rcv_core() and
 * __ip_options_compile(), ipv6_parse_hopopts() and ip6_parse_tlv(). Where the router would send the sender an error,
 * the port sends it (local/icmp_error.h).
 */
#ifndef BPF_LIB_OPTIONS_H
#define BPF_LIB_OPTIONS_H

#include "lib/packet/checksum.h"
#include "lib/packet/parse.h"

#define IP_OPTIONS_MAX 40
#define OPTION_END     0
#define OPTION_NOP     1

#define HOP_PAD1	 0
#define HOP_PADN	 1
#define HOP_ROUTER_ALERT 5
#define HOP_CALIPSO	 7
#define HOP_IOAM	 49
#define HOP_JUMBO	 194
#define HOP_OPTIONS_MAX	 8 /* net.ipv6.max_hbh_opts_number of a new namespace */
#define HOP_PAD_MAX	 7 /* bytes in a row */
#define HOP_STEPS_MAX	 (HOP_OPTIONS_MAX + (HOP_OPTIONS_MAX + 1) * HOP_PAD_MAX)

/* Refuses the packet for an option, and leaves the error about it in the scratch. type: type << 8 | code of the ICMP
 * error. at: offset of what is wrong, from the IP header. Returns `reason`. */
static __always_inline int option_problem(struct scratch *s, int reason, __u32 type, __u32 at)
{
	s->problem = type;
	s->problem_at = at;
	return reason;
}

static __always_inline int option4_problem(struct scratch *s, __u32 at)
{
	return option_problem(s, VPC_DROP_IP_OPTION, 12 << 8, at);
}

/* Checks a timestamp option of `size` bytes at o. at: its offset in the header. Returns PASS or a reason. */
static __always_inline int option_timestamp(struct scratch *s, const __u8 *o, __u32 at, __u32 size)
{
	__u32 pointer = o[2], kind = o[3] & 0xf, seen = s->options_seen;

	if (seen & 2)
		return option4_problem(s, at);
	if (size < 4)
		return option4_problem(s, at + 1);
	if (pointer < 5)
		return option4_problem(s, at + 2);
	if (pointer > size) { /* the option is full: its overflow counter goes up */
		s->options_seen = seen | 2;
		return o[3] >> 4 == 15 ? option4_problem(s, at + 3) : PASS;
	}
	if (kind == IPOPT_TS_TSONLY || kind == IPOPT_TS_TSANDADDR || kind == IPOPT_TS_PRESPEC)
		s->options_seen = seen | 2;
	if (pointer + (kind == IPOPT_TS_TSANDADDR || kind == IPOPT_TS_PRESPEC ? 7 : 3) > size)
		return option4_problem(s, at + 2);
	return PASS;
}

static __always_inline int option_record_route(struct scratch *s, const __u8 *o, __u32 at, __u32 size)
{
	__u32 seen = s->options_seen;

	if (seen & 1)
		return option4_problem(s, at);
	if (size < 3)
		return option4_problem(s, at + 1);
	if (o[2] < 4 || (o[2] <= size && o[2] + 3u > size))
		return option4_problem(s, at + 2);
	s->options_seen = seen | 1;
	return PASS;
}

/* Checks an option that the router reads. Returns PASS or a reason. */
static __always_inline int option4(struct scratch *s, const __u8 *o, __u32 at, __u32 size)
{
	switch (o[0]) {
	case IPOPT_RR:
		return option_record_route(s, o, at, size);
	case IPOPT_TIMESTAMP:
		return option_timestamp(s, o, at, size);
	case IPOPT_RA:
		return size < 4 ? option4_problem(s, at + 1) : PASS;
	case IPOPT_CIPSO: /* depends on what the host's NetLabel knows */
		return VPC_DROP_NOT_IMPLEMENTED;
	default:
		return PASS;
	}
}

/* Reads the IPv4 header into the scratch's frame. Returns 1 if its checksum is right, 0 if it is wrong or the header
 * can't be read. */
static __always_inline int header4_read(struct __sk_buff *skb, struct scratch *s, __u32 length)
{
	__u32 l3 = s->packet.l3;
	__u64 sum = 0;

	if (bpf_skb_load_bytes(skb, l3, s->frame, sizeof(struct iphdr)))
		return 0;
	for (__u32 i = 0; i < sizeof(struct iphdr); i += 4)
		sum += *(const u32_alias *)(s->frame + i);
	for (__u32 i = sizeof(struct iphdr); i < sizeof(struct iphdr) + IP_OPTIONS_MAX; i += 4) {
		if (i >= length)
			break;
		if (bpf_skb_load_bytes(skb, l3 + i, s->frame + i, 4))
			return 0;
		sum += *(const u32_alias *)(s->frame + i);
	}
	return checksum_fold(sum) == 0xffff;
}

/* The context of the bpf_loop over the options. The position is s->options_at. */
struct options_walk {
	struct __sk_buff *skb;
	struct scratch *s;
	__u32 end;
	__u32 routed;
};

/* Checks the option at s->options_at of the header in the scratch's frame. */
static __always_inline int option4_next(struct scratch *s, __u32 length, __u32 routed)
{
	__u32 at = s->options_at, size;
	const __u8 *o = s->frame + (at & 63);

	if (o[0] == OPTION_END || o[0] == OPTION_NOP) {
		s->options_at = o[0] == OPTION_NOP ? at + 1 : length;
		return PASS;
	}
	if (o[0] == IPOPT_LSRR || o[0] == IPOPT_SSRR)
		return VPC_DROP_SOURCE_ROUTE;
	size = at + 1 < length ? o[1] : 0;
	s->options_at = at + size;
	if (size < 2 || size > length - at)
		return routed ? option4_problem(s, at) : VPC_DROP_IP_OPTION;
	return routed ? option4(s, o, at, size) : PASS;
}

static long option4_step(__u32 i, struct options_walk *w)
{
	struct scratch *s = w->s;

	(void)i;
	s->options_verdict = option4_next(s, w->end, w->routed);
	return s->options_verdict || s->options_at >= w->end;
}

/* Checks the options of an IPv4 header. routed: the router reads the packet too; else only a source route matters, and
 * a header without options has none. */
static __always_inline int options4(struct __sk_buff *skb, struct scratch *s, __u32 routed)
{
	struct options_walk w = {.s = s, .end = s->packet.l4 - s->packet.l3, .routed = routed};

	if (!routed && w.end <= sizeof(struct iphdr))
		return PASS;
	if (!header4_read(skb, s, w.end) && routed)
		return VPC_DROP_BAD_CHECKSUM;
	if (w.end <= sizeof(struct iphdr))
		return PASS;
	s->options_verdict = PASS;
	s->options_seen = 0;
	s->options_at = sizeof(struct iphdr);
	bpf_loop(IP_OPTIONS_MAX, option4_step, &w, 0);
	return s->options_verdict;
}

/* Checks a hop-by-hop option. word: its first bytes, from the highest one on. at: its offset from the IP header. */
static __always_inline int option6(struct scratch *s, __u64 word, __u32 at)
{
	__u32 kind = (__u32)(word >> 56), size = (word >> 48) & 0xff, jumbo = (__u32)(word >> 16);
	__u32 payload = s->packet.end - s->packet.l3 - (__u32)sizeof(struct ipv6hdr);

	switch (kind) {
	case HOP_ROUTER_ALERT:
		return size == 2 ? PASS : VPC_DROP_IP_OPTION;
	case HOP_IOAM:
		return at & 3 ? VPC_DROP_IP_OPTION : PASS;
	case HOP_CALIPSO: /* depends on what the host's NetLabel knows */
		return VPC_DROP_NOT_IMPLEMENTED;
	case HOP_JUMBO:
		if (size != 4 || (at & 3) != 2)
			return VPC_DROP_IP_OPTION;
		if (jumbo <= 0xffff)
			return option_problem(s, VPC_DROP_IP_OPTION, 4 << 8, at + 2);
		if (payload <= 0xffff) /* the IPv6 header has the length then */
			return option_problem(s, VPC_DROP_IP_OPTION, 4 << 8, at);
		return jumbo > payload ? VPC_DROP_IP_OPTION : PASS;
	default:
		break;
	}
	if (kind >> 6 == 0)
		return PASS;
	return option_problem(s, VPC_DROP_IP_OPTION, kind >> 6 == 1 ? 0 : 4 << 8 | 2, at);
}

/* Reads eight bytes of the frame at `at`. Those at `end` and behind it are read as 0. `end` is at least eight bytes
 * behind l3. Returns enum bytes. */
static __always_inline int option6_load(struct __sk_buff *skb, __u32 at, __u32 end, __u64 *ret)
{
	__u32 beyond = at + 8 > end ? at + 8 - end : 0;
	__u64 word;

	if (bpf_skb_load_bytes(skb, at - beyond, &word, sizeof(word)))
		return BYTES_FAILED;
	*ret = bpf_be64_to_cpu(word) << (beyond * 8 & 63);
	return 0;
}

/* Counts the padding at `word`. Returns its size in bytes; 0: the router would drop the packet. */
static __always_inline __u32 option6_padding(struct scratch *s, __u64 word)
{
	__u32 size = word >> 56 == HOP_PAD1 ? 1 : (__u32)((word >> 48) & 0xff) + 2;

	s->options_pad += size;
	if (s->options_pad > HOP_PAD_MAX)
		return 0;
	return size > 2 && word << 16 >> ((64 - (size - 2) * 8) & 63) ? 0 : size; /* its bytes must be 0 */
}

/* Checks the hop-by-hop option at s->options_at of the frame. The extension header ends at `end`. */
static __always_inline int option6_next(struct __sk_buff *skb, struct scratch *s, __u32 end)
{
	__u32 at = s->options_at, size;
	__u64 word = 0;

	if (option6_load(skb, at, end, &word))
		return VPC_DROP_IP_OPTION;
	if (word >> 56 <= HOP_PADN) {
		size = option6_padding(s, word);
		s->options_at = at + size;
		return size && size <= end - at ? PASS : VPC_DROP_IP_OPTION;
	}
	size = (__u32)((word >> 48) & 0xff) + 2;
	if (size > end - at)
		return VPC_DROP_IP_OPTION;
	s->options_at = at + size;
	s->options_pad = 0;
	if (++s->options_seen > HOP_OPTIONS_MAX)
		return VPC_DROP_IP_OPTION;
	return option6(s, word, at - s->packet.l3);
}

static long option6_step(__u32 i, struct options_walk *w)
{
	struct scratch *s = w->s;

	(void)i;
	s->options_verdict = option6_next(w->skb, s, w->end);
	return s->options_verdict || s->options_at >= w->end;
}

/* Checks the hop-by-hop options of an IPv6 packet that has such a header. */
static __always_inline int options6(struct __sk_buff *skb, struct scratch *s)
{
	struct options_walk w = {.skb = skb, .s = s};
	__u32 at = s->packet.l3 + (__u32)sizeof(struct ipv6hdr);
	__u8 head[2];

	if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
		return VPC_DROP_IP_OPTION;
	w.end = at + ((__u32)head[1] + 1) * 8;
	s->options_verdict = PASS;
	s->options_at = at + 2;
	s->options_seen = 0;
	s->options_pad = 0;
	bpf_loop(HOP_STEPS_MAX, option6_step, &w, 0);
	return !s->options_verdict && s->options_at < w.end ? VPC_DROP_IP_OPTION : s->options_verdict;
}

static __always_inline int options6_are_there(struct __sk_buff *skb, const struct packet *p)
{
	__u8 next = 0;

	return p->l4 - p->l3 != sizeof(struct ipv6hdr) &&
	       !bpf_skb_load_bytes(skb, p->l3 + __builtin_offsetof(struct ipv6hdr, nexthdr), &next, 1) &&
	       next == EXT_HOPOPTS;
}

#endif
