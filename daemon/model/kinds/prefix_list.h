/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of prefix lists and their entries alone. */
#ifndef MODEL_PREFIX_LIST_H
#define MODEL_PREFIX_LIST_H

#include "model/internal.h"

/* Sets name_key: the list and the CIDR; of an entry that is not in the newest version also the version that took it
 * away. -ENOMEM. */
int prefix_entry_set_key(struct prefix_entry *e);
/* An entry of the list's next version, in no index. *ret: owned. */
int prefix_entry_make(struct model_txn *t, uint32_t list, const struct cidr *cidr, const char *description,
		      uint32_t since, struct object **ret, struct vpc_error *reterr);

#endif
