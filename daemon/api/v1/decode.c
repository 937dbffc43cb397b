/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/v1/decode.h"

#include <stdlib.h>
#include <string.h>

/* What any change may have beside its own fields. */
struct envelope {
	bool dry_run;
	char *vpc;
	uint64_t if_match;
	char *op;
};

enum envelope_member {
	ENVELOPE_DRY_RUN,
	ENVELOPE_VPC,
	ENVELOPE_IF_MATCH,
	ENVELOPE_OP, /* in transactions alone */
};

static void envelope_clear(struct envelope *e)
{
	free(e->vpc);
	free(e->op);
	*e = (struct envelope){0};
}

static int decode_rules(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr);
static int decode_attachment_value(const json_t *json, void *value, void *extra, const char *at,
				   struct vpc_error *reterr);

static int decode_entries(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr);

static const struct value_type value_entries = {
	decode_entries, "{\"type\": \"array\", \"items\": {\"$ref\": \"#/components/schemas/EntrySpec\"}}"};
static const struct value_type value_rules = {
	decode_rules, "{\"type\": \"array\", \"items\": {\"$ref\": \"#/components/schemas/RuleSpec\"}}"};
static const struct value_type value_attachment = {decode_attachment_value,
						   "{\"$ref\": \"#/components/schemas/AttachmentSpec\"}"};

/* int64_t, from 1. */
static int decode_seconds(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	(void)extra;
	if (!json_is_integer(json) || json_integer_value(json) < 1)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, at, "%s must be a number of seconds from 1",
				     at);
	*(int64_t *)value = json_integer_value(json);
	return 0;
}

static const struct value_type value_seconds = {decode_seconds, "{\"type\": \"integer\", \"minimum\": 1}"};

#define MEMBER(json_name, value_type, type, field, extra_field, description)                                          \
	{                                                                                                             \
		json_name, &value_type, offsetof(struct type, field), offsetof(struct type, extra_field), description \
	}

const struct member decode_change_members[FIELD_COUNT] = {
#define FIELD(symbol, name, type, field, extra, text) \
	[FIELD_##symbol] = MEMBER(name, value_##type, change, field, extra, text),
#include "model/fields.def"
#undef FIELD
};

#define ENVELOPE(json_name, value_type, field, description) \
	MEMBER(json_name, value_type, envelope, field, field, description)

const struct member decode_envelope_members[] = {
	[ENVELOPE_DRY_RUN] = ENVELOPE("dry_run", value_bool, dry_run, "check and reply, but change nothing"),
	[ENVELOPE_VPC] = ENVELOPE("vpc", value_string, vpc, "VPC in which names are looked up"),
	[ENVELOPE_IF_MATCH] = ENVELOPE("if_match", value_revision, if_match, "revision that the object must have"),
	[ENVELOPE_OP] = ENVELOPE("op", value_string, op, "what is to be changed"),
};
const size_t decode_n_envelope_members = ARRAY_SIZE(decode_envelope_members);

#define RULE(json_name, value_type, field, extra_field, description) \
	MEMBER(json_name, value_type, rule_spec, field, extra_field, description)

const struct member decode_rule_members[] = {
	RULE("direction", value_string, direction, direction, "ingress or egress"),
	RULE("protocol", value_protocol, protocol, protocol, "tcp, udp, icmp, icmpv6, all, or a number"),
	RULE("from_port", value_port, from_port, has_from_port, "first port; of icmp the type, -1 any"),
	RULE("to_port", value_port, to_port, has_to_port, "last port; of icmp the code, -1 any"),
	RULE("cidr", value_nullable_string, cidr, cidr, "peer: IPv4 or IPv6 range"),
	RULE("sg_id", value_nullable_string, sg_id, sg_id, "peer: security group, id or name"),
	RULE("prefix_list_id", value_nullable_string, prefix_list_id, prefix_list_id, "peer: prefix list, id or name"),
	RULE("description", value_nullable_string, description, description, "free text"),
	RULE("tags", value_tags, tags, n_tags, "key and value"),
	RULE("expires_in", value_seconds, expires_in, expires_in, "seconds until vpcd revokes it"),
	RULE("expires_at", value_nullable_string, expires_at, expires_at, "or when, as 2026-12-31T23:59:59Z"),
};
const size_t decode_n_rule_members = ARRAY_SIZE(decode_rule_members);
/* direction, protocol */
const uint64_t decode_rule_required = 0x3;

#define ATTACHMENT(json_name, value_type, field, description) \
	MEMBER(json_name, value_type, attachment_spec, field, field, description)

enum attachment_member {
	MEMBER_KIND,
	MEMBER_NETNS,
	MEMBER_PID,
	MEMBER_OWNER,
	MEMBER_QUEUES,
	MEMBER_IFNAME,
	MEMBER_DEFAULT_ROUTE,
};

const struct member decode_attachment_members[] = {
	[MEMBER_KIND] =
		ATTACHMENT("kind", value_attachment_kind, kind, "netns, tap or link; known from the rest if absent"),
	[MEMBER_NETNS] = ATTACHMENT("netns", value_string, netns, "namespace: a path, or a name under /run/netns"),
	[MEMBER_PID] = ATTACHMENT("pid", value_pid, pid, "namespace of this process"),
	[MEMBER_OWNER] = ATTACHMENT("owner", value_string, owner, "tap: user who may open it"),
	[MEMBER_QUEUES] = ATTACHMENT("queues", value_integer, queues, "tap: descriptors it may have at a time (1)"),
	[MEMBER_IFNAME] = ATTACHMENT("ifname", value_string, ifname, "name of the workload's end"),
	[MEMBER_DEFAULT_ROUTE] = ATTACHMENT("default_route", value_bool, default_route,
					    "netns: whether its default route counts; absent: if there is none yet"),
};
const size_t decode_n_attachment_members = ARRAY_SIZE(decode_attachment_members);

#define ENTRY(json_name, value_type, field, description) \
	MEMBER(json_name, value_type, entry_spec, field, field, description)

const struct member decode_entry_members[] = {
	ENTRY("cidr", value_string, cidr, "IPv4 or IPv6 range"),
	ENTRY("description", value_nullable_string, description, "free text"),
};
const size_t decode_n_entry_members = ARRAY_SIZE(decode_entry_members);
/* cidr */
const uint64_t decode_entry_required = 0x1;

/*
 * A list of objects, into zeroed structs of `size` bytes. like: their members; its base is not used. what: "rules". The
 * caller owns *ret, also after an error; *n counts those that may own something. InvalidParameterValue.
 */
static int decode_objects(const json_t *json, const struct member_set *like, size_t size, const char *what, void **ret,
			  size_t *n, const char *at, struct vpc_error *reterr)
{
	size_t count = json_array_size(json);
	char *objects;

	if (!json_is_array(json))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, at, "%s must be a list of %s", at, what);
	*ret = objects = calloc(count + 1, size);
	if (!objects)
		return vpc_error_oom(reterr);
	for (*n = 0; *n < count;) {
		struct member_set set = *like;
		char place[PLACE_SIZE];
		int r;

		set.base = objects + *n * size;
		place_element(place, at, *n);
		(*n)++; /* counts as soon as it may own something */
		r = members_decode(json_array_get(json, *n - 1), &set, 1, place, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_entries(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	const struct member_set entry = {
		.members = decode_entry_members,
		.n = decode_n_entry_members,
		.allowed = MEMBER_BITS(decode_entry_members),
		.required = decode_entry_required,
	};
	struct entry_spec **entries = value;
	void *made = NULL;
	int r = decode_objects(json, &entry, sizeof(**entries), "entries", &made, extra, at, reterr);

	*entries = made;
	return r;
}

static int decode_rules(const json_t *json, void *value, void *extra, const char *at, struct vpc_error *reterr)
{
	const struct member_set rule = {
		.members = decode_rule_members,
		.n = decode_n_rule_members,
		.allowed = MEMBER_BITS(decode_rule_members),
		.required = decode_rule_required,
	};
	struct rule_spec **rules = value;
	void *made = NULL;
	int r = decode_objects(json, &rule, sizeof(**rules), "rules", &made, extra, at, reterr);

	*rules = made;
	return r;
}

/* What an attachment's fields say together. The kind is known from them when it isn't given. */
static int check_attachment(struct attachment_spec *a, uint64_t present, const char *at, struct vpc_error *reterr)
{
	uint64_t netns = present & (MEMBER_BIT(MEMBER_NETNS) | MEMBER_BIT(MEMBER_PID));
	uint64_t tap = present & (MEMBER_BIT(MEMBER_OWNER) | MEMBER_BIT(MEMBER_QUEUES));
	char place[PLACE_SIZE];

	if (a->kind == ATTACHMENT_NONE)
		a->kind = netns ? ATTACHMENT_NETNS : tap ? ATTACHMENT_TAP : ATTACHMENT_NONE;
	if (a->kind == ATTACHMENT_NONE || (a->kind == ATTACHMENT_NETNS && !netns)) {
		place_member(place, at, "netns");
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, place, "netns or pid is required%s",
				     a->kind == ATTACHMENT_NONE ? ", or \"kind\": \"tap\" or \"link\"" : "");
	}
	if (a->kind != ATTACHMENT_TAP && tap) {
		place_member(place, at, tap & MEMBER_BIT(MEMBER_OWNER) ? "owner" : "queues");
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, place,
				     "owner and queues go with a tap alone; leave them out, or give \"kind\": \"tap\"");
	}
	a->has_default_route = present & MEMBER_BIT(MEMBER_DEFAULT_ROUTE);
	if (a->kind != ATTACHMENT_NETNS && a->has_default_route) {
		place_member(place, at, "default_route");
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, place,
				     "default_route goes with a namespace alone: whoever runs a VM, or moves a link, "
				     "sets its routes");
	}
	if (a->kind != ATTACHMENT_NETNS && netns) {
		place_member(place, at, "kind");
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, place,
				     "a %s has neither netns nor pid; leave them out",
				     a->kind == ATTACHMENT_TAP ? "tap" : "link");
	}
	if (netns == (MEMBER_BIT(MEMBER_NETNS) | MEMBER_BIT(MEMBER_PID))) {
		place_member(place, at, "pid");
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, place, "give netns or pid, not both");
	}
	return 0;
}

static struct member_set attachment_set(struct attachment_spec *a)
{
	return (struct member_set){
		.members = decode_attachment_members,
		.n = decode_n_attachment_members,
		.allowed = MEMBER_BITS(decode_attachment_members),
		.base = a,
	};
}

static int decode_attachment_value(const json_t *json, void *value, void *extra, const char *at,
				   struct vpc_error *reterr)
{
	struct member_set set = attachment_set(value);
	int r;

	(void)extra;
	r = members_decode(json, &set, 1, at, reterr);
	if (r < 0)
		return r;
	return check_attachment(value, set.present, at, reterr);
}

static struct member_set envelope_set(struct envelope *e, bool with_op)
{
	return (struct member_set){
		.members = decode_envelope_members,
		.n = ARRAY_SIZE(decode_envelope_members),
		.allowed = MEMBER_BITS(decode_envelope_members) & ~(with_op ? 0 : MEMBER_BIT(ENVELOPE_OP)),
		.base = e,
	};
}

static void take_envelope(struct change *c, struct envelope *e)
{
	c->scope = TAKE_PTR(e->vpc);
	c->if_match = e->if_match;
}

/* The members of a change and those of the envelope. */
static int decode_fields(const json_t *object, enum change_op op, uint64_t from_path, bool with_op, struct change *ret,
			 bool *ret_dry_run, struct vpc_error *reterr)
{
	_cleanup_(envelope_clear) struct envelope envelope = {0};
	_cleanup_(change_clear) struct change c = {.op = op};
	struct member_set sets[] = {
		{
			.members = decode_change_members,
			.n = FIELD_COUNT,
			.allowed = change_op_allowed(op) & ~from_path,
			.required = change_op_required(op) & ~from_path,
			.base = &c,
		},
		envelope_set(&envelope, with_op),
	};
	int r = members_decode(object, sets, ARRAY_SIZE(sets), "", reterr);

	if (r < 0)
		return r;
	c.present = sets[0].present;
	take_envelope(&c, &envelope);
	*ret_dry_run = envelope.dry_run;
	*ret = c;
	c = (struct change){0};
	return 0;
}

int decode_change(const json_t *object, enum change_op op, uint64_t from_path, struct change *ret, bool *ret_dry_run,
		  struct vpc_error *reterr)
{
	return decode_fields(object, op, from_path, false, ret, ret_dry_run, reterr);
}

/* An attachment whose members are those of the request itself, as in PUT /v1/enis/{id}/attachment. fields: members of
 * the change beside it; each is required. */
static int decode_unwrapped_attachment(const json_t *object, uint64_t fields, bool with_op, struct change *ret,
				       bool *ret_dry_run, struct vpc_error *reterr)
{
	_cleanup_(envelope_clear) struct envelope envelope = {0};
	_cleanup_(change_clear) struct change c = {.op = CHANGE_ENI_ATTACH};
	struct member_set sets[] = {
		attachment_set(&c.attachment),
		envelope_set(&envelope, with_op),
		{
			.members = decode_change_members,
			.n = FIELD_COUNT,
			.allowed = fields,
			.required = fields,
			.base = &c,
		},
	};
	int r = members_decode(object, sets, ARRAY_SIZE(sets), "", reterr);

	if (r < 0)
		return r;
	r = check_attachment(&c.attachment, sets[0].present, "", reterr);
	if (r < 0)
		return r;
	c.present = sets[2].present | FIELD_BIT(FIELD_ATTACHMENT);
	take_envelope(&c, &envelope);
	*ret_dry_run = envelope.dry_run;
	*ret = c;
	c = (struct change){0};
	return 0;
}

int decode_attachment(const json_t *object, struct change *ret, bool *ret_dry_run, struct vpc_error *reterr)
{
	return decode_unwrapped_attachment(object, 0, false, ret, ret_dry_run, reterr);
}

/* One element of "changes". A change of a transaction has no dry_run of its own. */
static int decode_element(const json_t *object, struct change *ret, struct vpc_error *reterr)
{
	const json_t *name = json_object_get(object, "op");
	enum change_op op;
	bool dry_run;

	if (!json_is_object(object))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "changes", "a change must be an object");
	if (!name)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "op",
				     "op is required: the name of a change, as \"vpc.create\"");
	if (!json_is_string(name) || change_op_parse(json_string_value(name), &op) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "op",
				     "op must be the name of a change, as \"vpc.create\"; /v1/openapi.json lists them");
	if (json_object_get(object, "dry_run"))
		return vpc_error_set(reterr, VPC_E_UNKNOWN_PARAMETER, "dry_run",
				     "dry_run belongs beside the changes: it is for all of them");
	/* A transaction may have the attachment's members unwrapped, as PUT /v1/enis/{id}/attachment. */
	if (op == CHANGE_ENI_ATTACH && !json_object_get(object, "attachment"))
		return decode_unwrapped_attachment(object, FIELD_BIT(FIELD_ENI_ID), true, ret, &dry_run, reterr);
	return decode_fields(object, op, 0, true, ret, &dry_run, reterr);
}

/* A day. */
#define CONFIRM_MAX_S 86400

#define OPTION(json_name, value_type, field, description) \
	MEMBER(json_name, value_type, transaction_options, field, field, description)

const struct member decode_transaction_members[] = {
	OPTION("dry_run", value_bool, dry_run, "check and reply, but change nothing"),
	OPTION("if_revision", value_revision, if_revision, "revision that the whole state must have"),
	OPTION("confirm", value_integer, confirm,
	       "seconds, 1 to 86400: taken back as a whole unless POST /v1/confirm comes before; until then other "
	       "changes are refused"),
	OPTION("background", value_bool, background, "reply before removed devices are deleted: they are pending then"),
};
const size_t decode_n_transaction_members = ARRAY_SIZE(decode_transaction_members);

static bool is_option(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(decode_transaction_members); i++)
		if (!strcmp(decode_transaction_members[i].name, key))
			return true;
	return false;
}

int decode_transaction_options(const json_t *object, struct transaction_options *ret, struct vpc_error *reterr)
{
	*ret = (struct transaction_options){0};
	for (size_t i = 0; i < ARRAY_SIZE(decode_transaction_members); i++) {
		const struct member *m = &decode_transaction_members[i];
		const json_t *value = json_object_get(object, m->name);
		char *base = (char *)ret;
		int r = value ? m->type->decode(value, base + m->offset, base + m->extra, m->name, reterr) : 0;

		if (r < 0)
			return r;
	}
	if (json_object_get(object, "confirm") && (ret->confirm < 1 || ret->confirm > CONFIRM_MAX_S))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "confirm",
				     "confirm is 1 to %d seconds, not %lld", CONFIRM_MAX_S, (long long)ret->confirm);
	return 0;
}

static int check_transaction(const json_t *object, struct vpc_error *reterr)
{
	const json_t *changes = json_object_get(object, "changes");
	const char *key;
	json_t *v;

	if (!json_is_object(object))
		return vpc_error_set(reterr, VPC_E_MALFORMED_REQUEST, NULL, "the body must be a JSON object");
	json_object_foreach ((json_t *)object, key, v) {
		char place[PLACE_SIZE];

		if (strcmp(key, "changes") != 0 && !is_option(key))
			return vpc_error_set(
				reterr, VPC_E_UNKNOWN_PARAMETER, place_member(place, "", key),
				"a transaction has changes, dry_run, if_revision and confirm; leave %s out", key);
	}
	if (!changes)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "changes",
				     "changes is required: a list of at least one change");
	if (!json_is_array(changes) || json_array_size(changes) == 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "changes",
				     "changes must be a list of at least one change");
	return 0;
}

int decode_transaction(const json_t *object, size_t max_changes, struct change **ret, size_t *ret_n, bool *ret_dry_run,
		       struct vpc_error *reterr)
{
	const json_t *list = json_object_get(object, "changes");
	struct change *changes;
	size_t size = json_array_size(list);
	struct transaction_options options;
	int r = check_transaction(object, reterr);

	if (r >= 0)
		r = decode_transaction_options(object, &options, reterr);
	if (r < 0)
		return r;
	if (size > max_changes)
		return vpc_error_set(
			reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, "changes",
			"changes per request: the limit is %zu, asked for %zu; make several requests of them",
			max_changes, size);
	changes = calloc(size, sizeof(*changes));
	if (!changes)
		return vpc_error_oom(reterr);
	for (size_t i = 0; i < size; i++) {
		r = decode_element(json_array_get(list, i), &changes[i], reterr);
		if (r < 0) {
			reterr->change = (int)i;
			change_list_free(changes, i);
			return r;
		}
	}
	*ret = changes;
	*ret_n = size;
	*ret_dry_run = options.dry_run;
	return 0;
}
