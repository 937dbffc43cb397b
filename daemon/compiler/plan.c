/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan owns: growing and freeing its lists. */
#include "compiler/internal.h"

/* The capacity of a list follows from its length: the next power of two. That keeps it out of the interface. */
void *plan_grow(void *list_ptr, size_t *n, size_t element_bytes)
{
	void **list = list_ptr;
	bool full = (*n & (*n - 1)) == 0; /* 0, 1, 2, 4, … */
	char *element;

	if (full) {
		void *grown = reallocarray(*list, *n ? 2 * *n : 1, element_bytes);

		if (!grown)
			return NULL;
		*list = grown;
	}
	element = (char *)*list + *n * element_bytes;
	memset(element, 0, element_bytes);
	(*n)++;
	return element;
}

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
	*p = (struct plan){0};
}
