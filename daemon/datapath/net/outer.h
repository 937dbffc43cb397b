/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Outer interfaces: those of the host by which the world is reached. They are somebody else's, so nothing but one
 * program at tc ingress is put on them, behind the programs of others, and only while there are uplinks. Event loop
 * only, unless it says otherwise.
 */
#ifndef DATAPATH_NET_OUTER_H
#define DATAPATH_NET_OUTER_H

#include "datapath/net/registry.h"

/* The outer interfaces as they are now. */
struct outer_list {
	struct net_outer outers[NET_OUTERS_MAX];
	size_t n;
	struct ip addresses[NET_ADDRESSES_MAX]; /* of the host on them; IPv4 */
	size_t n_addresses;
	struct ip own[NET_OWN_MAX];    /* of the host on any interface, but those of a link or of lo alone; as dumped */
	uint8_t own_plen[NET_OWN_MAX]; /* bits of the family: the network that it is in */
	size_t n_own;
	char left_out[IFNAMSIZ]; /* one that can't be used: it isn't Ethernet, or there are too many; or "" */
};
/* Reads them. rtnl: in vpcd's own namespace; only: names separated by commas, or NULL: those that default routes name;
 * pool_uplinks: as in struct net_config. Names that there aren't are left out. Any thread. 0 or -errno. */
int outer_find(struct nl_sock *rtnl, const char *only, const char *pool_uplinks, struct outer_list *ret);

/* Reads them again, puts programs on and takes them off, and tells net->on_edge what changed. wanted: there are
 * uplinks. 0, or -errno of the last failure: those that could be done are. */
int outer_update(struct net *n, bool wanted);
/* Whether a message of rtnetlink is reason for outer_update. */
bool outer_concerns(const struct net *n, const struct nlmsghdr *h);

/* NULL: it is no outer interface. */
struct outer *outer_by_ifindex(const struct net *n, uint32_t ifindex);
/* Whether its tcx link is still to be made. */
bool outer_lacks_link(const struct net *n, const struct outer *o);
/* After an attempt to make its tcx link. Of an interface that is no longer an outer one, the link is removed again. */
void outer_attached(struct net *n, uint32_t ifindex, int result);
/* Where its tcx link is pinned: below link_dir. */
const char *outer_link_dir(const char *link_dir, char buf[DEVICE_HOST_DIR_MAX]);

/* Compares: fn gets a problem ("missing", "differs") and a text. Any thread. fn's result unless 0, or -errno. */
int outer_check(struct nl_sock *rtnl, const struct net_config *config, const struct tc_programs *programs,
		const char *link_dir,
		int (*fn)(const char *name, const char *problem, const char *detail, void *userdata), void *userdata);
/* Takes our filters off all links of the namespace but outer interfaces (n NULL: off all, with qdiscs that are left
 * empty). 0 or -errno. */
int outer_remove_strays(struct nl_sock *rtnl, const char *instance, const struct net *n);

#endif
