/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/verify/acl_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/acl.h"
#include "datapath/maps/diff.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/acls.h"
#include "datapath/maps/recover_edge.h"
#include "datapath/maps/set_classifier.h"
#include "datapath/maps/verify/finding.h"
#include "datapath/maps/verify/report.h"
#include "datapath/maps/verify/verify.h"
#include "datapath/maps/words.h"

/* --- at a start --------------------------------------------------------------------------------------------------- */

void acls_recover_half_done(struct maps *maps)
{
	uint64_t epoch = maps_epoch(maps);

	for (uint32_t i = 1; i < maps->map[MAP_SUBNET_ACL].n; i++)
		versioned_undo_after(subnet_acl_at(maps, i), epoch);
	for (uint32_t i = 2; i < maps->map[MAP_ACL].n * 2; i++)
		versioned_undo_after(&acl_at(maps, i / 2)->table[i % 2], epoch);
}

/* Takes over the table that is in force. False: it is none of this ACL. */
static bool adopt_table(struct maps *maps, uint32_t number, uint32_t dir, uint32_t at)
{
	struct mirror *m = &maps->mirror;
	const struct vpc_acl_table *head;

	if (at >= m->acl_blocks.size)
		return false;
	head = (const struct vpc_acl_table *)acl_block_at(maps, at);
	if (head->acl != number || head->dir != dir || head->vpc >= m->size.vpcs || !head->blocks ||
	    head->blocks > m->acl_blocks.size - at || !extents_take_at(&m->acl_blocks, at, head->blocks))
		return false;
	m->acls[number].table[dir] = (struct acl_table){.at = at,
							.blocks = head->blocks,
							.vpc = head->vpc,
							.sum = classifier_sum(acl_block_at(maps, at), head->blocks, 0)};
	m->acl_tables[head->vpc]++;
	return true;
}

static void restore_flags(struct maps *maps)
{
	const struct mirror *m = &maps->mirror;

	for (uint32_t i = 1; i < m->size.vpcs; i++)
		if (*vpc_acls_at(maps, i) != m->acl_tables[i])
			store64(vpc_acls_at(maps, i), m->acl_tables[i]);
	for (uint32_t i = 1; i <= m->eni_max; i++) {
		struct vpc_eni *at = eni_at(maps, i);
		uint32_t flag = m->enis[i].subnet ? acl_eni_flag(m, m->enis[i].subnet) : 0;

		if (m->enis[i].state == NODE_ALIVE && (at->flags & VPC_ENI_ACL) != flag)
			store32(&at->flags, (at->flags & ~VPC_ENI_ACL) | flag);
	}
}

void acls_recover(struct maps *maps)
{
	struct mirror *m = &maps->mirror;

	for (uint32_t i = 2; i < m->size.acls * 2; i++) {
		uint32_t at = versioned_value(&acl_at(maps, i / 2)->table[i % 2], maps_epoch(maps));

		m->acls[i / 2].broken[i % 2] = at && !adopt_table(maps, i / 2, i % 2, at);
	}
	for (uint32_t i = 1; i < m->size.subnets; i++)
		m->subnets[i].acl = versioned_value(subnet_acl_at(maps, i), maps_epoch(maps));
	restore_flags(maps);
}

/* --- maps_diff ---------------------------------------------------------------------------------------------------- */

/* Whether the mirror has the very table that the record stands for. -ENOMEM. */
static int is_same(const struct mirror *m, const struct acl_record *want)
{
	const struct acl_table *table = &m->acls[want->number].table[want->direction];
	struct classifier_blocks blocks = {};
	int r;

	if (!table->at)
		return 0;
	r = acl_build_record(want, &blocks);
	if (r >= 0)
		r = blocks.n == table->blocks && classifier_sum(blocks.at, (uint32_t)blocks.n, 0) == table->sum;
	free(blocks.at);
	return r;
}

static int push_acl(struct diff *d, const struct acl_record *want)
{
	struct plan_acl *item = PLAN_PUSH(d, acls, plan_acl);

	if (!item)
		return -ENOMEM;
	item->has_after = true;
	item->after = *want;
	item->after.rules = calloc(want->n_rules + 1, sizeof(*want->rules));
	if (!item->after.rules)
		return -ENOMEM;
	if (want->n_rules)
		memcpy(item->after.rules, want->rules, want->n_rules * sizeof(*want->rules));
	return 0;
}

static int push_removal(struct diff *d, uint32_t number, uint32_t dir)
{
	struct plan_acl *item = PLAN_PUSH(d, acls, plan_acl);

	if (!item)
		return -ENOMEM;
	item->has_before = true;
	item->before =
		(struct acl_record){.number = number, .direction = dir, .vpc = d->m->acls[number].table[dir].vpc};
	return 0;
}

static int diff_tables(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc((size_t)m->size.acls * 2, sizeof(*wanted));
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < d->all->n_acls; i++) {
		const struct acl_record *want = &d->all->acls[i].after;

		/* A number that the map does not have is left to prepare, which refuses it by name. */
		if (want->number < m->size.acls) {
			wanted[want->number * 2 + want->direction] = true;
			r = is_same(m, want);
		}
		if (r == 0)
			r = push_acl(d, want);
	}
	for (uint32_t i = 2; r >= 0 && i < m->size.acls * 2; i++)
		if (!wanted[i] && (m->acls[i / 2].table[i % 2].at || m->acls[i / 2].broken[i % 2]))
			r = push_removal(d, i / 2, i % 2);
	return r < 0 ? r : 0;
}

int diff_acls(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.subnets, sizeof(*wanted));
	struct plan_subnet_acl *item;
	int r = wanted ? diff_tables(d) : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < d->all->n_subnet_acls; i++) {
		const struct subnet_acl_record *want = &d->all->subnet_acls[i].after;

		if (want->subnet < m->size.subnets) {
			wanted[want->subnet] = true;
			if (m->subnets[want->subnet].acl == want->acl)
				continue;
		}
		item = PLAN_PUSH(d, subnet_acls, plan_subnet_acl);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_subnet_acl){.has_after = true, .after = *want};
	}
	for (uint32_t i = 1; r >= 0 && i < m->size.subnets; i++) {
		if (wanted[i] || !m->subnets[i].acl)
			continue;
		item = PLAN_PUSH(d, subnet_acls, plan_subnet_acl);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_subnet_acl){.has_before = true, .before = {.subnet = i, .acl = m->subnets[i].acl}};
	}
	return r;
}

/* --- maps_verify -------------------------------------------------------------------------------------------------- */

static int verify_table(const struct verify *v, uint32_t number, uint32_t dir, const struct acl_record *want)
{
	uint32_t at = versioned_value(&acl_at(v->maps, number)->table[dir], v->epoch),
		 n = v->maps->map[MAP_ACL_BLOCK].n;
	struct classifier_blocks blocks = {};
	char name[64];
	bool same;
	int r;

	if (!want && !at)
		return 0;
	snprintf(name, sizeof(name), "network ACL %u %s", number, dir == VPC_EGRESS ? "egress" : "ingress");
	if (!want || !at)
		return report_difference(v->report, "network ACL", name, want ? "missing" : "unexpected", "block %u",
					 at);
	r = acl_build_record(want, &blocks);
	if (r < 0)
		return r;
	same = at < n && blocks.n <= n - at &&
	       memcmp(acl_block_at(v->maps, at), blocks.at, blocks.n * sizeof(*blocks.at)) == 0;
	free(blocks.at);
	return same ? 0
		    : report_difference(v->report, "network ACL", name, "differs",
					"the blocks at %u are not what its rules say", at);
}

static int verify_tables(const struct verify *v, uint32_t *tables)
{
	uint32_t n = v->maps->map[MAP_ACL].n;
	_cleanup_free_ const struct acl_record **wanted = calloc((size_t)n * 2, sizeof(*wanted));
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < v->all->n_acls; i++) {
		const struct acl_record *want = &v->all->acls[i].after;

		if (want->number < n)
			wanted[want->number * 2 + want->direction] = want;
		if (want->vpc < v->maps->map[MAP_VPC].n)
			tables[want->vpc]++;
	}
	for (uint32_t i = 2; r >= 0 && i < n * 2; i++)
		r = verify_table(v, i / 2, i % 2, wanted[i]);
	return r;
}

static int verify_counts(const struct verify *v, const uint32_t *tables)
{
	char name[64];
	int r = 0;

	for (uint32_t i = 1; r >= 0 && i < v->maps->map[MAP_VPC].n; i++) {
		if (*vpc_acls_at(v->maps, i) == tables[i])
			continue;
		snprintf(name, sizeof(name), "VPC %u", i);
		r = report_difference(v->report, "network ACLs of a VPC", name, "differs", "%u tables, expected %u",
				      (uint32_t)*vpc_acls_at(v->maps, i), tables[i]);
	}
	return r;
}

/* The flag of each ENI follows from the tables that are in force for its subnet. */
static int verify_flags(const struct verify *v)
{
	char name[64];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < v->all->n_enis; i++) {
		const struct eni_record *want = &v->all->enis[i].after;
		uint32_t acl, flag;

		if (want->subnet >= v->maps->map[MAP_SUBNET_ACL].n || want->number >= v->maps->map[MAP_ENI].n)
			continue;
		acl = versioned_value(subnet_acl_at(v->maps, want->subnet), v->epoch);
		if (acl >= v->maps->map[MAP_ACL].n)
			continue;
		flag = versioned_value(&acl_at(v->maps, acl)->table[0], v->epoch) ||
				       versioned_value(&acl_at(v->maps, acl)->table[1], v->epoch)
			       ? VPC_ENI_ACL
			       : 0;
		if ((eni_at(v->maps, want->number)->flags & VPC_ENI_ACL) == flag)
			continue;
		snprintf(name, sizeof(name), "eni %u", want->number);
		r = report_difference(v->report, "network ACL of an ENI", name, "differs", "flag %u", flag);
	}
	return r;
}

int verify_acls(const struct verify *v)
{
	uint32_t n = v->maps->map[MAP_SUBNET_ACL].n;
	_cleanup_free_ uint32_t *tables = calloc(v->maps->map[MAP_VPC].n, sizeof(*tables));
	_cleanup_free_ uint32_t *wanted = calloc(n, sizeof(*wanted));
	char name[64];
	int r = tables && wanted ? verify_tables(v, tables) : -ENOMEM;

	if (r >= 0)
		r = verify_counts(v, tables);
	for (size_t i = 0; r >= 0 && i < v->all->n_subnet_acls; i++)
		if (v->all->subnet_acls[i].after.subnet < n)
			wanted[v->all->subnet_acls[i].after.subnet] = v->all->subnet_acls[i].after.acl;
	for (uint32_t i = 1; r >= 0 && i < n; i++) {
		uint32_t acl = versioned_value(subnet_acl_at(v->maps, i), v->epoch);

		if (acl == wanted[i])
			continue;
		snprintf(name, sizeof(name), "subnet %u", i);
		r = report_difference(v->report, "network ACL of a subnet", name, "differs",
				      "network ACL %u, expected %u", acl, wanted[i]);
	}
	return r < 0 ? r : verify_flags(v);
}

/* --- the audit ---------------------------------------------------------------------------------------------------- */

/* Says that something was changed. Returns 1. */
static int changed(struct maps_finding *ret, const char *map, const char *what, uint32_t number)
{
	return maps_found(ret, map, "%s number %u was changed", what, number);
}

int acl_check(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	for (uint32_t dir = 0; dir < 2; dir++) {
		const struct acl_table *table = &maps->mirror.acls[number].table[dir];

		if (maps->mirror.acls[number].broken[dir])
			continue;
		if (versioned_value(&acl_at(maps, number)->table[dir], maps_epoch(maps)) != table->at)
			return changed(ret, "acl", "the row of network ACL", number);
		if (table->at && classifier_sum(acl_block_at(maps, table->at), table->blocks, 0) != table->sum)
			return changed(ret, "acl_block", "the table of network ACL", number);
		if (table->at && *vpc_acls_at(maps, table->vpc) != maps->mirror.acl_tables[table->vpc])
			return changed(ret, "vpc_acls", "the count of network ACLs of VPC", table->vpc);
	}
	return 0;
}

int subnet_acl_check(const struct maps *maps, uint32_t subnet, struct maps_finding *ret)
{
	const struct subnet_node *node = &maps->mirror.subnets[subnet];
	uint32_t flag = acl_eni_flag(&maps->mirror, subnet);

	if (versioned_value(subnet_acl_at(maps, subnet), maps_epoch(maps)) != node->acl)
		return changed(ret, "subnet_acl", "the network ACL of subnet", subnet);
	for (uint32_t eni = flag ? node->enis : 0; eni; eni = maps->mirror.enis[eni].subnet_next)
		if (!(eni_at(maps, eni)->flags & VPC_ENI_ACL))
			return changed(ret, "eni", "the flag for network ACLs of interface", eni);
	return 0;
}
