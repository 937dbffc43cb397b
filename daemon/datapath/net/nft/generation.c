/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/nft/generation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <vpc/cleanup.h>

#include "datapath/net/netlink/request.h"

int nft_open_events(void)
{
	_cleanup_close_ int fd = netlink_open_fd(NETLINK_NETFILTER);
	const int group = NFNLGRP_NFTABLES;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

bool nft_parse_generation(const struct nlmsghdr *h, uint32_t *ret)
{
	const struct nlattr *tb[NFTA_GEN_MAX + 1];

	if (h->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN))
		return false;
	netlink_attrs(h, sizeof(struct nfgenmsg), tb, ARRAY_SIZE(tb));
	if (!tb[NFTA_GEN_ID])
		return false;
	*ret = ntohl(netlink_number(tb[NFTA_GEN_ID]));
	return true;
}

struct generation {
	uint32_t value;
	bool found;
};

static int on_generation(const struct nlmsghdr *h, void *userdata)
{
	struct generation *g = userdata;

	g->found |= nft_parse_generation(h, &g->value);
	return 0;
}

int nft_read_generation(uint32_t *ret)
{
	const struct nfgenmsg header = {};
	_cleanup_(nl_socket_freep) struct nl_sock *sk = NULL;
	_cleanup_(nlmsg_freep) struct nl_msg *msg =
		netlink_message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN, 0, &header, sizeof(header));
	struct generation g = {};
	int r = netlink_open(NETLINK_NETFILTER, &sk);

	if (r < 0 || !msg)
		return r < 0 ? r : -ENOMEM;
	r = netlink_ask(sk, msg, on_generation, &g);
	if (r < 0)
		return r;
	if (!g.found)
		return -EIO;
	*ret = g.value;
	return 0;
}
