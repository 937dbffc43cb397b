/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/carry.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/ctl.h"
#include "datapath/maps/flows/grace.h"
#include "datapath/maps/flows/young.h"
#include "datapath/maps/shares.h"
#include "datapath/maps/words.h"

/* The version whose flows are understood: they are laid out as ours. */
#define CARRY_FROM 7

/* A map of flows of that version. 0 and fd -1: there is none that is understood. */
static int carry_map(const char *folder, const char *name, struct kernel_map *ret)
{
	_cleanup_close_ int fd = -1;
	struct bpf_map_info info;
	char path[PATH_MAX];

	*ret = (struct kernel_map){.name = name, .fd = -1};
	if (snprintf(path, sizeof(path), "%s/maps/%s", folder, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = map_open_pinned(path, &info);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (info.key_size != sizeof(struct vpc_flow_key) || info.value_size != sizeof(struct vpc_flow))
		return 0;
	ret->key_size = info.key_size;
	ret->value_size = info.value_size;
	ret->n = info.max_entries;
	ret->fd = TAKE_FD(fd);
	return 0;
}

int carry_open(const struct maps *maps, struct carry *ret)
{
	char folder[PATH_MAX];
	size_t n;
	int r;

	if (!maps->dir)
		return 0;
	n = (size_t)(strrchr(maps->dir, '/') - maps->dir);
	if (snprintf(folder, sizeof(folder), "%.*s/v%d", (int)n, maps->dir, CARRY_FROM) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	r = carry_map(folder, "flow", &ret->from[0]);
	if (r >= 0)
		r = carry_map(folder, "flow_new", &ret->from[1]);
	return r;
}

void carry_close(struct carry *c)
{
	close_fd(c->from[0].fd);
	close_fd(c->from[1].fd);
	*c = CARRY_INIT;
}

static void count_side(struct maps *maps, const struct vpc_flow *flow, unsigned side)
{
	uint32_t number = flow->eni[side];
	struct vpc_eni_flows *n;

	if (!number || number >= maps->map[MAP_ENI].n || eni_at(maps, number)->incarnation != flow->incarnation[side])
		return;
	n = eni_flows_at(maps, number);
	__atomic_fetch_add(side && flow->eni[0] ? &n->answered : &n->opened, 1, __ATOMIC_RELAXED);
}

/* As the programs count an entry of `flow`. What counts to the pool is left to shares_update. */
static void count(struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	struct vpc_vpc_flows *v = vpc_flows_at(maps, key->vpc);

	if (!(flow->flags & (VPC_FLOW_BUDGETED | VPC_FLOW_HALF_OPEN)))
		return;
	__atomic_fetch_add(&v->total, 1, __ATOMIC_RELAXED);
	if (flow->flags & VPC_FLOW_HALF_OPEN) {
		__atomic_fetch_add(&v->half_open, 1, __ATOMIC_RELAXED);
		return;
	}
	count_side(maps, flow, 0);
	count_side(maps, flow, 1);
}

struct carrying {
	struct maps *maps;
	enum map_id to;
	uint64_t now_ns;
	bool graces;
};

static int carry_one(const void *key_in, const void *value_in, void *userdata)
{
	struct carrying *c = userdata;
	struct vpc_flow_key key;
	struct vpc_flow flow, known;

	memcpy(&key, key_in, sizeof(key));
	memcpy(&flow, value_in, sizeof(flow));
	if (key.vpc >= c->maps->map[MAP_VPC].n)
		return 0;
	if (flow.epoch != VPC_EPOCH_CUT)
		flow.epoch = 0;
	for (unsigned side = 0; side < 2; side++)
		if (flow.grace_until[side] != VPC_GRACE_KEEP && flow.grace_until[side] <= c->now_ns >> VPC_GRACE_SHIFT)
			flow.grace_until[side] = 0;
	if ((flow.grace_until[0] || flow.grace_until[1]) && !c->graces) {
		CTL_SET(c->maps, graces, 1);
		c->graces = true;
	}
	/* A packet may have made an entry of the flow meanwhile. A flow has one entry in all maps. */
	young_note_stored(c->maps, flow.tag);
	if (young_find(c->maps, &key, &known) ||
	    bpf_map_lookup_elem(c->maps->map[c->to == MAP_FLOW ? MAP_FLOW_NEW : MAP_FLOW].fd, &key, &known) == 0)
		return 0;
	/* -EEXIST: the same. -E2BIG: no room, as for any flow. */
	if (bpf_map_update_elem(c->maps->map[c->to].fd, &key, &flow, BPF_NOEXIST) == 0 && c->to == MAP_FLOW)
		count(c->maps, &key, &flow);
	return 0;
}

int carry_flows(struct maps *maps, const struct carry *from, uint64_t now_ns)
{
	static const enum map_id to[] = {MAP_FLOW, MAP_FLOW_NEW};
	struct carrying c = {.maps = maps, .now_ns = now_ns};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(to); i++) {
		c.to = to[i];
		if (from->from[i].fd >= 0)
			r = map_each(&from->from[i], carry_one, &c);
	}
	shares_update(maps);
	if (r >= 0 && c.graces)
		r = grace_find(maps);
	return r;
}

int maps_carry(struct maps *maps, uint64_t now_ns)
{
	_cleanup_(carry_close) struct carry from = CARRY_INIT;
	int r = carry_open(maps, &from);

	return r < 0 ? r : carry_flows(maps, &from, now_ns);
}
