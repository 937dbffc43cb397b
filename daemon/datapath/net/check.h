/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a VPC's namespace differs from what is meant: verify reports it, and ensure mends it. */
#ifndef DATAPATH_NET_CHECK_H
#define DATAPATH_NET_CHECK_H

#include "datapath/net/device/device.h"
#include "datapath/net/state.h"

enum difference_kind {
	DIFFERENCE_DEVICE, /* its link is missing or differs: the device is made or put right */
	DIFFERENCE_OBJECT, /* a netlink object is missing, differs or is unexpected */
	DIFFERENCE_LINK,   /* an unexpected link */
	DIFFERENCE_SYSCTL,
	DIFFERENCE_RULESET,
};

struct net_difference {
	enum difference_kind kind;
	const char *what;		     /* for people: "bridge", "port", "address", "sysctl", … */
	const char *object;		     /* id, or a description */
	const char *problem;		     /* "missing", "unexpected", "differs" */
	char detail[256];		     /* in English */
	size_t index;			     /* of a device: in the list of devices */
	uint32_t ifindex;		     /* of an unexpected link */
	bool foreign;			     /* the unexpected link has no alias of ours: it must not be touched */
	const struct net_object *net_object; /* as it should be; of an unexpected one: as it is */
};
typedef int (*net_difference_fn)(const struct net_difference *d, void *userdata);

struct net_check {
	struct nl_sock *rtnl;	   /* in the namespace */
	struct nl_sock *host_rtnl; /* in vpcd's own */
	const char *instance;
	const struct tc_program_sets *programs;
	const char *link_dir; /* NULL: tcx links are not compared */
	net_difference_fn fn; /* returns not 0 to end the check with that */
	void *userdata;
};
/* Compares links, programs and netlink objects with the devices that are meant to be there: those of one VPC, in the
 * order of device_list. Marks s. 0, fn's result, or -errno. */
int net_check_devices(const struct net_check *c, const struct device_spec *devices, size_t n, struct net_state *s);
/* On a thread in vpcd's own namespace: compares what sends no event on the host ends of the devices. Result as above.
 */
int net_check_host_ends(const struct net_check *c, const struct device_spec *devices, size_t n);
/* On a thread inside the namespace, which is ns_fd: compares sysctls and ruleset. Result as above. */
int net_check_namespace(const struct net_check *c, int ns_fd);

#endif
