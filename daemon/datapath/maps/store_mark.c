/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/store_mark.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#include "datapath/maps/map.h"

/* The map's only value. It outlives versions of vpcd: fields are only added at the end, in the pad. */
struct mark {
	uint64_t revision;
	char id[MARK_ID_MAX];
	uint8_t pad[16];
};
_Static_assert(sizeof(struct mark) == 64, "struct mark");

struct pinned_mark {
	struct mark *mark;
	int fd;
	uint32_t id; /* the map's */
};

static int mark_path(const char *pin_dir, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/store", pin_dir) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* -ENOENT: nothing is pinned. */
static int open_pin(const char *path)
{
	struct bpf_map_info info;
	_cleanup_close_ int fd = map_open_pinned(path, &info);

	if (fd < 0)
		return fd;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(struct mark) ||
	    !(info.map_flags & BPF_F_MMAPABLE))
		return -EBADMSG;
	return TAKE_FD(fd);
}

int pinned_mark_read(const char *pin_dir, char ret_id[MARK_ID_MAX], uint64_t *ret_revision)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	struct mark mark;
	uint32_t key = 0;
	int r = mark_path(pin_dir, path);

	ret_id[0] = '\0';
	*ret_revision = 0;
	if (r < 0)
		return r;
	fd = open_pin(path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (bpf_map_lookup_elem(fd, &key, &mark) < 0)
		return -errno;
	mark.id[MARK_ID_MAX - 1] = '\0';
	memcpy(ret_id, mark.id, MARK_ID_MAX);
	*ret_revision = mark.revision;
	return 0;
}

static int make_pin(const char *path)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int fd =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "vpcd_store", sizeof(uint32_t), sizeof(struct mark), 1, &options);

	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : TAKE_FD(fd);
}

int pinned_mark_open(const char *pin_dir, struct pinned_mark **ret)
{
	_cleanup_close_ int fd = -1;
	struct bpf_map_info info = {};
	__u32 info_bytes = sizeof(info);
	struct pinned_mark *m;
	char path[PATH_MAX];
	void *mem;
	int r = mark_path(pin_dir, path);

	if (r < 0)
		return r;
	fd = open_pin(path);
	if (fd == -ENOENT)
		fd = make_pin(path);
	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes) < 0)
		return -errno;
	mem = mmap(NULL, sizeof(struct mark), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	m = calloc(1, sizeof(*m));
	if (!m) {
		munmap(mem, sizeof(struct mark));
		return -ENOMEM;
	}
	m->mark = mem;
	m->fd = fd_move_high(TAKE_FD(fd));
	m->id = info.id;
	*ret = m;
	return 0;
}

void pinned_mark_close(struct pinned_mark *m)
{
	if (!m)
		return;
	munmap(m->mark, sizeof(struct mark));
	close_fd(m->fd);
	free(m);
}

int pinned_mark_mend(const struct pinned_mark *m, const char *pin_dir)
{
	struct bpf_map_info info;
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	int r = m ? mark_path(pin_dir, path) : 0;

	if (!m || r < 0)
		return r;
	fd = map_open_pinned(path, &info);
	if (fd < 0 && fd != -ENOENT && fd != -EINVAL)
		return fd;
	if (fd >= 0 && info.id == m->id)
		return 0;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(m->fd, path) < 0 ? -errno : 1;
}

void pinned_mark_set(struct pinned_mark *m, const char *id, uint64_t revision)
{
	if (!m)
		return;
	__atomic_store_n(&m->mark->revision, 0, __ATOMIC_SEQ_CST);
	snprintf(m->mark->id, sizeof(m->mark->id), "%s", id);
	__atomic_store_n(&m->mark->revision, revision, __ATOMIC_SEQ_CST);
}

void pinned_mark_advance(struct pinned_mark *m, uint64_t revision)
{
	if (m)
		__atomic_store_n(&m->mark->revision, revision, __ATOMIC_SEQ_CST);
}
