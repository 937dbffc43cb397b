/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/vpc.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "datapath/net/events.h"

bool net_has_vpc(const struct net *n, uint32_t vpc)
{
	return net_find_vpc(n, vpc) != NULL;
}

int net_add_vpc(struct net *n, const struct vpc_record *r, struct netns *ns)
{
	struct net_vpc *v;
	int e;

	if (net_has_vpc(n, r->number)) {
		netns_clear(ns);
		return 0;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->net = n;
	v->number = r->number;
	v->event_fd = v->nft_fd = -1;
	snprintf(v->id, sizeof(v->id), "%s", r->id);
	snprintf(v->name, sizeof(v->name), "%s", r->netns);
	v->ns = *ns;
	e = events_start(v);
	if (e < 0) {
		free(v);
		return e;
	}
	HASH_ADD(hh, n->vpcs, number, sizeof(v->number), v);
	if (!v->hh.tbl) {
		events_stop(v);
		free(v);
		return -ENOMEM;
	}
	*ns = NETNS_INIT;
	return 0;
}

int net_take_vpc(struct net *n, struct net_vpc *v)
{
	int ns_fd = TAKE_FD(v->ns.ns_fd);
	struct device *d, *next;

	HASH_DEL(n->vpcs, v);
	events_stop(v);
	HASH_ITER (hh, v->devices, d, next)
		net_unregister(v, d->ifindex);
	netns_clear(&v->ns);
	free(v);
	return ns_fd;
}

void net_drop_vpc(struct net *n, uint32_t vpc)
{
	struct net_vpc *v = net_find_vpc(n, vpc);

	if (v)
		close_fd(net_take_vpc(n, v));
}

uint64_t net_vpc_inode(const struct net *n, uint32_t vpc)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	struct stat st;

	return v && fstat(v->ns.ns_fd, &st) == 0 ? st.st_ino : 0;
}
