/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which objects there are and which the document names; which of them are the same. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/json.h>

#include "cli/declare/plan_private.h"
#include "cli/declare/value.h"
#include "cli/lib/nearest.h"

/* The index has a node by what makes it the same as another ('n': name; 'k': key of one without name), and by its label
 * ('l'). Owned; NULL: out of memory. */
static char *index_key(char what, enum object_kind kind, const char *scope, const char *text)
{
	char *key = NULL;

	if (asprintf(&key, "%c%u\001%s\001%s", what, (unsigned)kind, scope, text) < 0)
		return NULL;
	/* Groups' names differ in more than the letters' case. */
	for (char *c = key; kind == OBJECT_SG && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return key;
}

static int index_put(struct plan *p, const char *key, const struct node *n)
{
	return key && json_object_set_new_nocheck(p->index, key, json_integer((json_int_t)n->number)) == 0 ? 0
													   : -ENOMEM;
}

static struct node *index_get(const struct plan *p, const char *key)
{
	const json_t *number = key ? json_object_get(p->index, key) : NULL;

	return number ? p->nodes[json_integer_value(number)] : NULL;
}

int plan_refuse(struct plan *p, const struct node *n, const char *code, const char *format, ...)
{
	char text[sizeof(p->error->message)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return text_refuse(p->error, n->line, code, "%s", text);
}

struct node *plan_find(const struct plan *p, enum object_kind kind, const char *vpc, const char *name)
{
	_cleanup_free_ char *key = index_key('l', kind, vpc, name);

	return index_get(p, key);
}

json_t *plan_existing(const struct plan *p, enum object_kind kind, const char *vpc, const json_t *names)
{
	json_t *ret = json_array(), *name;
	size_t i;

	json_array_foreach (names, i, name) {
		const struct node *n = plan_find(p, kind, vpc, json_string_value(name));

		if (n && n->entry && n->action != ACTION_DELETE && json_array_append(ret, name) < 0) {
			json_decref(ret);
			return NULL;
		}
	}
	return ret;
}

static struct node *node_new(struct plan *p, enum object_kind kind, const char *vpc, const char *name)
{
	struct node **nodes = array_grow(p->nodes, &p->room, p->n + 1, sizeof(*nodes)), *n;

	if (!nodes)
		return NULL;
	p->nodes = nodes;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	*n = (struct node){.kind = kind, .declared = declared_of(kind), .name = name, .vpc = vpc, .number = p->n};
	p->nodes[p->n++] = n;
	return n;
}

/* What tells an object without name apart. Owned; NULL: out of memory. */
static char *natural_key(const struct declared *d, const json_t *object)
{
	_cleanup_json_ json_t *all = json_object();

	for (size_t i = 0; i < d->n_fields; i++)
		if ((d->fields[i].flags & DECLARED_KEY) &&
		    json_object_set_new(all, d->fields[i].key, value_of_item(&d->fields[i], object)) < 0)
			return NULL;
	return value_key(d->fields, d->n_fields, all);
}

/* The key by which the same object is found. Of several without name that are alike, the nth is the nth: counter tells
 * what there is and what the document says apart. Owned; NULL: out of memory. */
static char *same_key(struct plan *p, char counter, enum object_kind kind, const char *vpc, const char *name,
		      const json_t *object)
{
	_cleanup_free_ char *natural = NULL, *base = NULL;
	char *key = NULL;
	json_int_t nth;

	if (name)
		return index_key('n', kind, vpc, name);
	natural = natural_key(declared_of(kind), object);
	base = natural ? index_key(counter, kind, vpc, natural) : NULL;
	if (!base)
		return NULL;
	nth = json_integer_value(json_object_get(p->index, base));
	if (json_object_set_new_nocheck(p->index, base, json_integer(nth + 1)) < 0 ||
	    asprintf(&key, "k%s\001%lld", base + 1, (long long)nth) < 0)
		return NULL;
	return key;
}

static int add_entry(struct plan *p, const struct entry *e)
{
	struct node *n = node_new(p, e->kind, e->vpc, e->name);
	const char *name = json_member_text(e->document, "name");
	_cleanup_free_ char *key = NULL;

	if (!n)
		return -ENOMEM;
	n->entry = e;
	key = same_key(p, 'c', e->kind, e->vpc, name, e->document);
	return index_put(p, key, n);
}

static int refuse_twice(struct plan *p, const struct node *n)
{
	if (!n->name || !*n->name)
		return plan_refuse(p, n, "InvalidParameterValue", "the document has this %s twice; keep one",
				   kind_of(n->kind)->title);
	return plan_refuse(p, n, "InvalidParameterValue", "the document has %s '%.255s' twice; keep one",
			   kind_of(n->kind)->title, n->name);
}

static int label_after(struct plan *p, struct node *n, const char *name, json_t *counts)
{
	_cleanup_free_ char *count = NULL, *key = NULL;

	if (!name) {
		count = index_key('#', n->kind, n->vpc, "");
		if (!count ||
		    json_object_set_new_nocheck(
			    counts, count, json_integer(1 + json_integer_value(json_object_get(counts, count)))) < 0 ||
		    asprintf(&n->label, "#%lld", (long long)json_integer_value(json_object_get(counts, count))) < 0)
			return -ENOMEM;
	}
	n->name = name ? name : n->label;
	key = index_key('l', n->kind, n->vpc, n->name);
	return index_put(p, key, n);
}

/* An elastic IP without name and address would be another one each time. */
static bool is_nobody(const struct declared *d, const json_t *object)
{
	for (size_t i = 0; i < d->n_fields; i++)
		if ((d->fields[i].flags & DECLARED_KEY) && (d->fields[i].flags & DECLARED_CHOSEN) &&
		    !json_is_string(json_object_get(object, d->fields[i].key)))
			return true;
	return false;
}

static int add_after(struct plan *p, enum object_kind kind, const json_t *object, json_t *counts)
{
	const char *name = json_member_text(object, "name"), *vpc = json_member_text(object, "vpc");
	bool of_host = kind_of(kind)->scope == SCOPE_HOST;
	struct node shown = {.kind = kind, .name = name ? name : "", .vpc = ""}, *n;
	_cleanup_free_ char *key = NULL;

	shown.line = (unsigned)json_integer_value(json_object_get(object, DECLARED_LINE_KEY));
	if (!of_host && !vpc)
		return plan_refuse(p, &shown, "MissingParameter", "%s needs vpc: the name of its VPC",
				   kind_of(kind)->title);
	if (!name && is_nobody(declared_of(kind), object))
		return plan_refuse(p, &shown, "MissingParameter", "%s needs a name or an address",
				   kind_of(kind)->title);
	key = same_key(p, 'd', kind, of_host ? "" : vpc, name, object);
	n = index_get(p, key);
	if (n && n->after) {
		n->line = shown.line;
		return refuse_twice(p, n);
	}
	if (!n) {
		n = node_new(p, kind, of_host ? "" : vpc, name);
		if (!n || index_put(p, key, n) < 0)
			return -ENOMEM;
		n->action = ACTION_CREATE;
	}
	n->after = object;
	n->line = shown.line;
	return label_after(p, n, name, counts);
}

static int add_document(struct plan *p, const json_t *document)
{
	_cleanup_json_ json_t *counts = json_object();

	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		json_t *list = declared_of(k) ? json_object_get(document, kind_of(k)->list) : NULL, *object;
		size_t i;

		json_array_foreach (list, i, object) {
			int r = counts ? add_after(p, k, object, counts) : -ENOMEM;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* What there is has its label, unless the document calls something else so. */
static int label_entries(struct plan *p)
{
	for (size_t i = 0; i < p->snapshot->n; i++) {
		struct node *n = p->nodes[i];
		_cleanup_free_ char *key = index_key('l', n->kind, n->vpc, n->name);

		if (!key)
			return -ENOMEM;
		if (!json_object_get(p->index, key) && index_put(p, key, n) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What every VPC is born with need not be created. */
static int add_born(struct plan *p, const struct node *vpc)
{
	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		_cleanup_free_ char *key = NULL, *label = NULL;
		struct node *n;

		if (!declared_of(k) || !declared_of(k)->born)
			continue;
		key = index_key('n', k, vpc->name, declared_of(k)->born);
		label = index_key('l', k, vpc->name, declared_of(k)->born);
		n = index_get(p, key);
		if (!n && (n = node_new(p, k, vpc->name, declared_of(k)->born)) && index_put(p, key, n) < 0)
			return -ENOMEM;
		if (!n || index_put(p, label, n) < 0)
			return -ENOMEM;
		n->born = true;
		n->action = ACTION_NONE;
	}
	return 0;
}

static int check_vpcs(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct node *n = p->nodes[i];
		struct nearest near = {.word = n->vpc};

		if (!n->after || !n->vpc[0] || plan_find(p, OBJECT_VPC, "", n->vpc))
			continue;
		for (size_t k = 0; k < p->n; k++)
			if (p->nodes[k]->kind == OBJECT_VPC)
				nearest_try(&near, p->nodes[k]->name);
		return plan_refuse(p, n, vpc_code_string(kind_of(OBJECT_VPC)->not_found),
				   "there is no VPC '%.255s', here or in the document; %s%s%s", n->vpc,
				   near.found ? "did you mean '" : PLAN_ADD_IT, near.found ? near.found : "",
				   near.found ? "'?" : "");
	}
	return 0;
}

int nodes_make(struct plan *p, const json_t *document)
{
	size_t n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->snapshot->n; i++)
		r = add_entry(p, &p->snapshot->entries[i]);
	if (r == 0)
		r = add_document(p, document);
	if (r == 0)
		r = label_entries(p);
	n = p->n;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (p->nodes[i]->kind == OBJECT_VPC && p->nodes[i]->action == ACTION_CREATE)
			r = add_born(p, p->nodes[i]);
	return r == 0 ? check_vpcs(p) : r;
}

size_t plan_least(const struct snapshot *s, const json_t *document)
{
	size_t vpcs = json_array_size(json_object_get(document, kind_of(OBJECT_VPC)->list)),
	       existing[OBJECT_KINDS] = {0};
	size_t least = 0;

	for (size_t i = 0; i < s->n; i++)
		existing[s->entries[i].kind]++;
	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		const struct declared *d = declared_of(k);
		size_t n = d ? json_array_size(json_object_get(document, kind_of(k)->list)) : 0;
		/* These may be there, or be born with a VPC of the document. */
		size_t others = existing[k] + (d && d->born ? vpcs : 0);

		least += n > others ? n - others : 0;
	}
	return least;
}

static bool has_text(const json_t *list, const char *text)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *name = json_string_value(item) ?: json_member_text(item, "name");

		if (name && !strcmp(name, text))
			return true;
	}
	return false;
}

bool nodes_in_scope(const struct node *n, const json_t *scope, const json_t *vpcs)
{
	const json_t *names = scope ? scope : vpcs;
	json_t *name;
	size_t i;

	if (json_is_string(scope))
		return true; /* the host */
	if (n->kind == OBJECT_VPC)
		return has_text(names, n->name);
	json_array_foreach (names, i, name)
		if (snapshot_belongs(n->entry, json_string_value(name) ?: json_member_text(name, "name") ?: ""))
			return true;
	return false;
}
