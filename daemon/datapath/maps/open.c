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
#include "datapath/maps/flows/young.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/mirror.h"
#include "datapath/maps/pin.h"
#include "datapath/maps/programs.h"
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

static int set_sizes(struct maps *maps, unsigned memory_percent, struct vpc_error *reterr)
{
	struct sysinfo machine;

	if (memory_percent && sysinfo(&machine) == 0)
		size_fit(maps->bpf, (uint64_t)machine.totalram * machine.mem_unit * memory_percent / 100,
			 &maps->limits);
	for (int id = 0; id < MAP_COUNT; id++) {
		struct bpf_map *map = size_object_map(maps->bpf, id);
		uint32_t n = size_by_limits(id, &maps->limits);
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

static int take_map(struct maps *maps, enum map_id id)
{
	struct kernel_map *map = &maps->map[id];
	struct bpf_map_info info = {};
	__u32 info_bytes = sizeof(info);
	int r;

	map->name = map_names[id];
	map->fd = bpf_map__fd(size_object_map(maps->bpf, id));
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
static uint32_t hash_and_rows(const struct maps *maps, enum map_id hash, enum map_id rows)
{
	return maps->map[hash].n < maps->map[rows].n - 1 ? maps->map[hash].n : maps->map[rows].n - 1;
}

/* An adopted map keeps its size, whatever the configuration says. */
static void adopt_limits(struct maps *maps)
{
	struct vpc_limits *l = &maps->limits;

	l->vpcs = maps->map[MAP_VPC].n - 1;
	l->enis = maps->map[MAP_ENI].n - VPC_ENI_FIRST;
	l->addresses = hash_and_rows(maps, MAP_ADDR, MAP_ADDR_ROW);
	l->addresses -= l->addresses > l->enis ? l->enis : 0; /* each ENI's MAC stands there too */
	l->sets = maps->map[MAP_SET].n - 1;
	l->groups = maps->map[MAP_SG].n - 1;
	l->prefix_list_names = maps->map[MAP_LIST_OF].n;
	l->port_mask_groups = maps->map[MAP_MASK_GROUP].n - 1;
	l->rows = maps->map[MAP_ROW].n - 1;
	l->flows_established = maps->map[MAP_FLOW].n;
	l->flows_other = maps->map[MAP_FLOW_NEW].n;
	l->fragments = maps->map[MAP_FRAGMENT].n;
	if (l->rules > l->rows)
		l->rules = l->rows;
	l->subnets = maps->map[MAP_SUBNET_TABLE].n - 1;
	l->route_tables = maps->map[MAP_ROUTE_PLENS].n - 1;
	l->routes = hash_and_rows(maps, MAP_ROUTE, MAP_ROUTE_ROW);
	l->nat_gateways = maps->map[MAP_NAT].n - 1;
	l->eips = maps->map[MAP_EIP].n - 1;
	if (l->peerings > maps->map[MAP_PEERING_STAT].n / 2)
		l->peerings = maps->map[MAP_PEERING_STAT].n / 2;
	l->network_acls = maps->map[MAP_ACL].n - 1;
	l->publish_rows = hash_and_rows(maps, MAP_PUBLISH, MAP_PUBLISH_ROW);
	l->translations =
		maps->map[MAP_NAT_OUT].n < maps->map[MAP_NAT_IN].n ? maps->map[MAP_NAT_OUT].n : maps->map[MAP_NAT_IN].n;
}

static int load(struct maps *maps, const struct maps_config *config, struct vpc_error *reterr)
{
	int r;

	maps->bpf = datapath_bpf__open();
	if (!maps->bpf)
		return bpf_error(reterr, -errno, "opening the eBPF object");
	r = set_sizes(maps, config->memory_percent, reterr);
	if (r < 0)
		return r;
	if (config->pin_dir) {
		r = pin_open_dir(maps, config->pin_dir, reterr);
		if (r >= 0)
			r = pin_reuse(maps, reterr);
		if (r < 0)
			return r;
		(void)programs_reuse(maps);
	}
	r = datapath_bpf__load(maps->bpf);
	if (r < 0)
		return bpf_error(reterr, r, "loading the eBPF programs");
	for (int id = 0; id < MAP_COUNT; id++) {
		r = take_map(maps, id);
		if (r < 0)
			return bpf_error(reterr, r, map_names[id]);
	}
	adopt_limits(maps);
	return 0;
}

/* Maps that share numbers must have the same size, so that nothing is read behind the end of a smaller one. */
static int check_sizes(const struct maps *maps, struct vpc_error *reterr)
{
	if (maps->map[MAP_ROW_STAT].n < maps->map[MAP_ROW].n ||
	    maps->map[MAP_DROP].n / VPC_DROP_REASONS_MAX < maps->map[MAP_ENI].n ||
	    maps->map[MAP_ENI_STAT].n < maps->map[MAP_ENI].n || maps->map[MAP_ENI_FLOWS].n < maps->map[MAP_ENI].n ||
	    maps->map[MAP_VPC_FLOWS].n < maps->map[MAP_VPC].n || maps->map[MAP_UPLINK].n < maps->map[MAP_VPC].n ||
	    maps->map[MAP_ENI_FRAGMENTS].n < maps->map[MAP_ENI].n || maps->map[MAP_VPC_ACLS].n < maps->map[MAP_VPC].n ||
	    maps->map[MAP_SUBNET_ACL].n < maps->map[MAP_SUBNET_TABLE].n ||
	    maps->map[MAP_NAT_FRAGMENT].n < maps->map[MAP_FRAGMENT].n ||
	    maps->map[MAP_VPC_FRAGMENTS].n < maps->map[MAP_VPC].n || maps->map[MAP_NAT_USED].n < maps->map[MAP_VPC].n)
		return bpf_error(reterr, -EBADMSG, "the pinned maps do not belong together");
	return 0;
}

static int init_mirror(struct maps *maps)
{
	const struct mirror_sizes sizes = {
		.rows = maps->map[MAP_ROW].n,
		.mask_groups = maps->map[MAP_MASK_GROUP].n,
		.sets = maps->map[MAP_SET].n,
		.addrs = maps->limits.addresses + maps->limits.enis,
		.addr_numbers = maps->map[MAP_ADDR_ROW].n,
		.enis = maps->map[MAP_ENI].n,
		.groups = maps->map[MAP_SG].n,
		.lists = maps->limits.prefix_lists + 1,
		.list_names = maps->limits.prefix_list_names,
		.vpcs = maps->map[MAP_VPC].n,
		.blocks = maps->map[MAP_CLASSIFIER].n,
		.routes = maps->limits.routes + 1,
		.route_tables = maps->map[MAP_ROUTE_PLENS].n,
		.subnets = maps->map[MAP_SUBNET_TABLE].n,
		.nats = maps->map[MAP_NAT].n,
		.eips = maps->map[MAP_EIP].n,
		.publishes = maps->limits.publish_rows + 1,
		.acls = maps->map[MAP_ACL].n,
		.acl_blocks = maps->map[MAP_ACL_BLOCK].n,
	};

	return mirror_init(&maps->mirror, &sizes);
}

static void set_half_open_max(struct maps *maps)
{
	uint32_t part = maps->limits.flows_established / HALF_OPEN_PART;

	CTL_SET(maps, half_open_max, part < HALF_OPEN_MAX ? part : HALF_OPEN_MAX);
}

int maps_open(const struct maps_config *config, struct maps **ret, struct vpc_error *reterr)
{
	_cleanup_(maps_closep) struct maps *maps = calloc(1, sizeof(*maps));
	int r;

	if (!maps)
		return vpc_error_oom(reterr);
	maps->limits = *config->limits;
	maps->classifier_from = config->classifier_from;
	r = load(maps, config, reterr);
	if (r >= 0)
		r = check_sizes(maps, reterr);
	if (r < 0)
		return r;
	r = init_mirror(maps);
	maps->tenants = calloc(maps->map[MAP_VPC].n, sizeof(*maps->tenants));
	maps->address_config_sums = calloc(maps->map[MAP_ADDRESS_CONFIG].n, sizeof(*maps->address_config_sums));
	maps->address_options_sums = calloc(maps->map[MAP_ADDRESS_CONFIG_SPACE].n, sizeof(*maps->address_options_sums));
	if (r < 0 || !maps->tenants || !maps->address_config_sums || !maps->address_options_sums)
		return vpc_error_oom(reterr);
	ctl_adopt(maps);
	if (!maps_epoch(maps))
		epoch_store(maps, config->first_epoch);
	set_half_open_max(maps);
	r = edge_adopt(maps);
	if (r < 0)
		return bpf_error(reterr, r, "reading what the maps say of the edge");
	if (maps->adopted) {
		r = recover(maps);
		if (r < 0)
			return bpf_error(reterr, r, "reading the pinned maps back");
		(void)grace_find(maps);
	}
	young_adopt(maps);
	shares_update(maps);
	if (maps->dir) {
		r = pin_all(maps, reterr);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(maps);
	return 0;
}

int maps_reread(struct maps *maps, struct vpc_error *reterr)
{
	int r;

	if (maps->n_changes || maps->grace.pending)
		return -EBUSY;
	mirror_free(&maps->mirror);
	r = init_mirror(maps);
	if (r >= 0)
		r = recover(maps);
	if (r < 0)
		return bpf_error(reterr, r, "reading the maps back");
	return maps->dir ? pin_all(maps, reterr) : 0;
}

static void free_postponed(struct maps *maps)
{
	while (maps->retire_later) {
		struct maps_change *c = maps->retire_later;

		maps->retire_later = c->next;
		change_free(c);
	}
}

void maps_close(struct maps *maps)
{
	if (!maps)
		return;
	if (maps->ring)
		ring_buffer__free(maps->ring);
	for (int id = 0; id < MAP_COUNT; id++)
		if (maps->map[id].mem)
			munmap(maps->map[id].mem, maps->map[id].mem_bytes);
	free_postponed(maps);
	mirror_free(&maps->mirror);
	edge_clear(maps);
	free(maps->tenants);
	free(maps->address_config_sums);
	free(maps->address_options_sums);
	free(maps->graced.at);
	programs_close(maps);
	if (maps->bpf)
		datapath_bpf__destroy(maps->bpf);
	free(maps->dir);
	free(maps);
}

const struct vpc_limits *maps_limits(const struct maps *maps)
{
	return &maps->limits;
}

int maps_prog_from_workload(const struct maps *maps)
{
	return program_fd(maps, maps->bpf->progs.from_workload);
}

int maps_prog_to_workload(const struct maps *maps)
{
	return program_fd(maps, maps->bpf->progs.to_workload);
}

int maps_prog_from_router(const struct maps *maps)
{
	return program_fd(maps, maps->bpf->progs.from_router);
}

int maps_prog_fast_path_probe(const struct maps *maps)
{
	return program_fd(maps, maps->bpf->progs.fast_path_probe);
}

int maps_prog_edge(const struct maps *maps, const char *name)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(maps->bpf->obj, name);

	return prog ? program_fd(maps, prog) : -ENOENT;
}
