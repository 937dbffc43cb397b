/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <vpc/cleanup.h>

#include "random_document_util.h"

static unsigned dice;

static unsigned one_of(unsigned n)
{
	return (unsigned)rand_r(&dice) % n;
}

static void random_rules(FILE *f)
{
	static const char *const protocols[] = {"tcp", "udp"};
	bool used[40] = {0};

	fputs("  rules:\n", f);
	for (unsigned n = one_of(6); n > 0; n--) {
		unsigned port = one_of(ARRAY_SIZE(used));

		if (used[port])
			continue;
		used[port] = true;
		fprintf(f, "  - {direction: %s, protocol: %s, from_port: %u, to_port: %u, ",
			one_of(2) ? "ingress" : "egress", protocols[one_of(2)], port, port + one_of(3));
		switch (one_of(3)) {
		case 0:
			fprintf(f, "cidr: 10.%u.0.0/16}\n", one_of(4));
			break;
		case 1:
			fprintf(f, "sg: g%u, description: d%u}\n", one_of(3), one_of(2));
			break;
		default:
			fprintf(f, "prefix_list: p%u}\n", one_of(2));
		}
	}
	fputs("  - {direction: egress, protocol: all, cidr: 0.0.0.0/0}\n", f);
}

static void random_acl(FILE *f, unsigned vpc)
{
	fprintf(f, "- name: tight\n  vpc: v%u\n  subnets: [%s]\n  rules:\n", vpc, one_of(2) ? "s0" : "");
	for (unsigned n = 1 + one_of(4); n > 0; n--)
		fprintf(f,
			"  - {direction: ingress, rule_number: %u, action: %s, protocol: tcp, from_port: %u, to_port: "
			"99, cidr: "
			"10.0.0.0/8}\n",
			n * 10, one_of(2) ? "allow" : "deny", one_of(9));
}

static void random_table(FILE *f, unsigned vpc)
{
	static const char *const targets[] = {"nat/out", "eni/e0", "blackhole", "igw/gw"};
	unsigned first = one_of(2);

	fprintf(f, "- name: public\n  vpc: v%u\n  subnets: [%s]\n  routes:\n", vpc,
		one_of(2)   ? "s0"
		: one_of(2) ? "s1"
			    : "");
	for (unsigned i = 0; i < 3; i++)
		if (one_of(2))
			fprintf(f, "  - {destination: 10.%u.0.0/16, target: %s}\n", 100 + i, targets[one_of(4)]);
	for (unsigned i = 0; i < 2; i++)
		if (one_of(2))
			fprintf(f, "  - {prefix_list: p%u, target: %s}\n", first ^ i, targets[one_of(3)]);
	fputs("  - {destination: 192.168.0.0/16, target: blackhole}\n", f);
}

char *random_document(unsigned seed)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	unsigned vpcs;

	dice = seed;
	vpcs = 1 + one_of(2);
	fputs("scope: host\nprefix_lists:\n", f);
	for (unsigned i = 0; i < 2; i++)
		fprintf(f,
			"- {name: p%u, max_entries: %u, entries: [{cidr: 198.51.%u.0/24}, {cidr: 203.0.113.%u/32, "
			"description: '%u'}]}\n",
			i, 3 + one_of(2), one_of(3), one_of(2), one_of(2));
	fputs("vpcs:\n", f);
	for (unsigned v = 0; v < vpcs; v++)
		fprintf(f,
			"- {name: v%u, cidr: 10.%u.0.0/16, secondary_cidrs: [%s], domain_name: %s, tags: {a: b%u}}\n",
			v, v, one_of(2) ? "172.16.0.0/16" : "172.17.0.0/16, 172.18.0.0/16",
			one_of(2) ? "a.example" : "null", one_of(3));
	fputs("subnets:\n", f);
	for (unsigned v = 0; v < vpcs; v++)
		for (unsigned i = 0; i < 3; i++)
			fprintf(f, "- {name: s%u, vpc: v%u, cidr: 10.%u.%u.0/24, tags: {}}\n", i, v, v, i);
	fputs("security_groups:\n", f);
	for (unsigned v = 0; v < vpcs; v++)
		for (unsigned i = 0; i < 3; i++) {
			fprintf(f, "- name: g%u\n  vpc: v%u\n  description: d%u\n", i, v, one_of(2));
			random_rules(f);
		}
	fputs("enis:\n", f);
	for (unsigned v = 0; v < vpcs; v++)
		for (unsigned i = 0; i < 1 + one_of(4); i++)
			fprintf(f,
				"- {name: e%u, vpc: v%u, subnet: s%u, ip: 10.%u.%u.%u, mac: '02:00:00:00:%02x:%02x', "
				"security_groups: [g%u], secondary_ips: [%s], source_dest_check: %s}\n",
				i, v, i % 3, v, i % 3, 20 + i, v, i, one_of(3), "", one_of(2) ? "true" : "false");
	fputs("internet_gateways:\n", f);
	fprintf(f, "- {name: gw, vpc: v0}\n");
	fputs("nat_gateways:\n", f);
	for (unsigned v = 0; v < vpcs; v++)
		fprintf(f, "- {name: out, vpc: v%u, subnet: s2}\n", v);
	fprintf(f, "elastic_ips:\n- {name: x, address: 203.0.113.7, vpc: v0, %s}\n",
		one_of(2) ? "eni: e0" : "nat_gateway: out");
	fputs("network_acls:\n", f);
	for (unsigned v = 0; v < vpcs; v++)
		if (one_of(2))
			random_acl(f, v);
	fputs("route_tables:\n", f);
	random_table(f, 0);
	if (one_of(2))
		fprintf(f,
			"publications:\n- {vpc: v0, eni: e0, protocol: tcp, from_port: 80, to_port: 80, "
			"host_from_port: %u, host_to_port: %u}\n",
			8080, 8080);
	fclose(f);
	return text;
}
