/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers DHCPv6 (RFC 8415), stateful and stateless, at the port, for the one address of its ENI. The answer has the
 * address in the request's first IA_NA. The server's DUID is the gateway's MAC (DUID-LL).
 */
#ifndef BPF_LIB_DHCP6_H
#define BPF_LIB_DHCP6_H

#include "lib/local/address_config.h"
#include "lib/local/answer.h"

/* Message types (RFC 8415, 7.3). */
enum dhcp6_type {
	DHCP6_NOTHING, /* as the result of dhcp6_decide(): drop the request as `unanswered` */
	DHCP6_SOLICIT,
	DHCP6_ADVERTISE,
	DHCP6_REQUEST,
	DHCP6_CONFIRM,
	DHCP6_RENEW,
	DHCP6_REBIND,
	DHCP6_REPLY,
	DHCP6_RELEASE,
	DHCP6_DECLINE,
	DHCP6_INFORMATION = 11,
};

#define DHCP6_CLIENT_ID	 1
#define DHCP6_SERVER_ID	 2
#define DHCP6_IA_NA	 3
#define DHCP6_IA_ADDRESS 5
#define DHCP6_STATUS	 13

#define DHCP6_NOT_ON_LINK 4
#define DHCP6_OPTIONS_MAX 32
#define DHCP6_DUID_MAX	  130
#define DHCP6_DUID_LL	  10

struct dhcp6_frame {
	struct answer_head6 head;
	__be16 sport, dport, udp_length;
	__sum16 udp_checksum;
	__be32 transaction; /* the first byte is the message type */
	__be16 server_option, server_bytes;
	__be16 duid_type, duid_hardware;
	__u8 duid_mac[ETH_ALEN];
	union {
		struct {
			__be16 option, bytes;
			__be32 iaid, t1, t2;
			__be16 address_option, address_bytes;
			__be32 address[4];
			__be32 preferred, valid;
		} __attribute__((packed)) ia;
		struct {
			__be16 option, bytes;
			__be16 code;
		} __attribute__((packed)) status;
	};
} __attribute__((packed));
#define DHCP6_FIXED	   80
#define DHCP6_FIXED_STATUS (DHCP6_FIXED + 6)
#define DHCP6_FIXED_IA	   (DHCP6_FIXED + 44)
_Static_assert(sizeof(struct dhcp6_frame) == DHCP6_FIXED_IA, "dhcp6_frame");

/* Whether the DUID of n bytes at `at` is the gateway's. */
static __always_inline __u32 dhcp6_is_us(struct __sk_buff *skb, const struct vpc_eni *me, __u32 at, __u32 n)
{
	__u8 duid[12] = {};

	if (n != DHCP6_DUID_LL || bpf_skb_load_bytes(skb, at, duid, DHCP6_DUID_LL))
		return 0;
	return *(const u32_alias *)duid == bpf_htonl(0x00030001) && mac_equal(duid + 4, me->gateway_mac);
}

/* Reads the first IA_NA and the first address in it. Returns enum bytes. */
static __always_inline int dhcp6_ia(struct __sk_buff *skb, struct address_config_scratch *b, __u32 at, __u32 n)
{
	__be16 inner[2] = {};

	if (b->has_ia)
		return 0;
	if (n < 12 || bpf_skb_load_bytes(skb, at, &b->iaid, 4))
		return BYTES_FAILED;
	b->has_ia = 1;
	if (n < 12 + 28 || bpf_skb_load_bytes(skb, at + 12, inner, 4))
		return 0;
	if (inner[0] != bpf_htons(DHCP6_IA_ADDRESS) || bpf_ntohs(inner[1]) < 24)
		return 0;
	b->has_address = 1;
	return bpf_skb_load_bytes(skb, at + 16, b->address, 16) ? BYTES_FAILED : BYTES_DONE;
}

static __always_inline int dhcp6_option(struct __sk_buff *skb, struct address_config_scratch *b,
					const struct vpc_eni *me, __u32 code, __u32 at, __u32 n)
{
	if (code == DHCP6_CLIENT_ID) {
		b->client_id_bytes = n;
		return (int)address_config_load(skb, at, b->client_id, n, DHCP6_DUID_MAX);
	}
	if (code == DHCP6_SERVER_ID) {
		b->server = 1;
		b->server_is_us = dhcp6_is_us(skb, me, at, n);
	}
	return code == DHCP6_IA_NA ? dhcp6_ia(skb, b, at, n) : 0;
}

static __always_inline int dhcp6_read(struct __sk_buff *skb, struct address_config_scratch *b, const struct packet *p,
				      const struct vpc_eni *me)
{
	__u32 at = p->l4 + 8 + 4, end = address_config_end(skb, p);

	b->client_id_bytes = 0;
	b->server = 0;
	b->server_is_us = 0;
	b->has_ia = 0;
	b->has_address = 0;
	if (p->l4 != 54 || skb->gso_size || at > end || bpf_skb_load_bytes(skb, p->l4 + 8, b->request, 4))
		return VPC_DROP_MALFORMED;
	b->type = b->request[0];
	b->partial = (__u32)checksum_is_partial(skb);
	for (__u32 i = 0; i < DHCP6_OPTIONS_MAX; i++) {
		__be16 h[2] = {};
		__u32 n;

		if (at == end)
			return PASS;
		if (at + 4 > end || bpf_skb_load_bytes(skb, at, h, 4))
			return VPC_DROP_MALFORMED;
		n = bpf_ntohs(h[1]);
		if (at + 4 + n > end || dhcp6_option(skb, b, me, bpf_ntohs(h[0]), at + 4, n))
			return VPC_DROP_MALFORMED;
		at += 4 + n;
	}
	return VPC_DROP_MALFORMED;
}

/* Returns the type of the answer. RFC 8415, 16 and 18.3 say which messages are valid, and which are for another
 * server. */
static __always_inline enum dhcp6_type dhcp6_decide(const struct address_config_scratch *b)
{
	if (b->type == DHCP6_INFORMATION)
		return b->server && !b->server_is_us ? DHCP6_NOTHING : DHCP6_REPLY;
	if (!b->client_id_bytes)
		return DHCP6_NOTHING;
	switch (b->type) {
	case DHCP6_SOLICIT:
		return b->server ? DHCP6_NOTHING : DHCP6_ADVERTISE;
	case DHCP6_CONFIRM:
		return b->server || !b->has_address ? DHCP6_NOTHING : DHCP6_REPLY;
	case DHCP6_REBIND:
		return b->server ? DHCP6_NOTHING : DHCP6_REPLY;
	case DHCP6_REQUEST:
	case DHCP6_RENEW:
	case DHCP6_RELEASE:
	case DHCP6_DECLINE:
		return b->server_is_us ? DHCP6_REPLY : DHCP6_NOTHING;
	default:
		return DHCP6_NOTHING;
	}
}

/* Writes the part behind the server's id: an address, a status, or nothing. Returns the length so far, in bytes. */
static __always_inline __u32 dhcp6_fill_result(struct dhcp6_frame *f, const struct address_config_scratch *b,
					       const __be32 *mine, __u32 lease_s)
{
	if (b->type == DHCP6_INFORMATION)
		return DHCP6_FIXED;
	if (b->type == DHCP6_CONFIRM || b->type == DHCP6_RELEASE || b->type == DHCP6_DECLINE) {
		f->status.option = bpf_htons(DHCP6_STATUS);
		f->status.bytes = bpf_htons(2);
		f->status.code = 0;
		if (b->type == DHCP6_CONFIRM && !address_equal(b->address, mine))
			f->status.code = bpf_htons(DHCP6_NOT_ON_LINK);
		return DHCP6_FIXED_STATUS;
	}
	if (!b->has_ia)
		return DHCP6_FIXED;
	f->ia.option = bpf_htons(DHCP6_IA_NA);
	f->ia.bytes = bpf_htons(40);
	f->ia.iaid = b->iaid;
	f->ia.t1 = bpf_htonl(lease_s / 2);
	f->ia.t2 = bpf_htonl(lease_s / 5 * 4);
	f->ia.address_option = bpf_htons(DHCP6_IA_ADDRESS);
	f->ia.address_bytes = bpf_htons(24);
	__builtin_memcpy(f->ia.address, mine, 16);
	f->ia.preferred = bpf_htonl(lease_s);
	f->ia.valid = bpf_htonl(lease_s);
	return DHCP6_FIXED_IA;
}

static __always_inline void dhcp6_fill_headers(struct dhcp6_frame *f, const struct scratch *s,
					       const struct address_config_scratch *b, const struct vpc_eni *me,
					       __u8 type, __u32 length)
{
	__be32 gateway[4] = {bpf_htonl(0xfe800000), 0, 0, bpf_htonl(1)};

	answer_fill6(&f->head, s, me, IPPROTO_UDP, ANSWER_HOPS_ND, length - 54);
	f->sport = bpf_htons(547);
	f->dport = bpf_htons(546);
	f->udp_length = f->head.payload;
	f->udp_checksum = checksum_fold(address_config_pseudo(gateway, s->packet.src, IPPROTO_UDP, length - 54));
	__builtin_memcpy(&f->transaction, b->request, 4);
	*(__u8 *)&f->transaction = type;
	f->server_option = bpf_htons(DHCP6_SERVER_ID);
	f->server_bytes = bpf_htons(DHCP6_DUID_LL);
	f->duid_type = bpf_htons(3);
	f->duid_hardware = bpf_htons(1);
	__builtin_memcpy(f->duid_mac, me->gateway_mac, ETH_ALEN);
}

/* Completes the checksum. The field holds the sum of the pseudo header: all that a partial checksum needs, and part of
 * the sum for a whole one. */
static __always_inline int dhcp6_finish(struct __sk_buff *skb, struct address_config_scratch *b, __u32 length)
{
	__u16 checksum;

	if (b->partial)
		return ANSWERED;
	checksum = (__u16)~checksum_fold(address_config_sum(skb, b, length));
	if (!checksum)
		checksum = 0xffff;
	return bpf_skb_store_bytes(skb, 60, &checksum, 2, 0) ? VPC_DROP_UNANSWERED : ANSWERED;
}

static __always_inline int dhcp6_answer(struct __sk_buff *skb, struct scratch *s, struct address_config_scratch *b,
					const struct vpc_eni *me, __u8 type, const __be32 *mine)
{
	struct vpc_address_config_options *options = address_config_options(s, b);
	struct dhcp6_frame *f = (struct dhcp6_frame *)b->out;
	__u32 id_bytes = b->client_id_bytes, option_bytes, length, at;
	__be16 id_option[2] = {bpf_htons(DHCP6_CLIENT_ID), bpf_htons((__u16)id_bytes)};

	if (!options)
		return VPC_DROP_UNANSWERED;
	option_bytes = READ_ONCE(options->dhcp6_bytes);
	at = dhcp6_fill_result(f, b, mine, READ_ONCE(options->lease_s));
	length = at + (id_bytes ? 4 + id_bytes : 0) + option_bytes;
	dhcp6_fill_headers(f, s, b, me, type, length);
	if (bpf_skb_change_tail(skb, length, 0) || address_config_put(skb, 0, b->out, at, DHCP6_FIXED_IA))
		return VPC_DROP_UNANSWERED;
	if (id_bytes && (address_config_append(skb, &at, (const __u8 *)id_option, 4, 4) ||
			 address_config_append(skb, &at, b->client_id, id_bytes, DHCP6_DUID_MAX)))
		return VPC_DROP_UNANSWERED;
	if (address_config_append(skb, &at, options->dhcp6, option_bytes, VPC_ADDRESS_CONFIG_DHCP6_MAX) ||
	    !address_config_options_stood(s, b))
		return VPC_DROP_UNANSWERED;
	return dhcp6_finish(skb, b, length);
}

/* Answers a message of a DHCPv6 client to all servers. Returns ANSWERED or a reason. */
__noinline int dhcp6(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct address_config_scratch *b = address_config_scratch_get();
	struct vpc_eni *me;
	struct vpc_address_config *t;
	__be32 mine[4];
	__u8 type;
	int rc;

	if (!s || !b)
		return VPC_DROP_NOT_READY;
	me = eni_get(s->me);
	t = address_config_get(s);
	if (!me || !t || !(t->ip6[0] | t->ip6[3]))
		return VPC_DROP_UNANSWERED;
	__builtin_memcpy(mine, t->ip6, sizeof(mine));
	if (!address_is_link_local6(s->packet.src) || address_is_others_link_local(s->packet.src, me->mac))
		return VPC_DROP_FORGED_SOURCE;
	rc = dhcp6_read(skb, b, &s->packet, me);
	if (rc)
		return rc;
	type = dhcp6_decide(b);
	return type ? dhcp6_answer(skb, s, b, me, type, mine) : VPC_DROP_UNANSWERED;
}

#endif
