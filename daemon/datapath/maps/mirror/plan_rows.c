/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * References are dropped first, then new ones are taken; then the references that are left decide about each row that
 * was touched. So a row that one rule drops and another takes in the same plan stays as it is.
 */
#include "datapath/maps/mirror/plan_rows.h"

#include <errno.h>
#include <string.h>

#include "datapath/maps/mirror/refuse.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"

static int group_touch(struct mirror_change *c, uint32_t sg, unsigned dir, bool revoked)
{
	struct touched_group *g;

	/* The rows of one group stand next to each other in a plan: the last few entries are enough to look at. */
	for (size_t i = c->groups.n; i > 0 && i + 8 > c->groups.n; i--) {
		if (c->groups.at[i - 1].sg == sg) {
			c->groups.at[i - 1].revoked |= revoked;
			c->groups.at[i - 1].directions[dir] = true;
			return 0;
		}
	}
	g = ARRAY_PUSH(&c->groups);
	if (!g)
		return -ENOMEM;
	*g = (struct touched_group){.sg = sg, .revoked = revoked};
	g->directions[dir] = true;
	return 0;
}

static int row_touch(struct mirror *m, struct mirror_change *c, uint32_t number)
{
	struct row *row = &m->rows[number];
	struct touched_row *touched;

	if (row->touched)
		return 0;
	touched = ARRAY_PUSH(&c->rows);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_row){.row = number, .old_rule = row->rule, .old_state = row->state};
	row->touched = true;
	return 0;
}

static int row_drop(struct mirror *m, struct mirror_change *c, const struct plan_row *r)
{
	struct touched_reference *touched;
	struct vpc_rule_key key;
	uint32_t number, reference;

	if (!row_key(m, r, &key))
		return 0;
	number = row_find(m, &key);
	reference = number ? reference_find(m, number, r->rule) : 0;
	if (!reference)
		return 0;
	if (row_touch(m, c, number) < 0)
		return -ENOMEM;
	touched = ARRAY_PUSH(&c->references);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_reference){.reference = reference};
	reference_unlink(m, reference);
	return 0;
}

/* Number of the mask group, which is made if there is none; 0 with *ret_error -EXFULL (no number) or -ENOMEM. */
static uint32_t mask_group_get(struct mirror *m, struct mirror_change *c, const struct vpc_mask_group_key *key,
			       int *ret_error)
{
	uint32_t number = mask_group_find(m, key);
	uint32_t *item;

	if (number)
		return number;
	*ret_error = -ENOMEM;
	item = ARRAY_PUSH(&c->mask_groups);
	if (!item)
		return 0;
	number = numbers_take(&m->mask_group_numbers);
	if (!number) {
		*ret_error = -EXFULL;
	} else if (mask_group_link(m, number, key) < 0) {
		numbers_give(&m->mask_group_numbers, number);
		number = 0;
	}
	if (number)
		*item = number;
	else
		c->mask_groups.n--;
	return number;
}

static int row_make(struct mirror *m, struct mirror_change *c, const struct plan_row *r, uint32_t *ret)
{
	struct vpc_mask_group_key mask_group_key = row_mask_group_key(r);
	struct vpc_rule_key key;
	uint32_t number;
	int error = 0;

	if (!row_is_all(r, &key)) {
		key = (struct vpc_rule_key){.kind = r->peer_kind, .plen = r->peer_plen};
		memcpy(key.addr, r->peer, sizeof(key.addr));
		key.mask_group = mask_group_get(m, c, &mask_group_key, &error);
		if (!key.mask_group)
			return error;
	}
	number = numbers_take(&m->row_numbers);
	if (!number)
		return -ENOSPC;
	error = row_link(m, number, &key, NODE_NEW);
	if (error < 0) {
		numbers_give(&m->row_numbers, number);
		return error;
	}
	if (row_touch(m, c, number) < 0) {
		row_unlink(m, number);
		numbers_give(&m->row_numbers, number);
		return -ENOMEM;
	}
	*ret = number;
	return 0;
}

static int row_take(struct mirror *m, struct mirror_change *c, const struct plan_row *r)
{
	struct touched_reference *touched;
	struct vpc_rule_key key;
	uint32_t number = row_key(m, r, &key) ? row_find(m, &key) : 0;
	int error = number ? row_touch(m, c, number) : row_make(m, c, r, &number);

	if (error < 0)
		return error;
	if (reference_find(m, number, r->rule))
		return 0;
	touched = ARRAY_PUSH(&c->references);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_reference){.reference = reference_add(m, number, r->rule), .added = true};
	if (!touched->reference) {
		c->references.n--;
		return -ENOMEM;
	}
	return 0;
}

/* Decides about a row by the references that are left. */
static int decide(struct mirror *m, struct mirror_change *c, struct touched_row *touched)
{
	struct row *row = &m->rows[touched->row];
	uint32_t sg = row_group(m, row);
	unsigned dir = row_direction(m, row);

	if (!row->references) {
		/* Not a new row: it has the reference it was made for, since removals come first. */
		row->state = NODE_DYING;
		touched->removed = true;
		return group_touch(c, sg, dir, true);
	}
	if (!row->rule || !reference_find(m, touched->row, row->rule))
		row->rule = m->references[row->references].rule;
	return row->state == NODE_NEW ? group_touch(c, sg, dir, false) : 0;
}

static int row_valid(const struct mirror *m, const struct plan_row *r, struct vpc_error *reterr)
{
	if (!group_valid(m, r->sg))
		return refuse_number(reterr, "sg", m->size.groups, r->sg);
	if (r->peer_kind == VPC_PEER_PREFIX_LIST && (group_is_list(r->sg) || !group_is_list(r->peer[0])))
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned row is not valid");
	if (r->direction > VPC_EGRESS || r->slot >= VPC_SLOTS || r->port_plen > 16 || r->peer_plen > 128)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned row is not valid");
	return 0;
}

/* Some rows or mask groups found no number. -EBUSY if they will once the dead ones are retired. */
static int rows_full(const struct mirror *m, const struct mirror_change *c, uint32_t missing, bool mask_groups,
		     struct vpc_error *reterr)
{
	uint32_t made = 0;

	/* A dead row may be the last of its mask group. */
	if (missing <= m->waiting_rows)
		return -EBUSY;
	if (mask_groups)
		return refuse_full(reterr, "mask_group", m->size.mask_groups - 1,
				   m->mask_group_numbers.used - c->mask_groups.n, c->mask_groups.n + missing);
	for (size_t i = 0; i < c->rows.n; i++)
		made += c->rows.at[i].old_state == NODE_NEW;
	return refuse_full(reterr, "row", m->size.rows - 1, m->row_numbers.used - m->waiting_rows - made,
			   made + missing);
}

/* A group would name too many prefix lists. -EBUSY if a dead row may still name one. */
static int lists_full(const struct mirror *m, struct vpc_error *reterr)
{
	if (m->waiting_rows)
		return -EBUSY;
	if (m->n_list_names >= m->size.list_names)
		return refuse_full(reterr, "list_of", m->size.list_names, m->n_list_names, 1);
	return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			     "the rules of a security group may name %u prefix lists in each direction, and these "
			     "would name more; put several lists into one, or use another group",
			     VPC_LISTS_PER_GROUP);
}

int plan_rows(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0;
	bool mask_groups = false;
	int r = 0;

	for (size_t i = 0; i < plan->n_rows; i++) {
		r = row_valid(m, &plan->rows[i], reterr);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; r >= 0 && i < plan->n_rows; i++)
		if (!plan->rows[i].add)
			r = row_drop(m, c, &plan->rows[i]);
	for (size_t i = 0; r >= 0 && i < plan->n_rows; i++) {
		r = plan->rows[i].add ? row_take(m, c, &plan->rows[i]) : 0;
		if (r == -ENOSPC || r == -EXFULL) {
			mask_groups |= r == -EXFULL;
			missing++; /* goes on, to tell how many */
			r = 0;
		}
	}
	if (r == -EMLINK)
		return lists_full(m, reterr);
	if (r >= 0 && missing)
		return rows_full(m, c, missing, mask_groups, reterr);
	for (size_t i = 0; r >= 0 && i < c->rows.n; i++)
		r = decide(m, c, &c->rows.at[i]);
	return r < 0 ? vpc_error_oom(reterr) : 0;
}
