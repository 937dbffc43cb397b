/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl attach, detach: a network interface made and plugged in, or unplugged and deleted, as one change. */
#include "api.h"
#include "commands.h"
#include "eni.h"
#include "plug.h"

static int run_attach(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *create = json_pack("{s:s}", "op", "eni.create");
	_cleanup_json_ json_t *attachment = NULL, *eni = NULL;
	json_t *changes;
	int status = plug_attachment(args, &attachment);

	if (status != CLI_OK)
		return status;
	if (eni_create_body(create, args) < 0)
		return api_oom();
	changes = json_pack("[O, {s:s, s:s, s:O}]", create, "op", "eni.attach", "eni_id", "$0.id", "attachment",
			    attachment);
	if (!changes)
		return api_oom();
	status = api_transaction(cli, changes, 1, &eni);
	return status != CLI_OK ? status : resource_print(cli, &eni_resource, eni, true);
}

static int run_detach(struct cli *cli, const struct args *args)
{
	const char *ref = args_get(args, "NAME");
	_cleanup_free_ char *path = api_path(cli, "enis", ref, NULL);
	_cleanup_json_ json_t *eni = NULL, *deleted = NULL;
	json_t *changes = NULL;
	const char *id;
	bool attached;
	int status = api_get(cli, path, &eni);

	if (status != CLI_OK)
		return status;
	id = json_string_value(json_object_get(eni, "id"));
	attached = json_is_object(json_object_get(eni, "attachment"));
	if (id)
		changes = attached ? json_pack("[{s:s, s:s}, {s:s, s:s}]", "op", "eni.detach", "eni_id", id, "op",
					       "eni.delete", "eni_id", id)
				   : json_pack("[{s:s, s:s}]", "op", "eni.delete", "eni_id", id);
	if (!changes)
		return api_oom();
	status = api_transaction(cli, changes, attached ? 1 : 0, &deleted);
	return status != CLI_OK ? status : resource_print_deleted(cli, &eni_resource, ref, deleted);
}

static const struct param attach_params[] = {PARAMS_ENI, PARAMS_PLUG, PARAM_VPC_SCOPE, PARAM_DRY_RUN, PARAMS_END};
static const struct param detach_params[] = {
	{"NAME", VALUE_ENI, PARAM_REQUIRED, NULL, "the network interface: id or name"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command attach_command = {
	.noun = "attach",
	.summary = "make a network interface and plug it in, in one step",
	.params = attach_params,
	.example = "vpcctl attach web1 --subnet app --sg web --netns web1\n"
		   "vpcctl attach vm1 --subnet app --sg web --tap --owner alice",
	.run = run_attach,
};
const struct command detach_command = {
	.noun = "detach",
	.summary = "unplug a network interface and delete it",
	.params = detach_params,
	.example = "vpcctl detach web1",
	.run = run_detach,
};
