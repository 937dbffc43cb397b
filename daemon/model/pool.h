/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools of public addresses, which the operator's configuration lends to this host. */
#ifndef MODEL_POOL_H
#define MODEL_POOL_H

#include "model/address.h"

#define POOLS_MAX     16
#define POOL_NAME_MAX 64 /* with the NUL */

struct pool {
	char name[POOL_NAME_MAX];
	struct cidr cidr; /* IPv4, without host bits */
	char uplink[16];  /* outer interface on which the host answers for the addresses */
};

#endif
