/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/eni_names.h"

#include <stdlib.h>
#include <string.h>

void eni_names_remember(struct eni_names *names, const struct object *eni, uint32_t incarnation)
{
	struct gone_eni *g = &names->gone[names->next++ % ENI_NAMES_GONE];

	free(g->name);
	*g = (struct gone_eni){.number = eni->number, .incarnation = incarnation, .name = strdup(eni->name)};
	memcpy(g->id, eni->id, sizeof(g->id));
	if (!g->name)
		*g = (struct gone_eni){0};
}

void eni_names_clear(struct eni_names *names)
{
	for (size_t i = 0; i < ENI_NAMES_GONE; i++)
		free(names->gone[i].name);
	memset(names, 0, sizeof(*names));
}

const char *eni_names_find(const struct eni_names *names, const struct model *model, uint32_t number,
			   uint32_t incarnation, uint32_t current, const char **ret_name)
{
	const struct object *eni = number && incarnation == current ? model_by_number(model, OBJECT_ENI, number) : NULL;

	if (eni) {
		*ret_name = eni->name;
		return eni->id;
	}
	for (size_t i = 0; number && i < ENI_NAMES_GONE; i++) {
		const struct gone_eni *g = &names->gone[i];

		if (g->number != number || g->incarnation != incarnation)
			continue;
		*ret_name = g->name;
		return g->id;
	}
	return NULL;
}
