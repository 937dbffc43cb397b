/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random changes: VPCs, subnets, groups, rules, ENIs and memberships. */
#include <arpa/inet.h>

#include "generate.h"

/* Picks an index of a list whose entries are in use by `test`, or -1. */
#define PICK_WHERE(g, max, test)                                      \
	({                                                            \
		unsigned _start = generator_pick((g), (max)), _k = 0; \
		int _found = -1;                                      \
		for (; _k < (max) && _found < 0; _k++) {              \
			unsigned i = (_start + _k) % (max);           \
			if (test)                                     \
				_found = (int)i;                      \
		}                                                     \
		_found;                                               \
	})

static int pick_vpc(struct generator *g, const struct naive_state *s)
{
	return PICK_WHERE(g, NAIVE_VPCS, s->vpcs[i].name[0]);
}

static int pick_subnet(struct generator *g, const struct naive_state *s)
{
	return PICK_WHERE(g, NAIVE_SUBNETS, s->subnets[i].name[0]);
}

/* Not a default one: its name alone does not tell which. vpc -1: any. */
static int pick_group(struct generator *g, const struct naive_state *s, int vpc)
{
	return PICK_WHERE(g, NAIVE_GROUPS,
			  s->groups[i].name[0] && strcmp(s->groups[i].name, "default") != 0 &&
				  (vpc < 0 || s->groups[i].vpc == vpc));
}

static int pick_eni(struct generator *g, const struct naive_state *s)
{
	return PICK_WHERE(g, NAIVE_ENIS, s->enis[i].name[0]);
}

/* --- rules --- */

/* Ports that packets use too, and their neighbours. */
static const uint16_t ports[] = {0, 1, 22, 53, 80, 443, 1023, 1024, 4095, 4096, 8080, 32768, 65534, 65535};

static void random_ports(struct generator *g, int *from, int *to)
{
	unsigned a = ports[generator_pick(g, ARRAY_SIZE(ports))];
	unsigned b = generator_chance(g, 40) ? a : ports[generator_pick(g, ARRAY_SIZE(ports))];

	if (generator_chance(g, 15)) {
		a = 0;
		b = 65535;
	}
	*from = (int)(a < b ? a : b);
	*to = (int)(a < b ? b : a);
}

static void random_types(struct generator *g, const char *protocol, int *type, int *code)
{
	static const int types4[] = {0, 3, 8, 11, 13, 255}, types6[] = {1, 2, 128, 129, 144, 255};
	unsigned i = generator_pick(g, 6);

	*type = generator_chance(g, 25) ? -1 : !strcmp(protocol, "icmp") ? types4[i] : types6[i];
	*code = *type < 0 || generator_chance(g, 50) ? -1 : (int)generator_pick(g, 3);
}

/* Writes "a.b.c.d/plen" without host bits: a prefix of an address that packets have, of any length. */
static void random_cidr(struct generator *g, const struct naive_state *s, bool want6, char *buf, size_t size)
{
	static const char *const outside4[] = {"198.51.100.7", "203.0.113.9", "10.9.9.9"};
	static const char *const outside6[] = {"2001:db8::8001:2:3:7", "2001:db8:ffff::9"};
	static const unsigned plens4[] = {0, 1, 8, 15, 16, 17, 22, 24, 25, 28, 30, 31, 32};
	static const unsigned plens6[] = {0, 1, 16, 32, 33, 48, 56, 63, 64, 65, 80, 81, 96, 97, 112, 120, 127, 128};
	int eni = pick_eni(g, s);
	struct address a;
	uint8_t family;
	unsigned plen, skip = want6 ? 0 : 96;
	char text[INET6_ADDRSTRLEN];

	if (want6)
		address_parse(outside6[generator_pick(g, ARRAY_SIZE(outside6))], &a, &family);
	else
		address_parse(outside4[generator_pick(g, ARRAY_SIZE(outside4))], &a, &family);
	if (eni >= 0 && generator_chance(g, 65)) {
		const struct naive_eni *e = &s->enis[eni];
		const struct address *own = &e->addrs[generator_pick(g, e->n_addrs)];
		struct address mapped = {{[10] = 0xff, [11] = 0xff}};
		bool is6 = memcmp(own->bytes, mapped.bytes, 12) != 0;

		if (is6 == want6)
			a = *own;
	}
	plen = want6 ? plens6[generator_pick(g, ARRAY_SIZE(plens6))] : plens4[generator_pick(g, ARRAY_SIZE(plens4))];
	for (unsigned bit = skip + plen; bit < 128; bit++)
		a.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	if (want6 && plen == 0)
		snprintf(text, sizeof(text), "::");
	else
		address_format(&a, text);
	snprintf(buf, size, "%s/%u", text, plen);
}

/* "PROTOCOL FROM TO" */
static void ports_text(const struct naive_rule *r, char *buf, size_t size)
{
	char protocol[8], from[12] = "-", to[12] = "-";
	static const struct {
		int number;
		const char *name;
	} names[] = {{-1, "all"}, {1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "icmpv6"}};

	snprintf(protocol, sizeof(protocol), "%d", r->protocol);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == r->protocol)
			snprintf(protocol, sizeof(protocol), "%s", names[i].name);
	if (r->protocol == 1 || r->protocol == 6 || r->protocol == 17 || r->protocol == 58) {
		snprintf(from, sizeof(from), "%d", r->from);
		snprintf(to, sizeof(to), "%d", r->to);
	}
	snprintf(buf, size, "%s %s %s", protocol, from, to);
}

static void rule_line(const struct naive_state *s, const char *op, const struct naive_rule *r, const char *peer,
		      char line[LINE_MAX_BYTES])
{
	char ports_of_it[40];

	ports_text(r, ports_of_it, sizeof(ports_of_it));
	snprintf(line, LINE_MAX_BYTES, "%s %s %s %s %s", op, s->groups[r->group].name, r->egress ? "egress" : "ingress",
		 ports_of_it, peer);
}

/* Protocol, ports and direction of a rule. ret_want6: of which family its CIDR should be; a few are refused. */
static struct naive_rule random_rule(struct generator *g, bool *ret_want6)
{
	static const int protocols[] = {6, 6, 6, 6, 17, 17, 17, 1, 58, -1, 47, 132, 0, 255};
	struct naive_rule r = {.egress = generator_chance(g, 35), .from = -1, .to = -1};

	*ret_want6 = generator_chance(g, 35);
	r.protocol = protocols[generator_pick(g, ARRAY_SIZE(protocols))];
	if (r.protocol == 6 || r.protocol == 17)
		random_ports(g, &r.from, &r.to);
	if (r.protocol == 1 || r.protocol == 58) {
		random_types(g, r.protocol == 1 ? "icmp" : "icmpv6", &r.from, &r.to);
		*ret_want6 = (r.protocol == 58) != generator_chance(g, 5);
	}
	return r;
}

static void line_authorize(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	bool want6;
	struct naive_rule r = random_rule(g, &want6);
	int group = pick_group(g, s, -1), peer;
	char peer_text[NAIVE_NAME + 64];

	if (group < 0)
		return;
	r.group = group;
	peer = pick_group(g, s, s->groups[group].vpc);
	if (generator_chance(g, 15))
		peer = group;
	if (peer >= 0 && generator_chance(g, 35))
		snprintf(peer_text, sizeof(peer_text), "sg:%s",
			 generator_chance(g, 10) ? "default" : s->groups[peer].name);
	else
		random_cidr(g, s, want6, peer_text, sizeof(peer_text));
	rule_line(s, "sg.authorize", &r, peer_text, line);
}

static void line_revoke(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int rule = PICK_WHERE(g, NAIVE_RULES,
			      s->rules[i].used && strcmp(s->groups[s->rules[i].group].name, "default") != 0);
	const struct naive_rule *r = &s->rules[rule < 0 ? 0 : rule];
	char peer[NAIVE_NAME + 64], text[INET6_ADDRSTRLEN];

	if (rule < 0)
		return;
	if (r->peer_group >= 0)
		snprintf(peer, sizeof(peer), "sg:%s", s->groups[r->peer_group].name);
	else
		snprintf(peer, sizeof(peer), "%s/%u", address_format(&r->cidr.addr, text), r->cidr.plen);
	rule_line(s, "sg.revoke", r, peer, line);
}

/* --- the rest --- */

static void line_vpc_create(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	(void)s;
	/* All of them may use the same addresses. */
	snprintf(line, LINE_MAX_BYTES, "vpc.create v%u 10.0.0.0/16 fd00::/56", g->names++);
}

static void line_vpc_delete(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int vpc = pick_vpc(g, s);

	if (vpc >= 0)
		snprintf(line, LINE_MAX_BYTES, "vpc.delete %s", s->vpcs[vpc].name);
}

static void line_subnet_create(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int vpc = pick_vpc(g, s);
	unsigned n = generator_pick(g, 4);

	if (vpc < 0)
		return;
	if (generator_chance(g, 80))
		snprintf(line, LINE_MAX_BYTES, "subnet.create s%u %s 10.0.%u.0/24 fd00:0:0:%u::/64", g->names++,
			 s->vpcs[vpc].name, n, n);
	else
		snprintf(line, LINE_MAX_BYTES, "subnet.create s%u %s 10.0.%u.0/26 -", g->names++, s->vpcs[vpc].name, n);
}

static void line_subnet_delete(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int subnet = pick_subnet(g, s);

	if (subnet >= 0)
		snprintf(line, LINE_MAX_BYTES, "subnet.delete %s", s->subnets[subnet].name);
}

static void line_sg_create(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int vpc = pick_vpc(g, s);

	if (vpc >= 0)
		snprintf(line, LINE_MAX_BYTES, "sg.create g%u %s", g->names++, s->vpcs[vpc].name);
}

static void line_sg_delete(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int group = pick_group(g, s, -1);

	if (group >= 0)
		snprintf(line, LINE_MAX_BYTES, "sg.delete %s", s->groups[group].name);
}

/* "g1,g2": one to three groups of a VPC, now and then none (the default one, or a refusal). */
static void random_groups(struct generator *g, const struct naive_state *s, int vpc, char *buf, size_t size)
{
	unsigned n = 1 + generator_pick(g, 3);
	size_t used = 0;
	int seen[3];

	snprintf(buf, size, "-");
	if (generator_chance(g, 8))
		return;
	for (unsigned i = 0; i < n; i++) {
		int group = pick_group(g, s, vpc);
		bool again = group < 0;

		for (unsigned k = 0; k < i; k++)
			again = again || seen[k] == group;
		seen[i] = group;
		if (!again)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? "," : "",
						 s->groups[group].name);
	}
}

/* The fifth group of an IPv6 address: so that prefixes longer than 64 bits tell addresses apart. */
static unsigned pick_word(struct generator *g)
{
	static const unsigned words[] = {0, 1, 0x8000, 0x8001};

	return words[generator_pick(g, ARRAY_SIZE(words))];
}

/* Up to two addresses of a subnet. */
static void random_secondary(struct generator *g, const struct naive_subnet *sn, char *buf, size_t size)
{
	unsigned n = generator_pick(g, 3), third = sn->cidr.addr.bytes[14];

	if (n == 0)
		snprintf(buf, size, "-");
	else if (n == 1)
		snprintf(buf, size, "10.0.%u.%u", third, 30 + generator_pick(g, 8));
	else if (sn->cidr6.family)
		snprintf(buf, size, "10.0.%u.%u,fd00:0:0:%u:%x::%x", third, 30 + generator_pick(g, 8), third,
			 pick_word(g), 30 + generator_pick(g, 8));
	else
		snprintf(buf, size, "10.0.%u.%u,10.0.%u.%u", third, 30 + generator_pick(g, 4), third,
			 34 + generator_pick(g, 4));
}

static void line_eni_create(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int subnet = pick_subnet(g, s);
	const struct naive_subnet *sn = &s->subnets[subnet < 0 ? 0 : subnet];
	char groups[128], secondary[128], ip6[64] = "-";
	unsigned host = 4 + generator_pick(g, 16), third = sn->cidr.addr.bytes[14];

	if (subnet < 0)
		return;
	random_groups(g, s, sn->vpc, groups, sizeof(groups));
	random_secondary(g, sn, secondary, sizeof(secondary));
	if (sn->cidr6.family)
		snprintf(ip6, sizeof(ip6), "fd00:0:0:%u:%x::%x", third, pick_word(g), host);
	snprintf(line, LINE_MAX_BYTES, "eni.create e%u %s 02:00:00:00:%02x:%02x 10.0.%u.%u %s %s %s on", g->names,
		 sn->name, g->names >> 8 & 0xff, g->names & 0xff, third, host, ip6, secondary, groups);
	g->names++;
}

static void line_eni_delete(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int eni = pick_eni(g, s);

	if (eni >= 0)
		snprintf(line, LINE_MAX_BYTES, "eni.delete %s", s->enis[eni].name);
}

static void line_eni_groups(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int eni = pick_eni(g, s);
	char groups[128];

	if (eni < 0)
		return;
	random_groups(g, s, s->enis[eni].vpc, groups, sizeof(groups));
	if (strcmp(groups, "-") != 0)
		snprintf(line, LINE_MAX_BYTES, "eni.groups %s %s", s->enis[eni].name, groups);
}

static void line_eni_addresses(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int eni = pick_eni(g, s);
	char secondary[128];

	if (eni < 0)
		return;
	random_secondary(g, &s->subnets[s->enis[eni].subnet], secondary, sizeof(secondary));
	snprintf(line, LINE_MAX_BYTES, "eni.addresses %s %s", s->enis[eni].name, secondary);
}

static void line_membership(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int eni = pick_eni(g, s);
	int group = eni < 0 ? -1 : pick_group(g, s, s->enis[eni].vpc);

	if (group >= 0)
		snprintf(line, LINE_MAX_BYTES, "%s %s %s", generator_chance(g, 50) ? "sg.attach" : "sg.detach",
			 s->groups[group].name, s->enis[eni].name);
}

/* --- network ACLs --- */

static int pick_acl(struct generator *g, const struct naive_state *s)
{
	return PICK_WHERE(g, NAIVE_ACLS, s->acls[i].name[0]);
}

static void line_acl_create(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int vpc = pick_vpc(g, s);

	if (vpc >= 0)
		snprintf(line, LINE_MAX_BYTES, "acl.create a%u %s", g->names++, s->vpcs[vpc].name);
}

static void line_acl_delete(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int acl = pick_acl(g, s);

	if (acl >= 0)
		snprintf(line, LINE_MAX_BYTES, "acl.delete %s", s->acls[acl].name);
}

/* One of the other VPC is refused. */
static void line_acl_associate(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int acl = pick_acl(g, s), subnet = pick_subnet(g, s);

	if (acl >= 0 && subnet >= 0)
		snprintf(line, LINE_MAX_BYTES, "acl.associate %s %s", s->acls[acl].name, s->subnets[subnet].name);
}

/* Most of them allow, and many allow everything, behind the others: packets should pass. */
static void line_acl_rule(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	static const char *const ops[] = {"add", "add", "add", "replace"};
	int acl = pick_acl(g, s);
	bool want6, all = generator_chance(g, 35);
	struct naive_rule r = random_rule(g, &want6);
	char cidr[NAIVE_NAME + 64], ports_of_it[40];

	if (acl < 0)
		return;
	if (all)
		r = (struct naive_rule){.egress = generator_chance(g, 50), .protocol = -1, .from = -1, .to = -1};
	ports_text(&r, ports_of_it, sizeof(ports_of_it));
	random_cidr(g, s, want6, cidr, sizeof(cidr));
	snprintf(line, LINE_MAX_BYTES, "acl.rule.%s %s %s %u %s %s %s", ops[generator_pick(g, ARRAY_SIZE(ops))],
		 s->acls[acl].name, r.egress ? "egress" : "ingress", all ? 100u + want6 : 1 + generator_pick(g, 16),
		 all || generator_chance(g, 60) ? "allow" : "deny", ports_of_it,
		 !all	 ? cidr
		 : want6 ? "::/0"
			 : "0.0.0.0/0");
}

static void line_acl_rule_delete(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	int acl = pick_acl(g, s);
	int rule = acl < 0 ? -1 : PICK_WHERE(g, NAIVE_ACL_RULES, s->acls[acl].rules[i].number);

	if (rule >= 0)
		snprintf(line, LINE_MAX_BYTES, "acl.rule.delete %s %s %u", s->acls[acl].name,
			 s->acls[acl].rules[rule].rule.egress ? "egress" : "ingress", s->acls[acl].rules[rule].number);
}

static const struct {
	unsigned weight;
	void (*make)(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES]);
} kinds[] = {
	{34, line_authorize},	 {26, line_revoke},	    {14, line_membership}, {7, line_eni_groups},
	{5, line_eni_addresses}, {4, line_eni_create},	    {3, line_eni_delete},  {3, line_sg_create},
	{2, line_sg_delete},	 {1, line_subnet_create},   {1, line_vpc_create},  {1, line_vpc_delete},
	{1, line_subnet_delete}, {1, line_acl_create},	    {1, line_acl_delete},  {2, line_acl_associate},
	{10, line_acl_rule},	 {4, line_acl_rule_delete},
};

void generate_change(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	unsigned total = 0, at;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		total += kinds[i].weight;
	at = generator_pick(g, total);
	snprintf(line, LINE_MAX_BYTES, "# nothing to change");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (at < kinds[i].weight) {
			kinds[i].make(g, s, line);
			return;
		}
		at -= kinds[i].weight;
	}
}

bool generate_setup(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES])
{
	static const struct {
		unsigned until;
		void (*make)(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES]);
	} stages[] = {
		{2, line_vpc_create}, {8, line_subnet_create}, {18, line_sg_create}, {36, line_eni_create},
		{80, line_authorize}, {84, line_acl_create},   {112, line_acl_rule}, {116, line_acl_associate},
	};

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if (g->setup < stages[i].until) {
			g->setup++;
			snprintf(line, LINE_MAX_BYTES, "# nothing to set up");
			stages[i].make(g, s, line);
			return true;
		}
	return false;
}
