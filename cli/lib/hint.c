/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/hint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/lib/api.h"
#include "cli/lib/http.h"
#include "cli/lib/nearest.h"
#include "cli/vpcctl/resource.h"
#include "cli/lib/screen.h"

/* The fewest digits of a container's id that stand for it. */
#define ID_DIGITS_MIN 4

char *hint_quoted(const char *detail)
{
	const char *from = strchr(detail, '\''), *to = from ? strrchr(from + 1, '\'') : NULL;

	return to ? strndup(from + 1, (size_t)(to - from - 1)) : NULL;
}

/* All objects of a kind, quietly. Owned; NULL: they can't be had. */
static json_t *read_all(struct cli *cli, const struct resource *r)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *path = api_path(cli, r->collection, NULL, NULL);

	if (!path || http_request(cli->http, "GET", path, NULL, NULL, &reply) < 0 || reply.status != 200)
		return NULL;
	json = json_loadb(reply.body, reply.size, 0, NULL);
	return json_incref(json_object_get(json, r->list_key));
}

static void print_near(struct cli *cli, const struct resource *r, const char *ref)
{
	_cleanup_json_ json_t *objects = read_all(cli, r);
	struct nearest n = {.word = ref};
	_cleanup_free_ char *clean = NULL;
	json_t *object;
	size_t i;

	json_array_foreach (objects, i, object)
		nearest_try(&n, json_string_value(json_object_get(object, "name")) ?: "");
	clean = n.found ? screen_clean(n.found) : NULL;
	if (clean)
		fprintf(stderr, "did you mean '%s'?\n", clean);
	else if (strchr(ref, ','))
		fprintf(stderr, "several are given one by one: --%s A --%s B\n", r->noun, r->noun);
	else if (objects)
		fprintf(stderr, "see: vpcctl %s list\n", r->noun);
}

void hint_print(struct cli *cli, const char *code, const char *detail)
{
	_cleanup_free_ char *ref = hint_quoted(detail);

	for (size_t i = 0; ref && cli_resources[i]; i++)
		if (!strcmp(code, cli_resources[i]->not_found)) {
			print_near(cli, cli_resources[i], ref);
			return;
		}
	if (cli->taken_hint && strstr(detail, "is taken by"))
		fprintf(stderr, "%s\n", cli->taken_hint);
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is(const char *a, const char *b)
{
	return a && !strcmp(a, b);
}

static bool is_called(const json_t *eni, const char *ref)
{
	const json_t *tags = json_object_get(eni, "tags");
	json_t *secondary = json_object_get(eni, "secondary_ips"), *item;
	const char *container = text_of(tags, "cni/container-id");
	size_t i, n = strlen(ref);

	if (is(text_of(eni, "ip"), ref) || is(text_of(eni, "ip6"), ref) || is(text_of(tags, "cni/pod"), ref))
		return true;
	json_array_foreach (secondary, i, item)
		if (is(json_string_value(item), ref))
			return true;
	return container && n >= ID_DIGITS_MIN && !strncmp(container, ref, n);
}

char *hint_find_eni(struct cli *cli, const char *ref)
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
	return found && text_of(found, "id") ? strdup(text_of(found, "id")) : NULL;
}
