/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workload's end as it is: compared for verify, and put back after it was down. On a worker thread. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "datapath/net/device/workload_end.h"
#include "datapath/net/device/workload_routing.h"
#include "datapath/net/netlink/request.h"

struct looking {
	uint32_t ifindex;
	uint8_t family; /* AF_… */
	bool found;
};

static int on_route(const struct nlmsghdr *h, void *userdata)
{
	struct looking *l = userdata;
	const struct rtmsg *route = nlmsg_data(h);
	const struct nlattr *tb[RTA_MAX + 1];

	if (h->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len || route->rtm_table != RT_TABLE_MAIN ||
	    route->rtm_family != l->family)
		return 0;
	netlink_attrs(h, sizeof(*route), tb, ARRAY_SIZE(tb));
	l->found |= tb[RTA_GATEWAY] && netlink_number(tb[RTA_OIF]) == l->ifindex;
	return 0;
}

/* 1: the namespace has a default route by this interface. */
static int has_default_route(struct nl_sock *sk, uint8_t family, uint32_t ifindex)
{
	struct looking l = {.ifindex = ifindex, .family = family};
	int r = netlink_dump(sk, RTM_GETROUTE, family, on_route, &l);

	return r < 0 && r != -EAGAIN ? r : l.found;
}

/* A list that changed while it was read is taken as right; the next look reads it again. */
static int unless_again(int r)
{
	return r == -EAGAIN ? 0 : r;
}

static int check_addresses(const struct device_check *c, uint32_t ifindex)
{
	_cleanup_(net_object_set_clear) struct net_object_set found = {};
	const struct port_record *p = c->spec->record;
	int r = net_object_read(c->rtnl, &found);

	for (size_t i = 0; r == 0 && i < p->n_ips + (p->has_ip6 ? 1 : 0); i++) {
		char text[NET_OBJECT_TEXT_MAX];
		struct net_object address;

		workload_end_address(p, i, ifindex, &address);
		if (!net_object_set_find(&found, &address.key))
			r = device_tell(c, "missing", "%s: the %s", p->attachment.ifname,
					net_object_format(&address, text));
	}
	return unless_again(r);
}

static int check_default_route(const struct device_check *c, uint8_t family, const char *name, uint32_t ifindex)
{
	const struct port_record *p = c->spec->record;
	int r = has_default_route(c->rtnl, family, ifindex);

	if (r == 0)
		return device_tell(c, "missing", "%s: the %s default route", p->attachment.ifname, name);
	return r < 0 ? unless_again(r) : 0;
}

static int check_routes(const struct device_check *c, uint32_t ifindex)
{
	const struct port_record *p = c->spec->record;
	bool wanted = !p->attachment.has_default_route || p->attachment.default_route;
	int r = 0;

	if (wanted && p->gateway4.family == 4)
		r = check_default_route(c, AF_INET, "IPv4", ifindex);
	if (r == 0 && wanted && p->has_ip6)
		r = check_default_route(c, AF_INET6, "IPv6", ifindex);
	if (r)
		return r;
	r = routing_check(c->rtnl, p, ifindex);
	if (r == 0)
		return device_tell(c, "differs", "%s: its routing table or its rules", p->attachment.ifname);
	return r < 0 ? unless_again(r) : 0;
}

struct primary {
	uint32_t ifindex;
	__be32 address;
	bool found;
};

static int on_address(const struct nlmsghdr *h, void *userdata)
{
	struct primary *p = userdata;
	const struct ifaddrmsg *address = nlmsg_data(h);
	const struct nlattr *tb[IFA_MAX + 1];

	if (h->nlmsg_type != RTM_NEWADDR || address->ifa_family != AF_INET || address->ifa_index != p->ifindex ||
	    !(address->ifa_flags & IFA_F_PERMANENT))
		return 0;
	netlink_attrs(h, sizeof(*address), tb, ARRAY_SIZE(tb));
	p->found |= tb[IFA_LOCAL] && netlink_number(tb[IFA_LOCAL]) == p->address;
	return 0;
}

/* 1: our IPv4 address is there as it was put there: it does not expire, as one that a DHCP client got does. */
static int has_primary(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex)
{
	struct primary primary = {.ifindex = ifindex};
	int r;

	memcpy(&primary.address, p->ips[0].bytes + 12, sizeof(primary.address)); /* ::ffff:a.b.c.d */
	r = netlink_dump(sk, RTM_GETADDR, AF_INET, on_address, &primary);
	return r < 0 && r != -EAGAIN ? r : primary.found;
}

int workload_end_check(const struct device_check *c, const struct link_info *unused)
{
	const struct port_record *p = c->spec->record;
	const char *ifname = p->attachment.ifname;
	struct link_info info;
	int r = link_get(c->rtnl, 0, ifname, &info);

	(void)unused;
	if (r == -ENODEV)
		return device_tell(c, "missing", "%s", ifname);
	if (r < 0)
		return r;
	if (!workload_end_is_ours(&info, p))
		return device_tell(c, "differs", "%s is another device than the one that was attached", ifname);
	/* Without our IPv4 address, which outlives a link that is down, the workload configures its end itself (by
	 * DHCP, or in a namespace inside): what it has there is its own business. */
	r = has_primary(c->rtnl, p, info.ifindex);
	if (r <= 0)
		return r;
	if (info.mtu != p->mtu)
		r = device_tell(c, "differs", "%s: the MTU is %u, should be %u", ifname, info.mtu, p->mtu);
	else
		r = 0;
	if (r == 0 && !(info.flags & IFF_UP))
		return device_tell(c, "differs", "%s is down", ifname);
	if (r == 0)
		r = check_addresses(c, info.ifindex);
	return r ? r : check_routes(c, info.ifindex);
}

static int on_problem(const char *problem, const char *detail, void *userdata)
{
	(void)problem;
	(void)detail;
	*(bool *)userdata = true;
	return 0;
}

int workload_end_mend(const struct device_spec *s, const struct workload *w, bool unfinished)
{
	const struct port_record *p = s->record;
	bool differs = false;
	const struct device_check c = {.rtnl = w->rtnl, .spec = s, .fn = on_problem, .userdata = &differs};
	const char *what;
	struct link_info info;
	int r = link_get(w->rtnl, 0, p->attachment.ifname, &info);

	/* another device is the workload's business, and so is a link that it keeps down */
	if (r < 0 || !workload_end_is_ours(&info, p) || (!unfinished && !(info.flags & IFF_UP)))
		return r == -ENODEV ? 0 : r;
	/* down although it has its addresses: the workload's own doing */
	if (!(info.flags & IFF_UP) && has_primary(w->rtnl, p, info.ifindex) != 0)
		return 0;
	if (unfinished && has_primary(w->rtnl, p, info.ifindex) <= 0)
		differs = true;
	else
		r = workload_end_check(&c, NULL);
	if (r < 0 || !differs)
		return r;
	r = workload_end_prepare(w, p, &what);
	return r < 0 ? r : workload_end_finish(NULL, w->rtnl, p, &what);
}
