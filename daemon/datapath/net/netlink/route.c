/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netlink/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include "datapath/net/netlink/request.h"

DEFINE_CLEANUP(struct rtnl_route *, rtnl_route_put);
DEFINE_CLEANUP(struct rtnl_rule *, rtnl_rule_put);

static int address_family(const struct ip *ip)
{
	return ip->family == 4 ? AF_INET : AF_INET6;
}

struct nl_addr *route_address(const struct ip *ip, uint8_t plen)
{
	bool v4 = ip->family == 4;
	struct nl_addr *address = nl_addr_build(address_family(ip), ip->bytes + (v4 ? 12 : 0), v4 ? 4 : 16);

	if (address)
		nl_addr_set_prefixlen(address, plen);
	return address;
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

static int set_destination(struct rtnl_route *request, const struct route *route)
{
	/* libnl takes a default route's destination as an address without bytes */
	_cleanup_(nl_addr_putp) struct nl_addr *address =
		route->plen ? route_address(&route->destination, route->plen)
			    : nl_addr_build(address_family(&route->destination), NULL, 0);

	return address ? rtnl_route_set_dst(request, address) : -NLE_NOMEM;
}

static int set_source(struct rtnl_route *request, const struct ip *source)
{
	_cleanup_(nl_addr_putp) struct nl_addr *address = NULL;

	if (!source->family)
		return 0;
	address = route_address(source, source->family == 4 ? 32 : 128);
	return address ? rtnl_route_set_pref_src(request, address) : -NLE_NOMEM;
}

static int set_nexthop(struct rtnl_route *request, const struct route *route)
{
	_cleanup_(nl_addr_putp) struct nl_addr *gateway = NULL;
	struct rtnl_nexthop *nexthop;

	if (route->gateway.family) {
		gateway = route_address(&route->gateway, route->gateway.family == 4 ? 32 : 128);
		if (!gateway)
			return -NLE_NOMEM;
	}
	nexthop = rtnl_route_nh_alloc();
	if (!nexthop)
		return -NLE_NOMEM;
	rtnl_route_nh_set_ifindex(nexthop, (int)route->ifindex);
	if (gateway)
		rtnl_route_nh_set_gateway(nexthop, gateway);
	rtnl_route_add_nexthop(request, nexthop); /* takes it */
	return 0;
}

/* A negative NLE_… number on failure. */
static int describe_route(struct rtnl_route *request, const struct route *route)
{
	int r = rtnl_route_set_family(request, (uint8_t)address_family(&route->destination));

	rtnl_route_set_table(request, route->table);
	rtnl_route_set_protocol(request, route->protocol);
	rtnl_route_set_scope(request, route->scope);
	if (route->metric)
		rtnl_route_set_priority(request, route->metric);
	if (route->mtu && rtnl_route_set_metric(request, RTAX_MTU, route->mtu) < 0)
		return -NLE_NOMEM;
	if (r >= 0)
		r = rtnl_route_set_type(request, route->type);
	if (r >= 0)
		r = set_destination(request, route);
	if (r >= 0)
		r = set_source(request, &route->source);
	return r < 0 ? r : set_nexthop(request, route);
}

static int build_route(const struct route *route,
		       int (*build)(struct rtnl_route *request, int flags, struct nl_msg **ret), int flags,
		       struct nl_msg **ret)
{
	_cleanup_(rtnl_route_putp) struct rtnl_route *request = rtnl_route_alloc();
	int r;

	if (!request)
		return -ENOMEM;
	r = describe_route(request, route);
	if (r >= 0)
		r = build(request, flags, ret);
	/* libnl knows no lifetime of a route */
	if (r >= 0 && route->expires_s)
		r = nla_put_u32(*ret, RTA_EXPIRES, route->expires_s);
	return r < 0 ? netlink_build_error(r) : 0;
}

int route_add(struct nl_sock *sk, const struct route *route, int flags)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r = build_route(route, rtnl_route_build_add_request, flags, &msg);

	return r < 0 ? r : netlink_change(sk, msg, NULL);
}

int route_delete(struct nl_sock *sk, const struct route *route)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r = build_route(route, rtnl_route_build_del_request, 0, &msg);

	return r < 0 ? r : netlink_change(sk, msg, NULL);
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static int build_rule(const struct route_rule *rule,
		      int (*build)(struct rtnl_rule *request, int flags, struct nl_msg **ret), int flags,
		      struct nl_msg **ret)
{
	_cleanup_(rtnl_rule_putp) struct rtnl_rule *request = rtnl_rule_alloc();
	_cleanup_(nl_addr_putp) struct nl_addr *source =
		route_address(&rule->source, rule->source.family == 4 ? 32 : 128);
	int r;

	if (!request || !source)
		return -ENOMEM;
	rtnl_rule_set_family(request, address_family(&rule->source));
	rtnl_rule_set_action(request, FR_ACT_TO_TBL);
	rtnl_rule_set_table(request, rule->table);
	rtnl_rule_set_prio(request, rule->priority);
	r = rtnl_rule_set_protocol(request, rule->protocol);
	if (r >= 0)
		r = rtnl_rule_set_src(request, source);
	if (r >= 0)
		r = build(request, flags, ret);
	return r < 0 ? netlink_build_error(r) : 0;
}

int route_rule_add(struct nl_sock *sk, const struct route_rule *rule)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r = build_rule(rule, rtnl_rule_build_add_request, NLM_F_EXCL, &msg);

	return r < 0 ? r : netlink_change(sk, msg, NULL);
}

int route_rule_delete(struct nl_sock *sk, const struct route_rule *rule)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r = build_rule(rule, rtnl_rule_build_delete_request, 0, &msg);

	return r < 0 ? r : netlink_change(sk, msg, NULL);
}
