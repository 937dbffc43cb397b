/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <string.h>

#include "model/address.h"

static struct cidr cidr(const char *text)
{
	struct cidr c;

	cr_assert_eq(cidr_parse(text, &c), 0, "%s", text);
	return c;
}

static struct ip ip(const char *text)
{
	struct ip i;

	cr_assert_eq(ip_parse(text, &i), 0, "%s", text);
	return i;
}

Test(model_address, ip_round_trip)
{
	static const char *const good[] = {
		"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1"};
	char buf[IP_STRLEN];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct ip a = ip(good[i]);

		cr_assert_str_eq(ip_format(&a, buf), good[i]);
		cr_assert_eq(a.family, strchr(good[i], ':') ? 6 : 4);
	}
	cr_assert_eq(ip_v4_be(&(struct ip){.family = 4, .bytes = {[12] = 10, 1, 2, 3}}), htonl(0x0a010203));
	cr_assert_eq(ip("1.2.3.4").bytes[10], 0xff, "IPv4 stands as ::ffff:a.b.c.d");
}

Test(model_address, ip_refused)
{
	static const char *const bad[] = {"",	       "1",	   "1.2.3",    "1.2.3.4.5",	 "01.2.3.4",
					  "1.2.3.256", " 1.2.3.4", "1.2.3.4 ", "0x1.2.3.4",	 "fe80::1%eth0",
					  ":::",       "1::2::3",  "g::1",     "::ffff:1.2.3.4", "::ffff:102:304"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct ip a = {.family = 99};

		cr_assert_lt(ip_parse(bad[i], &a), 0, "%s", bad[i]);
		cr_assert_eq(a.family, 99, "untouched on failure");
	}
}

Test(model_address, cidr_refused)
{
	static const char *const bad[] = {"10.0.0.0",	 "10.0.0.0/",	 "10.0.0.0/33", "10.0.0.0/-1",
					  "10.0.0.0/08", "10.0.0.0/+8",	 "::/129",	"10.0.0.0/8 ",
					  "/8",		 "10.0.0.0/8/8", "::/0000",	"10.0.0.0/1e1"};
	struct cidr c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert_lt(cidr_parse(bad[i], &c), 0, "%s", bad[i]);
}

Test(model_address, host_bits)
{
	struct cidr c;

	c = cidr("10.0.0.1/24");
	cr_assert(cidr_has_host_bits(&c));
	c = cidr("10.0.1.0/24");
	cr_assert_not(cidr_has_host_bits(&c));
	c = cidr("10.0.0.1/32");
	cr_assert_not(cidr_has_host_bits(&c));
	c = cidr("0.0.0.1/0");
	cr_assert(cidr_has_host_bits(&c));
	c = cidr("2001:db8::1/127");
	cr_assert(cidr_has_host_bits(&c));
	c = cidr("2001:db8::1/128");
	cr_assert_not(cidr_has_host_bits(&c));
}

Test(model_address, containment)
{
	struct cidr a = cidr("10.0.0.0/9"), b = cidr("10.127.0.0/16"), c = cidr("10.128.0.0/16");
	struct cidr any4 = cidr("0.0.0.0/0"), any6 = cidr("::/0"), v6 = cidr("2001:db8::/61");
	struct cidr none = {0};
	struct ip i4 = ip("10.127.0.1"), i6 = ip("2001:db8:0:7::1"), j6 = ip("2001:db8:0:8::1");

	cr_assert(cidr_contains(&a, &b) && !cidr_contains(&b, &a) && !cidr_contains(&a, &c));
	cr_assert(cidr_overlaps(&b, &a) && cidr_overlaps(&a, &b) && !cidr_overlaps(&b, &c));
	cr_assert(cidr_contains_ip(&any4, &i4) && !cidr_contains_ip(&any6, &i4) && !cidr_contains_ip(&any4, &i6));
	cr_assert(cidr_contains_ip(&v6, &i6) && !cidr_contains_ip(&v6, &j6));
	cr_assert(!cidr_overlaps(&none, &none) && !cidr_overlaps(&none, &any4), "none overlaps nothing");
}

Test(model_address, nth_and_mask)
{
	struct cidr c = cidr("10.0.255.0/22"), v6 = cidr("2001:db8::/64");
	char buf[IP_STRLEN];
	struct ip i;

	i = cidr_nth(&c, 1);
	cr_assert_str_eq(ip_format(&i, buf), "10.0.255.1");
	c = cidr("10.0.252.0/22");
	i = cidr_nth(&c, 1023);
	cr_assert_str_eq(ip_format(&i, buf), "10.0.255.255");
	i = cidr_nth(&v6, 0xffffffff);
	cr_assert_str_eq(ip_format(&i, buf), "2001:db8::ffff:ffff");
	cr_assert_eq(mask4_be(0), 0);
	cr_assert_eq(mask4_be(20), htonl(0xfffff000));
	cr_assert_eq(mask4_be(32), 0xffffffff);
}

Test(model_address, mac)
{
	uint8_t mac[6];
	char buf[MAC_STRLEN];
	static const char *const bad[] = {
		"", "02:00:00:00:00", "02:00:00:00:00:0g", "02-00-00-00-00-01", "02:00:00:00:00:011", "2:0:0:0:0:1"};

	cr_assert_eq(mac_parse("02:aB:00:ff:10:9e", mac), 0);
	cr_assert_str_eq(mac_format(mac, buf), "02:ab:00:ff:10:9e");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert_lt(mac_parse(bad[i], mac), 0, "%s", bad[i]);
}
