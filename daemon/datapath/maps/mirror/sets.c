/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups: which sets contain them, which groups name them; and the sets. The mirror; touches no map. */
#include "datapath/maps/private.h"

/* NULL: out of memory. sg is below the size of the sg table. */
struct group *group_get(struct maps *t, uint32_t sg)
{
	if (!t->groups[sg])
		t->groups[sg] = calloc(1, sizeof(*t->groups[sg]));
	return t->groups[sg];
}

int peer_reference_add(struct maps *t, uint32_t sg, uint32_t peer)
{
	struct group *group;
	struct peer_reference *n;

	/* A peer beyond the table (a group of another instance) has no members here that could leave. */
	if (peer >= t->kernel_map[MAP_SG].n)
		return 0;
	group = group_get(t, peer);
	if (!group)
		return -ENOMEM;
	for (n = group->named; n; n = n->next) {
		if (n->sg == sg) {
			n->n_rows++;
			return 0;
		}
	}
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	*n = (struct peer_reference){.next = group->named, .sg = sg, .n_rows = 1};
	group->named = n;
	return 0;
}

void peer_reference_drop(struct maps *t, uint32_t sg, uint32_t peer)
{
	struct peer_reference **at, *n;

	if (peer >= t->kernel_map[MAP_SG].n)
		return;
	at = &t->groups[peer]->named;
	while ((*at)->sg != sg)
		at = &(*at)->next;
	n = *at;
	if (--n->n_rows == 0) {
		*at = n->next;
		free(n);
	}
}

void groups_free(struct maps *t)
{
	for (uint32_t i = 0; t->groups && i < t->kernel_map[MAP_SG].n; i++) {
		struct group *group = t->groups[i];

		if (!group)
			continue;
		while (group->named) {
			struct peer_reference *n = group->named;

			group->named = n->next;
			free(n);
		}
		free(group->sets.at);
		free(group);
	}
	free(t->groups);
}

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

static uint32_t *set_chain(const struct maps *t, const uint32_t *groups, uint32_t n)
{
	return chains_head(&t->sets_by_groups, chains_hash(groups, n * sizeof(*groups)));
}

uint32_t set_find(const struct maps *t, const uint32_t *groups, uint32_t n)
{
	uint32_t i = *set_chain(t, groups, n);

	while (i && (t->sets[i].n != n || memcmp(t->sets[i].sg, groups, n * sizeof(*groups)) != 0))
		i = t->sets[i].next;
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

int set_link(struct maps *t, uint32_t number, const uint32_t *groups, uint32_t n)
{
	struct set *set = &t->sets[number];
	uint32_t *head = set_chain(t, groups, n);

	for (uint32_t i = 0; i < n; i++) {
		struct group *group = group_get(t, groups[i]);
		uint32_t *item = group ? ARRAY_PUSH(&group->sets) : NULL;

		if (!item) {
			while (i-- > 0)
				group_drop_set(t->groups[groups[i]], number);
			return -ENOMEM;
		}
		*item = number;
	}
	*set = (struct set){.n = n, .next = *head};
	memcpy(set->sg, groups, n * sizeof(*groups));
	*head = number;
	bound_set(t, number);
	return 0;
}

void set_unlink(struct maps *t, uint32_t number)
{
	struct set *set = &t->sets[number];
	uint32_t *at = set_chain(t, set->sg, set->n);

	while (*at != number)
		at = &t->sets[*at].next;
	*at = set->next;
	for (uint32_t i = 0; i < set->n; i++)
		group_drop_set(t->groups[set->sg[i]], number);
	*set = (struct set){};
}
