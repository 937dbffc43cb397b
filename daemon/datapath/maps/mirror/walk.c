/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/walk.h"

#include "datapath/maps/mirror/rows.h"

static unsigned bits(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

void walk_note_hints(struct mirror *m, uint32_t mask_group, const struct vpc_mask_group *hints)
{
	const struct vpc_mask_group_key *key = &m->mask_groups[mask_group].key;
	uint8_t *most = &m->groups[key->sg]->probes[key->dir][key->slot][key->plen];
	unsigned n4 = bits(hints->plens4),
		 n6 = bits(hints->plens6[0]) + bits(hints->plens6[1]) + bits(hints->plens6[2]);
	unsigned probes = (n4 > n6 ? n4 : n6) + (hints->flags & VPC_MASK_GROUP_SG ? VPC_GROUPS_PER_ENI : 0);

	if (probes > *most)
		*most = (uint8_t)probes;
}

/* The most probes in the mask groups of one slot: one lookup for each length of a port prefix, and its own. */
static uint32_t slot_probes(const struct group *group, unsigned dir, unsigned slot)
{
	uint32_t sum = 0;

	for (unsigned plen = 0; plen <= 16; plen++)
		if (group->n_mask_groups[dir][slot][plen])
			sum += 1u + group->probes[dir][slot][plen];
	return sum;
}

/* A packet looks into the slot of its protocol and into the one for all protocols. */
void walk_update_group(struct mirror *m, uint32_t sg, unsigned dir)
{
	struct group *group = m->groups[sg];
	uint32_t most = 0, old = group->max_probes[dir];

	for (unsigned slot = VPC_SLOT_ANY + 1; slot < VPC_SLOTS; slot++) {
		uint32_t probes = slot_probes(group, dir, slot);

		if (probes > most)
			most = probes;
	}
	group->max_probes[dir] = most + slot_probes(group, dir, VPC_SLOT_ANY);
	for (size_t i = 0; group->max_probes[dir] != old && i < group->sets.n; i++)
		m->sets[group->sets.at[i]].classifier[dir].max_probes += group->max_probes[dir] - old;
}

void walk_update_set(struct mirror *m, uint32_t number)
{
	struct set *set = &m->sets[number];

	for (unsigned dir = 0; dir < 2; dir++) {
		/* One probe for each group: its row of `sg`, which also leads to the row that allows everything. */
		set->classifier[dir].max_probes = set->n;
		for (uint32_t i = 0; i < set->n; i++)
			set->classifier[dir].max_probes += m->groups[set->sg[i]]->max_probes[dir];
	}
}

void walk_update_all(struct mirror *m)
{
	for (uint32_t i = 1; i < m->mask_group_numbers.fresh; i++) {
		struct vpc_mask_group hints;

		if (!m->mask_groups[i].used)
			continue;
		mask_group_hints(m, i, &hints);
		walk_note_hints(m, i, &hints);
	}
	for (uint32_t i = 1; i < m->size.groups; i++)
		for (unsigned dir = 0; m->groups[i] && dir < 2; dir++)
			walk_update_group(m, i, dir);
	for (uint32_t i = 1; i < m->set_numbers.fresh; i++)
		if (m->sets[i].users)
			walk_update_set(m, i);
}
