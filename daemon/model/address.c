/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/number.h>

/* Where the family's own bits begin in bytes[]: IPv4 stands behind the 96 bits of ::ffff:0:0. */
#define V4_OFFSET_BITS 96

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static struct ip ip_from_v4_be(uint32_t be)
{
	struct ip ip = {.family = 4};

	memcpy(ip.bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(ip.bytes + 12, &be, sizeof(be));
	return ip;
}

int ip_parse(const char *s, struct ip *ret)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		*ret = ip_from_v4_be(v4.s_addr);
		return 0;
	}
	if (inet_pton(AF_INET6, s, &v6) != 1)
		return -EINVAL;
	/* The maps could not tell ::ffff:a.b.c.d from a.b.c.d, and no workload may send from the former. */
	if (!memcmp(&v6, mapped_prefix, sizeof(mapped_prefix)))
		return -EINVAL;
	*ret = (struct ip){.family = 6};
	memcpy(ret->bytes, &v6, sizeof(ret->bytes));
	return 0;
}

static int parse_plen(const char *s, uint8_t max, uint8_t *ret)
{
	uint64_t value;

	if ((s[0] == '0' && s[1]) || number_parse(s, max, &value) < 0)
		return -EINVAL;
	*ret = (uint8_t)value;
	return 0;
}

int cidr_parse(const char *s, struct cidr *ret)
{
	const char *slash = strchr(s, '/');
	char text[IP_STRLEN];
	struct cidr c;
	size_t n;

	if (!slash)
		return -EINVAL;
	n = (size_t)(slash - s);
	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	if (ip_parse(text, &c.addr) < 0)
		return -EINVAL;
	if (parse_plen(slash + 1, c.addr.family == 4 ? 32 : 128, &c.plen) < 0)
		return -EINVAL;
	*ret = c;
	return 0;
}

const char *ip_format(const struct ip *ip, char buf[IP_STRLEN])
{
	buf[0] = '\0';
	if (ip->family == 4)
		inet_ntop(AF_INET, ip->bytes + 12, buf, IP_STRLEN);
	else if (ip->family == 6)
		inet_ntop(AF_INET6, ip->bytes, buf, IP_STRLEN);
	return buf;
}

const char *cidr_format(const struct cidr *c, char buf[CIDR_STRLEN])
{
	char text[IP_STRLEN];

	snprintf(buf, CIDR_STRLEN, "%.45s/%u", ip_format(&c->addr, text), (unsigned)c->plen);
	return buf;
}

uint32_t ip_v4_be(const struct ip *ip)
{
	uint32_t be;

	memcpy(&be, ip->bytes + 12, sizeof(be));
	return be;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* How many bits of the 128 the prefix covers. */
static unsigned prefix_bits(const struct cidr *c)
{
	return c->plen + (c->addr.family == 4 ? V4_OFFSET_BITS : 0u);
}

static bool same_prefix(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

bool cidr_has_host_bits(const struct cidr *c)
{
	unsigned bits = prefix_bits(c);

	for (unsigned i = bits; i < 128; i++)
		if (c->addr.bytes[i / 8] & (0x80u >> i % 8))
			return true;
	return false;
}

bool cidr_contains_ip(const struct cidr *c, const struct ip *ip)
{
	return c->addr.family && c->addr.family == ip->family && same_prefix(c->addr.bytes, ip->bytes, prefix_bits(c));
}

bool cidr_contains(const struct cidr *outer, const struct cidr *inner)
{
	return inner->plen >= outer->plen && cidr_contains_ip(outer, &inner->addr);
}

bool cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
	return cidr_contains(a, b) || cidr_contains(b, a);
}

struct ip cidr_nth(const struct cidr *c, uint32_t n)
{
	struct ip ip = c->addr;
	uint32_t low;

	/* The network address ends in zeros where n has bits, so this never carries. */
	memcpy(&low, ip.bytes + 12, sizeof(low));
	low = htonl(ntohl(low) + n);
	memcpy(ip.bytes + 12, &low, sizeof(low));
	return ip;
}

uint32_t mask4_be(uint8_t plen)
{
	assert(plen <= 32);
	return plen ? htonl(UINT32_MAX << (32 - plen)) : 0;
}
