/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of documents in the one form in which they are compared and written. */
#ifndef CLI_DECLARE_VALUE_H
#define CLI_DECLARE_VALUE_H

#include "cli/declare/declare.h"

/*
 * Puts a field's value, whose type is right, into that form: addresses in their usual notation, lists whose order
 * doesn't count sorted, items without what they have anyway. value is consumed. NULL: out of memory.
 */
json_t *value_normalize(const struct declared *d, const struct declared_field *f, json_t *value);

/* What tells an item, or an object without name, apart: the values of its DECLARED_KEY fields. Owned; NULL: out of
 * memory. */
char *value_key(const struct declared_field *fields, size_t n, const json_t *object);

/* An item's value of a field, or what it has without it. Owned; NULL: out of memory. */
json_t *value_of_item(const struct declared_field *f, const json_t *item);

/* Which items of a list are gone, new, or different under the same key: those of `before` whose key `after` has too,
 * but not their values, are in both removed and added. *ret_removed, *ret_added: owned lists. -ENOMEM. */
int value_items_diff(const struct declared_field *f, const json_t *before, const json_t *after, json_t **ret_removed,
		     json_t **ret_added);

/* Texts of `a` that `b` doesn't have. Owned; NULL: out of memory. */
json_t *value_texts_without(const json_t *a, const json_t *b);

#endif
