/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/hex.h>
#include <vpc/mkdir.h>

#include "datapath/maps/size.h"
#include "datapath/maps/skeleton.h"

/* More than a program of ours uses. */
#define PROGRAM_MAPS_MAX 256u

#define DIGEST_TEXT (2 * SHA256_DIGEST_SIZE + 1)

/* The instructions, without the numbers of maps in them, and the maps that they use. */
static int add_program(struct sha256_ctx *sum, int fd)
{
	__u32 map_ids[PROGRAM_MAPS_MAX];
	struct bpf_prog_info info = {.nr_map_ids = PROGRAM_MAPS_MAX, .map_ids = (uintptr_t)map_ids};
	__u32 bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) < 0)
		return -errno;
	if (info.nr_map_ids > PROGRAM_MAPS_MAX)
		return -E2BIG;
	sha256_update(sum, sizeof(info.type), (const uint8_t *)&info.type);
	sha256_update(sum, sizeof(info.tag), info.tag);
	sha256_update(sum, sizeof(info.nr_map_ids), (const uint8_t *)&info.nr_map_ids);
	sha256_update(sum, info.nr_map_ids * sizeof(map_ids[0]), (const uint8_t *)map_ids);
	return 0;
}

static int add_map(struct sha256_ctx *sum, int fd)
{
	struct bpf_map_info info = {};
	__u32 bytes = sizeof(info);

	if (fd < 0)
		return -ENOENT;
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) < 0)
		return -errno;
	sha256_update(sum, sizeof(info.id), (const uint8_t *)&info.id);
	return 0;
}

static int digest(const struct maps *maps, char ret[DIGEST_TEXT])
{
	uint8_t bytes[SHA256_DIGEST_SIZE];
	const struct bpf_program *program;
	struct sha256_ctx sum;
	size_t object_bytes;
	const void *object = datapath_bpf__elf_bytes(&object_bytes);
	int r = 0;

	sha256_init(&sum);
	sha256_update(&sum, object_bytes, object);
	for (int id = 0; r >= 0 && id < MAP_COUNT; id++)
		r = add_map(&sum, bpf_map__fd(size_object_map(maps->bpf, id)));
	for (program = NULL; r >= 0 && (program = bpf_object__next_program(maps->bpf->obj, (void *)program));)
		r = add_program(&sum, program_fd(maps, program));
	if (r < 0)
		return r;
	sha256_digest(&sum, sizeof(bytes), bytes);
	hex_encode(bytes, sizeof(bytes), ret);
	return 0;
}

int program_path(const struct maps *maps, const char *name, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/progs/%s", maps->dir, name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int program_fd(const struct maps *maps, const struct bpf_program *program)
{
	for (size_t i = 0; i < maps->programs.n; i++)
		if (maps->programs.at[i].program == program)
			return maps->programs.at[i].fd;
	return bpf_program__fd(program);
}

/* Opens every pinned program. */
static int open_pinned(struct maps *maps)
{
	struct bpf_program *program;
	char path[PATH_MAX];

	bpf_object__for_each_program(program, maps->bpf->obj)
	{
		struct taken_program *t;
		int fd, r = program_path(maps, bpf_program__name(program), path);

		if (r < 0)
			return r;
		fd = bpf_obj_get(path);
		if (fd < 0)
			return -errno;
		t = ARRAY_PUSH(&maps->programs);
		if (!t) {
			close(fd);
			return -ENOMEM;
		}
		*t = (struct taken_program){program, fd};
	}
	return 0;
}

void programs_close(struct maps *maps)
{
	for (size_t i = 0; i < maps->programs.n; i++)
		close(maps->programs.at[i].fd);
	free(maps->programs.at);
	memset(&maps->programs, 0, sizeof(maps->programs));
}

/* The folder of the digest, and in it the one whose name is the digest. */
static int note_path(const struct maps *maps, const char *name, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/build/%s", maps->dir, name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int is_noted(const struct maps *maps)
{
	char name[DIGEST_TEXT], path[PATH_MAX];
	int r = digest(maps, name);

	if (r >= 0)
		r = note_path(maps, name, path);
	return r < 0 ? r : access(path, F_OK) < 0 ? -errno : 0;
}

bool programs_reuse(struct maps *maps)
{
	struct bpf_program *program;

	if (!maps->adopted || open_pinned(maps) < 0 || is_noted(maps) < 0) {
		programs_close(maps);
		return false;
	}
	bpf_object__for_each_program(program, maps->bpf->obj)
	{
		bpf_program__set_autoload(program, false);
	}
	return true;
}

/* Only the last digest stays. */
static int forget_others(const char *folder, const char *name)
{
	_cleanup_(closedirp) DIR *dir = opendir(folder);

	if (!dir)
		return -errno;
	for (const struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.' && strcmp(e->d_name, name) != 0 &&
		    unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR) < 0)
			return -errno;
	return 0;
}

int programs_note(const struct maps *maps)
{
	char name[DIGEST_TEXT], folder[PATH_MAX], path[PATH_MAX];
	int r = digest(maps, name);

	if (r >= 0)
		r = note_path(maps, "", folder);
	if (r >= 0)
		r = note_path(maps, name, path);
	if (r < 0)
		return r;
	r = mkdir_one(folder, 0700);
	if (r >= 0)
		r = mkdir_one(path, 0700);
	return r < 0 ? r : forget_others(folder, name);
}
