/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct group *group_get(struct mirror *m, uint32_t sg)
{
	if (!m->groups[sg])
		m->groups[sg] = calloc(1, sizeof(*m->groups[sg]));
	return m->groups[sg];
}

int peer_reference_add(struct mirror *m, uint32_t sg, uint32_t peer)
{
	struct group *group;
	struct peer_reference *n;

	/* A group beyond the map is another instance's: it has no members here that could leave. */
	if (peer >= m->size.groups)
		return 0;
	group = group_get(m, peer);
	if (!group)
		return -ENOMEM;
	for (n = group->referenced_by; n; n = n->next) {
		if (n->sg == sg) {
			n->n_rows++;
			return 0;
		}
	}
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	*n = (struct peer_reference){.next = group->referenced_by, .sg = sg, .n_rows = 1};
	group->referenced_by = n;
	return 0;
}

void peer_reference_drop(struct mirror *m, uint32_t sg, uint32_t peer)
{
	struct peer_reference **at, *n;

	if (peer >= m->size.groups)
		return;
	at = &m->groups[peer]->referenced_by;
	while ((*at)->sg != sg)
		at = &(*at)->next;
	n = *at;
	if (--n->n_rows == 0) {
		*at = n->next;
		free(n);
	}
}

static void group_free(struct group *group)
{
	if (!group)
		return;
	while (group->referenced_by) {
		struct peer_reference *n = group->referenced_by;

		group->referenced_by = n->next;
		free(n);
	}
	free(group->sets.at);
	free(group);
}

void groups_free(struct mirror *m)
{
	for (uint32_t i = 0; m->groups && i < m->size.groups; i++)
		group_free(m->groups[i]);
	for (uint32_t i = 0; m->groups && i < m->size.lists; i++)
		group_free(m->groups[VPC_LIST_FIRST + i]);
	free(m->groups);
}

/* --- prefix lists --- */

bool group_valid(const struct mirror *m, uint32_t sg)
{
	return group_is_list(sg) ? sg != VPC_LIST_FIRST && sg - VPC_LIST_FIRST < m->size.lists
				 : sg && sg < m->size.groups;
}

int list_place(const struct mirror *m, uint32_t sg, unsigned dir, uint32_t list)
{
	const struct group *group = m->groups[sg];

	for (int i = 0; group && i < VPC_LISTS_PER_GROUP; i++)
		if (group->lists[dir][i].list == list)
			return i;
	return -ENOENT;
}

int list_name_add(struct mirror *m, uint32_t sg, unsigned dir, uint32_t list)
{
	struct group *group = group_get(m, sg);
	int place;

	if (!group)
		return -ENOMEM;
	place = list_place(m, sg, dir, list);
	if (place < 0) {
		place = list_place(m, sg, dir, 0);
		if (place < 0 || m->n_list_names >= m->size.list_names)
			return -EMLINK;
		group->lists[dir][place].list = list;
		m->n_list_names++;
	}
	group->lists[dir][place].n_rows++;
	return 0;
}

void list_name_drop(struct mirror *m, uint32_t sg, unsigned dir, uint32_t list)
{
	struct named_list *at = &m->groups[sg]->lists[dir][list_place(m, sg, dir, list)];

	if (--at->n_rows)
		return;
	at->list = 0;
	m->n_list_names--;
}

uint32_t list_places(const struct mirror *m, uint32_t sg, unsigned dir)
{
	const struct group *group = m->groups[sg];
	uint32_t bits = 0;

	for (unsigned i = 0; group && i < VPC_LISTS_PER_GROUP; i++)
		if (group->lists[dir][i].list)
			bits |= 1u << i;
	return bits;
}

uint32_t set_lists(const struct mirror *m, const struct set *set)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < set->n; i++)
		for (unsigned dir = 0; dir < 2; dir++)
			if (list_places(m, set->sg[i], dir))
				bits |= 1u << dir;
	return bits;
}

/* --- sets --- */

uint64_t set_bloom(const uint32_t *groups, uint32_t n)
{
	uint64_t bloom = 0;

	for (uint32_t i = 0; i < n; i++)
		bloom |= 1ull << (groups[i] & 63);
	return bloom;
}

bool set_has(const struct set *set, uint32_t sg)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (set->sg[i] == sg)
			return true;
	return false;
}

static uint32_t *set_chain(const struct mirror *m, const uint32_t *groups, uint32_t n)
{
	return chains_head(&m->sets_by_groups, chains_hash(groups, n * sizeof(*groups)));
}

uint32_t set_find(const struct mirror *m, const uint32_t *groups, uint32_t n)
{
	uint32_t i = *set_chain(m, groups, n);

	while (i && (m->sets[i].n != n || memcmp(m->sets[i].sg, groups, n * sizeof(*groups)) != 0))
		i = m->sets[i].next;
	return i;
}

static void group_drop_set(struct group *group, uint32_t number)
{
	for (size_t i = 0; i < group->sets.n; i++) {
		if (group->sets.at[i] == number) {
			group->sets.at[i] = group->sets.at[--group->sets.n];
			return;
		}
	}
}

int set_link(struct mirror *m, uint32_t number, const uint32_t *groups, uint32_t n)
{
	struct set *set = &m->sets[number];
	uint32_t *head = set_chain(m, groups, n);

	for (uint32_t i = 0; i < n; i++) {
		struct group *group = group_get(m, groups[i]);
		uint32_t *item = group ? ARRAY_PUSH(&group->sets) : NULL;

		if (!item) {
			while (i-- > 0)
				group_drop_set(m->groups[groups[i]], number);
			return -ENOMEM;
		}
		*item = number;
	}
	*set = (struct set){.n = n, .next = *head};
	memcpy(set->sg, groups, n * sizeof(*groups));
	*head = number;
	return 0;
}

void set_unlink(struct mirror *m, uint32_t number)
{
	struct set *set = &m->sets[number];
	uint32_t *at = set_chain(m, set->sg, set->n);

	while (*at != number)
		at = &m->sets[*at].next;
	*at = set->next;
	for (uint32_t i = 0; i < set->n; i++)
		group_drop_set(m->groups[set->sg[i]], number);
	*set = (struct set){};
}

static void leave_set(struct mirror *m, uint32_t number)
{
	struct eni_node *eni = &m->enis[number];

	if (eni->set_prev)
		m->enis[eni->set_prev].set_next = eni->set_next;
	else
		m->sets[eni->set].enis = eni->set_next;
	if (eni->set_next)
		m->enis[eni->set_next].set_prev = eni->set_prev;
	eni->set_next = eni->set_prev = 0;
}

void set_of_eni(struct mirror *m, uint32_t eni, uint32_t set)
{
	struct eni_node *node = &m->enis[eni];

	if (node->set == set)
		return;
	if (node->set)
		leave_set(m, eni);
	node->set = set;
	if (!set)
		return;
	node->set_next = m->sets[set].enis;
	if (node->set_next)
		m->enis[node->set_next].set_prev = eni;
	m->sets[set].enis = eni;
}
