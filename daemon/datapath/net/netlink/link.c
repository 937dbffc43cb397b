/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netlink/link.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

/* IF_OPER_UP of linux/if.h, which can't be included beside net/if.h. */
#define OPERATIONALLY_UP 6

/* From 6.18's headers; Debian 12's may lack the newer ones, the numbers are fixed. */
const struct link_option link_bridge_options[] = {
	{IFLA_BR_STP_STATE, 4, 0, "stp", false},
	{IFLA_BR_MCAST_SNOOPING, 1, 0, "multicast snooping", false},
	{IFLA_BR_VLAN_FILTERING, 1, 0, "VLAN filtering", true},
	{IFLA_BR_NF_CALL_IPTABLES, 1, 0, "nf_call_iptables", false},
	{IFLA_BR_NF_CALL_IP6TABLES, 1, 0, "nf_call_ip6tables", false},
	{IFLA_BR_NF_CALL_ARPTABLES, 1, 0, "nf_call_arptables", false},
	{},
};

const struct link_option link_port_options[] = {
	{IFLA_BRPORT_LEARNING, 1, 0, "learning", false},
	{IFLA_BRPORT_UNICAST_FLOOD, 1, 0, "flood", false},
	{IFLA_BRPORT_MCAST_FLOOD, 1, 0, "multicast flood", false},
	{IFLA_BRPORT_BCAST_FLOOD, 1, 0, "broadcast flood", false},
	{IFLA_BRPORT_NEIGH_SUPPRESS, 1, 0, "neighbour suppression", false},
	{IFLA_BRPORT_ISOLATED, 1, 0, "isolated", false},
	{IFLA_BRPORT_MODE, 1, 0, "hairpin", false},
	{IFLA_BRPORT_PROXYARP, 1, 0, "proxy ARP", false},
	{},
};

/* rtnetlink gives IPv4's values without the first, unused one. */
const struct link_sysctl link_bridge_sysctls[] = {
	{4, IPV4_DEVCONF_FORWARDING - 1, 1, "forwarding"},
	{4, IPV4_DEVCONF_RP_FILTER - 1, 1, "rp_filter"},
	{4, IPV4_DEVCONF_PROXY_ARP - 1, 0, "proxy_arp"},
	{4, IPV4_DEVCONF_SEND_REDIRECTS - 1, 0, "send_redirects"},
	{4, IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE - 1, 0, "accept_source_route"},
	{6, DEVCONF_FORWARDING, 1, "forwarding"},
	{6, DEVCONF_DISABLE_IPV6, 0, "disable_ipv6"},
	{},
};

static void copy_string(char *to, size_t size, const struct nlattr *a)
{
	size_t n = a ? (size_t)nla_len(a) : 0;

	if (n >= size)
		n = size - 1;
	if (n > 0)
		memcpy(to, nla_data(a), n);
	to[n] = 0;
}

static void read_options(const struct nlattr *nest, const struct link_option *options, uint32_t *ret)
{
	const struct nlattr *tb[64];

	netlink_nested_attrs(nest, tb, ARRAY_SIZE(tb));
	for (size_t i = 0; options[i].name; i++)
		ret[i] = netlink_number(tb[options[i].attr]);
}

static void read_tun(const struct nlattr *data, struct link_info *ret)
{
	const struct nlattr *tb[IFLA_TUN_MULTI_QUEUE + 1];

	netlink_nested_attrs(data, tb, ARRAY_SIZE(tb));
	ret->tap = netlink_number(tb[IFLA_TUN_TYPE]) == IFF_TAP;
	ret->multi_queue = netlink_number(tb[IFLA_TUN_MULTI_QUEUE]) != 0;
}

static void read_kinds(const struct nlattr *linkinfo, struct link_info *ret)
{
	const struct nlattr *tb[IFLA_INFO_MAX + 1];

	netlink_nested_attrs(linkinfo, tb, ARRAY_SIZE(tb));
	copy_string(ret->kind, sizeof(ret->kind), tb[IFLA_INFO_KIND]);
	copy_string(ret->master_kind, sizeof(ret->master_kind), tb[IFLA_INFO_SLAVE_KIND]);
	if (strcmp(ret->kind, "bridge") == 0)
		read_options(tb[IFLA_INFO_DATA], link_bridge_options, ret->bridge_options);
	if (strcmp(ret->kind, "tun") == 0)
		read_tun(tb[IFLA_INFO_DATA], ret);
	if (strcmp(ret->master_kind, "bridge") == 0)
		read_options(tb[IFLA_INFO_SLAVE_DATA], link_port_options, ret->port_options);
}

/* Values that are missing read as they should be. */
static void read_sysctls(const struct nlattr *conf, uint8_t family, uint32_t *ret)
{
	size_t n = conf ? (size_t)nla_len(conf) / sizeof(uint32_t) : 0;

	for (size_t i = 0; link_bridge_sysctls[i].name; i++) {
		const struct link_sysctl *s = &link_bridge_sysctls[i];

		if (s->family != family)
			continue;
		ret[i] = s->want;
		if (s->index < n)
			memcpy(&ret[i], (const uint32_t *)nla_data(conf) + s->index, sizeof(ret[i]));
	}
}

static void read_families(const struct nlattr *af_spec, struct link_info *ret)
{
	const struct nlattr *families[AF_INET6 + 1], *inet[IFLA_INET_MAX + 1], *inet6[IFLA_INET6_MAX + 1];

	netlink_nested_attrs(af_spec, families, ARRAY_SIZE(families));
	netlink_nested_attrs(families[AF_INET], inet, ARRAY_SIZE(inet));
	netlink_nested_attrs(families[AF_INET6], inet6, ARRAY_SIZE(inet6));
	ret->addr_gen_mode = (uint8_t)netlink_number(inet6[IFLA_INET6_ADDR_GEN_MODE]);
	ret->has_ip6 = families[AF_INET6] != NULL;
	read_sysctls(inet[IFLA_INET_CONF], 4, ret->sysctls);
	read_sysctls(inet6[IFLA_INET6_CONF], 6, ret->sysctls);
}

/* Parses an RTM_NEWLINK or RTM_DELLINK. */
static void link_parse(const struct nlmsghdr *h, struct link_info *ret)
{
	const struct ifinfomsg *i = nlmsg_data(h);
	const struct nlattr *tb[IFLA_CARRIER_CHANGES + 32];

	netlink_attrs(h, sizeof(*i), tb, ARRAY_SIZE(tb));
	*ret = (struct link_info){
		.ifindex = (uint32_t)i->ifi_index,
		.flags = i->ifi_flags,
		.type = i->ifi_type,
		.master = netlink_number(tb[IFLA_MASTER]),
		.other_end = netlink_number(tb[IFLA_LINK]),
		.mtu = netlink_number(tb[IFLA_MTU]),
		.max_mtu = netlink_number(tb[IFLA_MAX_MTU]),
		.carrier = netlink_number(tb[IFLA_CARRIER]) != 0,
		.running = netlink_number(tb[IFLA_OPERSTATE]) == OPERATIONALLY_UP,
		.peer_elsewhere = tb[IFLA_LINK_NETNSID] != NULL,
		.carrier_changes = netlink_number(tb[IFLA_CARRIER_CHANGES]),
	};
	copy_string(ret->name, sizeof(ret->name), tb[IFLA_IFNAME]);
	copy_string(ret->alias, sizeof(ret->alias), tb[IFLA_IFALIAS]);
	if (tb[IFLA_ADDRESS] && (size_t)nla_len(tb[IFLA_ADDRESS]) == sizeof(ret->mac))
		memcpy(ret->mac, nla_data(tb[IFLA_ADDRESS]), sizeof(ret->mac));
	read_kinds(tb[IFLA_LINKINFO], ret);
	read_families(tb[IFLA_AF_SPEC], ret);
}

static bool options_right(const struct link_option *options, const uint32_t *values)
{
	for (size_t i = 0; options[i].name; i++) {
		if (values[i] != options[i].want)
			return false;
	}
	return true;
}

bool link_options_right(const struct link_info *info)
{
	/* those that the link doesn't have read as 0, which is what each should be */
	return options_right(link_bridge_options, info->bridge_options) &&
	       options_right(link_port_options, info->port_options);
}

static int on_one_link(const struct nlmsghdr *h, void *userdata)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		link_parse(h, userdata);
	return 0;
}

int link_get(struct nl_sock *sk, uint32_t ifindex, const char *name, struct link_info *ret)
{
	const struct ifinfomsg i = {.ifi_index = (int)ifindex};
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message(RTM_GETLINK, 0, &i, sizeof(i));
	struct link_info info = {};
	int r;

	if (!msg || (!ifindex && nla_put_string(msg, IFLA_IFNAME, name) < 0))
		return -ENOMEM;
	r = netlink_ask(sk, msg, on_one_link, &info);
	if (r < 0)
		return r;
	if (!info.ifindex)
		return -ENODEV;
	*ret = info;
	return 0;
}

struct each {
	int (*fn)(const struct link_info *info, void *userdata);
	void *userdata;
};

static int on_link(const struct nlmsghdr *h, void *userdata)
{
	const struct each *each = userdata;
	struct link_info info;

	if (h->nlmsg_type != RTM_NEWLINK)
		return 0;
	link_parse(h, &info);
	return each->fn(&info, each->userdata);
}

int link_each(struct nl_sock *sk, int (*fn)(const struct link_info *info, void *userdata), void *userdata)
{
	struct each each = {fn, userdata};

	return netlink_dump(sk, RTM_GETLINK, AF_UNSPEC, on_link, &each);
}
