/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/body.h"

#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/lib/api.h"

static json_t *one_value(const struct cli *cli, const struct param *p, const char *value)
{
	uint64_t n;

	if (p->type == VALUE_FLAG)
		return json_boolean(strncmp(p->name, "--no-", 5) != 0);
	if (p->type == VALUE_NUMBER) /* args_parse() has checked it */
		return number_parse(value, INT64_MAX, &n) < 0 ? NULL : json_integer((json_int_t)n);
	if (p->type == VALUE_ON_OFF)
		return json_boolean(!strcmp(value, "on"));
	return json_string(p->type == VALUE_ENI ? api_alias(cli, value) : value);
}

static json_t *tags(const struct args *args, const char *param)
{
	_cleanup_json_ json_t *object = json_object();
	const char *value;

	for (size_t i = 0; (value = args_nth(args, param, i)); i++) {
		const char *eq = strchr(value, '=');
		_cleanup_free_ char *name = strndup(value, (size_t)(eq - value));

		if (!name || json_object_set_new(object, name, json_string(eq + 1)) < 0)
			return NULL;
	}
	return TAKE_PTR(object);
}

static json_t *list(const struct cli *cli, const struct args *args, const struct param *p)
{
	_cleanup_json_ json_t *array = json_array();
	const char *value;

	for (size_t i = 0; (value = args_nth(args, p->name, i)); i++)
		if (json_array_append_new(array, one_value(cli, p, value)) < 0)
			return NULL;
	return TAKE_PTR(array);
}

int body_set(const struct cli *cli, json_t *body, const char *key, const struct args *args, const char *param)
{
	const struct param *p = args->command->params;
	const char *value = args_get(args, param);

	if (!value)
		return 0;
	while (strcmp(p->name, param) != 0)
		p++;
	return json_object_set_new(body, key,
				   p->type == VALUE_TAG	     ? tags(args, param)
				   : p->flags & PARAM_REPEAT ? list(cli, args, p)
							     : one_value(cli, p, value));
}

/* Sets vpc_id to the only VPC there is. */
static int set_only_vpc(struct cli *cli, json_t *body, const struct args *args)
{
	const char *names[3] = {0};
	_cleanup_json_ json_t *reply = NULL;
	const json_t *vpcs;
	size_t n;
	int status = api_get(cli, "/v1/vpcs", &reply);

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

int body_make(struct cli *cli, const struct args *args, const struct body_field *fields, json_t **ret)
{
	_cleanup_json_ json_t *body = json_object();
	int status = CLI_OK;

	for (; fields->key; fields++) {
		bool is_vpc = !strcmp(fields->key, "vpc_id");

		if (is_vpc && !args_get(args, fields->param))
			status = set_only_vpc(cli, body, args);
		else if (body_set(cli, body, fields->key, args, fields->param) < 0)
			status = api_oom();
		if (status != CLI_OK)
			return status;
		if (is_vpc)
			cli->scope = NULL; /* vpc_id says it */
	}
	*ret = TAKE_PTR(body);
	return CLI_OK;
}
