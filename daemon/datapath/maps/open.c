/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading, adopting, closing. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "datapath/maps/skeleton.h"
#include "datapath/maps/private.h"

/* Of the table of established flows, at most so many, and a part of it, may be connections that aren't yet: enough for
 * any honest rate, since a handshake takes less than a millisecond, and too few to matter in a flood. */
#define HALF_OPEN_MAX  1024u
#define HALF_OPEN_PART 16u

/* The tables together may take this part of the machine's memory. */
#define MEMORY_PERCENT 5

static int set_sizes(struct maps *t, bool fixed_size, struct vpc_error *reterr)
{
	struct sysinfo machine;

	if (!fixed_size && sysinfo(&machine) == 0)
		size_fit(t->bpf, (uint64_t)machine.totalram * machine.mem_unit * MEMORY_PERCENT / 100, &t->limits);
	for (int id = 0; id < MAP_COUNT; id++) {
		struct bpf_map *map = size_map(t->bpf, id);
		uint32_t n = table_entries(id, &t->limits);
		int r;

		if (!map)
			return bpf_error(reterr, -ENOENT, map_names[id]);
		r = n ? bpf_map__set_max_entries(map, n) : 0;
		if (r < 0)
			return bpf_error(reterr, r, map_names[id]);
	}
	return 0;
}

static int map_memory(struct kernel_map *kernel_map, uint32_t flags)
{
	void *mem;

	if (!(flags & BPF_F_MMAPABLE))
		return 0;
	kernel_map->mem_bytes = (size_t)((kernel_map->value_size + 7u) & ~7u) * kernel_map->n;
	mem = mmap(NULL, kernel_map->mem_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kernel_map->fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	kernel_map->mem = mem;
	return 0;
}

static int take_map(struct maps *t, enum map_id id)
{
	const struct bpf_map *map = size_map(t->bpf, id);
	struct kernel_map *kernel_map = &t->kernel_map[id];
	struct bpf_map_info info = {};
	__u32 info_bytes = sizeof(info);
	int r;

	kernel_map->name = map_names[id];
	kernel_map->fd = bpf_map__fd(map);
	r = bpf_obj_get_info_by_fd(kernel_map->fd, &info, &info_bytes);
	if (r < 0)
		return r;
	kernel_map->id = info.id;
	kernel_map->type = info.type;
	kernel_map->key_size = info.key_size;
	kernel_map->value_size = info.value_size;
	kernel_map->n = info.max_entries;
	kernel_map->bytes = map_bytes(info.type, info.map_flags, info.key_size, info.value_size, info.max_entries);
	return map_memory(kernel_map, info.map_flags);
}

/* An adopted table keeps its size, whatever the configuration says now. */
static void adopt_limits(struct maps *t)
{
	struct vpc_limits *l = &t->limits;

	l->vpcs = t->kernel_map[MAP_VPC].n - 1;
	l->enis = t->kernel_map[MAP_ENI].n - VPC_ENI_FIRST;
	l->addresses = t->kernel_map[MAP_ADDR].n < t->kernel_map[MAP_ADDR_ROW].n - 1
			       ? t->kernel_map[MAP_ADDR].n
			       : t->kernel_map[MAP_ADDR_ROW].n - 1;
	l->addresses -= l->addresses > l->enis ? l->enis : 0; /* each ENI's MAC stands there, too */
	l->sets = t->kernel_map[MAP_SET].n - 1;
	l->groups = t->kernel_map[MAP_SG].n - 1;
	l->classes = t->kernel_map[MAP_MASK_GROUP].n - 1;
	l->rows = t->kernel_map[MAP_ROW].n - 1;
	l->flows_established = t->kernel_map[MAP_FLOW].n;
	l->flows_other = t->kernel_map[MAP_FLOW_NEW].n;
	l->fragments = t->kernel_map[MAP_FRAGMENT].n;
	if (l->rules > l->rows)
		l->rules = l->rows;
}

static int load(struct maps *t, const struct maps_config *config, struct vpc_error *reterr)
{
	int r;

	t->bpf = datapath_bpf__open();
	if (!t->bpf)
		return bpf_error(reterr, -errno, "opening the eBPF object");
	r = set_sizes(t, config->fixed_size, reterr);
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

/* What runs over sizes that the kernel gave must not run over those of a smaller table that goes with it. */
static int check_sizes(const struct maps *t, struct vpc_error *reterr)
{
	if (t->kernel_map[MAP_ROW_STAT].n < t->kernel_map[MAP_ROW].n ||
	    t->kernel_map[MAP_DROP].n / VPC_DROP_REASONS_MAX < t->kernel_map[MAP_ENI].n ||
	    t->kernel_map[MAP_ENI_STAT].n < t->kernel_map[MAP_ENI].n ||
	    t->kernel_map[MAP_ENI_FLOWS].n < t->kernel_map[MAP_ENI].n ||
	    t->kernel_map[MAP_VPC_FLOWS].n < t->kernel_map[MAP_VPC].n)
		return bpf_error(reterr, -EBADMSG, "the pinned maps do not belong together");
	return 0;
}

int maps_open(const struct maps_config *config, struct maps **ret, struct vpc_error *reterr)
{
	_cleanup_(maps_closep) struct maps *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return vpc_error_oom(reterr);
	t->limits = *config->limits;
	t->compile_from = config->compile_from ? config->compile_from : MAPS_CLASSIFIER_FROM;
	r = load(t, config, reterr);
	if (r >= 0)
		r = check_sizes(t, reterr);
	if (r < 0)
		return r;
	r = mirror_init(t);
	t->tenants = calloc(t->kernel_map[MAP_VPC].n, sizeof(*t->tenants));
	if (r < 0 || !t->tenants)
		return vpc_error_oom(reterr);
	if (!ctl_at(t, 0)->epoch)
		__atomic_store_n(&ctl_at(t, 0)->epoch, config->first_epoch ? config->first_epoch : 1, __ATOMIC_SEQ_CST);
	store32(&ctl_at(t, 0)->half_open_max, t->limits.flows_established / HALF_OPEN_PART < HALF_OPEN_MAX
						      ? t->limits.flows_established / HALF_OPEN_PART
						      : HALF_OPEN_MAX);
	if (t->adopted) {
		r = recover_scrub(t);
		if (r >= 0)
			r = recover_read(t);
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

void maps_close(struct maps *t)
{
	if (!t)
		return;
	if (t->ring)
		ring_buffer__free(t->ring);
	for (int id = 0; id < MAP_COUNT; id++)
		if (t->kernel_map[id].mem)
			munmap(t->kernel_map[id].mem, t->kernel_map[id].mem_bytes);
	mirror_free(t);
	free(t->tenants);
	free(t->graced.at);
	if (t->bpf)
		datapath_bpf__destroy(t->bpf);
	free(t->dir);
	free(t);
}

bool maps_adopted(const struct maps *t)
{
	return t->adopted;
}

const struct vpc_limits *maps_limits(const struct maps *t)
{
	return &t->limits;
}

uint64_t maps_epoch(const struct maps *t)
{
	return load64(&ctl_at(t, 0)->epoch);
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
