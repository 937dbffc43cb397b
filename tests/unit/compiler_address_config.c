/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP options as they stand in the answers. */
#include <criterion/criterion.h>
#include <string.h>

#include "compiler/internal.h"

static struct dhcp_options options(const char *const *servers, const char *domain)
{
	struct dhcp_options o = {0};

	for (; *servers; servers++)
		cr_assert_eq(ip_parse(*servers, &o.dns[o.n_dns++]), 0);
	snprintf(o.domain, sizeof(o.domain), "%s", domain);
	return o;
}

Test(compiler_address_config, nothing)
{
	const struct dhcp_options o = {0};
	struct vpc_address_config_options b;

	memset(&b, 0xff, sizeof(b));
	record_address_config(&o, &b);
	cr_expect_eq(b.lease_s, 3600);
	cr_expect_eq(b.dhcp4_bytes + b.dhcp6_bytes + b.ra_bytes, 0);
	cr_expect_eq(b.dhcp4[0] | b.ra[5] | b.dhcp6[9], 0);
}

Test(compiler_address_config, servers_by_family_and_a_domain)
{
	static const uint8_t dhcp4[] = {6, 8, 10, 0, 0, 53, 10, 0, 0, 54, 15, 6, 'a', 'b', '.', 'o', 'r', 'g'};
	static const uint8_t dhcp6[] = {0, 23, 0, 16,	0xfd, 0,  0, 0, 0, 0,	0,   0, 0,   0,	  0,   0,
					0, 0,  0, 0x53, 0,    24, 0, 8, 2, 'a', 'b', 3, 'o', 'r', 'g', 0};
	static const uint8_t ra[] = {25, 3, 0,	 0,   0, 0,   255, 255, 0xfd, 0,    0,	 0, 0, 0,
				     0,	 0, 0,	 0,   0, 0,   0,   0,	0,    0x53, 31,	 2, 0, 0,
				     0,	 0, 255, 255, 2, 'a', 'b', 3,	'o',  'r',  'g', 0};
	const struct dhcp_options o =
		options((const char *const[]){"10.0.0.53", "fd00::53", "10.0.0.54", NULL}, "ab.org");
	struct vpc_address_config_options b;

	record_address_config(&o, &b);
	cr_assert_eq(b.dhcp4_bytes, sizeof(dhcp4));
	cr_assert_arr_eq(b.dhcp4, dhcp4, sizeof(dhcp4));
	cr_assert_eq(b.dhcp6_bytes, sizeof(dhcp6));
	cr_assert_arr_eq(b.dhcp6, dhcp6, sizeof(dhcp6));
	cr_assert_eq(b.ra_bytes, sizeof(ra));
	cr_assert_arr_eq(b.ra, ra, sizeof(ra));
}

/* What the model lets through fits. */
Test(compiler_address_config, the_most_there_can_be)
{
	char domain[DHCP_DOMAIN_MAX + 1];
	struct dhcp_options o = options((const char *const[]){"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00::1",
							      "fd00::2", "fd00::3", "fd00::4", NULL},
					"");
	struct vpc_address_config_options b;

	memset(domain, 'a', sizeof(domain));
	for (size_t i = 63; i < DHCP_DOMAIN_MAX; i += 64)
		domain[i] = '.';
	domain[DHCP_DOMAIN_MAX] = 0;
	memcpy(o.domain, domain, sizeof(domain));
	record_address_config(&o, &b);
	cr_expect_eq(b.dhcp4_bytes, 18 + 255);
	cr_expect_eq(b.dhcp6_bytes, 68 + 259);
	cr_expect_eq(b.ra_bytes, 72 + 264);
}
