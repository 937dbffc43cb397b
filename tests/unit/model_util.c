/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model_util.h"

#include <inttypes.h>
#include <string.h>

#include "model/internal.h"

/* --- changes from JSON ------------------------------------------------------------------------------------------- */

static char *text_of(const json_t *value)
{
	const char *text = json_string_value(value);

	return text ? strdup(text) : NULL;
}

static char **texts_of(const json_t *list, size_t *ret_n)
{
	size_t n = json_array_size(list);
	char **texts = calloc(n + 1, sizeof(*texts));

	for (size_t i = 0; i < n; i++)
		texts[i] = text_of(json_array_get(list, i));
	*ret_n = n;
	return texts;
}

static struct tag *tags_of(json_t *object, size_t *ret_n)
{
	struct tag *tags = calloc(json_object_size(object) + 1, sizeof(*tags));
	const char *key;
	json_t *value;

	*ret_n = 0;
	json_object_foreach (object, key, value) {
		tags[*ret_n].key = strdup(key);
		tags[(*ret_n)++].value = text_of(value);
	}
	return tags;
}

static struct rule_spec spec_of(json_t *json)
{
	struct rule_spec s = {
		.direction = text_of(json_object_get(json, "direction")),
		.protocol = text_of(json_object_get(json, "protocol")),
		.cidr = text_of(json_object_get(json, "cidr")),
		.sg_id = text_of(json_object_get(json, "sg_id")),
		.prefix_list_id = text_of(json_object_get(json, "prefix_list_id")),
		.description = text_of(json_object_get(json, "description")),
		.has_from_port = json_is_integer(json_object_get(json, "from_port")),
		.has_to_port = json_is_integer(json_object_get(json, "to_port")),
		.from_port = (int32_t)json_integer_value(json_object_get(json, "from_port")),
		.to_port = (int32_t)json_integer_value(json_object_get(json, "to_port")),
	};

	s.tags = tags_of(json_object_get(json, "tags"), &s.n_tags);
	return s;
}

static struct rule_spec *specs_of(const json_t *list, size_t *ret_n)
{
	size_t n = json_array_size(list);
	struct rule_spec *specs = calloc(n + 1, sizeof(*specs));

	for (*ret_n = 0; *ret_n < n; (*ret_n)++)
		specs[*ret_n] = spec_of(json_array_get(list, *ret_n));
	return specs;
}

static struct entry_spec *entries_of(const json_t *list, size_t *ret_n)
{
	size_t n = json_array_size(list);
	struct entry_spec *entries = calloc(n + 1, sizeof(*entries));

	for (*ret_n = 0; *ret_n < n; (*ret_n)++) {
		json_t *entry = json_array_get(list, *ret_n);

		entries[*ret_n].cidr = text_of(json_object_get(entry, "cidr"));
		entries[*ret_n].description = text_of(json_object_get(entry, "description"));
	}
	return entries;
}

static struct attachment_spec attachment_of(json_t *json)
{
	struct attachment_spec a = {
		.netns = text_of(json_object_get(json, "netns")),
		.pid = (pid_t)json_integer_value(json_object_get(json, "pid")),
		.owner = text_of(json_object_get(json, "owner")),
		.ifname = text_of(json_object_get(json, "ifname")),
		.path = text_of(json_object_get(json, "path")),
		.ns_dev = (uint64_t)json_integer_value(json_object_get(json, "ns_dev")),
		.ns_ino = (uint64_t)json_integer_value(json_object_get(json, "ns_ino")),
		.ns_cookie = (uint64_t)json_integer_value(json_object_get(json, "ns_cookie")),
		.pid_start = (uint64_t)json_integer_value(json_object_get(json, "pid_start")),
	};
	const char *kind = json_string_value(json_object_get(json, "kind"));

	a.kind = !kind ? ATTACHMENT_NONE : !strcmp(kind, "tap") ? ATTACHMENT_TAP : ATTACHMENT_NETNS;
	if (json_object_get(json, "boot_id"))
		snprintf(a.boot_id, sizeof(a.boot_id), "%s", json_string_value(json_object_get(json, "boot_id")));
	return a;
}

/* How a type of fields.def is read. */
#define READ_string(member, extra)	    c->member = text_of(value);
#define READ_nullable_string(member, extra) c->member = text_of(value);
#define READ_bool(member, extra)	    c->member = json_is_true(value);
#define READ_integer(member, extra)	    c->member = json_integer_value(value);
#define READ_strings(member, extra)	    c->member = texts_of(value, &c->extra);
#define READ_tags(member, extra)	    c->member = tags_of(value, &c->extra);
#define READ_entries(member, extra)	    c->member = entries_of(value, &c->extra);
#define READ_rules(member, extra)	    c->member = specs_of(value, &c->extra);
#define READ_flows(member, extra)
#define READ_attachment(member, extra) c->member = attachment_of(value);

static void decode_field(struct change *c, unsigned field, json_t *value)
{
	switch (field) {
#define FIELD(symbol, name, type, member, extra, text) \
	case FIELD_##symbol:                           \
		READ_##type(member, extra) break;
#include "model/fields.def"
#undef FIELD
	default:
		break;
	}
}

struct change model_change_from_json(const json_t *json)
{
	struct change c = {0};
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)json, key, value) {
		unsigned field = 0;

		if (!strcmp(key, "op")) {
			cr_assert_eq(change_op_parse(json_string_value(value), &c.op), 0, "no op %s",
				     json_string_value(value));
			continue;
		}
		if (!strcmp(key, "if_match")) {
			c.if_match = (uint64_t)json_integer_value(value);
			continue;
		}
		if (!strcmp(key, "vpc")) {
			c.scope = text_of(value);
			continue;
		}
		while (field < FIELD_COUNT && strcmp(change_field_name((enum change_field)field), key) != 0)
			field++;
		cr_assert_lt(field, FIELD_COUNT, "no field %s", key);
		c.present |= FIELD_BIT(field);
		decode_field(&c, field, value);
	}
	return c;
}

json_t *model_json_from_quotes(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *json;

	for (char *s = copy; *s; s++)
		if (*s == '\'')
			*s = '"';
	json = json_loads(copy, 0, &error);
	cr_assert_not_null(json, "%s in %s", error.text, copy);
	free(copy);
	return json;
}

/* --- transactions ------------------------------------------------------------------------------------------------ */

void model_bench_open(struct model_bench *b, const struct vpc_limits *limits)
{
	*b = (struct model_bench){.error = VPC_ERROR_INIT};
	cr_assert_eq(model_new(limits ? limits : &vpc_limits_default, &b->m), 0);
}

void model_bench_pool(struct model_bench *b, const char *cidr)
{
	struct pool pool = {.name = "public", .uplink = "eth0"};

	cr_assert_eq(cidr_parse(cidr, &pool.cidr), 0);
	model_set_pools(b->m, &pool, 1);
}

void model_bench_close(struct model_bench *b)
{
	vpc_error_clear(&b->error);
	model_free(b->m);
	b->m = NULL;
}

static int apply_one(struct model_bench *b, struct model_txn *t, const json_t *json)
{
	struct change c = model_change_from_json(json);
	struct change_result result = {0};
	int r = model_apply(t, &c, &result, &b->error);

	if (r >= 0) {
		memcpy(b->id, result.id, sizeof(b->id));
		if (result.n_rule_ids)
			memcpy(b->rule, result.rule_ids[result.n_rule_ids - 1], sizeof(b->rule));
	}
	change_result_clear(&result);
	change_clear(&c);
	return r;
}

static int apply_text(struct model_bench *b, struct model_txn *t, const char *text)
{
	json_t *json = model_json_from_quotes(text);
	int r = 0;

	vpc_error_clear(&b->error);
	if (json_is_object(json))
		r = apply_one(b, t, json);
	for (size_t i = 0; r >= 0 && i < json_array_size(json); i++)
		r = apply_one(b, t, json_array_get(json, i));
	json_decref(json);
	return r;
}

static struct model_txn *begin(struct model_bench *b)
{
	struct model_context context = {.revision = b->revision + 1, .seed = b->revision * 7919 + 1};
	struct model_txn *t;

	cr_assert_eq(model_begin(b->m, &context, &t), 0);
	return t;
}

const char *model_ok(struct model_bench *b, const char *format, ...)
{
	struct model_txn *t = begin(b);
	char *text;
	va_list ap;
	int r;

	va_start(ap, format);
	cr_assert_geq(vasprintf(&text, format, ap), 0);
	va_end(ap);
	r = apply_text(b, t, text);
	cr_assert_eq(r, 0, "%s: %s (%s): %s", text, vpc_code_string(b->error.code), b->error.field, b->error.message);
	model_commit(t);
	b->revision++;
	free(text);
	return b->id;
}

void model_refused(struct model_bench *b, const char *code, const char *field, const char *format, ...)
{
	char *before = model_dump(b->m), *after, *text;
	struct model_txn *t = begin(b);
	va_list ap;
	int r;

	va_start(ap, format);
	cr_assert_geq(vasprintf(&text, format, ap), 0);
	va_end(ap);
	r = apply_text(b, t, text);
	model_abort(t);
	after = model_dump(b->m);
	cr_assert_lt(r, 0, "not refused: %s", text);
	cr_assert_str_eq(vpc_code_string(b->error.code), code, "%s: %s: %s", text, vpc_code_string(b->error.code),
			 b->error.message);
	cr_assert_str_eq(b->error.field, field, "%s: field '%s': %s", text, b->error.field, b->error.message);
	cr_assert_neq(b->error.message[0], '\0');
	cr_assert_str_eq(before, after, "%s left something behind", text);
	free(before);
	free(after);
	free(text);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

static void append_json(FILE *f, json_t *json)
{
	cr_assert_not_null(json);
	json_dumpf(json, f, JSON_COMPACT | JSON_SORT_KEYS);
	fputc('\n', f);
	json_decref(json);
}

static void append_posting(FILE *f, const struct posting *p, const char *what, const struct object *of)
{
	for (const struct post *post = p ? p->first : NULL; post; post = post->next)
		fprintf(f, "%s %s %s\n", post->owner->id, what, of->id);
}

/* What the secondary indexes say. */
static void append_indexes(FILE *f, const struct model *m, const struct object *o)
{
	for (unsigned by = 0; by < OBJECT_KINDS; by++) {
		append_posting(f, index_referrers(&m->ix, o->kind, o->number, (enum object_kind)by), "refers to", o);
		append_posting(f, index_parts(&m->ix, o->kind, o->number, (enum object_kind)by), "is part of", o);
	}
	cr_assert_eq(model_find(m, o->kind, o->id), o);
	cr_assert_eq(model_by_number(m, o->kind, o->number), o);
	if (o->kind == OBJECT_ENI)
		cr_assert_eq(model_eni_by_ip(m, eni_of(o)->vpc, &eni_of(o)->ip), eni_of(o));
}

char *model_dump(const struct model *m)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		size_t n = 0;

		for (const struct object *o = NULL; (o = model_next(m, (enum object_kind)k, o)); n++) {
			append_json(f, model_to_document(m, o));
			append_json(f, model_to_json(m, o));
			append_indexes(f, m, o);
		}
		cr_assert_eq(n, model_count(m, (enum object_kind)k));
	}
	fprintf(f, "next rule %u\n", model_next_rule_number(m));
	fclose(f);
	return text;
}

const struct object *model_object_of(const struct model_bench *b, const char *id)
{
	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		const struct object *o = model_find(b->m, (enum object_kind)k, id);

		if (o)
			return o;
	}
	cr_assert_fail("no object %s", id);
	return NULL;
}

const char *model_shown(struct model_bench *b, const char *id, const char *field)
{
	static char *text;
	json_t *json = model_to_json(b->m, model_object_of(b, id)), *value = json_object_get(json, field);

	cr_assert_not_null(value, "%s has no field %s", id, field);
	free(text);
	text = json_is_string(value) ? strdup(json_string_value(value))
				     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(json);
	return text;
}

void model_expect_same(const struct model *m, const struct model *other)
{
	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		cr_assert_eq(model_count(m, (enum object_kind)k), model_count(other, (enum object_kind)k));
		for (const struct object *o = NULL; (o = model_next(m, (enum object_kind)k, o));) {
			const struct object *p = model_find(other, o->kind, o->id);
			json_t *x = model_to_json(m, o), *y = p ? model_to_json(other, p) : NULL;
			json_t *document = model_to_document(m, o), *again = p ? model_to_document(other, p) : NULL;

			cr_assert(y && json_equal(x, y), "%s", o->id);
			cr_assert(again && json_equal(document, again), "%s", o->id);
			json_decref(x);
			json_decref(y);
			json_decref(document);
			json_decref(again);
		}
	}
}

struct model *model_reload(const struct model *m)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct model *copy;

	cr_assert_eq(model_new(model_limits(m), &copy), 0);
	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		for (const struct object *o = NULL; (o = model_next(m, (enum object_kind)k, o));) {
			json_t *document = model_to_document(m, o), *read;
			char *text = json_dumps(document, JSON_COMPACT);

			read = json_loads(text, 0, NULL);
			cr_assert_not_null(read);
			cr_assert_eq(model_load(copy, (enum object_kind)k, read, &error), 0, "%s: %s", text,
				     error.message);
			json_decref(document);
			json_decref(read);
			free(text);
		}
	}
	return copy;
}

json_t *model_bench_state(const struct model *m)
{
	json_t *state = json_object();

	for (unsigned k = 0; k < OBJECT_KINDS; k++)
		for (const struct object *o = model_next(m, k, NULL); o; o = model_next(m, k, o)) {
			json_t *one = json_pack("[o,o]", model_to_json(m, o), model_to_document(m, o)), *part;
			size_t i;

			json_array_foreach (one, i, part) {
				json_t *rules = json_object_get(part, "rules"), *rule, *by_id = json_object();
				size_t n;

				json_object_del(part, "revision");
				json_object_del(part, "order");
				json_array_foreach (rules, n, rule) {
					json_object_del(rule, "revision");
					if (json_object_get(rule, "id"))
						json_object_set(by_id, json_string_value(json_object_get(rule, "id")),
								rule);
				}
				if (json_object_size(by_id))
					json_object_set(part, "rules", by_id);
				json_decref(by_id);
				json_object_del(part, "subnets");
			}
			json_object_set_new(state, o->id, one);
		}
	return state;
}
