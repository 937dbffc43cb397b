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

static int set_sizes(struct tables *t, bool fixed_size, struct vpc_error *reterr)
{
	struct sysinfo machine;

	if (!fixed_size && sysinfo(&machine) == 0)
		size_fit(t->bpf, (uint64_t)machine.totalram * machine.mem_unit * MEMORY_PERCENT / 100, &t->limits);
	for (int id = 0; id < TABLE_COUNT; id++) {
		struct bpf_map *map = size_map(t->bpf, id);
		uint32_t n = table_entries(id, &t->limits);
		int r;

		if (!map)
			return bpf_error(reterr, -ENOENT, table_names[id]);
		r = n ? bpf_map__set_max_entries(map, n) : 0;
		if (r < 0)
			return bpf_error(reterr, r, table_names[id]);
	}
	return 0;
}

static int map_memory(struct table *table, uint32_t flags)
{
	void *mem;

	if (!(flags & BPF_F_MMAPABLE))
		return 0;
	table->mem_bytes = (size_t)((table->value_size + 7u) & ~7u) * table->n;
	mem = mmap(NULL, table->mem_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	table->mem = mem;
	return 0;
}

static int take_table(struct tables *t, enum table_id id)
{
	const struct bpf_map *map = size_map(t->bpf, id);
	struct table *table = &t->table[id];
	struct bpf_map_info info = {};
	__u32 info_bytes = sizeof(info);
	int r;

	table->name = table_names[id];
	table->fd = bpf_map__fd(map);
	r = bpf_obj_get_info_by_fd(table->fd, &info, &info_bytes);
	if (r < 0)
		return r;
	table->id = info.id;
	table->type = info.type;
	table->key_size = info.key_size;
	table->value_size = info.value_size;
	table->n = info.max_entries;
	table->bytes = table_bytes(info.type, info.map_flags, info.key_size, info.value_size, info.max_entries);
	return map_memory(table, info.map_flags);
}

/* An adopted table keeps its size, whatever the configuration says now. */
static void adopt_limits(struct tables *t)
{
	struct vpc_limits *l = &t->limits;

	l->vpcs = t->table[TABLE_VPC].n - 1;
	l->enis = t->table[TABLE_ENI].n - VPC_ENI_FIRST;
	l->addresses = t->table[TABLE_ADDR].n < t->table[TABLE_ADDR_ROW].n - 1 ? t->table[TABLE_ADDR].n
									       : t->table[TABLE_ADDR_ROW].n - 1;
	l->addresses -= l->addresses > l->enis ? l->enis : 0; /* each ENI's MAC stands there, too */
	l->sets = t->table[TABLE_SET].n - 1;
	l->groups = t->table[TABLE_SG].n - 1;
	l->classes = t->table[TABLE_CLASS].n - 1;
	l->rows = t->table[TABLE_ROW].n - 1;
	l->flows_established = t->table[TABLE_FLOW].n;
	l->flows_other = t->table[TABLE_FLOW_NEW].n;
	l->fragments = t->table[TABLE_FRAGMENT].n;
	if (l->rules > l->rows)
		l->rules = l->rows;
}

static int load(struct tables *t, const struct tables_config *config, struct vpc_error *reterr)
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
	for (int id = 0; id < TABLE_COUNT; id++) {
		r = take_table(t, id);
		if (r < 0)
			return bpf_error(reterr, r, table_names[id]);
	}
	adopt_limits(t);
	return 0;
}

/* What runs over sizes that the kernel gave must not run over those of a smaller table that goes with it. */
static int check_sizes(const struct tables *t, struct vpc_error *reterr)
{
	if (t->table[TABLE_ROW_STAT].n < t->table[TABLE_ROW].n ||
	    t->table[TABLE_DROP].n / VPC_DROP_REASONS_MAX < t->table[TABLE_ENI].n ||
	    t->table[TABLE_ENI_STAT].n < t->table[TABLE_ENI].n || t->table[TABLE_ENI_FLOWS].n < t->table[TABLE_ENI].n ||
	    t->table[TABLE_VPC_FLOWS].n < t->table[TABLE_VPC].n)
		return bpf_error(reterr, -EBADMSG, "the pinned maps do not belong together");
	return 0;
}

int tables_open(const struct tables_config *config, struct tables **ret, struct vpc_error *reterr)
{
	_cleanup_(tables_closep) struct tables *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return vpc_error_oom(reterr);
	t->limits = *config->limits;
	t->compile_from = config->compile_from ? config->compile_from : TABLES_COMPILE_FROM;
	r = load(t, config, reterr);
	if (r >= 0)
		r = check_sizes(t, reterr);
	if (r < 0)
		return r;
	r = mirror_init(t);
	t->tenants = calloc(t->table[TABLE_VPC].n, sizeof(*t->tenants));
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

void tables_close(struct tables *t)
{
	if (!t)
		return;
	if (t->ring)
		ring_buffer__free(t->ring);
	for (int id = 0; id < TABLE_COUNT; id++)
		if (t->table[id].mem)
			munmap(t->table[id].mem, t->table[id].mem_bytes);
	mirror_free(t);
	free(t->tenants);
	free(t->graced.at);
	if (t->bpf)
		datapath_bpf__destroy(t->bpf);
	free(t->dir);
	free(t);
}

bool tables_adopted(const struct tables *t)
{
	return t->adopted;
}

const struct vpc_limits *tables_limits(const struct tables *t)
{
	return &t->limits;
}

uint64_t tables_epoch(const struct tables *t)
{
	return load64(&ctl_at(t, 0)->epoch);
}

int tables_prog_from_workload(const struct tables *t)
{
	return bpf_program__fd(t->bpf->progs.from_workload);
}

int tables_prog_to_workload(const struct tables *t)
{
	return bpf_program__fd(t->bpf->progs.to_workload);
}

int tables_prog_from_router(const struct tables *t)
{
	return bpf_program__fd(t->bpf->progs.from_router);
}

int tables_prog_fast_path_probe(const struct tables *t)
{
	return bpf_program__fd(t->bpf->progs.fast_path_probe);
}
