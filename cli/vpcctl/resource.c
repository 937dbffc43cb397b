/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/resource.h"

#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"

/* Where names of a kind are unique on the host, commands take no --vpc. */
#define PARAM_SCOPE_HOST
#define PARAM_SCOPE_VPC	   PARAM_VPC_SCOPE,
#define PARAM_SCOPE_SUBNET PARAM_VPC_SCOPE,
#define PARAM_FILTER_HOST
#define PARAM_FILTER_VPC    {"--vpc", VALUE_VPC, 0, "VPC", "only those of this VPC"},
#define PARAM_FILTER_SUBNET PARAM_FILTER_VPC
#define PARAM_NAMED(SYMBOL)                                                                  \
	{                                                                                    \
#SYMBOL, VALUE_##SYMBOL, PARAM_REQUIRED | PARAM_REPEAT, NULL, "ids or names" \
	}

#define RESOURCE(SYMBOL, symbol, noun, prefix, code, article, title, list, schema, limit, SCOPE, ...)                \
	const char symbol##_noun[] = noun;                                                                           \
	const struct param symbol##_list_params[] = {PARAM_FILTER_##SCOPE PARAMS_END};                               \
	const struct param symbol##_show_params[] = {PARAM_NAMED(SYMBOL), PARAM_AT, PARAM_SCOPE_##SCOPE PARAMS_END}; \
	const struct param symbol##_delete_params[] = {PARAM_NAMED(SYMBOL), PARAM_SCOPE_##SCOPE PARAM_DRY_RUN,       \
						       PARAMS_END};
#include <vpc/kinds.def>

/* The parameter that names the objects. */
static const char *named(const struct args *args)
{
	return args->command->params[0].name;
}

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

static bool has_column(const struct resource *r, const struct field *f)
{
	for (size_t i = 0; i < r->n_columns; i++)
		if (!strcmp(r->columns[i].key, f->key))
			return true;
	return false;
}

/* The columns of a list, then what else `show` has of an object. */
static int print_wide(struct cli *cli, const struct resource *r, const json_t *objects)
{
	struct field *all = calloc(r->n_columns + r->n_fields, sizeof(*all));
	size_t n = r->n_columns;
	int status;

	if (!all)
		return api_oom();
	memcpy(all, r->columns, n * sizeof(*all));
	for (size_t i = 0; i < r->n_fields; i++)
		if (!has_column(r, &r->fields[i]))
			all[n++] = r->fields[i];
	status = output_rows(cli, objects, all, n);
	free(all);
	return status;
}

int resource_list(struct cli *cli, const struct args *args)
{
	const struct resource *r = args->command->resource;
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
	if (cli->output == OUTPUT_TABLE && cli->wide)
		return print_wide(cli, r, objects);
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

char *resource_path_at(const char *path, const char *revision)
{
	char *text = NULL;

	if (!path || !revision)
		return path ? strdup(path) : NULL;
	return asprintf(&text, "%s%cat=%s", path, strchr(path, '?') ? '&' : '?', revision) < 0 ? NULL : text;
}

int resource_show(struct cli *cli, const struct args *args)
{
	const struct resource *r = args->command->resource;
	_cleanup_json_ json_t *objects = json_array();
	const char *name = named(args);
	size_t n = args_count(args, name);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, args_nth(args, name, i), NULL);
		_cleanup_free_ char *past = resource_path_at(path, args_get(args, "--at"));
		json_t *object = NULL;
		int status = api_get(cli, past, &object);

		if (status != CLI_OK)
			return status;
		if (json_array_append_new(objects, object) < 0)
			return api_oom();
	}
	return n == 1 ? resource_print(cli, r, json_array_get(objects, 0), false) : print_several(cli, r, objects);
}

int resource_create(struct cli *cli, const struct args *args)
{
	return resource_create_with(cli, args, args->command->resource->create);
}

const struct body_field resource_create_in_vpc[] = {{"name", "NAME"}, {"vpc_id", "--vpc"}, {"tags", "--tag"}, BODY_END};

int resource_create_with(struct cli *cli, const struct args *args, const struct body_field *fields)
{
	const struct resource *r = args->command->resource;
	_cleanup_json_ json_t *object = NULL;
	_cleanup_free_ char *path = NULL;
	json_t *body = NULL;
	int status = body_make(cli, args, fields, &body);

	if (status != CLI_OK)
		return status;
	path = api_path(cli, kind_of(r->kind)->path, NULL, NULL); /* the body may have taken the scope */
	status = api_change(cli, "POST", path, body, 0, &object);
	return status != CLI_OK ? status : resource_print(cli, r, object, true);
}

int resource_change_part(struct cli *cli, const struct args *args, const char *method, const char *part, json_t *body)
{
	const struct resource *r = args->command->resource;
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, args_get(args, named(args)), part);
	_cleanup_json_ json_t *object = NULL;
	int status = api_change(cli, method, path, body, 0, &object);

	return status != CLI_OK ? status : resource_print(cli, r, object, true);
}

int resource_change_part_with(struct cli *cli, const struct args *args, const char *method, const char *part,
			      const struct body_field *fields)
{
	json_t *body = NULL;
	int status = body_make(cli, args, fields, &body);

	return status != CLI_OK ? status : resource_change_part(cli, args, method, part, body);
}

int resource_change_all(struct cli *cli, const struct args *args, const char *verb, json_t **ret)
{
	const struct kind *kind = kind_of(args->command->resource->kind);
	json_t *changes = json_array();
	const char *ref;
	char op[64];

	snprintf(op, sizeof(op), "%s.%s", kind->noun, verb);
	for (size_t i = 0; (ref = args_nth(args, named(args), i)); i++)
		if (json_array_append_new(changes,
					  json_pack("{s:s, s:s}", "op", op, kind->field_id, api_alias(cli, ref))) < 0) {
			json_decref(changes);
			return api_oom();
		}
	return api_transaction_all(cli, changes, ret);
}

int resource_print_all(struct cli *cli, const struct resource *r, const struct args *args, const char *done,
		       const json_t *reply)
{
	json_t *results = json_object_get(reply, "results"), *result;
	size_t i;

	if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML)
		return output_document(cli, reply);
	json_array_foreach (results, i, result) {
		const char *ref = args_nth(args, named(args), i), *id = json_member_text(result, "id");

		if (cli->output == OUTPUT_ID)
			output_id(result);
		else
			printf("%s %s %s (%s)\n", done, kind_of(r->kind)->title, ref ? ref : "", id ? id : "");
	}
	if (cli->output == OUTPUT_TABLE)
		output_change(cli, reply);
	return CLI_OK;
}

int resource_delete(struct cli *cli, const struct args *args)
{
	const struct resource *r = args->command->resource;
	const char *ref = args_get(args, named(args));
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, ref, NULL);
	_cleanup_json_ json_t *reply = NULL;
	int status;

	if (args_count(args, named(args)) > 1) {
		status = resource_change_all(cli, args, args->command->verb, &reply);
		return status != CLI_OK ? status : resource_print_all(cli, r, args, "deleted", reply);
	}
	status = api_change(cli, "DELETE", path, NULL, 0, &reply);
	return status != CLI_OK ? status : resource_print_deleted(cli, r, ref, reply);
}
