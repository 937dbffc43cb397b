/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcx links over the fallback filters (clsact). libbpf 1.1 has no word for them but passes the numbers through. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#include "datapath/net/netlink/tc.h"

#define ATTACH_TCX_INGRESS 46 /* enum bpf_attach_type, since 6.6 */
#define ATTACH_TCX_EGRESS  47
#define PIN_PATH_MAX	   256

static const struct {
	const char *pin;
	enum bpf_attach_type type;
} sides[TC_SIDES] = {
	[TC_INGRESS] = {"in", ATTACH_TCX_INGRESS},
	[TC_EGRESS] = {"out", ATTACH_TCX_EGRESS},
};

static const char *pin_path(const char *dir, uint32_t ifindex, enum tc_side side, char buf[PIN_PATH_MAX])
{
	snprintf(buf, PIN_PATH_MAX, "%s/%u-%s", dir, ifindex, sides[side].pin);
	return buf;
}

bool tc_tcx_probe(int prog_fd)
{
	_cleanup_close_ int fd = bpf_link_create(prog_fd, 1, ATTACH_TCX_INGRESS, NULL);

	return fd >= 0;
}

/* Opens a pinned link. -ENOENT: there is none, or it is stale: its device is gone or another one. */
static int open_pin(const char *dir, uint32_t ifindex, enum tc_side side, uint32_t *ret_program)
{
	char path[PIN_PATH_MAX];
	_cleanup_close_ int fd = bpf_obj_get(pin_path(dir, ifindex, side, path));
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	/* info.tcx, which this libbpf's header doesn't have, is {ifindex, attach_type}: laid out as info.netns */
	if (info.netns.netns_ino != ifindex || info.netns.attach_type != (uint32_t)sides[side].type)
		return -ENOENT;
	*ret_program = info.prog_id;
	return TAKE_FD(fd);
}

static int update_side(const char *dir, uint32_t ifindex, enum tc_side side, const struct tc_programs *programs)
{
	uint32_t id;
	_cleanup_close_ int fd = open_pin(dir, ifindex, side, &id);

	if (fd < 0)
		return fd;
	if (id == programs->id[side])
		return 0;
	return bpf_link_update(fd, programs->fd[side], NULL) < 0 ? -errno : 0;
}

int tc_tcx_update(const char *dir, uint32_t ifindex, const struct tc_programs *programs)
{
	int all = 1;

	for (enum tc_side side = 0; side < TC_SIDES; side++) {
		int r = programs->id[side] ? update_side(dir, ifindex, side, programs) : 0;

		if (r == -ENOENT)
			all = 0;
		else if (r < 0)
			return r;
	}
	return all;
}

static int attach_side(const char *dir, uint32_t ifindex, enum tc_side side, const struct tc_programs *programs)
{
	char path[PIN_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = update_side(dir, ifindex, side, programs);

	if (r != -ENOENT)
		return r;
	fd = bpf_link_create(programs->fd[side], (int)ifindex, sides[side].type, NULL);
	if (fd < 0)
		return -errno;
	pin_path(dir, ifindex, side, path);
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

int tc_tcx_attach(const char *dir, uint32_t ifindex, const struct tc_programs *programs)
{
	for (enum tc_side side = 0; side < TC_SIDES; side++) {
		int r = programs->id[side] ? attach_side(dir, ifindex, side, programs) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

bool tc_tcx_is_pinned(const char *dir, uint32_t ifindex, const struct tc_programs *programs)
{
	char path[PIN_PATH_MAX];

	for (enum tc_side side = 0; side < TC_SIDES; side++)
		if (programs->id[side] && access(pin_path(dir, ifindex, side, path), F_OK) < 0 && errno == ENOENT)
			return false;
	return true;
}

uint32_t tc_tcx_read(const char *dir, uint32_t ifindex, enum tc_side side)
{
	uint32_t id;
	_cleanup_close_ int fd = open_pin(dir, ifindex, side, &id);

	return fd >= 0 ? id : 0;
}

bool tc_tcx_runs(uint32_t ifindex, const struct tc_programs *programs)
{
	for (enum tc_side side = 0; side < TC_SIDES; side++) {
		uint32_t ids[64], n = ARRAY_SIZE(ids), flags;
		bool found = !programs->id[side];

		if (found)
			continue;
		/* with more programs than that it says so, and gives those that there is room for */
		if (bpf_prog_query((int)ifindex, sides[side].type, 0, &flags, ids, &n) < 0 && errno != ENOSPC)
			return false;
		for (uint32_t i = 0; !found && i < n && i < ARRAY_SIZE(ids); i++)
			found = ids[i] == programs->id[side];
		if (!found)
			return false;
	}
	return true;
}

void tc_tcx_unpin(const char *dir, uint32_t ifindex)
{
	char path[PIN_PATH_MAX];

	for (enum tc_side side = 0; side < TC_SIDES; side++)
		(void)unlink(pin_path(dir, ifindex, side, path));
}
