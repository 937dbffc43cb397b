/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading, adopting, reading back, closing. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/ctl.h"
#include "datapath/maps/edge_state.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/error.h"
#include "datapath/maps/flows/grace.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/mirror.h"
#include "datapath/maps/pin.h"
#include "datapath/maps/recover.h"
#include "datapath/maps/shares.h"
#include "datapath/maps/size.h"
#include "datapath/maps/skeleton.h"
#include "datapath/maps/words.h"

/* So many entries of the map of established flows, at most this part of it, may be connections that are not established
 * yet. That is enough for any honest rate, since a handshake takes less than a millisecond, and too few to matter in a
 * flood. */
#define HALF_OPEN_MAX  1024u
#define HALF_OPEN_PART 16u

static int set_sizes(struct maps *t, unsigned memory_percent, struct vpc_error *reterr)
{
	struct sysinfo machine;

	if (memory_percent && sysinfo(&machine) == 0)
		size_fit(t->bpf, (uint64_t)machine.totalram * machine.mem_unit * memory_percent / 100, &t->limits);
	for (int id = 0; id < MAP_COUNT; id++) {
		struct bpf_map *map = size_object_map(t->bpf, id);
		uint32_t n = size_by_limits(id, &t->limits);
		int r;

		if (!map)
			return bpf_error(reterr, -ENOENT, map_names[id]);
		r = n ? bpf_map__set_max_entries(map, n) : 0;
		if (r < 0)
			return bpf_error(reterr, r, map_names[id]);
	}
	return 0;
}

static int map_memory(struct kernel_map *map, uint32_t flags)
{
	void *mem;

	if (!(flags & BPF_F_MMAPABLE))
		return 0;
	map->mem_bytes = (size_t)((map->value_size + 7u) & ~7u) * map->n;
	mem = mmap(NULL, map->mem_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	map->mem = mem;
	return 0;
}

static int take_map(struct maps *t, enum map_id id)
{
	struct kernel_map *map = &t->map[id];
	struct bpf_map_info info = {};
	__u32 info_bytes = sizeof(info);
	int r;

	map->name = map_names[id];
	map->fd = bpf_map__fd(size_object_map(t->bpf, id));
	r = bpf_obj_get_info_by_fd(map->fd, &info, &info_bytes);
	if (r < 0)
		return r;
	map->id = info.id;
	map->type = info.type;
	map->key_size = info.key_size;
	map->value_size = info.value_size;
	map->n = info.max_entries;
	map->bytes = size_of_map(info.type, info.key_size, info.value_size, info.max_entries);
	return map_memory(map, info.map_flags);
}

/* Entries for which both a hash and the array of its rows have room. */
static uint32_t hash_and_rows(const struct maps *t, enum map_id hash, enum map_id rows)
{
	return t->map[hash].n < t->map[rows].n - 1 ? t->map[hash].n : t->map[rows].n - 1;
}

/* An adopted map keeps its size, whatever the configuration says. */
static void adopt_limits(struct maps *t)
{
	struct vpc_limits *l = &t->limits;

	l->vpcs = t->map[MAP_VPC].n - 1;
	l->enis = t->map[MAP_ENI].n - VPC_ENI_FIRST;
	l->addresses = hash_and_rows(t, MAP_ADDR, MAP_ADDR_ROW);
	l->addresses -= l->addresses > l->enis ? l->enis : 0; /* each ENI's MAC stands there too */
	l->sets = t->map[MAP_SET].n - 1;
	l->groups = t->map[MAP_SG].n - 1;
	l->classes = t->map[MAP_MASK_GROUP].n - 1;
	l->rows = t->map[MAP_ROW].n - 1;
	l->flows_established = t->map[MAP_FLOW].n;
	l->flows_other = t->map[MAP_FLOW_NEW].n;
	l->fragments = t->map[MAP_FRAGMENT].n;
	if (l->rules > l->rows)
		l->rules = l->rows;
	l->subnets = t->map[MAP_SUBNET_TABLE].n - 1;
	l->route_tables = t->map[MAP_ROUTE_PLENS].n - 1;
	l->routes = hash_and_rows(t, MAP_ROUTE, MAP_ROUTE_ROW);
	l->nat_gateways = t->map[MAP_NAT].n - 1;
	l->eips = t->map[MAP_EIP].n - 1;
	l->publish_rows = hash_and_rows(t, MAP_PUBLISH, MAP_PUBLISH_ROW);
	l->translations = t->map[MAP_NAT_OUT].n < t->map[MAP_NAT_IN].n ? t->map[MAP_NAT_OUT].n : t->map[MAP_NAT_IN].n;
}

static int load(struct maps *t, const struct maps_config *config, struct vpc_error *reterr)
{
	int r;

	t->bpf = datapath_bpf__open();
	if (!t->bpf)
		return bpf_error(reterr, -errno, "opening the eBPF object");
	r = set_sizes(t, config->memory_percent, reterr);
	if (r < 0)
		return r;
	if (config->pin_dir) {
		r = pin_open_dir(t, config->pin_dir, reterr);
		if (r >= 0)
			r = pin_reuse(t, reterr);
		if (r < 0)
			return r;
	}
	r = datapath_bpf__load(t->bpf);
	if (r < 0)
		return bpf_error(reterr, r, "loading the eBPF programs");
	for (int id = 0; id < MAP_COUNT; id++) {
		r = take_map(t, id);
		if (r < 0)
			return bpf_error(reterr, r, map_names[id]);
	}
	adopt_limits(t);
	return 0;
}

/* A number that one map has, the maps that go with it have too: nothing is read beyond a smaller one. */
static int check_sizes(const struct maps *t, struct vpc_error *reterr)
{
	if (t->map[MAP_ROW_STAT].n < t->map[MAP_ROW].n ||
	    t->map[MAP_DROP].n / VPC_DROP_REASONS_MAX < t->map[MAP_ENI].n ||
	    t->map[MAP_ENI_STAT].n < t->map[MAP_ENI].n || t->map[MAP_ENI_FLOWS].n < t->map[MAP_ENI].n ||
	    t->map[MAP_VPC_FLOWS].n < t->map[MAP_VPC].n || t->map[MAP_UPLINK].n < t->map[MAP_VPC].n ||
	    t->map[MAP_ENI_FRAGMENTS].n < t->map[MAP_ENI].n || t->map[MAP_VPC_FRAGMENTS].n < t->map[MAP_VPC].n ||
	    t->map[MAP_NAT_USED].n < t->map[MAP_VPC].n)
		return bpf_error(reterr, -EBADMSG, "the pinned maps do not belong together");
	return 0;
}

static int init_mirror(struct maps *t)
{
	const struct mirror_sizes sizes = {
		.rows = t->map[MAP_ROW].n,
		.mask_groups = t->map[MAP_MASK_GROUP].n,
		.sets = t->map[MAP_SET].n,
		.addrs = t->limits.addresses + t->limits.enis,
		.addr_numbers = t->map[MAP_ADDR_ROW].n,
		.enis = t->map[MAP_ENI].n,
		.groups = t->map[MAP_SG].n,
		.vpcs = t->map[MAP_VPC].n,
		.blocks = t->map[MAP_CLASSIFIER].n,
		.routes = t->limits.routes + 1,
		.route_tables = t->map[MAP_ROUTE_PLENS].n,
		.subnets = t->map[MAP_SUBNET_TABLE].n,
		.nats = t->map[MAP_NAT].n,
		.eips = t->map[MAP_EIP].n,
		.publishes = t->limits.publish_rows + 1,
	};

	return mirror_init(&t->mirror, &sizes);
}

static void set_half_open_max(struct maps *t)
{
	uint32_t part = t->limits.flows_established / HALF_OPEN_PART;

	CTL_SET(t, half_open_max, part < HALF_OPEN_MAX ? part : HALF_OPEN_MAX);
}

int maps_open(const struct maps_config *config, struct maps **ret, struct vpc_error *reterr)
{
	_cleanup_(maps_closep) struct maps *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return vpc_error_oom(reterr);
	t->limits = *config->limits;
	t->classifier_from = config->classifier_from;
	r = load(t, config, reterr);
	if (r >= 0)
		r = check_sizes(t, reterr);
	if (r < 0)
		return r;
	r = init_mirror(t);
	t->tenants = calloc(t->map[MAP_VPC].n, sizeof(*t->tenants));
	t->address_config_sums = calloc(t->map[MAP_ADDRESS_CONFIG].n, sizeof(*t->address_config_sums));
	t->address_options_sums = calloc(t->map[MAP_ADDRESS_CONFIG_SPACE].n, sizeof(*t->address_options_sums));
	if (r < 0 || !t->tenants || !t->address_config_sums || !t->address_options_sums)
		return vpc_error_oom(reterr);
	ctl_adopt(t);
	if (!maps_epoch(t))
		epoch_store(t, config->first_epoch);
	set_half_open_max(t);
	r = edge_adopt(t);
	if (r < 0)
		return bpf_error(reterr, r, "reading what the maps say of the edge");
	if (t->adopted) {
		r = recover(t);
		if (r < 0)
			return bpf_error(reterr, r, "reading the pinned maps back");
		(void)grace_find(t);
	}
	shares_update(t);
	if (t->dir) {
		r = pin_all(t, reterr);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(t);
	return 0;
}

int maps_reread(struct maps *t, struct vpc_error *reterr)
{
	int r;

	if (t->n_changes || t->grace.pending)
		return -EBUSY;
	mirror_free(&t->mirror);
	r = init_mirror(t);
	if (r >= 0)
		r = recover(t);
	if (r < 0)
		return bpf_error(reterr, r, "reading the maps back");
	return t->dir ? pin_all(t, reterr) : 0;
}

static void free_postponed(struct maps *t)
{
	while (t->retire_later) {
		struct maps_change *c = t->retire_later;

		t->retire_later = c->next;
		change_free(c);
	}
}

void maps_close(struct maps *t)
{
	if (!t)
		return;
	if (t->ring)
		ring_buffer__free(t->ring);
	for (int id = 0; id < MAP_COUNT; id++)
		if (t->map[id].mem)
			munmap(t->map[id].mem, t->map[id].mem_bytes);
	free_postponed(t);
	mirror_free(&t->mirror);
	edge_clear(t);
	free(t->tenants);
	free(t->address_config_sums);
	free(t->address_options_sums);
	free(t->graced.at);
	if (t->bpf)
		datapath_bpf__destroy(t->bpf);
	free(t->dir);
	free(t);
}

const struct vpc_limits *maps_limits(const struct maps *t)
{
	return &t->limits;
}

int maps_prog_from_workload(const struct maps *t)
{
	return bpf_program__fd(t->bpf->progs.from_workload);
}

int maps_prog_to_workload(const struct maps *t)
{
	return bpf_program__fd(t->bpf->progs.to_workload);
}

int maps_prog_from_router(const struct maps *t)
{
	return bpf_program__fd(t->bpf->progs.from_router);
}

int maps_prog_fast_path_probe(const struct maps *t)
{
	return bpf_program__fd(t->bpf->progs.fast_path_probe);
}

int maps_prog_edge(const struct maps *t, const char *name)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(t->bpf->obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}
