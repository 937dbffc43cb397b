/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/declare/kinds/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

static const char *protocol_name(long long number)
{
	return number == -1   ? "all"
	       : number == 1  ? "icmp"
	       : number == 6  ? "tcp"
	       : number == 17 ? "udp"
	       : number == 58 ? "icmpv6"
			      : NULL;
}

static int set_null(json_t *item, const char *key)
{
	return json_object_set_new(item, key, json_null()) < 0 ? -ENOMEM : 0;
}

int rule_normalize(const char *field, json_t *item)
{
	json_t *protocol = json_object_get(item, "protocol"), *from = json_object_get(item, "from_port"),
	       *to = json_object_get(item, "to_port");
	const char *text = json_string_value(protocol), *name = NULL;
	char *end = NULL;
	long long number;

	if (strcmp(field, "rules") != 0)
		return 0;
	number = text && *text ? strtoll(text, &end, 10) : json_integer_value(protocol);
	if (!text || (end && !*end))
		name = protocol_name(number);
	if ((name || !text) &&
	    json_object_set_new(item, "protocol", name ? json_string(name) : json_sprintf("%lld", number)) < 0)
		return -ENOMEM;
	text = json_member_text(item, "protocol") ?: "";
	if (!strcmp(text, "tcp") || !strcmp(text, "udp"))
		return 0;
	if (!strncmp(text, "icmp", 4)) {
		if (json_is_null(from) && json_object_set_new(item, "from_port", json_integer(-1)) < 0)
			return -ENOMEM;
		return json_is_null(to) && json_object_set_new(item, "to_port", json_integer(-1)) < 0 ? -ENOMEM : 0;
	}
	/* All ports, however they are written. */
	if ((json_integer_value(from) == -1 && json_integer_value(to) == -1) ||
	    (json_is_integer(from) && json_integer_value(from) == 0 && json_integer_value(to) == 65535))
		return set_null(item, "from_port") < 0 || set_null(item, "to_port") < 0 ? -ENOMEM : 0;
	return 0;
}
