/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ids and names of ENIs by number and incarnation, also of ENIs that were deleted: flows may still name them. */
#ifndef OBSERVE_ENI_NAMES_H
#define OBSERVE_ENI_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/* Deleted ENIs that are remembered; the oldest is overwritten. */
#define ENI_NAMES_GONE 1024

struct gone_eni {
	uint32_t number;
	uint32_t incarnation;
	char id[OBJECT_ID_MAX];
	char *name; /* owned */
};

/* All zero: empty. */
struct eni_names {
	struct gone_eni gone[ENI_NAMES_GONE];
	size_t next;
};

/* Notes an ENI that is being deleted. Without memory it is forgotten. */
void eni_names_remember(struct eni_names *names, const struct object *eni, uint32_t incarnation);
void eni_names_clear(struct eni_names *names);

/* The id of the ENI that has or had this number and incarnation; NULL: it is not known. current: the incarnation that
 * the number has. *ret_name: its name. Borrowed until the loop goes on. */
const char *eni_names_find(const struct eni_names *names, const struct model *model, uint32_t number,
			   uint32_t incarnation, uint32_t current, const char **ret_name);

#endif
