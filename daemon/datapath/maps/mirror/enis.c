/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ENIs and address spaces in the mirror, and what a plan does to them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "datapath/maps/private.h"

/* Flags that follow the port, not the plan. */
#define PORT_FLAGS (VPC_ENI_PEER_REDIRECT | VPC_ENI_TAP)

void eni_row_of(const struct eni_record *r, struct vpc_eni *ret)
{
	*ret = (struct vpc_eni){
		.vpc = r->vpc,
		.incarnation = r->incarnation,
		.flags = r->flags & ~PORT_FLAGS,
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

void eni_record_of(const struct maps *t, uint32_t number, struct eni_record *ret)
{
	const struct vpc_eni *row = &t->enis[number].row;
	const struct set *set = &t->sets[t->enis[number].set];

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
	x.flags &= ~PORT_FLAGS;
	y.flags &= ~PORT_FLAGS;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

void eni_store(struct maps *t, uint32_t number, const struct vpc_eni *row)
{
	struct vpc_eni *at = eni_at(t, number);
	struct vpc_eni new = *row;
	const __u32 *from = &new.vpc;

	new.flags |= __atomic_load_n(&at->flags, __ATOMIC_RELAXED) & PORT_FLAGS;
	for (size_t i = 0; i < (sizeof(new) - offsetof(struct vpc_eni, vpc)) / sizeof(*from); i++)
		store32(&(&at->vpc)[i], from[i]);
}

void maps_eni_set_flags(struct maps *t, uint32_t eni, uint32_t set, uint32_t clear)
{
	__u32 *flags;

	if (eni >= t->kernel_map[MAP_ENI].n)
		return;
	flags = &eni_at(t, eni)->flags;
	store32(flags, (*flags & ~(clear & PORT_FLAGS)) | (set & PORT_FLAGS));
}

int eni_zero_counters(struct maps *t, uint32_t number)
{
	static const struct vpc_eni_flows no_flows;
	static const uint64_t zero;
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct vpc_eni_stat *stats = NULL;
	int r;

	if (cpus < 0)
		return cpus;
	stats = calloc((size_t)cpus, sizeof(*stats));
	if (!stats)
		return -ENOMEM;
	r = bpf_map_update_elem(t->kernel_map[MAP_ENI_STAT].fd, &number, stats, BPF_ANY);
	if (r >= 0)
		r = bpf_map_update_elem(t->kernel_map[MAP_ENI_FLOWS].fd, &number, &no_flows, BPF_ANY);
	for (uint32_t i = 0; r >= 0 && i < VPC_DROP_REASONS_MAX; i++) {
		uint32_t index = number * VPC_DROP_REASONS_MAX + i;

		r = bpf_map_update_elem(t->kernel_map[MAP_DROP].fd, &index, &zero, BPF_ANY);
	}
	return r;
}

/* The set of these groups, with one user more; made if need be. */
static int set_get(struct maps *t, struct maps_change *c, const struct eni_record *r, uint32_t *ret)
{
	uint32_t number;
	uint32_t *item;

	if (!r->n_groups) {
		*ret = 0;
		return 0;
	}
	number = set_find(t, r->groups, r->n_groups);
	if (!number) {
		item = ARRAY_PUSH(&c->sets);
		if (!item)
			return -ENOMEM;
		number = numbers_take(&t->set_numbers);
		if (!number) {
			c->sets.n--;
			return -ENOSPC;
		}
		if (set_link(t, number, r->groups, r->n_groups) < 0) {
			numbers_give(&t->set_numbers, number);
			c->sets.n--;
			return -ENOMEM;
		}
		*item = number;
	}
	t->sets[number].users++;
	*ret = number;
	return 0;
}

static int eni_valid(const struct maps *t, const struct eni_record *r, struct vpc_error *reterr)
{
	if (r->number == 0 || r->number >= t->kernel_map[MAP_ENI].n)
		return number_error(reterr, "eni", t->kernel_map[MAP_ENI].n, r->number);
	if (r->n_groups > VPC_GROUPS_PER_ENI || r->incarnation == 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned ENI is not valid");
	for (uint32_t i = 0; i < r->n_groups; i++) {
		if (r->groups[i] == 0 || r->groups[i] >= t->kernel_map[MAP_SG].n)
			return number_error(reterr, "sg", t->kernel_map[MAP_SG].n, r->groups[i]);
		if (i && r->groups[i] <= r->groups[i - 1])
			return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "an ENI's groups are not in order");
	}
	return 0;
}

static int eni_plan(struct maps *t, struct maps_change *c, const struct plan_eni *p, struct vpc_error *reterr)
{
	const struct eni_record *record = p->has_after ? &p->after : &p->before;
	struct touched_eni *touched;
	struct eni_node *eni;
	int r = eni_valid(t, record, reterr);

	if (r < 0)
		return r;
	eni = &t->enis[record->number];
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
		r = set_get(t, c, record, &touched->new_set);
		if (r < 0) {
			c->enis.n--;
			return r;
		}
		eni_row_of(record, &touched->after);
		touched->has_after = true;
	}
	/* A change keeps its state: the mirror takes the new fields on when they are published. */
	if (touched->number > t->eni_max)
		t->eni_max = touched->number;
	if (!touched->has_before)
		eni->state = NODE_NEW;
	else if (!touched->has_after)
		eni->state = NODE_DYING;
	return 0;
}

int enis_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0;
	bool busy = false;

	for (size_t i = 0; i < plan->n_enis; i++) {
		int r = eni_plan(t, c, &plan->enis[i], reterr);

		if (r == -ENOSPC)
			missing++; /* go on, to tell how many */
		else if (r == -EBUSY)
			busy = true;
		else if (r == -ENOMEM)
			return vpc_error_oom(reterr);
		else if (r < 0)
			return r;
	}
	if (missing > t->waiting_sets)
		return limit_error(reterr, "set", t->limits.sets, t->set_numbers.used - c->sets.n, c->sets.n + missing);
	return missing || busy ? -EBUSY : 0;
}

/* --- address spaces --- */

static void mask_of(uint8_t plen, void *ret)
{
	unsigned char *mask = ret;

	for (unsigned bit = 0; bit < plen; bit++)
		mask[bit / 8] = (unsigned char)(mask[bit / 8] | 0x80u >> bit % 8);
}

void space_of(const struct vpc_record *v, struct vpc_space *ret)
{
	*ret = (struct vpc_space){.flags = v->routed_out ? VPC_SPACE_ROUTED_OUT : 0};
	for (uint32_t i = 0; i < v->n_cidrs && i < VPC_CIDRS_MAX; i++) {
		const struct cidr *c = &v->cidrs[i];

		if (c->addr.family == 4) {
			struct vpc_cidr4 *to = &ret->cidr4[ret->n4++];

			memcpy(&to->addr, c->addr.bytes + 12, sizeof(to->addr));
			mask_of(c->plen, &to->mask);
		} else {
			struct vpc_cidr6 *to = &ret->cidr6[ret->n6++];

			memcpy(to->addr, c->addr.bytes, sizeof(to->addr));
			mask_of(c->plen, to->mask);
		}
	}
}

/* Readers see no CIDR at all for a moment: that only gives a drop another reason. */
void space_store(struct maps *t, uint32_t number, const struct vpc_space *space)
{
	struct vpc_space *at = space_at(t, number);

	store32(&at->n4, 0);
	store32(&at->n6, 0);
	store32(&at->flags, space->flags);
	memcpy(at->cidr4, space->cidr4, sizeof(at->cidr4));
	memcpy(at->cidr6, space->cidr6, sizeof(at->cidr6));
	store32(&at->n4, space->n4);
	store32(&at->n6, space->n6);
}

int vpcs_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	for (size_t i = 0; i < plan->n_vpcs; i++) {
		const struct plan_vpc *p = &plan->vpcs[i];
		uint32_t number = p->has_after ? p->after.number : p->before.number;
		struct touched_vpc *touched;
		struct vpc_space space = {};

		if (number == 0 || number >= t->kernel_map[MAP_VPC].n)
			return number_error(reterr, "vpc", t->kernel_map[MAP_VPC].n, number);
		if (p->has_after)
			space_of(&p->after, &space);
		if (memcmp(&space, &t->spaces[number], sizeof(space)) == 0)
			continue;
		touched = ARRAY_PUSH(&c->vpcs);
		if (!touched)
			return vpc_error_oom(reterr);
		*touched = (struct touched_vpc){.number = number, .space = space};
	}
	return 0;
}
