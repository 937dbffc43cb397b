/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs on a link: as clsact filters (the fallback filters, on every kernel) and as pinned tcx links over them.
 * At ingress is what comes out of the link's other end or from the wire, at egress what is sent by it.
 */
#ifndef DATAPATH_TC_H
#define DATAPATH_TC_H

#include <stdbool.h>
#include <stdint.h>

struct nl_sock;

/* "in" and "out" in the names of pins. */
enum tc_side {
	TC_INGRESS,
	TC_EGRESS,
	TC_SIDES,
};

/* What a link is for: each has programs of its own. */
enum tc_role {
	TC_NONE,     /* no programs */
	TC_PORT,     /* an ENI's */
	TC_BRIDGE,   /* a subnet's: at its egress only */
	TC_UPLINK,   /* a VPC's uplink: its end in the VPC's namespace, at its ingress only */
	TC_HOST_END, /* its end in the host's namespace */
	TC_OUTER,    /* an outer interface of the host: at its ingress only */
	TC_ROLES,
};

/* The programs of a link, as it should have them. Descriptors borrowed; id 0: none on that side. */
struct tc_programs {
	int fd[TC_SIDES];
	uint32_t id[TC_SIDES];
	const char *name[TC_SIDES]; /* of the filter, and what people call it: "from-workload" */
};
struct tc_program_sets {
	struct tc_programs of[TC_ROLES];
};
/* Reads the ids. A descriptor of 0 or below: no program there. -errno of BPF_OBJ_GET_INFO_BY_FD. */
int tc_programs_init(const int fds[TC_ROLES][TC_SIDES], struct tc_program_sets *ret);

/* --- clsact: sk is a NETLINK_ROUTE socket in the link's namespace ------------------------------------------------- */

/* Makes the qdisc if it is missing and puts the filters on, replacing ours in place (no packet passes in between
 * unjudged). With clean, other filters are removed first, also on a side that gets none. 0 or -errno. */
int tc_clsact_ensure(struct nl_sock *sk, uint32_t ifindex, const struct tc_programs *programs, bool clean);

struct tc_clsact {
	uint32_t id[TC_SIDES]; /* program of our filter; 0: there is none */
	unsigned others;       /* filters that are not ours, or not as ours are */
};
/* A missing qdisc reads as no filters. */
int tc_clsact_read(struct nl_sock *sk, uint32_t ifindex, struct tc_clsact *ret);
/* Whether a filter of an RTM_NEWTFILTER is what we put there. */
struct nlmsghdr;
bool tc_is_our_filter(const struct nlmsghdr *h, const struct tc_programs *programs);

/* --- outer interfaces: one filter at ingress, behind the filters of others ---------------------------------------- */

/* What is at the ingress of an interface. name: of our filter, which tells it from those of other instances. */
struct tc_outer {
	uint32_t id;	       /* program of our filter; 0: there is none */
	bool last;	       /* it has the last priority that there is */
	unsigned others;       /* filters of anybody but vpcd */
	uint32_t handle, info; /* of our filter */
};
int tc_outer_read(struct nl_sock *sk, uint32_t ifindex, const char *name, struct tc_outer *ret);
/* Puts our filter on, or points it to the program. *ret_qdisc: whether the qdisc was made for it; not written where it
 * was there. */
int tc_outer_put(struct nl_sock *sk, uint32_t ifindex, const struct tc_programs *programs, const char *name,
		 bool *ret_qdisc);
/* Takes our filter off. qdisc: the qdisc too, if no filter is left on it. Fine where there is none. */
int tc_outer_take(struct nl_sock *sk, uint32_t ifindex, const char *name, bool qdisc);
/* Whether a message about a filter is about the one of that name, or about one of vpcd's at all (name NULL). */
bool tc_outer_is_ours(const struct nlmsghdr *h, const char *name);

/* --- tcx: pins are <dir>/<ifindex>-in and <dir>/<ifindex>-out ----------------------------------------------------- */

/* Whether the kernel has tcx: tried on lo of the calling thread's namespace. */
bool tc_tcx_probe(int prog_fd);
/* Points the pinned links of a link to the programs. 1: all are there and on ifindex; 0: at least one is missing (or
 * stale): tc_tcx_attach; -errno. Fast. */
int tc_tcx_update(const char *dir, uint32_t ifindex, const struct tc_programs *programs);
/* Attaches and pins what tc_tcx_update finds missing, behind what others have attached. In a thread inside the link's
 * namespace; takes milliseconds. */
int tc_tcx_attach(const char *dir, uint32_t ifindex, const struct tc_programs *programs);
/* Whether the pins of its programs are there. Reads nothing else. */
bool tc_tcx_is_pinned(const char *dir, uint32_t ifindex, const struct tc_programs *programs);
/* Id of the program of a pinned link on ifindex; 0: no such link. */
uint32_t tc_tcx_read(const char *dir, uint32_t ifindex, enum tc_side side);
/* Whether its programs run as tcx links on a link. In a thread inside its namespace; a system call for each. */
bool tc_tcx_runs(uint32_t ifindex, const struct tc_programs *programs);
/* Removes the pins of a link. Fine where there are none. */
void tc_tcx_unpin(const char *dir, uint32_t ifindex);

#endif
