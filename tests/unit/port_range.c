/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port_range_split: every range is covered exactly, once, by aligned prefixes, and by no more than 30. */
#include <criterion/criterion.h>

#include <vpc/cleanup.h>

#include "util/port_range.h"

static uint32_t prefix_size(const struct port_prefix *p)
{
	return 1u << (16 - p->plen);
}

/* Ascending without gap or overlap from lo to hi, each aligned: then they are disjoint and cover exactly lo..hi. */
static void check_range(uint16_t lo, uint16_t hi)
{
	struct port_prefix p[PORT_PREFIXES_MAX];
	size_t n = port_range_split(lo, hi, p);
	uint32_t next = lo;

	if (n < 1 || n > PORT_PREFIXES_MAX)
		cr_assert(false, "%u-%u: %zu prefixes", lo, hi, n);
	for (size_t i = 0; i < n; i++) {
		if (p[i].plen > 16 || p[i].port != next || next % prefix_size(&p[i]) != 0)
			cr_assert(false, "%u-%u: prefix %zu is %u/%u, expected to start at %u", lo, hi, i, p[i].port,
				  p[i].plen, next);
		next += prefix_size(&p[i]);
	}
	if (next != (uint32_t)hi + 1)
		cr_assert(false, "%u-%u: covered up to %u", lo, hi, next - 1);
}

Test(port_range, every_range_of_the_first_and_last_ports)
{
	for (uint32_t lo = 0; lo < 700; lo++)
		for (uint32_t hi = lo; hi < 700; hi++) {
			check_range((uint16_t)lo, (uint16_t)hi);
			check_range((uint16_t)(0xffff - hi), (uint16_t)(0xffff - lo));
		}
}

Test(port_range, every_range_that_starts_or_ends_at_an_edge)
{
	static const uint16_t edges[] = {0, 1, 1023, 1024, 32767, 32768, 49151, 65534, 65535};

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		for (uint32_t port = 0; port <= 0xffff; port++) {
			if (edges[i] <= port)
				check_range(edges[i], (uint16_t)port);
			else
				check_range((uint16_t)port, edges[i]);
		}
}

Test(port_range, random_ranges)
{
	uint32_t x = 0x2545f491; /* xorshift: any fixed seed */

	for (unsigned i = 0; i < 500000; i++) {
		uint16_t a, b;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		a = (uint16_t)x;
		b = (uint16_t)(x >> 16);
		check_range(a < b ? a : b, a < b ? b : a);
	}
}

Test(port_range, least_numbers)
{
	struct port_prefix p[PORT_PREFIXES_MAX];

	cr_assert_eq(port_range_split(0, 65535, p), 1);
	cr_assert_eq(p[0].plen, 0);
	cr_assert_eq(port_range_split(443, 443, p), 1);
	cr_assert_eq(p[0].port, 443);
	cr_assert_eq(p[0].plen, 16);
	cr_assert_eq(port_range_split(1024, 65535, p), 6);
	/* the worst there is */
	cr_assert_eq(port_range_split(1, 65534, p), 30);
}
