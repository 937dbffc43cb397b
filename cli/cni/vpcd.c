/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cni/vpcd.h"

#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/client.h"
#include "cli/lib/unreachable.h"

static int no_daemon(const struct http *h, int error, struct cni_error *reterr)
{
	struct unreachable f = unreachable_explain(http_socket(h), error);

	if (error == -ENOMEM)
		return cni_oom(reterr);
	/* An access that is denied stays so; a daemon that is away, or was killed before it answered, comes back. */
	cni_fail(reterr, f.denied ? CNI_E_REFUSED : CNI_E_TRY_AGAIN_LATER, "%.500s", f.what);
	if (f.advice[0])
		cni_detail(reterr, "%s; if it listens elsewhere, set 'socket' in the network configuration", f.advice);
	return -EIO;
}

static enum cni_code code_of(const char *code, long status)
{
	static const struct {
		const char *code;
		enum cni_code cni;
	} refusals[] = {
#define CNI_REFUSAL(vpcd, symbol) {vpcd, CNI_E_##symbol},
#include "cli/cni/errors.def"
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (!strcmp(refusals[i].code, code))
			return refusals[i].cni;
	return status == 503 ? CNI_E_TRY_AGAIN_LATER : CNI_E_REFUSED;
}

static int refused(const struct http_reply *reply, struct vpcd_refusal *ret, struct cni_error *reterr)
{
	_cleanup_client_refusal_ struct client_refusal refusal;

	if (client_read_refusal(reply, &refusal) < 0)
		return cni_fail(reterr, CNI_E_REFUSED, CLIENT_NO_REASON, reply->status);
	if (ret) {
		ret->status = reply->status;
		snprintf(ret->code, sizeof(ret->code), "%s", refusal.code);
		snprintf(ret->field, sizeof(ret->field), "%s", refusal.field ? refusal.field : "");
	}
	cni_fail(reterr, code_of(refusal.code, reply->status), "%s: %.400s", refusal.code, refusal.detail);
	return strlen(refusal.detail) > 400 ? cni_detail(reterr, "%s", refusal.detail) : -EINVAL;
}

int vpcd_call(struct http *h, const char *method, char *path, const json_t *body, json_t **ret,
	      struct vpcd_refusal *ret_refusal, struct cni_error *reterr)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_free_ char *owned = path, *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_t *json;
	int r;

	if (!path || (body && !text))
		return cni_oom(reterr);
	r = http_request(h, method, path, text, NULL, &reply);
	if (r < 0)
		return no_daemon(h, r, reterr);
	if (!client_succeeded(&reply))
		return refused(&reply, ret_refusal, reterr);
	json = client_json(&reply);
	if (!json)
		return cni_fail(reterr, CNI_E_REFUSED, CLIENT_NOT_JSON);
	*ret = json;
	return 0;
}

int vpcd_transaction(struct http *h, const struct cni_config *c, const json_t *changes, json_t **ret,
		     struct vpcd_refusal *ret_refusal, struct cni_error *reterr)
{
	_cleanup_json_ json_t *body = json_pack("{s:O}", "changes", changes), *reply = NULL;
	json_t *results;
	int r;

	if (!body)
		return cni_oom(reterr);
	r = vpcd_call(h, "POST", client_path("transactions", NULL, NULL, c->vpc), body, &reply, ret_refusal, reterr);
	if (r < 0)
		return r;
	results = json_object_get(reply, "results");
	if (json_array_size(results) != json_array_size(changes))
		return cni_fail(reterr, CNI_E_REFUSED, "vpcd answered without the results of the transaction");
	*ret = json_incref(results);
	return 0;
}

char *vpcd_eni_name(const struct cni_call *call)
{
	char *name = NULL;

	/* Neither part can have a colon, so no two attachments have one name. */
	return asprintf(&name, "cni:%s:%s", call->container_id, call->ifname) < 0 ? NULL : name;
}

static bool tag_is(const json_t *eni, const char *key, const char *value)
{
	const char *tag = json_member_text(json_object_get(eni, "tags"), key);

	return tag && !strcmp(tag, value);
}

/* Whether the tags say that it is this attachment's. */
static bool vpcd_eni_is_ours(const struct cni_config *c, const struct cni_call *call, const json_t *eni)
{
	return tag_is(eni, CNI_TAG_NETWORK, c->name) && tag_is(eni, CNI_TAG_CONTAINER, call->container_id) &&
	       tag_is(eni, CNI_TAG_IFNAME, call->ifname);
}

/* Several VPCs have an ENI of that name: ours is the one whose tags say so. */
static int find_in_list(struct http *h, const struct cni_config *c, const struct cni_call *call, json_t **ret,
			struct cni_error *reterr)
{
	_cleanup_json_ json_t *list = NULL;
	json_t *eni;
	size_t i;
	int r = vpcd_call(h, "GET", client_path("enis", NULL, NULL, c->vpc), NULL, &list, NULL, reterr);

	if (r < 0)
		return r;
	*ret = NULL;
	json_array_foreach (json_object_get(list, "enis"), i, eni)
		if (!*ret && vpcd_eni_is_ours(c, call, eni))
			*ret = json_incref(eni);
	return 0;
}

int vpcd_eni_find(struct http *h, const struct cni_config *c, const struct cni_call *call, json_t **ret,
		  struct cni_error *reterr)
{
	_cleanup_free_ char *name = vpcd_eni_name(call);
	_cleanup_json_ json_t *eni = NULL;
	struct vpcd_refusal refusal = {0};
	int r;

	if (!name)
		return cni_oom(reterr);
	r = vpcd_call(h, "GET", client_path("enis", name, NULL, c->vpc), NULL, &eni, &refusal, reterr);
	if (r < 0 && !strcmp(refusal.code, "AmbiguousName"))
		return find_in_list(h, c, call, ret, reterr);
	/* The VPC may be gone too. */
	if (r < 0 && refusal.status != 404)
		return r;
	*ret = eni && vpcd_eni_is_ours(c, call, eni) ? TAKE_PTR(eni) : NULL;
	return 0;
}

/* 1: it changed meanwhile, look again. */
static int delete_once(struct http *h, const struct cni_config *c, const json_t *eni, struct cni_error *reterr)
{
	const char *id = json_member_text(eni, "id");
	bool attached = json_is_object(json_object_get(eni, "attachment"));
	_cleanup_json_ json_t *changes = json_pack("[{s:s, s:s}]", "op", "eni.delete", "eni_id", id);
	_cleanup_json_ json_t *results = NULL;
	struct vpcd_refusal refusal = {0};
	int r;

	if (!changes ||
	    (attached &&
	     json_array_insert_new(changes, 0, json_pack("{s:s, s:s}", "op", "eni.detach", "eni_id", id)) < 0))
		return cni_oom(reterr);
	r = vpcd_transaction(h, c, changes, &results, &refusal, reterr);
	if (r < 0 && refusal.status == 404)
		return 0;
	return r < 0 && !strcmp(refusal.code, "IncorrectState") ? 1 : r;
}

int vpcd_eni_delete(struct http *h, const struct cni_config *c, const json_t *eni, struct cni_error *reterr)
{
	int r = delete_once(h, c, eni, reterr);

	/* The namespace went away, and vpcd detached it itself, or the other way round. */
	for (int tries = 0; r > 0 && tries < 3; tries++) {
		_cleanup_json_ json_t *now = NULL;
		const char *id = json_member_text(eni, "id");
		struct vpcd_refusal refusal = {0};

		r = vpcd_call(h, "GET", client_path("enis", id, NULL, c->vpc), NULL, &now, &refusal, reterr);
		if (r < 0)
			return refusal.status == 404 ? 0 : r;
		r = delete_once(h, c, now, reterr);
	}
	return r > 0 ? -EINVAL : r;
}
