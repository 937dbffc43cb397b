/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows are judged again: the generations of sets and ENIs that a change raises just before its epoch is stored.
 * A flow judged between the two is judged once more after: harmless.
 *
 * gen_revoke says that something was taken away; with keep and drain it waits until the flows have their graces
 * (flows/grace.c), and `revoked` in the mirror says whose it is. gen_any wakes tombstones and is raised at once.
 */
#include "datapath/maps/private.h"

static void raise_word(__u64 *at, uint64_t epoch)
{
	if (*at < epoch)
		store64(at, epoch);
}

static void raise_set(struct maps *t, struct maps_change *c, uint32_t number, bool revoked)
{
	struct vpc_set *at = set_at(t, number);

	raise_word(&at->gen_any, c->epoch);
	if (!revoked)
		return;
	c->revoked = true;
	t->sets[number].revoked = c->epoch;
	if (c->flows == FLOWS_CUT)
		raise_word(&at->gen_revoke, c->epoch);
}

static void raise_eni(struct maps *t, struct maps_change *c, uint32_t number, bool revoked)
{
	struct vpc_eni *at = eni_at(t, number);

	raise_word(&at->gen_any, c->epoch);
	if (!revoked)
		return;
	c->revoked = true;
	t->enis[number].revoked = c->epoch;
	if (c->flows == FLOWS_CUT)
		raise_word(&at->gen_revoke, c->epoch);
}

static void raise_group(struct maps *t, struct maps_change *c, uint32_t sg, bool revoked)
{
	const struct group *group = t->groups[sg];

	for (size_t i = 0; group && i < group->sets.n; i++)
		raise_set(t, c, group->sets.at[i], revoked);
}

/* A group has a member more or less: for all that name it. */
static void raise_peer_reference(struct maps *t, struct maps_change *c, uint32_t sg, bool revoked)
{
	const struct group *group = t->groups[sg];

	for (const struct peer_reference *n = group ? group->named : NULL; n; n = n->next)
		raise_group(t, c, n->sg, revoked);
}

/* What the set it leaves had pending must not be lost to flows stamped before. */
static void inherit(struct maps *t, uint32_t eni, uint32_t old_set)
{
	raise_word(&eni_at(t, eni)->gen_revoke, set_at(t, old_set)->gen_revoke);
}

static void raise_switch(struct maps *t, struct maps_change *c, const struct touched_eni *e)
{
	const struct set *old = &t->sets[e->old_set], *new = &t->sets[e->new_set];

	raise_eni(t, c, e->number, !e->has_after);
	if (e->old_set == e->new_set)
		return;
	if (e->old_set)
		inherit(t, e->number, e->old_set);
	for (uint32_t i = 0; i < old->n; i++) {
		if (set_has(new, old->sg[i]))
			continue;
		raise_eni(t, c, e->number, true);
		raise_peer_reference(t, c, old->sg[i], true);
	}
	for (uint32_t i = 0; i < new->n; i++)
		if (!set_has(old, new->sg[i]))
			raise_peer_reference(t, c, new->sg[i], false);
}

static void raise_addr(struct maps *t, struct maps_change *c, const struct touched_addr *a)
{
	uint32_t number = t->addrs[a->addr].eni;
	const struct set *set;

	if (number >= t->kernel_map[MAP_ENI].n || t->enis[number].state == NODE_FREE)
		return;
	set = &t->sets[t->enis[number].set];
	raise_eni(t, c, number, false);
	/* At once, also with keep and drain: a grace is for rules, nobody keeps an address. */
	if (!a->added) {
		c->revoked = true;
		raise_word(&eni_at(t, number)->gen_revoke, c->epoch);
	}
	for (uint32_t i = 0; i < set->n; i++)
		raise_peer_reference(t, c, set->sg[i], !a->added);
}

void generations_raise(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->groups.n; i++)
		raise_group(t, c, c->groups.at[i].sg, c->groups.at[i].revoked);
	for (size_t i = 0; i < c->addrs.n; i++)
		raise_addr(t, c, &c->addrs.at[i]);
	for (size_t i = 0; i < c->enis.n; i++)
		raise_switch(t, c, &c->enis.at[i]);
}

/* Whose: all that have a set, or those that the pending change took something away from. */
void generations_commit(struct maps *t)
{
	uint64_t epoch = t->grace.epoch;

	if (!t->grace.pending)
		return;
	for (uint32_t i = 1; i < t->set_numbers.fresh; i++)
		if (t->grace.all ? t->sets[i].users != 0 : t->sets[i].revoked == epoch)
			raise_word(&set_at(t, i)->gen_revoke, epoch);
	for (uint32_t i = 1; i < t->kernel_map[MAP_ENI].n; i++)
		if (t->grace.all ? t->enis[i].state == NODE_ALIVE : t->enis[i].revoked == epoch)
			raise_word(&eni_at(t, i)->gen_revoke, epoch);
	t->grace.pending = false;
}
