/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow logs: nothing in the kernel follows from them. What is logged is read (observe/). */
#include "compiler/internal.h"

int compile_flow_log(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	(void)s, (void)before, (void)after, (void)plan;
	return 0;
}
