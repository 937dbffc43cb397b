/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/client.h"

/* So often all is read again because somebody changed something meanwhile. */
#define TRIES 50

static int read_entries(struct cli *cli, json_t *lists)
{
	json_t *list;
	size_t i;

	json_array_foreach (lists, i, list) {
		_cleanup_free_ char *path = client_path(kind_of(OBJECT_PREFIX_LIST)->path,
							json_member_text(list, "id") ?: "", "entries", NULL);
		_cleanup_json_ json_t *reply = NULL;
		int status = api_get_optional(cli, path, &reply);

		if (status != CLI_OK)
			return status;
		/* One that is gone meanwhile is noticed by the revision. */
		if (reply && json_object_set(list, "entries", json_object_get(reply, "entries")) < 0)
			return api_oom();
	}
	return CLI_OK;
}

/* *ret_moved: somebody changed something meanwhile. */
static int read_kind(struct cli *cli, enum object_kind kind, json_t *lists, uint64_t *revision, bool *ret_moved)
{
	const struct kind *k = kind_of(kind);
	_cleanup_free_ char *path = client_path(k->path, NULL, NULL, NULL);
	_cleanup_json_ json_t *reply = NULL;
	uint64_t at;
	int status = api_get(cli, path, &reply);

	if (status != CLI_OK)
		return status;
	at = (uint64_t)json_integer_value(json_object_get(reply, "revision"));
	if (!*revision)
		*revision = at;
	*ret_moved = at != *revision;
	if (json_object_set(lists, k->list, json_object_get(reply, k->list)) < 0)
		return api_oom();
	return kind == OBJECT_PREFIX_LIST ? read_entries(cli, json_object_get(lists, k->list)) : CLI_OK;
}

static int read_lists(struct cli *cli, json_t **ret, uint64_t *ret_revision, bool *ret_moved)
{
	_cleanup_json_ json_t *lists = json_object(), *unused = json_object();
	int status = lists && unused ? CLI_OK : api_oom();

	*ret_revision = 0;
	*ret_moved = false;
	for (unsigned k = 0; status == CLI_OK && !*ret_moved && k < OBJECT_KINDS; k++)
		if (declared_of(k))
			status = read_kind(cli, k, lists, ret_revision, ret_moved);
	/* Lists are read while others may make changes: the revision at the end is what it was at the beginning. */
	if (status == CLI_OK && !*ret_moved)
		status = read_kind(cli, OBJECT_VPC, unused, ret_revision, ret_moved);
	if (status == CLI_OK)
		*ret = TAKE_PTR(lists);
	return status;
}

int state_read_lists(struct cli *cli, json_t **ret, uint64_t *ret_revision)
{
	for (unsigned i = 0; i < TRIES; i++) {
		json_t *lists = NULL;
		bool moved;
		int status = read_lists(cli, &lists, ret_revision, &moved);

		if (status == CLI_OK && !moved)
			*ret = lists;
		if (status != CLI_OK || !moved)
			return status;
		json_decref(lists);
	}
	return api_refuse("RevisionMismatch", "others change the state faster than it can be read; try again");
}

int state_read(struct cli *cli, struct snapshot *ret, uint64_t *ret_revision)
{
	json_t *lists;
	int status = state_read_lists(cli, &lists, ret_revision);

	if (status != CLI_OK)
		return status;
	return snapshot_make(lists, ret) < 0 ? api_oom() : CLI_OK;
}

int state_find_vpc(struct cli *cli, const struct snapshot *s, const char *ref, const struct entry **ret)
{
	char detail[320];

	for (size_t i = 0; i < s->n; i++) {
		const struct entry *e = &s->entries[i];

		if (e->kind != OBJECT_VPC || (strcmp(e->id, ref) != 0 && strcmp(e->name, ref) != 0))
			continue;
		*ret = e;
		return CLI_OK;
	}
	/* as vpcd says it */
	snprintf(detail, sizeof(detail), "there is no VPC '%.255s'; vpcctl vpc list shows those there are", ref);
	api_refuse("InvalidVpcID.NotFound", "%s", detail);
	cli->refusals->hint(cli, "InvalidVpcID.NotFound", detail);
	return CLI_REFUSED;
}
