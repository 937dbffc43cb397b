/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel is told of a probe: an address of the VPC that leads to the subnet's bridge, so that there is
 * something. */
#include "compiler/internal.h"

int compile_probe(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	const struct object *o = after ? after : before;
	enum snapshot snapshot = after ? SNAPSHOT_AFTER : SNAPSHOT_BEFORE;
	uint32_t vpc = model_vpc_of(s->m, o);
	struct plan_addr *added;

	if (before && after)
		return 0;
	if (!scope_vpc(s, snapshot, vpc))
		return -ENOENT;
	added = ARRAY_ADD(plan->addrs, plan->n_addrs);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_addr){.add = after != NULL, .vpc = vpc, .eni = o->number, .ip = {.family = 4}};
	return 0;
}
