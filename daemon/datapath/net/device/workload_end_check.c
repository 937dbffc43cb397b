/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workload's end as it is: compared for verify, and put back after it was down. On a worker thread. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>

#include "datapath/net/private.h"

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

struct telling {
	const struct port_record *p;
	net_workload_end_fn fn;
	void *userdata;
	int result;
};

PRINTF_LIKE(3, 4)
static void tell(struct telling *t, const char *problem, const char *format, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (t->result >= 0)
		t->result = t->fn(problem, text, t->userdata);
}

static int check_addresses(struct telling *t, struct nl_sock *sk, uint32_t ifindex)
{
	_cleanup_(net_object_set_clear) struct net_object_set found = {};
	const struct port_record *p = t->p;
	char text[NET_OBJECT_TEXT_MAX];
	struct net_object f;
	int r = net_object_read(sk, &found);

	for (size_t i = 0; r >= 0 && i < p->n_ips + (p->has_ip6 ? 1 : 0); i++) {
		workload_end_address(p, i, ifindex, &f);
		if (!net_object_set_find(&found, &f.key))
			tell(t, "missing", "%s: the %s", p->attachment.ifname, net_object_format(&f, text));
	}
	return r == -EAGAIN ? 0 : r;
}

static int check_routes(struct telling *t, struct nl_sock *sk, uint32_t ifindex)
{
	const struct port_record *p = t->p;
	bool wanted = !p->attachment.has_default_route || p->attachment.default_route;
	int r = 1;

	if (wanted && p->gateway4.family == 4)
		r = has_default_route(sk, AF_INET, ifindex);
	if (r == 0)
		tell(t, "missing", "%s: the IPv4 default route", p->attachment.ifname);
	if (r >= 0 && wanted && p->has_ip6) {
		r = has_default_route(sk, AF_INET6, ifindex);
		if (r == 0)
			tell(t, "missing", "%s: the IPv6 default route", p->attachment.ifname);
	}
	if (r >= 0) {
		r = routing_check(sk, p, ifindex);
		if (r == 0)
			tell(t, "differs", "%s: its routing table or its rules", p->attachment.ifname);
	}
	return r < 0 && r != -EAGAIN ? r : 0;
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

int workload_end_check(const struct workload *w, const struct port_record *p, net_workload_end_fn fn, void *userdata)
{
	struct telling t = {.p = p, .fn = fn, .userdata = userdata};
	struct link_info info;
	int r = link_get(w->rtnl, 0, p->attachment.ifname, &info);

	if (r == -ENODEV || (r >= 0 && !workload_end_is_ours(&info, p))) {
		tell(&t, r < 0 ? "missing" : "differs", r < 0 ? "%s" : "%s is another device than was attached",
		     p->attachment.ifname);
		return t.result;
	}
	if (r < 0)
		return r;
	/* Without our IPv4 address, which outlives a link that is down, the workload configures its end itself (DHCP, a
	 * namespace inside): what it has there is its business. */
	r = has_primary(w->rtnl, p, info.ifindex);
	if (r <= 0)
		return r;
	if (info.mtu != p->mtu)
		tell(&t, "differs", "%s: the MTU is %u, should be %u", p->attachment.ifname, info.mtu, p->mtu);
	if (!(info.flags & IFF_UP)) {
		tell(&t, "differs", "%s is down", p->attachment.ifname);
		return t.result;
	}
	r = check_addresses(&t, w->rtnl, info.ifindex);
	if (r >= 0)
		r = check_routes(&t, w->rtnl, info.ifindex);
	return r < 0 ? r : t.result;
}

static int on_problem(const char *problem, const char *detail, void *userdata)
{
	(void)problem, (void)detail;
	*(bool *)userdata = true;
	return 0;
}

int net_workload_mend(const struct port_record *p, const struct workload *w, bool unfinished)
{
	const char *what;
	struct link_info info;
	bool differs = false;
	int r = link_get(w->rtnl, 0, p->attachment.ifname, &info);

	/* another device is the workload's business, and so is leaving it down */
	if (r < 0 || !workload_end_is_ours(&info, p) || (!unfinished && !(info.flags & IFF_UP)))
		return r == -ENODEV ? 0 : r;
	/* addressed and down: its own doing */
	if (!(info.flags & IFF_UP) && has_primary(w->rtnl, p, info.ifindex) != 0)
		return 0;
	if (unfinished && has_primary(w->rtnl, p, info.ifindex) <= 0)
		differs = true;
	else
		r = workload_end_check(w, p, on_problem, &differs);
	if (r < 0 || !differs)
		return r;
	r = workload_end_prepare(w, p, &what);
	return r < 0 ? r : workload_end_finish(NULL, w->rtnl, p, &what);
}
