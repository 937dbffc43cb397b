/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows somebody asks for. Pure. */
#ifndef OBSERVE_FLOW_FILTER_H
#define OBSERVE_FLOW_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>
#include <vpc/error.h>

#include "model/address.h"

struct flow_filter {
	uint32_t eni;	      /* number of the ENI that is a side of the flow; 0: any */
	uint32_t incarnation; /* of that ENI */
	uint32_t vpc;	      /* number; 0: any */
	struct cidr peer;     /* of the end that isn't the ENI's, or without an ENI of either; addr.family 0: any */
	int protocol;	      /* -1: any */
	int port;	      /* of either end, host byte order; -1: any */
	uint32_t states;      /* bits of enum vpc_flow_state */
};

/* All states but those of flows that are cut. */
#define FLOW_FILTER_LIVE (((1u << VPC_FLOW_STATES) - 1) & ~(1u << VPC_FLOW_TOMBSTONE))
#define FLOW_FILTER_INIT ((struct flow_filter){.protocol = -1, .port = -1, .states = FLOW_FILTER_LIVE})

/* Whether the filter names a flow. A flow that has been idle past its timeout is none. now_ns: CLOCK_MONOTONIC. */
bool flow_filter_matches(const struct flow_filter *f, const struct vpc_flow_key *key, const struct vpc_flow *flow,
			 uint64_t now_ns);

/* Each reads what was asked for: an address or CIDR; a protocol's name or number; a port; names of states with commas
 * between, or "all". Error: InvalidParameterValue, whose field is `peer`, `protocol`, `port` or `state`. */
int flow_filter_set_peer(struct flow_filter *f, const char *text, struct vpc_error *reterr);
int flow_filter_set_protocol(struct flow_filter *f, const char *text, struct vpc_error *reterr);
int flow_filter_set_port(struct flow_filter *f, const char *text, struct vpc_error *reterr);
int flow_filter_set_states(struct flow_filter *f, const char *text, struct vpc_error *reterr);

/* The name of a state: "established", …; of a tombstone "cut". */
const char *flow_state_name(unsigned state);

#endif
