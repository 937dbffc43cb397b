/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP options as they stand in the answers of DHCP (RFC 2132), DHCPv6 (RFC 3646) and router advertisements (RFC 8106).
 */
#include <assert.h>
#include <string.h>

#include "compiler/internal.h"

#define LEASE_S 3600 /* as AWS: clients ask again after half of it */

#define DHCP4_DNS    6
#define DHCP4_DOMAIN 15
#define DHCP6_DNS    23
#define DHCP6_SEARCH 24
#define ND_RDNSS     25
#define ND_DNSSL     31

/* Bytes that are put one after the other. */
struct writer {
	uint8_t *at;
	size_t n, max;
};

static void put(struct writer *w, const void *data, size_t n)
{
	assert(w->n + n <= w->max); /* the model's limits are ours */
	memcpy(w->at + w->n, data, n);
	w->n += n;
}

static void put8(struct writer *w, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	put(w, &byte, 1);
}

static void put16(struct writer *w, unsigned value)
{
	put8(w, value >> 8);
	put8(w, value & 0xff);
}

static void put32(struct writer *w, uint32_t value)
{
	put16(w, value >> 16);
	put16(w, value & 0xffff);
}

/* Labels with their lengths, ended by the root's (RFC 1035 3.1): strlen + 2 bytes. */
static void put_domain(struct writer *w, const char *name)
{
	while (*name) {
		size_t label = strcspn(name, ".");

		put8(w, (unsigned)label);
		put(w, name, label);
		name += label + (name[label] == '.');
	}
	put8(w, 0);
}

static unsigned count_servers(const struct dhcp_options *o, uint8_t family)
{
	unsigned n = 0;

	for (size_t i = 0; i < o->n_dns; i++)
		n += o->dns[i].family == family;
	return n;
}

static void put_servers(struct writer *w, const struct dhcp_options *o, uint8_t family)
{
	for (size_t i = 0; i < o->n_dns; i++)
		if (o->dns[i].family == family)
			put(w, o->dns[i].bytes + (family == 4 ? 12 : 0), family == 4 ? 4 : 16);
}

static void dhcp4_options(const struct dhcp_options *o, struct writer *w)
{
	unsigned servers = count_servers(o, 4);

	if (servers) {
		put8(w, DHCP4_DNS);
		put8(w, servers * 4);
		put_servers(w, o, 4);
	}
	if (o->domain[0]) {
		put8(w, DHCP4_DOMAIN);
		put8(w, (unsigned)strlen(o->domain));
		put(w, o->domain, strlen(o->domain));
	}
}

static void dhcp6_options(const struct dhcp_options *o, struct writer *w)
{
	unsigned servers = count_servers(o, 6);

	if (servers) {
		put16(w, DHCP6_DNS);
		put16(w, servers * 16);
		put_servers(w, o, 6);
	}
	if (o->domain[0]) {
		put16(w, DHCP6_SEARCH);
		put16(w, (unsigned)strlen(o->domain) + 2);
		put_domain(w, o->domain);
	}
}

/* Lengths are in units of 8 bytes. Lifetimes: that of the router, since both come in the same message. */
static void ra_options(const struct dhcp_options *o, struct writer *w)
{
	unsigned servers = count_servers(o, 6);
	size_t domain = strlen(o->domain) + 2;

	if (servers) {
		put8(w, ND_RDNSS);
		put8(w, 1 + servers * 2);
		put16(w, 0);
		put32(w, 65535);
		put_servers(w, o, 6);
	}
	if (o->domain[0]) {
		put8(w, ND_DNSSL);
		put8(w, 1 + (unsigned)(domain + 7) / 8);
		put16(w, 0);
		put32(w, 65535);
		put_domain(w, o->domain);
		while (w->n % 8)
			put8(w, 0);
	}
}

void record_address_config(const struct dhcp_options *o, struct vpc_address_config_options *ret)
{
	struct writer dhcp4 = {.at = ret->dhcp4, .max = sizeof(ret->dhcp4)};
	struct writer dhcp6 = {.at = ret->dhcp6, .max = sizeof(ret->dhcp6)};
	struct writer ra = {.at = ret->ra, .max = sizeof(ret->ra)};

	memset(ret, 0, sizeof(*ret));
	dhcp4_options(o, &dhcp4);
	dhcp6_options(o, &dhcp6);
	ra_options(o, &ra);
	ret->lease_s = LEASE_S;
	ret->dhcp4_bytes = (uint16_t)dhcp4.n;
	ret->dhcp6_bytes = (uint16_t)dhcp6.n;
	ret->ra_bytes = (uint16_t)ra.n;
}
