/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds of devices. A kind is a const struct device_ops in a file of its own and a line in devices.def; everything
 * outside this folder works through the ops and does not know which kinds there are.
 *
 * Descriptors are borrowed everywhere. Functions return 0 or -errno unless they say otherwise.
 */
#ifndef DATAPATH_NET_DEVICE_H
#define DATAPATH_NET_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <uthash.h>
#include <vpc/cleanup.h>

#include "compiler/plan.h"
#include "datapath/net/netlink/link.h"
#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/tc.h"
#include "datapath/net/netns/workload.h"

struct device_ops;

/* A device as a plan names it. Points into the plan, which must outlive it. */
struct device_spec {
	const struct device_ops *ops; /* NULL: no device */
	const void *record;	      /* the plan's record; its type is known to the kind alone */
	uint32_t vpc;		      /* number */
	uint32_t ifindex;
	uint32_t master; /* ifindex of the bridge that it is a port of; 0: none */
	uint32_t mtu;
	const char *name;		     /* of the link */
	const char *id;			     /* of the object that it is for: a subnet or an ENI */
	const struct attachment *attachment; /* names the namespace of its far end; NULL: it has no far end */
};

/* A device that is meant to be in a VPC's namespace: an entry of the registry. */
struct device {
	const struct device_ops *ops;
	uint32_t ifindex;
	uint32_t master;
	uint32_t mtu;
	char name[IFNAMSIZ];
	char id[OBJECT_ID_MAX];
	bool broken; /* could not be put right; perhaps the link of its number is somebody else's */
	bool up;
	uint32_t carrier_changes; /* the kernel's count when the link was last seen with a carrier; 0: not yet */
	bool tcx;		  /* all tcx links were seen or made, also those of its host end */
	bool attaching;		  /* is in a struct net_attach */
	bool attach_failed;	  /* tcx links are not tried again until net_attach_again */
	uint32_t vpc;		  /* number */
	uint32_t other_end;	  /* ifindex of its host end, in vpcd's own namespace, as its kind found it */
	bool host_noted;	  /* its host objects are to be looked at */
	struct net_object_set host_objects; /* routes and neighbours on its host end */
	uint32_t vpc_mtu;		    /* of an uplink: the VPC's */
	uint32_t host_ifindex;		    /* the same, as its events are known by (net_note_host_end) */
	struct net_object_set objects;
	UT_hash_handle hh, host_hh;
};

/* A VPC's namespace, and what devices in it get. */
struct device_place {
	int ns_fd;
	struct nl_sock *rtnl; /* NETLINK_ROUTE socket in the namespace */
	const char *netns;    /* its name, for messages */
	const char *instance;
	const struct tc_program_sets *programs;
	struct nl_sock *host_rtnl;  /* NETLINK_ROUTE socket in vpcd's own namespace, for host ends */
	int host_ns_fd;		    /* that namespace */
	const char *link_dir;	    /* where tcx links are pinned; NULL: tcx is not used */
	const char *stale_link_dir; /* where an earlier run pinned links that are to be taken off; NULL: nowhere */
};

/* What the ops that make and change a device work with. */
struct device_request {
	struct device_place place;
	const struct device_spec *spec;
	struct device *device;		 /* its entry in the registry */
	const struct device *master;	 /* its bridge's entry; NULL: none */
	const struct workload *workload; /* where the far end is to be; NULL: not given */
	bool clean;			 /* filters of others on the link are removed */
};

/* What a comparison works with. */
struct device_check {
	struct nl_sock *rtnl;	   /* in the namespace of the device */
	struct nl_sock *host_rtnl; /* in vpcd's own, for host ends */
	const char *instance;
	const struct tc_program_sets *programs;
	const char *link_dir; /* NULL: tcx links are not compared */
	const struct device_spec *spec;
	/* problem: "missing", "differs", "unexpected"; detail: in English. What it returns, unless 0, ends the check.
	 */
	int (*fn)(const char *problem, const char *detail, void *userdata);
	void *userdata;
};

struct device_ops {
	const char *kind;      /* what people call it: "bridge", "port" */
	const char *link_kind; /* what rtnetlink calls it */
	enum tc_role role;     /* which programs it carries */
	bool routes;	       /* the VPC's router sends and receives by it: its own sysctls matter */
	/* It belongs to an ENI: it may be redirected to, and is reported as lost. */
	bool judged;
	bool tcx;			  /* it has tcx links over its filters */
	bool host_end;			  /* its other end is in vpcd's own namespace */
	const struct device_ops *far_end; /* its other end, in a workload's namespace; NULL: it has none there */

	/* Fills in the plan's record i of this kind, as it was before and as it is after. A side that is not there, or
	 * is of another kind, gets ops NULL. False: there is no record i. */
	bool (*record)(const struct plan *plan, size_t i, struct device_spec *ret_before,
		       struct device_spec *ret_after);
	/* Whether one may become the other while it is there; NULL: always. Errors: IncorrectState. */
	int (*may_change)(const struct device_spec *before, const struct device_spec *after, struct vpc_error *reterr);
	/* Adds the addresses, routes and neighbours that belong to it. -ENOMEM. */
	int (*objects)(const struct device_spec *s, struct net_object_set *ret);
	/* Makes the link, or puts right what is there; one that raise is for stays down if it is new. *ret_made: the
	 * link is new; written on error too, and then the caller deletes it. -ENODEV: it is missing and can't be made
	 * without a workload; no other failure has that number. */
	int (*ensure)(const struct device_request *q, bool *ret_made, struct vpc_error *reterr);
	/* For one that is right: notes its state in the registry. */
	int (*adopt)(const struct device_request *q);
	/* Lets packets through, at publishing; then finishes the far end, where a workload is given. NULL: ensure does.
	 */
	int (*raise)(const struct device_request *q);
	/* Sets its own sysctls, on a thread inside its namespace; NULL: it has none. */
	int (*put_sysctls)(const struct device_spec *s);
	/* Whether a link of this kind and number looks as ensure leaves it, beyond name, alias, bridge, MTU and being
	 * up; NULL: there is no more. Sends no requests. */
	bool (*looks_right)(const struct link_info *info);
	/* Whether number, kind and name are those that this kind gives. NULL: one that was never finished is not known.
	 */
	bool (*is_named)(const struct link_info *info);
	/* Tells what of its host end differs that sends no event: nothing of c but spec's id, fn and userdata is read.
	 * On a thread in vpcd's own namespace. Stops at the first difference. NULL: there is nothing. */
	int (*check_silent)(const struct device_check *c);
	/* Tells what of this kind alone differs; names, MTU and the like are compared by the caller. info: the link; of
	 * a far end NULL. Stops at the first difference. NULL: there is no more. */
	int (*check)(const struct device_check *c, const struct link_info *info);
	/* Deletes it, on a worker thread. Fine if it isn't there. Of a far end: removes what led to it. link_dir: as in
	 * struct device_place. */
	int (*remove)(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir);

	/* Of far ends: adds and removes single objects, by position in add; on a worker thread, best effort. */
	int (*change)(const struct workload *w, const struct attachment *a, const struct net_object *objects,
		      const bool *add, size_t n);
	/* Of far ends: gives it what it lacks, as net_workload_mend says. */
	int (*mend)(const struct device_spec *s, const struct workload *w, bool unfinished);
	/* Of devices that a process opens: as net_tap_open; NULL: it can't be opened. */
	int (*open)(int ns_fd, uint32_t ifindex, const char *name, bool multi_queue, int *ret_fds, size_t n);
};

/* Walks the devices of a plan, kind by kind in the order of devices.def, or against it. Start with zeroed positions. */
struct device_iterator {
	const struct plan *plan;
	bool backwards;
	size_t kind, record;
};
/* False: no more. At least one of the two has ops. */
bool device_next(struct device_iterator *it, struct device_spec *ret_before, struct device_spec *ret_after);
/* The devices of one VPC after the plan, in the order of devices.def. *ret is the caller's to free. -ENOMEM. */
int device_list(const struct plan *plan, uint32_t vpc, struct device_spec **ret, size_t *ret_n);
/* Whether a link has no alias, but number, kind and name as one of the kinds gives them. In a namespace of ours it was
 * made by vpcd and never finished: vpcd was killed, or the kernel's answer was lost. */
bool device_is_half_made(const struct link_info *info);
/* Deletes a link of which only the number is known, and the pins of that number. -errno; fine if it isn't there. */
int device_remove_stray(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir);

/* --- for the kinds ------------------------------------------------------------------------------------------------ */

PRINTF_LIKE(3, 4) int device_tell(const struct device_check *c, const char *problem, const char *format, ...);
/* Tells of each option whose value is not the one wanted. options ends with a NULL name; values: in the same order.
 * Returns 0, or what device_tell() stopped with. */
int device_check_options(const struct device_check *c, const struct link_option *options, const uint32_t *values);
/* Deletes a link that a request for it made although its answer was lost. Fine if it isn't there. */
void device_delete_half_made(struct nl_sock *rtnl, uint32_t ifindex);
/* DatapathUnavailable, "<kind> <name> of <id> cannot <what>: …". text: the kernel's own words, or NULL. Returns r. */
int device_fail(const struct device_spec *s, int r, const char *what, const char *text, struct vpc_error *reterr);
/* Compares the programs of a link, which is the device's own or its host end. rtnl: in that link's namespace; link_dir:
 * NULL: tcx links are not compared. */
int device_check_programs(const struct device_check *c, struct nl_sock *rtnl, uint32_t ifindex, const char *name,
			  enum tc_role role, const char *link_dir);
/* Gives existing tcx links of a link these programs, or takes them off where tcx is not used. 1: they are all there.
 * 0: not all. host: of a host end. */
int device_adopt_tcx(const struct device_place *p, uint32_t ifindex, enum tc_role role, bool host);
/* Where the tcx links of host ends are pinned: below link_dir. */
#define DEVICE_HOST_DIR_MAX 256
const char *device_host_dir(const char *link_dir, char buf[DEVICE_HOST_DIR_MAX]);
/* Puts every object of a kind. On failure reterr names it. */
int device_put_objects(const struct device_request *q, enum net_object_kind kind, struct vpc_error *reterr);

#endif
