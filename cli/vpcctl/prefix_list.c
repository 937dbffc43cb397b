/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl prefix-list … */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/resource.h"

/* "IPv4" */
static char *family_name(struct cli *cli, const json_t *object, const struct field *field)
{
	char *text = NULL;

	(void)cli;
	return asprintf(&text, "IPv%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(object, field->key))) < 0
		       ? NULL
		       : text;
}

static const struct field columns[] = {
	{"ID", "id", TABLE_LEFT, NULL},
	{"NAME", "name", TABLE_LEFT, NULL},
	{"FAMILY", "family", TABLE_LEFT, family_name},
	{"VERSION", "version", TABLE_RIGHT, NULL},
	{"ENTRIES", "entry_count", TABLE_RIGHT, NULL},
	{"MAX", "max_entries", TABLE_RIGHT, NULL},
};

static const struct field fields[] = {
	{"id", "id", TABLE_LEFT, NULL},
	{"name", "name", TABLE_LEFT, NULL},
	{"family", "family", TABLE_LEFT, family_name},
	{"version", "version", TABLE_LEFT, NULL},
	{"oldest version", "oldest_version", TABLE_LEFT, NULL},
	{"entries", "entry_count", TABLE_LEFT, NULL},
	{"max entries", "max_entries", TABLE_LEFT, NULL},
	{"tags", "tags", TABLE_LEFT, NULL},
	{"revision", "revision", TABLE_LEFT, NULL},
};

static const struct field entry_columns[] = {
	{"CIDR", "cidr", TABLE_LEFT, NULL},
	{"DESCRIPTION", "description", TABLE_LEFT, NULL},
};

/* Those of `show`; a change's reply has none. */
static int print_entries(struct cli *cli, const json_t *object)
{
	const json_t *entries = json_object_get(object, "entries");

	if (!entries)
		return CLI_OK;
	putchar('\n');
	return output_rows(cli, entries, entry_columns, ARRAY_SIZE(entry_columns));
}

static const struct body_field create_body[] = {
	{"name", "NAME"}, {"max_entries", "--max-entries"}, {"family", "--family"}, {"tags", "--tag"}, BODY_END};

const struct resource prefix_list_resource = {
	.kind = OBJECT_PREFIX_LIST,
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.details = print_entries,
	.create = create_body,
};

/* --- entries of a request ----------------------------------------------------------------------------------------- */

static int add_entry(json_t *entries, const char *cidr, const char *description)
{
	json_t *entry = json_pack("{s:s}", "cidr", cidr);

	if (entry && description && json_object_set_new(entry, "description", json_string(description)) < 0) {
		json_decref(entry);
		return -1;
	}
	return json_array_append_new(entries, entry);
}

/* A line of a file: a CIDR, and behind it a description. Empty lines, and those that begin with #, say nothing. */
static int add_line(json_t *entries, char *line)
{
	char *cidr = line + strspn(line, " \t"), *end = cidr + strcspn(cidr, " \t\r\n"), *text;

	if (end == cidr || *cidr == '#')
		return 0;
	text = end + strspn(end, " \t");
	text[strcspn(text, "\r\n")] = '\0';
	*end = '\0';
	return add_entry(entries, cidr, *text ? text : NULL);
}

static int read_file(const char *path, json_t *entries)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int status = CLI_OK;

	if (!f)
		return api_unreadable(path, errno);
	while (status == CLI_OK && getline(&line, &size, f) >= 0)
		if (add_line(entries, line) < 0)
			status = api_oom();
	if (status == CLI_OK && ferror(f))
		status = api_unreadable(path, errno);
	if (f != stdin)
		fclose(f);
	return status;
}

/* Sets body["entries"] to what a parameter and --file name. */
static int put_entries(const struct args *args, const char *param, json_t *body)
{
	json_t *entries = json_array();
	const char *description = args_get(args, "--description"), *cidr;
	int status = CLI_OK;

	if (json_object_set_new(body, "entries", entries) < 0)
		return api_oom();
	for (size_t i = 0; (cidr = args_nth(args, param, i)); i++)
		if (add_entry(entries, cidr, description) < 0)
			return api_oom();
	if (args_get(args, "--file"))
		status = read_file(args_get(args, "--file"), entries);
	return status;
}

static int run_create(struct cli *cli, const struct args *args)
{
	_cleanup_free_ char *path = api_path(cli, "prefix-lists", NULL, NULL);
	_cleanup_json_ json_t *body = NULL, *object = NULL;
	int status = body_make(cli, args, create_body, &body);

	if (status == CLI_OK)
		status = put_entries(args, "--entry", body);
	if (status == CLI_OK)
		status = api_change(cli, "POST", path, TAKE_PTR(body), 0, &object);
	return status != CLI_OK ? status : resource_print(cli, &prefix_list_resource, object, true);
}

static int change_entries(struct cli *cli, const struct args *args, const char *method)
{
	_cleanup_json_ json_t *body = json_object();
	int status;

	if (!body)
		return api_oom();
	if (!args_count(args, "CIDR") && !args_get(args, "--file"))
		return args_wrong(args, "CIDR or --file is missing");
	status = put_entries(args, "CIDR", body);
	if (status == CLI_OK && body_set(cli, body, "flows", args, "--flows") < 0)
		status = api_oom();
	return status != CLI_OK ? status : resource_change_part(cli, args, method, "entries", TAKE_PTR(body));
}

static int run_add(struct cli *cli, const struct args *args)
{
	return change_entries(cli, args, "POST");
}

static int run_remove(struct cli *cli, const struct args *args)
{
	return change_entries(cli, args, "DELETE");
}

static int run_restore(struct cli *cli, const struct args *args)
{
	static const struct body_field restore_body[] = {{"version", "VERSION"}, {"flows", "--flows"}, BODY_END};

	return resource_change_part_with(cli, args, "PUT", "version", restore_body);
}

static int run_set(struct cli *cli, const struct args *args)
{
	static const struct body_field set_body[] = {{"max_entries", "--max-entries"}, BODY_END};

	return resource_change_part_with(cli, args, "PATCH", NULL, set_body);
}

static int run_show(struct cli *cli, const struct args *args)
{
	const char *ref = args_get(args, "PREFIX-LIST"), *version = args_get(args, "--version");
	_cleanup_free_ char *path = api_path(cli, "prefix-lists", ref, NULL), *entries_path = NULL,
			    *all = api_path(cli, "prefix-lists", ref, "entries");
	_cleanup_json_ json_t *object = NULL, *entries = NULL;
	int status = api_get(cli, path, &object);

	if (!all || asprintf(&entries_path, "%s%s%s", all, version ? "?version=" : "", version ? version : "") < 0) {
		entries_path = NULL;
		return api_oom();
	}
	if (status == CLI_OK)
		status = api_get(cli, entries_path, &entries);
	if (status != CLI_OK)
		return status;
	if (json_object_update(object, entries) < 0 ||
	    json_object_set_new(object, "entry_count",
				json_integer((json_int_t)json_array_size(json_object_get(entries, "entries")))) < 0)
		return api_oom();
	return resource_print(cli, &prefix_list_resource, object, false);
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

#define PARAM_PL                                                                                      \
	{                                                                                             \
		"PREFIX-LIST", VALUE_PREFIX_LIST, PARAM_REQUIRED, NULL, "the prefix list: id or name" \
	}
#define PARAM_CIDRS                                                              \
	{                                                                        \
		"CIDR", VALUE_TEXT, PARAM_REPEAT, NULL, "IPv4 or IPv6 addresses" \
	}
#define PARAM_ENTRIES_FILE                                                                                 \
	{                                                                                                  \
		"--file", VALUE_FILE, 0, "FILE", "a CIDR a line, with a description behind it; - is stdin" \
	}

static const struct param create_params[] = {
	{"NAME", VALUE_TEXT, PARAM_REQUIRED, NULL, "unique on this host"},
	{"--max-entries", VALUE_NUMBER, PARAM_REQUIRED, "N", "how many entries it may have"},
	{"--family", VALUE_NUMBER, 0, "4|6", "of its entries (default: 4)"},
	{"--entry", VALUE_TEXT, PARAM_REPEAT, "CIDR", "an entry"},
	PARAM_ENTRIES_FILE,
	PARAM_TAGS,
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param show_params[] = {
	PARAM_PL,
	{"--version", VALUE_NUMBER, 0, "VERSION", "the entries of this version (default: the newest)"},
	PARAMS_END,
};
static const struct param set_params[] = {
	PARAM_PL,
	{"--max-entries", VALUE_NUMBER, PARAM_REQUIRED, "N", "how many entries it may have"},
	PARAM_DRY_RUN,
	PARAMS_END,
};
static const struct param add_params[] = {
	PARAM_PL,	    PARAM_CIDRS,   {"--description", VALUE_FREE, 0, "TEXT", "what they are"},
	PARAM_ENTRIES_FILE, PARAM_DRY_RUN, PARAMS_END,
};
static const struct param remove_params[] = {PARAM_PL,	  PARAM_CIDRS,	 PARAM_ENTRIES_FILE,
					     PARAM_FLOWS, PARAM_DRY_RUN, PARAMS_END};
static const struct param restore_params[] = {
	PARAM_PL,    {"VERSION", VALUE_NUMBER, PARAM_REQUIRED, NULL, "the version whose entries it gets"},
	PARAM_FLOWS, PARAM_DRY_RUN,
	PARAMS_END,
};

static const struct command create = {
	RESOURCE_VERB(prefix_list, "create", run_create),
	.summary = "create a named list of addresses, for rules and routes to name",
	.params = create_params,
	.notes = "A rule that names a list counts as one rule, whatever the list has. A route to a list counts as "
		 "--max-entries\n"
		 "routes.",
	.example = "vpcctl prefix-list create offices --max-entries 100 --entry 192.0.2.0/24\n"
		   "vpcctl sg authorize web ingress tcp 443 --prefix-list offices\n"
		   "vpcctl route add main --prefix-list offices firewall",
};
static const struct command list = {
	RESOURCE_LIST(prefix_list),
	.summary = "list the prefix lists",
	.example = "vpcctl prefix-list list",
};
static const struct command show = {
	RESOURCE_VERB(prefix_list, "show", run_show),
	.summary = "show one prefix list and its entries",
	.params = show_params,
	.example = "vpcctl prefix-list show offices --version 3",
};
static const struct command set = {
	RESOURCE_VERB(prefix_list, "set", run_set),
	.summary = "change how many entries a prefix list may have",
	.params = set_params,
	.example = "vpcctl prefix-list set offices --max-entries 200",
};
static const struct command add = {
	RESOURCE_VERB(prefix_list, "add", run_add),
	.summary = "add entries to a prefix list, in force from the moment when the command returns",
	.params = add_params,
	.notes = "This makes a new version of the list.",
	.example = "vpcctl prefix-list add offices 198.51.100.0/24 --description Berlin\n"
		   "vpcctl prefix-list add blocks --file blocks.txt",
};
static const struct command remove_entries = {
	RESOURCE_VERB(prefix_list, "remove", run_remove),
	.summary = "take entries from a prefix list, and cut the flows that only they allowed",
	.params = remove_params,
	.notes = "This makes a new version of the list. Established flows that nothing else allows end with their next "
		 "packet;\n"
		 "--flows drain=SECONDS gives them that long, --flows keep lets them run on and refuses new ones only. "
		 "A "
		 "flow\n"
		 "whose route goes with an entry ends in any case.",
	.example = "vpcctl prefix-list remove offices 198.51.100.0/24",
};
static const struct command restore = {
	RESOURCE_VERB(prefix_list, "restore", run_restore),
	.summary = "give a prefix list the entries of an earlier version",
	.params = restore_params,
	.notes = "This makes a new version of the list. The last 100 versions are kept.",
	.example = "vpcctl prefix-list restore offices 3",
};
static const struct command delete = {
	RESOURCE_DELETE(prefix_list),
	.summary = "delete a prefix list that nothing names",
	.example = "vpcctl prefix-list delete offices",
};

const struct command *const prefix_list_commands[] = {&create,	       &list,	 &show,	  &set, &add,
						      &remove_entries, &restore, &delete, NULL};
