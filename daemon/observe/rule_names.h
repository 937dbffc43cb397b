/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ids of rules by their number, also of rules that were deleted: flows and events may still name them. */
#ifndef OBSERVE_RULE_NAMES_H
#define OBSERVE_RULE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/* Deleted rules that are remembered; the oldest is overwritten. */
#define RULE_NAMES_GONE 4096

struct gone_rule {
	uint32_t number;
	uint32_t sg; /* number of its group */
	char id[OBJECT_ID_MAX];
};

/* All zero: empty. */
struct rule_names {
	struct gone_rule gone[RULE_NAMES_GONE];
	size_t next;
};

/* Notes a rule that is being deleted. */
void rule_names_remember(struct rule_names *names, const struct rule *rule);
/* The id of a rule of the model or of a remembered one; NULL: it is not known. Borrowed until the loop goes on.
 * *ret_sg: the number of its group; NULL is fine. */
const char *rule_names_id(const struct rule_names *names, const struct model *model, uint32_t number, uint32_t *ret_sg);

#endif
