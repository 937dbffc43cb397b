/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two programs on a port: as clsact filters (the fallback filters, on every kernel) and as pinned tcx links over
 * them. "from" is the port's ingress: what the workload sends; "to" its egress: what is delivered to it.
 */
#ifndef DATAPATH_TC_H
#define DATAPATH_TC_H

#include <stdbool.h>
#include <stdint.h>

struct nl_sock;

enum tc_side {
	TC_FROM_WORKLOAD,
	TC_TO_WORKLOAD,
	TC_SIDES,
};
/* "from-workload", "to-workload": also the filters' names; "in", "out": in pins' names. */
const char *tc_side_name(enum tc_side side);

/* The programs of a side, as the ports should have them, and the bridges' at their egress. Descriptors borrowed. */
struct tc_programs {
	int fd[TC_SIDES];
	uint32_t id[TC_SIDES];
	int router_fd;
	uint32_t router_id;
};
/* Reads the ids. -errno of BPF_OBJ_GET_INFO_BY_FD. */
int tc_programs_init(int from_workload, int to_workload, int from_router, struct tc_programs *ret);

/* --- clsact: sk is a NETLINK_ROUTE socket in the port's namespace ------------------------------------------------- */

/* Makes the qdisc if it is missing and puts both filters on, replacing ours in place (no packet passes in between
 * unjudged). With clean, filters of others on it are removed first. 0 or -errno. */
int tc_clsact_ensure(struct nl_sock *sk, uint32_t ifindex, const struct tc_programs *programs, bool clean);

/* The same for a bridge, whose one filter is at its egress; filters of others are removed. */
int tc_bridge_ensure(struct nl_sock *sk, uint32_t ifindex, const struct tc_programs *programs);

struct tc_clsact {
	uint32_t id[TC_SIDES]; /* program of our filter; 0: there is none */
	unsigned others;       /* filters that are not ours, or not as ours are */
};
/* A missing qdisc reads as no filters. */
int tc_clsact_read(struct nl_sock *sk, uint32_t ifindex, struct tc_clsact *ret);
/* Whether a filter of an RTM_NEWTFILTER is what we put there, on a port or a bridge. */
struct nlmsghdr;
bool tc_is_our_filter(const struct nlmsghdr *h, const struct tc_programs *programs, bool bridge);

/* --- tcx: pins are <dir>/<eni>-in and <dir>/<eni>-out ------------------------------------------------------------- */

/* Whether the kernel has tcx: tried on lo of the calling thread's namespace. */
bool tc_tcx_probe(int prog_fd);
/* Points the pinned links of a port to the programs. 1: both are there and on ifindex; 0: at least one is missing (or
 * stale): tc_tcx_attach; -errno. Fast. */
int tc_tcx_update(const char *dir, uint32_t ifindex, const struct tc_programs *programs);
/* Attaches and pins what tc_tcx_update finds missing. In a thread inside the port's namespace; takes milliseconds. */
int tc_tcx_attach(const char *dir, uint32_t ifindex, const struct tc_programs *programs);
/* Whether both pins are there. Reads nothing else. */
bool tc_tcx_is_pinned(const char *dir, uint32_t ifindex);
/* Id of the program of a pinned link on ifindex; 0: no such link. */
uint32_t tc_tcx_read(const char *dir, uint32_t ifindex, enum tc_side side);
/* Whether both programs run as tcx links on a port. In a thread inside its namespace; two system calls. */
bool tc_tcx_runs(uint32_t ifindex, const struct tc_programs *programs);
/* Removes the pins of a port. Fine where there are none. */
void tc_tcx_unpin(const char *dir, uint32_t ifindex);

#endif
