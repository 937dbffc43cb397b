/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl eni … */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/screen.h"
#include "cli/vpcctl/attachment.h"
#include "cli/vpcctl/eni.h"
#include "cli/vpcctl/owner.h"

/* The rest of an ENI is in `eni show`: a line has 100 columns at most, whatever the containers and groups are called.
 */
#define NAME_WIDEST   21
#define GROUPS_WIDEST 14

/* Takes text. */
static char *cut(char *text, size_t widest)
{
	_cleanup_free_ char *owned = text;

	return text ? screen_cut(text, widest) : NULL;
}

/* "cni:0123456789ab:eth0" of a container's, whose name has all 64 digits. */
static char *name_short(struct cli *cli, const json_t *object, const struct field *field)
{
	const char *name = json_member_text(object, field->key) ?: "";
	const char *end = !strncmp(name, "cni:", 4) ? strchr(name + 4, ':') : NULL;
	char *text = NULL;

	(void)cli;
	if (!end || end - name < 4 + 12)
		return screen_cut(name, NAME_WIDEST);
	return asprintf(&text, "cni:%.12s%s", name + 4, end) < 0 ? NULL : cut(text, NAME_WIDEST);
}

static char *groups_short(struct cli *cli, const json_t *object, const struct field *field)
{
	return cut(output_group_names(cli, object, field), GROUPS_WIDEST);
}

static char *attached_short(struct cli *cli, const json_t *object, const struct field *field)
{
	if (!json_is_object(json_object_get(object, field->key)))
		return strdup("");
	return owner_short(cli, object);
}

static char *attached(struct cli *cli, const json_t *object, const struct field *field)
{
	return json_is_object(json_object_get(object, field->key)) ? owner_text(cli, object) : strdup("");
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, name_short},
	{"IP", "ip", TABLE_LEFT, NULL},
	{"GROUPS", "security_groups", TABLE_LEFT, groups_short},
	{"ATTACHED", "attachment", TABLE_LEFT, attached_short},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"number", "number", TABLE_LEFT, NULL},
	{"vpc", "vpc_id", TABLE_LEFT, output_vpc_name},
	{"subnet", "subnet_id", TABLE_LEFT, output_subnet_name},
	{"mac", "mac", TABLE_LEFT, NULL},
	{"ip", "ip", TABLE_LEFT, NULL},
	{"ip6", "ip6", TABLE_LEFT, NULL},
	{"secondary ips", "secondary_ips", TABLE_LEFT, NULL},
	{"mtu", "mtu", TABLE_LEFT, NULL},
	{"source/dest check", "source_dest_check", TABLE_LEFT, NULL},
	{"delete on termination", "delete_on_termination", TABLE_LEFT, NULL},
	{"security groups", "security_groups", TABLE_LEFT, output_group_names},
	{"attached", "attachment", TABLE_LEFT, attached},
	{"detached because", "detach_reason", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static int print_drops(struct cli *cli, const json_t *drops)
{
	_cleanup_(table_freep) struct table *t = table_new();
	const char *reason;
	bool any = false;
	json_t *count;

	if (!t)
		return api_oom();
	table_column(t, "DROPPED BECAUSE", TABLE_LEFT);
	table_column(t, "PACKETS", TABLE_RIGHT);
	json_object_foreach ((json_t *)drops, reason, count) /* only reads, but takes no const */
	{
		if (json_integer_value(count) == 0)
			continue;
		table_cell(t, reason);
		table_cellf(t, "%lld", (long long)json_integer_value(count));
		any = true;
	}
	if (!any) {
		puts("\nnothing was dropped");
		return CLI_OK;
	}
	putchar('\n');
	return table_print(t, 0, cli->colour) < 0 ? api_oom() : CLI_OK;
}

static int print_counters(struct cli *cli, const json_t *object)
{
	static const char *const directions[][2] = {{"rx", "received"}, {"tx", "sent"}};
	const json_t *counters = json_object_get(object, "counters");
	_cleanup_(table_freep) struct table *t = NULL;

	if (!json_is_object(counters))
		return CLI_OK;
	t = table_new();
	if (!t)
		return api_oom();
	table_column(t, "TRAFFIC", TABLE_LEFT);
	table_column(t, "PACKETS", TABLE_RIGHT);
	table_column(t, "BYTES", TABLE_RIGHT);
	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		char packets[16], bytes[16];

		snprintf(packets, sizeof(packets), "%s_packets", directions[i][0]);
		snprintf(bytes, sizeof(bytes), "%s_bytes", directions[i][0]);
		table_cell(t, directions[i][1]);
		table_cellf(t, "%lld", (long long)json_integer_value(json_object_get(counters, packets)));
		table_cellf(t, "%lld", (long long)json_integer_value(json_object_get(counters, bytes)));
	}
	putchar('\n');
	if (table_print(t, 0, cli->colour) < 0)
		return api_oom();
	return print_drops(cli, json_object_get(counters, "drops"));
}

const struct resource eni_resource = {
	.kind = OBJECT_ENI,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.list_width = 100,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = print_counters,
};

int eni_create_body(json_t *body, const struct args *args)
{
	if (body_set(body, "name", args, "NAME") < 0 || body_set(body, "subnet_id", args, "--subnet") < 0 ||
	    body_set_list(body, "security_groups", args, "--sg") < 0 || body_set(body, "ip", args, "--ip") < 0 ||
	    body_set(body, "ip6", args, "--ip6") < 0 || body_set(body, "mac", args, "--mac") < 0 ||
	    body_set_list(body, "secondary_ips", args, "--secondary-ip") < 0 ||
	    body_set_tags(body, "tags", args, "--tag") < 0)
		return -1;
	if (args_get(args, "--no-source-dest-check") &&
	    json_object_set_new(body, "source_dest_check", json_false()) < 0)
		return -1;
	return args_get(args, "--delete-on-termination")
		       ? json_object_set_new(body, "delete_on_termination", json_true())
		       : 0;
}

static int run_create(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *body = json_object();

	if (eni_create_body(body, args) < 0)
		return api_oom();
	return resource_create(cli, &eni_resource, TAKE_PTR(body));
}

static int run_list(struct cli *cli, const struct args *args)
{
	(void)args;
	return resource_list(cli, &eni_resource);
}

static int run_show(struct cli *cli, const struct args *args)
{
	return resource_show(cli, &eni_resource, args, "ENI");
}

static int run_delete(struct cli *cli, const struct args *args)
{
	return resource_delete(cli, &eni_resource, args, "ENI");
}

/* A change of what belongs to an ENI, below its path; prints the ENI. body is consumed. */
static int change_part(struct cli *cli, const struct args *args, const char *method, const char *part, json_t *body)
{
	_cleanup_free_ char *path = api_path(cli, "enis", args_get(args, "ENI"), part);
	_cleanup_json_ json_t *eni = NULL;
	int status = api_change(cli, method, path, body, 0, &eni);

	return status != CLI_OK ? status : resource_print(cli, &eni_resource, eni, true);
}

static int run_attach(struct cli *cli, const struct args *args)
{
	json_t *attachment = NULL;
	int status = attachment_body(args, &attachment);

	return status != CLI_OK ? status : change_part(cli, args, "PUT", "attachment", attachment);
}

/* Several are one transaction. */
static int run_detach(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	size_t n = args_count(args, "ENI");
	json_t *changes, *results, *eni;
	int status;

	if (n == 1)
		return change_part(cli, args, "DELETE", "attachment", NULL);
	changes = json_array();
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(changes, json_pack("{s:s, s:s}", "op", "eni.detach", "eni_id",
							     api_alias(cli, args_nth(args, "ENI", i)))) < 0) {
			json_decref(changes);
			return api_oom();
		}
	status = api_transaction_all(cli, changes, &reply);
	if (status != CLI_OK)
		return status;
	if (cli->output == OUTPUT_JSON || cli->output == OUTPUT_YAML)
		return output_document(cli, reply);
	results = json_object_get(reply, "results");
	for (size_t i = 0; i < json_array_size(results); i++) {
		eni = json_array_get(results, i);
		if (cli->output == OUTPUT_ID)
			output_id(eni);
		else
			printf("detached network interface %s\n", args_nth(args, "ENI", i));
	}
	if (cli->output == OUTPUT_TABLE)
		output_change(cli, reply);
	return CLI_OK;
}

static int run_set(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *body = json_object();
	json_t *groups;

	if (body_set_list(body, "security_groups", args, "--sg") < 0 || body_set(body, "flows", args, "--flows") < 0)
		return api_oom();
	/* `eni set web1 --sg a b`: what follows is groups too */
	groups = json_object_get(body, "security_groups");
	for (size_t i = 0; i < args_count(args, "SG"); i++)
		if (json_array_append_new(groups, json_string(args_nth(args, "SG", i))) < 0)
			return api_oom();
	return change_part(cli, args, "PUT", "security-groups", TAKE_PTR(body));
}

#define ENI_HELP "id, name, address, or its container's name or short id"

static const struct param create_params[] = {PARAMS_ENI, PARAM_VPC_SCOPE, PARAM_DRY_RUN, PARAMS_END};
static const struct param list_params[] = {
	{"--vpc", VALUE_VPC, 0, "VPC", "only those of this VPC"},
	PARAMS_END,
};
static const struct param one_params[] = {
	{"ENI", VALUE_ENI, PARAM_REQUIRED | PARAM_REPEAT, NULL, ENI_HELP},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};
static const struct param change_params[] = {
	{"ENI", VALUE_ENI, PARAM_REQUIRED | PARAM_REPEAT, NULL, ENI_HELP},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param attach_params[] = {
	{"ENI", VALUE_ENI, PARAM_REQUIRED, NULL, ENI_HELP},
	PARAMS_ATTACHMENT,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param set_params[] = {
	{"ENI", VALUE_ENI, PARAM_REQUIRED, NULL, ENI_HELP},
	{"SG", VALUE_SG, PARAM_REPEAT | PARAM_HIDDEN, NULL, ""},
	{"--sg", VALUE_SG, PARAM_REQUIRED | PARAM_REPEAT, "SG", "a group it shall carry; all others are taken off"},
	PARAM_FLOWS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command eni_create_command = {
	.noun = "eni",
	.verb = "create",
	.summary = "create a network interface that is not attached yet",
	.params = create_params,
	.example = "vpcctl eni create web1 --subnet app --sg web --ip 10.0.1.10",
	.run = run_create,
};
static const struct command eni_list_command = {
	.noun = "eni",
	.verb = "list",
	.summary = "list the network interfaces",
	.params = list_params,
	.example = "vpcctl eni list --vpc prod",
	.run = run_list,
};
static const struct command eni_show_command = {
	.noun = "eni",
	.verb = "show",
	.summary = "show one network interface, its traffic and its drops",
	.params = one_params,
	.example = "vpcctl eni show web1",
	.run = run_show,
};
static const struct command eni_delete_command = {
	.noun = "eni",
	.verb = "delete",
	.summary = "delete a network interface that is not attached",
	.params = change_params,
	.example = "vpcctl eni delete web1",
	.run = run_delete,
};
static const struct command eni_attach_command = {
	.noun = "eni",
	.verb = "attach",
	.summary = "attach a network interface to a namespace, or give it a tap",
	.params = attach_params,
	.example = "vpcctl eni attach web1 --netns web1 --ifname eth0\nvpcctl eni attach vm1 --tap --owner alice",
	.run = run_attach,
};
static const struct command eni_detach_command = {
	.noun = "eni",
	.verb = "detach",
	.summary = "detach a network interface",
	.params = change_params,
	.example = "vpcctl eni detach web1",
	.run = run_detach,
};
static const struct command eni_set_command = {
	.noun = "eni",
	.verb = "set",
	.summary = "replace the security groups of a network interface",
	.params = set_params,
	.example = "vpcctl eni set web1 --sg web --sg monitoring --flows drain=30",
	.run = run_set,
};

const struct command *const eni_commands[] = {
	&eni_create_command, &eni_list_command,	  &eni_show_command, &eni_delete_command,
	&eni_attach_command, &eni_detach_command, &eni_set_command,  NULL,
};
