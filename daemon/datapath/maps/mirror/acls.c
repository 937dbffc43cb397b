/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/acls.h"

#include <errno.h>

#include "datapath/maps/mirror/refuse.h"

/* --- the ENIs of a subnet ----------------------------------------------------------------------------------------- */

static void leave_subnet(struct mirror *m, uint32_t eni)
{
	struct eni_node *node = &m->enis[eni];

	if (node->subnet_prev)
		m->enis[node->subnet_prev].subnet_next = node->subnet_next;
	else
		m->subnets[node->subnet].enis = node->subnet_next;
	if (node->subnet_next)
		m->enis[node->subnet_next].subnet_prev = node->subnet_prev;
	node->subnet = node->subnet_next = node->subnet_prev = 0;
}

void subnet_of_eni(struct mirror *m, uint32_t eni, uint32_t subnet)
{
	struct eni_node *node = &m->enis[eni];

	if (node->subnet == subnet || subnet >= m->size.subnets)
		return;
	if (node->subnet)
		leave_subnet(m, eni);
	node->subnet = subnet;
	if (!subnet)
		return;
	node->subnet_next = m->subnets[subnet].enis;
	if (node->subnet_next)
		m->enis[node->subnet_next].subnet_prev = eni;
	m->subnets[subnet].enis = eni;
}

/* Whether an ACL has a table in any direction. */
static bool acl_has_table(const struct mirror *m, uint32_t acl)
{
	const struct acl_node *node = &m->acls[acl < m->size.acls ? acl : 0];

	return node->table[VPC_INGRESS].at || node->table[VPC_EGRESS].at;
}

uint32_t acl_eni_flag(const struct mirror *m, uint32_t subnet)
{
	return subnet < m->size.subnets && acl_has_table(m, m->subnets[subnet].acl) ? VPC_ENI_ACL : 0;
}

/* Whether the change has another direction of the same ACL before number i. */
static bool acl_came(const struct mirror_change *c, size_t i)
{
	for (size_t k = i; k > 0 && i - k < 2; k--)
		if (c->acls.at[k - 1].number == c->acls.at[i].number)
			return true;
	return false;
}

void acl_each_subnet(const struct mirror *m, const struct mirror_change *c, void (*fn)(uint32_t subnet, void *userdata),
		     void *userdata)
{
	for (size_t i = 0; i < c->acls.n; i++)
		for (uint32_t subnet = 1; !acl_came(c, i) && subnet < m->size.subnets; subnet++)
			if (m->subnets[subnet].acl == c->acls.at[i].number)
				fn(subnet, userdata);
	for (size_t i = 0; i < c->subnet_acls.n; i++)
		fn(c->subnet_acls.at[i].subnet, userdata);
}

/* --- a change ----------------------------------------------------------------------------------------------------- */

static int plan_acl(struct mirror *m, struct mirror_change *c, const struct plan_acl *p, struct vpc_error *reterr)
{
	const struct acl_record *record = p->has_after ? &p->after : &p->before;
	struct touched_acl *touched;
	struct acl_node *node;

	if (record->number == 0 || record->number >= m->size.acls)
		return refuse_number(reterr, "acl", m->size.acls, record->number);
	if (record->vpc >= m->size.vpcs)
		return refuse_number(reterr, "vpc_acls", m->size.vpcs, record->vpc);
	if (record->direction > VPC_EGRESS || record->n_rules > VPC_ACL_RULES)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned network ACL is not valid");
	node = &m->acls[record->number];
	if (node->touched[record->direction]) {
		/* Removed and made again by one plan. */
		for (size_t i = 0; i < c->acls.n; i++)
			if (p->has_after && c->acls.at[i].number == record->number &&
			    c->acls.at[i].dir == record->direction)
				c->acls.at[i].record = record;
		return 0;
	}
	if (!p->has_after && !node->table[record->direction].at && !node->broken[record->direction])
		return 0;
	touched = ARRAY_PUSH(&c->acls);
	if (!touched)
		return vpc_error_oom(reterr);
	*touched = (struct touched_acl){.number = record->number,
					.dir = record->direction,
					.record = p->has_after ? record : NULL,
					.old = node->table[record->direction]};
	node->touched[record->direction] = true;
	return 0;
}

static int plan_subnet_acl(struct mirror *m, struct mirror_change *c, const struct plan_subnet_acl *p,
			   struct vpc_error *reterr)
{
	const struct subnet_acl_record *record = p->has_after ? &p->after : &p->before;
	uint32_t acl = p->has_after ? record->acl : 0;
	struct touched_subnet_acl *touched;
	struct subnet_node *node;

	if (record->subnet == 0 || record->subnet >= m->size.subnets)
		return refuse_number(reterr, "subnet_acl", m->size.subnets, record->subnet);
	if (acl >= m->size.acls)
		return refuse_number(reterr, "acl", m->size.acls, acl);
	node = &m->subnets[record->subnet];
	if (node->touched) {
		/* The number of a subnet that is deleted is given again by the same plan. */
		for (size_t i = 0; p->has_after && i < c->subnet_acls.n; i++)
			if (c->subnet_acls.at[i].subnet == record->subnet)
				c->subnet_acls.at[i].acl = node->acl = acl;
		return 0;
	}
	if (node->acl == acl)
		return 0;
	touched = ARRAY_PUSH(&c->subnet_acls);
	if (!touched)
		return vpc_error_oom(reterr);
	*touched = (struct touched_subnet_acl){.subnet = record->subnet, .old = node->acl, .acl = acl};
	node->touched = true;
	node->acl = acl;
	return 0;
}

int plan_acls(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_acls; i++)
		r = plan_acl(m, c, &plan->acls[i], reterr);
	for (size_t i = 0; r >= 0 && i < plan->n_subnet_acls; i++)
		r = plan_subnet_acl(m, c, &plan->subnet_acls[i], reterr);
	return r;
}

void acls_undo(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = c->acls.n; i > 0; i--) {
		const struct touched_acl *touched = &c->acls.at[i - 1];
		struct acl_table *table = &m->acls[touched->number].table[touched->dir];

		if (touched->replaced && table->at)
			extents_give(&m->acl_blocks, table->at, table->blocks);
		*table = touched->old;
		m->acls[touched->number].touched[touched->dir] = false;
	}
	for (size_t i = c->subnet_acls.n; i > 0; i--) {
		const struct touched_subnet_acl *touched = &c->subnet_acls.at[i - 1];

		m->subnets[touched->subnet].acl = touched->old;
		m->subnets[touched->subnet].touched = false;
	}
}

void acls_publish(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->acls.n; i++) {
		struct touched_acl *touched = &c->acls.at[i];

		m->acls[touched->number].touched[touched->dir] = false;
		m->acls[touched->number].broken[touched->dir] = false;
		touched->record = NULL;
	}
	for (size_t i = 0; i < c->subnet_acls.n; i++)
		m->subnets[c->subnet_acls.at[i].subnet].touched = false;
}
