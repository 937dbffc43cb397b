/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/verify/finding.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int maps_found(struct maps_finding *ret, const char *map, const char *format, ...)
{
	va_list ap;

	ret->map = map;
	va_start(ap, format);
	vsnprintf(ret->detail, sizeof(ret->detail), format, ap);
	va_end(ap);
	return 1;
}

int maps_look_up(const struct maps *maps, enum map_id id, const void *key, void *ret)
{
	int r = bpf_map_lookup_elem(maps->map[id].fd, key, ret);

	if (r == -ENOENT)
		memset(ret, 0, maps->map[id].value_size);
	return r == -ENOENT ? 0 : r;
}
