/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/declare/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

json_t *value_of_item(const struct declared_field *f, const json_t *item)
{
	json_t *value = json_object_get(item, f->key);

	if (value)
		return json_incref(value);
	return f->absent ? json_loads(f->absent, JSON_DECODE_ANY, NULL) : json_null();
}

static void write_key(FILE *out, const json_t *value)
{
	if (json_is_integer(value))
		fprintf(out, "%012lld", (long long)json_integer_value(value));
	else
		fputs(json_string_value(value) ?: "", out);
	fputc('\001', out);
}

char *value_key(const struct declared_field *fields, size_t n, const json_t *object)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; out && i < n; i++)
		if (fields[i].flags & DECLARED_KEY)
			write_key(out, json_object_get(object, fields[i].key));
	if (!out || fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static json_t *normalize_text(json_t *value)
{
	_cleanup_free_ char *text = json_is_string(value) ? strdup(json_string_value(value)) : NULL;
	json_t *fixed;

	if (!json_is_string(value))
		return value;
	fixed = text && declared_normalize_text(&text) == 0 ? json_string(text) : NULL;
	json_decref(value);
	return fixed;
}

struct sorted {
	char *key;
	json_t *value; /* borrowed */
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct sorted *)a)->key, ((const struct sorted *)b)->key);
}

/* What an element of a list is sorted by. Those whose order counts come last. Owned; NULL: out of memory. */
static char *sort_key(const struct declared_field *f, const json_t *element, size_t i)
{
	bool in_order = f->flags & DECLARED_ORDER;
	char *key = NULL;

	for (size_t k = 0; k < f->n_items; k++) {
		const json_t *value = json_object_get(element, f->items[k].key);

		in_order |= (f->items[k].flags & DECLARED_ORDER) && value && !json_is_null(value);
	}
	if (in_order)
		return asprintf(&key, "\177%020zu", i) < 0 ? NULL : key;
	return f->type == DECLARED_ITEMS ? value_key(f->items, f->n_items, element)
					 : strdup(json_string_value(element) ?: "");
}

/* A copy of the list, sorted. NULL: out of memory. */
static json_t *sort(const struct declared_field *f, const json_t *list)
{
	size_t n = json_array_size(list), i;
	struct sorted *sorted = calloc(n + 1, sizeof(*sorted));
	json_t *ret = sorted ? json_array() : NULL, *value;
	bool ok = ret;

	json_array_foreach (list, i, value) {
		if (!sorted)
			break;
		sorted[i].value = value;
		sorted[i].key = sort_key(f, value, i);
		ok = ok && sorted[i].key;
	}
	if (ok)
		qsort(sorted, n, sizeof(*sorted), compare);
	for (i = 0; i < n && sorted; i++) {
		ok = ok && json_array_append(ret, sorted[i].value) == 0;
		free(sorted[i].key);
	}
	free(sorted);
	if (!ok)
		json_decref(ret);
	return ok ? ret : NULL;
}

/* An item with its members in the table's order, without those that it would have anyway. NULL: out of memory. */
static json_t *normalize_item(const struct declared *d, const struct declared_field *f, const json_t *item)
{
	_cleanup_json_ json_t *all = json_object();
	json_t *ret = json_object();

	for (size_t i = 0; i < f->n_items; i++) {
		json_t *value = value_of_item(&f->items[i], item);

		if (f->items[i].flags & DECLARED_ADDRESS)
			value = normalize_text(value);
		if (json_object_set_new(all, f->items[i].key, value) < 0)
			goto oom;
	}
	if (d->normalize && d->normalize(f->key, all) < 0)
		goto oom;
	for (size_t i = 0; i < f->n_items; i++) {
		json_t *value = json_object_get(all, f->items[i].key);
		_cleanup_json_ json_t *absent = f->items[i].absent ? value_of_item(&f->items[i], NULL) : NULL;

		if (absent && json_equal(value, absent))
			continue;
		if (json_object_set(ret, f->items[i].key, value) < 0)
			goto oom;
	}
	return ret;
oom:
	json_decref(ret);
	return NULL;
}

json_t *value_normalize(const struct declared *d, const struct declared_field *f, json_t *value)
{
	_cleanup_json_ json_t *given = value, *list = NULL;
	json_t *element;
	size_t i;

	if (!json_is_array(value))
		return f->flags & DECLARED_ADDRESS ? normalize_text(json_incref(value)) : json_incref(value);
	list = json_array();
	json_array_foreach (value, i, element) {
		json_t *one = f->type == DECLARED_ITEMS	    ? normalize_item(d, f, element)
			      : f->flags & DECLARED_ADDRESS ? normalize_text(json_incref(element))
							    : json_incref(element);

		if (json_array_append_new(list, one) < 0)
			return NULL;
	}
	return list ? sort(f, list) : NULL;
}

/* {key: item} of a list. NULL: out of memory. */
static json_t *by_key(const struct declared_field *f, const json_t *list)
{
	json_t *ret = json_object(), *item;
	size_t i;

	json_array_foreach (list, i, item) {
		_cleanup_free_ char *key = value_key(f->items, f->n_items, item);

		if (!key || json_object_set_nocheck(ret, key, item) < 0) {
			json_decref(ret);
			return NULL;
		}
	}
	return ret;
}

/* The items of `list` that `other` hasn't just so. NULL: out of memory. */
static json_t *without(const struct declared_field *f, const json_t *list, const json_t *other)
{
	_cleanup_json_ json_t *known = by_key(f, other);
	json_t *ret = known ? json_array() : NULL, *item;
	size_t i;

	json_array_foreach (list, i, item) {
		_cleanup_free_ char *key = ret ? value_key(f->items, f->n_items, item) : NULL;

		if (!key || (!json_equal(json_object_get(known, key), item) && json_array_append(ret, item) < 0)) {
			json_decref(ret);
			return NULL;
		}
	}
	return ret;
}

int value_items_diff(const struct declared_field *f, const json_t *before, const json_t *after, json_t **ret_removed,
		     json_t **ret_added)
{
	json_t *removed = without(f, before, after), *added = without(f, after, before);

	if (!removed || !added) {
		json_decref(removed);
		json_decref(added);
		return -ENOMEM;
	}
	*ret_removed = removed;
	*ret_added = added;
	return 0;
}

json_t *value_texts_without(const json_t *a, const json_t *b)
{
	_cleanup_json_ json_t *known = json_object();
	json_t *ret = json_array(), *text;
	size_t i;

	json_array_foreach (b, i, text)
		if (json_object_set_new(known, json_string_value(text) ?: "", json_true()) < 0)
			goto oom;
	json_array_foreach (a, i, text)
		if (!json_object_get(known, json_string_value(text) ?: "") && json_array_append(ret, text) < 0)
			goto oom;
	return ret;
oom:
	json_decref(ret);
	return NULL;
}
