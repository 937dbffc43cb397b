/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attachments of ENIs: eni.attach, eni.detach. */
#include <string.h>

#include "model/kinds/eni.h"

#define IFNAME_DEFAULT "eth0"
#define LINK_DEFAULT   "vpc%u"

static const char *const kind_names[] = {
	[ATTACHMENT_NETNS] = "netns", [ATTACHMENT_TAP] = "tap", [ATTACHMENT_LINK] = "link"};

void attachment_clear(struct attachment *a)
{
	free(a->path);
	free(a->owner);
	*a = (struct attachment){.kind = ATTACHMENT_NONE};
}

int attachment_copy(struct attachment *to, const struct attachment *from)
{
	*to = *from;
	to->path = to->owner = NULL;
	if (text_set(&to->path, from->path) < 0 || text_set(&to->owner, from->owner) < 0)
		return -ENOMEM;
	return 0;
}

/* What the kernel takes (dev_valid_name; "all" and "default" are taken in /proc/sys/net/ipv4/conf), and no control
 * characters or others that a terminal would not show. */
static bool ifname_is_valid(const char *name)
{
	size_t n = strlen(name);

	if (!n || n >= sizeof(((struct attachment *)0)->ifname) || !strcmp(name, ".") || !strcmp(name, "..") ||
	    !strcmp(name, "all") || !strcmp(name, "default"))
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
			return false;
	return true;
}

static int fill(const struct attachment_spec *spec, uint32_t number, struct attachment *ret, struct vpc_error *reterr)
{
	const char *ifname = spec->ifname ? spec->ifname : IFNAME_DEFAULT;
	char link[sizeof(ret->ifname)];

	if (spec->kind == ATTACHMENT_NONE)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "attachment.kind",
				     "an attachment is to a netns, a tap or a link");
	if (spec->kind == ATTACHMENT_LINK && !spec->ifname) {
		snprintf(link, sizeof(link), LINK_DEFAULT, number);
		ifname = link;
	}
	if (!ifname_is_valid(ifname))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "attachment.ifname",
				     "'%.64s' is not a name that an interface can have; choose up to 15 letters, "
				     "digits, - and _, but not 'all' or 'default'",
				     ifname);
	if (spec->queues < 0 || spec->queues > ATTACHMENT_QUEUES_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "attachment.queues",
				     "a tap has 1 to %d queues, not %lld", ATTACHMENT_QUEUES_MAX,
				     (long long)spec->queues);
	ret->kind = spec->kind;
	snprintf(ret->ifname, sizeof(ret->ifname), "%s", ifname);
	snprintf(ret->host_ifname, sizeof(ret->host_ifname), "p%u", number);
	ret->has_default_route = spec->has_default_route;
	ret->default_route = spec->has_default_route && spec->default_route;
	ret->pid = spec->pid;
	ret->pid_start = spec->pid_start;
	ret->ns_dev = spec->ns_dev;
	ret->ns_ino = spec->ns_ino;
	ret->ns_cookie = spec->ns_cookie;
	snprintf(ret->boot_id, sizeof(ret->boot_id), "%.36s", spec->boot_id);
	if (spec->kind == ATTACHMENT_TAP) {
		ret->owner_uid = spec->owner_uid;
		ret->queues = spec->queues ? (uint32_t)spec->queues : 1;
	}
	if (text_set(&ret->path, spec->path) < 0 || text_set(&ret->owner, spec->owner) < 0)
		return vpc_error_oom(reterr);
	return 0;
}

int eni_attach(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	struct eni *e;
	int r = txn_target_copy(t, c, OBJECT_ENI, &o, &copy, reterr);

	if (r < 0)
		return r;
	if (eni_of(o)->attachment.kind != ATTACHMENT_NONE)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "eni_id", "%s is attached already; detach it first",
				     o->id);
	e = (struct eni *)copy;
	r = fill(&c->attachment, o->number, &e->attachment, reterr);
	if (r < 0)
		return r;
	text_set(&e->detach_reason, NULL);
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

int eni_detach(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	struct eni *e;
	int r = txn_target_copy(t, c, OBJECT_ENI, &o, &copy, reterr);

	if (r < 0)
		return r;
	if (eni_of(o)->attachment.kind == ATTACHMENT_NONE)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "eni_id",
				     "%s is not attached; there is nothing to detach", o->id);
	if (change_has(c, FIELD_REASON) && c->reason) {
		r = text_check(c->reason, 255, "reason", reterr);
		if (r < 0)
			return r;
	}
	e = (struct eni *)copy;
	attachment_clear(&e->attachment);
	if (text_set(&e->detach_reason, change_has(c, FIELD_REASON) ? c->reason : NULL) < 0)
		return vpc_error_oom(reterr);
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static int put_common(const struct attachment *a, json_t *json)
{
	if (json_put(json, "kind", json_string(kind_names[a->kind])) < 0 ||
	    json_put(json, "ifname", json_string(a->ifname)) < 0 ||
	    json_put(json, "host_ifname", json_string(a->host_ifname)) < 0 ||
	    json_put(json, "netns", json_text_or_null(a->path)) < 0 ||
	    json_put(json, "owner", json_text_or_null(a->owner)) < 0)
		return -ENOMEM;
	if (a->has_default_route && json_put(json, "default_route", json_boolean(a->default_route)) < 0)
		return -ENOMEM;
	if (a->kind != ATTACHMENT_TAP)
		return 0;
	return json_put(json, "queues", json_integer(a->queues)) < 0 ||
			       json_put(json, "owner_uid", json_integer(a->owner_uid)) < 0
		       ? -ENOMEM
		       : 0;
}

json_t *attachment_to_json(const struct attachment *a)
{
	json_t *json;

	if (a->kind == ATTACHMENT_NONE)
		return json_null();
	json = json_object();
	if (!json)
		return NULL;
	if (put_common(a, json) < 0 || json_put(json, "pid", a->pid ? json_integer(a->pid) : json_null()) < 0 ||
	    json_put(json, "netns_inode", a->ns_ino ? json_integer((json_int_t)a->ns_ino) : json_null()) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *attachment_to_document(const struct attachment *a)
{
	json_t *json;

	if (a->kind == ATTACHMENT_NONE)
		return json_null();
	json = json_object();
	if (!json)
		return NULL;
	/* Unsigned 64-bit values stand as the signed integer of the same bits: JSON here has no others. */
	if (put_common(a, json) < 0 || json_put(json, "pid", json_integer(a->pid)) < 0 ||
	    json_put(json, "pid_start", json_integer((json_int_t)a->pid_start)) < 0 ||
	    json_put(json, "ns_dev", json_integer((json_int_t)a->ns_dev)) < 0 ||
	    json_put(json, "ns_ino", json_integer((json_int_t)a->ns_ino)) < 0 ||
	    json_put(json, "ns_cookie", json_integer((json_int_t)a->ns_cookie)) < 0 ||
	    json_put(json, "boot_id", json_string(a->boot_id)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static void load_bounded(struct document *d, const char *key, char *ret, size_t size)
{
	_cleanup_free_ char *text = document_text(d, key, true);

	if (text && strlen(text) >= size)
		document_damaged(d, key);
	else if (text)
		memcpy(ret, text, strlen(text) + 1);
}

void attachment_load(struct document *d, struct attachment *a)
{
	_cleanup_free_ char *kind = document_text(d, "kind", true);

	for (unsigned i = 0; kind && i < ARRAY_SIZE(kind_names); i++)
		if (kind_names[i] && !strcmp(kind, kind_names[i]))
			a->kind = (enum attachment_kind)i;
	if (a->kind == ATTACHMENT_NONE)
		document_damaged(d, "attachment.kind");
	load_bounded(d, "ifname", a->ifname, sizeof(a->ifname));
	load_bounded(d, "host_ifname", a->host_ifname, sizeof(a->host_ifname));
	load_bounded(d, "boot_id", a->boot_id, sizeof(a->boot_id));
	a->path = document_text(d, "netns", false);
	a->owner = document_text(d, "owner", false);
	a->has_default_route = json_object_get(d->json, "default_route") != NULL;
	if (a->has_default_route)
		a->default_route = document_bool(d, "default_route");
	a->pid = (pid_t)document_i64(d, "pid", 0, INT32_MAX);
	a->pid_start = document_u64(d, "pid_start", UINT64_MAX);
	a->ns_dev = document_u64(d, "ns_dev", UINT64_MAX);
	a->ns_ino = document_u64(d, "ns_ino", UINT64_MAX);
	/* documents of earlier versions lack it */
	if (json_object_get(d->json, "ns_cookie"))
		a->ns_cookie = document_u64(d, "ns_cookie", UINT64_MAX);
	if (a->kind == ATTACHMENT_TAP) {
		a->queues = (uint32_t)document_i64(d, "queues", 1, ATTACHMENT_QUEUES_MAX);
		a->owner_uid = (uid_t)document_i64(d, "owner_uid", 0, UINT32_MAX);
	}
}
