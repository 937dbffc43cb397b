/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the kernel's maps back the way a packet does: the entry point, and the rows. */
#include "datapath/maps/verify/verify.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/pin.h"
#include "datapath/maps/verify/report.h"
#include "datapath/maps/verify/set_classifier_check.h"

#define ROW_TEXT_MAX 160

/* "sg 3 ingress tcp 443/16 peer 10.0.0.0/8" */
static const char *row_text(const struct plan_row *r, char ret[ROW_TEXT_MAX])
{
	static const char *const slots[VPC_SLOTS] = {"all", "tcp", "udp", "icmp", "icmpv6", "other"};
	char peer[INET6_ADDRSTRLEN + 16] = "?", addr[INET6_ADDRSTRLEN] = "?";

	if (r->peer_kind == VPC_PEER_CIDR4 || r->peer_kind == VPC_PEER_CIDR6) {
		inet_ntop(r->peer_kind == VPC_PEER_CIDR4 ? AF_INET : AF_INET6, r->peer, addr, sizeof(addr));
		snprintf(peer, sizeof(peer), "%s/%u", addr, r->peer_plen);
	} else if (r->peer_kind == VPC_PEER_SG) {
		snprintf(peer, sizeof(peer), "sg %u", r->peer[0]);
	} else if (r->peer_kind == VPC_PEER_PREFIX_LIST) {
		snprintf(peer, sizeof(peer), "prefix list %u", r->peer[0] - VPC_LIST_FIRST);
	}
	if (group_is_list(r->sg)) {
		snprintf(ret, ROW_TEXT_MAX, "prefix list %u entry %s", r->sg - VPC_LIST_FIRST, peer);
		return ret;
	}
	snprintf(ret, ROW_TEXT_MAX, "sg %u %s %s %u/%u peer %s", r->sg, r->direction ? "egress" : "ingress",
		 r->slot < VPC_SLOTS ? slots[r->slot] : "?", r->port, r->port_plen, peer);
	return ret;
}

/* The key is what stands between `add`, the first member, and `rule`, the last. */
static int compare_rows(const struct plan_row *a, const struct plan_row *b)
{
	_Static_assert(offsetof(struct plan_row, direction) == 1 && offsetof(struct plan_row, rule) == 28, "plan_row");
	return memcmp(&a->direction, &b->direction, offsetof(struct plan_row, rule) - 1);
}

static int compare_row_items(const void *a, const void *b)
{
	return compare_rows(*(const struct plan_row *const *)a, *(const struct plan_row *const *)b);
}

/* The rows that there should be, and what of them was found. */
struct verify_rows {
	const struct verify *v;
	const struct plan_row **rows; /* of the whole state, sorted by key */
	bool *found;		      /* by position in `rows` */
	/* By number: the hash mask_group_of leads to it, and the key that stands in it agrees. */
	bool *mask_group_found;
};

static void verify_rows_clear(struct verify_rows *x)
{
	free(x->rows);
	free(x->found);
	free(x->mask_group_found);
}

/* Position of the first expected row with this key; n_rows: there is none. */
static size_t expected_row(const struct verify_rows *x, const struct plan_row *r)
{
	size_t low = 0, high = x->v->all->n_rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_rows(x->rows[middle], r) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < x->v->all->n_rows && compare_rows(x->rows[low], r) == 0 ? low : x->v->all->n_rows;
}

/* A row that counts and that a packet finds: should it be there? */
static int check_row(struct verify_rows *x, const struct plan_row *seen)
{
	const struct verify *v = x->v;
	size_t first = expected_row(x, seen);
	char text[ROW_TEXT_MAX];

	if (first == v->all->n_rows)
		return report_difference(v->report, "rule row", row_text(seen, text), "unexpected",
					 "counted for rule %u", seen->rule);
	x->found[first] = true;
	for (size_t i = first; i < v->all->n_rows && compare_rows(x->rows[i], seen) == 0; i++)
		if (x->rows[i]->rule == seen->rule)
			return 0;
	return report_difference(v->report, "rule row", row_text(seen, text), "differs",
				 "counted for rule %u, expected rule %u", seen->rule, x->rows[first]->rule);
}

/* Whether the hints of its mask group lead a packet to the row. */
static bool hinted(const struct vpc_mask_group *mask_group, const struct vpc_rule_key *key)
{
	struct vpc_mask_group with = *mask_group;

	hints_add(&with, key);
	return memcmp(&with, mask_group, sizeof(with)) == 0;
}

/* Whether a packet is led from the row's group to the prefix list that the row names. */
static bool named(const struct maps *maps, const struct plan_row *seen)
{
	uint32_t places = sg_at(maps, seen->sg)->dir[seen->direction].port_plens[VPC_SLOT_ANY] >> VPC_LISTS_SHIFT;

	for (uint8_t i = 0; i < VPC_LISTS_PER_GROUP; i++) {
		const struct vpc_list_key key = {.sg = seen->sg, .dir = seen->direction, .at = i};
		uint32_t list;

		if (places & 1u << i && bpf_map_lookup_elem(maps->map[MAP_LIST_OF].fd, &key, &list) == 0 &&
		    list == seen->peer[0])
			return true;
	}
	return false;
}

static int verify_mask_group(const void *key, const void *value, void *userdata)
{
	struct verify_rows *x = userdata;
	const struct maps *maps = x->v->maps;
	const struct vpc_mask_group_key *k = key;
	uint32_t number = *(const uint32_t *)value;
	const struct vpc_sg_dir *dir;

	if (number >= maps->map[MAP_MASK_GROUP].n || !group_valid(&maps->mirror, k->sg) || k->dir > 1 ||
	    k->slot >= VPC_SLOTS || k->plen > 16 || memcmp(&mask_group_at(maps, number)->key, k, sizeof(*k)) != 0)
		return report_difference(x->v->report, "port mask group", "mask_group_of", "differs",
					 "sg %u slot %u port %u/%u leads to mask group %u", k->sg, k->slot, k->port,
					 k->plen, number);
	x->mask_group_found[number] = true;
	if (group_is_list(k->sg))
		return 0;
	dir = &sg_at(maps, k->sg)->dir[k->dir];
	if (!(dir->port_plens[k->slot] & 1u << k->plen))
		return report_difference(x->v->report, "port mask group", "sg", "differs",
					 "sg %u slot %u does not lead to port prefixes of length %u", k->sg, k->slot,
					 k->plen);
	return 0;
}

static int verify_rule(const void *key, const void *value, void *userdata)
{
	struct verify_rows *x = userdata;
	const struct verify *v = x->v;
	const struct vpc_rule_key *k = key;
	uint32_t number = *(const uint32_t *)value;
	const struct vpc_mask_group_key *mask_group;
	const struct vpc_row *row;
	struct plan_row seen = {};
	char text[ROW_TEXT_MAX];

	if (number == 0 || number >= v->maps->map[MAP_ROW].n || k->mask_group >= v->maps->map[MAP_MASK_GROUP].n)
		return report_difference(v->report, "rule row", "rule", "differs",
					 "a key leads to row %u, which does not exist", number);
	row = row_at(v->maps, number);
	/* A row that is dead waits to be retired, or its key was left behind: no packet is judged by it. */
	if (!visible(row->born, row->died, v->epoch) || memcmp(&row->key, k, sizeof(*k)) != 0 ||
	    !x->mask_group_found[k->mask_group])
		return 0;
	mask_group = &mask_group_at(v->maps, k->mask_group)->key;
	seen = (struct plan_row){.direction = mask_group->dir,
				 .slot = mask_group->slot,
				 .port_plen = mask_group->plen,
				 .peer_kind = k->kind,
				 .peer_plen = k->plen,
				 .port = mask_group->port,
				 .sg = mask_group->sg,
				 .rule = row->rule};
	memcpy(seen.peer, k->addr, sizeof(seen.peer));
	if (!hinted(mask_group_at(v->maps, k->mask_group), k))
		return report_difference(v->report, "rule row", row_text(&seen, text), "differs",
					 "the hints of mask group %u do not lead to it", k->mask_group);
	if (k->kind == VPC_PEER_PREFIX_LIST && !named(v->maps, &seen))
		return report_difference(v->report, "rule row", row_text(&seen, text), "differs",
					 "the group does not lead to the prefix list");
	return check_row(x, &seen);
}

static int verify_all_rows(struct verify_rows *x)
{
	const struct verify *v = x->v;
	int r = 0;

	for (uint32_t i = 4; r >= 0 && i < v->maps->map[MAP_SG].n * 4; i++) {
		const struct vpc_sg_dir *dir = &sg_at(v->maps, i / 4)->dir[i / 2 % 2];
		uint32_t number = i % 2 ? dir->all6 : dir->all4;
		struct plan_row seen = {.direction = (uint8_t)(i / 2 % 2), .sg = i / 4};
		const struct vpc_rule_key key = {.mask_group = i / 4,
						 .kind = i % 2 ? VPC_PEER_ALL6 : VPC_PEER_ALL4,
						 .plen = (uint8_t)(i / 2 % 2)};
		const struct vpc_row *row;
		char text[ROW_TEXT_MAX];

		if (!number || number >= v->maps->map[MAP_ROW].n)
			continue;
		row = row_at(v->maps, number);
		if (!visible(row->born, row->died, v->epoch))
			continue;
		seen.slot = VPC_SLOT_ANY;
		seen.peer_kind = i % 2 ? VPC_PEER_CIDR6 : VPC_PEER_CIDR4;
		seen.rule = row->rule;
		if (memcmp(&row->key, &key, sizeof(key)) == 0)
			r = check_row(x, &seen);
		else
			r = report_difference(v->report, "rule row", row_text(&seen, text), "unexpected",
					      "row %u is another's", number);
	}
	return r;
}

static int verify_rows(const struct verify *v)
{
	_cleanup_(verify_rows_clear) struct verify_rows x = {.v = v};
	size_t n = v->all->n_rows;
	char text[ROW_TEXT_MAX];
	int r;

	x.rows = calloc(n + 1, sizeof(*x.rows));
	x.found = calloc(n + 1, sizeof(*x.found));
	x.mask_group_found = calloc(v->maps->map[MAP_MASK_GROUP].n, sizeof(*x.mask_group_found));
	if (!x.rows || !x.found || !x.mask_group_found)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		x.rows[i] = &v->all->rows[i];
	qsort(x.rows, n, sizeof(*x.rows), compare_row_items);
	r = map_each(&v->maps->map[MAP_MASK_GROUP_OF], verify_mask_group, &x);
	if (r >= 0)
		r = map_each(&v->maps->map[MAP_RULE], verify_rule, &x);
	if (r >= 0)
		r = verify_all_rows(&x);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		bool first = i == 0 || compare_rows(x.rows[i - 1], x.rows[i]) != 0;

		if (first && !x.found[i])
			r = report_difference(v->report, "rule row", row_text(x.rows[i], text), "missing", "of rule %u",
					      x.rows[i]->rule);
	}
	return r;
}

int maps_verify(struct maps *maps, const struct plan *all, json_t *report)
{
	const struct verify v = {.maps = maps, .all = all, .report = report, .epoch = maps_epoch(maps)};
	int r = verify_rows(&v);

	if (r >= 0)
		r = verify_addrs(&v);
	if (r >= 0)
		r = verify_enis(&v);
	if (r >= 0)
		r = verify_vpcs(&v);
	if (r >= 0)
		r = verify_edge(&v);
	if (r >= 0)
		r = verify_acls(&v);
	if (r >= 0)
		r = set_classifiers_verify(maps, report);
	if (r >= 0)
		r = pin_verify(maps, report);
	return r;
}
