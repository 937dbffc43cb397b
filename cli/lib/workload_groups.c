/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/workload_groups.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

int groups_parse(const char *text, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();

	while (list) {
		size_t n;

		text += strspn(text, " ");
		n = strcspn(text, ", ");
		if (!n)
			return -EINVAL;
		if (json_array_append_new(list, json_stringn(text, n)) < 0)
			return -ENOMEM;
		text += n;
		text += strspn(text, " ");
		if (!*text) {
			*ret = TAKE_PTR(list);
			return 0;
		}
		if (*text++ != ',')
			return -EINVAL;
	}
	return -ENOMEM;
}

static bool lists(const json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)list, i, item)
		if (json_is_string(item) && !strcmp(json_string_value(item), name))
			return true;
	return false;
}

const char *groups_forbidden(const json_t *asked, const json_t *own, const json_t *allowed)
{
	json_t *item;
	size_t i;

	if (lists(allowed, "*"))
		return NULL;
	json_array_foreach ((json_t *)asked, i, item) {
		const char *name = json_string_value(item);

		if (!name || (!lists(own, name) && !lists(allowed, name)))
			return name ? name : "";
	}
	return NULL;
}
