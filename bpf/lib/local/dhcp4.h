/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers DHCP (RFC 2131, 2132) at the port, for the one address of its ENI. There is nothing to allocate: an offer has
 * what the acknowledgement will have, and releases and declines change nothing.
 */
#ifndef BPF_LIB_DHCP4_H
#define BPF_LIB_DHCP4_H

#include "lib/local/address_config.h"
#include "lib/local/answer.h"

/* Message types (RFC 2132, 9.6). */
enum dhcp4_type {
	DHCP4_NOTHING, /* as the result of dhcp4_decide(): drop the request as `unanswered` */
	DHCP4_DISCOVER,
	DHCP4_OFFER,
	DHCP4_REQUEST,
	DHCP4_ACK = 5,
	DHCP4_NAK,
	DHCP4_INFORM = 8,
};

#define DHCP4_OPTIONS_MAX 64
#define DHCP4_COOKIE	  0x63825363
#define DHCP4_BROADCAST	  0x8000
#define DHCP4_MIN_FRAME	  342 /* BOOTP's 300 bytes (RFC 951): some clients drop a shorter answer */

struct dhcp4_message {
	__u8 op, htype, hlen, hops;
	__be32 xid;
	__be16 secs, flags;
	__be32 ciaddr, yiaddr, siaddr, giaddr;
	__u8 chaddr[16];
	__u8 sname[64];
	__u8 file[128];
	__be32 cookie;
} __attribute__((packed));
_Static_assert(sizeof(struct dhcp4_message) == 240, "dhcp4_message");

struct dhcp4_frame {
	struct answer_head4 head;
	__be16 sport, dport, udp_length;
	__sum16 udp_checksum;
	struct dhcp4_message message;
	/* in every answer; 9 bytes */
	__u8 type_option[3];
	__u8 server_option[2];
	__be32 server;
	/* in answers with addresses; 16 bytes more */
	__u8 mask_option[2];
	__be32 mask;
	__u8 router_option[2];
	__be32 router;
	__u8 mtu_option[2];
	__be16 mtu;
	/* in answers with a lease; 18 bytes more */
	__u8 lease_option[2];
	__be32 lease;
	__u8 t1_option[2];
	__be32 t1;
	__u8 t2_option[2];
	__be32 t2;
} __attribute__((packed));
#define DHCP4_FIXED	   (282 + 9)
#define DHCP4_FIXED_INFORM (DHCP4_FIXED + 16)
#define DHCP4_FIXED_LEASE  (DHCP4_FIXED_INFORM + 18)
_Static_assert(sizeof(struct dhcp4_frame) == DHCP4_FIXED_LEASE, "dhcp4_frame");
_Static_assert(sizeof(struct dhcp4_frame) <= ADDRESS_CONFIG_OUT_BYTES, "room for it");

/* Reads one option of n bytes at `at`. */
static __always_inline int dhcp4_option(struct __sk_buff *skb, struct address_config_scratch *b, __u8 code, __u32 at,
					__u32 n)
{
	if (code == 53)
		return n == 1 ? bpf_skb_load_bytes(skb, at, &b->type, 1) : -1;
	if (code == 50)
		return n == 4 ? bpf_skb_load_bytes(skb, at, &b->requested, 4) : -1;
	if (code == 54)
		return n == 4 ? bpf_skb_load_bytes(skb, at, &b->server, 4) : -1;
	if (code == 61 && n) {
		b->client_id_bytes = n;
		return (int)address_config_load(skb, at, b->client_id, n, ADDRESS_CONFIG_CLIENT_ID_MAX);
	}
	return 0;
}

static __always_inline int dhcp4_options(struct __sk_buff *skb, struct address_config_scratch *b, __u32 at, __u32 end)
{
	for (__u32 i = 0; i < DHCP4_OPTIONS_MAX; i++) {
		__u8 h[2] = {0, 0};

		if (at >= end)
			return PASS;
		if (bpf_skb_load_bytes(skb, at, h, 1))
			return VPC_DROP_MALFORMED;
		if (h[0] == 255)
			return PASS;
		at++;
		if (!h[0])
			continue;
		if (bpf_skb_load_bytes(skb, at, &h[1], 1) || at + 1 + h[1] > end ||
		    dhcp4_option(skb, b, h[0], at + 1, h[1]))
			return VPC_DROP_MALFORMED;
		at += 1 + h[1];
	}
	return VPC_DROP_MALFORMED;
}

/* Reads the request into the scratch. Returns PASS or a reason. */
static __always_inline int dhcp4_read(struct __sk_buff *skb, struct scratch *s, struct address_config_scratch *b,
				      const struct vpc_eni *me)
{
	const struct packet *p = &s->packet;
	const struct dhcp4_message *m = (const struct dhcp4_message *)b->request;
	__u32 end = address_config_end(skb, p);

	b->client_id_bytes = 0;
	b->requested = 0;
	b->server = 0;
	b->type = 0;
	if (p->l4 != 34 || skb->gso_size || p->l4 + 8 + sizeof(*m) > end)
		return VPC_DROP_MALFORMED;
	if (bpf_skb_load_bytes(skb, p->l4 + 8, b->request, sizeof(*m)))
		return VPC_DROP_MALFORMED;
	if (m->op != 1 || m->htype != 1 || m->hlen != ETH_ALEN || m->cookie != bpf_htonl(DHCP4_COOKIE))
		return VPC_DROP_MALFORMED;
	if (m->giaddr || m->hops)
		return VPC_DROP_UNANSWERED; /* a relay asks for another client */
	if (!mac_equal(m->chaddr, me->mac))
		return VPC_DROP_FORGED_MAC;
	b->partial = (__u32)checksum_is_partial(skb);
	return dhcp4_options(skb, b, p->l4 + 8 + sizeof(*m), end);
}

/* Returns the type of the answer. */
static __always_inline enum dhcp4_type dhcp4_decide(const struct address_config_scratch *b, const struct vpc_eni *me,
						    __be32 mine)
{
	const struct dhcp4_message *m = (const struct dhcp4_message *)b->request;
	__be32 wanted = b->requested ? b->requested : m->ciaddr;

	if (b->type == DHCP4_DISCOVER)
		return DHCP4_OFFER;
	if (b->type == DHCP4_INFORM)
		return DHCP4_ACK;
	if (b->type != DHCP4_REQUEST || (b->server && b->server != me->gateway4))
		return DHCP4_NOTHING; /* the client chose another server; the client has to find out that there is
				       * none */
	if (!wanted)
		return DHCP4_NOTHING;
	return wanted == mine ? DHCP4_ACK : DHCP4_NAK;
}

static __always_inline void dhcp4_fill_options(struct dhcp4_frame *f, const struct vpc_eni *me, __u8 type,
					       __u32 lease_s)
{
	f->type_option[0] = 53;
	f->type_option[1] = 1;
	f->type_option[2] = type;
	f->server_option[0] = 54;
	f->server_option[1] = 4;
	f->server = me->gateway4;
	f->mask_option[0] = 1;
	f->mask_option[1] = 4;
	f->mask = me->mask4;
	f->router_option[0] = 3;
	f->router_option[1] = 4;
	f->router = me->gateway4;
	f->mtu_option[0] = 26;
	f->mtu_option[1] = 2;
	f->mtu = bpf_htons((__u16)me->mtu);
	f->lease_option[0] = 51;
	f->lease_option[1] = 4;
	f->lease = bpf_htonl(lease_s);
	f->t1_option[0] = 58;
	f->t1_option[1] = 4;
	f->t1 = bpf_htonl(lease_s / 2);
	f->t2_option[0] = 59;
	f->t2_option[1] = 4;
	f->t2 = bpf_htonl(lease_s / 8 * 7);
}

static __always_inline void dhcp4_fill_message(struct dhcp4_message *to, const struct dhcp4_message *from, __be32 mine)
{
	__builtin_memset(to, 0, sizeof(*to));
	to->op = 2;
	to->htype = 1;
	to->hlen = ETH_ALEN;
	to->xid = from->xid;
	to->flags = from->flags;
	to->yiaddr = mine;
	__builtin_memcpy(to->chaddr, from->chaddr, sizeof(to->chaddr));
	to->cookie = from->cookie;
}

/* Returns the address at which the client hears the answer (RFC 2131, 4.1): the one that it has, else the new one, or
 * broadcast. */
static __always_inline __be32 dhcp4_destination(const struct dhcp4_message *request, __u8 type, __be32 mine)
{
	if (type == DHCP4_NAK)
		return 0xffffffff;
	if (request->ciaddr)
		return request->ciaddr;
	return request->flags & bpf_htons(DHCP4_BROADCAST) ? 0xffffffff : mine;
}

/* Fills the headers of a frame of `length` bytes. */
static __always_inline void dhcp4_fill_headers(struct dhcp4_frame *f, const struct scratch *s,
					       const struct address_config_scratch *b, const struct vpc_eni *me,
					       __be32 to, __u32 length)
{
	__be32 src[4], dst[4];

	answer_fill4(&f->head, s, me, to, IPPROTO_UDP, length - 34);
	if (to == 0xffffffff)
		__builtin_memset(f->head.dmac, 0xff, ETH_ALEN);
	f->sport = bpf_htons(67);
	f->dport = bpf_htons(68);
	f->udp_length = bpf_htons((__u16)(length - 34));
	address_from4(src, me->gateway4);
	address_from4(dst, to);
	/* 0: IPv4 needs none */
	f->udp_checksum = b->partial ? checksum_fold(address_config_pseudo(src, dst, IPPROTO_UDP, length - 34)) : 0;
}

/* Turns the request into the answer of that type. Returns ANSWERED or a reason. */
static __always_inline int dhcp4_answer(struct __sk_buff *skb, struct scratch *s, struct address_config_scratch *b,
					const struct vpc_eni *me, __u8 type, __be32 mine)
{
	const struct dhcp4_message *request = (const struct dhcp4_message *)b->request;
	struct vpc_address_config_options *options = address_config_options(s, b);
	struct dhcp4_frame *f = (struct dhcp4_frame *)b->out;
	__u32 id_bytes = b->client_id_bytes, option_bytes, length, at;
	int leased = type != DHCP4_NAK && b->type != DHCP4_INFORM;
	__u8 id_option[2] = {61, (__u8)id_bytes}, end = 255;

	if (!options)
		return VPC_DROP_UNANSWERED;
	at = type == DHCP4_NAK ? DHCP4_FIXED : leased ? DHCP4_FIXED_LEASE : DHCP4_FIXED_INFORM;
	option_bytes = type == DHCP4_NAK ? 0 : READ_ONCE(options->dhcp4_bytes);
	length = at + (id_bytes ? 2 + id_bytes : 0) + option_bytes + 1;
	if (length < DHCP4_MIN_FRAME)
		length = DHCP4_MIN_FRAME;
	dhcp4_fill_message(&f->message, request, leased ? mine : 0);
	dhcp4_fill_options(f, me, type, READ_ONCE(options->lease_s));
	dhcp4_fill_headers(f, s, b, me, dhcp4_destination(request, type, mine), length);
	if (bpf_skb_change_tail(skb, length, 0) || address_config_put(skb, 0, b->out, at, DHCP4_FIXED_LEASE))
		return VPC_DROP_UNANSWERED;
	if (id_bytes && (address_config_append(skb, &at, id_option, 2, 2) ||
			 address_config_append(skb, &at, b->client_id, id_bytes, ADDRESS_CONFIG_CLIENT_ID_MAX)))
		return VPC_DROP_UNANSWERED;
	if (address_config_append(skb, &at, options->dhcp4, option_bytes, VPC_ADDRESS_CONFIG_DHCP4_MAX) ||
	    address_config_append(skb, &at, &end, 1, 1) || !address_config_options_stood(s, b))
		return VPC_DROP_UNANSWERED;
	return ANSWERED;
}

/* Answers a message of a DHCP client to its server. Returns ANSWERED or a reason. */
__noinline int dhcp4(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct address_config_scratch *b = address_config_scratch_get();
	struct vpc_eni *me;
	struct vpc_address_config *t;
	__be32 mine;
	__u8 type;
	int rc;

	if (!s || !b)
		return VPC_DROP_NOT_READY;
	me = eni_get(s->me);
	t = address_config_get(s);
	if (!me || !t || !t->ip4 || !me->gateway4)
		return VPC_DROP_UNANSWERED;
	mine = t->ip4;
	if (s->packet.src[3] && address_owner(s, s->packet.src) != s->me)
		return VPC_DROP_FORGED_SOURCE;
	rc = dhcp4_read(skb, s, b, me);
	if (rc)
		return rc;
	type = dhcp4_decide(b, me, mine);
	return type ? dhcp4_answer(skb, s, b, me, type, mine) : VPC_DROP_UNANSWERED;
}

#endif
