/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all resources have in common: making, copying and freeing versions; names and tags. */
#include "model/object.h"

#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

static const struct kind_ops *const kinds[OBJECT_KINDS] = {
	[OBJECT_VPC] = &vpc_ops,   [OBJECT_SUBNET] = &subnet_ops, [OBJECT_SG] = &sg_ops,
	[OBJECT_RULE] = &rule_ops, [OBJECT_ENI] = &eni_ops,
};

/* A million rules have no name: they share this one. */
static char no_name[] = "";

const struct kind_ops *kind_ops(enum object_kind kind)
{
	return kinds[kind];
}

const char *object_kind_name(enum object_kind kind)
{
	return kinds[kind]->name;
}

const char *object_id_prefix(enum object_kind kind)
{
	return kinds[kind]->id_prefix;
}

struct object *object_new(enum object_kind kind)
{
	struct object *o = calloc(1, kinds[kind]->size);

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
	kinds[o->kind]->clear(o);
	if (o->name != no_name)
		free(o->name);
	free(o->name_key);
	tags_free(o->tags, o->n_tags);
	free(o->posts);
	free(o);
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

	if (!copy || copy_base(copy, o) < 0 || kinds[o->kind]->copy(copy, o) < 0)
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

int object_set_name(struct object *o, uint32_t vpc, const char *name)
{
	_cleanup_free_ char *copy = strdup(name), *key = name_key(o->kind, vpc, name);

	if (!copy || !key)
		return -ENOMEM;
	if (o->name != no_name)
		free(o->name);
	free(o->name_key);
	o->name = TAKE_PTR(copy);
	o->name_key = TAKE_PTR(key);
	return 0;
}

int object_post_name(struct index *ix, struct object *o)
{
	/* The unique key ends in the name as it is looked up: in lower case for groups. */
	const char *name = o->name_key + strlen(o->name_key) - strlen(o->name);

	return index_post(ix, o, POSTING_NAME, (uint32_t)o->kind, name, strlen(name), 0);
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

void object_list_clear(struct object_list *l)
{
	free(l->items);
	*l = (struct object_list){0};
}

int object_list_add(struct object_list *l, const struct object *o)
{
	if (l->n == l->max) {
		size_t max = l->max ? 2 * l->max : 16;
		const struct object **grown = reallocarray(l->items, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		l->items = grown;
		l->max = max;
	}
	l->items[l->n++] = o;
	return 0;
}

int object_list_add_posting(struct object_list *l, const struct posting *p)
{
	for (const struct post *post = p ? p->first : NULL; post; post = post->next)
		if (object_list_add(l, post->owner) < 0)
			return -ENOMEM;
	return 0;
}

static int compare_order(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void object_list_sort(struct object_list *l)
{
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare_order);
}

/* "eni-… (web1)", "sgr-… of sg-… (web)": what a person finds it by. */
static void describe_holder(const struct model *m, const struct object *o, char *buf, size_t size)
{
	if (o->kind == OBJECT_RULE) {
		const struct object *group = model_by_number(m, OBJECT_SG, rule_of(o)->sg);

		snprintf(buf, size, "%s of %s (%s)", o->id, group ? group->id : "?", group ? group->name : "?");
	} else {
		snprintf(buf, size, "%s (%s)", o->id, o->name);
	}
}

int dependency_error(const struct model *m, const struct object *o, const struct object *const *holders, size_t n,
		     struct vpc_error *reterr)
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
		return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL, "%s is still used by %s and %zu more",
				     o->id, list, n - shown);
	return vpc_error_set(reterr, VPC_E_DEPENDENCY_VIOLATION, NULL, "%s is still used by %s", o->id, list);
}
