/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: the parsers of addresses, CIDRs and MACs. What is accepted prints and parses back to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/address.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_ip(const char *text)
{
	struct ip a, b;
	char buf[IP_STRLEN];

	if (ip_parse(text, &a) < 0)
		return;
	require(a.family == 4 || a.family == 6);
	require(ip_parse(ip_format(&a, buf), &b) == 0 && ip_equal(&a, &b));
	if (a.family == 4)
		require(!strcmp(text, buf));
}

static void check_cidr(const char *text)
{
	struct cidr a, b;
	char buf[CIDR_STRLEN];

	if (cidr_parse(text, &a) < 0)
		return;
	require(a.plen <= (a.addr.family == 4 ? 32 : 128));
	require(cidr_parse(cidr_format(&a, buf), &b) == 0 && a.plen == b.plen && ip_equal(&a.addr, &b.addr));
	require(cidr_contains_ip(&a, &a.addr) && cidr_contains(&a, &a) && cidr_overlaps(&a, &b));
	if (cidr_has_host_bits(&a))
		return;
	b.addr = cidr_nth(&a, 0);
	require(ip_equal(&a.addr, &b.addr));
	if (a.plen == (a.addr.family == 4 ? 32 : 128))
		return;
	b.addr = cidr_nth(&a, 1);
	require(cidr_contains_ip(&a, &b.addr) && cidr_has_host_bits(&b));
}

static void check_mac(const char *text)
{
	uint8_t a[6], b[6];
	char buf[MAC_STRLEN];

	if (mac_parse(text, a) < 0)
		return;
	require(mac_parse(mac_format(a, buf), b) == 0 && !memcmp(a, b, sizeof(a)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_ip(text);
	check_cidr(text);
	check_mac(text);
	free(text);
	return 0;
}
