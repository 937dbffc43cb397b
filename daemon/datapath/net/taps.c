/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taps, opened for a VMM. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "datapath/net/registry.h"

bool net_tap_is_open(const struct net *n, uint32_t vpc, uint32_t eni)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	struct link_info info;

	return v && link_get(v->ns.rtnl, eni, NULL, &info) >= 0 && info.tap && info.carrier;
}

int net_tap_begin(const struct net *n, uint32_t vpc, uint32_t eni, struct net_tap *ret)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	const struct device *d = v ? net_find_device(v, eni) : NULL;

	if (!d || !d->ops->open || !d->up)
		return -ENODEV;
	*ret = (struct net_tap){.ns_fd = fcntl(v->ns.ns_fd, F_DUPFD_CLOEXEC, 3), .ifindex = eni, .ops = d->ops};
	if (ret->ns_fd < 0)
		return -errno;
	snprintf(ret->name, sizeof(ret->name), "%s", d->name);
	return 0;
}

int net_tap_open(const struct net_tap *t, bool multi_queue, int *ret_fds, size_t n)
{
	return t->ops->open(t->ns_fd, t->ifindex, t->name, multi_queue, ret_fds, n);
}

void net_tap_clear(struct net_tap *t)
{
	t->ns_fd = close_fd(t->ns_fd);
}
