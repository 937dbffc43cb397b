/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the kernel's tables back, the way a packet finds what stands in them: entry point, and rows. */
#include <arpa/inet.h>

#include "datapath/maps/verify.h"

int verify_tell(struct verify *v, const char *what, const char *object, const char *problem, const char *format, ...)
{
	char detail[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(detail, sizeof(detail), format, ap);
	va_end(ap);
	return json_array_append_new(v->report, json_pack("{s:s, s:s, s:s, s:s}", "what", what, "object", object,
							  "problem", problem, "detail", detail)) < 0
		       ? -ENOMEM
		       : 0;
}

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

/* First of the expected rows with this key; n_rows: none. */
static size_t expected_row(const struct verify *v, const struct plan_row *r)
{
	size_t low = 0, high = v->all->n_rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_rows(v->rows[middle], r) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < v->all->n_rows && compare_rows(v->rows[low], r) == 0 ? low : v->all->n_rows;
}

/* A visible row that a packet finds: is it meant to be? */
static int check_row(struct verify *v, const struct plan_row *seen)
{
	size_t first = expected_row(v, seen);
	char text[ROW_TEXT_MAX];

	if (first == v->all->n_rows)
		return verify_tell(v, "rule row", row_text(seen, text), "unexpected", "counted for rule %u",
				   seen->rule);
	v->found[first] = true;
	for (size_t i = first; i < v->all->n_rows && compare_rows(v->rows[i], seen) == 0; i++)
		if (v->rows[i]->rule == seen->rule)
			return 0;
	return verify_tell(v, "rule row", row_text(seen, text), "differs", "counted for rule %u, expected rule %u",
			   seen->rule, v->rows[first]->rule);
}

/* Whether the hints of its class lead a packet to the row. */
static bool hinted(const struct vpc_mask_group *mask_group, const struct vpc_rule_key *key)
{
	struct vpc_mask_group with = *mask_group;

	hints_add(&with, key);
	return memcmp(&with, mask_group, sizeof(with)) == 0;
}

static int verify_mask_group(const void *key, const void *value, void *userdata)
{
	struct verify *v = userdata;
	const struct vpc_mask_group_key *k = key;
	uint32_t number = *(const uint32_t *)value;
	const struct vpc_sg_dir *dir;

	if (number >= v->t->kernel_map[MAP_MASK_GROUP].n || k->sg >= v->t->kernel_map[MAP_SG].n || k->dir > 1 ||
	    k->slot >= VPC_SLOTS || k->plen > 16 || memcmp(&mask_group_at(v->t, number)->key, k, sizeof(*k)) != 0)
		return verify_tell(v, "port class", "mask_group_of", "differs",
				   "sg %u slot %u port %u/%u leads to class %u", k->sg, k->slot, k->port, k->plen,
				   number);
	dir = &sg_at(v->t, k->sg)->dir[k->dir];
	if (!(dir->port_plens[k->slot] & 1u << k->plen))
		return verify_tell(v, "port class", "sg", "differs",
				   "sg %u slot %u does not tell of port prefixes of %u", k->sg, k->slot, k->plen);
	v->mask_group_found[number] = true;
	return 0;
}

static int verify_rule(const void *key, const void *value, void *userdata)
{
	struct verify *v = userdata;
	const struct vpc_rule_key *k = key;
	uint32_t number = *(const uint32_t *)value;
	const struct vpc_mask_group_key *mask_group;
	const struct vpc_row *row;
	struct plan_row seen = {};
	char text[ROW_TEXT_MAX];

	if (number == 0 || number >= v->t->kernel_map[MAP_ROW].n || k->mask_group >= v->t->kernel_map[MAP_MASK_GROUP].n)
		return verify_tell(v, "rule row", "rule", "differs", "a key leads to row %u, which does not exist",
				   number);
	row = row_at(v->t, number);
	/* A key whose row is dead waits to be retired, or was left by nobody: no packet is judged by it. */
	if (!visible(row->born, row->died, v->epoch) || memcmp(&row->key, k, sizeof(*k)) != 0 ||
	    !v->mask_group_found[k->mask_group])
		return 0;
	mask_group = &mask_group_at(v->t, k->mask_group)->key;
	seen = (struct plan_row){.direction = mask_group->dir,
				 .slot = mask_group->slot,
				 .port_plen = mask_group->plen,
				 .peer_kind = k->kind,
				 .peer_plen = k->plen,
				 .port = mask_group->port,
				 .sg = mask_group->sg,
				 .rule = row->rule};
	memcpy(seen.peer, k->addr, sizeof(seen.peer));
	if (!hinted(mask_group_at(v->t, k->mask_group), k))
		return verify_tell(v, "rule row", row_text(&seen, text), "differs", "its class %u does not tell of it",
				   k->mask_group);
	return check_row(v, &seen);
}

static int verify_all_rows(struct verify *v)
{
	int r = 0;

	for (uint32_t i = 4; r >= 0 && i < v->t->kernel_map[MAP_SG].n * 4; i++) {
		const struct vpc_sg_dir *dir = &sg_at(v->t, i / 4)->dir[i / 2 % 2];
		uint32_t number = i % 2 ? dir->all6 : dir->all4;
		struct plan_row seen = {.direction = (uint8_t)(i / 2 % 2), .sg = i / 4};
		const struct vpc_rule_key key = {.mask_group = i / 4,
						 .kind = i % 2 ? VPC_PEER_ALL6 : VPC_PEER_ALL4,
						 .plen = (uint8_t)(i / 2 % 2)};
		const struct vpc_row *row;
		char text[ROW_TEXT_MAX];

		if (!number || number >= v->t->kernel_map[MAP_ROW].n)
			continue;
		row = row_at(v->t, number);
		if (!visible(row->born, row->died, v->epoch))
			continue;
		seen.slot = VPC_SLOT_ANY;
		seen.peer_kind = i % 2 ? VPC_PEER_CIDR6 : VPC_PEER_CIDR4;
		seen.rule = row->rule;
		if (memcmp(&row->key, &key, sizeof(key)) == 0)
			r = check_row(v, &seen);
		else
			r = verify_tell(v, "rule row", row_text(&seen, text), "unexpected", "row %u is another's",
					number);
	}
	return r;
}

int verify_rows(struct verify *v)
{
	size_t n = v->all->n_rows;
	char text[ROW_TEXT_MAX];
	int r;

	v->rows = calloc(n + 1, sizeof(*v->rows));
	v->found = calloc(n + 1, sizeof(*v->found));
	v->mask_group_found = calloc(v->t->kernel_map[MAP_MASK_GROUP].n, sizeof(*v->mask_group_found));
	if (!v->rows || !v->found || !v->mask_group_found)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		v->rows[i] = &v->all->rows[i];
	qsort(v->rows, n, sizeof(*v->rows), compare_row_items);
	r = table_each(&v->t->kernel_map[MAP_MASK_GROUP_OF], verify_mask_group, v);
	if (r >= 0)
		r = table_each(&v->t->kernel_map[MAP_RULE], verify_rule, v);
	if (r >= 0)
		r = verify_all_rows(v);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		bool first = i == 0 || compare_rows(v->rows[i - 1], v->rows[i]) != 0;

		if (first && !v->found[i])
			r = verify_tell(v, "rule row", row_text(v->rows[i], text), "missing", "of rule %u",
					v->rows[i]->rule);
	}
	return r;
}

int maps_verify(struct maps *t, const struct plan *all, json_t *report)
{
	struct verify v = {.t = t, .all = all, .report = report, .epoch = maps_epoch(t)};
	int r = verify_rows(&v);

	if (r >= 0)
		r = verify_addrs(&v);
	if (r >= 0)
		r = verify_enis(&v);
	if (r >= 0)
		r = verify_vpcs(&v);
	if (r >= 0)
		r = verify_classifier(&v);
	if (r >= 0)
		r = pin_verify(t, report);
	free(v.rows);
	free(v.found);
	free(v.addrs);
	free(v.addr_found);
	free(v.mask_group_found);
	return r;
}
