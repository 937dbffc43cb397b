/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One socket for each VPC receives every change in its namespace, our own too, and some time later. So a message is
 * only a hint: what contradicts the registry is read again before it is reported. Programs that were taken off are put
 * back at once.
 */
#include "datapath/net/events.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/pkt_sched.h>
#include <string.h>
#include <sys/socket.h>

#include "datapath/net/host.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/nft/generation.h"
#include "datapath/net/redirect.h"

#define RECEIVE_BYTES (1 << 20) /* of the socket's queue: some thousand messages */
#define MESSAGE_BYTES 32768
#define LINKS_MAX     256 /* devices that one round remembers; with more everything is looked at */

struct round {
	struct net_vpc *v;
	uint32_t links[LINKS_MAX]; /* to be looked at again */
	size_t n_links;
	uint32_t lost[LINKS_MAX]; /* ports that are gone */
	size_t n_lost;
	bool suspicious;   /* netlink objects are to be read again */
	bool contradicted; /* something else differs from the registry */
};

static void note_link(struct round *round, uint32_t ifindex)
{
	if (!net_find_device(round->v, ifindex))
		return;
	for (size_t i = 0; i < round->n_links; i++) {
		if (round->links[i] == ifindex)
			return;
	}
	if (round->n_links == LINKS_MAX)
		round->contradicted = true;
	else
		round->links[round->n_links++] = ifindex;
}

static bool differs(const struct net_object *wanted, const struct net_object *found)
{
	return !found->right || memcmp(wanted->mac, found->mac, sizeof(found->mac)) != 0;
}

/* Addresses, routes and static FDB entries on our devices are ours alone. Neighbours are on a bridge that stays when
 * their port goes: those of ports that came and went meanwhile need no look. */
static bool is_exclusive(const struct net_object *f)
{
	return f->key.kind == NET_OBJECT_ADDRESS || f->key.kind == NET_OBJECT_ROUTE ||
	       (f->key.kind == NET_OBJECT_FDB && f->right);
}

static void on_object(struct round *round, const struct nlmsghdr *h)
{
	bool gone = h->nlmsg_type == RTM_DELADDR || h->nlmsg_type == RTM_DELROUTE || h->nlmsg_type == RTM_DELNEIGH;
	const struct net_object *wanted;
	struct net_object f;

	if (!net_object_parse(h, &f) || !net_find_device(round->v, f.key.ifindex))
		return;
	wanted = net_find_wanted(round->v, &f.key);
	if (gone)
		round->suspicious |= wanted != NULL;
	else if (wanted)
		round->suspicious |= differs(wanted, &f);
	else
		round->suspicious |= is_exclusive(&f);
}

/* A port whose fallback filter was taken off is without programs where it has no tcx links: they are put back before
 * anything else. */
static void on_programs(struct round *round, const struct nlmsghdr *h)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	const struct device *d = net_find_device(round->v, (uint32_t)t->tcm_ifindex);
	bool ours;

	if (!d)
		return;
	if (h->nlmsg_type == RTM_DELQDISC) {
		if (t->tcm_parent != TC_H_CLSACT)
			return;
	} else {
		ours = tc_is_our_filter(h, &round->v->net->programs.of[d->ops->role]);
		if (ours != (h->nlmsg_type == RTM_DELTFILTER))
			return;
	}
	round->contradicted = true;
	if (d->ops->role != TC_NONE)
		(void)tc_clsact_ensure(round->v->ns.rtnl, d->ifindex, &round->v->net->programs.of[d->ops->role], true);
}

/* A sysctl of the namespace, or of a device that its router uses. Those of other devices don't matter. */
static void on_netconf(struct round *round, const struct nlmsghdr *h)
{
	static const uint32_t wanted[] = {
		[NETCONFA_FORWARDING] = 1, [NETCONFA_RP_FILTER] = 1, [NETCONFA_PROXY_NEIGH] = 0};
	const struct nlattr *tb[NETCONFA_MAX + 1];
	const struct device *d;
	int32_t ifindex;

	netlink_attrs(h, sizeof(struct netconfmsg), tb, ARRAY_SIZE(tb));
	ifindex = (int32_t)netlink_number(tb[NETCONFA_IFINDEX]);
	d = ifindex > 0 ? net_find_device(round->v, (uint32_t)ifindex) : NULL;
	if (ifindex != NETCONFA_IFINDEX_ALL && ifindex != NETCONFA_IFINDEX_DEFAULT && (!d || !d->ops->routes))
		return;
	for (size_t i = NETCONFA_FORWARDING; i < ARRAY_SIZE(wanted); i++) {
		if (i != NETCONFA_MC_FORWARDING && tb[i] && netlink_number(tb[i]) != wanted[i])
			round->contradicted = true;
	}
}

static const struct {
	void (*fn)(struct round *round, const struct nlmsghdr *h);
	uint16_t type;
} handlers[] = {
	{on_object, RTM_NEWADDR},     {on_object, RTM_DELADDR},	     {on_object, RTM_NEWROUTE},
	{on_object, RTM_DELROUTE},    {on_object, RTM_NEWNEIGH},     {on_object, RTM_DELNEIGH},
	{on_programs, RTM_DELQDISC},  {on_programs, RTM_NEWTFILTER}, {on_programs, RTM_DELTFILTER},
	{on_netconf, RTM_NEWNETCONF},
};

static void on_message(struct round *round, const struct nlmsghdr *h)
{
	if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK) {
		const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);

		note_link(round, (uint32_t)i->ifi_index);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (handlers[i].type == h->nlmsg_type)
			handlers[i].fn(round, h);
	}
}

/* Counts carrier changes, so that a link that went down and came up between two looks is noticed, too. */
static void note_carrier(const struct net_vpc *v, struct device *d, uint32_t changes)
{
	if (d->carrier_changes && d->carrier_changes != changes && v->net->on_up)
		v->net->on_up(v->number, d->ifindex, v->net->userdata);
	d->carrier_changes = changes;
}

static void look_at_link(struct round *round, uint32_t ifindex)
{
	const struct net_vpc *v = round->v;
	struct device *d = net_find_device(v, ifindex);
	char alias[NETNS_ALIAS_MAX];
	struct link_info info;
	int r;

	if (!d)
		return;
	r = link_get(v->ns.rtnl, ifindex, NULL, &info);
	if (d->ops->judged)
		redirect_report(v->net, ifindex, r >= 0 && d->up && redirect_ok(&info));
	if (d->ops->host_end)
		host_report_uplink(round->v, d);
	if (r >= 0 && d->ops->far_end && info.carrier)
		note_carrier(v, d, info.carrier_changes);
	if (r == -ENODEV && d->ops->judged) {
		round->lost[round->n_lost++] = ifindex;
		return;
	}
	netns_make_alias(v->net->instance, d->id, alias);
	if (r < 0 || info.master != d->master || strcmp(info.name, d->name) != 0 || strcmp(info.alias, alias) != 0 ||
	    d->up != ((info.flags & IFF_UP) != 0) || info.mtu != d->mtu ||
	    (d->ops->looks_right && !d->ops->looks_right(&info)))
		round->contradicted = true;
}

/* A static FDB entry for the MAC of the port's own ENI: earlier versions made them (net/check.c). */
static bool is_own_fdb_entry(const struct net_vpc *v, const struct net_object *f)
{
	const struct device *d = f->key.kind == NET_OBJECT_FDB ? net_find_device(v, f->key.ifindex) : NULL;

	for (const struct net_object *own = d ? d->objects.head : NULL; own; own = own->hh.next) {
		if (own->key.kind == NET_OBJECT_NEIGHBOUR && memcmp(own->mac, f->key.bytes, sizeof(own->mac)) == 0)
			return true;
	}
	return false;
}

/* Reads the kernel's netlink objects and compares them with the registry. */
static bool objects_contradict(const struct net_vpc *v)
{
	_cleanup_(net_object_set_clear) struct net_object_set found = {};

	if (net_object_read(v->ns.rtnl, &found) < 0)
		return true;
	for (const struct device *d = v->devices; d; d = d->hh.next) {
		for (const struct net_object *wanted = d->objects.head; wanted; wanted = wanted->hh.next) {
			struct net_object *f = net_object_set_find(&found, &wanted->key);

			if (!f || differs(wanted, f))
				return true;
			f->seen = true;
		}
	}
	for (const struct net_object *f = found.head; f; f = f->hh.next) {
		if (!f->seen && is_exclusive(f) && net_find_device(v, f->key.ifindex) && !is_own_fdb_entry(v, f))
			return true;
	}
	return false;
}

/* 1: there may be more; 0: nothing left. */
static int receive(struct round *round, int fd)
{
	char buf[MESSAGE_BYTES] __attribute__((__aligned__(8)));
	ssize_t size = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	int left = (int)size;

	if (size < 0) {
		if (errno == EINTR)
			return 1;
		if (errno != ENOBUFS)
			return 0;
		/* messages were lost, so anything may have changed */
		round->contradicted = true;
		return 1;
	}
	for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left))
		on_message(round, h);
	return 1;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct net_vpc *v = userdata;
	struct round round = {.v = v};
	net_event_fn on_event = v->net->on_event;
	void *event_userdata = v->net->userdata;
	uint32_t number = v->number;

	(void)source;
	(void)revents;
	while (receive(&round, fd))
		;
	for (size_t i = 0; i < round.n_links; i++)
		look_at_link(&round, round.links[i]);
	if (round.suspicious && !round.contradicted)
		round.contradicted = objects_contradict(v);
	/* the callback may free v: it is not used after this */
	if (!on_event)
		return 0;
	for (size_t i = 0; i < round.n_lost; i++)
		on_event(number, round.lost[i], event_userdata);
	if (round.contradicted)
		on_event(number, 0, event_userdata);
	return 0;
}

static int open_events(void *data)
{
	static const int groups[] = {RTNLGRP_LINK,	 RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,
				     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,   RTNLGRP_TC,
				     RTNLGRP_NEIGH,	 RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF};
	_cleanup_close_ int fd = netlink_open_fd(NETLINK_ROUTE);
	int size = RECEIVE_BYTES;

	(void)data;
	if (fd < 0)
		return fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return -errno;
	}
	return TAKE_FD(fd);
}

/* --- nftables: each change of the ruleset has a generation -------------------------------------------------------- */

/* A generation newer than the one that was last compared, or made by us, is somebody else's. */
static int on_nft(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char buf[MESSAGE_BYTES] __attribute__((__aligned__(8)));
	struct net_vpc *v = userdata;
	bool contradicted = false;
	ssize_t size;

	(void)source;
	(void)revents;
	while ((size = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0 || errno == EINTR || errno == ENOBUFS) {
		int left = (int)size;
		uint32_t generation;

		contradicted |= size < 0 && errno == ENOBUFS;
		for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; size > 0 && mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left))
			contradicted |=
				nft_parse_generation(h, &generation) && (int32_t)(generation - v->nft_generation) > 0;
	}
	/* the callback may free v */
	if (contradicted && v->net->on_event)
		v->net->on_event(v->number, 0, v->net->userdata);
	return 0;
}

static int open_nft_events(void *data)
{
	(void)data;
	return nft_open_events();
}

/* A kernel without nftables has no events of it either. */
static int nft_start(struct net_vpc *v)
{
	int r = netns_run(v->ns.ns_fd, open_nft_events, NULL);

	if (r < 0)
		return r == -EPROTONOSUPPORT || r == -EINVAL || r == -ENOENT ? 0 : r;
	v->nft_fd = fd_move_high(r);
	return sd_event_add_io(v->net->event, &v->nft_source, v->nft_fd, EPOLLIN, on_nft, v);
}

int events_start(struct net_vpc *v)
{
	int r;

	if (!v->net->event)
		return 0;
	r = netns_run(v->ns.ns_fd, open_events, NULL);
	if (r < 0)
		return r;
	v->event_fd = fd_move_high(r);
	r = sd_event_add_io(v->net->event, &v->source, v->event_fd, EPOLLIN, on_io, v);
	if (r >= 0)
		r = nft_start(v);
	if (r < 0)
		events_stop(v);
	return r;
}

void events_stop(struct net_vpc *v)
{
	v->source = sd_event_source_disable_unref(v->source);
	v->event_fd = close_fd(v->event_fd);
	v->nft_source = sd_event_source_disable_unref(v->nft_source);
	v->nft_fd = close_fd(v->nft_fd);
}
