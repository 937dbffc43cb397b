/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/resource.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/lib/api.h"

int resource_print(struct cli *cli, const struct resource *r, const json_t *object, bool changed)
{
	int status;

	if (cli->output == OUTPUT_ID)
		return output_id(object);
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, object);
	status = output_fields(cli, object, r->fields, r->n_fields);
	if (status == CLI_OK && r->details)
		status = r->details(cli, object);
	if (changed)
		output_change(cli, object);
	return status;
}

int resource_print_deleted(struct cli *cli, const struct resource *r, const char *ref, const json_t *deleted)
{
	const char *id = json_member_text(deleted, "id");

	if (cli->output == OUTPUT_ID)
		return output_id(deleted);
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, deleted);
	printf("deleted %s %s", kind_of(r->kind)->title, ref);
	if (id && strcmp(id, ref) != 0)
		printf(" (%s)", id);
	putchar('\n');
	output_change(cli, deleted);
	return CLI_OK;
}

int resource_list(struct cli *cli, const struct resource *r)
{
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, NULL, NULL);
	_cleanup_json_ json_t *reply = NULL;
	json_t *objects, *object;
	size_t i;
	int status = api_get(cli, path, &reply);

	if (status != CLI_OK)
		return status;
	objects = json_object_get(reply, kind_of(r->kind)->list);
	if (!json_is_array(objects))
		return api_refuse("InternalError", "vpcd's reply has no %s", kind_of(r->kind)->list);
	cli->list_width = r->list_width;
	if (cli->output == OUTPUT_TABLE)
		return output_rows(cli, objects, r->columns, r->n_columns);
	if (cli->output != OUTPUT_ID)
		return output_document(cli, objects);
	json_array_foreach (objects, i, object)
		output_id(object);
	return CLI_OK;
}

/* Several objects: a list, or one block below the other. */
static int print_several(struct cli *cli, const struct resource *r, const json_t *objects)
{
	json_t *object;
	size_t i;
	int status = CLI_OK;

	if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML)
		return output_document(cli, objects);
	json_array_foreach (objects, i, object) {
		if (i && cli->output == OUTPUT_TABLE)
			putchar('\n');
		if (status == CLI_OK)
			status = resource_print(cli, r, object, false);
	}
	return status;
}

int resource_show(struct cli *cli, const struct resource *r, const struct args *args, const char *name)
{
	_cleanup_json_ json_t *objects = json_array();
	size_t n = args_count(args, name);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, args_nth(args, name, i), NULL);
		json_t *object = NULL;
		int status = api_get(cli, path, &object);

		if (status != CLI_OK)
			return status;
		if (json_array_append_new(objects, object) < 0)
			return api_oom();
	}
	return n == 1 ? resource_print(cli, r, json_array_get(objects, 0), false) : print_several(cli, r, objects);
}

int resource_create(struct cli *cli, const struct resource *r, json_t *body)
{
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, NULL, NULL);
	_cleanup_json_ json_t *object = NULL;
	int status = api_change(cli, "POST", path, body, 0, &object);

	return status != CLI_OK ? status : resource_print(cli, r, object, true);
}

int resource_print_all_deleted(struct cli *cli, const struct resource *r, const struct args *args, const char *name,
			       const json_t *reply)
{
	json_t *results = json_object_get(reply, "results"), *deleted;
	size_t i;

	if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML)
		return output_document(cli, reply);
	json_array_foreach (results, i, deleted) {
		const char *ref = args_nth(args, name, i), *id = json_member_text(deleted, "id");

		if (cli->output == OUTPUT_ID)
			output_id(deleted);
		else
			printf("deleted %s %s (%s)\n", kind_of(r->kind)->title, ref ? ref : "", id ? id : "");
	}
	if (cli->output == OUTPUT_TABLE)
		output_change(cli, reply);
	return CLI_OK;
}

/* Several are one transaction: all of them go, or none. */
static int delete_several(struct cli *cli, const struct resource *r, const struct args *args, const char *name)
{
	_cleanup_json_ json_t *reply = NULL;
	json_t *changes = json_array();
	char op[32];
	int status;

	snprintf(op, sizeof(op), "%s.delete", kind_of(r->kind)->noun);
	for (size_t i = 0; i < args_count(args, name); i++)
		if (json_array_append_new(changes, json_pack("{s:s, s:s}", "op", op, kind_of(r->kind)->field_id,
							     api_alias(cli, args_nth(args, name, i)))) < 0) {
			json_decref(changes);
			return api_oom();
		}
	status = api_transaction_all(cli, changes, &reply);
	return status != CLI_OK ? status : resource_print_all_deleted(cli, r, args, name, reply);
}

int resource_delete(struct cli *cli, const struct resource *r, const struct args *args, const char *name)
{
	const char *ref = args_get(args, name);
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, ref, NULL);
	_cleanup_json_ json_t *deleted = NULL;
	int status;

	if (args_count(args, name) > 1)
		return delete_several(cli, r, args, name);
	status = api_change(cli, "DELETE", path, NULL, 0, &deleted);
	return status != CLI_OK ? status : resource_print_deleted(cli, r, ref, deleted);
}

int body_set(json_t *body, const char *key, const struct args *args, const char *option)
{
	const char *value = args_get(args, option);

	return value ? json_object_set_new(body, key, json_string(value)) : 0;
}

int body_set_vpc(struct cli *cli, json_t *body, const struct args *args)
{
	const char *vpc = args_get(args, "--vpc"), *names[3] = {0};
	_cleanup_json_ json_t *reply = NULL;
	const json_t *vpcs;
	size_t n;
	int status;

	if (vpc)
		return body_set(body, "vpc_id", args, "--vpc") < 0 ? api_oom() : CLI_OK;
	status = api_get(cli, "/v1/vpcs", &reply);
	if (status != CLI_OK)
		return status;
	vpcs = json_object_get(reply, "vpcs");
	n = json_array_size(vpcs);
	for (size_t i = 0; i < n && i < ARRAY_SIZE(names); i++)
		names[i] = json_member_text(json_array_get(vpcs, i), "name");
	if (n == 0)
		return args_wrong(args, "--vpc is missing, and there is no VPC yet: vpcctl vpc create");
	if (n > 1)
		return args_wrong(args, "--vpc is missing; it is one of %s, %s%s%s%s", names[0] ?: "?", names[1] ?: "?",
				  n > 2 ? ", " : "", n > 2 && names[2] ? names[2] : "", n > 3 ? ", ..." : "");
	return json_object_set(body, "vpc_id", json_object_get(json_array_get(vpcs, 0), "id")) < 0 ? api_oom() : CLI_OK;
}

int body_set_number(json_t *body, const char *key, const struct args *args, const char *option)
{
	const char *value = args_get(args, option);

	uint64_t n;

	if (!value)
		return 0;
	/* checked already */
	return number_parse(value, INT64_MAX, &n) < 0 ? -1
						      : json_object_set_new(body, key, json_integer((json_int_t)n));
}

int body_set_list(json_t *body, const char *key, const struct args *args, const char *option)
{
	size_t n = args_count(args, option);
	json_t *list;

	if (n == 0)
		return 0;
	list = json_array();
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(args_nth(args, option, i))) < 0)
			goto oom;
	return json_object_set_new(body, key, list);
oom:
	json_decref(list);
	return -1;
}

int body_set_tags(json_t *body, const char *key, const struct args *args, const char *option)
{
	size_t n = args_count(args, option);
	json_t *tags;

	if (n == 0)
		return 0;
	tags = json_object();
	for (size_t i = 0; i < n; i++) {
		const char *value = args_nth(args, option, i), *eq = strchr(value, '=');
		_cleanup_free_ char *name = strndup(value, (size_t)(eq - value));

		if (!name || json_object_set_new(tags, name, json_string(eq + 1)) < 0) {
			json_decref(tags);
			return -1;
		}
	}
	return json_object_set_new(body, key, tags);
}
