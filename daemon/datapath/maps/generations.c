/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/generations.h"

#include "datapath/maps/ctl.h"
#include "datapath/maps/acl.h"
#include "datapath/maps/words.h"

static void raise_word(__u64 *at, uint64_t epoch)
{
	if (*at < epoch)
		store64(at, epoch);
}

static void raise_set(struct maps *maps, const struct maps_change *c, uint32_t number)
{
	struct vpc_set *at = set_at(maps, number);
	struct set *set = &maps->mirror.sets[number];

	raise_word(&at->gen_any, c->epoch);
	if (!(set->affected & AFFECTED_REVOKED))
		return;
	set->revoked = c->epoch;
	if (c->flows == FLOWS_CUT)
		raise_word(&at->gen_revoke, c->epoch);
}

static void raise_eni(struct maps *maps, const struct maps_change *c, uint32_t number)
{
	struct vpc_eni *at = eni_at(maps, number);
	struct eni_node *eni = &maps->mirror.enis[number];

	raise_word(&at->gen_any, c->epoch);
	if (eni->affected & AFFECTED_REVOKED)
		eni->revoked = c->epoch;
	/* A grace spares flows from rules. Nobody keeps an address: that counts at once, with keep and drain too. */
	if (eni->affected & AFFECTED_ADDRESS || (eni->affected & AFFECTED_REVOKED && c->flows == FLOWS_CUT))
		raise_word(&at->gen_revoke, c->epoch);
}

/* An ENI that changes its set inherits the old set's gen_revoke: flows that were judged before it was raised are judged
 * again under the new set as well. */
static void inherit(struct maps *maps, uint32_t eni, uint32_t old_set)
{
	raise_word(&eni_at(maps, eni)->gen_revoke, set_at(maps, old_set)->gen_revoke);
}

static void raise_lists(struct maps *maps, const struct maps_change *c)
{
	if (c->mirror.lists)
		CTL_SET(maps, lists_any, c->epoch);
	if (!c->mirror.lists_revoked)
		return;
	maps->mirror.lists_revoked = c->epoch;
	if (c->flows == FLOWS_CUT)
		CTL_SET(maps, lists_revoke, c->epoch);
}

void generations_raise(struct maps *maps, struct maps_change *c)
{
	const struct mirror_change *m = &c->mirror;

	raise_lists(maps, c);

	for (size_t i = 0; i < m->affected_sets.n; i++)
		raise_set(maps, c, m->affected_sets.at[i]);
	for (size_t i = 0; i < m->affected_enis.n; i++)
		raise_eni(maps, c, m->affected_enis.at[i]);
	acls_raise(maps, c);
	for (size_t i = 0; i < m->enis.n; i++)
		if (m->enis.at[i].old_set && m->enis.at[i].old_set != m->enis.at[i].new_set)
			inherit(maps, m->enis.at[i].number, m->enis.at[i].old_set);
}

void generations_commit(struct maps *maps)
{
	const struct mirror *m = &maps->mirror;
	uint64_t epoch = maps->grace.epoch;

	if (!maps->grace.pending)
		return;
	for (uint32_t i = 1; i < m->set_numbers.fresh; i++)
		if (maps->grace.all ? m->sets[i].users != 0 : m->sets[i].revoked == epoch)
			raise_word(&set_at(maps, i)->gen_revoke, epoch);
	for (uint32_t i = 1; i <= m->eni_max; i++)
		if (maps->grace.all ? m->enis[i].state == NODE_ALIVE : m->enis[i].revoked == epoch)
			raise_word(&eni_at(maps, i)->gen_revoke, epoch);
	if (maps->grace.all || m->lists_revoked == epoch)
		CTL_SET(maps, lists_revoke, epoch);
	maps->grace.pending = false;
}
