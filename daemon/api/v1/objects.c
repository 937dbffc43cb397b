/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the model. A list of 16,000 objects takes a while to write, and nothing may wait for it. So the ids are noted
 * at once, and the objects are written some at a time as the client takes them. An object that is deleted in between is
 * left out; one that changes is shown as it is when it is written. `revision` is that of the beginning.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/number.h>

#include "api/v1/handlers.h"
#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/v1/route.h"

/* Lists up to this length are one piece, with a Content-Length. */
#define LIST_AT_ONCE	64
#define LIST_BLOCK_SIZE (32 << 10)

struct list {
	struct engine *engine;
	enum object_kind kind;
	char (*ids)[OBJECT_ID_MAX];
	size_t n_ids;
	size_t i; /* next to be written */
	uint64_t revision;
	bool opened, written;
	bool any;   /* an object was written: the next one needs a comma */
	char *text; /* being handed out */
	size_t size, used, capacity;
};

static void list_free(struct list *l)
{
	if (!l)
		return;
	free(l->ids);
	free(l->text);
	free(l);
}
DEFINE_CLEANUP(struct list *, list_free);

static int put(const char *data, size_t size, void *userdata)
{
	struct list *l = userdata;

	char *grown = array_grow(l->text, &l->capacity, l->size + size, 1);

	if (!grown)
		return -1;
	l->text = grown;
	memcpy(l->text + l->size, data, size);
	l->size += size;
	return 0;
}

static int put_string(struct list *l, const char *s)
{
	return put(s, strlen(s), l);
}

static int put_object(struct list *l, const char *id)
{
	const struct object *o = model_find(engine_model(l->engine), l->kind, id);
	json_t *json;
	int r;

	if (!o)
		return 0;
	json = engine_object_json(l->engine, o);
	if (!json)
		return -1;
	r = l->any ? put_string(l, ",") : 0;
	if (r == 0)
		r = json_dump_callback(json, put, l, JSON_COMPACT);
	json_decref(json);
	l->any = true;
	return r;
}

/* Writes until there are `size` bytes, or to the end. -1: out of memory. */
static int list_write(struct list *l, size_t size)
{
	char text[64];

	if (!l->opened) {
		snprintf(text, sizeof(text), "{\"%s\":[", kind_of(l->kind)->list);
		if (put_string(l, text) < 0)
			return -1;
		l->opened = true;
	}
	while (l->i < l->n_ids && l->size < size) {
		if (put_object(l, l->ids[l->i++]) < 0)
			return -1;
	}
	if (l->i == l->n_ids && !l->written) {
		snprintf(text, sizeof(text), "],\"revision\":%" PRIu64 "}\n", l->revision);
		if (put_string(l, text) < 0)
			return -1;
		l->written = true;
	}
	return 0;
}

/* libmicrohttpd asks for the next piece. */
static ssize_t on_read(void *cls, uint64_t position, char *buf, size_t max)
{
	struct list *l = cls;
	size_t n;

	(void)position;
	if (l->used == l->size) {
		l->used = l->size = 0;
		if (list_write(l, max) < 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (l->size == 0)
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	n = l->size - l->used < max ? l->size - l->used : max;
	memcpy(buf, l->text + l->used, n);
	l->used += n;
	return (ssize_t)n;
}

static void on_free(void *cls)
{
	list_free(cls);
}

/* --- what is listed --- */

struct filter {
	uint32_t vpc, subnet; /* numbers; 0: any */
};

static bool passes(const struct model *m, const struct filter *f, const struct object *o)
{
	if (f->vpc && model_vpc_of(m, o) != f->vpc)
		return false;
	return !f->subnet || model_refers(m, o, OBJECT_SUBNET, f->subnet);
}

static int make_filter(const struct request *r, const struct model *m, struct filter *ret, struct vpc_error *reterr)
{
	const char *vpc = r->arguments[QUERY_VPC], *subnet = r->arguments[QUERY_SUBNET];
	const struct object *o;
	int n;

	*ret = (struct filter){0};
	if (vpc) {
		n = model_resolve(m, OBJECT_VPC, vpc, NULL, "vpc", &o, reterr);
		if (n < 0)
			return n;
		ret->vpc = o->number;
	}
	if (subnet) {
		n = model_resolve(m, OBJECT_SUBNET, subnet, vpc, "subnet", &o, reterr);
		if (n < 0)
			return n;
		ret->subnet = o->number;
	}
	return 0;
}

static int list_make(const struct request *r, struct list **ret, struct vpc_error *reterr)
{
	const struct model *m = engine_model(r->api->engine);
	_cleanup_(list_freep) struct list *l = calloc(1, sizeof(*l));
	struct filter filter;
	int n;

	if (!l)
		return vpc_error_oom(reterr);
	n = make_filter(r, m, &filter, reterr);
	if (n < 0)
		return n;
	l->engine = r->api->engine;
	l->kind = operation_of(r)->kind;
	l->revision = engine_revision(l->engine);
	l->ids = calloc(model_count(m, l->kind) + 1, sizeof(*l->ids));
	if (!l->ids)
		return vpc_error_oom(reterr);
	for (const struct object *o = model_next(m, l->kind, NULL); o; o = model_next(m, l->kind, o)) {
		if (passes(m, &filter, o))
			memcpy(l->ids[l->n_ids++], o->id, sizeof(o->id));
	}
	*ret = TAKE_PTR(l);
	return 0;
}

void handle_list(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_(list_freep) struct list *l = NULL;
	struct MHD_Response *response;

	if (list_make(r, &l, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	if (l->n_ids <= LIST_AT_ONCE) {
		bool ok = list_write(l, SIZE_MAX) == 0;

		request_reply_text(r, 200, r->route->content_type, ok ? TAKE_PTR(l->text) : NULL, l->size);
		return;
	}
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, LIST_BLOCK_SIZE, on_read, l, on_free);
	if (response)
		l = NULL; /* on_free's */
	request_reply(r, 200, r->route->content_type, response);
}

void handle_show(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct object *o;
	json_t *json;

	if (r->arguments[QUERY_AT]) {
		past_show(r, operation_of(r)->kind);
		return;
	}
	if (model_resolve(engine_model(r->api->engine), operation_of(r)->kind, r->id, r->arguments[QUERY_VPC], "id", &o,
			  &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	json = engine_object_json(r->api->engine, o);
	request_reply_object(r, 200, json);
	json_decref(json);
}

/* The version that the request asks for, or the newest. */
static int read_version(const struct request *r, const struct prefix_list *l, uint32_t *ret, struct vpc_error *reterr)
{
	const char *text = r->arguments[QUERY_VERSION];
	uint64_t version = l->version;

	if (text && number_parse(text, UINT32_MAX, &version) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "version",
				     "'%.64s' is not a version; give a whole number, as vpcctl prefix-list show has it",
				     text);
	if (version < l->oldest || version > l->version)
		return vpc_error_set(reterr, VPC_E_INVALID_PREFIX_LIST_VERSION_NOT_FOUND, "version",
				     "%s has the versions %u to %u; choose one of them", l->o.id, l->oldest,
				     l->version);
	*ret = (uint32_t)version;
	return 0;
}

void handle_prefix_entries(struct request *r)
{
	const struct model *m = engine_model(r->api->engine);
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct object *o;
	uint32_t version = 0;
	json_t *json;

	if (model_resolve(m, OBJECT_PREFIX_LIST, r->id, NULL, "id", &o, &error) < 0 ||
	    read_version(r, prefix_list_of(o), &version, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	json = model_prefix_entries_json(m, prefix_list_of(o), version);
	request_reply_object(r, 200, json);
	json_decref(json);
}
