/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpcd's own namespace. It is full of what others have made, so its events are watched only while there are uplinks,
 * and only links with our alias are looked at.
 */
#include "datapath/net/host.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <string.h>
#include <sys/socket.h>

#include <vpc/array.h>

#include "datapath/net/announce.h"
#include "datapath/net/host_objects.h"
#include "datapath/net/host_table.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/outer.h"

#define RECEIVE_BYTES (4 << 20) /* of the socket's queue: a host may have much going on */
#define MESSAGE_BYTES 32768
#define NAME_PREFIX   "vu-"

int host_open(struct net *n)
{
	int r = netns_open_here();

	if (r < 0)
		return r;
	n->host.ns_fd = fd_move_high(r);
	n->host.announcer = announcer_new();
	n->host.table = host_table_new(n->instance, n->host.ns_fd);
	n->host.outers = calloc(NET_OUTERS_MAX, sizeof(*n->host.outers));
	if (!n->host.outers || !n->host.table || !n->host.announcer)
		return -ENOMEM;
	return netlink_open(NETLINK_ROUTE, &n->host.rtnl);
}

static void unwatch(struct net *n)
{
	n->host.source = sd_event_source_disable_unref(n->host.source);
	n->host.event_fd = close_fd(n->host.event_fd);
}

void host_close(struct net *n)
{
	unwatch(n);
	nl_socket_free(n->host.rtnl);
	n->host.rtnl = NULL;
	nl_socket_free(n->host.netfilter);
	n->host.netfilter = NULL;
	n->host.ns_fd = close_fd(n->host.ns_fd);
	host_objects_clear(n);
	host_table_free(n->host.table);
	announcer_free(n->host.announcer);
	free(n->host.outers);
	free(n->host.told);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

/* VPCs whose host end somebody changed, each once. */
struct round {
	struct net *n;
	uint32_t *vpcs;
	size_t n_vpcs;
	bool all;     /* messages were lost, or there is no memory */
	bool outers;  /* outer interfaces are to be looked at */
	bool objects; /* so are routes and neighbours on host ends */
};

static void note_vpc(struct round *round, uint32_t vpc)
{
	uint32_t *added;

	for (size_t i = 0; i < round->n_vpcs; i++)
		if (round->vpcs[i] == vpc)
			return;
	added = ARRAY_ADD(round->vpcs, round->n_vpcs);
	if (added)
		*added = vpc;
	else
		round->all = true;
}

static bool differs(const struct net *n, const struct device *d, const struct link_info *info)
{
	char alias[NETNS_ALIAS_MAX];

	return strncmp(info->name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0 || info->master ||
	       strcmp(info->alias, netns_make_alias(n->instance, d->id, alias)) != 0 ||
	       d->up != ((info->flags & IFF_UP) != 0) || info->mtu != d->mtu;
}

static void on_link(struct round *round, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	struct device *d = net_find_host_end(round->n, (uint32_t)i->ifi_index);
	struct link_info info;

	if (!d)
		return;
	/* a message is a hint: the link is read again */
	if (link_get(round->n->host.rtnl, d->host_ifindex, NULL, &info) < 0 || differs(round->n, d, &info))
		note_vpc(round, d->vpc);
	host_report_uplink(net_find_vpc(round->n, d->vpc), d);
}

/* Programs that were taken off are put back at once. */
static void on_programs(struct round *round, const struct nlmsghdr *h)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	const struct device *d = net_find_host_end(round->n, (uint32_t)t->tcm_ifindex);
	const struct tc_programs *programs = &round->n->programs.of[TC_HOST_END];

	if (!d)
		return;
	if (h->nlmsg_type == RTM_DELQDISC) {
		if (t->tcm_parent != TC_H_CLSACT)
			return;
	} else if (tc_is_our_filter(h, programs) != (h->nlmsg_type == RTM_DELTFILTER)) {
		return;
	}
	note_vpc(round, d->vpc);
	(void)tc_clsact_ensure(round->n->host.rtnl, d->host_ifindex, programs, true);
}

static void on_message(struct round *round, const struct nlmsghdr *h)
{
	round->outers = round->outers || outer_concerns(round->n, h);
	round->objects = round->objects || host_objects_concern(round->n, h);
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		on_link(round, h);
		return;
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		on_programs(round, h);
		return;
	default:
		return;
	}
}

/* 1: there may be more; 0: nothing left. */
static int receive(struct round *round, int fd)
{
	char buf[MESSAGE_BYTES] __attribute__((__aligned__(8)));
	ssize_t size = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	int left = (int)size;

	if (size < 0) {
		round->all |= errno == ENOBUFS;
		return errno == EINTR || errno == ENOBUFS;
	}
	for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left))
		on_message(round, h);
	return 1;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct net *n = userdata;
	struct round round = {.n = n};

	(void)source, (void)revents;
	while (receive(&round, fd))
		;
	for (const struct device *d = round.all ? n->host.ends : NULL; d; d = d->host_hh.next)
		note_vpc(&round, d->vpc);
	if (round.outers || round.all)
		(void)outer_update(n, true);
	/* the kernel tells not of every route that goes with an address */
	if (round.objects || round.outers || round.all)
		(void)host_objects_update(n, true);
	for (size_t i = 0; n->on_event && i < round.n_vpcs; i++)
		n->on_event(round.vpcs[i], 0, n->userdata);
	free(round.vpcs);
	return 0;
}

static int watch(struct net *n)
{
	static const int groups[] = {RTNLGRP_LINK,	 RTNLGRP_TC,	     RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH};
	_cleanup_close_ int fd = netlink_open_fd(NETLINK_ROUTE);
	int size = RECEIVE_BYTES;

	if (fd < 0)
		return fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return -errno;
	n->host.event_fd = fd_move_high(TAKE_FD(fd));
	return sd_event_add_io(n->event, &n->host.source, n->host.event_fd, EPOLLIN, on_io, n);
}

/* --- uplinks ------------------------------------------------------------------------------------------------------ */

void host_report_uplink(struct net_vpc *v, struct device *d)
{
	struct net *n = v->net;
	struct net_uplink uplink;
	struct link_info vpc_end, host;
	bool usable;

	if (d->host_ifindex != d->other_end)
		d->host_noted = true;
	net_note_host_end(v, d, d->other_end);
	if (!n->on_uplink)
		return;
	usable = d->up && d->host_ifindex && link_get(v->ns.rtnl, d->ifindex, NULL, &vpc_end) >= 0 &&
		 link_get(n->host.rtnl, d->host_ifindex, NULL, &host) >= 0 && vpc_end.flags & IFF_UP &&
		 host.flags & IFF_UP && vpc_end.other_end == d->host_ifindex && host.other_end == d->ifindex;
	if (usable) {
		uplink = (struct net_uplink){
			.ifindex = d->ifindex, .host_ifindex = d->host_ifindex, .vpc_mtu = d->vpc_mtu};
		memcpy(uplink.host_mac, host.mac, sizeof(uplink.host_mac));
	}
	n->on_uplink(v->number, usable ? &uplink : NULL, n->userdata);
}

int host_ensure(struct net *n, bool all)
{
	int r, e;

	bool wanted = HASH_CNT(host_hh, n->host.ends) > 0;

	if (!wanted)
		unwatch(n);
	/* without its events the engine's look at each VPC, every now and then, finds what differs */
	else if (n->event && n->host.event_fd < 0 && watch(n) < 0)
		unwatch(n);
	r = outer_update(n, wanted);
	e = host_objects_update(n, all);
	return r < 0 ? r : e;
}

/* --- what is left over -------------------------------------------------------------------------------------------- */

struct straying {
	const char *instance;
	const struct plan *all;
	int (*fn)(const struct link_info *info, void *userdata);
	void *userdata;
};

static bool is_wanted(const struct straying *s, const char *alias)
{
	char wanted[NETNS_ALIAS_MAX];

	for (size_t i = 0; s->all && i < s->all->n_vpcs; i++) {
		const struct vpc_record *v = &s->all->vpcs[i].after;

		if (s->all->vpcs[i].has_after && vpc_record_has_uplink(v) &&
		    strcmp(alias, netns_make_alias(s->instance, v->id, wanted)) == 0)
			return true;
	}
	return false;
}

static int on_any_link(const struct link_info *info, void *userdata)
{
	const struct straying *s = userdata;

	if (strcmp(info->kind, "veth") != 0 || strncmp(info->name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0 ||
	    !netns_alias_is_ours(info->alias, s->instance) || is_wanted(s, info->alias))
		return 0;
	return s->fn(info, s->userdata);
}

int host_each_stray(struct nl_sock *rtnl, const char *instance, const struct plan *all,
		    int (*fn)(const struct link_info *info, void *userdata), void *userdata)
{
	struct straying s = {.instance = instance, .all = all, .fn = fn, .userdata = userdata};
	int r = link_each(rtnl, on_any_link, &s);

	/* the host's list changes all the time */
	for (int tries = 0; r == -EAGAIN && tries < 3; tries++)
		r = link_each(rtnl, on_any_link, &s);
	return r == -EAGAIN ? 0 : r;
}

struct removing {
	uint32_t *ifindexes;
	size_t n;
};

static int note_stray(const struct link_info *info, void *userdata)
{
	struct removing *r = userdata;
	uint32_t *added = ARRAY_ADD(r->ifindexes, r->n);

	if (!added)
		return -ENOMEM;
	*added = info->ifindex;
	return 0;
}

int host_remove_strays(struct nl_sock *rtnl, const char *instance, const struct plan *all)
{
	struct removing removing = {};
	int r = host_each_stray(rtnl, instance, all, note_stray, &removing);

	for (size_t i = 0; i < removing.n; i++) {
		int e = link_delete(rtnl, removing.ifindexes[i]);

		if (e < 0 && e != -ENODEV)
			r = e;
	}
	free(removing.ifindexes);
	return r;
}
