/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets into bytes: Ethernet, IPv4 or IPv6, and TCP, UDP, ICMP or a few bytes of another protocol. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "packet.h"

bool tuple_is_icmp(const struct tuple *t)
{
	return t->proto == (t->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

bool tuple_is_reply(const struct tuple *t, uint8_t *ret_query)
{
	static const struct {
		uint8_t family, reply, query;
	} replies[] = {{4, 0, 8}, {4, 14, 13}, {4, 16, 15}, {4, 18, 17}, {6, 129, 128}, {6, 140, 139}};

	for (size_t i = 0; tuple_is_icmp(t) && i < sizeof(replies) / sizeof(replies[0]); i++)
		if (replies[i].family == t->family && replies[i].reply == t->type) {
			*ret_query = replies[i].query;
			return true;
		}
	return false;
}

bool tuple_has_id(const struct tuple *t)
{
	uint8_t query = t->type;

	if (!tuple_is_icmp(t))
		return false;
	tuple_is_reply(t, &query);
	if (t->family == 6)
		return query == 128;
	return query == 8 || query == 13 || query == 15 || query == 17;
}

bool tuple_is_error(const struct tuple *t)
{
	if (!tuple_is_icmp(t))
		return false;
	if (t->family == 6)
		return t->type >= 1 && t->type <= 4;
	return t->type == 3 || t->type == 4 || t->type == 11 || t->type == 12;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int address_parse(const char *s, struct address *ret, uint8_t *ret_family)
{
	struct address a = {{[10] = 0xff, [11] = 0xff}};

	*ret_family = 4;
	if (inet_pton(AF_INET, s, &a.bytes[12]) != 1) {
		*ret_family = 6;
		if (inet_pton(AF_INET6, s, a.bytes) != 1)
			return -EINVAL;
	}
	*ret = a;
	return 0;
}

const char *address_format(const struct address *a, char *buf)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(a->bytes, mapped, sizeof(mapped)) == 0)
		return inet_ntop(AF_INET, &a->bytes[12], buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, a->bytes, buf, INET6_ADDRSTRLEN);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Writes an IP header for `payload` bytes; returns its length. */
static size_t build_ip(const struct tuple *t, size_t payload, uint8_t *p)
{
	if (t->family == 4) {
		memset(p, 0, 20);
		p[0] = 0x45;
		put16(p + 2, (unsigned)(20 + payload));
		put16(p + 6, 0x4000);
		p[8] = 64;
		p[9] = t->proto;
		memcpy(p + 12, t->src.bytes + 12, 4);
		memcpy(p + 16, t->dst.bytes + 12, 4);
		put16(p + 10, fold(sum16(p, 20, 0)));
		return 20;
	}
	memset(p, 0, 40);
	p[0] = 0x60;
	put16(p + 4, (unsigned)payload);
	p[6] = t->proto;
	p[7] = 64;
	memcpy(p + 8, t->src.bytes, 16);
	memcpy(p + 24, t->dst.bytes, 16);
	return 40;
}

/* Writes the header of the transport and a few bytes; returns the length. The checksum is at *ret_checksum, -1: none.
 */
static size_t build_transport(const struct tuple *t, uint8_t flags, uint8_t *p, int *ret_checksum)
{
	static const char data[8] = "payload";
	size_t header = 8;

	memset(p, 0, 20);
	*ret_checksum = -1;
	if (tuple_is_icmp(t)) {
		p[0] = t->type;
		p[1] = t->code;
		if (!tuple_is_error(t))
			put16(p + 4, t->id);
		*ret_checksum = 2;
	} else if (t->proto == IPPROTO_TCP) {
		put16(p, t->sport);
		put16(p + 2, t->dport);
		put16(p + 6, 1);
		p[12] = 5 << 4;
		p[13] = flags;
		put16(p + 14, 4096);
		header = 20;
		*ret_checksum = 16;
	} else if (t->proto == IPPROTO_UDP) {
		put16(p, t->sport);
		put16(p + 2, t->dport);
		put16(p + 4, 16);
		*ret_checksum = 6;
	} else {
		header = 0;
	}
	memcpy(p + header, data, sizeof(data));
	return header + sizeof(data);
}

static void fill_checksum(const struct tuple *t, uint8_t *p, size_t n, int at)
{
	uint32_t sum = 0;

	if (at < 0)
		return;
	if (t->proto != IPPROTO_ICMP) {
		sum = sum16(t->src.bytes + (t->family == 4 ? 12 : 0), t->family == 4 ? 4 : 16, sum);
		sum = sum16(t->dst.bytes + (t->family == 4 ? 12 : 0), t->family == 4 ? 4 : 16, sum);
		sum += (uint32_t)n + t->proto;
	}
	put16(p + at, fold(sum16(p, n, sum)));
}

size_t packet_build(const struct packet *p, uint8_t buf[PACKET_BYTES_MAX])
{
	uint8_t body[PACKET_BYTES_MAX - 64];
	int checksum, ignored;
	size_t n, header;

	memcpy(buf, p->dmac, 6);
	memcpy(buf + 6, p->smac, 6);
	put16(buf + 12, p->t.family == 4 ? 0x0800 : 0x86dd);
	if (p->quotes) {
		uint8_t quoted[64];
		size_t m = build_transport(&p->quoted, TCP_ACK, quoted, &ignored);

		n = build_transport(&p->t, 0, body, &checksum) - 8;
		n += build_ip(&p->quoted, m, body + n);
		memcpy(body + n, quoted, m);
		n += m;
	} else {
		n = build_transport(&p->t, p->flags, body, &checksum);
	}
	fill_checksum(&p->t, body, n, checksum);
	header = 14 + build_ip(&p->t, n, buf + 14);
	memcpy(buf + header, body, n);
	return header + n;
}
