/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address spaces of VPCs that the host reaches as they are: those of host access, and IPv6 ones that an internet
 * gateway leads to. Event loop only, unless it says otherwise.
 */
#ifndef DATAPATH_NET_HOST_SPACES_H
#define DATAPATH_NET_HOST_SPACES_H

#include "datapath/net/outer.h"

/* Takes over what a plan says of a VPC. -ENOMEM. */
int host_space_note(struct net *n, const struct plan_vpc *p);
/* What was noted; NULL: nothing. */
const struct vpc_record *host_space_find(const struct net *n, uint32_t vpc);
void host_spaces_clear(struct net *n);
/*
 * Adds the routes that lead to the VPC's space by its host end, ifindex. Where host access names addresses of a family,
 * the first of the host's own in it is the source. No route leads to a CIDR that overlaps a network of the host: the
 * host would lose that. own: the host's addresses. Any thread. -ENOMEM.
 */
int host_space_want(const struct vpc_record *v, const struct outer_list *own, uint32_t ifindex,
		    struct net_object_set *set);
/* The first CIDR of a VPC that gets no route though host access names an address of the host, of its family, and the
 * network of the host that it overlaps. NULL: there is none; *network says nothing. Any thread. */
const struct cidr *host_space_overlap(const struct vpc_record *v, const struct outer_list *own, struct cidr *network);

#endif
