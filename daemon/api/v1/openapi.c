/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/v1/openapi.h"

#include <ctype.h>
#include <string.h>

#include "api/v1/decode.h"
#include "api/v1/explain.h"
#include "api/v1/handlers.h"
#include "api/http/problem.h"
#include "api/http/request.h"
#include "api/v1/route.h"
#include "api/v1/schema.h"
#include "model/model.h"

/* Jansson's *_new functions take NULL for a failure and pass it on, so building needs one check at its end: each
 * function returns NULL when any part of it failed. */
struct builder {
	json_t *json;
	bool failed;
};

static struct builder object_start(void)
{
	return (struct builder){.json = json_object()};
}

static void add(struct builder *o, const char *key, json_t *value)
{
	if (json_object_set_new(o->json, key, value) < 0)
		o->failed = true;
}

static json_t *object_end(struct builder *o)
{
	if (o->failed)
		json_decref(o->json);
	return o->failed ? NULL : o->json;
}

static json_t *parse(const char *text)
{
	return json_loads(text, JSON_DECODE_ANY, NULL);
}

static json_t *reference(const char *schema)
{
	return json_pack("{s:s+}", "$ref", "#/components/schemas/", schema);
}

/* A value's schema with what it is; in OpenAPI 3.1 a $ref may have siblings. */
static json_t *described(const char *schema, const char *text)
{
	json_t *j = parse(schema);

	if (j && text && json_object_set_new(j, "description", json_string(text)) < 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static json_t *names_of(const struct member *members, size_t n, uint64_t which)
{
	json_t *names = json_array();

	for (size_t i = 0; i < n; i++) {
		if (!(which & MEMBER_BIT(i)))
			continue;
		if (json_array_append_new(names, json_string(members[i].name)) < 0) {
			json_decref(names);
			return NULL;
		}
	}
	return names;
}

static void add_members(struct builder *properties, const struct member *members, size_t n, uint64_t which)
{
	for (size_t i = 0; i < n; i++) {
		if (which & MEMBER_BIT(i))
			add(properties, members[i].name, described(members[i].type->schema, members[i].text));
	}
}

/* An object of a request: nothing but its members is taken. */
static json_t *request_object(struct builder *properties, json_t *required)
{
	struct builder o = object_start();

	add(&o, "type", json_string("object"));
	add(&o, "properties", object_end(properties));
	if (required && json_array_size(required) > 0)
		add(&o, "required", json_incref(required));
	else if (!required)
		o.failed = true;
	json_decref(required);
	add(&o, "additionalProperties", json_false());
	return object_end(&o);
}

static bool is_op_member(const struct member *m)
{
	return strcmp(m->name, "op") == 0;
}

/* What any change may have beside its fields; in a transaction dry_run stands outside, and `op` says which it is. */
static void add_envelope(struct builder *properties, bool in_transaction)
{
	for (size_t i = 0; i < decode_n_envelope_members; i++) {
		const struct member *m = &decode_envelope_members[i];

		if (is_op_member(m) || (in_transaction && strcmp(m->name, "dry_run") == 0))
			continue;
		add(properties, m->name, described(m->type->schema, m->text));
	}
}

static json_t *change_schema(enum change_op op, uint64_t from_path)
{
	struct builder properties = object_start();

	add_members(&properties, decode_change_members, FIELD_COUNT, change_op_allowed(op) & ~from_path);
	add_envelope(&properties, false);
	return request_object(&properties,
			      names_of(decode_change_members, FIELD_COUNT, change_op_required(op) & ~from_path));
}

static json_t *element_schema(enum change_op op)
{
	/* its fields may also stand unwrapped */
	uint64_t wrapped = op == CHANGE_ENI_ATTACH ? FIELD_BIT(FIELD_ATTACHMENT) : 0;
	struct builder properties = object_start();
	json_t *required = names_of(decode_change_members, FIELD_COUNT, change_op_required(op) & ~wrapped);

	add(&properties, "op", json_pack("{s:s}", "const", change_op_name(op)));
	add_members(&properties, decode_change_members, FIELD_COUNT, change_op_allowed(op));
	if (wrapped)
		add_members(&properties, decode_attachment_members, decode_n_attachment_members, UINT64_MAX);
	add_envelope(&properties, true);
	if (json_array_append_new(required, json_string("op")) < 0) {
		json_decref(required);
		required = NULL;
	}
	return request_object(&properties, required);
}

static json_t *transaction_schema(void)
{
	struct builder changes = object_start(), properties = object_start();
	json_t *one_of = json_array();

	for (int op = 0; op < CHANGE_OPS; op++) {
		if (json_array_append_new(one_of, reference(change_op_name(op))) < 0)
			changes.failed = true;
	}
	add(&changes, "type", json_string("array"));
	add(&changes, "minItems", json_integer(1));
	add(&changes, "items", json_pack("{s:o}", "oneOf", one_of));
	add(&properties, "changes", object_end(&changes));
	add_members(&properties, decode_transaction_members, decode_n_transaction_members, UINT64_MAX);
	return request_object(&properties, json_pack("[s]", "changes"));
}

static json_t *attachment_schema(bool with_envelope)
{
	struct builder properties = object_start();

	add_members(&properties, decode_attachment_members, decode_n_attachment_members, UINT64_MAX);
	if (with_envelope)
		add_envelope(&properties, false);
	return request_object(&properties, json_array());
}

static json_t *question_schema(void)
{
	struct builder properties = object_start();

	add_members(&properties, explain_members, explain_n_members, UINT64_MAX);
	return json_pack("{s:[o,o]}", "oneOf",
			 request_object(&properties, names_of(explain_members, explain_n_members, explain_required)),
			 transaction_schema());
}

static json_t *members_schema(const struct body_members *body)
{
	struct builder properties = object_start();

	add_members(&properties, body->members, body->n, UINT64_MAX);
	return request_object(&properties, names_of(body->members, body->n, body->required));
}

static json_t *body_schema(const struct operation *operation)
{
	switch (operation->body) {
	case BODY_TRANSACTION:
		return transaction_schema();
	case BODY_ATTACHMENT:
		return attachment_schema(true);
	case BODY_QUESTION:
		return question_schema();
	case BODY_BACKUP:
		return reference("Backup");
	case BODY_MEMBERS:
		return members_schema(operation->members);
	default:
		return change_schema(operation->op, operation->path < FIELD_COUNT ? FIELD_BIT(operation->path) : 0);
	}
}

static json_t *rule_schema(void)
{
	struct builder properties = object_start();

	add_members(&properties, decode_rule_members, decode_n_rule_members, UINT64_MAX);
	return request_object(&properties, names_of(decode_rule_members, decode_n_rule_members, decode_rule_required));
}

static json_t *entry_schema(void)
{
	struct builder properties = object_start();

	add_members(&properties, decode_entry_members, decode_n_entry_members, UINT64_MAX);
	return request_object(&properties,
			      names_of(decode_entry_members, decode_n_entry_members, decode_entry_required));
}

/* --- components --- */

static void add_fields(struct builder *properties, const struct schema *s)
{
	for (size_t i = 0; i < s->n; i++)
		add(properties, s->fields[i].name, described(s->fields[i].schema, s->fields[i].text));
}

/* An object of a reply. base: the name of a schema whose fields it has too, or NULL. */
static json_t *reply_object(struct builder *properties, const char *base)
{
	struct builder o = object_start();

	add(&o, "type", json_string("object"));
	add(&o, "properties", object_end(properties));
	if (base)
		add(&o, "allOf", json_pack("[o]", reference(base)));
	return object_end(&o);
}

static json_t *fields_schema(const struct schema *s)
{
	struct builder properties = object_start();

	add_fields(&properties, s);
	return reply_object(&properties, NULL);
}

/* The reply to a list: its objects, and the revision of the model. */
static json_t *list_schema(const struct kind *k)
{
	struct builder properties = object_start();

	add(&properties, k->list, json_pack("{s:s, s:o}", "type", "array", "items", reference(k->schema)));
	add(&properties, "revision", described(SCHEMA_INTEGER, "of the model"));
	return reply_object(&properties, NULL);
}

/* The reply to a change of one object: the object, and what the reply to any change has. */
static json_t *changed_schema(const struct kind *k)
{
	struct builder properties = object_start();

	add_fields(&properties, &schema_committed);
	return reply_object(&properties, k->schema);
}

static json_t *object_schema(const struct schema *s)
{
	struct builder properties = object_start();

	add_fields(&properties, &schema_common);
	add_fields(&properties, s);
	return reply_object(&properties, NULL);
}

static void add_named(struct builder *o, const char *name, const char *more, json_t *schema)
{
	char both[64];

	snprintf(both, sizeof(both), "%s%s", name, more);
	add(o, both, schema);
}

/* The schemas of a kind: the object, its list, the reply to its changes, and what the object refers to. */
static void add_kind(struct builder *o, enum object_kind kind)
{
	const struct kind *k = kind_of(kind);
	size_t n;
	const struct schema *s = model_schemas(kind, &n);

	for (size_t i = 0; i < n; i++) {
		if (i > 0) {
			add(o, s[i].name, fields_schema(&s[i]));
			continue;
		}
		add(o, k->schema, object_schema(&s[i]));
		if (k->scope == SCOPE_PART)
			continue;
		add_named(o, k->schema, "List", list_schema(k));
		add_named(o, k->schema, "Changed", changed_schema(k));
	}
}

static json_t *components(void)
{
	struct builder o = object_start();

	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		add_kind(&o, (enum object_kind)kind);
	for (size_t i = 0; i < schema_n_others; i++)
		add(&o, schema_others[i].name, fields_schema(&schema_others[i]));
	for (int op = 0; op < CHANGE_OPS; op++)
		add(&o, change_op_name(op), element_schema(op));
	add(&o, "RuleSpec", rule_schema());
	add(&o, "EntrySpec", entry_schema());
	add(&o, "AttachmentSpec", attachment_schema(false));
	return json_pack("{s:o}", "schemas", object_end(&o));
}

/* --- paths --- */

static json_t *parameter(const char *name, const char *in, bool required, const char *text)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", in, "required", required, "description",
			 text, "schema", "type", "string");
}

static json_t *parameters(const struct operation *operation)
{
	json_t *list = json_array();
	int r = 0;

	if (strstr(operation->route.pattern, "{id}"))
		r |= json_array_append_new(list, parameter("id", "path", true, "id, or unambiguous name"));
	for (size_t i = 0; i < v1_router.n_arguments; i++) {
		const struct argument *a = &v1_router.arguments[i];

		if (operation->route.arguments & ROUTE_ARGUMENT(i))
			r |= json_array_append_new(list, parameter(a->name, "query", false, a->text));
	}
	if (operation->body != BODY_NONE && operation->body != BODY_MEMBERS && operation->body != BODY_BACKUP)
		r |= json_array_append_new(list, parameter("Idempotency-Key", "header", false,
							   "the same key again gives the first reply again"));
	if (operation->body != BODY_NONE && strstr(operation->route.pattern, "{id}"))
		r |= json_array_append_new(
			list, parameter("If-Match", "header", false, "revision that the object must have, in quotes"));
	if (r != 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *content(const char *type, json_t *schema)
{
	return json_pack("{s:{s:{s:o}}}", "content", type, "schema", schema);
}

static json_t *response(const char *type, json_t *schema, const char *text)
{
	json_t *response = content(type, schema);

	if (response && json_object_set_new(response, "description", json_string(text)) < 0) {
		json_decref(response);
		return NULL;
	}
	return response;
}

static json_t *reply_schema(const struct operation *operation)
{
	return operation->response ? reference(operation->response) : parse("{\"type\": \"string\"}");
}

static json_t *responses(const struct operation *operation)
{
	const char *type = operation->route.content_type;
	struct builder o = object_start();
	char status[16];

	snprintf(status, sizeof(status), "%u", operation->status);
	add(&o, status, response(type, reply_schema(operation), "done"));
	if (operation->status != 200)
		add(&o, "200", response(type, reply_schema(operation), "a dry run: nothing was changed"));
	add(&o, "default", response(PROBLEM_CONTENT_TYPE, reference("Problem"), "refused; nothing was changed"));
	return object_end(&o);
}

/* "post_v1_security-groups_id_rules" */
static json_t *operation_id(const struct operation *operation)
{
	char id[128];
	size_t n = 0;

	for (const char *s = operation->route.method; *s && n < sizeof(id) - 1; s++)
		id[n++] = (char)tolower(*s);
	for (const char *s = operation->route.pattern; *s && n < sizeof(id) - 1; s++) {
		if (*s != '{' && *s != '}')
			id[n++] = *s == '/' ? '_' : *s;
	}
	id[n] = '\0';
	return json_string(id);
}

static json_t *operation_json(const struct operation *operation)
{
	struct builder o = object_start();

	add(&o, "operationId", operation_id(operation));
	add(&o, "summary", json_string(operation->text));
	add(&o, "parameters", parameters(operation));
	if (operation->body != BODY_NONE) {
		json_t *body = content("application/json", body_schema(operation));

		if (json_object_set_new(body, "required", json_boolean(operation->body != BODY_OPTIONAL)) < 0)
			o.failed = true;
		add(&o, "requestBody", body);
	}
	add(&o, "responses", responses(operation));
	return object_end(&o);
}

static json_t *paths(void)
{
	struct builder o = object_start();

	for (size_t i = 0; i < n_operations; i++) {
		json_t *path = json_object_get(o.json, operations[i].route.pattern);
		char method[8] = "";

		if (!path) {
			add(&o, operations[i].route.pattern, json_object());
			path = json_object_get(o.json, operations[i].route.pattern);
		}
		for (size_t c = 0; operations[i].route.method[c] && c < sizeof(method) - 1; c++)
			method[c] = (char)tolower(operations[i].route.method[c]);
		if (json_object_set_new(path, method, operation_json(&operations[i])) < 0)
			o.failed = true;
	}
	return object_end(&o);
}

json_t *openapi_json(void)
{
	struct builder o = object_start();

	add(&o, "openapi", json_string("3.1.0"));
	add(&o, "info", json_pack("{s:s, s:s}", "title", "vpcd", "version", VPCD_VERSION));
	add(&o, "paths", paths());
	add(&o, "components", components());
	return object_end(&o);
}

void handle_openapi(struct request *r)
{
	json_t *document = openapi_json();

	request_reply_json(r, 200, document);
	json_decref(document);
}
