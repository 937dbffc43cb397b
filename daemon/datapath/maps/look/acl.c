/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/look/acl.h"

#include <arpa/inet.h>

#define WORD_BITS 64

bool look_acl_asked(const struct look *l, uint32_t vpc)
{
	const __u64 *tables = look_row(l, MAP_VPC_ACLS, vpc);

	return tables && *tables;
}

static const struct vpc_acl_set *set_at(const struct look *l, uint32_t sets, uint32_t number)
{
	const struct vpc_acl_set *pair = look_row(l, MAP_ACL_BLOCK, sets + (number >> 1));

	return pair ? pair + (number & 1) : NULL;
}

/* The place of the first rule that is in both sets; -1: none is. */
static int first_of(const struct vpc_acl_set *a, const struct vpc_acl_set *b)
{
	for (int w = 0; w < 4; w++) {
		uint64_t both = a->word[w] & b->word[w];

		if (both)
			return w * WORD_BITS + __builtin_ctzll(both);
	}
	return -1;
}

static void ask_table(const struct look *l, uint32_t at, uint32_t direction, const struct look_packet *p,
		      struct look_acl *ret)
{
	const struct vpc_acl_table *t = look_row(l, MAP_ACL_BLOCK, at);
	const __be32 *peer = direction == VPC_EGRESS ? p->dst : p->src;
	const uint32_t port = (uint32_t)look_slot(p->family, p->proto) << 16 | look_port(p);
	const struct vpc_acl_set *ports, *peers, *allow;
	bool six = p->family == 6;
	uint32_t key[4];

	if (!t || t->acl != ret->acl || t->dir != direction)
		return;
	for (unsigned w = 0; w < 4; w++)
		key[w] = ntohl(peer[six ? w : 3]);
	ports = set_at(l, at + t->sets, look_list(l, MAP_ACL_BLOCK, at, &t->ports, &port, 1));
	peers = set_at(l, at + t->sets,
		       look_list(l, MAP_ACL_BLOCK, at, six ? &t->peers6 : &t->peers4, key, six ? 4 : 1));
	allow = set_at(l, at + t->sets, VPC_ACL_SET_ALLOW);
	if (!ports || !peers || !allow)
		return;
	ret->place = first_of(ports, peers);
	ret->allowed = ret->place >= 0 && allow->word[ret->place / WORD_BITS] >> ret->place % WORD_BITS & 1;
}

struct look_acl look_acl(const struct look *l, uint32_t eni, uint32_t direction, const struct look_packet *p)
{
	const struct vpc_eni *e = look_eni(l, eni);
	uint32_t acl = e ? look_value(l, look_row(l, MAP_SUBNET_ACL, e->subnet)) : 0;
	const struct vpc_acl *row = acl ? look_row(l, MAP_ACL, acl) : NULL;
	uint32_t table = row ? look_value(l, &row->table[direction & 1]) : 0;
	struct look_acl ret = {.allowed = false, .acl = acl, .place = -1};

	if (table) {
		ask_table(l, table, direction, p, &ret);
		return ret;
	}
	return (struct look_acl){.allowed = true, .place = -1};
}
