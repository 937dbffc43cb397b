/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/state.h"

#include <errno.h>
#include <stdlib.h>

#define READ_TRIES 10

static int on_link(const struct link_info *info, void *userdata)
{
	struct net_state *s = userdata;
	struct state_link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->ifindex = info->ifindex;
	link->info = *info;
	HASH_ADD(hh, s->links, ifindex, sizeof(link->ifindex), link);
	if (!link->hh.tbl) {
		free(link);
		return -ENOMEM;
	}
	return 0;
}

void net_state_clear(struct net_state *s)
{
	struct state_link *link, *next;

	HASH_ITER (hh, s->links, link, next) {
		HASH_DEL(s->links, link);
		free(link);
	}
	net_object_set_clear(&s->objects);
}

int net_state_read(struct nl_sock *rtnl, struct net_state *ret)
{
	int r = 0;

	/* a list that changes while it is read is read again */
	for (unsigned i = 0; i < READ_TRIES; i++) {
		*ret = (struct net_state){};
		r = link_each(rtnl, on_link, ret);
		if (r >= 0)
			r = net_object_read(rtnl, &ret->objects);
		if (r != -EAGAIN)
			return r;
		net_state_clear(ret);
	}
	return r;
}

struct state_link *net_state_link(const struct net_state *s, uint32_t ifindex)
{
	struct state_link *link;

	HASH_FIND(hh, s->links, &ifindex, sizeof(ifindex), link);
	return link;
}
