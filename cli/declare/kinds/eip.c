/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elastic IPs, and what they are associated with: a network interface or a NAT gateway of a VPC. */
#include <errno.h>

#include <vpc/json.h>

#include "cli/declare/plan.h"

static int prepare(const struct snapshot *s, json_t *object)
{
	const struct entry *nat = snapshot_member(s, object, "nat_gateway_id");

	if (!nat)
		return 0;
	return json_object_set(object, "vpc_id", json_object_get(nat->object, "vpc_id")) < 0 ? -ENOMEM : 0;
}

static int disassociate(struct plan *p, struct node *n)
{
	const json_t *document = n->entry ? n->entry->document : NULL;

	if (!json_is_string(json_object_get(document, "eni")) &&
	    !json_is_string(json_object_get(document, "nat_gateway")))
		return 0;
	return plan_emit(p, n, PHASE_UNPUBLISH, json_pack("{s:s}", "op", "eip.disassociate"));
}

/* All members of the association are one change. */
static int change_association(struct plan *p, struct node *n, const json_t *before, const json_t *after)
{
	const char *vpc = json_string_value(plan_wanted(n, "vpc")), *eni = json_string_value(plan_wanted(n, "eni")),
		   *nat = json_string_value(plan_wanted(n, "nat_gateway"));
	/* Another network interface has other addresses. */
	const json_t *address = json_object_get(n->after, "eni") ? json_object_get(n->after, "private_ip")
								 : plan_wanted(n, "private_ip");
	json_t *to = NULL;
	int r;

	(void)before;
	(void)after;
	if (n->done)
		return 0;
	n->done = true;
	/* It is associated with one of them: who names one takes it from the other. */
	if (json_is_string(json_object_get(n->after, "eni")) && !json_object_get(n->after, "nat_gateway"))
		nat = NULL;
	if (json_is_string(json_object_get(n->after, "nat_gateway")) && !json_object_get(n->after, "eni"))
		eni = NULL;
	if (eni && nat)
		return plan_refuse(p, n, "InvalidParameterCombination",
				   "elastic IP '%.255s' has eni and nat_gateway: one of them", n->name);
	if ((eni || nat) && !vpc)
		return plan_refuse(p, n, "MissingParameter", "elastic IP '%.255s' needs vpc: that of its %s", n->name,
				   eni ? "eni" : "nat_gateway");
	r = disassociate(p, n);
	if (r == 0 && (eni || nat))
		r = plan_refer(p, n, eni ? OBJECT_ENI : OBJECT_NAT, vpc, eni ? eni : nat, &to);
	if (r < 0 || !to)
		return r;
	if (nat)
		return plan_emit(p, n, PHASE_UPDATE,
				 json_pack("{s:s,s:o}", "op", "eip.associate", "nat_gateway_id", to));
	return plan_emit(p, n, PHASE_UPDATE,
			 json_is_string(address) ? json_pack("{s:s,s:o,s:O}", "op", "eip.associate", "eni_id", to,
							     "private_ip", address)
						 : json_pack("{s:s,s:o}", "op", "eip.associate", "eni_id", to));
}

static const struct declared_field fields[] = {
	{.key = "address", .flags = DECLARED_CREATE | DECLARED_KEY | DECLARED_CHOSEN | DECLARED_ADDRESS},
	{.key = "pool", .flags = DECLARED_CREATE | DECLARED_CHOSEN},
	{.key = "vpc",
	 .flags = DECLARED_NULL,
	 .api = "vpc_id",
	 .refers = REFERS(VPC),
	 .absent = "null",
	 .change = change_association},
	{.key = "eni",
	 .flags = DECLARED_NULL,
	 .api = "eni_id",
	 .refers = REFERS(ENI),
	 .absent = "null",
	 .change = change_association},
	{.key = "private_ip",
	 .flags = DECLARED_CHOSEN | DECLARED_ADDRESS,
	 .absent = "null",
	 .change = change_association},
	{.key = "nat_gateway",
	 .flags = DECLARED_NULL,
	 .api = "nat_gateway_id",
	 .refers = REFERS(NAT),
	 .absent = "null",
	 .change = change_association},
	DECLARED_TAGS_FIELD,
};

const struct declared eip_declared = {
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.create = PHASE_CREATE,
	.delete = PHASE_DELETE_EIP,
	.name_optional = true,
	.prepare = prepare,
	.before_delete = disassociate,
};
