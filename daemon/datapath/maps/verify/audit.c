/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pass has stages. Most look at the numbers of one map (row_check.h, edge_check.h, acl_check.h). The others walk the
 * kernel's hashes, many keys a call, for keys that vpcd didn't make. The walks of the largest hashes come first: a key
 * that a walk has met needs no call of its own afterwards, and those calls would be most of a pass.
 */
#include "datapath/maps/verify/audit.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/state.h"
#include "datapath/maps/verify/acl_check.h"
#include "datapath/maps/verify/edge_check.h"
#include "datapath/maps/verify/finding.h"
#include "datapath/maps/verify/row_check.h"
#include "datapath/maps/verify/set_classifier_check.h"

/* Keys read by one call. */
#define KEYS_A_BATCH 128u
/* How many comparisons in memory take as long as one lookup in the kernel; how many keys read in a batch do; how many
 * comparisons of rows that are scattered over memory do. */
#define CHEAP	     16u
#define KEYS_CHEAP   4u
#define SCATTERED    4u
/* So many blocks of a classifier are summed in that time. */
#define BLOCKS_CHEAP 16u

enum stage {
	STAGE_RULE_KEYS,
	STAGE_MASK_GROUP_KEYS,
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
	STAGE_ADDR_KEYS,
	STAGE_ROUTE_KEYS,
	STAGE_PUBLISH_KEYS,
	STAGE_UPLINK_KEYS,
	STAGE_OUTER_KEYS,
	STAGE_PUBLIC_KEYS,
	STAGE_PREFIX6_KEYS,
	STAGES,
};

/* Numbers whose keys the walk of this pass has met in the kernel's hash, and they led there. */
struct met {
	uint64_t *bits;
	uint32_t n;
};

struct maps_audit {
	enum stage stage;
	uint32_t next;	/* number, or 0: the beginning of a hash */
	uint32_t batch; /* where the walk through a hash goes on, for the kernel */
	struct met rows, mask_groups;
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
	if (!a)
		return NULL;
	free(a->rows.bits);
	free(a->mask_groups.bits);
	free(a);
	return NULL;
}

/* --- keys that were met ------------------------------------------------------------------------------------------- */

/* Before a walk. Without memory none counts as met, and all are looked up. */
static void forget(struct met *m, uint32_t n)
{
	if (m->n < n) {
		free(m->bits);
		m->bits = calloc((n + 63) / 64, sizeof(*m->bits));
		m->n = m->bits ? n : 0;
	} else if (m->bits) {
		memset(m->bits, 0, (m->n + 63) / 64 * sizeof(*m->bits));
	}
}

static void meet(struct met *m, uint32_t number)
{
	if (number < m->n)
		m->bits[number / 64] |= 1ull << number % 64;
}

static bool was_met(const struct met *m, uint32_t number)
{
	return number < m->n && m->bits[number / 64] & 1ull << number % 64;
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

static int check_edge_host(const struct maps *maps, uint32_t number, struct maps_finding *ret)
{
	(void)number;
	return edge_check_host(maps, ret);
}

/* --- keys that nobody made ---------------------------------------------------------------------------------------- */

/* A key may lead to a row that is dead and waits for its retiring; not to one that isn't its own. */
static int check_rule_key(const struct maps *maps, struct maps_audit *a, const void *key, uint32_t number)
{
	const struct vpc_rule_key *k = key;

	if (number && number < maps->map[MAP_ROW].n && maps->mirror.rows[number].state != NODE_FREE &&
	    memcmp(&maps->mirror.rows[number].key, k, sizeof(*k)) == 0) {
		meet(&a->rows, number);
		return 0;
	}
	return maps_found(a->found, "rule", "a key of mask group %u that nobody made leads to row %u", k->mask_group,
			  number);
}

/* A mask group that no row has any more keeps its key: only those in use are of interest. */
static void meet_mask_group_key(const struct maps *maps, struct maps_audit *a, const void *key, uint32_t number)
{
	const struct mask_group *mask_group = &maps->mirror.mask_groups[number];

	if (number && number < maps->map[MAP_MASK_GROUP].n && mask_group->used &&
	    memcmp(&mask_group->key, key, sizeof(mask_group->key)) == 0)
		meet(&a->mask_groups, number);
}

static int check_addr_key(const struct maps *maps, struct maps_audit *a, const void *key, uint32_t number)
{
	if (number && number <= maps->mirror.size.addrs && maps->mirror.addrs[number].state != NODE_FREE &&
	    memcmp(&maps->mirror.addrs[number].key, key, sizeof(struct vpc_addr_key)) == 0)
		return 0;
	return maps_found(a->found, "addr", "a key that nobody made leads to address row %u", number);
}

static int check_key(const struct maps *maps, struct maps_audit *a, enum map_id id, const void *key, const void *value)
{
	uint32_t number;

	memcpy(&number, value, sizeof(number));
	switch (id) {
	case MAP_RULE:
		return check_rule_key(maps, a, key, number);
	case MAP_MASK_GROUP_OF:
		meet_mask_group_key(maps, a, key, number);
		return 0;
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
	if (!a->next && id == MAP_RULE)
		forget(&a->rows, maps->map[MAP_ROW].n);
	if (!a->next && id == MAP_MASK_GROUP_OF)
		forget(&a->mask_groups, maps->map[MAP_MASK_GROUP].n);
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
	int (*check)(const struct maps *maps, uint32_t number, struct maps_finding *ret);
	unsigned at_once; /* so many take as long as one call of the kernel; 0: each makes one */
	int (*check_key)(const struct maps *maps, uint32_t number, struct maps_finding *ret); /* unless it was met */
	enum map_id keys; /* without check: of which hash */
} stages[STAGES] = {
	[STAGE_RULE_KEYS] = {.keys = MAP_RULE},
	[STAGE_MASK_GROUP_KEYS] = {.keys = MAP_MASK_GROUP_OF},
	[STAGE_ROWS] = {row_check_row, SCATTERED, row_check_row_key},
	[STAGE_GROUPS] = {row_check_group, CHEAP},
	[STAGE_MASK_GROUPS] = {row_check_mask_group, SCATTERED, row_check_mask_group_key},
	[STAGE_SETS] = {row_check_set, CHEAP},
	[STAGE_ENIS] = {row_check_eni, CHEAP},
	[STAGE_ADDRS] = {row_check_addr},
	[STAGE_SPACES] = {row_check_space, CHEAP},
	[STAGE_ADDRESS_CONFIG] = {row_check_address_config, CHEAP},
	[STAGE_ADDRESS_OPTIONS] = {row_check_address_options},
	[STAGE_ROUTES] = {edge_check_route},
	[STAGE_ASSOCIATIONS] = {edge_check_association, CHEAP},
	[STAGE_NATS] = {edge_check_nat, CHEAP},
	[STAGE_EIPS] = {edge_check_eip},
	[STAGE_PUBLISHES] = {edge_check_publish},
	[STAGE_UPLINKS] = {edge_check_uplink},
	[STAGE_ACLS] = {acl_check},
	[STAGE_SUBNET_ACLS] = {subnet_acl_check, CHEAP},
	[STAGE_EDGE_HOST] = {check_edge_host},
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
	uint32_t n =
		(maps->mirror.row_numbers.used + maps->mirror.mask_group_numbers.used + maps->mirror.addr_numbers.used +
		 maps->mirror.route_numbers.used + maps->mirror.publish_numbers.used) /
			KEYS_CHEAP +
		maps->mirror.set_numbers.fresh * 2 + maps->mirror.blocks.used / BLOCKS_CHEAP;

	for (enum stage s = 0; s < STAGES; s++)
		n += stage_end(maps, s) / (stages[s].at_once ?: 1);
	return n;
}

/* Adds to *count the call that its key needs. */
static int check_number(const struct maps *maps, struct maps_audit *a, uint32_t number, uint32_t *count)
{
	const struct met *met = a->stage == STAGE_ROWS ? &a->rows : &a->mask_groups;
	int r = stages[a->stage].check(maps, number, a->found);

	if (r || !stages[a->stage].check_key || was_met(met, number))
		return r;
	++*count;
	return stages[a->stage].check_key(maps, number, a->found);
}

static int check_numbers(const struct maps *maps, struct maps_audit *a, uint32_t most, uint32_t *count)
{
	uint32_t end = stage_end(maps, a->stage), at_once = stages[a->stage].at_once ?: 1;
	int r = 0;

	if (!a->next)
		a->next = 1;
	for (; r == 0 && a->next < end && *count < most; ++*count)
		for (uint32_t i = 0; i < at_once && r == 0 && a->next < end; i++)
			r = check_number(maps, a, a->next++, count);
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
			a->stage = STAGE_RULE_KEYS;
			a->next = 0;
			return r;
		}
		a->next = 0;
		a->stage = (enum stage)(a->stage + 1);
		if (a->stage == STAGES) {
			a->stage = STAGE_RULE_KEYS;
			return 0;
		}
	}
	return 0;
}
