/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/hint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/nearest.h"
#include "cli/vpcctl/owner.h"
#include "cli/vpcctl/resource.h"
#include "cli/lib/screen.h"

/* The fewest digits of a container's id that stand for it. */
#define ID_DIGITS_MIN 4

/* What a message quotes: "there is no VPC 'x'" → x. Owned; NULL: nothing. */
static char *quoted(const char *detail)
{
	const char *from = strchr(detail, '\''), *to = from ? strrchr(from + 1, '\'') : NULL;

	return to ? strndup(from + 1, (size_t)(to - from - 1)) : NULL;
}

/* All objects of a kind, quietly. Owned; NULL: they can't be had. */
static json_t *read_all(struct cli *cli, const struct resource *r)
{
	_cleanup_free_ char *path = api_path(cli, kind_of(r->kind)->path, NULL, NULL);
	_cleanup_json_ json_t *json = api_get_quietly(cli, path);

	return json_incref(json_object_get(json, kind_of(r->kind)->list));
}

static void print_several(const char *option)
{
	fprintf(stderr, "several are given one by one, without commas: A B, or --%s A --%s B\n", option, option);
}

static void print_near(struct cli *cli, const struct resource *r, const char *ref)
{
	_cleanup_json_ json_t *objects = NULL;
	struct nearest n = {.word = ref};
	_cleanup_free_ char *clean = NULL;
	json_t *object;
	size_t i;

	/* This comes before similar names: a list of names is similar to each of them. */
	if (strchr(ref, ',')) {
		print_several(kind_of(r->kind)->noun);
		return;
	}
	objects = read_all(cli, r);
	json_array_foreach (objects, i, object)
		nearest_try(&n, json_member_text(object, "name") ?: "");
	clean = n.found ? screen_clean(n.found) : NULL;
	if (clean)
		fprintf(stderr, "did you mean '%s'?\n", clean);
}

void hint_near_any(struct cli *cli, const char *ref)
{
	_cleanup_json_ json_t *lists = json_array();
	struct nearest n = {.word = ref};
	_cleanup_free_ char *clean = NULL;
	json_t *objects, *object;
	size_t i, k;

	for (i = 0; lists && cli_resources[i]; i++) {
		objects = read_all(cli, cli_resources[i]);
		json_array_foreach (objects, k, object)
			nearest_try(&n, json_member_text(object, "name") ?: "");
		/* what was found is a text of one of the lists */
		if (objects && json_array_append_new(lists, objects) < 0)
			return;
	}
	clean = n.found ? screen_clean(n.found) : NULL;
	if (clean)
		fprintf(stderr, "did you mean '%s'?\n", clean);
}

static bool is_vpcds_trouble(const char *code)
{
	for (unsigned i = 0; i < VPC_E_COUNT; i++)
		if (!strcmp(code, vpc_code_string((enum vpc_code)i)))
			return vpc_code_status((enum vpc_code)i) >= 500;
	return false;
}

/* Prints a line on stderr, or nothing. */
static void print_hint(struct cli *cli, const char *code, const char *detail)
{
	_cleanup_free_ char *ref = quoted(detail);

	for (size_t i = 0; ref && cli_resources[i]; i++)
		if (!strcmp(code, vpc_code_string(kind_of(cli_resources[i]->kind)->not_found))) {
			print_near(cli, cli_resources[i], ref);
			return;
		}
	if (ref && !strcmp(code, vpc_code_string(VPC_E_NOT_FOUND)))
		hint_near_any(cli, ref);
	else if (is_vpcds_trouble(code))
		fputs("vpcd's log says more (journalctl -u vpcd), and: vpcctl status\n", stderr);
	else if (ref && strchr(ref, ',') && strstr(detail, "CIDR"))
		print_several("cidr");
	else if (cli->taken_hint && strstr(detail, "is taken by"))
		fprintf(stderr, "%s\n", cli->taken_hint);
}

static bool is(const char *a, const char *b)
{
	return a && !strcmp(a, b);
}

static bool is_called(const json_t *eni, const char *ref)
{
	const json_t *tags = json_object_get(eni, "tags");
	json_t *secondary = json_object_get(eni, "secondary_ips"), *item;
	const char *container = owner_container_id(tags);
	size_t i, n = strlen(ref);

	if (is(json_member_text(eni, "ip"), ref) || is(json_member_text(eni, "ip6"), ref) ||
	    is(owner_container_name(tags), ref))
		return true;
	json_array_foreach (secondary, i, item)
		if (is(json_string_value(item), ref))
			return true;
	return container && n >= ID_DIGITS_MIN && !strncmp(container, ref, n);
}

/* The id of the one ENI with this address, this container's name, or a container's id that begins with these digits.
 * Owned; NULL: none, or several. */
static char *find_eni(struct cli *cli, const char *ref)
{
	_cleanup_json_ json_t *enis = read_all(cli, &eni_resource);
	const json_t *found = NULL;
	json_t *eni;
	size_t i;

	json_array_foreach (enis, i, eni) {
		if (!is_called(eni, ref))
			continue;
		if (found)
			return NULL;
		found = eni;
	}
	return found && json_member_text(found, "id") ? strdup(json_member_text(found, "id")) : NULL;
}

/* So often a transaction begins anew that was made for a revision that is over. */
#define OVERTAKEN_MAX 20

/* Somebody else changed something since a document's plan was made. */
static bool was_overtaken(struct cli *cli, const char *code, const char *detail)
{
	return !strcmp(code, "RevisionMismatch") && strstr(detail, "the state has revision") &&
	       cli->overtaken++ < OVERTAKEN_MAX;
}

/* vpcd refused: there is no ENI of that name or id. If one ENI has that address or container, the command runs again
 * with its id. */
static bool learn_alias(struct cli *cli, const char *code, const char *detail)
{
	_cleanup_free_ char *ref = NULL, *id = NULL;

	if (strcmp(code, "InvalidNetworkInterfaceID.NotFound") != 0)
		return false;
	ref = quoted(detail);
	if (!ref || json_object_get(cli->aliases, ref))
		return false;
	id = find_eni(cli, ref);
	if (!cli->aliases)
		cli->aliases = json_object();
	return id && json_object_set_new(cli->aliases, ref, json_string(id)) == 0;
}

static bool learn(struct cli *cli, const char *code, const char *detail)
{
	return was_overtaken(cli, code, detail) || learn_alias(cli, code, detail);
}

const struct cli_refusals hint_refusals = {.learn = learn, .hint = print_hint};
