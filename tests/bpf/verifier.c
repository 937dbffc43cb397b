/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verifier gate: every program of every object in <build>/bpf loads on this kernel. scripts/test runs it on the
 * kernels of scripts/run-vm too. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (root).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpc/cleanup.h>

/* Enough for any map here, and little enough for a small machine. */
#define MAP_ENTRIES_MAX 4096
/* What the kernel allows a program; one that comes near it won't load on the next kernel. */
#define INSNS_MAX	1000000
#define INSNS_HEADROOM	(INSNS_MAX / 2)

static char *log_text;
static const size_t log_bytes = 16u << 20;

/* The objects' pattern, from this program's place: <build>/tests/bpf/verifier. */
static void objects_pattern(char buf[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 64);

	cr_assert_gt(n, 0);
	buf[n] = '\0';
	for (int up = 0; up < 3; up++)
		*strrchr(buf, '/') = '\0';
	strcat(buf, "/bpf/*.bpf.o");
}

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, ap) : 0;
}

static struct bpf_object *open_small(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_map *map;
	struct bpf_program *program;

	cr_assert_not_null(object, "%s: cannot be opened", path);
	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			continue;
		if (bpf_map__max_entries(map) > MAP_ENTRIES_MAX)
			bpf_map__set_max_entries(map, MAP_ENTRIES_MAX);
		bpf_map__set_pin_path(map, NULL);
	}
	bpf_object__for_each_program(program, object) bpf_program__set_log_buf(program, log_text, log_bytes);
	return object;
}

static void check_program(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len), 0);
	fprintf(stderr, "%s: %u verified instructions, %u bytes\n", bpf_program__name(program), info.verified_insns,
		info.xlated_prog_len);
	cr_expect_gt(info.verified_insns, 0u);
	cr_expect_lt(info.verified_insns, (unsigned)INSNS_HEADROOM, "%s: too near the verifier's end",
		     bpf_program__name(program));
}

Test(verifier, every_program_loads)
{
	char pattern[PATH_MAX];
	glob_t found;

	libbpf_set_print(quiet);
	objects_pattern(pattern);
	cr_assert_eq(glob(pattern, 0, NULL, &found), 0, "no objects: %s", pattern);
	log_text = calloc(1, log_bytes);
	cr_assert_not_null(log_text);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct bpf_object *object = open_small(found.gl_pathv[i]);
		struct bpf_program *program;

		cr_assert_eq(bpf_object__load(object), 0, "%s does not load; the end of the verifier's log:\n%s",
			     found.gl_pathv[i], log_text + (strlen(log_text) > 4000 ? strlen(log_text) - 4000 : 0));
		bpf_object__for_each_program(program, object) check_program(program);
		bpf_object__close(object);
	}
	free(log_text);
	globfree(&found);
}
