/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpcd would write into the maps, by hand: sets of groups, rules, classifiers. */
#include "lab_util.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/maps/classifier/classifier.h"

uint32_t lab_set(struct lab *l, const uint32_t *groups)
{
	struct vpc_set made = {};
	uint32_t n;

	while (groups[made.n] && made.n < VPC_GROUPS_PER_ENI) {
		made.sg[made.n] = groups[made.n];
		made.bloom |= 1ull << (groups[made.n] & 63);
		made.n++;
	}
	if (!made.n)
		return 0;
	for (n = 1; n < l->n_sets; n++)
		if (l->set[n].n == made.n && !memcmp(l->set[n].sg, made.sg, sizeof(made.sg)))
			return n;
	l->n_sets++;
	l->set[n] = made;
	return n;
}

void lab_join(struct lab *l, uint32_t number, bool cut, const uint32_t *groups)
{
	struct vpc_eni *e = &l->eni[number];
	uint64_t a = e->set.slot[0] >> VPC_VERSIONED_SHIFT, b = e->set.slot[1] >> VPC_VERSIONED_SHIFT;
	uint64_t next = l->ctl->epoch + 1;

	/* the older slot, or again the one that is not in force yet */
	e->set.slot[a == next ? 0 : b == next ? 1 : a > b] = next << VPC_VERSIONED_SHIFT | lab_set(l, groups);
	e->gen_any = next;
	if (cut)
		e->gen_revoke = next;
}

void lab_raise(struct lab *l, uint32_t sg, bool revoke)
{
	for (uint32_t n = 1; n < l->n_sets; n++)
		for (uint32_t i = 0; i < l->set[n].n; i++) {
			if (l->set[n].sg[i] != sg)
				continue;
			l->set[n].gen_any = l->ctl->epoch + 1;
			if (revoke)
				l->set[n].gen_revoke = l->ctl->epoch + 1;
		}
}

static uint32_t mask_group_get(struct lab *l, const struct rule_spec *spec)
{
	struct vpc_mask_group_key key = {.sg = spec->sg,
					 .dir = spec->direction,
					 .slot = spec->slot,
					 .plen = spec->port_plen,
					 .port = spec->port};
	int fd = bpf_map__fd(l->skel->maps.mask_group_of);
	uint32_t n;

	if (!bpf_map_lookup_elem(fd, &key, &n))
		return n;
	n = l->n_mask_groups++;
	cr_assert(n < LAB_ROWS);
	l->mask_group[n].key = key;
	cr_assert_eq(bpf_map_update_elem(fd, &key, &n, BPF_NOEXIST), 0);
	l->sg[spec->sg].dir[spec->direction].port_plens[spec->slot] |= 1u << spec->port_plen;
	return n;
}

static uint32_t row_new(struct lab *l, const struct vpc_rule_key *key, uint32_t rule)
{
	uint32_t n = l->n_rows++;

	cr_assert(n < LAB_ROWS);
	l->row[n].key = *key;
	l->row[n].rule = rule ? rule : n;
	return n;
}

static uint32_t row_bear(struct lab *l, uint32_t n, uint32_t sg)
{
	l->row[n].born = l->ctl->epoch + 1;
	l->row[n].died = VPC_ALIVE;
	lab_raise(l, sg, false);
	return n;
}

uint32_t lab_allow(struct lab *l, const struct rule_spec *spec)
{
	uint32_t n, mask_group = mask_group_get(l, spec), addr[4];
	struct vpc_rule_key key = {.mask_group = mask_group};
	struct vpc_mask_group *c = &l->mask_group[mask_group];
	int fd = bpf_map__fd(l->skel->maps.rule);
	unsigned plen;

	if (!spec->peer) {
		key.kind = VPC_PEER_SG;
		key.addr[0] = spec->peer_sg;
		c->flags |= VPC_MASK_GROUP_SG;
		c->sg_bloom |= 1ull << (spec->peer_sg & 63);
	} else {
		int family = lab_parse_cidr(spec->peer, addr, &plen, false);

		key.kind = family == 4 ? VPC_PEER_CIDR4 : VPC_PEER_CIDR6;
		key.plen = (uint8_t)plen;
		memcpy(key.addr, addr, 16);
		if (family == 4)
			c->plens4 |= 1ull << plen;
		else
			c->plens6[plen / 64] |= 1ull << (plen % 64);
	}
	if (bpf_map_lookup_elem(fd, &key, &n)) {
		n = row_new(l, &key, spec->rule);
		cr_assert_eq(bpf_map_update_elem(fd, &key, &n, BPF_NOEXIST), 0);
	}
	return row_bear(l, n, spec->sg);
}

uint32_t lab_allow_all(struct lab *l, uint32_t sg, uint8_t direction, int family)
{
	struct vpc_rule_key key = {
		.mask_group = sg, .kind = family == 4 ? VPC_PEER_ALL4 : VPC_PEER_ALL6, .plen = direction};
	uint32_t *all = family == 4 ? &l->sg[sg].dir[direction].all4 : &l->sg[sg].dir[direction].all6;

	if (!*all)
		*all = row_new(l, &key, 0);
	return row_bear(l, *all, sg);
}

static uint32_t row_group(struct lab *l, uint32_t n)
{
	const struct vpc_rule_key *key = &l->row[n].key;

	if (key->kind == VPC_PEER_ALL4 || key->kind == VPC_PEER_ALL6)
		return key->mask_group;
	return l->mask_group[key->mask_group].key.sg;
}

void lab_kill_row(struct lab *l, uint32_t n)
{
	l->row[n].died = l->ctl->epoch + 1;
	lab_raise(l, row_group(l, n), false);
}

void lab_revoke(struct lab *l, uint32_t n)
{
	lab_kill_row(l, n);
	lab_raise(l, row_group(l, n), true);
}

bool lab_classifier(void)
{
	const char *wanted = getenv("VPCD_TEST_CLASSIFIER");

	return wanted && !strcmp(wanted, "yes");
}

static bool set_has(const struct vpc_set *s, uint32_t sg)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->sg[i] == sg)
			return true;
	return false;
}

/* Whether row n is of the set, in the direction, and counts at the epoch: then it is *ret. */
static bool row_rule(struct lab *l, uint32_t n, const struct vpc_set *s, unsigned direction, uint64_t epoch,
		     struct classifier_rule *ret)
{
	const struct vpc_row *r = &l->row[n];
	bool all = r->key.kind == VPC_PEER_ALL4 || r->key.kind == VPC_PEER_ALL6;
	const struct vpc_mask_group_key *mask_group = all ? NULL : &l->mask_group[r->key.mask_group].key;

	if (r->born > epoch || epoch >= r->died || (all ? r->key.plen : mask_group->dir) != direction ||
	    !set_has(s, row_group(l, n)))
		return false;
	*ret = (struct classifier_rule){.slot = VPC_SLOT_ANY, .peer_kind = r->key.kind, .row = n};
	if (all) {
		ret->peer_kind = r->key.kind == VPC_PEER_ALL4 ? VPC_PEER_CIDR4 : VPC_PEER_CIDR6;
		return true;
	}
	ret->slot = mask_group->slot;
	ret->port_plen = mask_group->plen;
	ret->port = mask_group->port;
	ret->peer_plen = r->key.plen;
	memcpy(ret->peer, r->key.addr, sizeof(ret->peer));
	return true;
}

uint32_t lab_compile(struct lab *l, uint32_t n, unsigned direction)
{
	struct classifier_rule *rules = calloc(LAB_ROWS, sizeof(*rules));
	uint64_t epoch = l->ctl->epoch + 1;
	struct vpc_versioned *v = &l->set[n].classifier[direction];
	struct classifier_blocks blocks;
	uint32_t n_rules = 0, at = l->n_blocks;

	cr_assert(rules);
	for (uint32_t i = 1; i < l->n_rows; i++)
		n_rules += row_rule(l, i, &l->set[n], direction, epoch, &rules[n_rules]);
	cr_assert_eq(classifier_build(rules, n_rules, n, direction, &blocks), 0);
	cr_assert(at + blocks.n <= LAB_BLOCKS);
	memcpy(&l->classifier[at], blocks.at, blocks.n * sizeof(*blocks.at));
	l->n_blocks += (uint32_t)blocks.n;
	v->slot[v->slot[0] > v->slot[1]] = epoch << VPC_VERSIONED_SHIFT | at;
	free(blocks.at);
	free(rules);
	return at;
}

struct vpc_classifier_block *lab_block(struct lab *l, uint32_t at)
{
	return &l->classifier[at];
}

struct vpc_set *lab_set_row(struct lab *l, uint32_t n)
{
	return &l->set[n];
}
