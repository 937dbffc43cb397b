/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror as a whole: its memory, and its side of undo and publish. */
#include "datapath/maps/private.h"

int mirror_init(struct maps *t)
{
	uint32_t rows = t->kernel_map[MAP_ROW].n, mask_groups = t->kernel_map[MAP_MASK_GROUP].n;
	uint32_t sets = t->kernel_map[MAP_SET].n, addrs = addr_rows(t) + 1;
	uint32_t blocks = t->kernel_map[MAP_CLASSIFIER].n;

	t->rows = calloc(rows, sizeof(*t->rows));
	t->mask_groups = calloc(mask_groups, sizeof(*t->mask_groups));
	t->sets = calloc(sets, sizeof(*t->sets));
	t->addrs = calloc(t->kernel_map[MAP_ADDR_ROW].n, sizeof(*t->addrs));
	t->enis = calloc(t->kernel_map[MAP_ENI].n, sizeof(*t->enis));
	t->groups = calloc(t->kernel_map[MAP_SG].n, sizeof(struct group *));
	t->spaces = calloc(t->kernel_map[MAP_VPC].n, sizeof(*t->spaces));
	if (!t->rows || !t->mask_groups || !t->sets || !t->addrs || !t->enis || !t->groups || !t->spaces)
		return -ENOMEM;
	if (numbers_init(&t->row_numbers, rows) < 0 || numbers_init(&t->mask_group_numbers, mask_groups) < 0 ||
	    numbers_init(&t->set_numbers, sets) < 0 || numbers_init(&t->addr_numbers, addrs) < 0)
		return -ENOMEM;
	if (extents_init(&t->blocks, blocks > VPC_VERSIONED_VALUE_MASK ? VPC_VERSIONED_VALUE_MASK : blocks) < 0)
		return -ENOMEM;
	if (chains_init(&t->rows_by_key, rows) < 0 || chains_init(&t->references_by_rule, rows) < 0 ||
	    chains_init(&t->mask_groups_by_key, mask_groups) < 0 || chains_init(&t->sets_by_groups, sets) < 0 ||
	    chains_init(&t->addrs_by_key, addrs) < 0)
		return -ENOMEM;
	return 0;
}

void mirror_free(struct maps *t)
{
	struct numbers *numbers[] = {&t->row_numbers, &t->mask_group_numbers, &t->set_numbers, &t->addr_numbers};
	struct chains *chains[] = {&t->rows_by_key, &t->references_by_rule, &t->mask_groups_by_key, &t->sets_by_groups,
				   &t->addrs_by_key};

	while (t->retire_later) {
		struct maps_change *c = t->retire_later;

		t->retire_later = c->next;
		change_free(c);
	}
	groups_free(t);
	extents_clear(&t->blocks);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers_clear(numbers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		chains_clear(chains[i]);
	free(t->rows);
	free(t->mask_groups);
	free(t->sets);
	free(t->addrs);
	free(t->enis);
	free(t->spaces);
	free(t->references);
	t->rows = NULL;
	t->mask_groups = NULL;
	t->sets = NULL;
	t->addrs = NULL;
	t->enis = NULL;
	t->groups = NULL;
	t->spaces = NULL;
	t->references = NULL;
	t->n_references = t->cap_references = t->free_reference = 0;
	t->waiting_rows = t->waiting_addrs = t->waiting_sets = t->n_walked = 0;
}

void change_free(struct maps_change *c)
{
	if (!c)
		return;
	free(c->rows.at);
	free(c->references.at);
	free(c->groups.at);
	free(c->enis.at);
	free(c->addrs.at);
	free(c->vpcs.at);
	free(c->mask_groups.at);
	free(c->sets.at);
	free(c->maps.at);
	free(c->words.at);
	free(c->hashes.at);
	free(c->ended.at);
	free(c);
}

static void undo_rows(struct maps *t, struct maps_change *c)
{
	for (size_t i = c->references.n; i > 0; i--) {
		const struct touched_reference *touched = &c->references.at[i - 1];

		if (touched->added) {
			reference_unlink(t, touched->reference);
			reference_free(t, touched->reference);
		} else {
			reference_link(t, touched->reference);
		}
	}
	for (size_t i = c->rows.n; i > 0; i--) {
		const struct touched_row *touched = &c->rows.at[i - 1];
		struct row *row = &t->rows[touched->row];

		row->touched = false;
		row->rule = touched->old_rule;
		row->state = touched->old_state;
		if (row->state == NODE_NEW) {
			row_unlink(t, touched->row);
			numbers_give(&t->row_numbers, touched->row);
		}
	}
	for (size_t i = c->mask_groups.n; i > 0; i--) {
		mask_group_unlink(t, c->mask_groups.at[i - 1]);
		numbers_give(&t->mask_group_numbers, c->mask_groups.at[i - 1]);
	}
}

void mirror_undo(struct maps *t, struct maps_change *c)
{
	classifier_undo(t, c);
	undo_rows(t, c);
	for (size_t i = c->enis.n; i > 0; i--) {
		const struct touched_eni *e = &c->enis.at[i - 1];

		t->enis[e->number].state = e->has_before ? NODE_ALIVE : NODE_FREE;
		if (e->new_set)
			t->sets[e->new_set].users--;
	}
	for (size_t i = c->sets.n; i > 0; i--) {
		set_unlink(t, c->sets.at[i - 1]);
		numbers_give(&t->set_numbers, c->sets.at[i - 1]);
	}
	for (size_t i = c->addrs.n; i > 0; i--) {
		const struct touched_addr *a = &c->addrs.at[i - 1];

		if (a->added) {
			addr_unlink(t, a->addr);
			numbers_give(&t->addr_numbers, a->addr);
		} else {
			t->addrs[a->addr].state = NODE_ALIVE;
		}
	}
}

static void publish_rows(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct touched_row *touched = &c->rows.at[i];
		struct row *row = &t->rows[touched->row];

		row->touched = false;
		if (row->state == NODE_NEW) {
			row->state = NODE_ALIVE;
		} else if (row->state == NODE_DYING) {
			row->state = NODE_DEAD;
			t->waiting_rows++;
		} else if (row->rule != touched->old_rule) {
			/* The row stands, but the rule it was counted for is gone. */
			store32(&row_at(t, touched->row)->rule, row->rule);
		}
	}
	for (size_t i = 0; i < c->references.n; i++)
		if (!c->references.at[i].added)
			reference_free(t, c->references.at[i].reference);
	c->references.n = 0;
}

static void publish_enis(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->enis.n; i++) {
		const struct touched_eni *e = &c->enis.at[i];
		struct eni_node *eni = &t->enis[e->number];

		eni->set = e->new_set;
		eni->state = e->has_after ? NODE_ALIVE : NODE_DEAD;
		if (e->has_before && e->has_after)
			eni_store(t, e->number, &e->after);
		if (e->has_after)
			eni->row = e->after;
		t->waiting_sets += e->old_set != 0;
	}
}

void mirror_publish(struct maps *t, struct maps_change *c)
{
	publish_rows(t, c);
	for (size_t i = 0; i < c->maps.n; i++)
		t->sets[c->maps.at[i].set].kernel_map[c->maps.at[i].dir].touched = false;
	publish_enis(t, c);
	for (size_t i = 0; i < c->addrs.n; i++) {
		const struct touched_addr *a = &c->addrs.at[i];

		t->addrs[a->addr].state = a->added ? NODE_ALIVE : NODE_DEAD;
		t->waiting_addrs += !a->added;
	}
	for (size_t i = 0; i < c->vpcs.n; i++) {
		t->spaces[c->vpcs.at[i].number] = c->vpcs.at[i].space;
		space_store(t, c->vpcs.at[i].number, &c->vpcs.at[i].space);
	}
}
