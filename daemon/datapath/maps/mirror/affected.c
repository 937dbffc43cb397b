/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/affected.h"

#include <errno.h>

#include "datapath/maps/mirror/sets.h"

static int affect_set(struct mirror *m, struct mirror_change *c, uint32_t number, enum affected how)
{
	struct set *set = &m->sets[number];

	if (!set->affected) {
		uint32_t *item = ARRAY_PUSH(&c->affected_sets);

		if (!item)
			return -ENOMEM;
		*item = number;
	}
	set->affected = (uint8_t)(set->affected | AFFECTED | how);
	if (how != AFFECTED)
		c->revoked = true;
	return 0;
}

static int affect_eni(struct mirror *m, struct mirror_change *c, uint32_t number, enum affected how)
{
	struct eni_node *eni = &m->enis[number];

	if (!eni->affected) {
		uint32_t *item = ARRAY_PUSH(&c->affected_enis);

		if (!item)
			return -ENOMEM;
		*item = number;
	}
	eni->affected = (uint8_t)(eni->affected | AFFECTED | how);
	if (how != AFFECTED)
		c->revoked = true;
	return 0;
}

/* A group has other rows, or rows that allow others than before: for each set that contains it. */
static int affect_group(struct mirror *m, struct mirror_change *c, uint32_t sg, enum affected how)
{
	const struct group *group = m->groups[sg];
	int r = 0;

	for (size_t i = 0; r >= 0 && group && i < group->sets.n; i++)
		r = affect_set(m, c, group->sets.at[i], how);
	return r;
}

/* A group has other members, or a member has other addresses: for each group with rows that refer to it. */
static int affect_referring(struct mirror *m, struct mirror_change *c, uint32_t sg, enum affected how)
{
	const struct group *group = m->groups[sg];
	int r = 0;

	for (const struct peer_reference *p = group ? group->referenced_by : NULL; r >= 0 && p; p = p->next)
		r = affect_group(m, c, p->sg, how);
	return r;
}

static int affect_by_eni(struct mirror *m, struct mirror_change *c, const struct touched_eni *e)
{
	const struct set *old = &m->sets[e->old_set], *new = &m->sets[e->new_set];
	int r = affect_eni(m, c, e->number, e->has_after ? AFFECTED : AFFECTED_REVOKED);

	if (e->old_set == e->new_set)
		return r;
	for (uint32_t i = 0; r >= 0 && i < old->n; i++) {
		if (set_has(new, old->sg[i]))
			continue;
		r = affect_eni(m, c, e->number, AFFECTED_REVOKED);
		if (r >= 0)
			r = affect_referring(m, c, old->sg[i], AFFECTED_REVOKED);
	}
	for (uint32_t i = 0; r >= 0 && i < new->n; i++)
		if (!set_has(old, new->sg[i]))
			r = affect_referring(m, c, new->sg[i], AFFECTED);
	return r;
}

static int affect_by_addr(struct mirror *m, struct mirror_change *c, const struct touched_addr *a)
{
	uint32_t number = m->addrs[a->addr].eni;
	const struct set *set;
	int r;

	if (number >= m->size.enis || m->enis[number].state == NODE_FREE)
		return 0;
	set = &m->sets[m->enis[number].set];
	r = affect_eni(m, c, number, a->added ? AFFECTED : AFFECTED_ADDRESS);
	for (uint32_t i = 0; r >= 0 && i < set->n; i++)
		r = affect_referring(m, c, set->sg[i], a->added ? AFFECTED : AFFECTED_REVOKED);
	return r;
}

/* A prefix list has other entries: that costs the same however many groups name it. */
static void affect_lists(struct mirror_change *c, bool revoked)
{
	c->lists = true;
	c->lists_revoked |= revoked;
	c->revoked |= revoked;
}

int affected_find(struct mirror *m, struct mirror_change *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->groups.n; i++) {
		const struct touched_group *g = &c->groups.at[i];

		if (group_is_list(g->sg))
			affect_lists(c, g->revoked);
		else
			r = affect_group(m, c, g->sg, g->revoked ? AFFECTED_REVOKED : AFFECTED);
	}
	for (size_t i = 0; r >= 0 && i < c->addrs.n; i++)
		r = affect_by_addr(m, c, &c->addrs.at[i]);
	for (size_t i = 0; r >= 0 && i < c->enis.n; i++)
		r = affect_by_eni(m, c, &c->enis.at[i]);
	return r;
}

void affected_forget(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->affected_sets.n; i++)
		m->sets[c->affected_sets.at[i]].affected = 0;
	for (size_t i = 0; i < c->affected_enis.n; i++)
		m->enis[c->affected_enis.at[i]].affected = 0;
}

int affected_each_revoked(const struct mirror *m, const struct mirror_change *c, bool addresses_only,
			  int (*fn)(uint32_t eni, void *userdata), void *userdata)
{
	unsigned which = addresses_only ? AFFECTED_ADDRESS : AFFECTED_ADDRESS | AFFECTED_REVOKED;
	int r = 0;

	if (!c->revoked)
		return 0;
	for (size_t i = 0; r == 0 && i < c->affected_enis.n; i++)
		if (m->enis[c->affected_enis.at[i]].affected & which)
			r = fn(c->affected_enis.at[i], userdata);
	for (size_t i = 0; r == 0 && i < c->affected_sets.n; i++) {
		const struct set *set = &m->sets[c->affected_sets.at[i]];

		if (!(set->affected & which))
			continue;
		for (uint32_t eni = set->enis; r == 0 && eni; eni = m->enis[eni].set_next)
			r = fn(eni, userdata);
	}
	return r;
}
