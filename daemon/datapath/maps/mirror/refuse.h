/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors for a change that does not fit into the maps. Each returns the negative errno of ResourceLimitExceeded. */
#ifndef DATAPATH_MIRROR_REFUSE_H
#define DATAPATH_MIRROR_REFUSE_H

#include <stdint.h>

#include <vpc/error.h>

/* The map holds `size` entries; `used` are in use, and the change asks for `asked` more than that. */
int refuse_full(struct vpc_error *reterr, const char *map, uint64_t size, uint64_t used, uint64_t asked);
/* The map has the numbers below `size`, and the change needs the number `asked`. */
int refuse_number(struct vpc_error *reterr, const char *map, uint32_t size, uint32_t asked);

#endif
