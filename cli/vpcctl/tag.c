/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl rename, tag: commands for resources of every kind. */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/hint.h"
#include "cli/vpcctl/resource.h"

/* The resource of an id, by its prefix. NULL: it is a name; no name begins with such a prefix. */
static const struct resource *resource_of_id(const char *ref)
{
	enum object_kind kind = kind_of_id(ref);

	for (size_t i = 0; cli_resources[i]; i++)
		if (cli_resources[i]->kind == kind)
			return cli_resources[i];
	return NULL;
}

/* "VPC, subnet, … or network interface": no resource has the name. */
static int refuse_name(struct cli *cli, const char *ref)
{
	char titles[256] = "";

	for (size_t i = 0; cli_resources[i]; i++) {
		const char *between = i == 0 ? "" : cli_resources[i + 1] ? ", " : " or ";
		size_t used = strlen(titles);

		snprintf(titles + used, sizeof(titles) - used, "%s%s", between, kind_of(cli_resources[i]->kind)->title);
	}
	api_refuse("NotFound",
		   "no %s is called '%s'; vpcctl vpc list, and the list of each other kind, show those there are",
		   titles, ref);
	hint_near_any(cli, ref);
	return CLI_REFUSED;
}

static int fetch(struct cli *cli, const struct resource *r, const char *ref, bool must, json_t **ret)
{
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, ref, NULL);

	return must ? api_get(cli, path, ret) : api_get_optional(cli, path, ret);
}

/* Finds an object of any kind by id or name. *ret: owned. */
static int find(struct cli *cli, const char *ref, const struct resource **ret_resource, json_t **ret)
{
	_cleanup_json_ json_t *found = NULL;
	const struct resource *kind = resource_of_id(ref);
	char ids[512] = "";
	size_t n = 0;

	if (kind) {
		*ret_resource = kind;
		return fetch(cli, kind, ref, true, ret);
	}
	for (size_t i = 0; cli_resources[i]; i++) {
		_cleanup_json_ json_t *object = NULL;
		int status = fetch(cli, cli_resources[i], ref, false, &object);

		if (status != CLI_OK)
			return status;
		if (!object)
			continue;
		snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s%s", n ? ", " : "",
			 json_member_text(object, "id") ?: "");
		kind = cli_resources[i];
		if (n++ == 0)
			found = TAKE_PTR(object);
	}
	if (!kind)
		return refuse_name(cli, ref);
	if (n > 1) {
		api_refuse("AmbiguousName", "'%s' may be any of %s: use an id", ref, ids);
		return CLI_REFUSED;
	}
	*ret_resource = kind;
	*ret = TAKE_PTR(found);
	return CLI_OK;
}

static char *object_path(struct cli *cli, const struct resource *r, const json_t *object)
{
	const char *id = json_member_text(object, "id");
	const struct cli unscoped = {.socket = cli->socket};

	return id ? api_path(&unscoped, kind_of(r->kind)->path, id, NULL) : NULL;
}

static int run_rename(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *object = NULL, *changed = NULL;
	_cleanup_free_ char *path = NULL;
	const struct resource *r = NULL;
	int status = find(cli, args_get(args, "RESOURCE"), &r, &object);

	if (status != CLI_OK)
		return status;
	path = object_path(cli, r, object);
	status = api_change(cli, "PATCH", path, json_pack("{s:s}", "name", args_get(args, "NEWNAME")), 0, &changed);
	return status != CLI_OK ? status : resource_print(cli, r, changed, true);
}

/* The object's tags, with those of the command line added or removed. K=V is removed only if V is its value. */
static json_t *changed_tags(const json_t *object, const struct args *args, bool add)
{
	json_t *tags = json_copy(json_object_get(object, "tags"));

	if (!tags)
		tags = json_object();
	for (size_t i = 0; i < args_count(args, "KEY=VALUE"); i++) {
		const char *text = args_nth(args, "KEY=VALUE", i), *eq = strchrnul(text, '=');
		_cleanup_free_ char *key = strndup(text, (size_t)(eq - text));
		const char *value = *eq ? eq + 1 : NULL;
		const char *now = key ? json_member_text(tags, key) : NULL;

		if (!key || (add && json_object_set_new(tags, key, json_string(value ? value : "")) < 0)) {
			json_decref(tags);
			return NULL;
		}
		if (!add && now && (!value || !strcmp(now, value)))
			json_object_del(tags, key);
	}
	return tags;
}

static int change_tags(struct cli *cli, const struct args *args, bool add)
{
	_cleanup_json_ json_t *object = NULL, *changed = NULL;
	_cleanup_free_ char *path = NULL;
	const struct resource *r = NULL;
	json_t *tags;
	int status = find(cli, args_get(args, "RESOURCE"), &r, &object);

	if (status != CLI_OK)
		return status;
	path = object_path(cli, r, object);
	tags = changed_tags(object, args, add);
	if (!path || !tags) {
		json_decref(tags);
		return api_oom();
	}
	/* with the revision, so that no change by someone else is lost */
	status = api_change(cli, "PATCH", path, json_pack("{s:o}", "tags", tags),
			    (uint64_t)json_integer_value(json_object_get(object, "revision")), &changed);
	return status != CLI_OK ? status : resource_print(cli, r, changed, true);
}

static int run_add(struct cli *cli, const struct args *args)
{
	return change_tags(cli, args, true);
}

static int run_remove(struct cli *cli, const struct args *args)
{
	return change_tags(cli, args, false);
}

static const struct param rename_params[] = {
	{"RESOURCE", VALUE_RESOURCE, PARAM_REQUIRED, NULL, "id or name of any resource"},
	{"NEWNAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "its new name"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param add_params[] = {
	{"RESOURCE", VALUE_RESOURCE, PARAM_REQUIRED, NULL, "id or name of any resource"},
	{"KEY=VALUE", VALUE_TAG, PARAM_REQUIRED | PARAM_REPEAT, NULL, "tags; one with the same key is replaced"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param remove_params[] = {
	{"RESOURCE", VALUE_RESOURCE, PARAM_REQUIRED, NULL, "id or name of any resource"},
	{"KEY=VALUE", VALUE_TEXT, PARAM_REQUIRED | PARAM_REPEAT, NULL, "tags; KEY alone removes it whatever its value"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command rename_command = {
	.noun = "rename",
	.summary = "rename a resource",
	.params = rename_params,
	.example = "vpcctl rename web1 web-a",
	.run = run_rename,
};
const struct command tag_add_command = {
	.noun = "tag",
	.verb = "add",
	.summary = "add tags to a resource",
	.params = add_params,
	.example = "vpcctl tag add prod team=core stage=live",
	.run = run_add,
};
const struct command tag_remove_command = {
	.noun = "tag",
	.verb = "remove",
	.summary = "remove tags from a resource",
	.params = remove_params,
	.example = "vpcctl tag remove prod stage=live",
	.run = run_remove,
};
