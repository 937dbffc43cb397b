/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules into rows: which protocol slot, which port prefixes, which peer. */
#include <netinet/in.h>

#include <vpc/array.h>

#include "compiler/internal.h"
#include "util/port_range.h"

uint8_t protocol_slot(int protocol)
{
	switch (protocol) {
	case PROTOCOL_ALL:
		return VPC_SLOT_ANY;
	case IPPROTO_TCP:
		return VPC_SLOT_TCP;
	case IPPROTO_UDP:
		return VPC_SLOT_UDP;
	case IPPROTO_ICMP:
		return VPC_SLOT_ICMP;
	case IPPROTO_ICMPV6:
		return VPC_SLOT_ICMPV6;
	default:
		return VPC_SLOT_OTHER;
	}
}

/* type << 8 | code as a prefix: any type, a type with any code, or both. */
static struct port_prefix icmp_prefix(int32_t type, int32_t code)
{
	if (type < 0)
		return (struct port_prefix){.port = 0, .plen = 0};
	if (code < 0)
		return (struct port_prefix){.port = (uint16_t)((uint32_t)type << 8), .plen = 8};
	return (struct port_prefix){.port = (uint16_t)((uint32_t)type << 8 | (uint32_t)code), .plen = 16};
}

static size_t rule_prefixes(const struct rule *r, uint8_t slot, struct port_prefix ret[PORT_PREFIXES_MAX])
{
	switch (slot) {
	case VPC_SLOT_TCP:
	case VPC_SLOT_UDP:
		if (r->from_port < 0) /* stored as null: all of them */
			return port_range_split(0, 0xffff, ret);
		return port_range_split((uint16_t)r->from_port, (uint16_t)r->to_port, ret);
	case VPC_SLOT_ICMP:
	case VPC_SLOT_ICMPV6:
		ret[0] = icmp_prefix(r->from_port, r->to_port);
		return 1;
	case VPC_SLOT_OTHER:
		ret[0] = (struct port_prefix){.port = (uint16_t)r->protocol, .plen = 16};
		return 1;
	default:
		ret[0] = (struct port_prefix){.port = 0, .plen = 0};
		return 1;
	}
}

static void cidr_peer(const struct cidr *c, struct plan_row *row)
{
	row->peer_plen = c->plen;
	if (c->addr.family == 4) {
		row->peer_kind = VPC_PEER_CIDR4;
		row->peer[0] = ip_v4_be(&c->addr);
	} else {
		row->peer_kind = VPC_PEER_CIDR6;
		memcpy(row->peer, c->addr.bytes, sizeof(row->peer));
	}
}

static void rule_peer(const struct rule *r, struct plan_row *row)
{
	switch (r->peer) {
	case PEER_CIDR:
		cidr_peer(&r->cidr, row);
		break;
	case PEER_SG:
		row->peer_kind = VPC_PEER_SG;
		row->peer[0] = r->peer_sg;
		break;
	case PEER_PREFIX_LIST:
		row->peer_kind = VPC_PEER_PREFIX_LIST;
		row->peer[0] = VPC_LIST_FIRST + r->peer_list;
		break;
	}
}

int compile_rule_rows(const struct rule *r, bool add, struct plan *plan)
{
	struct port_prefix prefixes[PORT_PREFIXES_MAX];
	struct plan_row row = {
		.add = add,
		.direction = r->direction,
		.slot = protocol_slot(r->protocol),
		.sg = r->sg,
		.rule = r->o.number,
	};
	size_t n = rule_prefixes(r, row.slot, prefixes);

	rule_peer(r, &row);
	for (size_t i = 0; i < n; i++) {
		struct plan_row *added = ARRAY_ADD(plan->rows, plan->n_rows);

		if (!added)
			return -ENOMEM;
		*added = row;
		added->port = prefixes[i].port;
		added->port_plen = prefixes[i].plen;
	}
	return 0;
}

/* Rules don't change but for description and tags: what both have stays as it is. */
int compile_rule(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	(void)s;
	if (before && after)
		return 0;
	return compile_rule_rows(rule_of(after ? after : before), after != NULL, plan);
}

/* An entry of a prefix list's newest version is one row, whoever uses the list. */
int compile_prefix_entry(const struct scope *s, const struct object *before, const struct object *after,
			 struct plan *plan)
{
	bool was = before && !prefix_entry_of(before)->until, is = after && !prefix_entry_of(after)->until;
	const struct prefix_entry *e = prefix_entry_of(is ? after : before);
	struct plan_row *added;

	(void)s;
	if (was == is)
		return 0;
	added = ARRAY_ADD(plan->rows, plan->n_rows);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_row){.add = is,
				   .direction = VPC_INGRESS,
				   .slot = VPC_SLOT_ANY,
				   .sg = VPC_LIST_FIRST + e->list,
				   .rule = PLAN_ENTRY | e->o.number};
	cidr_peer(&e->cidr, added);
	return 0;
}

/* The kernel knows a prefix list by its entries' rows and by the rules that name it. */
int compile_prefix_list(const struct scope *s, const struct object *before, const struct object *after,
			struct plan *plan)
{
	(void)s, (void)before, (void)after, (void)plan;
	return 0;
}

/* The kernel knows a group by its rules' rows and by the ENIs that carry it. */
int compile_sg(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	(void)s, (void)before, (void)after, (void)plan;
	return 0;
}
