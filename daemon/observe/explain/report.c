/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trace as JSON. */
#include "observe/explain/report.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "observe/drop_reason.h"

static const char *const stages[EXPLAIN_STAGES] = {
	[EXPLAIN_SOURCE] = "source",   [EXPLAIN_DESTINATION] = "destination",
	[EXPLAIN_ACL] = "network_acl", [EXPLAIN_ROUTE] = "route",
	[EXPLAIN_FLOW] = "flow",       [EXPLAIN_GROUPS] = "security_groups",
	[EXPLAIN_BUDGET] = "budget",   [EXPLAIN_GATEWAY] = "gateway",
	[EXPLAIN_HOST] = "host",
};

/* --- what each step says ------------------------------------------------------------------------------------------ */

static void say_groups(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct object *o = s->rule ? model_by_number(m, OBJECT_RULE, s->rule) : NULL;
	const char *direction = s->direction == VPC_EGRESS ? "to" : "from";
	const __be32 *peer = s->direction == VPC_EGRESS ? s->packet.dst : s->packet.src;

	if (o)
		explain_say(ret, "rule %s of group %.60s allows %s %s %.60s", o->id,
			    explain_name(m, OBJECT_SG, rule_of(o)->sg),
			    explain_ports(rule_of(o)->protocol, rule_of(o)->from_port, rule_of(o)->to_port).text,
			    direction, explain_peer(m, rule_of(o)).text);
	else if (s->rule)
		explain_say(ret,
			    "rule number %u allows it, which the model doesn't have: see "
			    "vpcctl verify",
			    s->rule);
	else
		explain_say(ret, "no %s rule of the groups of %.80s allows %s %s %s",
			    s->direction == VPC_EGRESS ? "egress" : "ingress", explain_name(m, OBJECT_ENI, s->eni),
			    explain_protocol(&s->packet).text, direction, explain_address(peer).text);
}

static void say_acl(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct acl_rule *r = explain_acl_rule(m, s);
	const char *name = explain_name(m, OBJECT_ACL, s->acl.acl);
	char cidr[CIDR_STRLEN];

	if (r)
		explain_say(ret, "rule %u of %.80s %s %s %s %s", r->number, name, r->allow ? "allows" : "denies",
			    explain_ports(r->protocol, r->from_port, r->to_port).text,
			    s->direction == VPC_EGRESS ? "to" : "from", cidr_format(&r->cidr, cidr));
	else
		explain_say(ret, "no rule of %.80s allows %s, and it ends in deny", name,
			    explain_protocol(&s->packet).text);
}

static void say_route(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	const struct vpc_route_key *k = &s->route.key;
	struct cidr destination = {.plen = k->plen};
	__be32 address[4] = {0, 0, k->family == 4 ? htonl(0xffff) : k->addr[2],
			     k->family == 4 ? k->addr[0] : k->addr[3]};
	char cidr[CIDR_STRLEN];

	if (k->family == 6)
		memcpy(address, k->addr, sizeof(address));
	destination.addr = explain_ip(address);
	if (!s->route.target && explain_kind(s->gateway) == VPC_EDGE_HOST)
		explain_say(ret, "host access leads to the host's own address");
	else if (!s->route.target)
		explain_say(ret, "route table %.80s has no route to %s",
			    explain_name(m, OBJECT_ROUTE_TABLE, s->route.table),
			    explain_address(s->back ? s->packet.src : s->packet.dst).text);
	else
		explain_say(ret, "route %s of table %.60s leads to %.80s", cidr_format(&destination, cidr),
			    explain_name(m, OBJECT_ROUTE_TABLE, s->route.table),
			    s->hop ? explain_name(m, OBJECT_ENI, s->hop)
				   : explain_target(m, s->vpc, s->route.target).text);
}

static void say_gateway(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	if (s->reason)
		explain_say(ret, "%s: %s", explain_target(m, s->vpc, s->gateway).text, drop_reason_text(s->reason));
	else if (s->publication)
		explain_say(ret, "published port %.80s leads to %.80s", explain_name(m, OBJECT_PUBLISH, s->publication),
			    explain_name(m, OBJECT_ENI, s->eni));
	else
		explain_say(ret, "it goes by %s, %s %s to %s", explain_target(m, s->vpc, s->gateway).text,
			    s->direction == VPC_EGRESS ? "now from" : "from",
			    s->packet.src[3] || s->packet.family == 6 ? explain_address(s->packet.src).text
								      : "the host's own address",
			    explain_address(s->packet.dst).text);
}

static void say_flow(const struct explain_step *s, struct explain_text *ret)
{
	static const char *const states[VPC_FLOW_STATES] = {"",	       "SYN seen", "SYN-ACK seen", "established",
							    "closing", "reset",	   "one way",	   "replied",
							    "stream",  "known",	   "cut"};

	explain_say(ret, "it belongs to a flow that is known (%s)%s%s",
		    s->flow.state < VPC_FLOW_STATES ? states[s->flow.state] : "?", s->reason ? ": " : "",
		    s->reason ? drop_reason_text(s->reason) : "");
}

static void say_source(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	bool of_destination =
		s->reason == VPC_DROP_MULTICAST || (s->reason && !explain_multicast(s->packet.family, s->packet.src) &&
						    !explain_special(s->packet.family, s->packet.src) &&
						    explain_special(s->packet.family, s->packet.dst) == s->reason);

	if (s->reason || !s->eni)
		explain_say(ret, "%s: %s", explain_address(of_destination ? s->packet.dst : s->packet.src).text,
			    drop_reason_text(s->reason));
	else
		explain_say(ret, "%.80s may send from %s", explain_name(m, OBJECT_ENI, s->eni),
			    explain_address(s->packet.src).text);
}

static void say_host(const struct explain_step *s, struct explain_text *ret)
{
	if (!s->reason)
		explain_say(ret, "the host's own routes lead on to %s", explain_address(s->packet.dst).text);
	else if (s->reply)
		explain_say(ret,
			    "the answer to %s goes to the host itself, by the VPC's host access: the sender doesn't "
			    "get it",
			    explain_address(s->packet.src).text);
	else if (s->reason == VPC_DROP_NO_INBOUND)
		explain_say(ret, "%s is the host's own, and %s is published to no network interface",
			    explain_address(s->packet.dst).text, explain_protocol(&s->packet).text);
	else
		explain_say(ret, "%s: %s", explain_address(s->packet.dst).text, drop_reason_text(s->reason));
}

/* The sender has the destination, too. */
static bool is_own(const struct model *m, const struct explain_step *s)
{
	const struct ip ip = explain_ip(s->packet.dst);
	const struct eni *eni = model_eni_by_ip(m, s->vpc, &ip);

	return eni && s->direction == VPC_EGRESS && eni->o.number == s->eni;
}

static void say(const struct model *m, const struct explain_step *s, struct explain_text *ret)
{
	switch (s->stage) {
	case EXPLAIN_SOURCE:
		say_source(m, s, ret);
		return;
	case EXPLAIN_GROUPS:
		say_groups(m, s, ret);
		return;
	case EXPLAIN_ACL:
		say_acl(m, s, ret);
		return;
	case EXPLAIN_ROUTE:
		say_route(m, s, ret);
		return;
	case EXPLAIN_GATEWAY:
		say_gateway(m, s, ret);
		return;
	case EXPLAIN_FLOW:
		say_flow(s, ret);
		return;
	case EXPLAIN_DESTINATION:
		if (is_own(m, s)) {
			explain_say(ret,
				    "%s is %.80s's own: the workload delivers that itself, and it never leaves by the "
				    "network interface",
				    explain_address(s->packet.dst).text, explain_name(m, OBJECT_ENI, s->eni));
			return;
		}
		break;
	case EXPLAIN_HOST:
		say_host(s, ret);
		return;
	default:
		break;
	}
	explain_say(ret, "%s: %s", explain_address(s->packet.dst).text, drop_reason_text(s->reason));
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static int put_id(json_t *o, const char *key, const struct model *m, enum object_kind kind, uint32_t number)
{
	const struct object *object = number ? model_by_number(m, kind, number) : NULL;

	return object ? json_object_set_new(o, key, json_string(object->id)) : 0;
}

static json_t *nearest_json(const struct model *m, const struct look *l, const struct explain_step *s)
{
	static const struct {
		unsigned bit;
		const char *field;
	} fields[] = {{EXPLAIN_MISS_PROTOCOL, "protocol"}, {EXPLAIN_MISS_PORT, "port"}, {EXPLAIN_MISS_PEER, "peer"}};
	unsigned missed;
	const struct rule *r = explain_nearest(m, l, s, &missed);
	json_t *misses, *json;

	if (!r)
		return NULL;
	misses = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (missed & fields[i].bit)
			json_array_append_new(misses, json_string(fields[i].bit != EXPLAIN_MISS_PEER ? fields[i].field
								  : r->peer == PEER_SG		     ? "group"
								  : r->peer == PEER_CIDR	     ? "cidr"
												     : "prefix_list"));
	json = json_pack("{s:s,s:s,s:o}", "rule_id", r->o.id, "text", "", "misses", misses);
	if (json)
		json_object_set_new(json, "text",
				    json_sprintf("group %.60s: %s %s %.60s", explain_name(m, OBJECT_SG, r->sg),
						 explain_ports(r->protocol, r->from_port, r->to_port).text,
						 r->direction == VPC_EGRESS ? "to" : "from", explain_peer(m, r).text));
	return json;
}

static int put_of_stage(json_t *o, const struct model *m, const struct look *l, const struct explain_step *s)
{
	const struct object *rule = s->rule ? model_by_number(m, OBJECT_RULE, s->rule) : NULL;
	const struct acl_rule *acl_rule = s->stage == EXPLAIN_ACL ? explain_acl_rule(m, s) : NULL;
	json_t *nearest = s->stage == EXPLAIN_GROUPS && s->reason && s->set ? nearest_json(m, l, s) : NULL;
	int r = 0;

	if (rule)
		r |= put_id(o, "rule_id", m, OBJECT_RULE, s->rule) |
		     put_id(o, "security_group_id", m, OBJECT_SG, rule_of(rule)->sg);
	if (s->stage == EXPLAIN_ACL)
		r |= put_id(o, "network_acl_id", m, OBJECT_ACL, s->acl.acl);
	if (acl_rule)
		r |= json_object_set_new(o, "network_acl_rule", json_integer(acl_rule->number));
	if (s->stage == EXPLAIN_ROUTE)
		r |= put_id(o, "route_table_id", m, OBJECT_ROUTE_TABLE, s->route.table);
	if (s->publication)
		r |= put_id(o, "publication_id", m, OBJECT_PUBLISH, s->publication);
	if (nearest)
		r |= json_object_set_new(o, "nearest", nearest);
	return r;
}

static json_t *step_json(const struct model *m, const struct look *l, const struct explain_step *s)
{
	struct explain_text text = {""}, command;
	json_t *o = json_object();
	int r;

	if (!o)
		return NULL;
	say(m, s, &text);
	r = json_object_set_new(o, "packet", json_string(s->reply ? "reply" : "request")) |
	    json_object_set_new(o, "step", json_string(stages[s->stage])) |
	    json_object_set_new(o, "direction", json_string(s->direction == VPC_EGRESS ? "egress" : "ingress")) |
	    json_object_set_new(o, "verdict", json_string(s->reason ? "drop" : "allow")) |
	    json_object_set_new(o, "text", json_string(text.text));
	if (s->reason)
		r |= json_object_set_new(o, "reason", json_string(drop_reason_label(s->reason)));
	r |= put_id(o, "eni_id", m, OBJECT_ENI, s->eni) | put_of_stage(o, m, l, s);
	if (s->reason && explain_command(m, l, s, &command))
		r |= json_object_set_new(o, "command", json_string(command.text));
	if (r == 0)
		return o;
	json_decref(o);
	return NULL;
}

json_t *explain_steps_json(const struct model *m, const struct explain_trace *t)
{
	_cleanup_json_ json_t *steps = json_array();

	for (unsigned i = 0; steps && i < t->n; i++)
		if (json_array_append_new(steps, step_json(m, &t->look, &t->step[i])) < 0)
			return NULL;
	return TAKE_PTR(steps);
}
