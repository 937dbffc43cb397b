/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink objects as rtnetlink messages. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <string.h>

#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/netlink/route.h"

/* Of a route that the kernel makes along with an IPv6 address. */
#define KERNEL_METRIC6 256

DEFINE_CLEANUP(struct rtnl_addr *, rtnl_addr_put);
DEFINE_CLEANUP(struct rtnl_neigh *, rtnl_neigh_put);

static uint8_t family_of(const struct net_object *f)
{
	return f->key.family == 4 ? AF_INET : AF_INET6;
}

static size_t address_size(const struct net_object *f)
{
	return f->key.family == 4 ? 4 : 16;
}

static struct ip object_ip(const struct net_object *f)
{
	struct ip ip = {.family = f->key.family};

	memcpy(ip.bytes, f->key.bytes, sizeof(ip.bytes));
	return ip;
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static int build_address(const struct net_object *f, bool add, struct nl_msg **ret)
{
	const struct ip ip = object_ip(f);
	_cleanup_(rtnl_addr_putp) struct rtnl_addr *request = rtnl_addr_alloc();
	_cleanup_(nl_addr_putp) struct nl_addr *local = route_address(&ip, f->key.plen);
	int r;

	if (!request || !local)
		return -ENOMEM;
	rtnl_addr_set_ifindex(request, (int)f->key.ifindex);
	rtnl_addr_set_scope(request, f->key.bytes[0] == 0xfe ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
	if (f->key.family == 6)
		rtnl_addr_set_flags(request, IFA_F_NODAD | (f->no_route ? IFA_F_NOPREFIXROUTE : 0));
	r = rtnl_addr_set_local(request, local);
	if (r >= 0)
		r = add ? rtnl_addr_build_add_request(request, NLM_F_CREATE | NLM_F_EXCL, ret)
			: rtnl_addr_build_delete_request(request, 0, ret);
	return r < 0 ? netlink_build_error(r) : 0;
}

static int change_address(struct nl_sock *sk, const struct net_object *f, bool add)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r = build_address(f, add, &msg);

	return r < 0 ? r : netlink_change(sk, msg, NULL);
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

static int change_route(struct nl_sock *sk, const struct net_object *f, bool add)
{
	struct route route = {
		.destination = object_ip(f),
		.plen = f->key.plen,
		.source = f->source,
		.mtu = f->mtu,
		.ifindex = f->key.ifindex,
		.table = RT_TABLE_MAIN,
		.metric = f->kernel_made && f->key.family == 6 ? KERNEL_METRIC6 : 0,
	};

	if (add) {
		route.protocol = f->kernel_made ? RTPROT_KERNEL : RTPROT_STATIC;
		route.scope = f->key.family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
		route.type = RTN_UNICAST;
		return route_add(sk, &route, NLM_F_EXCL);
	}
	/* whatever its protocol, scope and type are */
	route.scope = RT_SCOPE_NOWHERE;
	return route_delete(sk, &route);
}

/* --- neighbours and FDB entries ----------------------------------------------------------------------------------- */

static int set_mac(struct rtnl_neigh *request, const uint8_t mac[6])
{
	_cleanup_(nl_addr_putp) struct nl_addr *address = nl_addr_build(AF_LLC, mac, 6);

	if (!address)
		return -ENOMEM;
	rtnl_neigh_set_lladdr(request, address);
	return 0;
}

static int describe_neighbour(struct rtnl_neigh *request, const struct net_object *f)
{
	const struct ip ip = object_ip(f);
	_cleanup_(nl_addr_putp) struct nl_addr *address = NULL;

	rtnl_neigh_set_ifindex(request, (int)f->key.ifindex);
	if (f->key.kind == NET_OBJECT_FDB) {
		/* NOARP is what the bridge calls static: not aged, and still behind the port. PERMANENT would mean
		 * "local": frames would end in this namespace's own stack. */
		rtnl_neigh_set_family(request, AF_BRIDGE);
		rtnl_neigh_set_state(request, NUD_NOARP);
		rtnl_neigh_set_flags(request, NTF_MASTER);
		return set_mac(request, f->key.bytes);
	}
	rtnl_neigh_set_family(request, family_of(f));
	rtnl_neigh_set_state(request, NUD_PERMANENT);
	address = route_address(&ip, f->key.plen);
	if (!address)
		return -ENOMEM;
	if (rtnl_neigh_set_dst(request, address) < 0)
		return -EINVAL;
	return set_mac(request, f->mac);
}

static int change_neighbour(struct nl_sock *sk, const struct net_object *f, bool add)
{
	_cleanup_(rtnl_neigh_putp) struct rtnl_neigh *request = rtnl_neigh_alloc();
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!request)
		return -ENOMEM;
	r = describe_neighbour(request, f);
	if (r < 0)
		return r;
	r = add ? rtnl_neigh_build_add_request(request, NLM_F_CREATE | NLM_F_REPLACE, &msg)
		: rtnl_neigh_build_delete_request(request, 0, &msg);
	return r < 0 ? netlink_build_error(r) : netlink_change(sk, msg, NULL);
}

/* --- all kinds ---------------------------------------------------------------------------------------------------- */

static int (*const change_object[])(struct nl_sock *sk, const struct net_object *f, bool add) = {
	[NET_OBJECT_ADDRESS] = change_address,
	[NET_OBJECT_ROUTE] = change_route,
	[NET_OBJECT_NEIGHBOUR] = change_neighbour,
	[NET_OBJECT_FDB] = change_neighbour,
};

int net_object_put(struct nl_sock *sk, const struct net_object *f)
{
	int r = change_object[f->key.kind](sk, f, true);

	return r == -EEXIST ? 0 : r;
}

int net_object_delete(struct nl_sock *sk, const struct net_object *f)
{
	int r = change_object[f->key.kind](sk, f, false);

	return r == -ESRCH || r == -ENOENT || r == -EADDRNOTAVAIL || r == -ENODEV ? 0 : r;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool take_ip(const struct nlattr *a, struct net_object *ret)
{
	size_t size = address_size(ret);

	if (!a || (size_t)nla_len(a) < size)
		return false;
	if (size == 4)
		memcpy(ret->key.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(ret->key.bytes + (16 - size), nla_data(a), size);
	return true;
}

static bool parse_address(const struct nlmsghdr *h, struct net_object *ret)
{
	const struct ifaddrmsg *a = nlmsg_data(h);
	const struct nlattr *tb[IFA_MAX + 1];

	if (a->ifa_family != AF_INET && a->ifa_family != AF_INET6)
		return false;
	netlink_attrs(h, sizeof(*a), tb, ARRAY_SIZE(tb));
	ret->key.kind = NET_OBJECT_ADDRESS;
	ret->key.family = a->ifa_family == AF_INET ? 4 : 6;
	ret->key.plen = a->ifa_prefixlen;
	ret->key.ifindex = a->ifa_index;
	ret->right = true;
	return take_ip(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], ret);
}

static void take_source(const struct nlattr *a, struct net_object *ret)
{
	size_t size = address_size(ret);

	if (!a || (size_t)nla_len(a) < size)
		return;
	ret->source.family = ret->key.family;
	if (size == 4)
		memcpy(ret->source.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(ret->source.bytes + (16 - size), nla_data(a), size);
}

/* Bytes; 0: none is said. */
static uint32_t route_mtu(const struct nlattr *metrics)
{
	const struct nlattr *mtu = metrics ? nla_find(nla_data(metrics), nla_len(metrics), RTAX_MTU) : NULL;

	return mtu ? netlink_number(mtu) : 0;
}

static bool parse_route(const struct nlmsghdr *h, struct net_object *ret)
{
	const struct rtmsg *route = nlmsg_data(h);
	const struct nlattr *tb[RTA_MAX + 1];

	if ((route->rtm_family != AF_INET && route->rtm_family != AF_INET6) || route->rtm_flags & RTM_F_CLONED ||
	    route->rtm_type != RTN_UNICAST)
		return false;
	netlink_attrs(h, sizeof(*route), tb, ARRAY_SIZE(tb));
	if ((tb[RTA_TABLE] ? netlink_number(tb[RTA_TABLE]) : route->rtm_table) != RT_TABLE_MAIN)
		return false;
	ret->key.kind = NET_OBJECT_ROUTE;
	ret->key.family = route->rtm_family == AF_INET ? 4 : 6;
	ret->key.plen = route->rtm_dst_len;
	ret->key.ifindex = netlink_number(tb[RTA_OIF]);
	/* a route by a gateway is none of ours, even where its destination is */
	ret->right = !tb[RTA_GATEWAY] && !tb[RTA_MULTIPATH];
	take_source(tb[RTA_PREFSRC], ret);
	ret->mtu = route_mtu(tb[RTA_METRICS]);
	if (!route->rtm_dst_len) {
		if (route->rtm_family == AF_INET)
			memcpy(ret->key.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		return true;
	}
	return take_ip(tb[RTA_DST], ret);
}

static bool parse_neighbour(const struct nlmsghdr *h, struct net_object *ret)
{
	const struct ndmsg *n = nlmsg_data(h);
	const struct nlattr *tb[NDA_MAX + 1];

	netlink_attrs(h, sizeof(*n), tb, ARRAY_SIZE(tb));
	ret->key.ifindex = (uint32_t)n->ndm_ifindex;
	if (n->ndm_family == AF_BRIDGE) {
		/* NTF_SELF: the device's own filters, not the bridge's table */
		if (n->ndm_flags & NTF_SELF || !tb[NDA_LLADDR] || (size_t)nla_len(tb[NDA_LLADDR]) != 6)
			return false;
		ret->key.kind = NET_OBJECT_FDB;
		memcpy(ret->key.bytes, nla_data(tb[NDA_LLADDR]), 6);
		ret->right = n->ndm_state == NUD_NOARP;
		return true;
	}
	if ((n->ndm_family != AF_INET && n->ndm_family != AF_INET6) || n->ndm_type == RTN_MULTICAST)
		return false;
	ret->key.kind = NET_OBJECT_NEIGHBOUR;
	ret->key.family = n->ndm_family == AF_INET ? 4 : 6;
	ret->key.plen = n->ndm_family == AF_INET ? 32 : 128;
	ret->right = n->ndm_state == NUD_PERMANENT;
	if (tb[NDA_LLADDR] && (size_t)nla_len(tb[NDA_LLADDR]) == 6)
		memcpy(ret->mac, nla_data(tb[NDA_LLADDR]), 6);
	return take_ip(tb[NDA_DST], ret);
}

bool net_object_parse(const struct nlmsghdr *h, struct net_object *ret)
{
	*ret = (struct net_object){};
	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return parse_address(h, ret);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return parse_route(h, ret);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return parse_neighbour(h, ret);
	default:
		return false;
	}
}

static int on_object(const struct nlmsghdr *h, void *userdata)
{
	struct net_object f;

	return net_object_parse(h, &f) ? net_object_set_add(userdata, &f) : 0;
}

int net_object_read(struct nl_sock *sk, struct net_object_set *set)
{
	static const struct {
		uint16_t type;
		uint8_t family;
	} dumps[] = {
		{RTM_GETADDR, AF_UNSPEC}, {RTM_GETROUTE, AF_INET},  {RTM_GETROUTE, AF_INET6},
		{RTM_GETNEIGH, AF_INET},  {RTM_GETNEIGH, AF_INET6}, {RTM_GETNEIGH, AF_BRIDGE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++) {
		int r = netlink_dump(sk, dumps[i].type, dumps[i].family, on_object, set);

		if (r < 0)
			return r;
	}
	return 0;
}
