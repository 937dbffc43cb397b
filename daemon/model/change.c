/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t required;
	uint32_t optional;
} ops[CHANGE_OPS] = {
#define CHANGE(symbol, op, required, optional) [CHANGE_##symbol] = {op, required, optional},
#include "model/changes.def"
#undef CHANGE
};

static const char *const field_names[FIELD_COUNT] = {
#define FIELD(symbol, name) [FIELD_##symbol] = name,
	CHANGE_FIELDS(FIELD)
#undef FIELD
};

const char *change_op_name(enum change_op op)
{
	return (unsigned)op < CHANGE_OPS ? ops[op].name : "";
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

uint32_t change_op_required(enum change_op op)
{
	return (unsigned)op < CHANGE_OPS ? ops[op].required : 0;
}

uint32_t change_op_allowed(enum change_op op)
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

void strings_free(char **strings, size_t n)
{
	for (size_t i = 0; strings && i < n; i++)
		free(strings[i]);
	free(strings);
}

static void rule_spec_clear(struct rule_spec *r)
{
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

void change_clear(struct change *c)
{
	char *const texts[] = {c->scope,  c->name,	 c->description, c->vpc_id, c->subnet_id, c->security_group_id,
			       c->eni_id, c->cidr,	 c->cidr6,	 c->ip,	    c->ip6,	  c->mac,
			       c->reason, c->domain_name};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	for (size_t i = 0; c->rules && i < c->n_rules; i++)
		rule_spec_clear(&c->rules[i]);
	free(c->rules);
	tags_free(c->tags, c->n_tags);
	strings_free(c->secondary_ips, c->n_secondary_ips);
	strings_free(c->security_groups, c->n_security_groups);
	strings_free(c->enis, c->n_enis);
	strings_free(c->rule_ids, c->n_rule_ids);
	strings_free(c->dns_servers, c->n_dns_servers);
	attachment_spec_clear(&c->attachment);
	*c = (struct change){0};
}

void change_list_free(struct change *changes, size_t n)
{
	for (size_t i = 0; changes && i < n; i++)
		change_clear(&changes[i]);
	free(changes);
}
