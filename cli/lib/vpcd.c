/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/vpcd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/client.h"
#include "cli/lib/unreachable.h"

static int no_memory(struct vpcd_failure *failure)
{
	*failure = (struct vpcd_failure){.no_memory = true, .text = "out of memory"};
	return -ENOMEM;
}

static int no_reply(const struct http *h, int error, struct vpcd_failure *failure)
{
	struct unreachable u = unreachable_explain(http_socket(h), error);

	if (error == -ENOMEM)
		return no_memory(failure);
	failure->no_reply = true;
	failure->denied = u.denied;
	snprintf(failure->text, sizeof(failure->text), "%.500s", u.what);
	snprintf(failure->detail, sizeof(failure->detail), "%s", u.advice);
	return -EIO;
}

static int refused(const struct http_reply *reply, struct vpcd_failure *failure)
{
	_cleanup_client_refusal_ struct client_refusal refusal;

	failure->status = reply->status;
	if (client_read_refusal(reply, &refusal) < 0) {
		snprintf(failure->text, sizeof(failure->text), CLIENT_NO_REASON, reply->status);
		return -EINVAL;
	}
	snprintf(failure->code, sizeof(failure->code), "%s", refusal.code);
	snprintf(failure->field, sizeof(failure->field), "%s", refusal.field ? refusal.field : "");
	snprintf(failure->text, sizeof(failure->text), "%.64s: %.400s", refusal.code, refusal.detail);
	if (strlen(refusal.detail) > 400)
		snprintf(failure->detail, sizeof(failure->detail), "%s", refusal.detail);
	return -EINVAL;
}

int vpcd_call(struct http *h, const char *method, char *path, const json_t *body, json_t **ret,
	      struct vpcd_failure *failure)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_free_ char *owned = path, *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_t *json;
	int r;

	*failure = (struct vpcd_failure){0};
	if (!path || (body && !text))
		return no_memory(failure);
	r = http_request(h, method, path, text, NULL, &reply);
	if (r < 0)
		return no_reply(h, r, failure);
	if (!client_succeeded(&reply))
		return refused(&reply, failure);
	json = client_json(&reply);
	if (!json) {
		snprintf(failure->text, sizeof(failure->text), "%s", CLIENT_NOT_JSON);
		return -EINVAL;
	}
	*ret = json;
	return 0;
}

/* soon: without waiting until removed devices are deleted. */
static int transact(struct http *h, const char *vpc, const json_t *changes, bool soon, json_t **ret,
		    struct vpcd_failure *failure)
{
	_cleanup_json_ json_t *body =
		json_pack("{s:O, s:o*}", "changes", changes, "background", soon ? json_true() : NULL);
	_cleanup_json_ json_t *reply = NULL;
	json_t *results;
	int r;

	if (!body)
		return no_memory(failure);
	r = vpcd_call(h, "POST", client_path("transactions", NULL, NULL, vpc), body, &reply, failure);
	if (r < 0)
		return r;
	results = json_object_get(reply, "results");
	if (json_array_size(results) != json_array_size(changes)) {
		snprintf(failure->text, sizeof(failure->text), "vpcd answered without the results of the transaction");
		return -EINVAL;
	}
	*ret = json_incref(results);
	return 0;
}

int vpcd_transaction(struct http *h, const char *vpc, const json_t *changes, json_t **ret, struct vpcd_failure *failure)
{
	return transact(h, vpc, changes, false, ret, failure);
}

char *workload_eni_name(const struct workload *w)
{
	char *name = NULL;

	/* No part can have a colon, so no two workloads have one name. */
	return asprintf(&name, "%s:%s%s%s", w->engine, w->id, w->ifname ? ":" : "", w->ifname ? w->ifname : "") < 0
		       ? NULL
		       : name;
}

static int add_tag(json_t *tags, const char *engine, const char *key, const char *value)
{
	char name[128];

	snprintf(name, sizeof(name), "%.32s/%.64s", engine, key);
	return json_object_set_new(tags, name, json_string(value));
}

json_t *workload_tags(const struct workload *w)
{
	_cleanup_json_ json_t *tags = json_object();

	if (!tags || (w->network && add_tag(tags, w->engine, "network", w->network) < 0) ||
	    add_tag(tags, w->engine, w->key, w->id) < 0 ||
	    (w->ifname && add_tag(tags, w->engine, "ifname", w->ifname) < 0))
		return NULL;
	return TAKE_PTR(tags);
}

int workload_note(json_t *tags, const char *engine, const char *key, const char *value)
{
	_cleanup_json_ json_t *text = value && *value ? json_string(value) : NULL;

	if (!text || strlen(value) > 255)
		return 0;
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return 0;
	return add_tag(tags, engine, key, value);
}

const char *workload_tag(const json_t *eni, const char *engine, const char *key)
{
	char name[128];

	snprintf(name, sizeof(name), "%.32s/%.64s", engine, key);
	return json_member_text(json_object_get(eni, "tags"), name);
}

static bool tag_is(const json_t *eni, const char *engine, const char *key, const char *value)
{
	const char *tag = workload_tag(eni, engine, key);

	return tag && !strcmp(tag, value);
}

static bool is_its(const struct workload *w, const json_t *eni)
{
	return (!w->network || tag_is(eni, w->engine, "network", w->network)) &&
	       tag_is(eni, w->engine, w->key, w->id) && (!w->ifname || tag_is(eni, w->engine, "ifname", w->ifname));
}

/* Several VPCs have an ENI of that name: its own is the one whose tags say so. */
static int find_in_list(struct http *h, const char *vpc, const struct workload *w, json_t **ret,
			struct vpcd_failure *failure)
{
	_cleanup_json_ json_t *list = NULL;
	json_t *eni;
	size_t i;
	int r = vpcd_call(h, "GET", client_path("enis", NULL, NULL, vpc), NULL, &list, failure);

	json_array_foreach (json_object_get(list, "enis"), i, eni)
		if (!*ret && is_its(w, eni))
			*ret = json_incref(eni);
	return r;
}

int workload_find(struct http *h, const char *vpc, const struct workload *w, json_t **ret, struct vpcd_failure *failure)
{
	_cleanup_free_ char *name = workload_eni_name(w);
	_cleanup_json_ json_t *eni = NULL;
	int r;

	*ret = NULL;
	if (!name)
		return no_memory(failure);
	r = vpcd_call(h, "GET", client_path("enis", name, NULL, vpc), NULL, &eni, failure);
	if (r < 0 && !strcmp(failure->code, "AmbiguousName"))
		return find_in_list(h, vpc, w, ret, failure);
	/* The VPC may be gone too. */
	if (r < 0 && failure->status != 404)
		return r;
	*ret = eni && is_its(w, eni) ? TAKE_PTR(eni) : NULL;
	return 0;
}

/* 1: it changed meanwhile, look again. */
static int delete_once(struct http *h, const char *vpc, const json_t *eni, bool soon, struct vpcd_failure *failure)
{
	const char *id = json_member_text(eni, "id");
	bool attached = json_is_object(json_object_get(eni, "attachment"));
	_cleanup_json_ json_t *changes = json_pack("[{s:s, s:s}]", "op", "eni.delete", "eni_id", id);
	_cleanup_json_ json_t *results = NULL;
	int r;

	if (!changes ||
	    (attached &&
	     json_array_insert_new(changes, 0, json_pack("{s:s, s:s}", "op", "eni.detach", "eni_id", id)) < 0))
		return no_memory(failure);
	r = transact(h, vpc, changes, soon && attached, &results, failure);
	if (r < 0 && failure->status == 404)
		return 0;
	return r < 0 && !strcmp(failure->code, "IncorrectState") ? 1 : r;
}

static int delete_workload(struct http *h, const char *vpc, const json_t *eni, bool soon, struct vpcd_failure *failure)
{
	int r = delete_once(h, vpc, eni, soon, failure);

	/* The namespace went away, and vpcd detached it itself, or the other way round. */
	for (int tries = 0; r > 0 && tries < 3; tries++) {
		_cleanup_json_ json_t *now = NULL;

		r = vpcd_call(h, "GET", client_path("enis", json_member_text(eni, "id"), NULL, vpc), NULL, &now,
			      failure);
		if (r < 0)
			return failure->status == 404 ? 0 : r;
		r = delete_once(h, vpc, now, soon, failure);
	}
	return r > 0 ? -EINVAL : r;
}

int workload_delete(struct http *h, const char *vpc, const json_t *eni, struct vpcd_failure *failure)
{
	return delete_workload(h, vpc, eni, false, failure);
}

int workload_delete_soon(struct http *h, const char *vpc, const json_t *eni, struct vpcd_failure *failure)
{
	return delete_workload(h, vpc, eni, true, failure);
}

static int set_text(json_t *object, const char *key, const char *value)
{
	return value ? json_object_set_new(object, key, json_string(value)) : 0;
}

/* The list is borrowed and stays as it is. */
static int set_list(json_t *object, const char *key, const json_t *list)
{
	return list ? json_object_set_new(object, key, json_deep_copy(list)) : 0;
}

static json_t *make_create(const struct workload *w, const struct workload_wish *wish)
{
	_cleanup_free_ char *name = workload_eni_name(w);
	_cleanup_json_ json_t *tags = workload_tags(w), *create = NULL;

	if (!name || !tags || (wish->tags && json_object_update_missing(tags, (json_t *)wish->tags) < 0))
		return NULL;
	create = json_pack("{s:s, s:s, s:s, s:O}", "op", "eni.create", "name", name, "subnet_id", wish->subnet, "tags",
			   tags);
	if (!create || set_list(create, "security_groups", wish->groups) < 0 || set_text(create, "ip", wish->ip) < 0 ||
	    set_text(create, "ip6", wish->ip6) < 0 || set_text(create, "mac", wish->mac) < 0 ||
	    (json_array_size(wish->secondary) > 0 && set_list(create, "secondary_ips", wish->secondary) < 0))
		return NULL;
	return TAKE_PTR(create);
}

json_t *workload_changes(const struct workload *w, const struct workload_wish *wish)
{
	const char *kind = json_member_text(wish->attachment, "kind");
	_cleanup_json_ json_t *create = make_create(w, wish), *ports = wish->ports ? json_deep_copy(wish->ports) : NULL;
	_cleanup_json_ json_t *changes = NULL;

	if (!create || (wish->ports && !ports))
		return NULL;
	/* of a namespace; a link is made again when its namespace is gone */
	if (kind && !strcmp(kind, "netns") && json_object_set_new(create, "delete_on_termination", json_true()) < 0)
		return NULL;
	changes = json_pack("[O, {s:s, s:s, s:O}]", create, "op", "eni.attach", "eni_id", "$0.id", "attachment",
			    wish->attachment);
	if (!changes || (ports && json_array_extend(changes, ports) < 0))
		return NULL;
	return TAKE_PTR(changes);
}
