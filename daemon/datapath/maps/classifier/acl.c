/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys at which some rule begins or ends cut the space of keys into steps. In each step the same rules hold. */
#include "datapath/maps/classifier/acl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/maps/classifier/steps.h"

#define SLOT_SHIFT 16

struct acl_build {
	const struct acl_table_rule *rules;
	size_t n;
	ARRAY(struct vpc_acl_set) sets;
	ARRAY(wide) keys;
	struct steps steps;
	struct classifier_blocks blocks;
};

/* What a list of steps is about. */
enum acl_list { ACL_PORTS, ACL_PEERS4, ACL_PEERS6 };

static void build_clear(struct acl_build *b)
{
	free(b->sets.at);
	free(b->keys.at);
	free(b->steps.at);
	free(b->blocks.at);
}

/* --- ranges of keys ----------------------------------------------------------------------------------------------- */

static wide address_key(const struct acl_table_rule *r)
{
	wide key = 0;

	if (r->family == 4)
		return ntohl(r->addr[0]);
	for (unsigned i = 0; i < 4; i++)
		key = key << 32 | ntohl(r->addr[i]);
	return key;
}

/* The keys that the rule holds in the list, both inclusive. Returns false: none. */
static bool range_of(const struct acl_table_rule *r, enum acl_list list, wide *ret_first, wide *ret_last)
{
	unsigned bits = r->family == 4 ? 32 : 128;

	if (list == ACL_PORTS) {
		bool any = r->slot == VPC_SLOT_ANY;

		*ret_first = any ? 0 : (wide)r->slot << SLOT_SHIFT | r->port_first;
		*ret_last = any ? UINT32_MAX : (wide)r->slot << SLOT_SHIFT | r->port_last;
		return true;
	}
	if ((list == ACL_PEERS4) != (r->family == 4))
		return false;
	*ret_first = address_key(r);
	*ret_last =
		r->plen ? *ret_first + (((wide)1 << (bits - r->plen)) - 1) : (bits == 32 ? (wide)UINT32_MAX : ~(wide)0);
	return true;
}

static wide list_last(enum acl_list list)
{
	return list == ACL_PEERS6 ? ~(wide)0 : (wide)UINT32_MAX;
}

static int key_add(struct acl_build *b, wide key)
{
	wide *added = ARRAY_PUSH(&b->keys);

	if (!added)
		return -ENOMEM;
	*added = key;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const wide *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* --- sets of rules ------------------------------------------------------------------------------------------------ */

static void set_put(struct vpc_acl_set *set, size_t i)
{
	set->word[i / 64] |= 1ull << i % 64;
}

/* The number of a set, which is made if there is none. -ENOMEM. */
static int set_number(struct acl_build *b, const struct vpc_acl_set *set, uint32_t *ret)
{
	struct vpc_acl_set *added;

	for (size_t i = 0; i < b->sets.n; i++) {
		/* The set of those that allow says something else. */
		if (i == VPC_ACL_SET_ALLOW || memcmp(&b->sets.at[i], set, sizeof(*set)) != 0)
			continue;
		*ret = (uint32_t)i;
		return 0;
	}
	added = ARRAY_PUSH(&b->sets);
	if (!added)
		return -ENOMEM;
	*added = *set;
	*ret = (uint32_t)(b->sets.n - 1);
	return 0;
}

static int first_sets(struct acl_build *b)
{
	struct vpc_acl_set allow = {};

	for (size_t i = 0; i < 2; i++)
		if (!ARRAY_PUSH(&b->sets))
			return -ENOMEM;
	for (size_t i = 0; i < b->n; i++)
		if (b->rules[i].allow)
			set_put(&allow, i);
	b->sets.at[VPC_ACL_SET_NONE] = (struct vpc_acl_set){};
	b->sets.at[VPC_ACL_SET_ALLOW] = allow;
	return 0;
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static int list_keys(struct acl_build *b, enum acl_list list)
{
	int r = 0;

	b->keys.n = 0;
	for (size_t i = 0; r >= 0 && i < b->n; i++) {
		wide first, last;

		if (!range_of(&b->rules[i], list, &first, &last))
			continue;
		if (!b->keys.n)
			r = key_add(b, 0);
		if (r >= 0)
			r = key_add(b, first);
		if (r >= 0 && last < list_last(list))
			r = key_add(b, last + 1);
	}
	if (b->keys.n)
		qsort(b->keys.at, b->keys.n, sizeof(*b->keys.at), compare_keys);
	return r;
}

static int list_build(struct acl_build *b, enum acl_list list, struct vpc_classifier_list *ret)
{
	uint32_t before = VPC_ACL_SET_NONE, number;
	int r = list_keys(b, list);

	b->steps.n = 0;
	for (size_t k = 0; r >= 0 && k < b->keys.n; k++) {
		struct vpc_acl_set set = {};

		if (k && b->keys.at[k] == b->keys.at[k - 1])
			continue;
		for (size_t i = 0; i < b->n; i++) {
			wide first, last;

			if (range_of(&b->rules[i], list, &first, &last) && b->keys.at[k] >= first &&
			    b->keys.at[k] <= last)
				set_put(&set, i);
		}
		r = set_number(b, &set, &number);
		if (r >= 0 && (!b->steps.n || number != before))
			r = steps_add(&b->steps, b->keys.at[k], number);
		before = number;
	}
	return r < 0 ? r : blocks_add_list(&b->blocks, &b->steps, list == ACL_PEERS6 ? 4 : 1, ret);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static int add_sets(struct acl_build *b, struct vpc_acl_table *head)
{
	int r = blocks_add(&b->blocks, (b->sets.n + 1) / 2, &head->sets);

	if (r >= 0)
		memcpy(&b->blocks.at[head->sets], b->sets.at, b->sets.n * sizeof(*b->sets.at));
	return r;
}

int acl_table_build(const struct acl_table_rule *rules, size_t n, const struct vpc_acl_table *head,
		    struct classifier_blocks *ret)
{
	struct acl_build b = {.rules = rules, .n = n};
	struct vpc_acl_table table = {.acl = head->acl, .dir = head->dir, .vpc = head->vpc};
	uint32_t first;
	int r = n > VPC_ACL_RULES ? -E2BIG : blocks_add(&b.blocks, 1, &first);

	if (r >= 0)
		r = first_sets(&b);
	if (r >= 0)
		r = list_build(&b, ACL_PORTS, &table.ports);
	if (r >= 0)
		r = list_build(&b, ACL_PEERS4, &table.peers4);
	if (r >= 0)
		r = list_build(&b, ACL_PEERS6, &table.peers6);
	if (r >= 0)
		r = add_sets(&b, &table);
	if (r >= 0) {
		table.blocks = (uint32_t)b.blocks.n;
		memcpy(&b.blocks.at[0], &table, sizeof(table));
		*ret = b.blocks;
		b.blocks = (struct classifier_blocks){};
	}
	build_clear(&b);
	return r;
}
