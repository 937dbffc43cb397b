/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/rule_names.h"

#include <string.h>

void rule_names_remember(struct rule_names *names, const struct rule *rule)
{
	struct gone_rule *g = &names->gone[names->next++ % RULE_NAMES_GONE];

	g->number = rule->o.number;
	g->sg = rule->sg;
	memcpy(g->id, rule->o.id, sizeof(g->id));
}

const char *rule_names_id(const struct rule_names *names, const struct model *model, uint32_t number, uint32_t *ret_sg)
{
	const struct object *rule = number ? model_by_number(model, OBJECT_RULE, number) : NULL;

	if (rule) {
		if (ret_sg)
			*ret_sg = ((const struct rule *)rule)->sg;
		return rule->id;
	}
	for (size_t i = 0; number && i < RULE_NAMES_GONE; i++) {
		if (names->gone[i].number != number)
			continue;
		if (ret_sg)
			*ret_sg = names->gone[i].sg;
		return names->gone[i].id;
	}
	return NULL;
}
