/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpc/kinds.h>

/* Whether names in it are looked up in a VPC. */
static bool is_scoped(const char *collection)
{
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		const struct kind *k = kind_of((enum object_kind)kind);

		if (k->scope == SCOPE_HOST && !strcmp(k->path, collection))
			return false;
	}
	return true;
}

char *client_path(const char *collection, const char *id, const char *suffix, const char *scope)
{
	bool scoped = scope && is_scoped(collection);
	_cleanup_free_ char *id_text = http_encode(id ? id : "");
	_cleanup_free_ char *scope_text = http_encode(scoped ? scope : "");
	char *path = NULL;

	if (!id_text || !scope_text)
		return NULL;
	if (asprintf(&path, "/v1/%s%s%s%s%s%s%s", collection, id ? "/" : "", id_text, suffix ? "/" : "",
		     suffix ? suffix : "", scoped ? "?vpc=" : "", scope_text) < 0)
		return NULL;
	return path;
}

bool client_succeeded(const struct http_reply *reply)
{
	return reply->status >= 200 && reply->status <= 299;
}

json_t *client_json(const struct http_reply *reply)
{
	return reply->size > 0 ? json_loadb(reply->body, reply->size, 0, NULL) : json_object();
}

int client_read_refusal(const struct http_reply *reply, struct client_refusal *ret)
{
	*ret = (struct client_refusal){.json = client_json(reply)};
	ret->code = json_member_text(ret->json, "code");
	ret->field = json_member_text(ret->json, "field");
	ret->detail = json_member_text(ret->json, "detail") ?: json_member_text(ret->json, "title") ?: "";
	return ret->code ? 0 : -EBADMSG;
}

void client_refusal_clear(struct client_refusal *r)
{
	json_decref(r->json);
	*r = (struct client_refusal){0};
}
