/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening the namespaces that a request names, and looking up its users, before its transaction is queued. */
#include "engine/devices/taps.h"
#include "engine/devices/workloads.h"
#include "engine/engine_private.h"

static int spec_copy(const struct attachment_spec *from, struct attachment_spec *ret)
{
	*ret = (struct attachment_spec){.kind = from->kind, .pid = from->pid};
	ret->netns = from->netns ? strdup(from->netns) : NULL;
	ret->owner = from->owner ? strdup(from->owner) : NULL;
	return (from->netns && !ret->netns) || (from->owner && !ret->owner) ? -ENOMEM : 0;
}

void opening_free(struct opening *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++) {
		workload_clear(&o->workload[i]);
		free(o->spec[i].netns);
		free(o->spec[i].owner);
	}
	free(o->change);
	free(o->spec);
	free(o->workload);
	vpc_error_clear(&o->error);
	free(o);
}

static bool opens(const struct change *c)
{
	return c->op == CHANGE_ENI_ATTACH && (c->attachment.kind != ATTACHMENT_TAP || c->attachment.owner);
}

/* A link appears among the host's own interfaces, under a name of the caller's. */
static int may_make_link(uid_t uid, struct vpc_error *reterr)
{
	if (uid == 0)
		return 0;
	return vpc_error_set(
		reterr, VPC_E_ATTACHMENT_FAILED, "attachment.kind",
		"only root may have a link made in the host's namespace; attach to a netns, a pid or a tap");
}

static int open_one(const struct opening *o, struct attachment_spec *spec, struct workload *w, struct vpc_error *reterr)
{
	if (spec->kind == ATTACHMENT_TAP)
		return tap_find_owner(spec->owner, &spec->owner_uid, reterr);
	if (spec->kind == ATTACHMENT_LINK)
		return may_make_link(o->uid, reterr);
	return workload_open(spec, o->uid, w, reterr);
}

int opening_new(const struct engine_request *r, struct opening **ret)
{
	struct opening *o;
	size_t n = 0;

	for (size_t i = 0; i < r->n_changes; i++)
		n += opens(&r->changes[i]);
	*ret = NULL;
	if (!n || r->dry_run)
		return 0;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->error = VPC_ERROR_INIT;
	o->uid = r->caller.uid;
	o->change = calloc(n, sizeof(*o->change));
	o->spec = calloc(n, sizeof(*o->spec));
	o->workload = calloc(n, sizeof(*o->workload));
	if (!o->change || !o->spec || !o->workload) {
		opening_free(o);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->n_changes; i++) {
		if (!opens(&r->changes[i]))
			continue;
		o->change[o->n] = i;
		o->workload[o->n] = WORKLOAD_INIT;
		if (spec_copy(&r->changes[i].attachment, &o->spec[o->n++]) < 0) {
			opening_free(o);
			return -ENOMEM;
		}
	}
	*ret = o;
	return 0;
}

int opening_run(void *data)
{
	struct opening *o = data;

	for (size_t i = 0; i < o->n; i++) {
		int r = open_one(o, &o->spec[i], &o->workload[i], &o->error);

		if (r < 0) {
			o->failed = o->change[i];
			return r;
		}
	}
	return 0;
}

int opening_fill(struct opening *o, struct engine_request *r)
{
	for (size_t i = 0; i < o->n; i++) {
		struct attachment_spec *spec = &r->changes[o->change[i]].attachment;
		const struct workload *w = &o->workload[i];

		spec->owner_uid = o->spec[i].owner_uid;
		if (spec->kind != ATTACHMENT_NETNS)
			continue;
		spec->path = strdup(w->path);
		if (!spec->path)
			return -ENOMEM;
		spec->ns_dev = w->ns_dev;
		spec->ns_ino = w->ns_ino;
		spec->ns_cookie = w->ns_cookie;
		spec->pid_start = w->pid_start;
		memcpy(spec->boot_id, w->boot_id, sizeof(spec->boot_id));
	}
	return 0;
}
