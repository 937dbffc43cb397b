/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registry: what is meant to be in each VPC's namespace. It is changed before the kernel is, so that an event of
 * our own change agrees with it. Event loop only. It calls nothing of net but netlink.
 */
#ifndef DATAPATH_NET_REGISTRY_H
#define DATAPATH_NET_REGISTRY_H

#include <uthash.h>

#include "datapath/net/device/device.h"
#include "datapath/net/net.h"
#include "datapath/net/netlink/tc.h"
#include "datapath/net/netns/netns.h"

/* The programs that a configuration names. -errno of BPF_OBJ_GET_INFO_BY_FD. */
int net_programs(const struct net_config *config, struct tc_program_sets *ret);

/* An outer interface. */
struct outer {
	struct net_outer info;
	bool behind; /* others have filters there, so that ours is the last of them */
	bool qdisc;  /* was made for our filter */
	bool tcx, attaching, attach_failed;
	bool news; /* it, its MAC or its carrier is new: elastic IPs are to be announced on it */
};

/* vpcd's own namespace, where the host ends of uplinks are. */
struct net_host {
	int ns_fd;
	struct nl_sock *rtnl;
	struct nl_sock *netfilter; /* NULL: not needed so far */
	int event_fd;		   /* events of rtnetlink; -1 while there are no host ends */
	sd_event_source *source;
	struct device *ends;  /* uplinks, by host_ifindex; those of the registry */
	struct outer *outers; /* owned; room for NET_OUTERS_MAX */
	size_t n_outers;
	struct host_object *eips; /* by number; owned, as the next */
	struct host_object *publications;
	struct host_space *spaces;
	struct host_table *table;    /* owned */
	struct announcer *announcer; /* owned */
	struct outer_list *told;     /* what on_edge was told last; owned */
};
#define NET_HOST_INIT ((struct net_host){.ns_fd = -1, .event_fd = -1})

struct net_vpc {
	struct net *net;
	uint32_t number;
	char id[OBJECT_ID_MAX];
	char name[80]; /* under /run/netns */
	struct netns ns;
	int event_fd; /* events of rtnetlink */
	sd_event_source *source;
	int nft_fd; /* events of nftables */
	sd_event_source *nft_source;
	uint32_t nft_generation; /* of the ruleset that was last compared and found right, or made */
	struct device *devices;
	UT_hash_handle hh;
};

struct net {
	char *instance;
	char *pin_dir;	      /* NULL: nothing is pinned */
	char *link_dir;	      /* where tcx links are pinned; NULL: clsact only */
	char *stale_link_dir; /* with clsact only: where an earlier run pinned them; or NULL */
	struct tc_program_sets programs;
	struct net_host host;
	sd_event *event;
	net_event_fn on_event; /* or NULL, as the two below */
	net_port_fn on_port;
	net_up_fn on_up;
	net_uplink_fn on_uplink;
	net_edge_fn on_edge;
	net_overlap_fn on_overlap;
	char *outer_only, *pool_uplinks; /* as in struct net_config */
	bool forward;			 /* likewise */
	void *userdata;
	struct net_vpc *vpcs;
	struct net_removal *removals; /* begun and not yet freed */
	size_t links_checked;	      /* ports that net_check_links has looked at in this round */
};

/* Whether it is the uplink of a pool (eip_record.pool). */
static inline bool outer_has_pool(const struct net_outer *o, uint32_t pool)
{
	return pool && o->pools >> (pool - 1) & 1;
}

/* Both find by number, in what is registered; borrowed. NULL: there is none. */
struct net_vpc *net_find_vpc(const struct net *n, uint32_t number);
struct device *net_find_device(const struct net_vpc *v, uint32_t ifindex);
/* Finds or adds. What the plan says of an existing one is replaced, and its state stays. -ENOMEM: it is not there. */
int net_register(struct net_vpc *v, const struct device_spec *s, struct device **ret);
/* Fine if it isn't there. */
void net_unregister(struct net_vpc *v, uint32_t ifindex);
/* What any registered device wants under this key, or NULL. */
const struct net_object *net_find_wanted(const struct net_vpc *v, const struct net_object_key *key);
/* Deletes a netlink object that its device no longer wants. Where another device wants one of the same key, as when an
 * address goes to another ENI in the same change, that one is put instead. */
int net_take_object(const struct net_vpc *v, const struct net_object *o);
/* Forgets a device. Returns its netlink objects, for net_object_set_clear. */
struct net_object_set net_forget_device(struct net_vpc *v, uint32_t ifindex);
/* Forgets a device, and deletes its netlink objects that are on other links: a port's neighbours, which are on the
 * bridge. -errno of the last failure. */
int net_drop_device(struct net_vpc *v, uint32_t ifindex);
/* Notes the ifindex of a device's host end; 0: it has none. */
void net_note_host_end(struct net_vpc *v, struct device *d, uint32_t host_ifindex);
/* The uplink whose host end has this ifindex, or NULL. */
struct device *net_find_host_end(const struct net *n, uint32_t host_ifindex);
/* Where the devices of a VPC are made. Borrowed from the registry. */
struct device_place net_place(const struct net_vpc *v);

#endif
