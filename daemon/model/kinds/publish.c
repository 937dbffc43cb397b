/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports: a range of the host's ports that leads to ports of an ENI. */
#include <netinet/in.h>
#include <string.h>

#include "model/kinds/eip.h"

#define PORT_MAX 65535

/* What no host address is. */
static const char *const unusable[] = {"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"};

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : "udp";
}

/* --- checks ------------------------------------------------------------------------------------------------------ */

static int choose_protocol(const struct change *c, struct publication *p, struct vpc_error *reterr)
{
	p->protocol = IPPROTO_TCP;
	if (!change_has(c, FIELD_PROTOCOL) || !strcmp(c->protocol, "tcp"))
		return 0;
	if (strcmp(c->protocol, "udp") != 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "protocol",
				     "ports of tcp and udp are published, not of '%.64s'", c->protocol);
	p->protocol = IPPROTO_UDP;
	return 0;
}

static int check_port(int64_t port, const char *field, uint16_t *ret, struct vpc_error *reterr)
{
	if (port < 1 || port > PORT_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field, "a port is 1 to %d, not %lld",
				     PORT_MAX, (long long)port);
	*ret = (uint16_t)port;
	return 0;
}

static int choose_ports(const struct change *c, struct publication *p, struct vpc_error *reterr)
{
	int64_t to = change_has(c, FIELD_TO_PORT) ? c->to_port : c->from_port;
	int64_t host_to = change_has(c, FIELD_HOST_TO_PORT) ? c->host_to_port : c->host_from_port + (to - c->from_port);
	int r = check_port(c->from_port, "from_port", &p->from_port, reterr);

	if (r >= 0)
		r = check_port(to, "to_port", &p->to_port, reterr);
	if (r >= 0)
		r = check_port(c->host_from_port, "host_from_port", &p->host_from_port, reterr);
	if (r >= 0)
		r = check_port(host_to, "host_to_port", &p->host_to_port, reterr);
	if (r < 0)
		return r;
	if (p->from_port > p->to_port || p->host_from_port > p->host_to_port)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE,
				     p->from_port > p->to_port ? "to_port" : "host_to_port",
				     "the last port of a range is not before its first");
	if (p->to_port - p->from_port != p->host_to_port - p->host_from_port)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "host_to_port",
				     "%d ports can't lead to %d; give two ranges of one length",
				     p->host_to_port - p->host_from_port + 1, p->to_port - p->from_port + 1);
	return 0;
}

static bool address_is_usable(const struct ip *ip)
{
	for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
		struct cidr c;

		if (cidr_parse(unusable[i], &c) == 0 && cidr_contains_ip(&c, ip))
			return false;
	}
	return ip->family == 4;
}

static int choose_address(const struct model *m, const struct change *c, struct publication *p,
			  struct vpc_error *reterr)
{
	if (!change_has(c, FIELD_HOST_ADDRESS) || (c->host_address && !strcmp(c->host_address, "0.0.0.0")))
		return 0;
	if (ip_parse(c->host_address ? c->host_address : "", &p->host_address) < 0 ||
	    !address_is_usable(&p->host_address))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "host_address",
				     "'%.64s' is not an IPv4 address that a host can have; give one of this host's, or "
				     "leave it out for all of them",
				     c->host_address ? c->host_address : "");
	if (model_pool_of(m, &p->host_address))
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_VALUE, "host_address",
			"%s is in a pool: all its ports are its elastic IP's; choose an address of the host's own",
			c->host_address);
	return 0;
}

static bool overlaps(const struct publication *a, const struct publication *b)
{
	return a->protocol == b->protocol && a->host_from_port <= b->host_to_port &&
	       b->host_from_port <= a->host_to_port &&
	       (!a->host_address.family || !b->host_address.family || ip_equal(&a->host_address, &b->host_address));
}

static int check_free(const struct model *m, const struct publication *p, struct vpc_error *reterr)
{
	char address[IP_STRLEN];

	for (const struct object *o = NULL; (o = model_next(m, OBJECT_PUBLISH, o));) {
		const struct publication *other = publish_of(o);

		if (!overlaps(p, other))
			continue;
		if (vpc_error_add_holder(reterr, o->id) < 0)
			return vpc_error_oom(reterr);
		return vpc_error_set(reterr, VPC_E_INVALID_IP_ADDRESS_IN_USE, "host_from_port",
				     "%s publishes %s %u-%u of %s; choose other ports, or delete it first", o->id,
				     protocol_name(other->protocol), other->host_from_port, other->host_to_port,
				     other->host_address.family ? ip_format(&other->host_address, address)
								: "every host address");
	}
	return 0;
}

/* --- the changes ------------------------------------------------------------------------------------------------- */

int publish_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_PUBLISH);
	struct publication *p = (struct publication *)o;
	const struct object *eni;
	uint32_t vpc;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = txn_target(t, c, OBJECT_ENI, &eni, reterr);
	if (r < 0)
		return r;
	p->eni = eni->number;
	p->vpc = vpc = eni_of(eni)->vpc;
	r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0)
		r = choose_protocol(c, p, reterr);
	if (r >= 0)
		r = choose_ports(c, p, reterr);
	if (r >= 0)
		r = choose_address(t->m, c, p, reterr);
	if (r >= 0)
		r = check_free(t->m, p, reterr);
	if (r >= 0)
		r = change_add(t, TAKE_PTR(o), ret, reterr);
	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

static int remove_one(struct model_txn *t, const struct object *o, struct vpc_error *reterr)
{
	uint32_t vpc = publish_of(o)->vpc;
	int r = txn_remove(t, o, reterr);

	return r < 0 ? r : vpc_note_exits(t, vpc, reterr);
}

int publish_remove_of(struct model_txn *t, const struct object *eni, struct vpc_error *reterr)
{
	const struct posting *p;
	int r = 0;

	while (r >= 0 && (p = index_users(&t->m->ix, eni->id, OBJECT_PUBLISH)) && p->n)
		r = remove_one(t, p->first->owner, reterr);
	return r;
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static int copy_members(struct object *to, const struct object *from)
{
	struct publication *p = (struct publication *)to;
	const struct publication *f = publish_of(from);

	p->vpc = f->vpc;
	p->eni = f->eni;
	p->protocol = f->protocol;
	p->from_port = f->from_port;
	p->to_port = f->to_port;
	p->host_from_port = f->host_from_port;
	p->host_to_port = f->host_to_port;
	p->host_address = f->host_address;
	return 0;
}

static int post(struct index *ix, struct object *o)
{
	return index_post_use(ix, o, index_by_number(ix, OBJECT_ENI, publish_of(o)->eni)->id);
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct publication *p = publish_of(o);

	if (json_put(ret, "eni_id", json_string(model_by_number(m, OBJECT_ENI, p->eni)->id)) < 0 ||
	    json_put(ret, "protocol", json_string(protocol_name(p->protocol))) < 0 ||
	    json_put(ret, "from_port", json_integer(p->from_port)) < 0 ||
	    json_put(ret, "to_port", json_integer(p->to_port)) < 0 ||
	    json_put(ret, "host_from_port", json_integer(p->host_from_port)) < 0 ||
	    json_put(ret, "host_to_port", json_integer(p->host_to_port)) < 0)
		return -ENOMEM;
	return json_put(ret, "host_address", json_ip(&p->host_address));
}

static int to_json(const struct model *m, const struct object *o, json_t *ret)
{
	if (json_put(ret, "number", json_integer(o->number)) < 0 ||
	    json_put(ret, "vpc_id", json_string(model_vpc(m, publish_of(o)->vpc)->o.id)) < 0)
		return -ENOMEM;
	return to_document(m, o, ret);
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct publication *p = (struct publication *)o;
	_cleanup_free_ char *protocol = document_text(d, "protocol", true);
	const struct object *eni;

	p->eni = document_ref(m, d, "eni_id", OBJECT_ENI);
	eni = model_by_number(m, OBJECT_ENI, p->eni);
	p->vpc = eni ? eni_of(eni)->vpc : 0;
	p->protocol = protocol && !strcmp(protocol, "udp") ? IPPROTO_UDP : IPPROTO_TCP;
	if (protocol && strcmp(protocol, protocol_name(p->protocol)) != 0)
		document_damaged(d, "protocol");
	p->from_port = (uint16_t)document_i64(d, "from_port", 1, PORT_MAX);
	p->to_port = (uint16_t)document_i64(d, "to_port", p->from_port, PORT_MAX);
	p->host_from_port = (uint16_t)document_i64(d, "host_from_port", 1, PORT_MAX);
	p->host_to_port = (uint16_t)document_i64(d, "host_to_port", p->host_from_port, PORT_MAX);
	if (p->to_port - p->from_port != p->host_to_port - p->host_from_port)
		document_damaged(d, "host_to_port");
	p->host_address = document_ip(d, "host_address", 4, false);
	for (const struct object *other = NULL; (other = model_next(m, OBJECT_PUBLISH, other));)
		if (overlaps(p, publish_of(other)))
			document_damaged(d, "host_from_port");
}

static void loaded(struct model *m, struct object *o)
{
	vpc_exit_loaded(m, publish_of(o)->vpc);
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "in maps"},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"eni_id", SCHEMA_STRING, "network interface that the ports lead to"},
	{"protocol", SCHEMA_STRING, "tcp or udp"},
	{"from_port", SCHEMA_INTEGER, "of the network interface"},
	{"to_port", SCHEMA_INTEGER, NULL},
	{"host_from_port", SCHEMA_INTEGER, "of the host"},
	{"host_to_port", SCHEMA_INTEGER, NULL},
	{"host_address", SCHEMA_STRING_OR_NULL, "null: any of the host's"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops publish_ops = {
	.size = sizeof(struct publication),
	.parent = {OBJECT_VPC, offsetof(struct publication, vpc)},
	.name_optional = true,
	.remove = remove_one,
	.copy = copy_members,
	.post = post,
	.to_json = to_json,
	.to_document = to_document,
	.load = load,
	.loaded = loaded,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
