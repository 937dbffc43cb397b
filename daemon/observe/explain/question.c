/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a question to the walk, and its answer. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>
#include <vpc/number.h>

#include "observe/drop_reason.h"
#include "observe/explain/all_ports.h"
#include "observe/explain/explain.h"
#include "observe/explain/report.h"
#include "observe/flow_json.h"

#define ECHO4 8
#define ECHO6 128

/* One end of the question. */
struct end {
	const struct object *eni; /* NULL: outside of every VPC that counts, or an address that nobody has */
	bool is_address;
	struct ip ip; /* as given; family 0: that of the ENI is to be chosen */
};

struct asked {
	const struct model *m;
	const struct explain_question *q;
	struct end from, to;
	uint8_t family;
};

void explain_question_clear(struct explain_question *q)
{
	free(q->from);
	free(q->to);
	free(q->vpc);
	free(q->protocol);
	*q = (struct explain_question){0};
}

static int resolve_eni(const struct asked *a, const char *ref, const char *field, struct end *ret,
		       struct vpc_error *reterr)
{
	ret->is_address = ip_parse(ref, &ret->ip) == 0;
	return ret->is_address ? 0 : model_resolve(a->m, OBJECT_ENI, ref, a->q->vpc, field, &ret->eni, reterr);
}

/* Finds the ENI that has a given address, in the VPC of the question or of the other end. */
static int resolve_address(const struct asked *a, struct end *end, const struct end *other, const char *field,
			   struct vpc_error *reterr)
{
	const struct object *vpc = NULL, *found = NULL, *o = NULL;
	const struct eni *eni;
	int r = a->q->vpc ? model_resolve(a->m, OBJECT_VPC, a->q->vpc, NULL, "vpc", &vpc, reterr) : 0;

	if (r < 0 || !end->is_address)
		return r;
	if (!vpc && other->eni)
		vpc = model_by_number(a->m, OBJECT_VPC, eni_of(other->eni)->vpc);
	if (vpc) {
		eni = model_eni_by_ip(a->m, vpc->number, &end->ip);
		end->eni = eni ? &eni->o : NULL;
		return 0;
	}
	/* No VPC is named, and both ends are addresses. */
	while ((o = model_next(a->m, OBJECT_VPC, o))) {
		eni = model_eni_by_ip(a->m, o->number, &end->ip);
		if (eni && found)
			return vpc_error_set(reterr, VPC_E_AMBIGUOUS_NAME, field,
					     "several VPCs have %s; say which with --vpc",
					     field[0] == 'f' ? a->q->from : a->q->to);
		found = eni ? &eni->o : found;
	}
	end->eni = found;
	return 0;
}

static int choose_family(struct asked *a, struct vpc_error *reterr)
{
	uint8_t given = a->from.ip.family ? a->from.ip.family : a->to.ip.family;

	if (a->from.ip.family && a->to.ip.family && a->from.ip.family != a->to.ip.family)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "to",
				     "one end is IPv4 and the other IPv6; give two of one family");
	a->family = given ? given : strcmp(a->q->protocol, "icmpv6") == 0 ? 6 : 4;
	return 0;
}

static int parse_protocol(const char *text, uint8_t family, uint8_t *ret, struct vpc_error *reterr)
{
	static const struct {
		const char *name;
		uint8_t number;
	} names[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6}};
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i].name) == 0)
			*ret = names[i].number;
	if (!*ret && number_parse(text, UINT8_MAX, &number) == 0)
		*ret = (uint8_t)number;
	else if (!*ret)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "protocol",
				     "protocol must be tcp, udp, icmp, icmpv6 or a number from 0 to 255");
	if ((*ret == IPPROTO_ICMP && family == 6) || (*ret == IPPROTO_ICMPV6 && family == 4))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "protocol",
				     "icmp goes with IPv4 addresses, icmpv6 with IPv6 addresses");
	return 0;
}

static int fill_ports(const struct explain_question *q, struct look_packet *p, struct vpc_error *reterr)
{
	uint8_t slot = look_slot(p->family, p->proto), query;
	bool icmp = slot == VPC_SLOT_ICMP || slot == VPC_SLOT_ICMPV6;

	if (q->has_port && (q->port < 0 || q->port > (icmp ? UINT8_MAX : UINT16_MAX)))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "port", "port must be from 0 to %d",
				     icmp ? UINT8_MAX : UINT16_MAX);
	if (q->has_code && (q->code < 0 || q->code > UINT8_MAX))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "code", "code must be from 0 to 255");
	if (q->has_source_port && (q->source_port < 0 || q->source_port > UINT16_MAX))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "source_port",
				     "source_port must be from 0 to 65535");
	if (icmp) {
		p->icmp_type = q->has_port ? (uint8_t)q->port : p->family == 4 ? ECHO4 : ECHO6;
		p->icmp_code = q->has_code ? (uint8_t)q->code : 0;
		if (look_icmp(p, &query) != LOOK_ICMP_QUERY)
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "port",
					     "an ICMP packet of type %u opens no flow; ask about a query, as type %u",
					     p->icmp_type, p->family == 4 ? ECHO4 : ECHO6);
		return 0;
	}
	if (slot == VPC_SLOT_OTHER)
		return 0;
	p->dport = (uint16_t)q->port;
	p->sport = q->has_source_port ? (uint16_t)q->source_port : 0;
	return 0;
}

/* The address that an end has: the given one, or the ENI's primary one of the family. */
static int fill_address(const struct asked *a, const struct end *end, const char *field, __be32 ret[4],
			struct vpc_error *reterr)
{
	const struct ip *ip = &end->ip;

	if (!end->is_address)
		ip = a->family == 4 ? &eni_of(end->eni)->ip : &eni_of(end->eni)->ip6;
	if (!ip->family)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, field,
				     "%s has no IPv%u address; ask about one of the other family", end->eni->id,
				     a->family);
	memcpy(ret, ip->bytes, sizeof(ip->bytes));
	return 0;
}

/* --- from the world to an ENI that is named ----------------------------------------------------------------------- */

/* The elastic IP of one of the ENI's addresses. */
static const struct eip *eip_of_eni(const struct asked *a)
{
	const struct object *o = NULL;
	bool any = !a->to.is_address;

	while ((o = model_next(a->m, OBJECT_EIP, o)))
		if (eip_of(o)->eni == a->to.eni->number && (any || ip_equal(&eip_of(o)->private_ip, &a->to.ip)))
			return eip_of(o);
	return NULL;
}

/* A published port that leads to the port of the ENI. */
static const struct publication *publication_to(const struct asked *a, const struct look_packet *p)
{
	const struct object *o = NULL;

	while ((o = model_next(a->m, OBJECT_PUBLISH, o))) {
		const struct publication *u = publish_of(o);

		if (u->eni == a->to.eni->number && u->protocol == p->proto && u->from_port <= p->dport &&
		    p->dport <= u->to_port)
			return u;
	}
	return NULL;
}

/* Addresses the packet as the world would: to the elastic IP, or to a published port. */
static bool address_publicly(const struct asked *a, struct explain_trace *t)
{
	const struct eip *elastic = eip_of_eni(a);
	const struct publication *u = elastic ? NULL : publication_to(a, &t->packet);

	if (elastic) {
		memcpy(t->packet.dst, elastic->address.bytes, sizeof(t->packet.dst));
		return true;
	}
	if (!u)
		return false;
	t->packet.dport = (uint16_t)(u->host_from_port + (t->packet.dport - u->from_port));
	if (u->host_address.family)
		memcpy(t->packet.dst, u->host_address.bytes, sizeof(t->packet.dst));
	else
		explain_host_address(t, t->packet.dst);
	return true;
}

/* The host reaches private addresses by host access alone; without that it is as anybody in the world. */
static void from_host(const struct asked *a, struct explain_trace *t)
{
	uint32_t vpc = a->to.eni ? eni_of(a->to.eni)->vpc : 0;

	if (vpc && !a->to.is_address && a->family == 4 && !look_host_access(&t->look, vpc, 4, t->packet.src) &&
	    address_publicly(a, t))
		vpc = 0;
	explain_from_host(t, vpc);
}

static void enter(const struct asked *a, struct explain_trace *t)
{
	struct explain_port p = {.direction = VPC_INGRESS};

	if (explain_is_host(t, t->packet.src)) {
		from_host(a, t);
		return;
	}
	if (!a->to.eni || a->family == 6 || address_publicly(a, t)) {
		explain_enter(t);
		return;
	}
	p.me = a->to.eni->number;
	p.vpc = eni_of(a->to.eni)->vpc;
	explain_add(t, EXPLAIN_GATEWAY, &p, VPC_DROP_NO_PUBLIC_ADDRESS)->gateway = explain_gateway(VPC_EDGE_IGW, 0);
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

static json_t *end_json(const struct asked *a, const struct end *end, const __be32 *address)
{
	const struct object *vpc = end->eni ? model_by_number(a->m, OBJECT_VPC, eni_of(end->eni)->vpc) : NULL;

	return json_pack("{s:s,s:s?,s:s?,s:s?}", "address", explain_address(address).text, "eni_id",
			 end->eni ? end->eni->id : NULL, "eni", end->eni ? end->eni->name : NULL, "vpc_id",
			 vpc ? vpc->id : NULL);
}

/* The commands of the steps that refuse, each once. */
static json_t *commands_json(json_t *steps)
{
	json_t *commands = json_array(), *step, *known;
	size_t i, k;

	json_array_foreach (steps, i, step) {
		json_t *command = json_object_get(step, "command");
		bool told = !command;

		json_array_foreach (commands, k, known)
			told = told || json_equal(known, command);
		if (!told)
			json_array_append(commands, command);
	}
	return commands;
}

/* The flow that the packet would open. Ports that weren't asked for are null. */
static json_t *flow_json(const struct asked *a, const struct look_packet *p)
{
	const struct flow_tuple tuple = {.protocol = p->proto,
					 .src = p->src,
					 .dst = p->dst,
					 .src_port = htons(p->sport),
					 .dst_port = htons(p->dport),
					 .icmp = p->icmp_type << 8 | p->icmp_code};
	_cleanup_json_ json_t *flow = json_object();

	if (!flow || flow_put_json(flow, &tuple) < 0 ||
	    (!a->q->has_source_port && json_object_set_new(flow, "src_port", json_null()) < 0) ||
	    (!a->q->has_port && json_object_set_new(flow, "dst_port", json_null()) < 0))
		return NULL;
	return TAKE_PTR(flow);
}

/* "tcp 443", "tcp all". */
static struct explain_text asked_protocol(const struct look_packet *first, const struct explain_trace *t)
{
	return t->any_port ? explain_ports(first->proto, 0, UINT16_MAX) : explain_protocol(first);
}

/* Of a packet that passes, and not to the ENI that was named. */
static json_t *elsewhere_json(const struct asked *a, const struct look_packet *first, const struct explain_trace *t,
			      const struct explain_step *by)
{
	json_t *steps = explain_steps_json(a->m, t), *commands = json_array();
	struct explain_text text, command;

	explain_say(&text, "the packet passes, but by %s of VPC %.80s, and never gets into VPC %.80s, where %.80s is",
		    explain_target(a->m, by->vpc, by->gateway).text, explain_name(a->m, OBJECT_VPC, by->vpc),
		    explain_name(a->m, OBJECT_VPC, t->meant_vpc), explain_name(a->m, OBJECT_ENI, a->to.eni->number));
	if (explain_open_other_vpc(a->m, by, &command) && *command.text)
		json_array_append_new(commands, json_string(command.text));
	return json_pack("{s:s,s:n,s:s,s:s,s:o,s:o,s:o,s:s,s:i,s:o,s:o,s:I}", "verdict", "elsewhere", "reason",
			 "reason_text", text.text, "refused", "none", "from", end_json(a, &a->from, first->src), "to",
			 end_json(a, &a->to, first->dst), "flow", flow_json(a, first), "protocol",
			 asked_protocol(first, t).text, "protocol_number", first->proto, "steps", steps, "commands",
			 commands, "epoch", (json_int_t)t->look.epoch);
}

static json_t *answer_json(const struct asked *a, const struct look_packet *first, const struct explain_trace *t)
{
	const struct explain_step *refused = explain_refusal(t, false), *reply = explain_refusal(t, true);
	const struct explain_step *why = refused ? refused : reply, *elsewhere = explain_elsewhere(t);
	json_t *steps, *o;

	if (elsewhere)
		return elsewhere_json(a, first, t, elsewhere);
	steps = explain_steps_json(a->m, t);
	if (!steps)
		return NULL;
	o = json_pack("{s:s,s:s?,s:s?,s:s,s:o,s:o,s:o,s:s,s:i,s:o,s:o,s:I}", "verdict", why ? "drop" : "allow",
		      "reason", why ? drop_reason_label(why->reason) : NULL, "reason_text",
		      why ? drop_reason_text(why->reason) : NULL, "refused",
		      refused ? "request"
		      : why   ? "reply"
			      : "none",
		      "from", end_json(a, &a->from, first->src), "to", end_json(a, &a->to, first->dst), "flow",
		      flow_json(a, first), "protocol", asked_protocol(first, t).text, "protocol_number", first->proto,
		      "steps", steps, "commands", commands_json(steps), "epoch", (json_int_t)t->look.epoch);
	return o;
}

static int ask(struct asked *a, struct look_packet *p, struct vpc_error *reterr)
{
	int r = resolve_eni(a, a->q->from, "from", &a->from, reterr);

	if (r >= 0)
		r = resolve_eni(a, a->q->to, "to", &a->to, reterr);
	if (r >= 0)
		r = resolve_address(a, &a->from, &a->to, "from", reterr);
	if (r >= 0)
		r = resolve_address(a, &a->to, &a->from, "to", reterr);
	if (r >= 0)
		r = choose_family(a, reterr);
	p->family = a->family;
	if (r >= 0)
		r = parse_protocol(a->q->protocol, a->family, &p->proto, reterr);
	if (r >= 0)
		r = fill_ports(a->q, p, reterr);
	if (r >= 0)
		r = fill_address(a, &a->from, "from", p->src, reterr);
	return r < 0 ? r : fill_address(a, &a->to, "to", p->dst, reterr);
}

/* What the walk of one port needs. */
struct walk {
	struct asked *a;
	const struct explain_trace *begin;
};

static void walk_port(struct explain_trace *t, uint16_t port, void *userdata)
{
	const struct walk *w = userdata;

	*t = *w->begin;
	t->packet.dport = port;
	if (w->a->from.eni)
		explain_send(t, w->a->from.eni->number);
	else
		enter(w->a, t);
}

/* Without a port: what becomes of each. */
static int answer_all(struct asked *a, const struct explain_trace *begin, json_t **ret, struct vpc_error *reterr)
{
	_cleanup_free_ struct explain_trace *t = calloc(1, sizeof(*t));
	_cleanup_json_ json_t *ports = NULL;
	struct walk walk = {.a = a, .begin = begin};
	struct all_ports all = {.n = 0};
	const struct object *o = NULL;
	bool any, every;

	all_ports_add(&all, a->m, a->from.eni, begin->packet.proto);
	all_ports_add(&all, a->m, a->to.eni, begin->packet.proto);
	while ((o = model_next(a->m, OBJECT_PUBLISH, o))) {
		bool host = !a->to.eni;

		if (a->from.eni || publish_of(o)->protocol != begin->packet.proto ||
		    (a->to.eni && publish_of(o)->eni != a->to.eni->number))
			continue;
		all_ports_add_one(&all, host ? publish_of(o)->host_from_port : publish_of(o)->from_port);
		all_ports_add_one(&all, (host ? publish_of(o)->host_to_port : publish_of(o)->to_port) + 1);
	}
	if (all.full)
		return vpc_error_set(reterr, VPC_E_MISSING_PARAMETER, "port",
				     "the rules name too many ranges of ports to tell of each; give a port");
	ports = t ? all_ports_walk(&all, walk_port, &walk, t, &any, &every) : NULL;
	*ret = ports ? answer_json(a, &begin->packet, t) : NULL;
	if (!*ret || json_object_set(*ret, "ports", ports) < 0 ||
	    (any && !every && json_object_set_new(*ret, "verdict", json_string("partly")) < 0)) {
		json_decref(*ret);
		return vpc_error_oom(reterr);
	}
	return 0;
}

int explain_answer(const struct maps *maps, const struct model *model, uint64_t now_ns,
		   const struct explain_question *q, json_t **ret, struct vpc_error *reterr)
{
	_cleanup_free_ struct explain_trace *begin = calloc(1, sizeof(*begin)), *t = calloc(1, sizeof(*t));
	struct asked a = {.m = model, .q = q};
	struct walk walk = {.a = &a, .begin = begin};
	int r;

	if (!begin || !t)
		return vpc_error_oom(reterr);
	r = ask(&a, &begin->packet, reterr);
	if (r < 0)
		return r;
	begin->look = look_begin(maps, now_ns);
	begin->any_sport = !q->has_source_port;
	if (a.from.eni && a.to.eni && !a.to.is_address)
		begin->meant_vpc = eni_of(a.to.eni)->vpc;
	if (!q->has_port && (begin->packet.proto == IPPROTO_TCP || begin->packet.proto == IPPROTO_UDP)) {
		begin->any_port = true;
		return answer_all(&a, begin, ret, reterr);
	}
	walk_port(t, begin->packet.dport, &walk);
	*ret = answer_json(&a, &begin->packet, t);
	return *ret ? 0 : vpc_error_oom(reterr);
}
