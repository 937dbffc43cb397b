/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many probes of the kernel's hashes a packet's walk through the rules may take (bpf/lib/rules/policy.h), from
 * above: by group, and summed up by set. Kept up as rows come, so that nothing is looked through: what a class needs is
 * never taken back while there are classes of its kind, since hints aren't either before they are computed anew.
 */
#include "datapath/maps/private.h"

static unsigned bits(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

void bound_raise(struct maps *t, uint32_t mask_group)
{
	const struct vpc_mask_group *at = mask_group_at(t, mask_group);
	const struct vpc_mask_group_key *key = &t->mask_groups[mask_group].key;
	uint8_t *most = &t->groups[key->sg]->probes[key->dir][key->slot][key->plen];
	unsigned n4 = bits(at->plens4), n6 = bits(at->plens6[0]) + bits(at->plens6[1]) + bits(at->plens6[2]);
	unsigned probes = (n4 > n6 ? n4 : n6) + (at->flags & VPC_MASK_GROUP_SG ? VPC_GROUPS_PER_ENI : 0);

	if (probes > *most)
		*most = (uint8_t)probes;
}

static uint32_t slot_bound(const struct group *group, unsigned dir, unsigned slot)
{
	uint32_t sum = 0;

	for (unsigned plen = 0; plen <= 16; plen++)
		if (group->n_mask_groups[dir][slot][plen])
			sum += 1u + group->probes[dir][slot][plen];
	return sum;
}

void bound_update(struct maps *t, uint32_t sg, unsigned dir)
{
	struct group *group = t->groups[sg];
	uint32_t most = 0, old = group->bound[dir];

	for (unsigned slot = VPC_SLOT_ANY + 1; slot < VPC_SLOTS; slot++) {
		uint32_t bound = slot_bound(group, dir, slot);

		if (bound > most)
			most = bound;
	}
	group->bound[dir] = most + slot_bound(group, dir, VPC_SLOT_ANY);
	for (size_t i = 0; group->bound[dir] != old && i < group->sets.n; i++)
		t->sets[group->sets.at[i]].kernel_map[dir].bound += group->bound[dir] - old;
}

void bound_set(struct maps *t, uint32_t number)
{
	struct set *set = &t->sets[number];

	for (unsigned dir = 0; dir < 2; dir++) {
		/* One each: the group itself, and its row that allows everything. */
		set->kernel_map[dir].bound = set->n;
		for (uint32_t i = 0; i < set->n; i++)
			set->kernel_map[dir].bound += t->groups[set->sg[i]]->bound[dir];
	}
}

void bound_all(struct maps *t)
{
	for (uint32_t i = 1; i < t->mask_group_numbers.fresh; i++)
		if (t->mask_groups[i].used)
			bound_raise(t, i);
	for (uint32_t i = 1; i < t->kernel_map[MAP_SG].n; i++)
		for (unsigned dir = 0; t->groups[i] && dir < 2; dir++)
			bound_update(t, i, dir);
	for (uint32_t i = 1; i < t->set_numbers.fresh; i++)
		if (t->sets[i].users)
			bound_set(t, i);
}
