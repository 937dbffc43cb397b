/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VPC's namespace as the kernel has it, and how it differs from what is meant: what verify reports and ensure mends.
 */
#ifndef DATAPATH_NET_STATE_H
#define DATAPATH_NET_STATE_H

#include <uthash.h>

#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/link.h"
#include "datapath/net/netlink/tc.h"

struct state_link {
	uint32_t ifindex;
	struct link_info info;
	bool wanted; /* the plan names it */
	UT_hash_handle hh;
};

struct net_state {
	struct state_link *links;
	struct net_object_set objects;
};
/* rtnl: a socket inside the namespace. 0 or -errno; *ret is to be cleared in either case. */
int net_state_read(struct nl_sock *rtnl, struct net_state *ret);
void net_state_clear(struct net_state *s);
struct state_link *net_state_link(const struct net_state *s, uint32_t ifindex);

enum difference_kind {
	DIFFERENCE_BRIDGE, /* its link is missing or differs: bridge_ensure */
	DIFFERENCE_PORT,   /* port_ensure */
	DIFFERENCE_OBJECT, /* missing, differs or unexpected */
	DIFFERENCE_LINK,   /* an unexpected link */
	DIFFERENCE_SYSCTL,
	DIFFERENCE_RULESET,
};

struct net_difference {
	enum difference_kind kind;
	const char *object;		     /* id, or a description */
	const char *problem;		     /* "missing", "unexpected", "differs" */
	char detail[256];		     /* in English */
	size_t index;			     /* in the plan's subnets or ports */
	uint32_t ifindex;		     /* an unexpected link's */
	bool foreign;			     /* the unexpected link has no alias of ours: not to be touched */
	const struct net_object *net_object; /* as it should be, or for unexpected ones as it is */
};
typedef int (*net_difference_fn)(const struct net_difference *d, void *userdata);

struct net_check {
	struct nl_sock *rtnl; /* in the namespace */
	const char *instance;
	const struct tc_programs *programs;
	const char *link_dir; /* NULL: clsact only */
	uint32_t vpc;
	net_difference_fn fn; /* returns not 0 to end the check with that */
	void *userdata;
};
/* Compares links, programs and facts with what the plan wants of the VPC. Marks s. 0, fn's result, or -errno. */
int net_check_devices(const struct net_check *c, const struct plan *all, struct net_state *s);
/* On a thread inside the namespace, which is ns_fd: sysctls and ruleset. */
int net_check_namespace(const struct net_check *c, int ns_fd);

#endif
