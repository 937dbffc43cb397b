/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum object_kind kind;
	uint64_t required;
	uint64_t optional;
} ops[CHANGE_OPS] = {
#define CHANGE(symbol, apply, op, kind, required, optional) [CHANGE_##symbol] = {op, OBJECT_##kind, required, optional},
#include "model/changes.def"
#undef CHANGE
};

static const char *const field_names[FIELD_COUNT] = {
#define FIELD(symbol, name, ...) [FIELD_##symbol] = name,
#include "model/fields.def"
#undef FIELD
};

const char *change_op_name(enum change_op op)
{
	return (unsigned)op < CHANGE_OPS ? ops[op].name : "";
}

enum object_kind change_op_kind(enum change_op op)
{
	return ops[op].kind;
}

int change_op_parse(const char *name, enum change_op *ret)
{
	for (unsigned i = 0; i < CHANGE_OPS; i++) {
		if (strcmp(ops[i].name, name))
			continue;
		*ret = (enum change_op)i;
		return 0;
	}
	return -ENOENT;
}

uint64_t change_op_required(enum change_op op)
{
	return (unsigned)op < CHANGE_OPS ? ops[op].required : 0;
}

uint64_t change_op_allowed(enum change_op op)
{
	return (unsigned)op < CHANGE_OPS ? ops[op].required | ops[op].optional : 0;
}

const char *change_field_name(enum change_field field)
{
	return (unsigned)field < FIELD_COUNT ? field_names[field] : "";
}

void tags_free(struct tag *tags, size_t n)
{
	for (size_t i = 0; tags && i < n; i++) {
		free(tags[i].key);
		free(tags[i].value);
	}
	free(tags);
}

static void strings_free(char **strings, size_t n)
{
	for (size_t i = 0; strings && i < n; i++)
		free(strings[i]);
	free(strings);
}

static void rule_spec_clear(struct rule_spec *r)
{
	free(r->expires_at);
	free(r->direction);
	free(r->protocol);
	free(r->cidr);
	free(r->sg_id);
	free(r->prefix_list_id);
	free(r->description);
	tags_free(r->tags, r->n_tags);
}

static void attachment_spec_clear(struct attachment_spec *a)
{
	free(a->netns);
	free(a->owner);
	free(a->ifname);
	free(a->path);
}

static void rule_specs_free(struct rule_spec *rules, size_t n)
{
	for (size_t i = 0; rules && i < n; i++)
		rule_spec_clear(&rules[i]);
	free(rules);
}

static void entry_specs_free(struct entry_spec *entries, size_t n)
{
	for (size_t i = 0; entries && i < n; i++) {
		free(entries[i].cidr);
		free(entries[i].description);
	}
	free(entries);
}

/* How a type of fields.def is freed. */
#define FIELD_FREE_string(member, extra)	  free(c->member);
#define FIELD_FREE_nullable_string(member, extra) free(c->member);
#define FIELD_FREE_bool(member, extra)
#define FIELD_FREE_integer(member, extra)
#define FIELD_FREE_flows(member, extra)
#define FIELD_FREE_strings(member, extra)    strings_free(c->member, c->extra);
#define FIELD_FREE_tags(member, extra)	     tags_free(c->member, c->extra);
#define FIELD_FREE_rules(member, extra)	     rule_specs_free(c->member, c->extra);
#define FIELD_FREE_entries(member, extra)    entry_specs_free(c->member, c->extra);
#define FIELD_FREE_attachment(member, extra) attachment_spec_clear(&c->member);

void change_clear(struct change *c)
{
	free(c->scope);
#define FIELD(symbol, name, type, member, extra, text) FIELD_FREE_##type(member, extra)
#include "model/fields.def"
#undef FIELD
	*c = (struct change){0};
}

void change_list_free(struct change *changes, size_t n)
{
	for (size_t i = 0; changes && i < n; i++)
		change_clear(&changes[i]);
	free(changes);
}
