/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one end may open to another in a copied world. */
#ifndef OBSERVE_EXPLAIN_ALLOWED_H
#define OBSERVE_EXPLAIN_ALLOWED_H

#include "observe/explain/world.h"

/* One end: an ENI, or everything outside of the VPCs that a CIDR holds. */
struct allowed_end {
	const struct world_eni *eni; /* NULL: outside */
	struct cidr cidr;	     /* of it; of an ENI its address */
};

struct allowed {
	const struct world *w;
	uint64_t *work;					/* rules that were looked at */
	struct region egress, ingress, acl, both, rest; /* scratch, owned */
};
void allowed_clear(struct allowed *a);

/* *ret, which is emptied first, becomes what `from` may open to `to`: groups of both, network ACLs of the request's
 * direction, routes, and of outside elastic IPs, published ports and gateways. Not the answers' ACLs. */
void allowed_between(struct allowed *a, const struct allowed_end *from, const struct allowed_end *to,
		     struct region *ret);

#endif
