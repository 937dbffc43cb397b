/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of the rules, the mask groups they are in, and the rules that refer to them. */
#ifndef DATAPATH_MIRROR_ROWS_H
#define DATAPATH_MIRROR_ROWS_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/nodes.h"

/* --- keys --------------------------------------------------------------------------------------------------------- */

/* The key of the mask group that a planned row belongs to. */
struct vpc_mask_group_key row_mask_group_key(const struct plan_row *r);
/* Whether a row allows everything of one address family, which needs no mask group. Then *ret is its key. */
bool row_is_all(const struct plan_row *r, struct vpc_rule_key *ret);
bool key_is_all(const struct vpc_rule_key *key);
/* Key of a planned row. False: its mask group does not exist, so no row has it. */
bool row_key(const struct mirror *m, const struct plan_row *r, struct vpc_rule_key *ret);
/* The inverse: writes a row of the mirror as a plan has it. Leaves ret->rule and ret->add alone. */
void row_describe(const struct mirror *m, const struct row *row, struct plan_row *ret);
/* The group that a row is a rule of, and the direction. */
uint32_t row_group(const struct mirror *m, const struct row *row);
unsigned row_direction(const struct mirror *m, const struct row *row);

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* The row with this key that is not dead; 0: none. */
uint32_t row_find(const struct mirror *m, const struct vpc_rule_key *key);
/* The row that the kernel's hash leads to; 0: none. */
uint32_t row_find_hashed(const struct mirror *m, const struct vpc_rule_key *key);
/* Puts a row into its chain, its mask group and the groups' references to each other. -ENOMEM, -EMLINK as
 * list_name_add(): nothing was done. */
int row_link(struct mirror *m, uint32_t number, const struct vpc_rule_key *key, enum node_state state);
/* Takes it out again; the node is free then, and its number still has to be given back. */
void row_unlink(struct mirror *m, uint32_t number);

/* --- mask groups -------------------------------------------------------------------------------------------------- */

/* 0: none. */
uint32_t mask_group_find(const struct mirror *m, const struct vpc_mask_group_key *key);
/* -ENOMEM: nothing was done. */
int mask_group_link(struct mirror *m, uint32_t number, const struct vpc_mask_group_key *key);
void mask_group_unlink(struct mirror *m, uint32_t number);
/* What the hints of a mask group must be for the rows it has. */
void mask_group_hints(const struct mirror *m, uint32_t number, struct vpc_mask_group *ret);
/* Adds what leads a packet to one key. */
void hints_add(struct vpc_mask_group *hints, const struct vpc_rule_key *key);
/* The word port_plens of a group's row. */
uint32_t port_plens(const struct mirror *m, uint32_t sg, unsigned dir, unsigned slot);

/* --- references --------------------------------------------------------------------------------------------------- */

/* 0: none. */
uint32_t reference_find(const struct mirror *m, uint32_t row, uint32_t rule);
/* Number of the new reference; 0: out of memory. */
uint32_t reference_add(struct mirror *m, uint32_t row, uint32_t rule);
void reference_link(struct mirror *m, uint32_t reference);
void reference_unlink(struct mirror *m, uint32_t reference);
/* Of one that is not linked. */
void reference_free(struct mirror *m, uint32_t reference);

#endif
