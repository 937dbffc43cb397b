/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a plan does to the rows, in the mirror: claims are taken and dropped first, then each row that was touched is
 * settled by what is left of its claims. So a row that one rule gives up and another takes in the same plan stands.
 */
#include "datapath/maps/private.h"

int group_touch(struct maps_change *c, uint32_t sg, unsigned dir, bool revoked)
{
	struct touched_group *g;

	/* Rows of one group come together. */
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

static int row_touch(struct maps *t, struct maps_change *c, uint32_t number)
{
	struct row *row = &t->rows[number];
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

static int row_drop(struct maps *t, struct maps_change *c, const struct plan_row *r)
{
	struct touched_reference *touched;
	struct vpc_rule_key key;
	uint32_t number, reference;

	if (!row_key(t, r, &key))
		return 0;
	number = row_find(t, &key);
	reference = number ? reference_find(t, number, r->rule) : 0;
	if (!reference)
		return 0;
	if (row_touch(t, c, number) < 0)
		return -ENOMEM;
	touched = ARRAY_PUSH(&c->references);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_reference){.reference = reference};
	reference_unlink(t, reference);
	return 0;
}

/* Number of the class, made if need be; 0 with *ret_error -ENOSPC or -ENOMEM. */
static uint32_t mask_group_get(struct maps *t, struct maps_change *c, const struct vpc_mask_group_key *key,
			       int *ret_error)
{
	uint32_t number = mask_group_find(t, key);
	uint32_t *item;

	if (number)
		return number;
	*ret_error = -ENOMEM;
	item = ARRAY_PUSH(&c->mask_groups);
	if (!item)
		return 0;
	number = numbers_take(&t->mask_group_numbers);
	if (!number) {
		*ret_error = -EXFULL;
	} else if (mask_group_link(t, number, key) < 0) {
		numbers_give(&t->mask_group_numbers, number);
		number = 0;
	}
	if (number)
		*item = number;
	else
		c->mask_groups.n--;
	return number;
}

static int row_make(struct maps *t, struct maps_change *c, const struct plan_row *r, uint32_t *ret)
{
	struct vpc_mask_group_key mask_group_key = row_mask_group_key(r);
	struct vpc_rule_key key;
	uint32_t number;
	int error = 0;

	if (!row_is_all(r, &key)) {
		key = (struct vpc_rule_key){.kind = r->peer_kind, .plen = r->peer_plen};
		memcpy(key.addr, r->peer, sizeof(key.addr));
		key.mask_group = mask_group_get(t, c, &mask_group_key, &error);
		if (!key.mask_group)
			return error;
	}
	number = numbers_take(&t->row_numbers);
	if (!number)
		return -ENOSPC;
	if (row_link(t, number, &key, NODE_NEW) < 0) {
		numbers_give(&t->row_numbers, number);
		return -ENOMEM;
	}
	if (row_touch(t, c, number) < 0) {
		row_unlink(t, number);
		numbers_give(&t->row_numbers, number);
		return -ENOMEM;
	}
	*ret = number;
	return 0;
}

static int row_take(struct maps *t, struct maps_change *c, const struct plan_row *r)
{
	struct touched_reference *touched;
	struct vpc_rule_key key;
	uint32_t number = row_key(t, r, &key) ? row_find(t, &key) : 0;
	int error = number ? row_touch(t, c, number) : row_make(t, c, r, &number);

	if (error < 0)
		return error;
	if (reference_find(t, number, r->rule))
		return 0;
	touched = ARRAY_PUSH(&c->references);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_reference){.reference = reference_add(t, number, r->rule), .added = true};
	if (!touched->reference) {
		c->references.n--;
		return -ENOMEM;
	}
	return 0;
}

static int resolve(struct maps *t, struct maps_change *c, struct touched_row *touched)
{
	struct row *row = &t->rows[touched->row];
	uint32_t sg = row_group(t, row);
	unsigned dir = row_direction(t, row);

	if (!row->references) {
		/* A new row always has a claim here: within a plan removals come first. */
		row->state = NODE_DYING;
		touched->ended = true;
		return group_touch(c, sg, dir, true);
	}
	if (!row->rule || !reference_find(t, touched->row, row->rule))
		row->rule = t->references[row->references].rule;
	return row->state == NODE_NEW ? group_touch(c, sg, dir, false) : 0;
}

static int row_valid(const struct maps *t, const struct plan_row *r, struct vpc_error *reterr)
{
	if (r->sg == 0 || r->sg >= t->kernel_map[MAP_SG].n)
		return number_error(reterr, "sg", t->kernel_map[MAP_SG].n, r->sg);
	if (r->direction > VPC_EGRESS || r->slot >= VPC_SLOTS || r->port_plen > 16 || r->peer_plen > 128)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned row is not valid");
	return 0;
}

/* Some rows or classes found no number: would they, once the dead ones are retired? */
static int rows_full(const struct maps *t, const struct maps_change *c, uint32_t missing, bool mask_groups,
		     struct vpc_error *reterr)
{
	uint32_t made = 0;

	/* A dead row may be the last of its class. */
	if (missing <= t->waiting_rows)
		return -EBUSY;
	if (mask_groups)
		return limit_error(reterr, "class", t->limits.classes, t->mask_group_numbers.used - c->mask_groups.n,
				   c->mask_groups.n + missing);
	for (size_t i = 0; i < c->rows.n; i++)
		made += c->rows.at[i].old_state == NODE_NEW;
	return limit_error(reterr, "row", t->limits.rows, t->row_numbers.used - t->waiting_rows - made, made + missing);
}

int rows_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0;
	bool mask_groups = false;
	int r = 0;

	for (size_t i = 0; i < plan->n_rows; i++) {
		r = row_valid(t, &plan->rows[i], reterr);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; r >= 0 && i < plan->n_rows; i++)
		if (!plan->rows[i].add)
			r = row_drop(t, c, &plan->rows[i]);
	for (size_t i = 0; r >= 0 && i < plan->n_rows; i++) {
		r = plan->rows[i].add ? row_take(t, c, &plan->rows[i]) : 0;
		if (r == -ENOSPC || r == -EXFULL) {
			mask_groups |= r == -EXFULL;
			missing++; /* go on, to tell how many */
			r = 0;
		}
	}
	if (r >= 0 && missing)
		return rows_full(t, c, missing, mask_groups, reterr);
	for (size_t i = 0; r >= 0 && i < c->rows.n; i++)
		r = resolve(t, c, &c->rows.at[i]);
	return r < 0 ? vpc_error_oom(reterr) : 0;
}
