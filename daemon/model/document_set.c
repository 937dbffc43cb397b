/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/document_set.h"

#include <string.h>

#include <vpc/array.h>

#include "model/internal.h"

void document_set_clear(struct document_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		json_decref(s->at[i].document);
	free(s->at);
	*s = (struct document_set){0};
}

/* OBJECT_KINDS: no kind has that noun. */
static enum object_kind kind_named(const char *noun)
{
	unsigned kind = 0;

	while (kind < OBJECT_KINDS && strcmp(kind_of((enum object_kind)kind)->noun, noun) != 0)
		kind++;
	return (enum object_kind)kind;
}

int document_set_add(struct document_set *s, const char *kind, json_t *document)
{
	struct document_entry entry = {.kind = kind_named(kind)};
	struct document_entry *grown;

	if (entry.kind == OBJECT_KINDS) {
		json_decref(document);
		return -ENOENT;
	}
	grown = array_grow(s->at, &s->max, s->n + 1, sizeof(*s->at));
	if (!grown) {
		json_decref(document);
		return -ENOMEM;
	}
	s->at = grown;
	entry.document = document;
	entry.order = (uint64_t)json_integer_value(json_object_get(document, "order"));
	entry.id = json_string_value(json_object_get(document, "id")) ?: "";
	s->at[s->n++] = entry;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct document_entry *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->id, y->id);
}

void document_set_sort(struct document_set *s)
{
	if (s->n)
		qsort(s->at, s->n, sizeof(*s->at), compare);
}

int document_set_load(const struct document_set *s, struct model *m, struct vpc_error *reterr)
{
	for (size_t i = 0; i < s->n; i++) {
		int r = model_load(m, s->at[i].kind, s->at[i].document, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}
