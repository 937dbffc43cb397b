/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/explain/all_ports.h"

#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "observe/drop_reason.h"
#include "observe/explain/report.h"

/* So many rules are looked at. */
#define RULES_MAX 100000
/* In the place of a drop reason: nothing refuses it, and it doesn't get to the ENI that is meant. */
#define ELSEWHERE (-1)

void all_ports_add_one(struct all_ports *p, int port)
{
	unsigned place = 0;

	if (port < 0 || port > UINT16_MAX)
		return;
	while (place < p->n && p->at[place] < port)
		place++;
	if (place < p->n && p->at[place] == port)
		return;
	if (p->n == ALL_PORTS_MAX) {
		p->full = true;
		return;
	}
	memmove(&p->at[place + 1], &p->at[place], (p->n - place) * sizeof(p->at[0]));
	p->at[place] = (uint16_t)port;
	p->n++;
}

static void add_range(struct all_ports *p, int wanted, int protocol, int from, int to)
{
	if (protocol != wanted || from < 0)
		return;
	all_ports_add_one(p, from);
	all_ports_add_one(p, to + 1);
}

void all_ports_add(struct all_ports *p, const struct model *m, const struct object *eni, int protocol)
{
	const struct object *subnet = eni ? model_by_number(m, OBJECT_SUBNET, eni_of(eni)->subnet) : NULL;
	const struct object *vpc = eni ? model_by_number(m, OBJECT_VPC, eni_of(eni)->vpc) : NULL;
	const struct object *acl;
	unsigned looked = 0;

	all_ports_add_one(p, 0);
	if (!subnet || !vpc)
		return;
	for (size_t i = 0; i < eni_of(eni)->n_groups; i++) {
		const struct rule *r = NULL;

		while (!p->full && looked++ < RULES_MAX && (r = model_next_rule(m, eni_of(eni)->groups[i], r)))
			add_range(p, protocol, r->protocol, r->from_port, r->to_port);
	}
	acl = model_by_number(m, OBJECT_ACL,
			      subnet_of(subnet)->acl ? subnet_of(subnet)->acl : vpc_of(vpc)->default_acl);
	for (size_t i = 0; acl && i < acl_of(acl)->n_rules; i++)
		add_range(p, protocol, acl_of(acl)->rules[i].protocol, acl_of(acl)->rules[i].from_port,
			  acl_of(acl)->rules[i].to_port);
}

static json_t *range_json(unsigned first, unsigned last, int reason)
{
	json_t *ports = first == last ? json_sprintf("%u", first) : json_sprintf("%u-%u", first, last);

	return json_pack("{s:o,s:s,s:s?}", "ports", ports, "verdict",
			 reason == ELSEWHERE ? "elsewhere"
			 : reason	     ? "drop"
					     : "allow",
			 "reason", reason > 0 ? drop_reason_label(reason) : NULL);
}

json_t *all_ports_walk(const struct all_ports *p, void (*walk)(struct explain_trace *t, uint16_t port, void *userdata),
		       void *userdata, struct explain_trace *ret, bool *ret_any, bool *ret_all)
{
	_cleanup_free_ struct explain_trace *t = calloc(1, sizeof(*t));
	_cleanup_json_ json_t *list = json_array();
	unsigned first = 0;
	int was = 0;
	bool kept = false;

	*ret_any = false;
	*ret_all = true;
	for (unsigned i = 0; t && list && i < p->n; i++) {
		const struct explain_step *why;
		int reason;

		walk(t, p->at[i], userdata);
		why = explain_refusal(t, false);
		if (!why)
			why = explain_refusal(t, true);
		reason = why ? why->reason : explain_elsewhere(t) ? ELSEWHERE : 0;
		*ret_any = *ret_any || !reason;
		*ret_all = *ret_all && !reason;
		if (i == 0 || (reason && !kept))
			*ret = *t;
		kept = kept || reason;
		if (i && reason != was) {
			json_array_append_new(list, range_json(first, p->at[i] - 1u, was));
			first = p->at[i];
		}
		was = reason;
	}
	if (!t || !list || json_array_append_new(list, range_json(first, UINT16_MAX, was)) < 0)
		return NULL;
	return TAKE_PTR(list);
}
