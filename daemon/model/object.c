/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all resources have in common: making, copying and freeing versions; names and tags. */
#include "model/object.h"

#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "model/internal.h"

static const struct kind_ops *const ops[OBJECT_KINDS] = {
#define KIND(SYMBOL, symbol, ...) [OBJECT_##SYMBOL] = &symbol##_ops,
#include <vpc/kinds.def>
};

/* Shared by all objects without a name: there may be a million rules. */
static char no_name[] = "";

const struct kind_ops *kind_ops(enum object_kind kind)
{
	return ops[kind];
}

uint32_t kind_first_number(enum object_kind kind)
{
	return ops[kind]->first_number ? ops[kind]->first_number : 1;
}

struct object *object_new(enum object_kind kind)
{
	struct object *o = calloc(1, ops[kind]->size);

	if (!o)
		return NULL;
	o->kind = kind;
	o->name = no_name;
	return o;
}

void object_free(struct object *o)
{
	if (!o)
		return;
	if (ops[o->kind]->clear)
		ops[o->kind]->clear(o);
	if (o->name != no_name)
		free(o->name);
	free(o->name_key);
	tags_free(o->tags, o->n_tags);
	free(o->posts);
	free(o);
}

void object_empty(struct object *o)
{
	if (ops[o->kind]->clear)
		ops[o->kind]->clear(o);
	memset((char *)o + sizeof(*o), 0, ops[o->kind]->size - sizeof(*o));
	tags_free(o->tags, o->n_tags);
	o->tags = NULL;
	o->n_tags = 0;
}

static int copy_base(struct object *to, const struct object *from)
{
	memcpy(to->id, from->id, sizeof(to->id));
	to->number = from->number;
	to->revision = from->revision;
	to->order = from->order;
	if (from->name != no_name) {
		to->name = strdup(from->name);
		if (!to->name) {
			to->name = no_name;
			return -ENOMEM;
		}
	}
	if (text_set(&to->name_key, from->name_key) < 0 || tags_copy(from->tags, from->n_tags, &to->tags) < 0)
		return -ENOMEM;
	to->n_tags = from->n_tags;
	return 0;
}

struct object *object_copy(const struct object *o)
{
	_cleanup_object_ struct object *copy = object_new(o->kind);

	if (!copy || copy_base(copy, o) < 0 || ops[o->kind]->copy(copy, o) < 0)
		return NULL;
	return TAKE_PTR(copy);
}

int text_set(char **text, const char *value)
{
	char *copy = NULL;

	if (value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

int tags_copy(const struct tag *tags, size_t n, struct tag **ret)
{
	struct tag *copy;

	*ret = NULL;
	if (!n)
		return 0;
	copy = calloc(n, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy[i].key = strdup(tags[i].key);
		copy[i].value = strdup(tags[i].value ? tags[i].value : "");
		if (!copy[i].key || !copy[i].value) {
			tags_free(copy, i + 1);
			return -ENOMEM;
		}
	}
	*ret = copy;
	return 0;
}

int object_set_name(struct object *o, const char *name)
{
	_cleanup_free_ char *copy = strdup(name), *key = name_key(o->kind, object_parent(o), name);

	if (!copy || !key)
		return -ENOMEM;
	if (o->name != no_name)
		free(o->name);
	free(o->name_key);
	o->name = TAKE_PTR(copy);
	o->name_key = TAKE_PTR(key);
	return 0;
}

uint32_t object_parent(const struct object *o)
{
	size_t offset = ops[o->kind]->parent.offset;

	return offset ? *(const uint32_t *)((const char *)o + offset) : 0;
}

char **object_description(struct object *o)
{
	size_t offset = ops[o->kind]->description;

	return offset ? (char **)((char *)o + offset) : NULL;
}

static int post_name(struct index *ix, struct object *o)
{
	/* The unique key ends in the name as it is looked up: in lower case where case doesn't count. */
	const char *name = o->name_key + strlen(o->name_key) - strlen(o->name);

	return index_post(ix, o, POSTING_NAME, (uint32_t)o->kind, name, strlen(name), 0);
}

/* A part's first posting must be that of its parent's parts: model_next_part() follows it. */
int object_post(struct index *ix, struct object *o)
{
	const struct kind_ops *k = ops[o->kind];
	int r;

	if (kind_of(o->kind)->scope == SCOPE_PART) {
		r = index_post_part(ix, o, k->parent.kind, object_parent(o), k->rank ? k->rank(o) : 0);
	} else {
		r = o->name[0] ? post_name(ix, o) : 0;
		if (r >= 0 && k->parent.offset)
			r = index_post_reference(ix, o, k->parent.kind, object_parent(o));
	}
	return r < 0 || !k->post ? r : k->post(ix, o);
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

void object_list_clear(struct object_list *l)
{
	free(l->items);
	*l = (struct object_list){0};
}

int object_list_add(struct object_list *l, const struct object *o)
{
	const struct object **grown = array_grow(l->items, &l->max, l->n + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	l->items = grown;
	l->items[l->n++] = o;
	return 0;
}

static int compare_order(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* By kind, then by age. */
void object_list_sort(struct object_list *l)
{
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare_order);
}

/* "eni-… (web1)", "sgr-… of sg-… (web)": what a person finds it by. */
static void describe_holder(const struct model *m, const struct object *o, char *buf, size_t size)
{
	if (kind_of(o->kind)->scope == SCOPE_PART) {
		const struct object *whole = model_by_number(m, ops[o->kind]->parent.kind, object_parent(o));

		snprintf(buf, size, "%s of %s (%s)", o->id, whole ? whole->id : "?", whole ? whole->name : "?");
	} else if (o->name[0]) {
		snprintf(buf, size, "%s (%s)", o->id, o->name);
	} else {
		snprintf(buf, size, "%s", o->id);
	}
}

/* The objects that refer to o. o's own parts are left out. */
static int find_users(const struct model *m, const struct object *o, struct object_list *ret)
{
	for (unsigned by = 0; by < OBJECT_KINDS; by++) {
		const struct posting *p = index_referrers(&m->ix, o->kind, o->number, (enum object_kind)by);
		bool is_part = kind_of((enum object_kind)by)->scope == SCOPE_PART && ops[by]->parent.kind == o->kind;

		for (const struct post *post = p ? p->first : NULL; post; post = post->next) {
			if (is_part && object_parent(post->owner) == o->number)
				continue;
			if (object_list_add(ret, post->owner) < 0)
				return -ENOMEM;
		}
	}
	object_list_sort(ret);
	return 0;
}

static int dependency_error(const struct model *m, const struct object *o, const struct object *const *holders,
			    size_t n, struct vpc_error *reterr)
{
	char list[VPC_ERROR_MESSAGE_MAX - 256] = "";
	size_t used = 0, shown = 0;

	for (size_t i = 0; i < n; i++) {
		char one[400];

		if (vpc_error_add_holder(reterr, holders[i]->id) < 0)
			return vpc_error_oom(reterr);
		describe_holder(m, holders[i], one, sizeof(one));
		if (used + 2 + strlen(one) >= sizeof(list))
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", shown ? ", " : "", one);
		shown++;
	}
	if (shown < n)
		return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL,
				     "%s is still used by %s and %zu more; delete or change those first", o->id, list,
				     n - shown);
	return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL,
			     "%s is still used by %s; delete or change %s first", o->id, list,
			     n == 1 ? "that" : "those");
}

int object_check_unused(const struct model *m, const struct object *o, struct vpc_error *reterr)
{
	_cleanup_object_list_ struct object_list users = {0};

	if (find_users(m, o, &users) < 0)
		return vpc_error_oom(reterr);
	return users.n ? dependency_error(m, o, users.items, users.n, reterr) : 0;
}
