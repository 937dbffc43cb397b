/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl sg advise: a group with narrower rules, as a document for vpcctl apply. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/output.h"
#include "cli/lib/screen.h"
#include "cli/vpcctl/resource.h"
#include "cli/vpcctl/sg_rules.h"
#include "cli/vpcctl/state.h"
#include "cli/vpcctl/time.h"

/* So often all is read again because somebody changed something meanwhile. */
#define TRIES 50

static const char *const rule_words[] = {"direction", "protocol", "from_port",	   "to_port",
					 "cidr",      "sg_id",	  "prefix_list_id"};

static bool is_advice(const json_t *rule, const char *advice)
{
	return !strcmp(json_member_text(rule, "advice") ?: "", advice);
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

/* Adds a rule, unless one says the same. known: {words: true}. */
static int add_rule(json_t *rules, json_t *known, json_t *rule)
{
	_cleanup_json_ json_t *owned = rule, *words = json_array();
	_cleanup_free_ char *key = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rule_words); i++)
		json_array_append(words, json_object_get(rule, rule_words[i]) ?: json_null());
	key = json_dumps(words, JSON_COMPACT);
	if (!key || !rule)
		return -1;
	if (json_object_get(known, key))
		return 0;
	return json_object_set_new(known, key, json_true()) | json_array_append(rules, rule);
}

static json_t *with_words(const json_t *rule, const json_t *words)
{
	json_t *copy = json_copy((json_t *)rule);

	for (size_t i = 0; copy && i < ARRAY_SIZE(rule_words); i++) {
		json_t *value = json_object_get(words, rule_words[i]);

		if (value)
			json_object_set(copy, rule_words[i], value);
	}
	return copy;
}

/* The group's rules as they are advised. Owned; NULL: out of memory. */
static json_t *advised_rules(const json_t *report)
{
	_cleanup_json_ json_t *known = json_object();
	json_t *rules = json_array(), *rule, *words;
	size_t i, k;
	int r = known && rules ? 0 : -1;

	/* First those that stay: a narrower rule may be one of them. */
	json_array_foreach (json_object_get(report, "rules"), i, rule)
		if (r == 0 && !is_advice(rule, "remove") && !is_advice(rule, "narrow"))
			r = add_rule(rules, known, json_copy(rule));
	json_array_foreach (json_object_get(report, "rules"), i, rule)
		json_array_foreach (json_object_get(rule, "narrower"), k, words)
			if (r == 0)
				r = add_rule(rules, known, with_words(rule, words));
	if (r == 0)
		return rules;
	json_decref(rules);
	return NULL;
}

/* --- the document ------------------------------------------------------------------------------------------------- */

static int set_rules(json_t *lists, const json_t *report)
{
	json_t *group;
	size_t i;

	json_array_foreach (json_object_get(lists, kind_of(OBJECT_SG)->list), i, group)
		if (!strcmp(json_member_text(group, "id") ?: "", json_member_text(report, "id") ?: "?"))
			return json_object_set_new(group, "rules", advised_rules(report));
	return -1;
}

static json_t *group_document(const struct snapshot *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].kind == OBJECT_SG && !strcmp(s->entries[i].id, id))
			return json_pack("{s:s,s:[O]}", DECLARED_FORMAT_KEY, DECLARED_FORMAT, kind_of(OBJECT_SG)->list,
					 s->entries[i].document);
	return NULL;
}

/* lists: consumed. */
static json_t *make_document(json_t *lists, const json_t *report)
{
	struct snapshot s;
	json_t *document;

	if (set_rules(lists, report) < 0) {
		json_decref(lists);
		return NULL;
	}
	if (snapshot_make(lists, &s) < 0)
		return NULL;
	document = group_document(&s, json_member_text(report, "id") ?: "");
	snapshot_clear(&s);
	return document;
}

static int print_line(const char *mark, const char *text)
{
	_cleanup_free_ char *clean = screen_clean(text);

	return printf("# %s%s\n", mark, clean ? clean : "") < 0 ? api_oom() : CLI_OK;
}

static int print_rule(struct cli *cli, const json_t *rule)
{
	_cleanup_free_ char *words = sg_rule_text(cli, rule), *line = NULL;
	const json_t *narrower;
	size_t i;
	int status;

	if (asprintf(&line, "%-8s%s  %s: %s", json_member_text(rule, "advice") ?: "?",
		     json_member_text(rule, "id") ?: "?", words ? words : "", json_member_text(rule, "why") ?: "") < 0)
		return api_oom();
	status = print_line("", line);
	json_array_foreach (json_object_get(rule, "narrower"), i, narrower) {
		_cleanup_free_ char *text = sg_rule_text(cli, narrower);

		print_line("        to ", text ? text : "");
	}
	return status;
}

static void print_comments(struct cli *cli, const json_t *report)
{
	static const char *const order[] = {"remove", "narrow", "unknown", "keep"};
	_cleanup_free_ char *title = NULL;
	const json_t *rule;
	size_t i;

	if (asprintf(&title, "security group %s of VPC %s, by what was used since %s",
		     json_member_text(report, "name") ?: "", json_member_text(report, "vpc") ?: "",
		     json_member_text(report, "since") ?: "") > 0)
		print_line("", title);
	puts("# vpcctl apply -f FILE --dry-run shows what this changes and which flows it cuts; vpcctl apply -f FILE "
	     "does it\n#");
	for (size_t k = 0; k < ARRAY_SIZE(order); k++)
		json_array_foreach (json_object_get(report, "rules"), i, rule)
			if (is_advice(rule, order[k]))
				print_rule(cli, rule);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int print_document(struct cli *cli, json_t *lists, const json_t *report)
{
	_cleanup_json_ json_t *document = make_document(lists, report);

	if (!document)
		return api_oom();
	cli->output = OUTPUT_YAML;
	print_comments(cli, report);
	return output_document(cli, document);
}

static int print_ids(const json_t *report)
{
	const json_t *rule;
	size_t i;

	json_array_foreach (json_object_get(report, "rules"), i, rule)
		if (is_advice(rule, "remove") || is_advice(rule, "narrow"))
			output_id(rule);
	return CLI_OK;
}

/* One try. CLI_AGAIN: somebody has changed something meanwhile. */
static int advise(struct cli *cli, const char *path)
{
	_cleanup_json_ json_t *report = NULL;
	json_t *lists = NULL;
	uint64_t revision;
	int status = api_get(cli, path, &report);

	if (status != CLI_OK)
		return status;
	if (cli->output == OUTPUT_ID)
		return print_ids(report);
	if (cli->output == OUTPUT_JSON)
		return output_document(cli, report);
	status = state_read_lists(cli, &lists, &revision);
	if (status != CLI_OK)
		return status;
	if (revision == (uint64_t)json_integer_value(json_object_get(report, "revision")))
		return print_document(cli, lists, report);
	json_decref(lists);
	return CLI_AGAIN;
}

static int run(struct cli *cli, const struct args *args)
{
	_cleanup_free_ char *path = api_path(cli, "security-groups", args_get(args, "SG"), "advice"), *whole = NULL;
	uint64_t since;
	int status = time_read(args, "--since", 0, &since);

	if (status != CLI_OK)
		return status;
	if (!path ||
	    (since && asprintf(&whole, "%s%cused_since=%" PRIu64, path, strchr(path, '?') ? '&' : '?', since) < 0))
		return api_oom();
	for (unsigned i = 0; i < TRIES; i++) {
		status = advise(cli, since ? whole : path);
		if (status != CLI_AGAIN)
			return status;
	}
	return api_refuse("RevisionMismatch", "others change the state faster than it can be read; try again");
}

static const struct param params[] = {
	{"SG", VALUE_SG, PARAM_REQUIRED, NULL, "the group: id or name"},
	{"--since", VALUE_TEXT, 0, "T",
	 "a date (UTC), or an age as 90s, 15m, 36h, 7d or 4w (default: for as long as vpcd has watched)"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

const struct command sg_advise_command = {
	.noun = "sg",
	.verb = "advise",
	.summary = "say which rules were not used, and which are wider than what they allowed",
	.params = params,
	.notes =
		"Prints the group as a document for vpcctl apply, without rules that were not used since then, and "
		"with "
		"narrower rules in the place of those that are wider than what they allowed. Comments say why. The "
		"narrower rules allow all traffic that was seen, also before T. What rules allow is seen where the VPC "
		"has a flow log or count_flows (vpcctl vpc set VPC --count-flows on); elsewhere, and where vpcd "
		"doesn't "
		"know enough, a rule stays and the comment says what to do. A restart of vpcd forgets nothing of it, a "
		"kill the last 5 minutes, a start of the machine or an upgrade of the programs all. -o json has the "
		"API's report.",
	.example = "vpcctl sg advise web --since 7d >web.yaml\n"
		   "vpcctl apply -f web.yaml --dry-run",
	.run = run,
};
