/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netlink/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

static int put_addresses(struct nl_msg *msg, const struct vpc_nat_key *key)
{
	struct nlattr *nest = nla_nest_start(msg, CTA_TUPLE_IP);

	if (!nest || nla_put_u32(msg, CTA_IP_V4_SRC, key->local) < 0 ||
	    nla_put_u32(msg, CTA_IP_V4_DST, key->remote) < 0)
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int put_protocol(struct nl_msg *msg, const struct vpc_nat_key *key)
{
	struct nlattr *nest = nla_nest_start(msg, CTA_TUPLE_PROTO);
	int r = nest ? nla_put_u8(msg, CTA_PROTO_NUM, key->proto) : -1;

	if (key->proto == IPPROTO_ICMP) {
		r |= nla_put_u8(msg, CTA_PROTO_ICMP_TYPE, ICMP_ECHO);
		r |= nla_put_u8(msg, CTA_PROTO_ICMP_CODE, 0);
		r |= nla_put_u16(msg, CTA_PROTO_ICMP_ID, key->lport);
	} else {
		r |= nla_put_u16(msg, CTA_PROTO_SRC_PORT, key->lport);
		r |= nla_put_u16(msg, CTA_PROTO_DST_PORT, key->rport);
	}
	if (r < 0)
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

int conntrack_delete(struct nl_sock *sk, const struct vpc_nat_key *key)
{
	const struct nfgenmsg header = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
								    NLM_F_REQUEST | NLM_F_ACK, &header, sizeof(header));
	struct nlattr *tuple;

	if (!msg)
		return -ENOMEM;
	/* The kernel looks for the tuple in both directions. Without one it would delete every entry. */
	tuple = nla_nest_start(msg, CTA_TUPLE_ORIG);
	if (!tuple || put_addresses(msg, key) < 0 || put_protocol(msg, key) < 0)
		return -EMSGSIZE;
	nla_nest_end(msg, tuple);
	return netlink_change(sk, msg, NULL);
}
