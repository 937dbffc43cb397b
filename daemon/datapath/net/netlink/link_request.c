/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links: the requests that make, change and delete them. libnl-route builds all but the options of bridges and of their
 * ports, which it doesn't know. */
#include <errno.h>
#include <linux/if_link.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>
#include <string.h>

#include "datapath/net/netlink/link.h"

DEFINE_CLEANUP(struct rtnl_link *, rtnl_link_put);

static struct rtnl_link *link_by_ifindex(uint32_t ifindex)
{
	struct rtnl_link *link = rtnl_link_alloc();

	if (link)
		rtnl_link_set_ifindex(link, (int)ifindex);
	return link;
}

static int set_mac(struct rtnl_link *link, const uint8_t mac[6])
{
	_cleanup_(nl_addr_putp) struct nl_addr *address = nl_addr_build(AF_LLC, mac, 6);

	if (!address)
		return -ENOMEM;
	rtnl_link_set_addr(link, address);
	return 0;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

/* Where the options of a bridge stand in a message, and those of a bridge's port. */
struct option_place {
	const struct link_option *options;
	int kind, data; /* attributes in IFLA_LINKINFO */
};
static const struct option_place bridge_place = {link_bridge_options, IFLA_INFO_KIND, IFLA_INFO_DATA};
static const struct option_place port_place = {link_port_options, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA};

static int put_option(struct nl_msg *msg, const struct link_option *option)
{
	if (option->size == 1)
		return nla_put_u8(msg, option->attr, (uint8_t)option->want);
	return nla_put_u32(msg, option->attr, option->want);
}

/* The option `only`, or (NULL) all that aren't optional. Optional ones are 0 in a new device, and refused by kernels
 * that lack them: they are set one by one. */
static int put_options(struct nl_msg *msg, const struct option_place *place, const struct link_option *only)
{
	struct nlattr *linkinfo = nla_nest_start(msg, IFLA_LINKINFO), *data;

	if (!linkinfo || nla_put_string(msg, place->kind, "bridge") < 0)
		return -EMSGSIZE;
	data = nla_nest_start(msg, place->data);
	if (!data)
		return -EMSGSIZE;
	for (const struct link_option *option = place->options; option->name; option++)
		if ((only ? option == only : !option->optional) && put_option(msg, option) < 0)
			return -EMSGSIZE;
	nla_nest_end(msg, data);
	nla_nest_end(msg, linkinfo);
	return 0;
}

static int set_options(struct nl_sock *sk, uint32_t ifindex, const struct option_place *place,
		       const struct link_option *only)
{
	const struct ifinfomsg header = {.ifi_index = (int)ifindex};
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message(RTM_NEWLINK, 0, &header, sizeof(header));
	int r;

	if (!msg)
		return -ENOMEM;
	r = put_options(msg, place, only);
	return r < 0 ? r : netlink_change(sk, msg, NULL);
}

int link_set_bridge_options(struct nl_sock *sk, uint32_t ifindex)
{
	int r = set_options(sk, ifindex, &bridge_place, NULL);

	for (const struct link_option *option = link_bridge_options; r >= 0 && option->name; option++) {
		if (!option->optional)
			continue;
		r = set_options(sk, ifindex, &bridge_place, option);
		if (r == -EOPNOTSUPP)
			r = 0;
	}
	return r;
}

int link_set_port_options(struct nl_sock *sk, uint32_t ifindex)
{
	return set_options(sk, ifindex, &port_place, NULL);
}

/* --- making ------------------------------------------------------------------------------------------------------- */

int link_make_bridge(struct nl_sock *sk, const struct subnet_record *s, char ret_text[NETLINK_TEXT_MAX])
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = link_by_ifindex(s->ifindex);
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!link)
		return -ENOMEM;
	rtnl_link_set_name(link, s->bridge);
	/* an address given at creation counts as set by hand: the bridge doesn't take its ports' */
	r = set_mac(link, s->mac);
	if (r < 0)
		return r;
	r = rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg);
	if (r < 0)
		return netlink_build_error(r);
	r = put_options(msg, &bridge_place, NULL);
	return r < 0 ? r : netlink_change(sk, msg, ret_text);
}

static int describe_end(struct rtnl_link *link, const char *name, uint32_t mtu, const uint8_t *mac)
{
	rtnl_link_set_name(link, name);
	rtnl_link_set_mtu(link, mtu);
	return mac ? set_mac(link, mac) : 0;
}

int link_make_pair(struct nl_sock *sk, const struct link_pair *pair, char ret_text[NETLINK_TEXT_MAX])
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = rtnl_link_veth_alloc();
	_cleanup_(rtnl_link_putp) struct rtnl_link *peer = link ? rtnl_link_veth_get_peer(link) : NULL;
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!peer)
		return -ENOMEM;
	if (pair->ifindex)
		rtnl_link_set_ifindex(link, (int)pair->ifindex);
	r = describe_end(link, pair->name, pair->mtu, pair->mac);
	rtnl_link_set_ns_fd(peer, pair->peer_ns);
	if (pair->peer_ifindex)
		rtnl_link_set_ifindex(peer, (int)pair->peer_ifindex);
	if (r >= 0)
		r = describe_end(peer, pair->peer_name, pair->mtu, pair->peer_mac);
	if (r < 0)
		return r;
	r = rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg);
	return r < 0 ? netlink_build_error(r) : netlink_change(sk, msg, ret_text);
}

int link_make_veth(struct nl_sock *sk, const struct port_record *p, int workload_ns, char ret_text[NETLINK_TEXT_MAX])
{
	const struct link_pair pair = {
		.name = p->host_ifname,
		.peer_name = p->attachment.ifname,
		.ifindex = p->eni,
		.mtu = p->mtu,
		.peer_mac = p->mac,
		.peer_ns = workload_ns,
	};

	return link_make_pair(sk, &pair, ret_text);
}

/* --- changing and deleting ---------------------------------------------------------------------------------------- */

static int describe_change(struct rtnl_link *link, const struct link_change *change)
{
	if (change->up == LINK_UP)
		rtnl_link_set_flags(link, IFF_UP);
	else if (change->up == LINK_DOWN)
		rtnl_link_unset_flags(link, IFF_UP);
	if (change->no_arp)
		rtnl_link_set_flags(link, IFF_NOARP);
	if (change->name)
		rtnl_link_set_name(link, change->name);
	if (change->alias) {
		rtnl_link_set_ifalias(link, change->alias);
		/* the builder would read the copy that there is no memory for */
		if (!rtnl_link_get_ifalias(link))
			return -ENOMEM;
	}
	if (change->mtu)
		rtnl_link_set_mtu(link, change->mtu);
	if (change->master || change->no_master)
		rtnl_link_set_master(link, (int)change->master);
	if (change->no_link_local && rtnl_link_inet6_set_addr_gen_mode(link, IN6_ADDR_GEN_MODE_NONE) < 0)
		return -ENOMEM;
	return change->mac ? set_mac(link, change->mac) : 0;
}

static int change_once(struct nl_sock *sk, uint32_t ifindex, const struct link_change *change,
		       char ret_text[NETLINK_TEXT_MAX])
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = link_by_ifindex(ifindex), *changes = rtnl_link_alloc();
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!link || !changes)
		return -ENOMEM;
	r = describe_change(changes, change);
	if (r < 0)
		return r;
	r = rtnl_link_build_change_request(link, changes, 0, &msg);
	if (r < 0)
		return netlink_build_error(r);
	/* libnl asks for a new link, which changes one that exists; this says that no other is meant */
	nlmsg_hdr(msg)->nlmsg_type = RTM_SETLINK;
	return netlink_change(sk, msg, ret_text);
}

int link_change(struct nl_sock *sk, uint32_t ifindex, const struct link_change *change, char ret_text[NETLINK_TEXT_MAX])
{
	const struct link_change mode = {.no_link_local = true};

	/* The kernel raises a link before it reads the mode of the same request: the link would get an address. */
	if (change->no_link_local && change->up == LINK_UP) {
		int r = change_once(sk, ifindex, &mode, ret_text);

		if (r < 0)
			return r;
	}
	return change_once(sk, ifindex, change, ret_text);
}

int link_rename(struct nl_sock *sk, uint32_t ifindex, const char *name, char ret_text[NETLINK_TEXT_MAX])
{
	const struct link_change rename = {.name = name}, down = {.up = LINK_DOWN};
	struct link_info info;
	int r = link_get(sk, ifindex, NULL, &info);

	if (r < 0 || strcmp(info.name, name) == 0)
		return r;
	r = link_change(sk, ifindex, &rename, ret_text);
	if (r != -EBUSY)
		return r;
	r = link_change(sk, ifindex, &down, ret_text);
	return r < 0 ? r : link_change(sk, ifindex, &rename, ret_text);
}

int link_delete(struct nl_sock *sk, uint32_t ifindex)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = link_by_ifindex(ifindex);
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!link)
		return -ENOMEM;
	r = rtnl_link_build_delete_request(link, &msg);
	return r < 0 ? netlink_build_error(r) : netlink_change(sk, msg, NULL);
}
