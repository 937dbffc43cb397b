/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl eni … */
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/screen.h"
#include "cli/vpcctl/attachment.h"
#include "cli/vpcctl/counters.h"
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
	{"public ip", "public_ip", TABLE_LEFT, NULL},
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
	const json_t *counters = json_object_get(object, "counters");
	int status = counters_print(cli, object);

	return status == CLI_OK && json_is_object(counters) ? print_drops(cli, json_object_get(counters, "drops"))
							    : status;
}

const struct body_field eni_create_body[] = {
	{"name", "NAME"},
	{"subnet_id", "--subnet"},
	{"security_groups", "--sg"},
	{"ip", "--ip"},
	{"ip6", "--ip6"},
	{"mac", "--mac"},
	{"secondary_ips", "--secondary-ip"},
	{"source_dest_check", "--no-source-dest-check"},
	{"delete_on_termination", "--delete-on-termination"},
	{"tags", "--tag"},
	BODY_END,
};

const struct resource eni_resource = {
	.kind = OBJECT_ENI,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.list_width = 100,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = print_counters,
	.create = eni_create_body,
};

static int run_attach(struct cli *cli, const struct args *args)
{
	json_t *attachment = NULL;
	int status = attachment_body(cli, args, &attachment);

	return status != CLI_OK ? status : resource_change_part(cli, args, "PUT", "attachment", attachment);
}

static int run_detach(struct cli *cli, const struct args *args)
{
	_cleanup_json_ json_t *reply = NULL;
	int status;

	if (args_count(args, "ENI") == 1)
		return resource_change_part(cli, args, "DELETE", "attachment", NULL);
	status = resource_change_all(cli, args, "detach", &reply);
	return status != CLI_OK ? status : resource_print_all(cli, &eni_resource, args, "detached", reply);
}

static int run_set(struct cli *cli, const struct args *args)
{
	static const struct body_field groups_and_flows[] = {
		{"security_groups", "--sg"}, {"flows", "--flows"}, BODY_END};
	_cleanup_json_ json_t *body = NULL;
	json_t *groups;
	const char *check = args_get(args, "--source-dest-check");
	int status;

	if (!check == !args_get(args, "--sg"))
		return args_wrong(args, check ? "--sg and --source-dest-check are two changes; make one at a time"
					      : "--sg or --source-dest-check is missing");
	if (check)
		return resource_change_part(cli, args, "PATCH", NULL,
					    json_pack("{s:b}", "source_dest_check", !strcmp(check, "on")));
	status = body_make(cli, args, groups_and_flows, &body);
	if (status != CLI_OK)
		return status;
	/* `eni set web1 --sg a b`: what follows is groups too */
	groups = json_object_get(body, "security_groups");
	for (size_t i = 0; i < args_count(args, "SG"); i++)
		if (json_array_append_new(groups, json_string(args_nth(args, "SG", i))) < 0)
			return api_oom();
	return resource_change_part(cli, args, "PUT", "security-groups", TAKE_PTR(body));
}

static int run_assign_ip(struct cli *cli, const struct args *args)
{
	static const struct body_field fields_of_ips[] = {{"secondary_ips", "IP"}, BODY_END};

	return resource_change_part_with(cli, args, "POST", "secondary-ips", fields_of_ips);
}

static int run_unassign_ip(struct cli *cli, const struct args *args)
{
	static const struct body_field fields_of_ips[] = {{"secondary_ips", "IP"}, {"flows", "--flows"}, BODY_END};

	return resource_change_part_with(cli, args, "DELETE", "secondary-ips", fields_of_ips);
}

#define ENI_HELP  "id, name, address, or its container's name or short id"
#define ENI_NOTES "An address, or its container's name or short id, stands for a network interface as well."

static const struct param create_params[] = {PARAMS_ENI, PARAM_VPC_SCOPE, PARAM_DRY_RUN, PARAMS_END};
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
	{"--sg", VALUE_SG, PARAM_REPEAT, "SG", "a group it shall carry; all others are taken off"},
	{"--source-dest-check", VALUE_ON_OFF, 0, "on|off", "off: it may forward packets of others"},
	PARAM_FLOWS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct param assign_ip_params[] = {
	{"ENI", VALUE_ENI, PARAM_REQUIRED, NULL, ENI_HELP},
	{"IP", VALUE_TEXT, PARAM_REQUIRED | PARAM_REPEAT, NULL, "a free address of its subnet, IPv4 or IPv6"},
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param unassign_ip_params[] = {
	{"ENI", VALUE_ENI, PARAM_REQUIRED, NULL, ENI_HELP},
	{"IP", VALUE_TEXT, PARAM_REQUIRED | PARAM_REPEAT, NULL, "a secondary address of it"},
	PARAM_FLOWS,
	PARAM_VPC_SCOPE,
	PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_CREATE(eni),
	.summary = "create a network interface that is not attached yet",
	.params = create_params,
	.example = "vpcctl eni create web1 --subnet app --sg web --ip 10.0.1.10",
};
static const struct command list = {
	RESOURCE_LIST(eni),
	.summary = "list the network interfaces",
	.example = "vpcctl eni list --vpc prod",
};
static const struct command show = {
	RESOURCE_SHOW(eni),
	.summary = "show one network interface, its traffic and its drops",
	.notes = ENI_NOTES,
	.example = "vpcctl eni show web1",
};
static const struct command delete = {
	RESOURCE_DELETE(eni),
	.summary = "delete a network interface that is not attached",
	.notes = ENI_NOTES,
	.example = "vpcctl eni delete web1",
};
static const struct command attach = {
	RESOURCE_VERB(eni, "attach", run_attach),
	.summary = "attach a network interface to a namespace, or give it a tap",
	.params = attach_params,
	.example = "vpcctl eni attach web1 --netns web1 --ifname eth0\nvpcctl eni attach vm1 --tap --owner alice",
};
static const struct command detach = {
	RESOURCE_VERB(eni, "detach", run_detach),
	.summary = "detach a network interface",
	.params = eni_delete_params,
	.notes = ENI_NOTES,
	.example = "vpcctl eni detach web1",
};
static const struct command set = {
	RESOURCE_VERB(eni, "set", run_set),
	.summary = "replace the security groups of a network interface, or switch its source/dest check",
	.params = set_params,
	.example = "vpcctl eni set web1 --sg web --sg monitoring --flows drain=30",
};

static const struct command assign_ip = {
	RESOURCE_VERB(eni, "assign-ip", run_assign_ip),
	.summary = "give a network interface secondary addresses",
	.params = assign_ip_params,
	.notes = "Group rules count them as its primary address. Of 64 addresses at most, DHCP and router "
		 "advertisements "
		 "tell the primary ones alone.",
	.example = "vpcctl eni assign-ip web1 10.0.1.20 10.0.1.21",
};
static const struct command unassign_ip = {
	RESOURCE_VERB(eni, "unassign-ip", run_unassign_ip),
	.summary = "take secondary addresses from a network interface",
	.params = unassign_ip_params,
	.notes = "An elastic IP of such an address becomes nobody's.",
	.example = "vpcctl eni unassign-ip web1 10.0.1.21",
};

const struct command *const eni_commands[] = {&create, &list, &show,	  &delete,	&attach,
					      &detach, &set,  &assign_ip, &unassign_ip, NULL};
