/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conntrack of vpcd's own namespace: entries of flows that were cut are taken out of it, and nothing else is. */
#include <errno.h>
#include <sys/socket.h>

#include "datapath/net/net.h"
#include "datapath/net/netlink/conntrack.h"
#include "datapath/net/registry.h"

int net_conntrack_delete(struct net *n, const struct vpc_nat_key *tuples, size_t n_tuples)
{
	int r = n->host.netfilter ? 0 : netlink_open(NETLINK_NETFILTER, &n->host.netfilter);
	int result = r;

	for (size_t i = 0; r == 0 && i < n_tuples; i++) {
		int failed = conntrack_delete(n->host.netfilter, &tuples[i]);

		if (failed < 0 && failed != -ENOENT)
			result = failed;
	}
	return result;
}
