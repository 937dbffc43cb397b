/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl attach, detach: a network interface is created and attached, or detached and deleted, in one transaction. */
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/eni.h"
#include "cli/vpcctl/attachment.h"

static int run_attach(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *create = NULL, *attachment = NULL, *eni = NULL;
	json_t *changes;
	int status = attachment_body(cli, args, &attachment);

	if (status == CLI_OK)
		status = body_make(cli, args, eni_create_body, &create);
	if (status != CLI_OK)
		return status;
	if (json_object_set_new(create, "op", json_string("eni.create")) < 0)
		return api_oom();
	cli->taken_hint = "attach creates a network interface; to attach one that exists: vpcctl eni attach NAME ...";
	changes = json_pack("[O, {s:s, s:s, s:O}]", create, "op", "eni.attach", "eni_id", "$0.id", "attachment",
			    attachment);
	if (!changes)
		return api_oom();
	status = api_transaction(cli, changes, 1, &eni);
	return status != CLI_OK ? status : resource_print(cli, &eni_resource, eni, true);
}

/* Adds the changes that detach and delete one ENI. */
static int add_detach(struct cli *cli, const char *ref, json_t *changes)
{
	_cleanup_free_ char *path = api_path(cli, "enis", ref, NULL);
	_cleanup_json_ json_t *eni = NULL;
	const char *id;
	int status = api_get(cli, path, &eni);

	if (status != CLI_OK)
		return status;
	id = json_member_text(eni, "id");
	if (!id ||
	    (json_is_object(json_object_get(eni, "attachment")) &&
	     json_array_append_new(changes, json_pack("{s:s, s:s}", "op", "eni.detach", "eni_id", id)) < 0) ||
	    json_array_append_new(changes, json_pack("{s:s, s:s}", "op", "eni.delete", "eni_id", id)) < 0)
		return api_oom();
	return CLI_OK;
}

/* The reply with the results of the deletions alone, one for each name. changes: borrowed. */
static int keep_deletions(json_t *reply, const json_t *changes)
{
	json_t *results = json_object_get(reply, "results"), *kept = json_array(), *change;
	size_t i;

	json_array_foreach (changes, i, change)
		if (!strcmp(json_member_text(change, "op"), "eni.delete") &&
		    json_array_append(kept, json_array_get(results, i)) < 0) {
			json_decref(kept);
			return -1;
		}
	return json_object_set_new(reply, "results", kept);
}

/* Several are one transaction. */
static int run_detach(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *changes = json_array(), *reply = NULL;
	size_t n = args_count(args, "NAME");
	int status = CLI_OK;

	for (size_t i = 0; status == CLI_OK && i < n; i++)
		status = add_detach(cli, args_nth(args, "NAME", i), changes);
	if (status != CLI_OK)
		return status;
	if (n == 1) {
		status = api_transaction(cli, json_incref(changes), json_array_size(changes) - 1, &reply);
		return status != CLI_OK ? status
					: resource_print_deleted(cli, &eni_resource, args_get(args, "NAME"), reply);
	}
	status = api_transaction_all(cli, json_incref(changes), &reply);
	if (status != CLI_OK)
		return status;
	return keep_deletions(reply, changes) < 0 ? api_oom()
						  : resource_print_all(cli, &eni_resource, args, "deleted", reply);
}

static const struct param attach_params[] = {PARAMS_ENI, PARAMS_ATTACHMENT, PARAM_VPC_SCOPE, PARAM_DRY_RUN, PARAMS_END};
static const struct param detach_params[] = {
	{"NAME", VALUE_ENI, PARAM_REQUIRED | PARAM_REPEAT, NULL,
	 "the network interfaces: ids, names, addresses, or their containers' names or short ids"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command attach_command = {
	.noun = "attach",
	.summary = "create a network interface and attach it, in one transaction",
	.params = attach_params,
	.example = "vpcctl attach web1 --subnet app --sg web --netns web1\n"
		   "vpcctl attach vm1 --subnet app --sg web --tap --owner alice\n"
		   "vpcctl attach box1 --subnet app --link --ifname vpc-box1",
	.run = run_attach,
};
const struct command detach_command = {
	.noun = "detach",
	.summary = "detach network interfaces and delete them, in one transaction",
	.params = detach_params,
	.example = "vpcctl detach web1\nvpcctl detach web1 web2",
	.run = run_detach,
};
