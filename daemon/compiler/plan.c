/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan owns: growing and freeing its lists. */
#include "compiler/internal.h"

void plan_clear(struct plan *p)
{
	for (size_t i = 0; i < p->n_ports; i++) {
		if (p->ports[i].has_before)
			record_port_clear(&p->ports[i].before);
		if (p->ports[i].has_after)
			record_port_clear(&p->ports[i].after);
	}
	free(p->rows);
	free(p->enis);
	free(p->addrs);
	free(p->vpcs);
	free(p->subnets);
	free(p->ports);
	free(p->routes);
	free(p->associations);
	free(p->nats);
	free(p->eips);
	free(p->publishes);
	for (size_t i = 0; i < p->n_acls; i++)
		free(p->acls[i].after.rules);
	free(p->acls);
	free(p->subnet_acls);
	*p = (struct plan){0};
}

void plan_put_off_ports(struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_ports; i++) {
		struct plan_port *p = &plan->ports[i];

		if (p->has_after) {
			record_port_clear(&p->after);
			p->has_after = false;
		}
		if (p->has_before)
			plan->ports[n++] = *p;
	}
	plan->n_ports = n;
}
