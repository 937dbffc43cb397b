/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet builder of the laboratory. */
#include "bpf_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

static uint32_t sum_words(const void *data, size_t length, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (length & 1)
		sum += (uint32_t)p[length - 1] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* The upper header and payload. Returns its length. */
static size_t build_upper(uint8_t *p, const struct packet_spec *s, const uint8_t *addresses, size_t address_length)
{
	size_t length = 0, checksum_at = 0;
	uint32_t sum;

	if (s->raw) {
		memcpy(p, s->raw, s->raw_length);
		return s->raw_length;
	}
	if (s->fragment_offset) {
		memset(p, 0xee, s->payload);
		return s->payload;
	}
	switch (s->proto) {
	case IPPROTO_TCP:
		put16(p, s->sport);
		put16(p + 2, s->dport);
		put32(p + 4, s->tcp_seq ? s->tcp_seq : 1000);
		put32(p + 8, s->tcp_ack ? s->tcp_ack : 2000);
		p[12] = 5 << 4;
		p[13] = s->tcp_flags;
		put16(p + 14, 65535);
		length = 20;
		checksum_at = 16;
		break;
	case IPPROTO_UDP:
		put16(p, s->sport);
		put16(p + 2, s->dport);
		put16(p + 4, (unsigned)(8 + s->payload));
		length = 8;
		checksum_at = 6;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		p[0] = s->icmp_type;
		p[1] = s->icmp_code;
		put16(p + 4, s->icmp_id);
		length = 8;
		checksum_at = 2;
		if (s->quote) {
			size_t n = s->quote_length ? s->quote_length : s->quote->length - 14;

			memcpy(p + length, s->quote->data + 14, n);
			length += n;
		}
		break;
	default:
		break;
	}
	memset(p + length, 0xdd, s->payload);
	length += s->payload;
	if (checksum_at && !s->more_fragments) {
		sum = sum_words(p, length, 0);
		if (s->proto != IPPROTO_ICMP)
			sum = sum_words(addresses, 2 * address_length, sum) + s->proto + (uint32_t)length;
		put16(p + checksum_at, sum_fold(sum));
	}
	return length;
}

static void build4(struct frame *f, const struct packet_spec *s)
{
	uint8_t *ip = f->data + 14;
	size_t length;

	put16(f->data + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 4, s->fragment_id);
	put16(ip + 6, (unsigned)(s->fragment_offset / 8) | (s->more_fragments ? 0x2000 : 0));
	ip[8] = s->ttl ? s->ttl : 64;
	ip[9] = s->proto;
	cr_assert_eq(inet_pton(AF_INET, s->src, ip + 12), 1, "%s", s->src);
	cr_assert_eq(inet_pton(AF_INET, s->dst, ip + 16), 1, "%s", s->dst);
	length = build_upper(ip + 20, s, ip + 12, 4);
	put16(ip + 2, (unsigned)(20 + length));
	put16(ip + 10, sum_fold(sum_words(ip, 20, 0)));
	f->length = 14 + 20 + length;
}

static void build6(struct frame *f, const struct packet_spec *s)
{
	uint8_t *ip = f->data + 14, *p = ip + 40, *next = &ip[6];
	size_t length;

	put16(f->data + 12, 0x86dd);
	ip[0] = 0x60;
	ip[7] = s->ttl ? s->ttl : 64;
	cr_assert_eq(inet_pton(AF_INET6, s->src, ip + 8), 1, "%s", s->src);
	cr_assert_eq(inet_pton(AF_INET6, s->dst, ip + 24), 1, "%s", s->dst);
	*next = s->proto;
	if (s->more_fragments || s->fragment_offset || s->fragment_header) {
		*next = 44;
		p[0] = s->ext_length ? s->ext_first : s->proto;
		put16(p + 2, (unsigned)(s->fragment_offset & ~7u) | s->more_fragments);
		put32(p + 4, s->fragment_id);
		next = &p[0];
		p += 8;
	}
	if (s->ext_length) {
		*next = s->ext_first;
		memcpy(p, s->ext, s->ext_length);
		p += s->ext_length;
	}
	length = build_upper(p, s, ip + 8, 16);
	put16(ip + 4, (unsigned)((size_t)(p - ip) - 40 + length));
	f->length = (size_t)(p - f->data) + length;
}

void frame_build(struct frame *f, const struct packet_spec *s)
{
	memset(f, 0, sizeof(*f));
	if (s->dmac)
		memcpy(f->data, s->dmac, 6);
	if (s->smac)
		memcpy(f->data + 6, s->smac, 6);
	cr_assert(s->payload + s->raw_length + s->ext_length < sizeof(f->data) - 200);
	if (strchr(s->src, ':'))
		build6(f, s);
	else
		build4(f, s);
}

void frame_checksum4(struct frame *f)
{
	uint8_t *ip = f->data + 14;

	put16(ip + 10, 0);
	put16(ip + 10, sum_fold(sum_words(ip, (ip[0] & 15u) * 4, 0)));
}

void frame_options4(struct frame *f, const void *options, size_t length)
{
	uint8_t *ip = f->data + 14;

	memmove(ip + 20 + length, ip + 20, f->length - 34);
	memcpy(ip + 20, options, length);
	ip[0] = (uint8_t)(ip[0] + length / 4);
	put16(ip + 2, ((unsigned)ip[2] << 8 | ip[3]) + (unsigned)length);
	f->length += length;
	frame_checksum4(f);
}
