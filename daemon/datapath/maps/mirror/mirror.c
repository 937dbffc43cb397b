/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/mirror.h"

#include <errno.h>
#include <stdlib.h>

#include <vpc/cleanup.h>

#include "datapath/maps/mirror/acls.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/affected.h"
#include "datapath/maps/mirror/classifiers.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/plan_rows.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"

static int init_acls(struct mirror *m)
{
	const struct mirror_sizes *n = &m->size;
	uint32_t blocks = n->acl_blocks > VPC_VERSIONED_VALUE_MASK ? VPC_VERSIONED_VALUE_MASK : n->acl_blocks;

	m->acls = calloc(n->acls, sizeof(*m->acls));
	m->subnets = calloc(n->subnets, sizeof(*m->subnets));
	m->acl_tables = calloc(n->vpcs, sizeof(*m->acl_tables));
	return m->acls && m->subnets && m->acl_tables ? extents_init(&m->acl_blocks, blocks) : -ENOMEM;
}

static int init_edge(struct mirror *m)
{
	const struct mirror_sizes *n = &m->size;

	m->routes = calloc(n->routes, sizeof(*m->routes));
	m->route_tables = calloc(n->route_tables, sizeof(struct route_table *));
	m->associations = calloc(n->subnets, sizeof(*m->associations));
	m->nats = calloc(n->nats, sizeof(*m->nats));
	m->eips = calloc(n->eips, sizeof(*m->eips));
	m->publishes = calloc(n->publishes, sizeof(*m->publishes));
	if (!m->routes || !m->route_tables || !m->associations || !m->nats || !m->eips || !m->publishes)
		return -ENOMEM;
	if (numbers_init(&m->route_numbers, n->routes) < 0 || numbers_init(&m->publish_numbers, n->publishes) < 0)
		return -ENOMEM;
	if (chains_init(&m->routes_by_key, n->routes) < 0 || chains_init(&m->eips_by_address, n->eips) < 0 ||
	    chains_init(&m->eips_by_private, n->eips) < 0 || chains_init(&m->publishes_by_key, n->publishes) < 0)
		return -ENOMEM;
	return 0;
}

static void free_edge(struct mirror *m)
{
	for (uint32_t i = 0; m->route_tables && i < m->size.route_tables; i++)
		free(m->route_tables[i]);
	free(m->route_tables);
	free(m->routes);
	free(m->associations);
	free(m->nats);
	free(m->eips);
	free(m->publishes);
}

int mirror_init(struct mirror *m, const struct mirror_sizes *sizes)
{
	uint32_t blocks = sizes->blocks > VPC_VERSIONED_VALUE_MASK ? VPC_VERSIONED_VALUE_MASK : sizes->blocks;

	*m = (struct mirror){.size = *sizes};
	m->rows = calloc(sizes->rows, sizeof(*m->rows));
	m->mask_groups = calloc(sizes->mask_groups, sizeof(*m->mask_groups));
	m->sets = calloc(sizes->sets, sizeof(*m->sets));
	m->addrs = calloc(sizes->addr_numbers, sizeof(*m->addrs));
	m->enis = calloc(sizes->enis, sizeof(*m->enis));
	m->groups = calloc((size_t)VPC_LIST_FIRST + sizes->lists, sizeof(struct group *));
	m->spaces = calloc(sizes->vpcs, sizeof(*m->spaces));
	if (!m->rows || !m->mask_groups || !m->sets || !m->addrs || !m->enis || !m->groups || !m->spaces)
		return -ENOMEM;
	if (numbers_init(&m->row_numbers, sizes->rows) < 0 ||
	    numbers_init(&m->mask_group_numbers, sizes->mask_groups) < 0 ||
	    numbers_init(&m->set_numbers, sizes->sets) < 0 || numbers_init(&m->addr_numbers, sizes->addrs + 1) < 0)
		return -ENOMEM;
	if (extents_init(&m->blocks, blocks) < 0)
		return -ENOMEM;
	if (chains_init(&m->rows_by_key, sizes->rows) < 0 || chains_init(&m->references_by_rule, sizes->rows) < 0 ||
	    chains_init(&m->mask_groups_by_key, sizes->mask_groups) < 0 ||
	    chains_init(&m->sets_by_groups, sizes->sets) < 0 || chains_init(&m->addrs_by_key, sizes->addrs + 1) < 0)
		return -ENOMEM;
	return init_edge(m) < 0 ? -ENOMEM : init_acls(m);
}

void mirror_free(struct mirror *m)
{
	struct numbers *numbers[] = {&m->row_numbers,  &m->mask_group_numbers, &m->set_numbers,
				     &m->addr_numbers, &m->route_numbers,      &m->publish_numbers};
	struct chains *chains[] = {&m->rows_by_key,	&m->references_by_rule, &m->mask_groups_by_key,
				   &m->sets_by_groups,	&m->addrs_by_key,	&m->routes_by_key,
				   &m->eips_by_address, &m->eips_by_private,	&m->publishes_by_key};

	groups_free(m);
	free_edge(m);
	extents_clear(&m->blocks);
	extents_clear(&m->acl_blocks);
	free(m->acls);
	free(m->subnets);
	free(m->acl_tables);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers_clear(numbers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		chains_clear(chains[i]);
	free(m->rows);
	free(m->mask_groups);
	free(m->sets);
	free(m->addrs);
	free(m->enis);
	free(m->spaces);
	free(m->references);
	*m = (struct mirror){};
}

static int plan_edge(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	int r = plan_routes(m, c, plan, reterr);

	if (r >= 0)
		r = plan_associations(m, c, plan, reterr);
	if (r >= 0)
		r = plan_nats(m, c, plan, reterr);
	if (r >= 0)
		r = plan_eips(m, c, plan, reterr);
	if (r >= 0)
		r = plan_addr_eips(m, c, reterr);
	return r >= 0 ? plan_publishes(m, c, plan, reterr) : r;
}

int mirror_plan(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	int r = plan_vpcs(m, c, plan, reterr);

	if (r >= 0)
		r = plan_rows(m, c, plan, reterr);
	if (r >= 0)
		r = plan_enis(m, c, plan, reterr);
	if (r >= 0)
		r = plan_addrs(m, c, plan, reterr);
	if (r >= 0)
		r = plan_edge(m, c, plan, reterr);
	if (r >= 0)
		r = plan_acls(m, c, plan, reterr);
	if (r >= 0 && affected_find(m, c) < 0)
		r = vpc_error_oom(reterr);
	return r;
}

bool mirror_change_empty(const struct mirror_change *c)
{
	return !c->rows.n && !c->enis.n && !c->addrs.n && !c->vpcs.n && !c->routes.n && !c->associations.n &&
	       !c->nats.n && !c->eips.n && !c->addr_eips.n && !c->publishes.n && !c->acls.n && !c->subnet_acls.n;
}

void mirror_change_clear(struct mirror_change *c)
{
	free(c->rows.at);
	free(c->references.at);
	free(c->groups.at);
	free(c->enis.at);
	free(c->addrs.at);
	free(c->vpcs.at);
	free(c->routes.at);
	free(c->associations.at);
	free(c->nats.at);
	free(c->eips.at);
	free(c->addr_eips.at);
	free(c->publishes.at);
	free(c->acls.at);
	free(c->subnet_acls.at);
	free(c->mask_groups.at);
	free(c->sets.at);
	free(c->classifiers.at);
	free(c->affected_sets.at);
	free(c->affected_enis.at);
	*c = (struct mirror_change){};
}

static void undo_rows(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = c->references.n; i > 0; i--) {
		const struct touched_reference *touched = &c->references.at[i - 1];

		if (touched->added) {
			reference_unlink(m, touched->reference);
			reference_free(m, touched->reference);
		} else {
			reference_link(m, touched->reference);
		}
	}
	for (size_t i = c->rows.n; i > 0; i--) {
		const struct touched_row *touched = &c->rows.at[i - 1];
		struct row *row = &m->rows[touched->row];

		row->touched = false;
		row->rule = touched->old_rule;
		row->state = touched->old_state;
		if (row->state == NODE_NEW) {
			row_unlink(m, touched->row);
			numbers_give(&m->row_numbers, touched->row);
		}
	}
	for (size_t i = c->mask_groups.n; i > 0; i--) {
		mask_group_unlink(m, c->mask_groups.at[i - 1]);
		numbers_give(&m->mask_group_numbers, c->mask_groups.at[i - 1]);
	}
}

void mirror_undo(struct mirror *m, struct mirror_change *c)
{
	affected_forget(m, c);
	acls_undo(m, c);
	publishes_undo(m, c);
	gateways_undo(m, c);
	routes_undo(m, c);
	set_classifiers_undo(m, c);
	undo_rows(m, c);
	for (size_t i = c->enis.n; i > 0; i--) {
		const struct touched_eni *e = &c->enis.at[i - 1];

		m->enis[e->number].state = e->has_before ? NODE_ALIVE : NODE_FREE;
		if (e->new_set)
			m->sets[e->new_set].users--;
	}
	for (size_t i = c->sets.n; i > 0; i--) {
		set_unlink(m, c->sets.at[i - 1]);
		numbers_give(&m->set_numbers, c->sets.at[i - 1]);
	}
	for (size_t i = c->addrs.n; i > 0; i--) {
		const struct touched_addr *a = &c->addrs.at[i - 1];

		if (a->added) {
			addr_unlink(m, a->addr);
			numbers_give(&m->addr_numbers, a->addr);
		} else {
			m->addrs[a->addr].state = NODE_ALIVE;
		}
	}
}

static void publish_rows(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->rows.n; i++) {
		struct row *row = &m->rows[c->rows.at[i].row];

		row->touched = false;
		if (row->state == NODE_NEW) {
			row->state = NODE_ALIVE;
		} else if (row->state == NODE_DYING) {
			row->state = NODE_DEAD;
			m->waiting_rows++;
		}
	}
	for (size_t i = 0; i < c->references.n; i++)
		if (!c->references.at[i].added)
			reference_free(m, c->references.at[i].reference);
	c->references.n = 0;
}

static void publish_enis(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->enis.n; i++) {
		const struct touched_eni *e = &c->enis.at[i];
		struct eni_node *eni = &m->enis[e->number];

		set_of_eni(m, e->number, e->new_set);
		eni->state = e->has_after ? NODE_ALIVE : NODE_DEAD;
		if (e->has_after)
			eni->row = e->after;
		subnet_of_eni(m, e->number, e->has_after ? e->after.subnet : 0);
		m->waiting_sets += e->old_set != 0;
	}
}

void mirror_publish(struct mirror *m, struct mirror_change *c)
{
	affected_forget(m, c);
	publish_rows(m, c);
	for (size_t i = 0; i < c->classifiers.n; i++)
		m->sets[c->classifiers.at[i].set].classifier[c->classifiers.at[i].dir].touched = false;
	publish_enis(m, c);
	for (size_t i = 0; i < c->addrs.n; i++) {
		const struct touched_addr *a = &c->addrs.at[i];

		m->addrs[a->addr].state = a->added ? NODE_ALIVE : NODE_DEAD;
		m->waiting_addrs += !a->added;
	}
	for (size_t i = 0; i < c->vpcs.n; i++)
		m->spaces[c->vpcs.at[i].number] = c->vpcs.at[i].space;
	routes_publish(m, c);
	gateways_publish(m, c);
	publishes_publish(m, c);
	acls_publish(m, c);
}
