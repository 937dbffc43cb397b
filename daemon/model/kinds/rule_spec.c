/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule as a request writes it → as it is stored. */
#include <string.h>
#include <strings.h>

#include "model/internal.h"

#define FIELD_MAX 64
#define ICMP_MAX  255
#define ANY	  (-1)

enum ports_kind {
	PORTS_NONE,
	PORTS_RANGE,
	PORTS_ICMP,
};

/* Those that are stored and shown as names; every other protocol is a number without ports. */
static const struct {
	const char *name;
	int16_t number;
	enum ports_kind ports;
	uint8_t family; /* of its packets; 0: both */
} protocols[] = {
	{"all", PROTOCOL_ALL, PORTS_NONE, 0}, {"icmp", 1, PORTS_ICMP, 4},    {"tcp", 6, PORTS_RANGE, 0},
	{"udp", 17, PORTS_RANGE, 0},	      {"icmpv6", 58, PORTS_ICMP, 6},
};

static const char *field_name(char buf[FIELD_MAX], const char *prefix, const char *member)
{
	snprintf(buf, FIELD_MAX, "%s%s%s", prefix, *prefix ? "." : "", member);
	return buf;
}

/* --- protocol ---------------------------------------------------------------------------------------------------- */

int protocol_parse(const char *text, int16_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	int value = 0;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strcasecmp(protocols[i].name, text) != 0)
			continue;
		*ret = protocols[i].number;
		return 0;
	}
	if (!strcmp(text, "-1")) {
		*ret = PROTOCOL_ALL;
		return 0;
	}
	if (!digits || digits > 3 || text[digits] || (digits > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	if (value > UINT8_MAX)
		return -EINVAL;
	*ret = (int16_t)value;
	return 0;
}

const char *protocol_format(int16_t protocol, char buf[8])
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(buf, 8, "%u", (unsigned)(uint8_t)protocol);
	return buf;
}

static enum ports_kind ports_kind(int16_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].ports;
	return PORTS_NONE;
}

static uint8_t protocol_family(int16_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].family;
	return 0;
}

static int parse_direction(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	char field[FIELD_MAX];

	field_name(field, prefix, "direction");
	if (!spec->direction)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, field, "a rule needs a direction");
	if (!strcmp(spec->direction, "ingress"))
		ret->direction = VPC_INGRESS;
	else if (!strcmp(spec->direction, "egress"))
		ret->direction = VPC_EGRESS;
	else
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "'%.64s' is neither ingress nor egress", spec->direction);
	return 0;
}

static int parse_protocol(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	char field[FIELD_MAX];

	field_name(field, prefix, "protocol");
	if (!spec->protocol)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, field, "a rule needs a protocol");
	if (protocol_parse(spec->protocol, &ret->protocol) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "'%.64s' is not tcp, udp, icmp, icmpv6, all or a number up to 255",
				     spec->protocol);
	return 0;
}

/* --- ports ------------------------------------------------------------------------------------------------------- */

/* all and protocols without ports. A port that is asked for is refused: the rule would be wider than written. */
static int parse_no_ports(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	char field[FIELD_MAX];
	int32_t from = spec->has_from_port ? spec->from_port : ANY;
	int32_t to = spec->has_to_port ? spec->to_port : ANY;

	ret->from_port = ret->to_port = ANY;
	if ((from == ANY && to == ANY) || (from == 0 && to == UINT16_MAX))
		return 0;
	return vpc_error_set(reterr, VPC_E_INVALID_PERMISSION_MALFORMED, field_name(field, prefix, "from_port"),
			     "only tcp and udp have ports; protocol '%.64s' covers all of them: leave them out",
			     spec->protocol);
}

static int parse_range(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	const struct {
		const char *member;
		bool has;
		int32_t value;
	} ends[] = {{"from_port", spec->has_from_port, spec->from_port}, {"to_port", spec->has_to_port, spec->to_port}};
	char field[FIELD_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		field_name(field, prefix, ends[i].member);
		if (!ends[i].has)
			return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, field,
					     "%.64s needs ports: one (443), a range (8000-8999) or all; from_port and "
					     "to_port say which",
					     spec->protocol);
		if (ends[i].value < 0 || ends[i].value > UINT16_MAX)
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field, "a port is 0 to %d, not %d",
					     UINT16_MAX, ends[i].value);
	}
	if (spec->from_port > spec->to_port)
		return vpc_error_set(reterr, VPC_E_INVALID_PERMISSION_MALFORMED, field_name(field, prefix, "from_port"),
				     "the port range %d-%d is empty; its lower port comes first", spec->from_port,
				     spec->to_port);
	ret->from_port = spec->from_port;
	ret->to_port = spec->to_port;
	return 0;
}

static int parse_icmp(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	int32_t type = spec->has_from_port ? spec->from_port : ANY, code = spec->has_to_port ? spec->to_port : ANY;
	char field[FIELD_MAX];

	if (type < ANY || type > ICMP_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field_name(field, prefix, "from_port"),
				     "an ICMP type is 0 to %d, or -1 for any, not %d", ICMP_MAX, type);
	if (code < ANY || code > ICMP_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field_name(field, prefix, "to_port"),
				     "an ICMP code is 0 to %d, or -1 for any, not %d", ICMP_MAX, code);
	ret->from_port = type;
	ret->to_port = type == ANY ? ANY : code;
	return 0;
}

static int parse_ports(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	static int (*const parsers[])(const struct rule_spec *, const char *, struct rule *, struct vpc_error *) = {
		[PORTS_NONE] = parse_no_ports,
		[PORTS_RANGE] = parse_range,
		[PORTS_ICMP] = parse_icmp,
	};

	return parsers[ports_kind(ret->protocol)](spec, prefix, ret, reterr);
}

/* --- peer -------------------------------------------------------------------------------------------------------- */

static int parse_peer(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	int n = (spec->cidr != NULL) + (spec->sg_id != NULL) + (spec->prefix_list_id != NULL);
	uint8_t family = protocol_family(ret->protocol);
	char field[FIELD_MAX];
	int r;

	field_name(field, prefix, "cidr");
	if (n == 0)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, field,
				     "a rule needs a peer: cidr, sg_id or prefix_list_id");
	if (n > 1)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, field,
				     "a rule has one peer: cidr, sg_id or prefix_list_id; make several rules");
	if (spec->sg_id || spec->prefix_list_id) {
		ret->peer = spec->sg_id ? PEER_SG : PEER_PREFIX_LIST;
		return 0;
	}
	ret->peer = PEER_CIDR;
	r = cidr_check(spec->cidr, 0, field, &ret->cidr, reterr);
	if (r < 0)
		return r;
	if (family && family != ret->cidr.addr.family)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, field,
				     "%s is for IPv%d, which '%.64s' is not; icmp goes with IPv4, icmpv6 with IPv6",
				     ret->protocol == 1 ? "icmp" : "icmpv6", family, spec->cidr);
	return 0;
}

static int copy_description(const struct rule_spec *spec, const char *prefix, struct rule *ret,
			    struct vpc_error *reterr)
{
	char field[FIELD_MAX];
	int r;

	if (!spec->description || !spec->description[0])
		return 0;
	r = text_check(spec->description, 255, field_name(field, prefix, "description"), reterr);
	if (r >= 0 && text_set(&ret->description, spec->description) < 0)
		r = vpc_error_oom(reterr);
	return r;
}

int rule_spec_parse(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr)
{
	int r = parse_direction(spec, prefix, ret, reterr);

	if (r >= 0)
		r = parse_protocol(spec, prefix, ret, reterr);
	if (r >= 0)
		r = parse_ports(spec, prefix, ret, reterr);
	if (r >= 0)
		r = parse_peer(spec, prefix, ret, reterr);
	if (r >= 0)
		r = copy_description(spec, prefix, ret, reterr);
	return r;
}

static int resolve_list(struct model_txn *t, const struct rule_spec *spec, const char *prefix, struct rule *ret,
			struct vpc_error *reterr)
{
	uint8_t family = protocol_family(ret->protocol);
	const struct object *list;
	char field[FIELD_MAX];
	int r;

	field_name(field, prefix, "prefix_list_id");
	r = txn_resolve(t, OBJECT_PREFIX_LIST, spec->prefix_list_id, NULL, field, &list, reterr);
	if (r < 0)
		return r;
	if (family && family != prefix_list_of(list)->family)
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_COMBINATION, field,
			"%s is for IPv%d, and the entries of %s are IPv%d; icmp goes with IPv4, icmpv6 with IPv6",
			ret->protocol == 1 ? "icmp" : "icmpv6", family, list->id, prefix_list_of(list)->family);
	ret->peer_list = list->number;
	return 0;
}

/* Ten years: what is longer is no expiry. */
#define EXPIRES_MAX_S (UINT64_C(10) * 366 * 86400)

static int parse_expiry(const struct model_txn *t, const struct rule_spec *spec, const char *prefix, struct rule *ret,
			struct vpc_error *reterr)
{
	uint64_t now = t->context.now_s;
	char field[FIELD_MAX];

	if (!spec->expires_in && !spec->expires_at)
		return 0;
	field_name(field, prefix, spec->expires_at ? "expires_at" : "expires_in");
	if (spec->expires_in && spec->expires_at)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, field,
				     "a rule has expires_in or expires_at, not both; leave one out");
	if (spec->expires_in < 0 || (uint64_t)spec->expires_in > EXPIRES_MAX_S)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "expires_in is 1 to %llu seconds, not %lld", (unsigned long long)EXPIRES_MAX_S,
				     (long long)spec->expires_in);
	ret->expires_s = now + (uint64_t)spec->expires_in;
	if (!spec->expires_at)
		return 0;
	if (rule_expiry_parse(spec->expires_at, &ret->expires_s) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "'%.64s' is no time as 2026-12-31T23:59:59Z", spec->expires_at);
	if (ret->expires_s <= now)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%.64s is over; give a time that is to come", spec->expires_at);
	return 0;
}

int rule_spec_resolve(struct model_txn *t, const struct sg *g, const struct rule_spec *spec, const char *prefix,
		      struct rule *ret, struct vpc_error *reterr)
{
	const struct object *peer;
	char field[FIELD_MAX];
	int r = rule_spec_parse(spec, prefix, ret, reterr);

	if (r >= 0)
		r = parse_expiry(t, spec, prefix, ret, reterr);
	if (r < 0)
		return r;
	if (ret->peer == PEER_SG) {
		r = rule_peer_resolve(t, g->vpc, spec->sg_id, field_name(field, prefix, "sg_id"), &peer, reterr);
		if (r < 0)
			return r;
		ret->peer_sg = peer->number;
	}
	if (ret->peer == PEER_PREFIX_LIST) {
		r = resolve_list(t, spec, prefix, ret, reterr);
		if (r < 0)
			return r;
	}
	if (spec->n_tags) {
		r = tags_check(t->m, spec->tags, spec->n_tags, field_name(field, prefix, "tags"), reterr);
		if (r < 0)
			return r;
		if (tags_copy(spec->tags, spec->n_tags, &ret->o.tags) < 0)
			return vpc_error_oom(reterr);
		ret->o.n_tags = spec->n_tags;
	}
	ret->sg = g->o.number;
	return rule_set_key(ret) < 0 ? vpc_error_oom(reterr) : 0;
}
