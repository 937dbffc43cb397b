/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prefix lists, with the entries of their newest version. */
#include <errno.h>

#include <vpc/json.h>

#include "cli/declare/plan.h"
#include "cli/declare/value.h"

static const struct declared_field entry_fields[] = {
	{.key = "cidr", .flags = DECLARED_ADDRESS | DECLARED_KEY},
	{.key = "description", .absent = "\"\""},
};

static int change_entries(struct plan *p, struct node *n, const json_t *before, const json_t *after);

static const struct declared_field fields[] = {
	{.key = "family", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE, .absent = "4"},
	{.key = "max_entries", .type = DECLARED_INTEGER, .flags = DECLARED_CREATE | DECLARED_UPDATE},
	{.key = "entries",
	 .type = DECLARED_ITEMS,
	 .flags = DECLARED_CREATE,
	 .absent = "[]",
	 .items = entry_fields,
	 .n_items = ARRAY_SIZE(entry_fields),
	 .change = change_entries},
	DECLARED_TAGS_FIELD,
};

static int change_entries(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	const struct declared_field *f = declared_find(fields, ARRAY_SIZE(fields), "entries");
	json_t *removed, *added;
	int r = value_items_diff(f, before, after, &removed, &added);

	if (r < 0)
		return r;
	if (json_array_size(removed))
		r = plan_emit(p, n, PHASE_LOOSEN,
			      json_pack("{s:s,s:O}", "op", "prefix-list.remove", "entries", removed));
	if (r == 0 && json_array_size(added))
		r = plan_emit(p, n, PHASE_FASTEN, json_pack("{s:s,s:O}", "op", "prefix-list.add", "entries", added));
	json_decref(removed);
	json_decref(added);
	return r;
}

const struct declared prefix_list_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE,
};
