/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ENIs whose workload is gone are detached, or deleted where they were made to go with it. */
#include "engine/upkeep/detach.h"

#include <vpc/clock.h>
#include <vpc/engines.h>

#include "engine/engine.h"
#include "engine/engine_private.h"

#include "util/log.h"

static void detached(const struct engine_reply *reply, void *userdata)
{
	_cleanup_free_ char *eni_id = userdata;

	if (reply->error.code != VPC_E_OK && reply->error.code != VPC_E_INCORRECT_STATE)
		log_warning("%s stays attached to a namespace that is gone: %s", eni_id ? eni_id : "an ENI",
			    reply->error.message);
}

/* The ENI's attachment becomes none, by a transaction like any other. One that was made to go with its namespace
 * (delete_on_termination) is deleted by the same transaction. */
static void submit_detach(struct engine *e, const char *eni_id, bool delete, const char *reason)
{
	struct engine_request *r = calloc(1, sizeof(*r));
	struct change *c = calloc(2, sizeof(*c));

	if (!r || !c) {
		free(r);
		free(c);
		return;
	}
	c[0] = (struct change){
		.op = CHANGE_ENI_DETACH,
		.present = FIELD_BIT(FIELD_ENI_ID) | FIELD_BIT(FIELD_REASON),
		.eni_id = strdup(eni_id),
		.reason = strdup(reason),
	};
	c[1] = (struct change){.op = CHANGE_ENI_DELETE, .present = FIELD_BIT(FIELD_ENI_ID), .eni_id = strdup(eni_id)};
	*r = (struct engine_request){
		.changes = c, .n_changes = 2, .caller.pid = getpid(), .received_ns = monotonic_ns()};
	if (!c[0].eni_id || !c[0].reason || !c[1].eni_id) {
		engine_request_free(r);
		return;
	}
	if (!delete) {
		change_clear(&c[1]);
		r->n_changes = 1;
	}
	log_notice("%s is %s: %s", eni_id, delete ? "deleted with its namespace" : "detached", reason);
	engine_submit(e, r, detached, strdup(eni_id));
}

/* NULL: none, or longer than a reason has room for (cut off it might end in the middle of a character). */
static const char *tag_value(const void *object, const char *key)
{
	const struct object *o = object;

	for (size_t i = 0; o && i < o->n_tags; i++) {
		const char *value = o->tags[i].value;

		if (!strcmp(o->tags[i].key, key) && value && *value && strlen(value) <= 80)
			return value;
	}
	return NULL;
}

/* A namespace that was handed over by a descriptor has a path that says nothing to anybody: the container's name or id,
 * and the path that its engine has for it, stand in the tags that plugins give their ENIs. */
static void gone_reason(const struct object *eni, const struct attachment *a, char *ret, size_t size)
{
	bool handed_over = !strncmp(a->path, "/proc/", 6) && strstr(a->path, "/fd/");
	const char *container = engine_container_name(tag_value, eni) ?: engine_tag(tag_value, eni, "container-id");
	const char *path = handed_over ? engine_tag(tag_value, eni, "netns") : a->path;
	size_t n = 0;

	if (path && strlen(path) > 80)
		path = NULL;
	if (container)
		n = (size_t)snprintf(ret, size, "container %s is gone: ", container);
	if (!container && a->pid > 0)
		snprintf(ret, size, "the network namespace of process %d is gone", a->pid);
	else
		snprintf(ret + n, size - n, "%s network namespace%s%s%s", container ? "its" : "the", path ? " " : "",
			 path ? path : "", container ? " is no more" : " is gone");
}

void detach_gone(struct engine *e, const char *eni_id, const struct attachment *a)
{
	const struct object *eni = model_find(e->model, OBJECT_ENI, eni_id);
	char reason[256];

	gone_reason(eni, a, reason, sizeof(reason));
	submit_detach(e, eni_id, eni && eni_of(eni)->delete_on_termination, reason);
}
