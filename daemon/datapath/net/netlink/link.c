/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netlink/link.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/veth.h>
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
	size_t n = a ? mnl_attr_get_payload_len(a) : 0;

	if (n >= size)
		n = size - 1;
	if (n > 0)
		memcpy(to, mnl_attr_get_payload(a), n);
	to[n] = 0;
}

static void read_options(const struct nlattr *nest, const struct link_option *options, uint32_t *ret)
{
	const struct nlattr *tb[64];

	rtnl_nested_attrs(nest, tb, ARRAY_SIZE(tb));
	for (size_t i = 0; options[i].name; i++)
		ret[i] = rtnl_number(tb[options[i].attr]);
}

static void read_tun(const struct nlattr *data, struct link_info *ret)
{
	const struct nlattr *tb[IFLA_TUN_MULTI_QUEUE + 1];

	rtnl_nested_attrs(data, tb, ARRAY_SIZE(tb));
	ret->tap = rtnl_number(tb[IFLA_TUN_TYPE]) == IFF_TAP;
	ret->multi_queue = rtnl_number(tb[IFLA_TUN_MULTI_QUEUE]) != 0;
}

static void read_kinds(const struct nlattr *linkinfo, struct link_info *ret)
{
	const struct nlattr *tb[IFLA_INFO_MAX + 1];

	rtnl_nested_attrs(linkinfo, tb, ARRAY_SIZE(tb));
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
	size_t n = conf ? mnl_attr_get_payload_len(conf) / sizeof(uint32_t) : 0;

	for (size_t i = 0; link_bridge_sysctls[i].name; i++) {
		const struct link_sysctl *s = &link_bridge_sysctls[i];

		if (s->family != family)
			continue;
		ret[i] = s->want;
		if (s->index < n)
			memcpy(&ret[i], (const uint32_t *)mnl_attr_get_payload(conf) + s->index, sizeof(ret[i]));
	}
}

static void read_families(const struct nlattr *af_spec, struct link_info *ret)
{
	const struct nlattr *families[AF_INET6 + 1], *inet[IFLA_INET_MAX + 1], *inet6[IFLA_INET6_MAX + 1];

	rtnl_nested_attrs(af_spec, families, ARRAY_SIZE(families));
	rtnl_nested_attrs(families[AF_INET], inet, ARRAY_SIZE(inet));
	rtnl_nested_attrs(families[AF_INET6], inet6, ARRAY_SIZE(inet6));
	ret->addr_gen_mode = (uint8_t)rtnl_number(inet6[IFLA_INET6_ADDR_GEN_MODE]);
	ret->has_ip6 = families[AF_INET6] != NULL;
	read_sysctls(inet[IFLA_INET_CONF], 4, ret->sysctls);
	read_sysctls(inet6[IFLA_INET6_CONF], 6, ret->sysctls);
}

void link_parse(const struct nlmsghdr *h, struct link_info *ret)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[IFLA_CARRIER_CHANGES + 32];

	rtnl_attrs(h, sizeof(*i), tb, ARRAY_SIZE(tb));
	*ret = (struct link_info){
		.ifindex = (uint32_t)i->ifi_index,
		.flags = i->ifi_flags,
		.master = rtnl_number(tb[IFLA_MASTER]),
		.other_end = rtnl_number(tb[IFLA_LINK]),
		.mtu = rtnl_number(tb[IFLA_MTU]),
		.max_mtu = rtnl_number(tb[IFLA_MAX_MTU]),
		.carrier = rtnl_number(tb[IFLA_CARRIER]) != 0,
		.running = rtnl_number(tb[IFLA_OPERSTATE]) == OPERATIONALLY_UP,
		.peer_elsewhere = tb[IFLA_LINK_NETNSID] != NULL,
		.carrier_changes = rtnl_number(tb[IFLA_CARRIER_CHANGES]),
	};
	copy_string(ret->name, sizeof(ret->name), tb[IFLA_IFNAME]);
	copy_string(ret->alias, sizeof(ret->alias), tb[IFLA_IFALIAS]);
	if (tb[IFLA_ADDRESS] && mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(ret->mac))
		memcpy(ret->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]), sizeof(ret->mac));
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

bool link_sysctls_right(const struct link_info *info)
{
	for (size_t i = 0; link_bridge_sysctls[i].name; i++) {
		if (info->sysctls[i] != link_bridge_sysctls[i].want)
			return false;
	}
	return true;
}

bool link_is_half_made(const struct link_info *info)
{
	bool bridge = info->ifindex >= VPC_BRIDGE_FIRST;
	char name[IFNAMSIZ];

	if (info->alias[0])
		return false;
	if (bridge ? strcmp(info->kind, "bridge") != 0 : strcmp(info->kind, "veth") != 0 && !info->tap)
		return false;
	snprintf(name, sizeof(name), bridge ? "br%u" : "p%u",
		 bridge ? info->ifindex - VPC_BRIDGE_FIRST : info->ifindex);
	return strcmp(info->name, name) == 0;
}

static int on_one_link(const struct nlmsghdr *h, void *userdata)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		link_parse(h, userdata);
	return 0;
}

int link_get(int fd, uint32_t ifindex, const char *name, struct link_info *ret)
{
	struct link_info info = {};
	struct rtnl_message m;
	struct ifinfomsg *i = rtnl_begin(&m, RTM_GETLINK, 0, sizeof(*i));
	int r;

	i->ifi_index = (int)ifindex;
	if (!ifindex)
		mnl_attr_put_strz(&m.h, IFLA_IFNAME, name);
	r = rtnl_ask(fd, &m, on_one_link, &info);
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

int link_each(int fd, int (*fn)(const struct link_info *info, void *userdata), void *userdata)
{
	struct each each = {fn, userdata};
	struct rtnl_message m;

	rtnl_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	return rtnl_ask(fd, &m, on_link, &each);
}

static void put_option(struct nlmsghdr *h, const struct link_option *option)
{
	if (option->size == 1)
		mnl_attr_put_u8(h, option->attr, (uint8_t)option->want);
	else
		mnl_attr_put_u32(h, option->attr, option->want);
}

/* Optional ones are 0 in a new device, and refused by kernels that lack them: they are set one by one. */
static void put_options(struct nlmsghdr *h, const struct link_option *options)
{
	for (size_t i = 0; options[i].name; i++) {
		if (!options[i].optional)
			put_option(h, &options[i]);
	}
}

int link_make_bridge(int fd, const struct subnet_record *s, char ret_text[RTNL_TEXT_MAX])
{
	struct rtnl_message m;
	struct ifinfomsg *i = rtnl_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*i));
	struct nlattr *linkinfo, *data;

	i->ifi_index = (int)s->ifindex;
	mnl_attr_put_strz(&m.h, IFLA_IFNAME, s->bridge);
	/* an address given at creation counts as set by hand: the bridge doesn't take its ports' */
	mnl_attr_put(&m.h, IFLA_ADDRESS, sizeof(s->mac), s->mac);
	linkinfo = mnl_attr_nest_start(&m.h, IFLA_LINKINFO);
	mnl_attr_put_strz(&m.h, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(&m.h, IFLA_INFO_DATA);
	put_options(&m.h, link_bridge_options);
	mnl_attr_nest_end(&m.h, data);
	mnl_attr_nest_end(&m.h, linkinfo);
	return rtnl_change(fd, &m, ret_text);
}

int link_make_veth(int fd, const struct port_record *p, int workload_ns, char ret_text[RTNL_TEXT_MAX])
{
	struct rtnl_message m;
	struct ifinfomsg *i = rtnl_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*i));
	struct nlattr *linkinfo, *data, *peer;

	i->ifi_index = (int)p->eni;
	mnl_attr_put_strz(&m.h, IFLA_IFNAME, p->host_ifname);
	mnl_attr_put_u32(&m.h, IFLA_MTU, p->mtu);
	linkinfo = mnl_attr_nest_start(&m.h, IFLA_LINKINFO);
	mnl_attr_put_strz(&m.h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(&m.h, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(&m.h, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(&m.h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(&m.h, IFLA_IFNAME, p->attachment.ifname);
	mnl_attr_put(&m.h, IFLA_ADDRESS, sizeof(p->mac), p->mac);
	mnl_attr_put_u32(&m.h, IFLA_MTU, p->mtu);
	mnl_attr_put_u32(&m.h, IFLA_NET_NS_FD, (uint32_t)workload_ns);
	mnl_attr_nest_end(&m.h, peer);
	mnl_attr_nest_end(&m.h, data);
	mnl_attr_nest_end(&m.h, linkinfo);
	return rtnl_change(fd, &m, ret_text);
}

int link_delete(int fd, uint32_t ifindex)
{
	struct rtnl_message m;
	struct ifinfomsg *i = rtnl_begin(&m, RTM_DELLINK, 0, sizeof(*i));

	i->ifi_index = (int)ifindex;
	return rtnl_change(fd, &m, NULL);
}

static void put_addr_gen_mode(struct nlmsghdr *h, uint8_t mode)
{
	struct nlattr *af_spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(h, AF_INET6);

	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, mode);
	mnl_attr_nest_end(h, inet6);
	mnl_attr_nest_end(h, af_spec);
}

int link_change(int fd, uint32_t ifindex, const struct link_change *change, char ret_text[RTNL_TEXT_MAX])
{
	struct rtnl_message m;
	struct ifinfomsg *i = rtnl_begin(&m, RTM_SETLINK, 0, sizeof(*i));

	i->ifi_index = (int)ifindex;
	if (change->up) {
		i->ifi_change = IFF_UP;
		i->ifi_flags = change->up == LINK_UP ? IFF_UP : 0;
	}
	if (change->name)
		mnl_attr_put_strz(&m.h, IFLA_IFNAME, change->name);
	if (change->alias)
		mnl_attr_put_strz(&m.h, IFLA_IFALIAS, change->alias);
	if (change->mac)
		mnl_attr_put(&m.h, IFLA_ADDRESS, 6, change->mac);
	if (change->mtu)
		mnl_attr_put_u32(&m.h, IFLA_MTU, change->mtu);
	if (change->master)
		mnl_attr_put_u32(&m.h, IFLA_MASTER, change->master);
	if (change->no_link_local)
		put_addr_gen_mode(&m.h, IN6_ADDR_GEN_MODE_NONE);
	return rtnl_change(fd, &m, ret_text);
}

int link_rename(int fd, uint32_t ifindex, const char *name, char ret_text[RTNL_TEXT_MAX])
{
	const struct link_change rename = {.name = name}, down = {.up = LINK_DOWN};
	struct link_info info;
	int r = link_get(fd, ifindex, NULL, &info);

	if (r < 0 || strcmp(info.name, name) == 0)
		return r;
	r = link_change(fd, ifindex, &rename, ret_text);
	if (r != -EBUSY)
		return r;
	r = link_change(fd, ifindex, &down, ret_text);
	return r < 0 ? r : link_change(fd, ifindex, &rename, ret_text);
}

static int set_bridge_options(int fd, uint32_t ifindex, const struct link_option *optional)
{
	struct rtnl_message m;
	struct ifinfomsg *i = rtnl_begin(&m, RTM_NEWLINK, 0, sizeof(*i));
	struct nlattr *linkinfo, *data;

	i->ifi_index = (int)ifindex;
	linkinfo = mnl_attr_nest_start(&m.h, IFLA_LINKINFO);
	mnl_attr_put_strz(&m.h, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(&m.h, IFLA_INFO_DATA);
	if (optional)
		put_option(&m.h, optional);
	else
		put_options(&m.h, link_bridge_options);
	mnl_attr_nest_end(&m.h, data);
	mnl_attr_nest_end(&m.h, linkinfo);
	return rtnl_change(fd, &m, NULL);
}

int link_set_bridge_options(int fd, uint32_t ifindex)
{
	int r = set_bridge_options(fd, ifindex, NULL);

	for (size_t i = 0; r >= 0 && link_bridge_options[i].name; i++) {
		if (!link_bridge_options[i].optional)
			continue;
		r = set_bridge_options(fd, ifindex, &link_bridge_options[i]);
		if (r == -EOPNOTSUPP)
			r = 0;
	}
	return r;
}

int link_set_port_options(int fd, uint32_t ifindex)
{
	struct rtnl_message m;
	struct ifinfomsg *i = rtnl_begin(&m, RTM_NEWLINK, 0, sizeof(*i));
	struct nlattr *linkinfo, *data;

	i->ifi_index = (int)ifindex;
	linkinfo = mnl_attr_nest_start(&m.h, IFLA_LINKINFO);
	mnl_attr_put_strz(&m.h, IFLA_INFO_SLAVE_KIND, "bridge");
	data = mnl_attr_nest_start(&m.h, IFLA_INFO_SLAVE_DATA);
	put_options(&m.h, link_port_options);
	mnl_attr_nest_end(&m.h, data);
	mnl_attr_nest_end(&m.h, linkinfo);
	return rtnl_change(fd, &m, NULL);
}
