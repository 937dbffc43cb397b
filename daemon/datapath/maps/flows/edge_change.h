/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a change alters at the edge: routes, the route tables of subnets, NAT gateways, elastic IPs, publications, host
 * access. The rows of flows stay as they are at such a change, since the programs ask for the route of each packet. So
 * the values of before and after are noted here, and edge_cut.h compares each flow with them.
 *
 * A parameter `after` chooses the state: false is before the change, true is after it. What the change leaves alone is
 * read from the mirror.
 */
#ifndef DATAPATH_MAPS_FLOWS_EDGE_CHANGE_H
#define DATAPATH_MAPS_FLOWS_EDGE_CHANGE_H

#include <vpc/cleanup.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/state.h"

struct edge_change;

/* Whether a change may cut flows with the outside. An added route may: it may be more specific than another. */
bool edge_change_may_cut(const struct maps_change *c);
/* Notes what a change alters. The change is prepared or published, and not retired. The result refers to nothing of
 * it. *ret NULL: nothing that may cut a flow. -ENOMEM. */
int edge_change_new(const struct maps *maps, const struct maps_change *c, struct edge_change **ret);
/* Returns NULL. NULL is fine. */
struct edge_change *edge_change_free(struct edge_change *x);
DEFINE_CLEANUP(struct edge_change *, edge_change_free);

/* Whether flows of an ENI may be cut. On any thread. x NULL: no. */
bool edge_change_concerns(const struct edge_change *x, uint32_t eni);

/* --- before and after; on the event loop ------------------------------------------------------------------------- */

/* The route table of a subnet; 0: none. */
uint32_t edge_change_table(const struct maps *maps, const struct edge_change *x, uint32_t subnet, bool after);
/* Writes the prefix lengths that the routes of a table have before the change or after it. */
void edge_change_plens(const struct maps *maps, const struct edge_change *x, uint32_t table,
		       struct vpc_route_plens *ret);
/* The target of the route with this key; 0: there is none. */
uint32_t edge_change_route(const struct maps *maps, const struct edge_change *x, const struct vpc_route_key *key,
			   bool after);
/* A NAT gateway; its number is 0 where there is none. */
const struct nat_record *edge_change_nat(const struct maps *maps, const struct edge_change *x, uint32_t number,
					 bool after);
/* The elastic IP of a private address; 0: none. Both in network order. */
uint32_t edge_change_eip(const struct maps *maps, const struct edge_change *x, uint32_t vpc, uint32_t private4,
			 bool after);
/* The address space of a VPC, with its host access. */
const struct vpc_space *edge_change_space(const struct maps *maps, const struct edge_change *x, uint32_t vpc,
					  bool after);
/* Whether the change deletes this publication. incarnation: that of the flow's translation. */
bool edge_change_deletes_publication(const struct edge_change *x, uint32_t row, uint32_t incarnation);
/* Whether the change deletes a publication that led to this port of an ENI. private4, lport: network order. */
bool edge_change_unpublishes(const struct edge_change *x, uint32_t eni, uint32_t private4, uint8_t proto,
			     uint16_t lport);

#endif
