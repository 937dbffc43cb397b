/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/apply_print.h"

#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/output.h"
#include "cli/lib/screen.h"

static const struct {
	const char *action;
	const char *sign;
	const char *colour;
	const char *count;
} actions[] = {
	{"create", "+", "\033[32m", "to create"},
	{"change", "~", "\033[33m", "to change"},
	{"delete", "-", "\033[31m", "to delete"},
};

static void print_line(const struct cli *cli, size_t action, const char *indent, const char *text)
{
	_cleanup_free_ char *clean = screen_clean(text);

	printf("%s%s%s%s %s\n", indent, cli->colour ? actions[action].colour : "", actions[action].sign,
	       cli->colour ? "\033[0m" : "", clean ? clean : "");
}

/* "direction=ingress, protocol=tcp, …" → "ingress tcp 443 0.0.0.0/0 …": the values alone, in the table's order. */
static char *item_text(const json_t *item)
{
	char *text = NULL;
	const char *key;
	json_t *value;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	json_object_foreach ((json_t *)item, key, value) {
		_cleanup_free_ char *one = output_text(value);

		if (!strcmp(key, "to_port") && json_equal(value, json_object_get(item, "from_port")))
			continue;
		if (!strcmp(key, "to_port"))
			fprintf(f, "-%s", one ? one : "");
		else if (!strcmp(key, "description"))
			fprintf(f, " \"%s\"", one ? one : "");
		else if (!strcmp(key, "sg") || !strcmp(key, "sg_vpc") || !strcmp(key, "prefix_list") ||
			 !strcmp(key, "tags"))
			fprintf(f, " %s %s", key, one ? one : "");
		else
			fprintf(f, " %s", one ? one : "");
	}
	fclose(f);
	return text;
}

static void print_items(const struct cli *cli, size_t action, const char *field, const json_t *items)
{
	json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		_cleanup_free_ char *text = item_text(item), *line = NULL;

		if (asprintf(&line, "%s:%s", field, text ? text : "") > 0)
			print_line(cli, action, "    ", line);
	}
}

static void print_field(const struct cli *cli, const json_t *field)
{
	const char *name = json_member_text(field, "field");
	json_t *removed = json_object_get(field, "removed"), *added = json_object_get(field, "added");
	_cleanup_free_ char *before = NULL, *after = NULL, *line = NULL;

	if (removed) {
		print_items(cli, 2, name, removed);
		print_items(cli, 0, name, added);
		if (!json_array_size(removed) && !json_array_size(added) &&
		    asprintf(&line, "%s: their order", name) > 0)
			print_line(cli, 1, "    ", line);
		return;
	}
	before = json_dumps(json_object_get(field, "before"), JSON_ENCODE_ANY | JSON_COMPACT);
	after = json_dumps(json_object_get(field, "after"), JSON_ENCODE_ANY | JSON_COMPACT);
	if (asprintf(&line, "%s: %s \xe2\x86\x92 %s", name, before ? before : "", after ? after : "") > 0)
		print_line(cli, 1, "    ", line);
}

void apply_print_plan(const struct cli *cli, const json_t *plan)
{
	size_t counts[ARRAY_SIZE(actions)] = {0}, i, k;
	json_t *object, *field;

	json_array_foreach (plan, i, object) {
		const char *action = json_member_text(object, "action"), *vpc = json_member_text(object, "vpc");
		json_t *fields = json_object_get(object, "fields");
		_cleanup_free_ char *line = NULL;
		size_t a = 0;

		while (a + 1 < ARRAY_SIZE(actions) && strcmp(actions[a].action, action) != 0)
			a++;
		counts[a]++;
		if (asprintf(&line, "%s %s%s%s%s", json_member_text(object, "kind"), json_member_text(object, "name"),
			     vpc ? " (VPC " : "", vpc ? vpc : "", vpc ? ")" : "") < 0)
			continue;
		print_line(cli, a, "", line);
		json_array_foreach (fields, k, field)
			print_field(cli, field);
	}
	for (size_t a = 0; a < ARRAY_SIZE(actions); a++)
		printf("%s%zu %s", a ? ", " : "", counts[a], actions[a].count);
	putchar('\n');
}
