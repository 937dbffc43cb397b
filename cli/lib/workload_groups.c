/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/workload_groups.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
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

int network_options_check(const json_t *options, const char *flag, const char *more, char text[OPTIONS_TEXT_MAX])
{
	const char *const names[] = {"vpc", "subnet", "security-groups", "allowed-security-groups", more};
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)options, key, value) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			known |= names[i] && !strcmp(key, names[i]);
		if (!known) {
			snprintf(text, OPTIONS_TEXT_MAX,
				 "%s %.64s: there is no such option; there are vpc, subnet, security-groups, "
				 "allowed-security-groups%s%s",
				 flag, key, more ? ", " : "", more ? more : "");
			return -EINVAL;
		}
		if (json_string_length(value) == 0) {
			snprintf(text, OPTIONS_TEXT_MAX, "%s %.64s: must have a value", flag, key);
			return -EINVAL;
		}
	}
	if (json_object_get(options, "subnet"))
		return 0;
	snprintf(text, OPTIONS_TEXT_MAX, "%s subnet=NAME is missing: the subnet that the network is", flag);
	return -EINVAL;
}

int network_options_groups(const json_t *options, const char *flag, const char *name, json_t **ret,
			   char text[OPTIONS_TEXT_MAX])
{
	const char *list = json_member_text(options, name);
	int r = list ? groups_parse(list, ret) : 0;

	if (r == -EINVAL)
		snprintf(text, OPTIONS_TEXT_MAX, "%s %s: '%.200s' is not a list of groups like web,db", flag, name,
			 list);
	return r;
}
