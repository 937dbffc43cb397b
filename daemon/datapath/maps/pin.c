/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/pin.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <vpc/mkdir.h>

#include "datapath/maps/ctl.h"
#include "datapath/maps/error.h"
#include "datapath/maps/flows/carry.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/programs.h"
#include "datapath/maps/size.h"
#include "datapath/maps/skeleton.h"
#include "datapath/maps/verify/report.h"

#define BPFFS "/sys/fs/bpf"

static bool on_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

/* Another instance's purge removes the folder that both are in when it is empty: it may go between two steps. */
#define MAKE_TRIES 100

static int make_path(const char *path)
{
	int r = -ENOENT;

	for (int tries = 0; r == -ENOENT && tries < MAKE_TRIES; tries++)
		r = mkdir_parents(path, 0700, 0700);
	return r;
}

static int map_path(const struct maps *maps, const char *name, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/maps/%s", maps->dir, name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The folders, and the filesystem that they are in. */
static int make_pin_dirs(const struct maps *maps)
{
	char path[PATH_MAX];
	int r;

	if (strncmp(maps->dir, BPFFS "/", strlen(BPFFS "/")) == 0 && !on_bpffs(BPFFS) &&
	    mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return -errno;
	r = map_path(maps, "", path);
	if (r >= 0)
		r = make_path(path);
	if (r >= 0)
		r = program_path(maps, "", path);
	if (r >= 0)
		r = make_path(path);
	return r < 0 ? r : on_bpffs(maps->dir) ? 0 : -EINVAL;
}

int pin_open_dir(struct maps *maps, const char *pin_dir, struct vpc_error *reterr)
{
	int r;

	if (asprintf(&maps->dir, "%s/v%d", pin_dir, VPC_ABI_VERSION) < 0) {
		maps->dir = NULL;
		return vpc_error_oom(reterr);
	}
	r = make_pin_dirs(maps);
	if (r < 0)
		return bpf_error(reterr, r, "making the folder for pinned maps in a bpf filesystem");
	return 0;
}

/* Hands a pinned map to the object instead of a new one. 0 and *ret_found false: there is none. */
static int reuse_map(struct maps *maps, enum map_id id, bool *ret_found)
{
	struct bpf_map *map = size_object_map(maps->bpf, id);
	_cleanup_close_ int fd = -1;
	struct bpf_map_info info;
	char path[PATH_MAX];
	int r;

	*ret_found = false;
	r = map_path(maps, map_names[id], path);
	if (r < 0)
		return r;
	fd = map_open_pinned(path, &info);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) || info.map_flags != bpf_map__map_flags(map))
		return -EBADMSG;
	r = bpf_map__set_max_entries(map, info.max_entries);
	if (r >= 0)
		r = bpf_map__reuse_fd(map, fd); /* duplicates it */
	if (r < 0)
		return r;
	*ret_found = true;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_tree(const char *path)
{
	int r = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);

	if (r == -1)
		return errno == ENOENT ? 0 : -errno;
	return r;
}

/* In use by others (ENOTEMPTY), or a mount point (EBUSY): it stays. */
static int remove_parent(const char *path)
{
	char parent[PATH_MAX];
	char *slash;

	if (snprintf(parent, sizeof(parent), "%s", path) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return 0;
	*slash = '\0';
	if (rmdir(parent) < 0 && errno != ENOTEMPTY && errno != EBUSY && errno != ENOENT)
		return -errno;
	return 0;
}

int maps_purge(const char *pin_dir)
{
	int r = remove_tree(pin_dir);

	return r < 0 ? r : remove_parent(pin_dir);
}

static bool is_version(const char *name)
{
	return name[0] == 'v' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

int maps_take_over(struct maps *maps, uint64_t now_ns)
{
	_cleanup_(carry_close) struct carry from = CARRY_INIT;
	_cleanup_(closedirp) DIR *dir = NULL;
	char parent[PATH_MAX], path[PATH_MAX];
	const char *own;
	int r = 0;

	if (!maps->dir)
		return 0;
	if (snprintf(parent, sizeof(parent), "%s", maps->dir) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	own = strrchr(maps->dir, '/') + 1;
	*strrchr(parent, '/') = '\0';
	dir = opendir(parent);
	if (!dir)
		return -errno;
	(void)carry_open(maps, &from); /* what can't be read is not carried */
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (!is_version(e->d_name) || strcmp(e->d_name, own) == 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", parent, e->d_name) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		CTL_SET(maps, pickup_until_ns, now_ns + PICKUP_NS);
		r = remove_tree(path);
	}
	/* Flows that were opened since maps_carry. */
	(void)carry_flows(maps, &from, now_ns);
	return r;
}

static int discard_pins(const struct maps *maps)
{
	char path[PATH_MAX];

	for (int id = 0; id < MAP_COUNT; id++) {
		int r = map_path(maps, map_names[id], path);

		if (r < 0)
			return r;
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int pin_reuse(struct maps *maps, struct vpc_error *reterr)
{
	int r = reuse_map(maps, MAP_CTL, &maps->adopted);

	if (r >= 0 && !maps->adopted)
		r = discard_pins(maps);
	for (int id = 0; r >= 0 && maps->adopted && id < MAP_COUNT; id++) {
		bool found;

		/* A map that somebody unpinned is made anew. The recovery and the reconcile that follow fill it. */
		if (id != MAP_CTL)
			r = reuse_map(maps, (enum map_id)id, &found);
	}
	return r < 0 ? bpf_error(reterr, r, "adopting the pinned maps") : 0;
}

/* The new program takes the old one's place at once: a pin can be renamed over another. */
static int pin_program(const struct maps *maps, const struct bpf_program *prog)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int r;

	r = program_path(maps, bpf_program__name(prog), path);
	if (r < 0)
		return r;
	r = program_path(maps, "new", fresh);
	if (r < 0)
		return r;
	if (unlink(fresh) < 0 && errno != ENOENT)
		return -errno;
	r = bpf_obj_pin(program_fd(maps, prog), fresh);
	if (r < 0)
		return r;
	return rename(fresh, path) < 0 ? -errno : 0;
}

/* What is at the path of a pin. */
enum pin_state { PIN_OURS, PIN_ANOTHER, PIN_MISSING, PIN_UNKNOWN };

/* r: what opening the pin gave. Without a free descriptor, or memory, nobody knows. */
static enum pin_state state_of(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM ? PIN_UNKNOWN : PIN_MISSING;
}

static enum pin_state map_state(const char *path, const struct kernel_map *map)
{
	struct bpf_map_info info;
	_cleanup_close_ int fd = map_open_pinned(path, &info);

	if (fd < 0)
		return state_of(fd);
	return info.id == map->id ? PIN_OURS : PIN_ANOTHER;
}

static enum pin_state program_state(const struct maps *maps, const char *path, const struct bpf_program *prog)
{
	struct bpf_prog_info ours = {}, pinned = {};
	__u32 our_bytes = sizeof(ours), pinned_bytes = sizeof(pinned);
	_cleanup_close_ int fd = bpf_obj_get(path);

	if (fd < 0)
		return state_of(fd);
	return bpf_obj_get_info_by_fd(fd, &pinned, &pinned_bytes) == 0 &&
			       bpf_obj_get_info_by_fd(program_fd(maps, prog), &ours, &our_bytes) == 0 &&
			       pinned.id == ours.id
		       ? PIN_OURS
		       : PIN_ANOTHER;
}

static int pin_map(const struct maps *maps, const struct kernel_map *map)
{
	char path[PATH_MAX];
	int r = map_path(maps, map->name, path);

	if (r < 0 || map_state(path, map) == PIN_OURS)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(map->fd, path);
}

int pin_all(struct maps *maps, struct vpc_error *reterr)
{
	struct bpf_program *prog;
	int r = 0;

	bpf_object__for_each_program(prog, maps->bpf->obj)
	{
		r = pin_program(maps, prog);
		if (r < 0)
			return bpf_error(reterr, r, "pinning the programs");
	}
	/* From the last: ctl is the first of the list, and is pinned last. */
	for (int id = MAP_COUNT - 1; r >= 0 && id >= 0; id--)
		r = pin_map(maps, &maps->map[id]);
	if (r < 0)
		return bpf_error(reterr, r, "pinning the maps");
	(void)programs_note(maps); /* without it, the next start loads its own programs */
	return 0;
}

static bool is_lost(enum pin_state state)
{
	return state == PIN_ANOTHER || state == PIN_MISSING;
}

int maps_pins_mend(struct maps *maps)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct bpf_program *prog;
	char path[PATH_MAX];
	int missing = 0, r;

	if (!maps->dir)
		return 0;
	for (int id = 0; id < MAP_COUNT; id++)
		missing += map_path(maps, map_names[id], path) == 0 && is_lost(map_state(path, &maps->map[id]));
	bpf_object__for_each_program(prog, maps->bpf->obj)
	{
		missing += program_path(maps, bpf_program__name(prog), path) == 0 &&
			   is_lost(program_state(maps, path, prog));
	}
	if (!missing)
		return 0;
	r = make_pin_dirs(maps);
	if (r >= 0)
		r = pin_all(maps, &error);
	return r < 0 ? r : missing;
}

/* what: "map". */
static int report_pin(json_t *report, const char *what, const char *name, const char *path, enum pin_state state)
{
	char object[32];

	snprintf(object, sizeof(object), "pinned %s", what);
	if (state == PIN_OURS)
		return 0;
	if (state == PIN_ANOTHER)
		return report_difference(report, object, name, "differs", "it is not the %s in use", what);
	return report_difference(report, object, name, "missing", "%s", path);
}

int pin_verify(const struct maps *maps, json_t *report)
{
	struct bpf_program *prog;
	char path[PATH_MAX];
	int r = 0;

	if (!maps->dir)
		return 0;
	for (int id = 0; r >= 0 && id < MAP_COUNT; id++) {
		r = map_path(maps, map_names[id], path);
		if (r >= 0)
			r = report_pin(report, "map", map_names[id], path, map_state(path, &maps->map[id]));
	}
	bpf_object__for_each_program(prog, maps->bpf->obj)
	{
		const char *name = bpf_program__name(prog);

		if (r >= 0)
			r = program_path(maps, name, path);
		if (r >= 0)
			r = report_pin(report, "program", name, path, program_state(maps, path, prog));
	}
	return r;
}
