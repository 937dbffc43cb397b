/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts as rtnetlink messages. */
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <string.h>

#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/request.h"

static uint8_t family_of(const struct net_object *f)
{
	return f->key.family == 4 ? AF_INET : AF_INET6;
}

static size_t address_size(const struct net_object *f)
{
	return f->key.family == 4 ? 4 : 16;
}

static void put_ip(struct nlmsghdr *h, uint16_t attr, uint8_t family, const uint8_t bytes[16])
{
	if (family == 4)
		mnl_attr_put(h, attr, 4, bytes + 12);
	else
		mnl_attr_put(h, attr, 16, bytes);
}

static void begin_address(struct rtnl_message *m, uint16_t type, uint16_t flags, const struct net_object *f)
{
	struct ifaddrmsg *a = rtnl_begin(m, type, flags, sizeof(*a));

	a->ifa_family = family_of(f);
	a->ifa_prefixlen = f->key.plen;
	a->ifa_index = f->key.ifindex;
	a->ifa_scope = f->key.bytes[0] == 0xfe ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	put_ip(&m->h, IFA_LOCAL, f->key.family, f->key.bytes);
	put_ip(&m->h, IFA_ADDRESS, f->key.family, f->key.bytes);
	if (f->key.family == 6)
		mnl_attr_put_u32(&m->h, IFA_FLAGS, IFA_F_NODAD | (f->no_route ? IFA_F_NOPREFIXROUTE : 0));
}

static void begin_route(struct rtnl_message *m, uint16_t type, uint16_t flags, const struct net_object *f)
{
	struct rtmsg *r = rtnl_begin(m, type, flags, sizeof(*r));

	r->rtm_family = family_of(f);
	r->rtm_dst_len = f->key.plen;
	r->rtm_table = RT_TABLE_MAIN;
	r->rtm_protocol = f->kernel_made ? RTPROT_KERNEL : RTPROT_STATIC;
	r->rtm_scope = f->key.family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	r->rtm_type = RTN_UNICAST;
	put_ip(&m->h, RTA_DST, f->key.family, f->key.bytes);
	mnl_attr_put_u32(&m->h, RTA_OIF, f->key.ifindex);
	if (f->source.family)
		put_ip(&m->h, RTA_PREFSRC, f->source.family, f->source.bytes);
	if (f->kernel_made && f->key.family == 6)
		mnl_attr_put_u32(&m->h, RTA_PRIORITY, 256);
}

static void begin_neighbour(struct rtnl_message *m, uint16_t type, uint16_t flags, const struct net_object *f)
{
	struct ndmsg *n = rtnl_begin(m, type, flags, sizeof(*n));

	n->ndm_ifindex = (int)f->key.ifindex;
	if (f->key.kind == NET_OBJECT_FDB) {
		/* NOARP is what the bridge calls static: not aged, and still behind the port. PERMANENT would mean
		 * "local": frames would end in this namespace's own stack. */
		n->ndm_family = AF_BRIDGE;
		n->ndm_state = NUD_NOARP;
		n->ndm_flags = NTF_MASTER;
		mnl_attr_put(&m->h, NDA_LLADDR, 6, f->key.bytes);
		return;
	}
	n->ndm_family = family_of(f);
	n->ndm_state = NUD_PERMANENT;
	put_ip(&m->h, NDA_DST, f->key.family, f->key.bytes);
	mnl_attr_put(&m->h, NDA_LLADDR, 6, f->mac);
}

typedef void (*begin_fn)(struct rtnl_message *m, uint16_t type, uint16_t flags, const struct net_object *f);
static const struct {
	begin_fn begin;
	uint16_t put, put_flags, delete;
} requests[] = {
	[NET_OBJECT_ADDRESS] = {begin_address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, RTM_DELADDR},
	[NET_OBJECT_ROUTE] = {begin_route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, RTM_DELROUTE},
	[NET_OBJECT_NEIGHBOUR] = {begin_neighbour, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, RTM_DELNEIGH},
	[NET_OBJECT_FDB] = {begin_neighbour, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, RTM_DELNEIGH},
};

int net_object_put(int fd, const struct net_object *f)
{
	struct rtnl_message m;
	int r;

	requests[f->key.kind].begin(&m, requests[f->key.kind].put, requests[f->key.kind].put_flags, f);
	r = rtnl_change(fd, &m, NULL);
	return r == -EEXIST ? 0 : r;
}

int net_object_delete(int fd, const struct net_object *f)
{
	struct rtnl_message m;
	int r;

	requests[f->key.kind].begin(&m, requests[f->key.kind].delete, 0, f);
	if (f->key.kind == NET_OBJECT_ROUTE) {
		/* whatever its protocol and scope are */
		struct rtmsg *route = mnl_nlmsg_get_payload(&m.h);

		route->rtm_protocol = RTPROT_UNSPEC;
		route->rtm_scope = RT_SCOPE_NOWHERE;
		route->rtm_type = RTN_UNSPEC;
	}
	r = rtnl_change(fd, &m, NULL);
	return r == -ESRCH || r == -ENOENT || r == -EADDRNOTAVAIL || r == -ENODEV ? 0 : r;
}

static bool take_ip(const struct nlattr *a, struct net_object *ret)
{
	size_t size = address_size(ret);

	if (!a || mnl_attr_get_payload_len(a) < size)
		return false;
	if (size == 4)
		memcpy(ret->key.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(ret->key.bytes + (16 - size), mnl_attr_get_payload(a), size);
	return true;
}

static bool parse_address(const struct nlmsghdr *h, struct net_object *ret)
{
	const struct ifaddrmsg *a = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[IFA_MAX + 1];

	if (a->ifa_family != AF_INET && a->ifa_family != AF_INET6)
		return false;
	rtnl_attrs(h, sizeof(*a), tb, ARRAY_SIZE(tb));
	ret->key.kind = NET_OBJECT_ADDRESS;
	ret->key.family = a->ifa_family == AF_INET ? 4 : 6;
	ret->key.plen = a->ifa_prefixlen;
	ret->key.ifindex = a->ifa_index;
	ret->right = true;
	return take_ip(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], ret);
}

static bool parse_route(const struct nlmsghdr *h, struct net_object *ret)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[RTA_MAX + 1];

	if ((route->rtm_family != AF_INET && route->rtm_family != AF_INET6) || route->rtm_flags & RTM_F_CLONED ||
	    route->rtm_type != RTN_UNICAST)
		return false;
	rtnl_attrs(h, sizeof(*route), tb, ARRAY_SIZE(tb));
	if ((tb[RTA_TABLE] ? rtnl_number(tb[RTA_TABLE]) : route->rtm_table) != RT_TABLE_MAIN)
		return false;
	ret->key.kind = NET_OBJECT_ROUTE;
	ret->key.family = route->rtm_family == AF_INET ? 4 : 6;
	ret->key.plen = route->rtm_dst_len;
	ret->key.ifindex = rtnl_number(tb[RTA_OIF]);
	/* a route by a gateway is none of ours, even where its destination is */
	ret->right = !tb[RTA_GATEWAY] && !tb[RTA_MULTIPATH];
	if (!route->rtm_dst_len) {
		if (route->rtm_family == AF_INET)
			memcpy(ret->key.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		return true;
	}
	return take_ip(tb[RTA_DST], ret);
}

static bool parse_neighbour(const struct nlmsghdr *h, struct net_object *ret)
{
	const struct ndmsg *n = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[NDA_MAX + 1];

	rtnl_attrs(h, sizeof(*n), tb, ARRAY_SIZE(tb));
	ret->key.ifindex = (uint32_t)n->ndm_ifindex;
	if (n->ndm_family == AF_BRIDGE) {
		/* NTF_SELF: the device's own filters, not the bridge's table */
		if (n->ndm_flags & NTF_SELF || !tb[NDA_LLADDR] || mnl_attr_get_payload_len(tb[NDA_LLADDR]) != 6)
			return false;
		ret->key.kind = NET_OBJECT_FDB;
		memcpy(ret->key.bytes, mnl_attr_get_payload(tb[NDA_LLADDR]), 6);
		ret->right = n->ndm_state == NUD_NOARP;
		return true;
	}
	if ((n->ndm_family != AF_INET && n->ndm_family != AF_INET6) || n->ndm_type == RTN_MULTICAST)
		return false;
	ret->key.kind = NET_OBJECT_NEIGHBOUR;
	ret->key.family = n->ndm_family == AF_INET ? 4 : 6;
	ret->key.plen = n->ndm_family == AF_INET ? 32 : 128;
	ret->right = n->ndm_state == NUD_PERMANENT;
	if (tb[NDA_LLADDR] && mnl_attr_get_payload_len(tb[NDA_LLADDR]) == 6)
		memcpy(ret->mac, mnl_attr_get_payload(tb[NDA_LLADDR]), 6);
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

int net_object_read(int fd, struct net_object_set *set)
{
	static const struct {
		uint16_t type;
		uint8_t family;
		uint8_t header_bytes;
	} dumps[] = {
		{RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg)}, {RTM_GETROUTE, AF_INET, sizeof(struct rtmsg)},
		{RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg)},	    {RTM_GETNEIGH, AF_INET, sizeof(struct ndmsg)},
		{RTM_GETNEIGH, AF_INET6, sizeof(struct ndmsg)},	    {RTM_GETNEIGH, AF_BRIDGE, sizeof(struct ndmsg)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++) {
		struct rtnl_message m;
		uint8_t *family = rtnl_begin(&m, dumps[i].type, NLM_F_DUMP, dumps[i].header_bytes);
		int r;

		*family = dumps[i].family;
		r = rtnl_ask(fd, &m, on_object, set);
		if (r < 0)
			return r;
	}
	return 0;
}
