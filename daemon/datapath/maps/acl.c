/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/classifier/acl.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/error.h"
#include "datapath/maps/mirror/acls.h"
#include "datapath/maps/mirror/refuse.h"
#include "datapath/maps/set_classifier.h"
#include "datapath/maps/words.h"

/* --- prepare ------------------------------------------------------------------------------------------------------ */

int acl_build_record(const struct acl_record *record, struct classifier_blocks *ret)
{
	const struct vpc_acl_table head = {.acl = record->number, .dir = record->direction, .vpc = record->vpc};
	_cleanup_free_ struct acl_table_rule *rules = calloc(record->n_rules + 1, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < record->n_rules; i++) {
		const struct acl_rule_record *from = &record->rules[i];

		rules[i] = (struct acl_table_rule){.slot = from->slot,
						   .family = from->family,
						   .plen = from->plen,
						   .allow = from->allow,
						   .port_first = from->port_first,
						   .port_last = from->port_last};
		memcpy(rules[i].addr, from->addr, sizeof(rules[i].addr));
	}
	return acl_table_build(rules, record->n_rules, &head, ret);
}

/* -ENOSPC: there is no run of free blocks for it. */
static int place(struct maps *maps, const struct touched_acl *touched, const struct classifier_blocks *blocks,
		 struct acl_table *ret)
{
	uint32_t at = extents_take(&maps->mirror.acl_blocks, (uint32_t)blocks->n);

	if (!at)
		return -ENOSPC;
	memcpy(acl_block_at(maps, at), blocks->at, blocks->n * sizeof(*blocks->at));
	*ret = (struct acl_table){.at = at,
				  .blocks = (uint32_t)blocks->n,
				  .vpc = touched->record->vpc,
				  .sum = classifier_sum(blocks->at, (uint32_t)blocks->n, 0)};
	return 0;
}

static int put_versioned(struct maps_change *c, struct vpc_versioned *v, uint32_t value)
{
	return undo_store64(&c->undo, &v->slot[versioned_spare(v, c->epoch - 1)],
			    c->epoch << VPC_VERSIONED_SHIFT | value);
}

/* Makes one table, or notes that there is none. */
static int write_table(struct maps *maps, struct maps_change *c, struct touched_acl *touched, struct vpc_error *reterr)
{
	struct acl_table *table = &maps->mirror.acls[touched->number].table[touched->dir];
	struct classifier_blocks blocks = {};
	int r = 0;

	if (touched->record) {
		r = acl_build_record(touched->record, &blocks);
		if (r >= 0)
			r = place(maps, touched, &blocks, table);
		free(blocks.at);
	} else {
		*table = (struct acl_table){};
	}
	if (r == -ENOSPC && maps->n_changes)
		return -EBUSY;
	if (r == -ENOSPC)
		return refuse_full(reterr, "acl_block", maps->mirror.size.acl_blocks - 1, maps->mirror.acl_blocks.used,
				   blocks.n);
	if (r < 0)
		return bpf_error(reterr, r, "making the table of a network ACL");
	touched->replaced = true;
	r = put_versioned(c, &acl_at(maps, touched->number)->table[touched->dir], table->at);
	return r < 0 ? vpc_error_oom(reterr) : 0;
}

int write_acls(struct maps *maps, struct maps_change *c, struct vpc_error *reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->mirror.acls.n; i++)
		r = write_table(maps, c, &c->mirror.acls.at[i], reterr);
	for (size_t i = 0; r >= 0 && i < c->mirror.subnet_acls.n; i++) {
		const struct touched_subnet_acl *s = &c->mirror.subnet_acls.at[i];

		if (put_versioned(c, subnet_acl_at(maps, s->subnet), s->acl) < 0)
			r = vpc_error_oom(reterr);
	}
	return r;
}

/* --- publish ------------------------------------------------------------------------------------------------------ */

struct raising {
	struct maps *maps;
	const struct maps_change *c;
};

static void raise_subnet(uint32_t subnet, void *userdata)
{
	const struct raising *raising = userdata;
	struct maps *maps = raising->maps;
	uint32_t flag = acl_eni_flag(&maps->mirror, subnet);

	for (uint32_t eni = maps->mirror.subnets[subnet].enis; eni; eni = maps->mirror.enis[eni].subnet_next) {
		struct vpc_eni *at = eni_at(maps, eni);

		if (at->gen_any < raising->c->epoch)
			store64(&at->gen_any, raising->c->epoch);
		if (flag)
			store32(&at->flags, at->flags | flag);
	}
}

void acls_raise(struct maps *maps, struct maps_change *c)
{
	struct raising raising = {.maps = maps, .c = c};
	struct mirror *m = &maps->mirror;

	for (size_t i = 0; i < c->mirror.acls.n; i++) {
		const struct touched_acl *touched = &c->mirror.acls.at[i];
		const struct acl_table *table = &m->acls[touched->number].table[touched->dir];

		if (table->at)
			store64(vpc_acls_at(maps, table->vpc), ++m->acl_tables[table->vpc]);
	}
	acl_each_subnet(m, &c->mirror, raise_subnet, &raising);
}

static void lower_subnet(uint32_t subnet, void *userdata)
{
	struct maps *maps = userdata;

	if (acl_eni_flag(&maps->mirror, subnet))
		return;
	for (uint32_t eni = maps->mirror.subnets[subnet].enis; eni; eni = maps->mirror.enis[eni].subnet_next)
		store32(&eni_at(maps, eni)->flags, eni_at(maps, eni)->flags & ~VPC_ENI_ACL);
}

void acls_lower(struct maps *maps, struct maps_change *c)
{
	struct mirror *m = &maps->mirror;

	for (size_t i = 0; i < c->mirror.acls.n; i++) {
		const struct acl_table *old = &c->mirror.acls.at[i].old;

		if (old->at)
			store64(vpc_acls_at(maps, old->vpc), --m->acl_tables[old->vpc]);
	}
	acl_each_subnet(m, &c->mirror, lower_subnet, maps);
}

/* --- retire ------------------------------------------------------------------------------------------------------- */

void acls_retire(struct maps *maps, struct maps_change *c)
{
	struct mirror *m = &maps->mirror;

	/* A later change may have given it a table, or an ACL, again. */
	for (size_t i = 0; i < c->mirror.acls.n; i++) {
		const struct touched_acl *touched = &c->mirror.acls.at[i];

		if (touched->replaced && touched->old.at)
			extents_give(&m->acl_blocks, touched->old.at, touched->old.blocks);
		if (!m->acls[touched->number].table[touched->dir].at)
			versioned_clear(maps, &acl_at(maps, touched->number)->table[touched->dir]);
	}
	for (size_t i = 0; i < c->mirror.subnet_acls.n; i++)
		if (!m->subnets[c->mirror.subnet_acls.at[i].subnet].acl)
			versioned_clear(maps, subnet_acl_at(maps, c->mirror.subnet_acls.at[i].subnet));
}
