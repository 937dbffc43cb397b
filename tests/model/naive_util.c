/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The naive model's state: finding things in it, and what each line of a script does to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "naive.h"

void naive_clear(struct naive *n)
{
	free(n->flows);
	memset(n, 0, sizeof(*n));
}

#define DEFINE_FIND(kind, list, max)                                              \
	int naive_find_##kind(const struct naive_state *s, const char *name)      \
	{                                                                         \
		for (int i = 0; i < max; i++)                                     \
			if (s->list[i].name[0] && !strcmp(s->list[i].name, name)) \
				return i;                                         \
		return -1;                                                        \
	}
DEFINE_FIND(vpc, vpcs, NAIVE_VPCS)
DEFINE_FIND(subnet, subnets, NAIVE_SUBNETS)
DEFINE_FIND(eni, enis, NAIVE_ENIS)
DEFINE_FIND(acl, acls, NAIVE_ACLS)

int naive_find_group(const struct naive_state *s, int vpc, const char *name)
{
	for (int i = 0; i < NAIVE_GROUPS; i++)
		if (!strcmp(s->groups[i].name, name) && (vpc < 0 || s->groups[i].vpc == vpc))
			return i;
	return -1;
}

int naive_eni_by_address(const struct naive_state *s, int vpc, const struct address *a)
{
	for (int i = 0; i < NAIVE_ENIS; i++) {
		const struct naive_eni *e = &s->enis[i];

		if (!e->name[0] || e->vpc != vpc)
			continue;
		for (unsigned k = 0; k < e->n_addrs; k++)
			if (address_equal(&e->addrs[k], a))
				return i;
	}
	return -1;
}

bool prefix_contains(const struct prefix *p, uint8_t family, const struct address *a)
{
	unsigned skip = p->family == 4 ? 96 : 0;

	if (p->family == 0 || p->family != family)
		return false;
	for (unsigned bit = skip; bit < skip + p->plen; bit++) {
		unsigned mask = 0x80u >> (bit % 8);

		if ((p->addr.bytes[bit / 8] & mask) != (a->bytes[bit / 8] & mask))
			return false;
	}
	return true;
}

bool naive_in_vpc(const struct naive_state *s, int vpc, uint8_t family, const struct address *a)
{
	return prefix_contains(&s->vpcs[vpc].cidr, family, a) || prefix_contains(&s->vpcs[vpc].cidr6, family, a);
}

struct address naive_gateway(const struct naive_subnet *sn)
{
	struct address a = sn->cidr.addr;

	a.bytes[15]++; /* subnets end in an even number */
	return a;
}

bool address_is_gateway(const struct naive_state *s, int subnet, uint8_t family, const struct address *a)
{
	static const struct address gateway6 = {{[0] = 0xfe, [1] = 0x80, [15] = 1}};
	struct address gateway = naive_gateway(&s->subnets[subnet]);

	if (family == 6)
		return s->subnets[subnet].cidr6.family && address_equal(a, &gateway6);
	return address_equal(a, &gateway);
}

int naive_prefix(const char *s, struct prefix *ret)
{
	char text[64];
	char *slash;

	memset(ret, 0, sizeof(*ret));
	if (!strcmp(s, "-"))
		return 0;
	snprintf(text, sizeof(text), "%s", s);
	slash = strchr(text, '/');
	if (!slash)
		return -1;
	*slash = '\0';
	ret->plen = (unsigned)atoi(slash + 1);
	return address_parse(text, &ret->addr, &ret->family) < 0 ? -1 : 0;
}

static void copy_name(char ret[NAIVE_NAME], const char *name)
{
	snprintf(ret, NAIVE_NAME, "%s", name);
}

/* The first free entry of a list: one without a name. */
#define FREE_ENTRY(list, max)                            \
	({                                               \
		int _i = 0;                              \
		while (_i < (max) && (list)[_i].name[0]) \
			_i++;                            \
		_i < (max) ? &(list)[_i] : NULL;         \
	})

static int add_rule(struct naive_state *s, const struct naive_rule *rule)
{
	for (int i = 0; i < NAIVE_RULES; i++)
		if (!s->rules[i].used) {
			s->rules[i] = *rule;
			s->rules[i].used = true;
			return 0;
		}
	return -1;
}

static int new_group(struct naive_state *s, int vpc, const char *name)
{
	struct naive_group *g = FREE_ENTRY(s->groups, NAIVE_GROUPS);
	struct naive_rule everything = {.egress = true, .protocol = -1, .from = -1, .to = -1, .peer_group = -1};

	if (!g)
		return -1;
	copy_name(g->name, name);
	g->vpc = vpc;
	everything.group = (int)(g - s->groups);
	if (naive_prefix("0.0.0.0/0", &everything.cidr) < 0 || add_rule(s, &everything) < 0)
		return -1;
	if (naive_prefix("::/0", &everything.cidr) < 0 || add_rule(s, &everything) < 0)
		return -1;
	return (int)(g - s->groups);
}

/* vpc.create NAME CIDR CIDR6 */
static int apply_vpc_create(struct naive_state *s, char *const *w)
{
	struct naive_vpc *v = FREE_ENTRY(s->vpcs, NAIVE_VPCS);
	struct naive_rule from_itself = {.protocol = -1, .from = -1, .to = -1};
	int group;

	if (!v || naive_prefix(w[2], &v->cidr) < 0 || naive_prefix(w[3], &v->cidr6) < 0)
		return -1;
	copy_name(v->name, w[1]);
	group = new_group(s, (int)(v - s->vpcs), "default");
	from_itself.group = from_itself.peer_group = group;
	return group < 0 ? -1 : add_rule(s, &from_itself);
}

static void forget_group(struct naive_state *s, int group)
{
	s->groups[group].name[0] = '\0';
	for (int i = 0; i < NAIVE_RULES; i++)
		if (s->rules[i].used && s->rules[i].group == group)
			s->rules[i].used = false;
}

/* vpc.delete NAME */
static int apply_vpc_delete(struct naive_state *s, char *const *w)
{
	int vpc = naive_find_vpc(s, w[1]);

	if (vpc < 0)
		return -1;
	for (int i = 0; i < NAIVE_GROUPS; i++)
		if (s->groups[i].name[0] && s->groups[i].vpc == vpc)
			forget_group(s, i);
	s->vpcs[vpc].name[0] = '\0';
	return 0;
}

/* subnet.create NAME VPC CIDR CIDR6 */
static int apply_subnet_create(struct naive_state *s, char *const *w)
{
	struct naive_subnet *sn = FREE_ENTRY(s->subnets, NAIVE_SUBNETS);

	if (!sn || naive_prefix(w[3], &sn->cidr) < 0 || naive_prefix(w[4], &sn->cidr6) < 0)
		return -1;
	sn->vpc = naive_find_vpc(s, w[2]);
	sn->acl = -1;
	copy_name(sn->name, w[1]);
	return sn->vpc < 0 ? -1 : 0;
}

/* subnet.delete NAME */
static int apply_subnet_delete(struct naive_state *s, char *const *w)
{
	int i = naive_find_subnet(s, w[1]);

	if (i >= 0)
		s->subnets[i].name[0] = '\0';
	return i < 0 ? -1 : 0;
}

/* sg.create NAME VPC */
static int apply_sg_create(struct naive_state *s, char *const *w)
{
	int vpc = naive_find_vpc(s, w[2]);

	return vpc < 0 || new_group(s, vpc, w[1]) < 0 ? -1 : 0;
}

/* sg.delete NAME */
static int apply_sg_delete(struct naive_state *s, char *const *w)
{
	int i = naive_find_group(s, -1, w[1]);

	if (i >= 0)
		forget_group(s, i);
	return i < 0 ? -1 : 0;
}

int naive_protocol(const char *s)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {{"all", -1}, {"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"icmpv6", 58}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(s, names[i].name))
			return names[i].number;
	return atoi(s);
}

/* SG DIRECTION PROTOCOL FROM TO PEER, from w[1]; "-" is no port, PEER a CIDR or sg:NAME */
static int parse_rule(const struct naive_state *s, char *const *w, struct naive_rule *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->group = naive_find_group(s, -1, w[1]);
	ret->egress = !strcmp(w[2], "egress");
	ret->protocol = naive_protocol(w[3]);
	ret->from = strcmp(w[4], "-") ? atoi(w[4]) : -1;
	ret->to = strcmp(w[5], "-") ? atoi(w[5]) : -1;
	ret->peer_group = -1;
	if (ret->group < 0)
		return -1;
	if (strncmp(w[6], "sg:", 3))
		return naive_prefix(w[6], &ret->cidr);
	ret->peer_group = naive_find_group(s, s->groups[ret->group].vpc, w[6] + 3);
	return ret->peer_group < 0 ? -1 : 0;
}

/* sg.authorize … */
static int apply_authorize(struct naive_state *s, char *const *w)
{
	struct naive_rule rule;

	return parse_rule(s, w, &rule) < 0 ? -1 : add_rule(s, &rule);
}

/* sg.revoke … */
static int apply_revoke(struct naive_state *s, char *const *w)
{
	struct naive_rule rule;

	if (parse_rule(s, w, &rule) < 0)
		return -1;
	for (int i = 0; i < NAIVE_RULES; i++) {
		struct naive_rule *r = &s->rules[i];

		if (r->used && r->group == rule.group && r->egress == rule.egress && r->protocol == rule.protocol &&
		    r->from == rule.from && r->to == rule.to && r->peer_group == rule.peer_group &&
		    r->cidr.family == rule.cidr.family && r->cidr.plen == rule.cidr.plen &&
		    address_equal(&r->cidr.addr, &rule.cidr.addr)) {
			r->used = false;
			return 0;
		}
	}
	return -1;
}

static int set_groups(const struct naive_state *s, struct naive_eni *e, const char *list)
{
	char text[256];
	char *save = NULL;

	e->n_groups = 0;
	if (!strcmp(list, "-"))
		list = "default";
	snprintf(text, sizeof(text), "%s", list);
	for (char *g = strtok_r(text, ",", &save); g; g = strtok_r(NULL, ",", &save)) {
		int group = naive_find_group(s, e->vpc, g);

		if (group < 0 || e->n_groups == 16)
			return -1;
		e->groups[e->n_groups++] = group;
	}
	return 0;
}

static int add_addresses(struct naive_eni *e, const char *list)
{
	char text[512];
	char *save = NULL;

	if (!strcmp(list, "-"))
		return 0;
	snprintf(text, sizeof(text), "%s", list);
	for (char *a = strtok_r(text, ",", &save); a; a = strtok_r(NULL, ",", &save)) {
		uint8_t family;

		if (e->n_addrs == NAIVE_ADDRS || address_parse(a, &e->addrs[e->n_addrs], &family) < 0)
			return -1;
		e->n_addrs++;
	}
	return 0;
}

/* eni.create NAME SUBNET MAC IP IP6 SECONDARY,… GROUP,… on|off */
static int apply_eni_create(struct naive_state *s, char *const *w)
{
	struct naive_eni *e = FREE_ENTRY(s->enis, NAIVE_ENIS);
	int subnet = naive_find_subnet(s, w[2]);

	if (!e || subnet < 0)
		return -1;
	memset(e, 0, sizeof(*e));
	e->subnet = subnet;
	e->life = ++s->lives;
	e->vpc = s->subnets[subnet].vpc;
	e->check = !strcmp(w[8], "on");
	if (sscanf(w[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &e->mac[0], &e->mac[1], &e->mac[2], &e->mac[3], &e->mac[4],
		   &e->mac[5]) != 6)
		return -1;
	if (add_addresses(e, w[4]) < 0 || add_addresses(e, w[5]) < 0 || add_addresses(e, w[6]) < 0)
		return -1;
	copy_name(e->name, w[1]);
	return set_groups(s, e, w[7]);
}

static struct naive_eni *eni_named(struct naive_state *s, const char *name)
{
	int i = naive_find_eni(s, name);

	return i < 0 ? NULL : &s->enis[i];
}

/* eni.delete NAME */
static int apply_eni_delete(struct naive_state *s, char *const *w)
{
	struct naive_eni *e = eni_named(s, w[1]);

	if (e)
		e->name[0] = '\0';
	return e ? 0 : -1;
}

/* eni.groups NAME GROUP,… */
static int apply_eni_groups(struct naive_state *s, char *const *w)
{
	struct naive_eni *e = eni_named(s, w[1]);

	return e ? set_groups(s, e, w[2]) : -1;
}

/* eni.addresses NAME SECONDARY,…: the primary ones stay */
static int apply_eni_addresses(struct naive_state *s, char *const *w)
{
	struct naive_eni *e = eni_named(s, w[1]);

	if (!e)
		return -1;
	/* primary IPv4 and, in a subnet that has IPv6, the primary IPv6 address come first */
	e->n_addrs = s->subnets[e->subnet].cidr6.family ? 2 : 1;
	return add_addresses(e, w[2]);
}

/* eni.check NAME on|off */
static int apply_eni_check(struct naive_state *s, char *const *w)
{
	struct naive_eni *e = eni_named(s, w[1]);

	if (e)
		e->check = !strcmp(w[2], "on");
	return e ? 0 : -1;
}

/* sg.attach GROUP ENI */
static int apply_sg_attach(struct naive_state *s, char *const *w)
{
	struct naive_eni *e = eni_named(s, w[2]);
	int group = e ? naive_find_group(s, e->vpc, w[1]) : -1;

	if (group < 0)
		return -1;
	for (unsigned i = 0; i < e->n_groups; i++)
		if (e->groups[i] == group)
			return 0;
	if (e->n_groups == 16)
		return -1;
	e->groups[e->n_groups++] = group;
	return 0;
}

/* sg.detach GROUP ENI */
static int apply_sg_detach(struct naive_state *s, char *const *w)
{
	struct naive_eni *e = eni_named(s, w[2]);
	int group = e ? naive_find_group(s, e->vpc, w[1]) : -1;

	for (unsigned i = 0; e && i < e->n_groups; i++)
		if (e->groups[i] == group) {
			e->groups[i] = e->groups[--e->n_groups];
			return 0;
		}
	return -1;
}

static const struct {
	const char *op;
	unsigned words;
	int (*apply)(struct naive_state *s, char *const *words);
} ops[] = {
	{"vpc.create", 4, apply_vpc_create},	   {"vpc.delete", 2, apply_vpc_delete},
	{"subnet.create", 5, apply_subnet_create}, {"subnet.delete", 2, apply_subnet_delete},
	{"sg.create", 3, apply_sg_create},	   {"sg.delete", 2, apply_sg_delete},
	{"sg.authorize", 7, apply_authorize},	   {"sg.revoke", 7, apply_revoke},
	{"sg.attach", 3, apply_sg_attach},	   {"sg.detach", 3, apply_sg_detach},
	{"eni.create", 9, apply_eni_create},	   {"eni.delete", 2, apply_eni_delete},
	{"eni.groups", 3, apply_eni_groups},	   {"eni.addresses", 3, apply_eni_addresses},
	{"eni.check", 3, apply_eni_check},
};

int naive_apply(struct naive_state *s, char *const *words, unsigned n)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].op, words[0]))
			return n == ops[i].words ? ops[i].apply(s, words) : -1;
	return naive_apply_acl(s, words, n);
}
