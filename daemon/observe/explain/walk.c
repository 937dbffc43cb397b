/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of a trace. */
#include "observe/explain/walk.h"

struct explain_step *explain_add(struct explain_trace *t, enum explain_stage stage, const struct explain_port *p,
				 int reason)
{
	struct explain_step *step = &t->step[t->n < EXPLAIN_STEPS_MAX ? t->n++ : EXPLAIN_STEPS_MAX - 1];

	*step = (struct explain_step){.stage = stage,
				      .direction = p->direction,
				      .reason = reason,
				      .eni = p->me,
				      .vpc = p->vpc,
				      .meant_vpc = t->meant_vpc,
				      .any_port = t->any_port,
				      .packet = t->packet};
	return step;
}

const struct explain_step *explain_refusal(const struct explain_trace *t, bool reply)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->step[i].reason && t->step[i].reply == reply)
			return &t->step[i];
	return NULL;
}
