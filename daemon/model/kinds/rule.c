/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as objects: their unique key and their JSON. rule_spec.c reads them from requests, rule_change.c adds and takes
 * them away. */
#include <string.h>
#include <time.h>

#include "model/internal.h"

static const char *const directions[] = {[VPC_INGRESS] = "ingress", [VPC_EGRESS] = "egress"};

/* The longest: 10 digits, 1, 3, twice 5, an IPv6 CIDR, and what is between. */
#define KEY_MAX 96

int rule_set_key(struct rule *r)
{
	char peer[CIDR_STRLEN + 16], key[KEY_MAX];

	if (r->peer == PEER_SG)
		snprintf(peer, sizeof(peer), "sg%u", r->peer_sg);
	else if (r->peer == PEER_PREFIX_LIST)
		snprintf(peer, sizeof(peer), "pl%u", r->peer_list);
	else
		cidr_format(&r->cidr, peer);
	snprintf(key, sizeof(key), "r%u/%u/%d/%d/%d/%s", r->sg, (unsigned)r->direction, r->protocol, r->from_port,
		 r->to_port, peer);
	return text_set(&r->o.name_key, key);
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static void clear(struct object *o)
{
	free(((struct rule *)o)->description);
}

static int copy_members(struct object *to, const struct object *from)
{
	struct rule *r = (struct rule *)to;
	const struct rule *f = rule_of(from);

	r->sg = f->sg;
	r->direction = f->direction;
	r->protocol = f->protocol;
	r->from_port = f->from_port;
	r->to_port = f->to_port;
	r->peer = f->peer;
	r->cidr = f->cidr;
	r->peer_sg = f->peer_sg;
	r->peer_list = f->peer_list;
	r->expires_s = f->expires_s;
	return text_set(&r->description, f->description);
}

static int post(struct index *ix, struct object *o)
{
	const struct rule *rule = rule_of(o);

	if (rule->peer == PEER_PREFIX_LIST)
		return index_post_reference(ix, o, OBJECT_PREFIX_LIST, rule->peer_list);
	return rule->peer == PEER_SG ? index_post_reference(ix, o, OBJECT_SG, rule->peer_sg) : 0;
}

/* sg.authorize counts a group's rules of a direction by it. */
static uint32_t rank(const struct object *o)
{
	return rule_of(o)->direction;
}

static json_t *port_to_json(int32_t port, const struct rule *r)
{
	bool has_ports = r->protocol == 6 || r->protocol == 17 || r->protocol == 1 || r->protocol == 58;

	return has_ports ? json_integer(port) : json_null();
}

static int put_peer(const struct model *m, const struct rule *r, json_t *ret)
{
	switch (r->peer) {
	case PEER_SG:
		return json_put(ret, "sg_id", json_string(model_sg(m, r->peer_sg)->o.id));
	case PEER_PREFIX_LIST:
		return json_put(ret, "prefix_list_id", json_string(model_prefix_list(m, r->peer_list)->o.id));
	default:
		return json_put(ret, "cidr", json_cidr(&r->cidr));
	}
}

int rule_expiry_parse(const char *text, uint64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t time = end && !*end ? timegm(&tm) : -1;

	if (time <= 0)
		return -EINVAL;
	*ret = (uint64_t)time;
	return 0;
}

static json_t *expiry_to_json(const struct rule *r)
{
	time_t time = (time_t)r->expires_s;
	char text[32];
	struct tm tm;

	if (!time || !gmtime_r(&time, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(text);
}

static int put_rule(const struct model *m, const struct object *o, json_t *ret)
{
	const struct rule *r = rule_of(o);
	char protocol[8];

	if (json_put(ret, "security_group_id", json_string(model_sg(m, r->sg)->o.id)) < 0 ||
	    json_put(ret, "direction", json_string(directions[r->direction])) < 0 ||
	    json_put(ret, "protocol", json_string(protocol_format(r->protocol, protocol))) < 0 ||
	    json_put(ret, "from_port", port_to_json(r->from_port, r)) < 0 ||
	    json_put(ret, "to_port", port_to_json(r->to_port, r)) < 0)
		return -ENOMEM;
	if (put_peer(m, r, ret) < 0 || json_put(ret, "expires_at", expiry_to_json(r)) < 0)
		return -ENOMEM;
	return json_put(ret, "description", json_string(r->description ? r->description : ""));
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	if (put_rule(m, o, ret) < 0)
		return -ENOMEM;
	return json_put(ret, "stale", json_boolean(rule_is_stale(m, rule_of(o))));
}

static int32_t load_port(struct document *d, const char *key)
{
	if (json_is_null(json_object_get(d->json, key)))
		return -1;
	return (int32_t)document_i64(d, key, -1, UINT16_MAX);
}

static void load_peer(struct model *m, struct document *d, struct rule *r)
{
	if (json_object_get(d->json, "sg_id")) {
		r->peer = PEER_SG;
		r->peer_sg = document_ref(m, d, "sg_id", OBJECT_SG);
	} else if (json_object_get(d->json, "prefix_list_id")) {
		r->peer = PEER_PREFIX_LIST;
		r->peer_list = document_ref(m, d, "prefix_list_id", OBJECT_PREFIX_LIST);
	} else {
		r->peer = PEER_CIDR;
		r->cidr = document_cidr(d, "cidr", 0, true);
	}
}

/* Documents of earlier versions have none. */
static void load_expiry(struct document *d, struct rule *r)
{
	_cleanup_free_ char *text = document_text(d, "expires_at", false);

	if (text && rule_expiry_parse(text, &r->expires_s) < 0)
		document_damaged(d, "expires_at");
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct rule *r = (struct rule *)o;
	_cleanup_free_ char *direction = document_text(d, "direction", true);
	_cleanup_free_ char *protocol = document_text(d, "protocol", true);

	r->sg = document_ref(m, d, "security_group_id", OBJECT_SG);
	if (direction && !strcmp(direction, directions[VPC_EGRESS]))
		r->direction = VPC_EGRESS;
	else if (!direction || strcmp(direction, directions[VPC_INGRESS]) != 0)
		document_damaged(d, "direction");
	if (!protocol || protocol_parse(protocol, &r->protocol) < 0)
		document_damaged(d, "protocol");
	r->from_port = load_port(d, "from_port");
	r->to_port = load_port(d, "to_port");
	r->description = document_text(d, "description", true);
	if (r->description && !r->description[0]) {
		free(r->description);
		r->description = NULL;
	}
	load_peer(m, d, r);
	load_expiry(d, r);
	if (rule_set_key(r) < 0)
		document_damaged(d, "(out of memory)");
}

static const struct schema_field fields[] = {
	{"security_group_id", SCHEMA_STRING, NULL},
	{"direction", SCHEMA_STRING, "ingress or egress"},
	{"protocol", SCHEMA_STRING, NULL},
	{"from_port", SCHEMA_INTEGER_OR_NULL, "of icmp the type"},
	{"to_port", SCHEMA_INTEGER_OR_NULL, "of icmp the code"},
	{"cidr", SCHEMA_STRING_OR_NULL, NULL},
	{"sg_id", SCHEMA_STRING_OR_NULL, NULL},
	{"prefix_list_id", SCHEMA_STRING_OR_NULL, NULL},
	{"description", SCHEMA_STRING, NULL},
	{"expires_at", SCHEMA_STRING_OR_NULL, "RFC 3339: when vpcd revokes it; null: never"},
	{"stale", SCHEMA_BOOLEAN,
	 "it names a group of a VPC that is not peered with the group's own, and matches nothing"},
	{"packets", SCHEMA_INTEGER, "allowed by it"},
	{"bytes", SCHEMA_INTEGER, "allowed by it"},
	{"last_used", SCHEMA_STRING_OR_NULL, "RFC 3339"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops rule_ops = {
	.size = sizeof(struct rule),
	.parent = {OBJECT_SG, offsetof(struct rule, sg)},
	.description = offsetof(struct rule, description),
	.numbers_once = true,
	.clear = clear,
	.copy = copy_members,
	.post = post,
	.rank = rank,
	.to_json = to_json,
	.to_document = put_rule,
	.load = load,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
