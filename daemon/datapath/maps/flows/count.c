/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/count.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "datapath/maps/epoch.h"
#include "datapath/maps/skeleton.h"
#include "datapath/maps/words.h"

/* Elements that one system call copies. */
#define BATCH 256u

struct flow_count {
	struct observe_bpf *bpf;
	struct vpc_flow_count_ctl *ctl; /* mapped */
	int fd[2];			/* borrowed */
	struct vpc_flow_count_key key[BATCH];
	struct vpc_flow_count count[BATCH];
};

struct flow_count *flow_count_close(struct flow_count *c)
{
	if (!c)
		return NULL;
	if (c->ctl)
		munmap(c->ctl, (size_t)sysconf(_SC_PAGESIZE));
	observe_bpf__destroy(c->bpf);
	free(c);
	return NULL;
}

static int load(uint32_t entries, struct observe_bpf *bpf)
{
	int r = bpf_map__set_max_entries(bpf->maps.counts_0, entries);

	if (r >= 0)
		r = bpf_map__set_max_entries(bpf->maps.counts_1, entries);
	return r < 0 ? r : observe_bpf__load(bpf);
}

int flow_count_open(uint32_t entries, struct flow_count **ret)
{
	_cleanup_(flow_count_closep) struct flow_count *c = calloc(1, sizeof(*c));
	void *mem;
	int r;

	if (!c)
		return -ENOMEM;
	c->bpf = observe_bpf__open();
	if (!c->bpf)
		return -errno;
	r = load(entries, c->bpf);
	if (r < 0)
		return r;
	mem = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		   bpf_map__fd(c->bpf->maps.count_ctl), 0);
	if (mem == MAP_FAILED)
		return -errno;
	c->ctl = mem;
	c->fd[0] = bpf_map__fd(c->bpf->maps.counts_0);
	c->fd[1] = bpf_map__fd(c->bpf->maps.counts_1);
	*ret = TAKE_PTR(c);
	return 0;
}

int flow_count_prog(const struct flow_count *c)
{
	return bpf_program__fd(c->bpf->progs.count_flows);
}

/* Takes everything out of a map that no program writes to. */
static int drain(struct flow_count *c, int fd, flow_count_fn fn, void *userdata)
{
	uint32_t cursor = 0;
	int stopped = 0;

	for (bool started = false;; started = true) {
		__u32 n = BATCH;
		int r = bpf_map_lookup_and_delete_batch(fd, started ? &cursor : NULL, &cursor, c->key, c->count, &n,
							NULL);

		if (r < 0 && r != -ENOENT)
			return r;
		for (uint32_t i = 0; stopped == 0 && i < n; i++)
			stopped = fn(&c->key[i], &c->count[i], userdata);
		if (r < 0)
			return stopped;
	}
}

int flow_count_read(struct flow_count *c, flow_count_fn fn, void *userdata, uint64_t *ret_lost)
{
	uint32_t old = __atomic_load_n(&c->ctl->which, __ATOMIC_RELAXED) & 1;
	int r;

	store32(&c->ctl->which, old ^ 1);
	/* Programs that began before may still add to the old map. */
	r = maps_wait_grace_period();
	if (r < 0)
		return r;
	*ret_lost = load64(&c->ctl->lost[old]);
	store64(&c->ctl->lost[old], 0);
	return drain(c, c->fd[old], fn, userdata);
}
