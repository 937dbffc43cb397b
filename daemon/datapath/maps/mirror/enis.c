/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/enis.h"

#include <errno.h>
#include <string.h>

#include "datapath/maps/mirror/refuse.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/mirror/walk.h"

void eni_row_of(const struct eni_record *r, struct vpc_eni *ret)
{
	*ret = (struct vpc_eni){
		.vpc = r->vpc,
		.incarnation = r->incarnation,
		.flags = r->flags & ~ENI_KEPT_FLAGS,
		.subnet = r->subnet,
		.gateway4 = r->gateway4,
		.subnet4 = r->subnet4,
		.mask4 = r->mask4,
		.tcp_idle_s = r->tcp_idle_s,
		.udp_idle_s = r->udp_idle_s,
		.udp_stream_idle_s = r->udp_stream_idle_s,
		.flow_budget = r->flow_budget,
		.mtu = r->mtu,
	};
	memcpy(ret->subnet6, r->subnet6, sizeof(ret->subnet6));
	memcpy(ret->mac, r->mac, sizeof(ret->mac));
	memcpy(ret->gateway_mac, r->gateway_mac, sizeof(ret->gateway_mac));
}

void eni_record_of(const struct mirror *m, uint32_t number, struct eni_record *ret)
{
	const struct vpc_eni *row = &m->enis[number].row;
	const struct set *set = &m->sets[m->enis[number].set];

	*ret = (struct eni_record){
		.number = number,
		.incarnation = row->incarnation,
		.vpc = row->vpc,
		.subnet = row->subnet,
		.flags = row->flags,
		.mtu = row->mtu,
		.n_groups = set->n,
		.gateway4 = row->gateway4,
		.subnet4 = row->subnet4,
		.mask4 = row->mask4,
		.tcp_idle_s = row->tcp_idle_s,
		.udp_idle_s = row->udp_idle_s,
		.udp_stream_idle_s = row->udp_stream_idle_s,
		.flow_budget = row->flow_budget,
	};
	memcpy(ret->groups, set->sg, sizeof(ret->groups));
	memcpy(ret->subnet6, row->subnet6, sizeof(ret->subnet6));
	memcpy(ret->mac, row->mac, sizeof(ret->mac));
	memcpy(ret->gateway_mac, row->gateway_mac, sizeof(ret->gateway_mac));
}

bool eni_row_equal(const struct vpc_eni *a, const struct vpc_eni *b)
{
	struct vpc_eni x = *a, y = *b;

	x.set = y.set = (struct vpc_versioned){};
	x.gen_revoke = y.gen_revoke = x.gen_any = y.gen_any = 0;
	x.flags &= ~ENI_KEPT_FLAGS;
	y.flags &= ~ENI_KEPT_FLAGS;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* The set of these groups, which is made if there is none. It has one user more then. */
static int set_get(struct mirror *m, struct mirror_change *c, const struct eni_record *r, uint32_t *ret)
{
	uint32_t number;
	uint32_t *item;

	if (!r->n_groups) {
		*ret = 0;
		return 0;
	}
	number = set_find(m, r->groups, r->n_groups);
	if (!number) {
		item = ARRAY_PUSH(&c->sets);
		if (!item)
			return -ENOMEM;
		number = numbers_take(&m->set_numbers);
		if (!number) {
			c->sets.n--;
			return -ENOSPC;
		}
		if (set_link(m, number, r->groups, r->n_groups) < 0) {
			numbers_give(&m->set_numbers, number);
			c->sets.n--;
			return -ENOMEM;
		}
		walk_update_set(m, number);
		*item = number;
	}
	m->sets[number].users++;
	*ret = number;
	return 0;
}

static int eni_valid(const struct mirror *m, const struct eni_record *r, struct vpc_error *reterr)
{
	if (r->number == 0 || r->number >= m->size.enis)
		return refuse_number(reterr, "eni", m->size.enis, r->number);
	if (r->n_groups > VPC_GROUPS_PER_ENI || r->incarnation == 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned ENI is not valid");
	for (uint32_t i = 0; i < r->n_groups; i++) {
		if (r->groups[i] == 0 || r->groups[i] >= m->size.groups)
			return refuse_number(reterr, "sg", m->size.groups, r->groups[i]);
		if (i && r->groups[i] <= r->groups[i - 1])
			return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "an ENI's groups are not in order");
	}
	return 0;
}

static int plan_eni(struct mirror *m, struct mirror_change *c, const struct plan_eni *p, struct vpc_error *reterr)
{
	const struct eni_record *record = p->has_after ? &p->after : &p->before;
	struct touched_eni *touched;
	struct eni_node *eni;
	int r = eni_valid(m, record, reterr);

	if (r < 0)
		return r;
	eni = &m->enis[record->number];
	if (eni->state == NODE_DEAD && p->has_after)
		return -EBUSY;
	if (eni->state != NODE_ALIVE && !p->has_after)
		return 0;
	if (eni->state == NODE_NEW || eni->state == NODE_DYING)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "ENI %u is in the plan twice", record->number);
	touched = ARRAY_PUSH(&c->enis);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_eni){.number = record->number, .has_before = eni->state == NODE_ALIVE};
	touched->old_set = eni->set;
	if (p->has_after) {
		r = set_get(m, c, record, &touched->new_set);
		if (r < 0) {
			c->enis.n--;
			return r;
		}
		eni_row_of(record, &touched->after);
		touched->has_after = true;
		touched->detaches = touched->has_before && touched->after.flags & ~eni->row.flags & VPC_ENI_DETACHED;
	}
	/* An ENI that is changed stays ALIVE: the mirror gets the new fields when they are published. */
	if (touched->number > m->eni_max)
		m->eni_max = touched->number;
	if (!touched->has_before)
		eni->state = NODE_NEW;
	else if (!touched->has_after)
		eni->state = NODE_DYING;
	return 0;
}

int plan_enis(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0;
	bool busy = false;

	for (size_t i = 0; i < plan->n_enis; i++) {
		int r = plan_eni(m, c, &plan->enis[i], reterr);

		if (r == -ENOSPC)
			missing++; /* goes on, to tell how many */
		else if (r == -EBUSY)
			busy = true;
		else if (r == -ENOMEM)
			return vpc_error_oom(reterr);
		else if (r < 0)
			return r;
	}
	if (missing > m->waiting_sets)
		return refuse_full(reterr, "set", m->size.sets - 1, m->set_numbers.used - c->sets.n,
				   c->sets.n + missing);
	return missing || busy ? -EBUSY : 0;
}

/* --- address spaces --- */

static void mask_of(uint8_t plen, void *ret)
{
	unsigned char *mask = ret;

	for (unsigned bit = 0; bit < plen; bit++)
		mask[bit / 8] = (unsigned char)(mask[bit / 8] | 0x80u >> bit % 8);
}

static void place4(const struct cidr *c, struct vpc_cidr4 *ret)
{
	*ret = (struct vpc_cidr4){};
	memcpy(&ret->addr, c->addr.bytes + 12, sizeof(ret->addr));
	mask_of(c->plen, &ret->mask);
}

static void place6(const struct cidr *c, struct vpc_cidr6 *ret)
{
	*ret = (struct vpc_cidr6){};
	memcpy(ret->addr, c->addr.bytes, sizeof(ret->addr));
	mask_of(c->plen, ret->mask);
}

/* Gives `wanted`, n entries of `size` bytes, their places in at[]: those that stand in it keep theirs, the others get
 * one that is free. *used: how many places are in use. */
static void space_place(void *at, uint32_t *used, const void *wanted, uint32_t n, size_t size, const void *empty)
{
	char *place = at;
	const char *want = wanted;
	bool placed[VPC_CIDRS_MAX] = {};

	for (uint32_t i = 0; i < *used; i++) {
		bool keep = false;

		for (uint32_t k = 0; k < n && !keep; k++) {
			keep = !placed[k] && memcmp(place + i * size, want + k * size, size) == 0;
			placed[k] = placed[k] || keep;
		}
		if (!keep)
			memcpy(place + i * size, empty, size);
	}
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = 0;

		if (placed[k])
			continue;
		while (i < *used && memcmp(place + i * size, empty, size) != 0)
			i++;
		if (i == VPC_CIDRS_MAX)
			continue;
		memcpy(place + i * size, want + k * size, size);
		*used = i == *used ? i + 1 : *used;
	}
}

const struct vpc_cidr4 space_empty4 = {.mask = UINT32_MAX};
const struct vpc_cidr6 space_empty6 = {.mask = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};

/* Places of CIDRs in a space. */
struct places {
	struct vpc_cidr4 *at4;
	struct vpc_cidr6 *at6;
	uint32_t n4, n6;
};

static void place_cidrs(const struct cidr *cidrs, size_t n, struct places *places)
{
	struct vpc_cidr4 want4[VPC_CIDRS_MAX];
	struct vpc_cidr6 want6[VPC_CIDRS_MAX];
	uint32_t n4 = 0, n6 = 0;

	for (size_t i = 0; i < n; i++) {
		if (cidrs[i].addr.family == 4 && n4 < VPC_CIDRS_MAX)
			place4(&cidrs[i], &want4[n4++]);
		else if (cidrs[i].addr.family == 6 && n6 < VPC_CIDRS_MAX)
			place6(&cidrs[i], &want6[n6++]);
	}
	space_place(places->at4, &places->n4, want4, n4, sizeof(*want4), &space_empty4);
	space_place(places->at6, &places->n6, want6, n6, sizeof(*want6), &space_empty6);
	for (uint32_t i = places->n4; i < VPC_CIDRS_MAX; i++)
		places->at4[i] = (struct vpc_cidr4){};
	for (uint32_t i = places->n6; i < VPC_CIDRS_MAX; i++)
		places->at6[i] = (struct vpc_cidr6){};
}

_Static_assert(VPC_HOST_CIDRS_MAX == VPC_CIDRS_MAX, "place_cidrs() serves both");

void space_of(const struct vpc_record *v, const struct vpc_space *before, struct vpc_space *ret)
{
	struct vpc_space space = *before;
	struct places own, host;

	/* Only if someone else wrote it. */
	if (space.n4 > VPC_CIDRS_MAX || space.n6 > VPC_CIDRS_MAX || space.n_host4 > VPC_HOST_CIDRS_MAX ||
	    space.n_host6 > VPC_HOST_CIDRS_MAX)
		space = (struct vpc_space){};
	own = (struct places){.at4 = space.cidr4, .at6 = space.cidr6, .n4 = space.n4, .n6 = space.n6};
	host = (struct places){.at4 = space.host4, .at6 = space.host6, .n4 = space.n_host4, .n6 = space.n_host6};
	space.flags = (v->routed_out ? VPC_SPACE_ROUTED_OUT : 0) | (v->routed_out6 ? VPC_SPACE_ROUTED_OUT6 : 0) |
		      (v->peered ? VPC_SPACE_PEERED : 0);
	place_cidrs(v->cidrs, v->n_cidrs < ARRAY_SIZE(v->cidrs) ? v->n_cidrs : ARRAY_SIZE(v->cidrs), &own);
	place_cidrs(v->host_access,
		    v->n_host_access < ARRAY_SIZE(v->host_access) ? v->n_host_access : ARRAY_SIZE(v->host_access),
		    &host);
	space.n4 = own.n4;
	space.n6 = own.n6;
	space.n_host4 = (__u16)host.n4;
	space.n_host6 = (__u16)host.n6;
	*ret = space;
}

bool space_host_names(const struct vpc_space *space, bool v4, const __be32 address[4])
{
	for (uint32_t i = 0; v4 && i < space->n_host4; i++)
		if ((address[3] & space->host4[i].mask) == space->host4[i].addr)
			return true;
	for (uint32_t i = 0; !v4 && i < space->n_host6; i++) {
		const struct vpc_cidr6 *c = &space->host6[i];
		__be32 other = 0;

		for (unsigned word = 0; word < 4; word++)
			other |= (address[word] & c->mask[word]) ^ c->addr[word];
		if (!other)
			return true;
	}
	return false;
}

bool space_host_loses(const struct vpc_space *before, const struct vpc_space *after)
{
	if (!before->n_host4 && !before->n_host6)
		return false;
	return before->n_host4 != after->n_host4 || before->n_host6 != after->n_host6 ||
	       memcmp(before->host4, after->host4, sizeof(before->host4)) != 0 ||
	       memcmp(before->host6, after->host6, sizeof(before->host6)) != 0;
}

/* Whether another VPC gets the number: a transaction may delete one and create one. */
static bool vpc_number_given(const struct plan *plan, uint32_t number)
{
	for (size_t i = 0; i < plan->n_vpcs; i++)
		if (plan->vpcs[i].has_after && plan->vpcs[i].after.number == number)
			return true;
	return false;
}

int plan_vpcs(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	for (size_t i = 0; i < plan->n_vpcs; i++) {
		const struct plan_vpc *p = &plan->vpcs[i];
		uint32_t number = p->has_after ? p->after.number : p->before.number;
		struct touched_vpc *touched;
		struct vpc_space space = {};

		if (number == 0 || number >= m->size.vpcs)
			return refuse_number(reterr, "vpc", m->size.vpcs, number);
		if (p->has_after)
			space_of(&p->after, &m->spaces[number], &space);
		else if (vpc_number_given(plan, number))
			continue;
		if (memcmp(&space, &m->spaces[number], sizeof(space)) == 0)
			continue;
		touched = ARRAY_PUSH(&c->vpcs);
		if (!touched)
			return vpc_error_oom(reterr);
		*touched = (struct touched_vpc){.number = number, .before = m->spaces[number], .space = space};
	}
	return 0;
}
