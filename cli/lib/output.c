/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/output.h"

#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/flow.h"
#include "cli/lib/yaml.h"

int output_document(const struct cli *cli, const json_t *json)
{
	if (cli->output == OUTPUT_YAML) {
		if (yaml_write(stdout, json) < 0)
			return api_refuse("InternalError", "the reply cannot be written as YAML");
		return CLI_OK;
	}
	if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0)
		return api_oom();
	putchar('\n');
	return CLI_OK;
}

int output_id(const json_t *object)
{
	const char *id = json_member_text(object, "id");

	if (id)
		puts(id);
	return CLI_OK;
}

static void write_text(FILE *f, const json_t *value)
{
	const char *key, *between = "";
	json_t *v;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_STRING:
		fputs(json_string_value(value), f);
		break;
	case JSON_INTEGER:
		fprintf(f, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(f, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
		fputs("yes", f);
		break;
	case JSON_FALSE:
		fputs("no", f);
		break;
	case JSON_NULL:
		break;
	case JSON_ARRAY:
		json_array_foreach (value, i, v) {
			fputs(between, f);
			write_text(f, v);
			between = ", ";
		}
		break;
	case JSON_OBJECT:
		json_object_foreach ((json_t *)value, key, v) /* only reads, but takes no const */
		{
			fprintf(f, "%s%s=", between, key);
			write_text(f, v);
			between = ", ";
		}
		break;
	}
}

char *output_text(const json_t *value)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	if (value)
		write_text(f, value);
	fclose(f);
	return text;
}

static char *field_text(struct cli *cli, const json_t *object, const struct field *field)
{
	return field->text ? field->text(cli, object, field) : output_text(json_object_get(object, field->key));
}

int output_rows(struct cli *cli, const json_t *objects, const struct field *fields, size_t n)
{
	_cleanup_(table_freep) struct table *t = table_new();
	json_t *object;
	size_t row;

	if (!t)
		return api_oom();
	for (size_t i = 0; i < n; i++)
		table_column(t, fields[i].title, fields[i].align);
	json_array_foreach (objects, row, object) {
		for (size_t i = 0; i < n; i++) {
			_cleanup_free_ char *text = field_text(cli, object, &fields[i]);

			table_cell(t, text);
		}
	}
	return table_print(t, cli->list_width, cli->colour) < 0 ? api_oom() : CLI_OK;
}

int output_fields(struct cli *cli, const json_t *object, const struct field *fields, size_t n)
{
	_cleanup_(table_freep) struct table *t = table_new();

	if (!t)
		return api_oom();
	table_column(t, NULL, TABLE_LEFT);
	table_column(t, NULL, TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *text = NULL;

		if (!json_object_get(object, fields[i].key))
			continue;
		text = field_text(cli, object, &fields[i]);
		table_cell(t, fields[i].title);
		table_cell(t, text);
	}
	return table_print(t, 0, false) < 0 ? api_oom() : CLI_OK;
}

static void print_each(const char *what, const json_t *texts)
{
	json_t *entry;
	size_t i;

	json_array_foreach (texts, i, entry) {
		_cleanup_free_ char *text = output_text(entry);

		printf("%s: %s\n", what, text ? text : "");
	}
}

void output_change(const struct cli *cli, const json_t *reply)
{
	const json_t *ns = json_object_get(reply, "enforced_ns");

	if (cli->dry_run)
		puts("dry run: nothing was changed");
	else if (json_is_integer(ns))
		printf("in force after %.3f ms\n", (double)json_integer_value(ns) / 1e6);
	flow_print_cut(cli, reply);
	print_each("still to be done", json_object_get(reply, "pending"));
	print_each("warning", json_object_get(reply, "warnings"));
}

static char *reference(struct cli *cli, const char *collection, const json_t *object, const struct field *field)
{
	const char *id = json_member_text(object, field->key);

	return strdup(id ? api_name(cli, collection, id) : "");
}

char *output_vpc_name(struct cli *cli, const json_t *object, const struct field *field)
{
	return reference(cli, "vpcs", object, field);
}

char *output_subnet_name(struct cli *cli, const json_t *object, const struct field *field)
{
	return reference(cli, "subnets", object, field);
}

char *output_eni_name(struct cli *cli, const json_t *object, const struct field *field)
{
	return reference(cli, "enis", object, field);
}

char *output_nat_name(struct cli *cli, const json_t *object, const struct field *field)
{
	return reference(cli, "nat-gateways", object, field);
}

char *output_route_table_name(struct cli *cli, const json_t *object, const struct field *field)
{
	return reference(cli, "route-tables", object, field);
}

char *output_acl_name(struct cli *cli, const json_t *object, const struct field *field)
{
	return reference(cli, "network-acls", object, field);
}

static char *output_names(struct cli *cli, const char *collection, const json_t *object, const struct field *field)
{
	_cleanup_json_ json_t *names = json_array();
	json_t *id;
	size_t i;

	json_array_foreach (json_object_get(object, field->key), i, id) {
		const char *text = json_string_value(id);

		if (text && json_array_append_new(names, json_string(api_name(cli, collection, text))) < 0)
			return NULL;
	}
	return output_text(names);
}

char *output_group_names(struct cli *cli, const json_t *object, const struct field *field)
{
	return output_names(cli, "security-groups", object, field);
}

char *output_subnet_names(struct cli *cli, const json_t *object, const struct field *field)
{
	return output_names(cli, "subnets", object, field);
}
