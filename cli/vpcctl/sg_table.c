/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as a table. */
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/output.h"
#include "cli/vpcctl/sg_rules.h"

/* "443", "8000-8999", "all"; "8/0" for ICMP. */
static char *rule_ports(struct cli *cli, const json_t *rule, const struct field *field)
{
	const char *protocol = json_member_text(rule, "protocol");
	json_t *from = json_object_get(rule, "from_port"), *to = json_object_get(rule, "to_port");
	long long a = json_integer_value(from), b = json_integer_value(to);
	char *text = NULL;
	int n;

	(void)cli;
	(void)field;
	if (!json_is_integer(from))
		return strdup("all");
	if (protocol && !strncmp(protocol, "icmp", 4))
		n = a < 0   ? asprintf(&text, "all")
		    : b < 0 ? asprintf(&text, "type %lld", a)
			    : asprintf(&text, "type %lld code %lld", a, b);
	else
		n = a == 0 && b == 65535 ? asprintf(&text, "all")
		    : a == b		 ? asprintf(&text, "%lld", a)
					 : asprintf(&text, "%lld-%lld", a, b);
	return n < 0 ? NULL : text;
}

static char *rule_peer(struct cli *cli, const json_t *rule, const struct field *field)
{
	const char *cidr = json_member_text(rule, "cidr");
	const char *sg = json_member_text(rule, "sg_id");
	const char *pl = json_member_text(rule, "prefix_list_id");
	const char *name;
	char *text = NULL;

	(void)field;
	if (cidr || pl || !sg)
		return strdup(cidr ? cidr : pl ? pl : "");
	name = api_name(cli, "security-groups", sg);
	if (!strcmp(name, sg))
		return strdup(sg);
	return asprintf(&text, "%s (%s)", name, sg) < 0 ? NULL : text;
}

static const struct field columns[] = {
	{"RULE", "id", TABLE_LEFT, NULL},
	{"DIRECTION", "direction", TABLE_LEFT, NULL},
	{"PROTOCOL", "protocol", TABLE_LEFT, NULL},
	{"PORTS", "from_port", TABLE_LEFT, rule_ports},
	{"PEER", "cidr", TABLE_LEFT, rule_peer},
	{"PACKETS", "packets", TABLE_RIGHT, NULL},
	{"LAST USED", "last_used", TABLE_LEFT, NULL},
	{"DESCRIPTION", "description", TABLE_LEFT, NULL},
	{"EXPIRES", "expires_at", TABLE_LEFT, NULL}, /* where a rule does */
};

char *sg_rule_text(struct cli *cli, const json_t *rule)
{
	_cleanup_free_ char *ports = rule_ports(cli, rule, NULL), *peer = rule_peer(cli, rule, NULL);
	char *text;

	if (asprintf(&text, "%s %s %s %s", json_member_text(rule, "direction") ?: "?",
		     json_member_text(rule, "protocol") ?: "?", ports ? ports : "", peer ? peer : "") < 0)
		return NULL;
	return text;
}

static bool expires(const json_t *rules)
{
	json_t *rule;
	size_t i;

	json_array_foreach (rules, i, rule)
		if (json_is_string(json_object_get(rule, "expires_at")))
			return true;
	return false;
}

int sg_rules_print(struct cli *cli, const json_t *rules)
{
	return output_rows(cli, rules, columns, ARRAY_SIZE(columns) - !expires(rules));
}
