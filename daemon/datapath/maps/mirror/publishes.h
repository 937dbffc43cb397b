/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports. A range is one row for each aligned prefix of it. */
#ifndef DATAPATH_MIRROR_PUBLISHES_H
#define DATAPATH_MIRROR_PUBLISHES_H

#include "compiler/plan.h"
#include "datapath/maps/mirror/change.h"
#include "util/port_range.h"

/* The rows of a publication, without their life. Returns how many. */
size_t publish_rows_of(const struct publish_record *r, struct vpc_publish_row ret[PORT_PREFIXES_MAX]);
/* Whether two rows agree in all but their life. */
bool publish_row_equal(const struct vpc_publish_row *a, const struct vpc_publish_row *b);
/* Whether some publication may have it. */
bool publish_key_valid(const struct vpc_publish_key *key);
/* The newest row with this key that is not dead; 0: none. */
uint32_t publish_find(const struct mirror *m, const struct vpc_publish_key *key);
/* The row that the kernel's hash leads to; 0: none. */
uint32_t publish_find_hashed(const struct mirror *m, const struct vpc_publish_key *key);
void publish_link(struct mirror *m, uint32_t number, const struct vpc_publish_row *row, enum node_state state);
/* The node is free then, and its number still has to be given back. */
void publish_unlink(struct mirror *m, uint32_t number);
/* The lengths of port prefixes, a bit each. */
uint32_t publish_plens(const struct mirror *m);

/* What a plan does to them. Errors as mirror_plan. */
int plan_publishes(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr);
void publishes_undo(struct mirror *m, struct mirror_change *c);
void publishes_publish(struct mirror *m, struct mirror_change *c);

#endif
