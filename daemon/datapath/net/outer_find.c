/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interfaces of the host lead to the world. */
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if_arp.h>
#include <string.h>

#include "datapath/net/netlink/request.h"
#include "datapath/net/outer.h"

struct finding {
	struct nl_sock *rtnl;
	struct outer_list *list;
	uint32_t routes[NET_OUTERS_MAX]; /* interfaces of default routes */
	size_t n_routes;
};

/* What isn't there is not an outer interface, and neither is lo. pools: bits of the pools whose uplink it is. */
static int add_link(struct finding *f, uint32_t ifindex, const char *name, unsigned pools)
{
	struct outer_list *list = f->list;
	struct link_info info;
	struct net_outer *o;
	int r = link_get(f->rtnl, ifindex, name, &info);

	if (r < 0)
		return r == -ENODEV || r == -EINVAL ? 0 : r;
	for (size_t i = 0; i < list->n; i++) {
		if (list->outers[i].ifindex == info.ifindex) {
			list->outers[i].pools |= (uint16_t)pools;
			return 0;
		}
	}
	if (info.ifindex == 1)
		return 0;
	if (info.type != ARPHRD_ETHER || list->n == NET_OUTERS_MAX) {
		snprintf(list->left_out, sizeof(list->left_out), "%s", info.name);
		return 0;
	}
	o = &list->outers[list->n++];
	*o = (struct net_outer){
		.ifindex = info.ifindex, .mtu = info.mtu, .running = info.running, .pools = (uint16_t)pools};
	snprintf(o->name, sizeof(o->name), "%s", info.name);
	memcpy(o->mac, info.mac, sizeof(o->mac));
	return 0;
}

/* of_pools: each name is that of a pool's uplink. */
static int add_names(struct finding *f, const char *names, bool of_pools)
{
	unsigned pool = of_pools;
	int r = 0;

	for (const char *p = names; r >= 0 && p && *p; pool <<= 1) {
		size_t length = strcspn(p, ",");
		char name[IFNAMSIZ] = "";

		if (length && length < sizeof(name)) {
			memcpy(name, p, length);
			r = add_link(f, 0, name, pool);
		}
		p += length + (p[length] == ',');
	}
	return r;
}

static void note_route(struct finding *f, uint32_t ifindex)
{
	if (ifindex && f->n_routes < NET_OUTERS_MAX)
		f->routes[f->n_routes++] = ifindex;
}

static int on_route(const struct nlmsghdr *h, void *userdata)
{
	const struct rtmsg *route = nlmsg_data(h);
	const struct nlattr *tb[RTA_MAX + 1];
	struct finding *f = userdata;

	if (h->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len || route->rtm_type != RTN_UNICAST)
		return 0;
	netlink_attrs(h, sizeof(*route), tb, ARRAY_SIZE(tb));
	if ((tb[RTA_TABLE] ? netlink_number(tb[RTA_TABLE]) : route->rtm_table) != RT_TABLE_MAIN)
		return 0;
	note_route(f, netlink_number(tb[RTA_OIF]));
	if (tb[RTA_MULTIPATH]) {
		const struct rtnexthop *hop = nla_data(tb[RTA_MULTIPATH]);
		int left = nla_len(tb[RTA_MULTIPATH]);

		for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
			note_route(f, (uint32_t)hop->rtnh_ifindex);
	}
	return 0;
}

static int add_default_routes(struct finding *f)
{
	int r = netlink_dump(f->rtnl, RTM_GETROUTE, AF_INET, on_route, f);

	if (r >= 0)
		r = netlink_dump(f->rtnl, RTM_GETROUTE, AF_INET6, on_route, f);
	for (size_t i = 0; r >= 0 && i < f->n_routes; i++)
		r = add_link(f, f->routes[i], NULL, 0);
	return r;
}

static bool take_address(const struct nlmsghdr *h, struct ip *ret)
{
	const struct ifaddrmsg *a = nlmsg_data(h);
	const struct nlattr *tb[IFA_MAX + 1], *local;
	bool v4 = a->ifa_family == AF_INET;

	*ret = (struct ip){.family = v4 ? 4 : 6};
	netlink_attrs(h, sizeof(*a), tb, ARRAY_SIZE(tb));
	local = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!local || nla_len(local) != (v4 ? 4 : 16))
		return false;
	if (v4)
		ret->bytes[10] = ret->bytes[11] = 0xff;
	memcpy(ret->bytes + (v4 ? 12 : 0), nla_data(local), v4 ? 4 : 16);
	return true;
}

static int on_address(const struct nlmsghdr *h, void *userdata)
{
	const struct ifaddrmsg *a = nlmsg_data(h);
	struct outer_list *list = userdata;
	struct ip ip;

	if (h->nlmsg_type != RTM_NEWADDR || (a->ifa_family != AF_INET && a->ifa_family != AF_INET6) ||
	    a->ifa_scope != RT_SCOPE_UNIVERSE || !take_address(h, &ip))
		return 0;
	if (list->n_own < NET_OWN_MAX) {
		list->own_plen[list->n_own] = a->ifa_prefixlen;
		list->own[list->n_own++] = ip;
	}
	for (size_t i = 0; ip.family == 4 && i < list->n; i++) {
		struct net_outer *o = &list->outers[i];

		if (o->ifindex != a->ifa_index)
			continue;
		if (!o->addr4)
			memcpy(&o->addr4, ip.bytes + 12, sizeof(o->addr4));
		if (list->n_addresses < NET_ADDRESSES_MAX)
			list->addresses[list->n_addresses++] = ip;
	}
	return 0;
}

static int find(struct nl_sock *rtnl, const char *only, const char *pool_uplinks, struct outer_list *ret)
{
	struct finding f = {.rtnl = rtnl, .list = ret};
	int r;

	memset(ret, 0, sizeof(*ret));
	r = only ? add_names(&f, only, false) : add_default_routes(&f);
	if (r >= 0)
		r = add_names(&f, pool_uplinks, true);
	return r < 0 ? r : netlink_dump(rtnl, RTM_GETADDR, AF_UNSPEC, on_address, ret);
}

#define TRIES 4 /* the lists of a busy host change while they are read */

int outer_find(struct nl_sock *rtnl, const char *only, const char *pool_uplinks, struct outer_list *ret)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = find(rtnl, only, pool_uplinks, ret);
	return r;
}
