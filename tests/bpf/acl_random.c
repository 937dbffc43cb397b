/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network ACLs against the naive model: random rules, changes and packets, and as many rules as there may be. P3, P4.
 */
#include "acl_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "random.h"

LAB_SUITE(acl_random, acl_lab_open());

#define CONNECTIONS 12

static const char *random_cidr(int family)
{
	static const char *const cidrs[2][8] = {{"0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24",
						 "10.0.1.12/32", "10.0.0.8/30", "198.51.100.0/25", "128.0.0.0/1"},
						{"::/0", "fd00:1::/56", "fd00:1::/64", "fd00:1:0:1::/64",
						 "fd00:1:0:1::12/128", "fd00:1::10/127", "2001:db8::/33", "8000::/1"}};

	return cidrs[family == 6][random_below(8)];
}

static struct acl_line random_line(void)
{
	int family = random_below(2) ? 4 : 6;
	struct acl_line line = {.number = 1 + random_below(30), .allow = random_below(5) > 1, .first = -1, .last = -1};

	snprintf(line.cidr, sizeof(line.cidr), "%s", random_cidr(family));
	switch (random_below(5)) {
	case 0:
		line.protocol = -1;
		break;
	case 1:
	case 2:
		line.protocol = random_below(2) ? IPPROTO_TCP : IPPROTO_UDP;
		line.first = (int)random_below(12) * 100;
		line.last = line.first + (int)random_below(3) * 450;
		if (!random_below(4))
			line.first = 0, line.last = 65535;
		break;
	case 3:
		line.protocol = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		if (random_below(2)) {
			line.first = (int[]){0, 3, 8, 1, 128, 129}[random_below(3) + (family == 6 ? 3 : 0)];
			line.last = random_below(2) ? -1 : (int)random_below(3);
		}
		break;
	default:
		line.protocol = 47;
	}
	return line;
}

static void random_change(void)
{
	uint32_t acl = 1 + random_below(3), direction = random_below(2);
	struct acl_line line = random_line();

	switch (random_below(12)) {
	case 0:
		acl_of_subnet(1 + random_below(3), random_below(4));
		break;
	case 1:
		acl_open(acl, direction, true);
		break;
	case 2:
		acl_open(acl, direction, false);
		break;
	case 3:
		line = (struct acl_line){.number = 1000 + random_below(2), .allow = true, .protocol = -1};
		snprintf(line.cidr, sizeof(line.cidr), "%s", line.number == 1000 ? "0.0.0.0/0" : "::/0");
		acl_put(acl, direction, &line);
		break;
	case 4:
	case 5:
	case 6:
		for (unsigned number = 1; number <= 30 && !acl_remove(acl, direction, number + random_below(4));
		     number++)
			;
		break;
	default:
		acl_put(acl, direction, &line);
	}
}

/* Two hosts, of which one at least is an ENI. */
static void random_ends(unsigned *from, unsigned *to)
{
	do {
		*from = random_below(HOSTS);
		*to = random_below(HOSTS);
	} while (*from == *to || (!acl_hosts[*from].eni && !acl_hosts[*to].eni));
}

static uint16_t random_port(void)
{
	return (uint16_t)(random_below(12) * 100 + random_below(2));
}

/* A packet of a protocol that needs no flow before it, or an ICMP error about it. pending: a change is about to be
 * committed, and its generations are raised: later fragments don't count on any verdict. */
static void random_packet(unsigned from, unsigned to, int family, bool pending)
{
	static uint16_t id;
	bool six = family == 6;
	struct packet_spec p = acl_packet_spec(from, to, family, IPPROTO_UDP, random_port(), random_port()), error;
	struct frame f;

	switch (random_below(5)) {
	case 0:
		p.proto = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		p.icmp_type = six ? 128 : 8;
		p.icmp_code = (uint8_t)random_below(2);
		p.icmp_id = ++id;
		p.sport = p.dport = 0;
		if (!acl_agree("echo", from, to, p))
			return;
		p = acl_back(p);
		p.icmp_type = six ? 129 : 0;
		acl_agree("echo's answer", to, from, p);
		return;
	case 1:
		p.proto = 47;
		p.sport = p.dport = 0;
		acl_agree("another protocol", from, to, p);
		return;
	case 2:
		p.fragment_id = ++id;
		p.more_fragments = true;
		if (!acl_agree("first fragment", from, to, p) || pending)
			return;
		p.more_fragments = false;
		p.fragment_offset = 24;
		acl_agree("later fragment", from, to, p);
		return;
	default:
		if (!acl_agree("UDP", from, to, p))
			return;
		frame_build(&f, &p);
		error = (struct packet_spec){.src = p.dst,
					     .dst = p.src,
					     .proto = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
					     .icmp_type = six ? 1 : 3,
					     .icmp_code = (uint8_t)random_below(4),
					     .quote = &f};
		acl_agree("an error about it", to, from, error);
	}
}

static struct packet_spec connection_packet(unsigned i, bool back, unsigned *from, unsigned *to)
{
	static const uint8_t ends[CONNECTIONS / 2][2] = {{A, C}, {C, F}, {F, B}, {A, B}, {E, A}, {F, E}};
	const uint8_t *end = ends[i / 2];
	struct packet_spec p =
		acl_packet_spec(end[0], end[1], i & 1 ? 6 : 4, IPPROTO_TCP, (uint16_t)(900 + i), (uint16_t)(i * 100));

	*from = end[back];
	*to = end[!back];
	return back ? acl_back(p) : p;
}

/* Rules change between packets, and packets come between what is written and its commit. */
Test(acl_random, as_the_naive_model_says)
{
	unsigned passed = 0, denied = 0, fast = 0, from, to;

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct packet_spec p = connection_packet(i, false, &from, &to);

		acl_connect(from, to, i & 1 ? 6 : 4, p.sport, p.dport);
	}
	usleep(LAB_TICK_US);
	for (unsigned round = 0; round < 150; round++) {
		for (unsigned n = 1 + random_below(3); n > 0; n--)
			random_change();
		acls_write();
		for (unsigned i = 0; i < 40; i++) {
			if (i == 6)
				acls_commit();
			if (random_below(3)) {
				struct packet_spec p =
					connection_packet(random_below(CONNECTIONS), random_below(2), &from, &to);

				lab_slow_path(l);
				if (acl_agree("TCP", from, to, p))
					passed++;
				else
					denied++;
				fast += !lab_slow_path(l);
			} else {
				random_ends(&from, &to);
				random_packet(from, to, random_below(2) ? 4 : 6, i < 6);
			}
		}
	}
	cr_expect(passed > 500 && denied > 500, "%u passed, %u denied", passed, denied);
	cr_expect(!lab_fast_path() || fast > 150, "%u by the fast paths", fast);
}

/* As many rules as a direction may have. */
Test(acl_random, two_hundred_rules)
{
	char rule[64];

	acl_usual();
	for (unsigned i = 0; i < VPC_ACL_RULES - 2; i++) {
		snprintf(rule, sizeof(rule), "%u %s udp %u-%u 10.0.%u.0/%u", 1 + i, i & 1 ? "allow" : "deny", i * 5,
			 i * 5 + 7, i & 1, 24 + i % 5 * (i & 2));
		acl_rule(1, VPC_INGRESS, rule);
	}
	acls_write();
	acls_commit();
	for (uint16_t port = 0; port < 1005; port++)
		acl_agree("UDP", A, C, acl_packet_spec(A, C, 4, IPPROTO_UDP, 5, port));
}
