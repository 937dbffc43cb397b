/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs do with the first packet of a flow, computed from the kernel's maps: a list of steps, in the order
 * in which the programs take them. The first step that refuses decides. Those behind it are computed too where that is
 * possible, so that whoever opens the first finds out what else is in the way.
 *
 * Each file beside this has one topic: source.c (whose address is it), destination.c (who receives it), acls.c,
 * routes.c, groups.c, flows.c (flows that are known already), leave.c and enter.c (gateways and their
 * translations), send.c and arrive.c (the order of the steps).
 */
#ifndef OBSERVE_EXPLAIN_WALK_H
#define OBSERVE_EXPLAIN_WALK_H

#include "datapath/maps/look/acl.h"
#include "datapath/maps/look/flow.h"
#include "datapath/maps/look/look.h"
#include "datapath/maps/look/route.h"

enum explain_stage {
	EXPLAIN_SOURCE,	     /* whose address the source is */
	EXPLAIN_DESTINATION, /* who has the destination */
	EXPLAIN_ACL,
	EXPLAIN_ROUTE,
	EXPLAIN_FLOW,	/* a flow that is known already */
	EXPLAIN_GROUPS, /* security groups */
	EXPLAIN_BUDGET, /* room for one more flow */
	EXPLAIN_GATEWAY,
	EXPLAIN_HOST, /* the host's own routes, which aren't in the maps */
	EXPLAIN_STAGES
};

struct explain_step {
	enum explain_stage stage;
	bool reply;	   /* about what answers the packet: it decides nothing about the packet itself */
	bool back;	   /* ROUTE: that of answers, without which the packet isn't let in */
	uint8_t direction; /* VPC_EGRESS: at the sender's side, VPC_INGRESS: at the receiver's */
	int reason;	   /* VPC_DROP_…; 0: it passes */
	uint32_t eni;	   /* at whose ENI, by number; 0: at none */
	uint32_t vpc;
	uint32_t meant_vpc;	   /* as the trace's */
	bool any_port;		   /* likewise */
	struct look_packet packet; /* as this step has it */
	uint32_t set, peer_set;	   /* GROUPS */
	uint32_t rule;		   /* GROUPS: the rule that allows; 0: none */
	struct look_acl acl;	   /* ACL */
	uint16_t port_first;	   /* ACL of a reply to an unknown port: the first of the ports that are refused */
	struct look_route route;   /* ROUTE */
	uint32_t gateway;	   /* ROUTE, GATEWAY: VPC_EDGE_… << VPC_TARGET_SHIFT | number */
	uint32_t hop;		   /* ROUTE: the appliance that gets the packet */
	uint32_t publication;	   /* GATEWAY: number of the published port */
	struct vpc_flow flow;	   /* FLOW */
};

#define EXPLAIN_STEPS_MAX 32

struct explain_trace {
	struct look look;
	struct look_packet packet; /* as it is by now */
	bool any_sport;		   /* the source port isn't known */
	bool any_port;		   /* the port is one of all that are asked about */
	uint32_t meant_vpc;	   /* of the ENI that is named as the destination; 0: none is */
	struct explain_step step[EXPLAIN_STEPS_MAX];
	unsigned n;
};

/* One end of a packet, as the programs see it. */
struct explain_end {
	uint32_t eni; /* 0: not local */
	bool owns;    /* it has the packet's address */
};

/* What a program knows of the packet that it judges. */
struct explain_port {
	uint32_t me, vpc;
	uint8_t direction;
	uint32_t via;	  /* of the flow's key */
	uint32_t peer;	  /* VPC_PEER_WORD() of the other end in a peered VPC */
	uint32_t gateway; /* by which it leaves or came; 0: none */
	bool from_host;	  /* INGRESS: the host itself sent it by an internet gateway */
	uint32_t entered; /* INGRESS: the ENI at whose port it entered; 0: it came from outside of the VPC */
	uint32_t hop;	  /* EGRESS: the ENI that the frame is for */
	int no_route;	  /* EGRESS: why no route leads there; 0: one does, or none is needed */
	struct explain_end end[2];
};

/* Walks a packet that ENI `from` sends, to wherever it goes, and its answer back. t: zeroed but for look, packet
 * and any_sport. */
void explain_send(struct explain_trace *t, uint32_t from);
/* Walks a packet that comes from the world to a public address of the host, or to an IPv6 address of a VPC. */
void explain_enter(struct explain_trace *t);
/* Walks a packet that the host itself sends, from an address of its own (explain_is_host()). vpc: where a private
 * destination is; 0: the destination is a public one. */
void explain_from_host(struct explain_trace *t, uint32_t vpc);
bool explain_is_host(const struct explain_trace *t, const __be32 *address);
/* Walks a packet that came into a VPC to an ENI's port. p: vpc, gateway, peer. */
void explain_arrive(struct explain_trace *t, struct explain_port *p);
/* Walks a packet to the port of p->me, from ENI p->entered or from outside. */
void explain_receive(struct explain_trace *t, struct explain_port *p);
/* The first step that refuses the packet, or (reply) its answer; NULL: all let it pass. */
const struct explain_step *explain_refusal(const struct explain_trace *t, bool reply);

/* --- of this folder --- */

/* Appends a step with the packet of now; never NULL: when there is no room, the last one is used again. */
struct explain_step *explain_add(struct explain_trace *t, enum explain_stage stage, const struct explain_port *p,
				 int reason);
/* Why an address is never carried; 0: it may be. */
int explain_special(uint8_t family, const __be32 *a);
bool explain_multicast(uint8_t family, const __be32 *a);
/* Whether the sender may send the packet at all. 0: it may; 1: the gateway answers it; or a reason. */
int explain_source(struct explain_trace *t, struct explain_port *p);
#define EXPLAIN_ANSWERED (-1)
/* Finds both ends of a packet that an ENI sends, and whom its frame is for. Adds a step if it is refused. */
int explain_destination(struct explain_trace *t, struct explain_port *p);
/* Finds the ends of a packet that is about to be received. */
int explain_source_received(struct explain_trace *t, struct explain_port *p);
/* The route of a packet that leaves the VPC: p->gateway, p->peer or p->hop, or a reason, which is in p->no_route. */
void explain_route(struct explain_trace *t, struct explain_port *p, struct look_route *ret);
/* Whether answers would leave by the gateway by which the packet came. Adds a step. */
int explain_route_back(struct explain_trace *t, const struct explain_port *p);
/* The ENI that gets a packet for p->me: p->me itself, or the last of the appliances that its answers pass. */
uint32_t explain_entered_by(const struct explain_trace *t, const struct explain_port *p);
/* Asks an ACL, and adds a step if the ACL has a table. reply: about the answer to the packet. */
int explain_acl(struct explain_trace *t, const struct explain_port *p, uint32_t eni, uint8_t direction, bool reply);
/* Asks both ACLs about a packet between ENIs of different subnets, or the one of `from` alone (to: 0). */
int explain_acls(struct explain_trace *t, const struct explain_port *p, uint32_t from, uint32_t to, bool reply);
/* Judges the packet by the flow that it belongs to, or as the first of a flow. Adds steps. */
int explain_flow(struct explain_trace *t, struct explain_port *p);

/* A side of a flow, as the programs judge it. */
struct explain_side {
	uint32_t eni;	 /* 0: it isn't judged */
	uint32_t set;	 /* of its groups */
	uint32_t member; /* the set that counts as the other side's peer; 0: none */
	uint32_t incarnation;
};
/* Loads an ENI as a side. incarnation: the one that it must have; 0: any. 0 or NOT_READY. */
int explain_side(const struct explain_trace *t, uint32_t vpc, uint32_t eni, uint32_t incarnation, bool owns,
		 struct explain_side *ret, struct look_stamp *stamp);
/* Loads an ENI of a peered VPC as a side that only counts as a peer. */
int explain_side_peer(const struct explain_trace *t, uint32_t vpc, uint32_t word, struct explain_side *ret,
		      struct look_stamp *stamp);
/* Judges a flow that the packet's source opens, by each side's groups. steps: whether each is added as a step; spare:
 * bit i: side i isn't asked. */
int explain_groups(struct explain_trace *t, const struct explain_port *p, const struct look_packet *packet,
		   const struct explain_side side[2], bool steps, unsigned spare);
/* Walks on from where the packet leaves its VPC by p->gateway. */
void explain_leave(struct explain_trace *t, struct explain_port *p);
/* Walks a packet with a public destination into a VPC. from_host: the host itself sent it. ret_hosts: it is none of
 * ours, and the host's own. */
void explain_public(struct explain_trace *t, bool from_host, bool *ret_hosts);
/* An address of the host by which the world reaches it; 0.0.0.0: it has none. */
void explain_host_address(const struct explain_trace *t, __be32 *ret);
/* The VPC in whose address space an IPv6 address is, if the VPC leads out; 0: none. */
uint32_t explain_prefix_vpc(const struct explain_trace *t, const __be32 *address);

static inline uint32_t explain_gateway(uint32_t kind, uint32_t number)
{
	return kind << VPC_TARGET_SHIFT | (number & VPC_TARGET_NUMBER);
}

static inline uint32_t explain_kind(uint32_t gateway)
{
	return gateway >> VPC_TARGET_SHIFT;
}

#endif
