/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps are written in vpcd's order; the tables are those that vpcd builds. */
#include "acl_util.h"
#include "lab_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "datapath/maps/classifier/acl.h"

#define SLOT_BLOCKS 1024u /* of acl_block: two such runs for each direction, of which one is in force */

struct direction {
	struct acl_line lines[VPC_ACL_RULES];
	size_t n;
	bool open;
};

struct acls {
	struct direction of[ACL_UTIL_ACLS][2];
	uint32_t subnet[ACL_UTIL_SUBNETS];
};

/* What counts, what was written, and what was changed since. */
static struct acls committed, written, wanted;
static uint32_t turn[ACL_UTIL_ACLS][2];
static struct lab *lab;

void acls_begin(struct lab *l)
{
	lab = l;
	memset(&wanted, 0, sizeof(wanted));
	for (unsigned i = 0; i < ACL_UTIL_ACLS; i++)
		wanted.of[i][0].open = wanted.of[i][1].open = true;
	written = committed = wanted;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static size_t place_of(const struct direction *d, unsigned number)
{
	size_t i = 0;

	while (i < d->n && d->lines[i].number < number)
		i++;
	return i;
}

void acl_put(uint32_t acl, unsigned direction, const struct acl_line *line)
{
	struct direction *d = &wanted.of[acl][direction];
	size_t i = place_of(d, line->number);

	if (i == d->n || d->lines[i].number != line->number) {
		cr_assert_lt(d->n, VPC_ACL_RULES);
		memmove(&d->lines[i + 1], &d->lines[i], (d->n++ - i) * sizeof(*line));
	}
	d->lines[i] = *line;
	d->open = false;
}

bool acl_remove(uint32_t acl, unsigned direction, unsigned number)
{
	struct direction *d = &wanted.of[acl][direction];
	size_t i = place_of(d, number);

	if (i == d->n || d->lines[i].number != number)
		return false;
	memmove(&d->lines[i], &d->lines[i + 1], (--d->n - i) * sizeof(d->lines[0]));
	return true;
}

static int protocol_of(const char *word)
{
	static const struct {
		const char *word;
		int protocol;
	} known[] = {{"all", -1},
		     {"tcp", IPPROTO_TCP},
		     {"udp", IPPROTO_UDP},
		     {"icmp", IPPROTO_ICMP},
		     {"icmpv6", IPPROTO_ICMPV6}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(word, known[i].word))
			return known[i].protocol;
	return atoi(word);
}

void acl_rule(uint32_t acl, unsigned direction, const char *text)
{
	struct acl_line line = {.first = -1, .last = -1};
	char action[8], protocol[8], ports[16], separator;
	int n = sscanf(text, "%u %7s %7s %15s %47s", &line.number, action, protocol, ports, line.cidr);

	cr_assert_geq(n, 4, "%s", text);
	if (n == 4)
		snprintf(line.cidr, sizeof(line.cidr), "%s", ports);
	else if (sscanf(ports, "%d%c%d", &line.first, &separator, &line.last) == 1)
		line.last = line.first;
	line.allow = !strcmp(action, "allow");
	line.protocol = protocol_of(protocol);
	acl_put(acl, direction, &line);
}

void acl_open(uint32_t acl, unsigned direction, bool open)
{
	wanted.of[acl][direction].open = open;
}

void acl_of_subnet(uint32_t subnet, uint32_t acl)
{
	wanted.subnet[subnet] = acl;
}

/* --- the maps ----------------------------------------------------------------------------------------------------- */

static int family_of(const char *cidr, uint32_t addr[4], unsigned *plen)
{
	char copy[48], *slash;
	int family = strchr(cidr, ':') ? 6 : 4;

	snprintf(copy, sizeof(copy), "%s", cidr);
	slash = strchr(copy, '/');
	*plen = slash ? (unsigned)atoi(slash + 1) : family == 6 ? 128 : 32;
	if (slash)
		*slash = 0;
	memset(addr, 0, 16);
	cr_assert_eq(inet_pton(family == 6 ? AF_INET6 : AF_INET, copy, addr), 1, "%s", cidr);
	return family;
}

static struct acl_table_rule table_rule(const struct acl_line *line)
{
	struct acl_table_rule r = {.allow = line->allow, .port_last = UINT16_MAX};
	unsigned plen;
	bool icmp = line->protocol == IPPROTO_ICMP || line->protocol == IPPROTO_ICMPV6;

	r.family = (uint8_t)family_of(line->cidr, r.addr, &plen);
	r.plen = (uint8_t)plen;
	r.slot = line->protocol < 0		    ? VPC_SLOT_ANY
		 : line->protocol == IPPROTO_TCP    ? VPC_SLOT_TCP
		 : line->protocol == IPPROTO_UDP    ? VPC_SLOT_UDP
		 : line->protocol == IPPROTO_ICMP   ? VPC_SLOT_ICMP
		 : line->protocol == IPPROTO_ICMPV6 ? VPC_SLOT_ICMPV6
						    : VPC_SLOT_OTHER;
	if (r.slot == VPC_SLOT_OTHER) {
		r.port_first = r.port_last = (uint16_t)line->protocol;
	} else if (icmp && line->first >= 0) {
		r.port_first = (uint16_t)(line->first << 8 | (line->last < 0 ? 0 : line->last));
		r.port_last = (uint16_t)(line->first << 8 | (line->last < 0 ? 0xff : line->last));
	} else if (!icmp && line->first >= 0) {
		r.port_first = (uint16_t)line->first;
		r.port_last = (uint16_t)line->last;
	}
	return r;
}

static void update(const struct bpf_map *map, uint32_t key, const void *value)
{
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), &key, value, BPF_ANY), 0);
}

static void set_versioned(struct vpc_versioned *v, uint32_t value)
{
	uint64_t next = lab_epoch(lab) + 1, a = v->slot[0] >> VPC_VERSIONED_SHIFT,
		 b = v->slot[1] >> VPC_VERSIONED_SHIFT;

	v->slot[a == next ? 0 : b == next ? 1 : a > b] = next << VPC_VERSIONED_SHIFT | value;
}

/* The first block of a new table with the direction's rules. */
static uint32_t table_write(uint32_t acl, unsigned direction)
{
	const struct direction *d = &wanted.of[acl][direction];
	struct vpc_acl_table head = {.acl = acl, .dir = direction, .vpc = 1};
	struct acl_table_rule rules[VPC_ACL_RULES];
	uint32_t at = 1 + ((acl * 2 + direction) * 2 + (turn[acl][direction] ^= 1)) * SLOT_BLOCKS;
	struct classifier_blocks blocks;

	for (size_t i = 0; i < d->n; i++)
		rules[i] = table_rule(&d->lines[i]);
	cr_assert_eq(acl_table_build(rules, d->n, &head, &blocks), 0);
	cr_assert_leq(blocks.n, SLOT_BLOCKS);
	for (uint32_t i = 0; i < blocks.n; i++)
		update(lab->skel->maps.acl_block, at + i, &blocks.at[i]);
	free(blocks.at);
	return at;
}

static bool direction_changed(uint32_t acl, unsigned direction)
{
	return memcmp(&wanted.of[acl][direction], &written.of[acl][direction], sizeof(struct direction)) != 0;
}

static bool has_table(const struct acls *a, uint32_t acl)
{
	return acl && !(a->of[acl][0].open && a->of[acl][1].open);
}

static void acl_write(uint32_t acl)
{
	struct vpc_acl row;

	if (!direction_changed(acl, 0) && !direction_changed(acl, 1))
		return;
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(lab->skel->maps.acl), &acl, &row), 0);
	for (unsigned direction = 0; direction < 2; direction++)
		if (direction_changed(acl, direction))
			set_versioned(&row.table[direction],
				      wanted.of[acl][direction].open ? 0 : table_write(acl, direction));
	update(lab->skel->maps.acl, acl, &row);
}

/* What the ENIs of the subnet have: a generation, and the flag if there is a table before the commit or after it. */
static void enis_write(uint32_t subnet)
{
	uint32_t before = written.subnet[subnet], after = wanted.subnet[subnet];
	bool changed = before != after || direction_changed(after, 0) || direction_changed(after, 1);
	bool asked = has_table(&written, before) || has_table(&committed, committed.subnet[subnet]) ||
		     has_table(&wanted, after);

	for (unsigned i = 0; i < LAB_PORTS_MAX; i++) {
		struct vpc_eni *e = &lab->eni[LAB_ENI(i)];

		if (e->vpc != 1 || e->subnet != subnet)
			continue;
		if (changed)
			e->gen_any = lab_epoch(lab) + 1;
		e->flags = asked ? e->flags | VPC_ENI_ACL : e->flags & ~VPC_ENI_ACL;
	}
}

void acls_write(void)
{
	uint64_t tables = 0;

	for (uint32_t acl = 1; acl < ACL_UTIL_ACLS; acl++)
		tables += has_table(&wanted, acl) || has_table(&written, acl) || has_table(&committed, acl);
	update(lab->skel->maps.vpc_acls, 1, &tables);
	for (uint32_t acl = 1; acl < ACL_UTIL_ACLS; acl++)
		acl_write(acl);
	for (uint32_t subnet = 1; subnet < ACL_UTIL_SUBNETS; subnet++) {
		struct vpc_versioned v;

		enis_write(subnet);
		if (wanted.subnet[subnet] == written.subnet[subnet])
			continue;
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(lab->skel->maps.subnet_acl), &subnet, &v), 0);
		set_versioned(&v, wanted.subnet[subnet]);
		update(lab->skel->maps.subnet_acl, subnet, &v);
	}
	written = wanted;
}

void acls_commit(void)
{
	lab_commit(lab);
	committed = written;
}

/* --- what rules mean ---------------------------------------------------------------------------------------------- */

static bool cidr_has(const char *cidr, const char *address)
{
	uint32_t network[4], addr[4];
	const uint8_t *a = (uint8_t *)network, *b = (uint8_t *)addr;
	unsigned plen, whole;

	if (family_of(cidr, network, &plen) != family_of(address, addr, &whole))
		return false;
	for (unsigned bit = 0; bit < plen; bit++)
		if ((a[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool line_names(const struct acl_line *line, const char *peer, const struct acl_packet *p)
{
	if (!cidr_has(line->cidr, peer))
		return false;
	if (line->protocol < 0)
		return true;
	if (line->protocol != p->proto)
		return false;
	switch (p->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return line->first < 0 || (line->first <= p->dport && p->dport <= line->last);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return line->first < 0 ||
		       (line->first == p->icmp_type && (line->last < 0 || line->last == p->icmp_code));
	default:
		return true;
	}
}

bool acl_allows(uint32_t subnet, unsigned direction, const struct acl_packet *p)
{
	uint32_t acl = committed.subnet[subnet];
	const struct direction *d = &committed.of[acl][direction];

	if (!acl || d->open)
		return true;
	for (size_t i = 0; i < d->n; i++)
		if (line_names(&d->lines[i], direction == VPC_EGRESS ? p->dst : p->src, p))
			return d->lines[i].allow;
	return false;
}
