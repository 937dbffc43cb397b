/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each pass has stages: one for each kind of node, by number, and two that walk the kernel's hashes for keys that
 * nobody made.
 */
#include "datapath/maps/audit.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/acl_check.h"
#include "datapath/maps/address_config.h"
#include "datapath/maps/edge_check.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/set_classifier_check.h"
#include "datapath/maps/state.h"

/* Keys read by one call. */
#define KEYS_A_BATCH 128u
/* So many comparisons in memory take about as long as one lookup; so do so many keys that are read in a batch. */
#define CHEAP	     16u
#define KEYS_CHEAP   4u
/* So many blocks of a classifier are summed in that time. */
#define BLOCKS_CHEAP 16u

enum stage {
	STAGE_ROWS,
	STAGE_GROUPS,
	STAGE_MASK_GROUPS,
	STAGE_SETS,
	STAGE_ENIS,
	STAGE_ADDRS,
	STAGE_SPACES,
	STAGE_ADDRESS_CONFIG,
	STAGE_ADDRESS_OPTIONS,
	STAGE_CLASSIFIERS,
	STAGE_ROUTES,
	STAGE_ASSOCIATIONS,
	STAGE_NATS,
	STAGE_EIPS,
	STAGE_PUBLISHES,
	STAGE_UPLINKS,
	STAGE_ACLS,
	STAGE_SUBNET_ACLS,
	STAGE_EDGE_HOST,
	STAGE_RULE_KEYS,
	STAGE_ADDR_KEYS,
	STAGE_ROUTE_KEYS,
	STAGE_PUBLISH_KEYS,
	STAGE_UPLINK_KEYS,
	STAGE_OUTER_KEYS,
	STAGE_PUBLIC_KEYS,
	STAGE_PREFIX6_KEYS,
	STAGES,
};

struct maps_audit {
	enum stage stage;
	uint32_t next;	/* number, or 0: the beginning of a hash */
	uint32_t batch; /* where the walk through a hash goes on, for the kernel */
	struct classifier_summing classifier;
	struct maps_finding *found;
};

int maps_audit_new(struct maps_audit **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

struct maps_audit *maps_audit_free(struct maps_audit *a)
{
	free(a);
	return NULL;
}

/* Says what the difference is. Returns 1. */
PRINTF_LIKE(3, 4)
static int found(struct maps_audit *a, const char *map, const char *format, ...)
{
	va_list ap;

	a->found->map = map;
	va_start(ap, format);
	vsnprintf(a->found->detail, sizeof(a->found->detail), format, ap);
	va_end(ap);
	return 1;
}

/* What the kernel's hash gives for a key; 0: nothing. */
static int look_up(const struct maps *maps, enum map_id id, const void *key, uint32_t *ret)
{
	int r = bpf_map_lookup_elem(maps->map[id].fd, key, ret);

	if (r == -ENOENT)
		*ret = 0;
	return r == -ENOENT ? 0 : r;
}

static bool hints_lead_to(const struct vpc_mask_group *mask_group, const struct vpc_rule_key *key)
{
	struct vpc_mask_group with = *mask_group;

	hints_add(&with, key);
	return memcmp(&with, mask_group, sizeof(with)) == 0;
}

/* Whether a packet is led from the group to the prefix list that its row names. */
static int check_list_name(const struct maps *maps, struct maps_audit *a, const struct row *row)
{
	const struct mirror *m = &maps->mirror;
	uint32_t sg = row_group(m, row), list = row->key.addr[0], leads_to;
	unsigned dir = row_direction(m, row), place = (unsigned)list_place(m, sg, dir, list);
	const struct vpc_list_key key = {.sg = sg, .dir = (uint8_t)dir, .at = (uint8_t)place};
	int r;

	if (!(sg_at(maps, sg)->dir[dir].port_plens[VPC_SLOT_ANY] & 1u << (VPC_LISTS_SHIFT + place)))
		return found(a, "sg", "group %u does not lead to prefix list %u", sg, list - VPC_LIST_FIRST);
	r = look_up(maps, MAP_LIST_OF, &key, &leads_to);
	if (r < 0 || leads_to == list)
		return r;
	return found(a, "list_of", "a key of group %u does not lead to prefix list %u", sg, list - VPC_LIST_FIRST);
}

static int check_row(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	const struct row *row = &maps->mirror.rows[number];
	const struct vpc_row *at = row_at(maps, number);
	uint32_t leads_to;
	int r;

	if (row->state != NODE_ALIVE)
		return 0;
	if (!visible(at->born, at->died, maps_epoch(maps)) || at->rule != row->rule ||
	    memcmp(&at->key, &row->key, sizeof(at->key)) != 0)
		return found(a, "row", "row %u of rule %u was changed", number, row->rule);
	if (key_is_all(&row->key)) {
		const struct vpc_sg_dir *dir = &sg_at(maps, row->key.mask_group)->dir[row->key.plen];

		leads_to = row->key.kind == VPC_PEER_ALL6 ? dir->all6 : dir->all4;
		return leads_to == number
			       ? 0
			       : found(a, "sg", "group %u does not lead to row %u", row->key.mask_group, number);
	}
	if (row->key.kind == VPC_PEER_PREFIX_LIST) {
		r = check_list_name(maps, a, row);
		if (r)
			return r;
	}
	if (!hints_lead_to(mask_group_at(maps, row->key.mask_group), &row->key))
		return found(a, "mask_group", "the hints of mask group %u do not lead to row %u", row->key.mask_group,
			     number);
	if (!row->hashed)
		return 0;
	r = look_up(maps, MAP_RULE, &row->key, &leads_to);
	if (r < 0 || leads_to == number)
		return r;
	return found(a, "rule", "the key of row %u leads to row %u", number, leads_to);
}

/* The rows that allow everything, or everything of a family: only its own. */
static int check_group(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct vpc_sg_dir *dir = &sg_at(maps, number)->dir[i / 2];
		uint32_t row = i % 2 ? dir->all6 : dir->all4;
		const struct vpc_rule_key key = {
			.mask_group = number, .kind = i % 2 ? VPC_PEER_ALL6 : VPC_PEER_ALL4, .plen = (uint8_t)(i / 2)};

		if (row && (row >= maps->map[MAP_ROW].n || maps->mirror.rows[row].state == NODE_FREE ||
			    memcmp(&maps->mirror.rows[row].key, &key, sizeof(key)) != 0))
			return found(a, "sg", "group %u leads to row %u, which is not its own", number, row);
	}
	return 0;
}

static int check_mask_group(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	const struct mask_group *mask_group = &maps->mirror.mask_groups[number];
	const struct vpc_mask_group_key *k = &mask_group->key;
	uint32_t leads_to;
	int r;

	if (!mask_group->used)
		return 0;
	if (memcmp(&mask_group_at(maps, number)->key, k, sizeof(*k)) != 0)
		return found(a, "mask_group", "mask group %u was changed", number);
	if (!group_is_list(k->sg) && !(sg_at(maps, k->sg)->dir[k->dir].port_plens[k->slot] & 1u << k->plen))
		return found(a, "sg", "group %u does not lead to mask group %u", k->sg, number);
	r = look_up(maps, MAP_MASK_GROUP_OF, k, &leads_to);
	if (r < 0 || leads_to == number)
		return r;
	return found(a, "mask_group_of", "the key of mask group %u leads to mask group %u", number, leads_to);
}

static int check_set(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	const struct set *set = &maps->mirror.sets[number];
	const struct vpc_set *at = set_at(maps, number);

	if (!set->users || (at->n == set->n && memcmp(at->sg, set->sg, set->n * sizeof(set->sg[0])) == 0 &&
			    at->bloom == set_bloom(set->sg, set->n) && at->lists == set_lists(&maps->mirror, set)))
		return 0;
	return found(a, "set", "set %u was changed", number);
}

static int check_eni(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	const struct eni_node *eni = &maps->mirror.enis[number];
	const struct vpc_eni *at = eni_at(maps, number);
	uint32_t set = versioned_value(&at->set, maps_epoch(maps));

	if (eni->state == NODE_FREE && set)
		return found(a, "eni", "row %u is in use, and no interface has it", number);
	if (eni->state != NODE_ALIVE || (eni_row_equal(&eni->row, at) && set == eni->set))
		return 0;
	return found(a, "eni", "the row of interface number %u was changed", number);
}

static int check_addr(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	const struct addr *addr = &maps->mirror.addrs[number];
	const struct vpc_addr_row *at = addr_at(maps, number);
	uint32_t leads_to;
	int r;

	if (addr->state != NODE_ALIVE)
		return 0;
	if (!visible(at->born, at->died, maps_epoch(maps)) || at->eni != addr->eni ||
	    memcmp(&at->key, &addr->key, sizeof(at->key)) != 0 ||
	    versioned_value(&at->eip, maps_epoch(maps)) != addr->eip)
		return found(a, "addr_row", "address row %u of interface number %u was changed", number, addr->eni);
	if (!addr->hashed)
		return 0;
	r = look_up(maps, MAP_ADDR, &addr->key, &leads_to);
	if (r < 0 || leads_to == number)
		return r;
	return found(a, "addr", "the key of address row %u leads to row %u", number, leads_to);
}

static int check_space(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	if (memcmp(space_at(maps, number), &maps->mirror.spaces[number], sizeof(maps->mirror.spaces[number])) == 0)
		return 0;
	return found(a, "vpc", "the CIDRs of VPC number %u were changed", number);
}

static int check_address_config(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	return address_config_unchanged(maps, number)
		       ? 0
		       : found(a, "address_config", "the addresses that number %u answers DHCP with were changed",
			       number);
}

static int check_address_options(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	return address_options_unchanged(maps, number)
		       ? 0
		       : found(a, "address_config_space", "the DHCP options of VPC number %u were changed", number);
}

/* --- classifiers -------------------------------------------------------------------------------------------------- */

static int check_classifiers(const struct maps *maps, struct maps_audit *a, uint32_t most, uint32_t *count)
{
	uint32_t end = maps->mirror.set_numbers.fresh * 2;

	if (a->next < 2)
		a->next = 2;
	while (a->next < end && *count < most) {
		uint32_t blocks = (most - *count) * BLOCKS_CHEAP;
		int r = set_classifier_check(maps, &a->classifier, a->next, &blocks, a->found);

		*count += blocks / BLOCKS_CHEAP + 1;
		if (r > 0)
			return r;
		a->next += r == -ENOENT;
	}
	return a->next < end ? 0 : -ENOENT;
}

/* --- the edge ----------------------------------------------------------------------------------------------------- */

#define EDGE_CHECK(name)                                                                        \
	static int check_##name(const struct maps *maps, struct maps_audit *a, uint32_t number) \
	{                                                                                       \
		return edge_check_##name(maps, number, a->found);                               \
	}                                                                                       \
	struct vpc_allow_semicolon
EDGE_CHECK(route);
EDGE_CHECK(association);
EDGE_CHECK(nat);
EDGE_CHECK(eip);
EDGE_CHECK(publish);
EDGE_CHECK(uplink);

static int check_acl(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	return acl_check(maps, number, a->found);
}

static int check_subnet_acl(const struct maps *maps, struct maps_audit *a, uint32_t subnet)
{
	return subnet_acl_check(maps, subnet, a->found);
}

static int check_edge_host(const struct maps *maps, struct maps_audit *a, uint32_t number)
{
	(void)number;
	return edge_check_host(maps, a->found);
}

/* --- keys that nobody made ---------------------------------------------------------------------------------------- */

/* A key may lead to a row that is dead and waits for its retiring; not to one that isn't its own. */
static int check_rule_key(const struct maps *maps, struct maps_audit *a, const void *key, uint32_t number)
{
	const struct vpc_rule_key *k = key;

	if (number && number < maps->map[MAP_ROW].n && maps->mirror.rows[number].state != NODE_FREE &&
	    memcmp(&maps->mirror.rows[number].key, k, sizeof(*k)) == 0)
		return 0;
	return found(a, "rule", "a key of mask group %u that nobody made leads to row %u", k->mask_group, number);
}

static int check_addr_key(const struct maps *maps, struct maps_audit *a, const void *key, uint32_t number)
{
	if (number && number <= maps->mirror.size.addrs && maps->mirror.addrs[number].state != NODE_FREE &&
	    memcmp(&maps->mirror.addrs[number].key, key, sizeof(struct vpc_addr_key)) == 0)
		return 0;
	return found(a, "addr", "a key that nobody made leads to address row %u", number);
}

static int check_key(const struct maps *maps, struct maps_audit *a, enum map_id id, const void *key, const void *value)
{
	uint32_t number;

	memcpy(&number, value, sizeof(number));
	switch (id) {
	case MAP_RULE:
		return check_rule_key(maps, a, key, number);
	case MAP_ADDR:
		return check_addr_key(maps, a, key, number);
	default:
		return edge_check_key(maps, id, key, value, a->found);
	}
}

/* One batch. Adds to *count what was looked at. 1: found; 0; -ENOENT: that was the last; -errno. */
static int check_keys(const struct maps *maps, struct maps_audit *a, enum map_id id, uint32_t *count)
{
	const struct kernel_map *map = &maps->map[id];
	_cleanup_free_ char *keys = malloc((size_t)KEYS_A_BATCH * map->key_size);
	_cleanup_free_ char *values = malloc((size_t)KEYS_A_BATCH * map->value_size);
	uint32_t n = KEYS_A_BATCH, next;
	DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, opts);
	int r, end;

	if (!keys || !values)
		return -ENOMEM;
	end = bpf_map_lookup_batch(map->fd, a->next ? &a->batch : NULL, &next, keys, values, &n, &opts);
	/* ENOSPC: a bucket holds more keys than a batch. The rest of this hash is left out. */
	if (end < 0 && end != -ENOENT)
		return end == -ENOSPC ? -ENOENT : end;
	a->batch = next;
	a->next = 1;
	*count += n / KEYS_CHEAP + 1;
	for (uint32_t i = 0; i < n; i++) {
		r = check_key(maps, a, id, keys + (size_t)i * map->key_size, values + (size_t)i * map->value_size);
		if (r)
			return r;
	}
	return end;
}

/* --- a slice ------------------------------------------------------------------------------------------------------ */

static const struct {
	int (*check)(const struct maps *maps, struct maps_audit *a, uint32_t number);
	bool cheap;	  /* no call of the kernel */
	enum map_id keys; /* without check: of which hash */
} stages[STAGES] = {
	[STAGE_ROWS] = {check_row},
	[STAGE_GROUPS] = {check_group, true},
	[STAGE_MASK_GROUPS] = {check_mask_group},
	[STAGE_SETS] = {check_set, true},
	[STAGE_ENIS] = {check_eni, true},
	[STAGE_ADDRS] = {check_addr},
	[STAGE_SPACES] = {check_space, true},
	[STAGE_ADDRESS_CONFIG] = {check_address_config, true},
	[STAGE_ADDRESS_OPTIONS] = {check_address_options},
	[STAGE_ROUTES] = {check_route},
	[STAGE_ASSOCIATIONS] = {check_association, true},
	[STAGE_NATS] = {check_nat, true},
	[STAGE_EIPS] = {check_eip},
	[STAGE_PUBLISHES] = {check_publish},
	[STAGE_UPLINKS] = {check_uplink},
	[STAGE_ACLS] = {check_acl},
	[STAGE_SUBNET_ACLS] = {check_subnet_acl, true},
	[STAGE_EDGE_HOST] = {check_edge_host},
	[STAGE_RULE_KEYS] = {.keys = MAP_RULE},
	[STAGE_ADDR_KEYS] = {.keys = MAP_ADDR},
	[STAGE_ROUTE_KEYS] = {.keys = MAP_ROUTE},
	[STAGE_PUBLISH_KEYS] = {.keys = MAP_PUBLISH},
	[STAGE_UPLINK_KEYS] = {.keys = MAP_UPLINK_OF},
	[STAGE_OUTER_KEYS] = {.keys = MAP_OUTER},
	[STAGE_PUBLIC_KEYS] = {.keys = MAP_PUBLIC},
	[STAGE_PREFIX6_KEYS] = {.keys = MAP_PREFIX6},
};

/* Numbers that a stage looks at end before this one. */
static uint32_t stage_end(const struct maps *maps, enum stage stage)
{
	switch (stage) {
	case STAGE_ROWS:
		return maps->mirror.row_numbers.fresh;
	case STAGE_GROUPS:
		return maps->map[MAP_SG].n;
	case STAGE_MASK_GROUPS:
		return maps->mirror.mask_group_numbers.fresh;
	case STAGE_SETS:
		return maps->mirror.set_numbers.fresh;
	case STAGE_ENIS:
		return maps->map[MAP_ENI].n;
	case STAGE_ADDRS:
		return maps->mirror.addr_numbers.fresh;
	case STAGE_SPACES:
	case STAGE_UPLINKS:
		return maps->map[MAP_VPC].n;
	case STAGE_ADDRESS_CONFIG:
		return maps->map[MAP_ADDRESS_CONFIG].n;
	case STAGE_ADDRESS_OPTIONS:
		return maps->map[MAP_ADDRESS_CONFIG_SPACE].n;
	case STAGE_ROUTES:
		return maps->mirror.route_numbers.fresh;
	case STAGE_ACLS:
		return maps->map[MAP_ACL].n;
	case STAGE_SUBNET_ACLS:
		return maps->map[MAP_SUBNET_ACL].n;
	case STAGE_ASSOCIATIONS:
		return maps->map[MAP_SUBNET_TABLE].n;
	case STAGE_NATS:
		return maps->map[MAP_NAT].n;
	case STAGE_EIPS:
		return maps->map[MAP_EIP].n;
	case STAGE_PUBLISHES:
		return maps->mirror.publish_numbers.fresh;
	case STAGE_EDGE_HOST:
		return 2;
	default:
		return 0;
	}
}

uint32_t maps_audit_size(const struct maps *maps)
{
	uint32_t n = (maps->mirror.row_numbers.used + maps->mirror.addr_numbers.used + maps->mirror.route_numbers.used +
		      maps->mirror.publish_numbers.used) /
			     KEYS_CHEAP +
		     maps->mirror.set_numbers.fresh * 2 + maps->mirror.blocks.used / BLOCKS_CHEAP;

	for (enum stage s = 0; s < STAGES; s++)
		n += stage_end(maps, s) / (stages[s].cheap ? CHEAP : 1);
	return n;
}

static int check_numbers(const struct maps *maps, struct maps_audit *a, uint32_t most, uint32_t *count)
{
	uint32_t end = stage_end(maps, a->stage), at_once = stages[a->stage].cheap ? CHEAP : 1;
	int r = 0;

	if (!a->next)
		a->next = 1;
	for (; r == 0 && a->next < end && *count < most; ++*count)
		for (uint32_t i = 0; i < at_once && r == 0 && a->next < end; i++)
			r = stages[a->stage].check(maps, a, a->next++);
	return r ? r : a->next < end ? 0 : -ENOENT;
}

int maps_audit_step(const struct maps *maps, struct maps_audit *a, uint32_t most, struct maps_finding *ret)
{
	uint32_t count = 0;

	/* A prepared change is half in the maps and half in the mirror. */
	if (maps->prepared)
		return 0;
	a->found = ret;
	while (count < most) {
		int r;

		if (a->stage == STAGE_CLASSIFIERS)
			r = check_classifiers(maps, a, most, &count);
		else if (stages[a->stage].check)
			r = check_numbers(maps, a, most, &count);
		else
			r = check_keys(maps, a, stages[a->stage].keys, &count);

		if (r == 0)
			continue;
		if (r != -ENOENT) {
			a->stage = STAGE_ROWS;
			a->next = 0;
			return r;
		}
		a->next = 0;
		a->stage = (enum stage)(a->stage + 1);
		if (a->stage == STAGES) {
			a->stage = STAGE_ROWS;
			return 0;
		}
	}
	return 0;
}
