/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On an emulated machine loading the programs takes seconds, and each test is a process that wants them. With
 * VPCD_TEST_POOL=FOLDER, one in a BPF file system, processes hand them on: a slot is a folder with the pins of all maps
 * and programs, which one process has at a time (flock), and finds with every map empty.
 */
#include "lab_util.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#define SLOTS	  16
#define SLOT_PATH 256

/* Takes a slot that nobody has. Returns its descriptor, with its path. */
static int slot_take(const char *folder, char path[SLOT_PATH])
{
	for (int i = 0; i < SLOTS; i++) {
		int fd;

		cr_assert_lt(snprintf(path, SLOT_PATH, "%s/%d", folder, i), SLOT_PATH);
		cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		cr_assert_geq(fd, 0);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		close(fd);
	}
	cr_assert_fail("%s: all %d slots are taken", folder, SLOTS);
	return -1;
}

static const char *pin(const char *slot, const char *kind, const char *name, char path[PATH_MAX])
{
	cr_assert_lt(snprintf(path, PATH_MAX, "%s/%s-%s", slot, kind, name), PATH_MAX);
	return path;
}

/* Whether all of the object's programs and maps are there; then they are the object's. */
static bool slot_open(struct lab *l, const char *slot)
{
	struct bpf_program *p;
	char path[PATH_MAX];
	struct bpf_map *m;

	bpf_object__for_each_program(p, l->skel->obj)
	{
		int fd = bpf_obj_get(pin(slot, "program", bpf_program__name(p), path));

		if (fd < 0)
			return false;
		cr_assert_lt(l->n_pooled, LAB_PROGRAMS_MAX);
		l->pooled[l->n_pooled++] = (struct lab_program){p, fd};
	}
	bpf_object__for_each_map(m, l->skel->obj)
	{
		if (bpf_map__is_internal(m))
			continue;
		_cleanup_close_ int fd = bpf_obj_get(pin(slot, "map", bpf_map__name(m), path));

		cr_assert(fd >= 0 && bpf_map__reuse_fd(m, fd) == 0, "%s", path);
	}
	bpf_object__for_each_program(p, l->skel->obj) cr_assert_eq(bpf_program__set_autoload(p, false), 0);
	return true;
}

/* The programs last: a slot that has them has everything. */
static void slot_fill(struct lab *l, const char *slot)
{
	struct bpf_program *p;
	char path[PATH_MAX];
	struct bpf_map *m;

	bpf_object__for_each_map(m, l->skel->obj)
	{
		if (bpf_map__is_internal(m)) /* constants: nobody but the programs wants them */
			continue;
		unlink(pin(slot, "map", bpf_map__name(m), path));
		cr_assert_eq(bpf_obj_pin(bpf_map__fd(m), path), 0, "%s: %s", path, strerror(errno));
	}
	bpf_object__for_each_program(p, l->skel->obj)
	{
		unlink(pin(slot, "program", bpf_program__name(p), path));
		cr_assert_eq(bpf_obj_pin(bpf_program__fd(p), path), 0, "%s: %s", path, strerror(errno));
	}
}

/* --- as if it had just been made ---------------------------------------------------------------------------------- */

static void empty_hash(const struct bpf_map *m)
{
	_cleanup_free_ void *key = malloc(bpf_map__key_size(m));

	cr_assert(key);
	while (!bpf_map_get_next_key(bpf_map__fd(m), NULL, key))
		cr_assert_eq(bpf_map_delete_elem(bpf_map__fd(m), key), 0);
}

static void empty_memory(const struct bpf_map *m)
{
	size_t size = ((size_t)bpf_map__value_size(m) + 7) / 8 * 8 * bpf_map__max_entries(m);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	cr_assert(memory != MAP_FAILED, "%s: %s", bpf_map__name(m), strerror(errno));
	memset(memory, 0, size);
	munmap(memory, size);
}

static void empty_array(const struct bpf_map *m, size_t cpus)
{
	uint32_t n = bpf_map__max_entries(m);
	_cleanup_free_ uint32_t *keys = calloc(n, sizeof(*keys));
	_cleanup_free_ void *values = calloc(n * cpus, (bpf_map__value_size(m) + 7) / 8 * 8);
	LIBBPF_OPTS(bpf_map_batch_opts, opts);

	cr_assert(keys && values);
	for (uint32_t i = 0; i < n; i++)
		keys[i] = i;
	cr_assert_eq(bpf_map_update_batch(bpf_map__fd(m), keys, values, &n, &opts), 0, "%s", bpf_map__name(m));
}

static int pass_over(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static void empty_ring(const struct bpf_map *m)
{
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(m), pass_over, NULL, NULL);

	cr_assert(ring);
	cr_assert_geq(ring_buffer__consume(ring), 0);
	ring_buffer__free(ring);
}

static void empty(const struct bpf_map *m)
{
	if (bpf_map__is_internal(m))
		return;
	switch (bpf_map__type(m)) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
		empty_hash(m);
		break;
	case BPF_MAP_TYPE_ARRAY:
		if (bpf_map__map_flags(m) & BPF_F_MMAPABLE)
			empty_memory(m);
		else
			empty_array(m, 1);
		break;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		empty_array(m, (size_t)libbpf_num_possible_cpus());
		break;
	case BPF_MAP_TYPE_RINGBUF:
		empty_ring(m);
		break;
	default:
		cr_assert_fail("%s: no word of how to empty it", bpf_map__name(m));
	}
}

bool lab_pool_load(struct lab *l)
{
	const char *folder = getenv("VPCD_TEST_POOL");
	char slot[SLOT_PATH];
	struct bpf_map *m;

	l->slot_fd = -1;
	if (!folder)
		return false;
	cr_assert(mkdir(folder, 0700) == 0 || errno == EEXIST, "%s: %s", folder, strerror(errno));
	l->slot_fd = slot_take(folder, slot);
	if (!slot_open(l, slot)) {
		l->n_pooled = 0;
		cr_assert_eq(datapath_bpf__load(l->skel), 0, "load");
		slot_fill(l, slot);
		return true;
	}
	cr_assert_eq(datapath_bpf__load(l->skel), 0, "load with the programs of the pool");
	bpf_object__for_each_map(m, l->skel->obj) empty(m);
	return true;
}

int lab_program_fd(const struct lab *l, const struct bpf_program *p)
{
	for (size_t i = 0; i < l->n_pooled; i++)
		if (l->pooled[i].program == p)
			return l->pooled[i].fd;
	return bpf_program__fd(p);
}

void lab_pool_free(struct lab *l)
{
	for (size_t i = 0; i < l->n_pooled; i++)
		close(l->pooled[i].fd);
	close_fd(l->slot_fd);
}
