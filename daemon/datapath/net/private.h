/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of net share: the registry of what is meant to be (event loop only), and the steps that make it so.
 *
 * The registry is changed before the kernel is: whatever event then comes is held against what is meant, so our own
 * operations never look like somebody else's.
 */
#ifndef DATAPATH_NET_PRIVATE_H
#define DATAPATH_NET_PRIVATE_H

#include <pthread.h>
#include <string.h>
#include <uthash.h>

#include "datapath/net/net.h"
#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/link.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/device/tap.h"
#include "datapath/net/netlink/tc.h"

/* A bridge or port that is meant to be there. */
struct net_device {
	uint32_t ifindex;
	uint32_t master; /* of a port: its bridge's ifindex; of a bridge: 0 */
	uint32_t mtu;
	char name[IFNAMSIZ];
	char id[OBJECT_ID_MAX]; /* subnet or ENI */
	bool tap;
	bool broken; /* a bridge that couldn't be made right: perhaps somebody else's device of its number */
	bool up;
	uint32_t carrier_changes; /* when it was last looked at with a carrier; 0: not yet */
	bool tcx;		  /* both links were seen or made */
	bool attaching;		  /* is in a struct net_attach */
	bool attach_failed;	  /* not tried again until net_ensure looks at it */
	struct net_object_set objects;
	UT_hash_handle hh;
};

struct net_vpc {
	struct net *net;
	uint32_t number;
	char id[OBJECT_ID_MAX];
	char name[80]; /* under /run/netns */
	struct netns ns;
	int event_fd;
	sd_event_source *source;
	int nft_fd; /* events of nftables */
	sd_event_source *nft_source;
	uint32_t nft_generation; /* of the ruleset that was last seen to be right, or made */
	struct net_device *devices;
	UT_hash_handle hh;
};

struct net {
	char *instance;
	char *link_dir; /* where tcx links are pinned; NULL: clsact only */
	char *pin_dir;
	struct tc_programs programs;
	sd_event *event;
	net_event_fn on_event;
	net_port_fn on_port; /* or NULL */
	net_up_fn on_up;     /* or NULL */
	void *userdata;
	struct net_vpc *vpcs;
	struct net_removal *removals; /* begun and not yet freed */
	size_t links_checked;	      /* ports that net_check_links has looked at in this round */
};

static inline bool port_is_tap(const struct port_record *p)
{
	return p->attachment.kind == ATTACHMENT_TAP;
}

/* As rtnetlink names it. */
static inline const char *port_kind(const struct port_record *p)
{
	return port_is_tap(p) ? "tun" : "veth";
}

static inline bool device_is_port(const struct net_device *d)
{
	return d->master != 0;
}

/* --- net.c: the registry --------------------------------------------------------------------------------------------
 */

struct net_vpc *net_find_vpc(const struct net *n, uint32_t number);
struct net_device *net_find_device(const struct net_vpc *v, uint32_t ifindex);
/* Finds or adds; what is known of an existing one is replaced, but for up, tcx and attaching. -ENOMEM. */
int net_register_bridge(struct net_vpc *v, const struct subnet_record *s, struct net_device **ret);
int net_register_port(struct net_vpc *v, const struct port_record *p, struct net_device **ret);
/* Fine if it isn't there. */
void net_unregister(struct net_vpc *v, uint32_t ifindex);
/* What any registered device wants under this key, or NULL. */
const struct net_object *net_find_wanted(const struct net_vpc *v, const struct net_object_key *key);
/* Takes away a netlink object that its device no longer wants: where another device wants one of the same key, as when
 * an address goes to another ENI in the same change, that one is put instead. */
int net_take_object(const struct net_vpc *v, const struct net_object *f);
/* Forgets a device and deletes what of it hangs on other links (its neighbours, on the bridge). The last failure. */
int net_drop_device(struct net_vpc *v, uint32_t ifindex);
/* Forgets a VPC; its namespace descriptor is handed over, the rest is closed. */
int net_take_vpc(struct net *n, struct net_vpc *v);
/* "<pin_dir>/v<ABI>/links"; owned, NULL: out of memory. */
char *net_link_dir(const char *pin_dir);
/* With its parents; path is written to meanwhile. 0, also if it exists; -errno. */
int net_make_dirs(char *path);
/* fe80::/64 and EUI-64 of the MAC. */
struct ip net_link_local(const uint8_t mac[6]);

/* --- net/redirect.c
 * ---------------------------------------------------------------------------------------------------
 */

/* Whether packets may be redirected to a port that is like this. */
bool redirect_ok(const struct link_info *info);
/* Tells whoever wants to know. */
void redirect_report(const struct net *n, uint32_t eni, bool peer_ok);

/* --- device/bridge.c, device/port.c, device/workload_end.c
 * --------------------------------------------------------------------------
 */

/* Makes or puts right. *ret_made: the link is new. On error what was made is gone again. */
int bridge_ensure(struct net_vpc *v, const struct subnet_record *s, bool *ret_made, struct vpc_error *reterr);
/* The same for a port, which stays down if it is new; w may be NULL (or its ns_fd -1) if the link exists: -ENODEV where
 * it doesn't. clean: filters of others on it are removed. */
int port_ensure(struct net_vpc *v, const struct port_record *p, const struct workload *w, bool clean, bool *ret_made,
		struct vpc_error *reterr);
/* tcx links of an earlier run go on with the new programs; where tcx is not to be used they go. */
int port_adopt_links(struct net_vpc *v, struct net_device *d);
/* Whether a tap's host end has the MAC that it should; true for other devices. */
bool port_mac_right(bool tap, const struct link_info *info);
/* Raises a registered port, whose programs are on. */
int port_raise(struct net_vpc *v, struct net_device *d);
/* Whether a link in a workload's namespace is the other end of this port. */
bool workload_end_is_ours(const struct link_info *info, const struct port_record *p);
/* What of the workload's end is made before the port is raised; it stays down, without addresses and routes: whoever
 * sees these may send, and what is sent to a port that isn't ready is lost. 0 or -errno; text says what failed. */
int workload_end_prepare(const struct workload *w, const struct port_record *p, const char **ret_what);
/* The rest, when the port is up: raised, addressed, routed, in this order. sk: a rtnetlink socket in the workload's
 * namespace. v: NULL: the port runs already. */
int workload_end_finish(const struct net_vpc *v, struct nl_sock *sk, const struct port_record *p,
			const char **ret_what);
/* Calls fn for whatever the workload's end lacks, or has otherwise, of what attaching gives it; what it has besides is
 * its own business. fn returns negative to end it with that. */
typedef int (*net_workload_end_fn)(const char *problem, const char *detail, void *userdata);
int workload_end_check(const struct workload *w, const struct port_record *p, net_workload_end_fn fn, void *userdata);
/* Adds and removes single addresses of the inner end, best effort. */
int workload_end_change_addresses(const struct workload *w, const char *ifname, const struct net_object *objects,
				  const bool *add, size_t n);
void workload_end_address(const struct port_record *p, size_t i, uint32_t ifindex, struct net_object *ret);

/* --- device/workload_routing.c: source routing in a workload's namespace; sk is a rtnetlink socket in it
 * -------------------------
 */

/* The ENI's own table: its subnet and its gateway. */
int routing_put_table(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex);
/* A rule for each address of each ENI, where the namespace has several interfaces (always: in any case). Those that
 * lead to what is gone are removed. */
int routing_put_rules(struct nl_sock *sk, bool always);
/* After an ENI left: only removes. */
int routing_clean(struct nl_sock *sk);
/* 1: the ENI's table is there and the namespace's rules are right; 0: they aren't; -errno. */
int routing_check(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex);
/* The namespace's default route, as attachment.default_route says. */
int routing_put_default(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex);

/* --- net/removal.c -------------------------------------------------------------------------------------------------
 */

/* An address change of an inner end, owned. Without addresses: the ENI leaves, and what led to it is cleaned up. */
struct workload_end_change {
	struct attachment attachment;
	struct net_object *objects; /* ifindex is filled in when it is known */
	bool *add;
	size_t n;
	struct workload_end_change *next;
};
void workload_end_change_free(struct workload_end_change *c);

/* What publish gives to the worker. Each adder takes what it is given, also on error. */
int removal_new(struct net *n, struct net_removal **ret);
int removal_add_link(struct net_removal *r, const struct net_vpc *v, uint32_t ifindex, const char *id,
		     uint64_t workload_ns_ino);
int removal_add_vpc(struct net_removal *r, struct net_vpc *v);
void removal_add_workload_end(struct net_removal *r, struct workload_end_change *c);
/* If the deletion of this link is still to come, it is done now. */
void removal_settle(struct net *n, uint32_t vpc, uint32_t ifindex);

/* --- net/events.c --------------------------------------------------------------------------------------------------
 */

/* Opens and watches the event socket of a VPC. */
int events_start(struct net_vpc *v);
void events_stop(struct net_vpc *v);
/* On a thread inside a namespace: the generation of its ruleset. -errno. */
int events_nft_generation(uint32_t *ret);

#endif
