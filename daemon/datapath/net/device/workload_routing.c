/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Source routing in a workload's namespace: packets from an address of an ENI leave by that ENI, whichever interface
 * has the namespace's default route.
 *
 * Each ENI has a routing table of its own (its subnet, and a default route by its gateway), and a rule for each of its
 * addresses that leads to it. The rules are there only where a namespace has addresses of another interface too: with
 * any rule the kernel looks up every packet's route in several tables, which one interface doesn't need.
 * What is there says all that is needed to put it right, so this keeps no state: our routes and rules carry a
 * protocol number of their own, and the number of a table is made of its interface's.
 */
#include "datapath/net/device/workload_routing.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/cleanup.h>

#include "compiler/plan.h"
#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/netlink/route.h"

/* By them `ip route` and `ip rule` tell ours from others'. */
#define ROUTING_PROTOCOL      86
#define ROUTING_TABLE_FIRST   86000u
/* After the local table (0), before the main one (32766). */
#define ROUTING_RULE_PRIORITY 10000u
/* Metric of a default route where the namespace has another one: behind it. */
#define FALLBACK_METRIC	      4096u
/* IPv6: a metric below that of routes without one (1024), and how often to look for a free one. */
#define PREFERRED_METRIC6     512u
#define PREFERRED_TRIES	      64u
#define ADDRESSES_MAX	      4096u

struct routing_address {
	struct ip ip;
	uint32_t ifindex;
};

/* An interface that has a table of ours. */
struct routing_own {
	uint32_t ifindex;
	unsigned routes; /* in it */
};

struct routing_rule {
	struct ip source;
	uint32_t table;
	bool wanted;
};

/* What there is in a namespace. */
struct routing {
	struct routing_address *addresses; /* global ones, of all interfaces */
	size_t n_addresses;
	struct routing_own *own;
	size_t n_own;
	struct routing_rule *rules; /* ours */
	size_t n_rules;
};

static void routing_clear(struct routing *r)
{
	free(r->addresses);
	free(r->own);
	free(r->rules);
	*r = (struct routing){};
}

static uint32_t table_of(uint32_t ifindex)
{
	return ROUTING_TABLE_FIRST + ifindex;
}

static size_t ip_size(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

/* False: not an address of the family. */
static bool take_ip(const struct nlattr *a, uint8_t af, struct ip *ret)
{
	*ret = (struct ip){.family = af == AF_INET ? 4 : 6};
	if (!a || (af != AF_INET && af != AF_INET6) || (size_t)nla_len(a) < ip_size(ret->family))
		return false;
	if (ret->family == 4)
		memcpy(ret->bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(ret->bytes + (16 - ip_size(ret->family)), nla_data(a), ip_size(ret->family));
	return true;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int on_address(const struct nlmsghdr *h, void *userdata)
{
	const struct ifaddrmsg *a = nlmsg_data(h);
	const struct nlattr *tb[IFA_MAX + 1];
	struct routing *r = userdata;
	struct routing_address *added;
	struct ip ip;

	netlink_attrs(h, sizeof(*a), tb, ARRAY_SIZE(tb));
	if (a->ifa_scope != RT_SCOPE_UNIVERSE || r->n_addresses >= ADDRESSES_MAX ||
	    !take_ip(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], a->ifa_family, &ip))
		return 0;
	added = ARRAY_ADD(r->addresses, r->n_addresses);
	if (!added)
		return -ENOMEM;
	*added = (struct routing_address){.ip = ip, .ifindex = a->ifa_index};
	return 0;
}

static struct routing_own *find_own(const struct routing *r, uint32_t ifindex)
{
	for (size_t i = 0; i < r->n_own; i++)
		if (r->own[i].ifindex == ifindex)
			return &r->own[i];
	return NULL;
}

static int on_route(const struct nlmsghdr *h, void *userdata)
{
	const struct rtmsg *route = nlmsg_data(h);
	const struct nlattr *tb[RTA_MAX + 1];
	struct routing *r = userdata;
	struct routing_own *added, *own;
	uint32_t ifindex;

	if (route->rtm_protocol != ROUTING_PROTOCOL)
		return 0;
	netlink_attrs(h, sizeof(*route), tb, ARRAY_SIZE(tb));
	ifindex = netlink_number(tb[RTA_OIF]);
	if (!ifindex || netlink_number(tb[RTA_TABLE]) != table_of(ifindex))
		return 0;
	own = find_own(r, ifindex);
	if (own) {
		own->routes++;
		return 0;
	}
	added = ARRAY_ADD(r->own, r->n_own);
	if (!added)
		return -ENOMEM;
	*added = (struct routing_own){.ifindex = ifindex, .routes = 1};
	return 0;
}

static int on_rule(const struct nlmsghdr *h, void *userdata)
{
	const struct fib_rule_hdr *rule = nlmsg_data(h);
	const struct nlattr *tb[FRA_MAX + 1];
	struct routing *r = userdata;
	struct routing_rule *added, new = {};

	netlink_attrs(h, sizeof(*rule), tb, ARRAY_SIZE(tb));
	if (netlink_number(tb[FRA_PROTOCOL]) != ROUTING_PROTOCOL || !take_ip(tb[FRA_SRC], rule->family, &new.source))
		return 0;
	new.table = tb[FRA_TABLE] ? netlink_number(tb[FRA_TABLE]) : rule->table;
	added = ARRAY_ADD(r->rules, r->n_rules);
	if (!added)
		return -ENOMEM;
	*added = new;
	return 0;
}

/* One dump of both families. A list that changed meanwhile is read again. */
static int dump(struct nl_sock *sk, uint16_t type, netlink_answer_fn fn, struct routing *r)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int e = netlink_dump(sk, type, families[i], fn, r);

		/* a kernel without IPv6 has no such lists */
		if (e < 0 && !(families[i] == AF_INET6 && (e == -EOPNOTSUPP || e == -EAFNOSUPPORT)))
			return e;
	}
	return 0;
}

/* Whether a packet could leave by the wrong interface. */
static bool has_several_interfaces(const struct routing *r)
{
	for (size_t i = 1; i < r->n_addresses; i++)
		if (r->addresses[i].ifindex != r->addresses[0].ifindex)
			return true;
	return false;
}

static int routing_read(struct nl_sock *sk, struct routing *r)
{
	int e = dump(sk, RTM_GETROUTE, on_route, r);

	return e < 0 ? e : dump(sk, RTM_GETRULE, on_rule, r);
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static int change_rule(struct nl_sock *sk, bool add, const struct ip *source, uint32_t table)
{
	const struct route_rule rule = {
		.source = *source, .table = table, .priority = ROUTING_RULE_PRIORITY, .protocol = ROUTING_PROTOCOL};
	int r = add ? route_rule_add(sk, &rule) : route_rule_delete(sk, &rule);

	return r == (add ? -EEXIST : -ENOENT) ? 0 : r;
}

static struct routing_rule *find_rule(const struct routing *r, const struct ip *source, uint32_t table)
{
	for (size_t i = 0; i < r->n_rules; i++)
		if (ip_equal(&r->rules[i].source, source) && r->rules[i].table == table)
			return &r->rules[i];
	return NULL;
}

/* Adds missing rules, and removes rules that lead to an interface or address that is gone. */
static int put_rules(struct nl_sock *sk, struct routing *r, bool only_look, bool *ret_differs)
{
	int result = 0, e;

	*ret_differs = false;
	for (size_t i = 0; i < r->n_addresses; i++) {
		const struct routing_address *a = &r->addresses[i];
		struct routing_rule *rule = find_rule(r, &a->ip, table_of(a->ifindex));

		if (!find_own(r, a->ifindex))
			continue;
		if (rule) {
			rule->wanted = true;
			continue;
		}
		*ret_differs = true;
		e = only_look ? 0 : change_rule(sk, true, &a->ip, table_of(a->ifindex));
		if (e < 0)
			result = e;
	}
	for (size_t i = 0; i < r->n_rules; i++) {
		if (r->rules[i].wanted)
			continue;
		*ret_differs = true;
		e = only_look ? 0 : change_rule(sk, false, &r->rules[i].source, r->rules[i].table);
		if (e < 0)
			result = e;
	}
	return result;
}

/* always: also where there is one interface alone, as when its ENI is to have no default route. */
int routing_put_rules(struct nl_sock *sk, bool always)
{
	_cleanup_(routing_clear) struct routing r = {};
	bool differs;
	int e = dump(sk, RTM_GETADDR, on_address, &r);

	if (e < 0)
		return e;
	if (!always && !has_several_interfaces(&r))
		return 0;
	e = routing_read(sk, &r);
	return e < 0 ? e : put_rules(sk, &r, false, &differs);
}

int routing_clean(struct nl_sock *sk)
{
	_cleanup_(routing_clear) struct routing r = {};
	bool differs;
	int e = dump(sk, RTM_GETRULE, on_rule, &r);

	if (e < 0 || !r.n_rules)
		return e;
	e = dump(sk, RTM_GETADDR, on_address, &r);
	if (e >= 0)
		e = dump(sk, RTM_GETROUTE, on_route, &r);
	return e < 0 ? e : put_rules(sk, &r, false, &differs);
}

int routing_check(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex)
{
	_cleanup_(routing_clear) struct routing r = {};
	bool no_default = p->attachment.has_default_route && !p->attachment.default_route, differs;
	const struct routing_own *own;
	int e = dump(sk, RTM_GETADDR, on_address, &r);

	if (e >= 0)
		e = routing_read(sk, &r);
	if (e < 0)
		return e;
	/* a network and a gateway for each family */
	own = find_own(&r, ifindex);
	if (!own || own->routes < (p->gateway4.family == 4 ? 2u : 0u) + (p->has_ip6 ? 2u : 0u))
		return 0;
	if (!no_default && !has_several_interfaces(&r))
		return 1;
	e = put_rules(sk, &r, true, &differs);
	return e < 0 ? e : !differs;
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

/* To a network, or by a gateway (family 0: none). */
static struct route route_by(uint32_t ifindex, const struct ip *network, uint8_t plen, const struct ip *gateway)
{
	struct route route = {
		.destination = *network,
		.plen = plen,
		.ifindex = ifindex,
		.table = RT_TABLE_MAIN,
		.protocol = RTPROT_STATIC,
		.scope = gateway || network->family == 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.type = RTN_UNICAST,
	};

	if (gateway)
		route.gateway = *gateway;
	return route;
}

static int put_table_route(struct nl_sock *sk, uint32_t ifindex, const struct ip *network, uint8_t plen,
			   const struct ip *gateway)
{
	struct route route = route_by(ifindex, network, plen, gateway);

	route.table = table_of(ifindex);
	route.protocol = ROUTING_PROTOCOL;
	return route_add(sk, &route, NLM_F_REPLACE);
}

int routing_put_table(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex)
{
	const struct ip gateway6 = {.family = 6, .bytes = {0xfe, 0x80, [15] = 1}};
	bool done4 = false, done6 = false;

	/* the primary addresses come first */
	for (size_t i = 0; i < p->n_ips; i++) {
		bool v4 = p->ips[i].family == 4, *done = v4 ? &done4 : &done6;
		uint8_t plen = v4 ? p->plen4 : 64;
		struct ip network = net_object_network(&p->ips[i], plen);
		int r;

		if (*done)
			continue;
		*done = true;
		r = put_table_route(sk, ifindex, &network, plen, NULL);
		if (r >= 0 && (v4 ? p->gateway4.family == 4 : p->has_ip6))
			r = put_table_route(sk, ifindex, &network, 0, v4 ? &p->gateway4 : &gateway6);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The namespace's own: one that is there already stays in front, unless ours is to be preferred. */
static int put_default_route(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex,
			     const struct ip *gateway)
{
	bool preferred = p->attachment.has_default_route && p->attachment.default_route, v4 = gateway->family == 4;
	const struct ip any = {.family = gateway->family};
	struct route route = route_by(ifindex, &any, 0, gateway);
	unsigned tries = preferred && !v4 ? PREFERRED_TRIES : 1;
	int r = -EEXIST;

	/* IPv4 routes of one metric stand behind each other, and the last that was added is used */
	for (unsigned i = 0; r == -EEXIST && i < tries; i++) {
		route.metric = preferred && !v4 ? PREFERRED_METRIC6 - i : 0;
		r = route_add(sk, &route, preferred && v4 ? 0 : NLM_F_EXCL);
	}
	if (r == -EEXIST) {
		route.metric = FALLBACK_METRIC + (ifindex & 0xffff);
		r = route_add(sk, &route, NLM_F_EXCL);
	}
	return r == -EEXIST ? 0 : r;
}

int routing_put_default(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex)
{
	const struct ip gateway6 = {.family = 6, .bytes = {0xfe, 0x80, [15] = 1}};
	int r = 0;

	if (p->attachment.has_default_route && !p->attachment.default_route)
		return 0;
	if (p->gateway4.family == 4)
		r = put_default_route(sk, p, ifindex, &p->gateway4);
	if (r >= 0 && p->has_ip6)
		r = put_default_route(sk, p, ifindex, &gateway6);
	return r;
}
