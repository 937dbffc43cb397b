/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets and bytes of flows, each way, summed from what bpf/observe.bpf.c counts. Only packets of flows that the
 * kernel tracks are in here, so refused packets take no room. Each VPC may have an equal share of the table. Pure.
 */
#ifndef OBSERVE_FLOW_TOTALS_H
#define OBSERVE_FLOW_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/abi/abi.h>
#include <vpc/abi/flow_count.h>

struct flow_totals;

/* What one end of a flow has sent: the packets of one tuple that came in by one device. Times are CLOCK_MONOTONIC. */
struct flow_total {
	struct vpc_flow_count_key key;
	uint32_t vpc;
	uint64_t created_ns; /* of the flow: a later one with the same tuple begins at 0 */
	uint64_t packets, bytes;
};

/* What is known of both ends of a flow. */
struct flow_counts {
	bool known;			   /* else the VPC isn't observed, or there was no room */
	bool complete;			   /* every packet of the flow is in it; else at least so many */
	uint64_t packets_sent, bytes_sent; /* by the opener */
	uint64_t packets_received, bytes_received;
};

/* max: how many entries there may be. -ENOMEM. */
int flow_totals_new(size_t max, struct flow_totals **ret);
/* Returns NULL. NULL is fine. */
struct flow_totals *flow_totals_free(struct flow_totals *t);

/* A VPC is observed from now on. Fine if it is already. -ENOMEM. */
int flow_totals_begin(struct flow_totals *t, uint32_t vpc, uint64_t now_ns);
/* It no longer is: its entries are freed. */
void flow_totals_end(struct flow_totals *t, uint32_t vpc);
bool flow_totals_observes(const struct flow_totals *t, uint32_t vpc);

/* Adds packets to their entry. It is made where there is none, if the VPC's share has room. */
void flow_totals_add(struct flow_totals *t, const struct flow_total *what, uint64_t now_ns);
/* Packets weren't counted until now: of this VPC, or (0) of any. Flows that were there then are no longer complete. */
void flow_totals_lost(struct flow_totals *t, uint32_t vpc, uint64_t now_ns);

struct flow_counts flow_totals_of(const struct flow_totals *t, const struct vpc_flow_key *key,
				  const struct vpc_flow *flow);

/* Copies the next entries whose flows are to be looked for in the kernel, in turn; at most n. Returns how many. */
size_t flow_totals_next(struct flow_totals *t, struct flow_total *ret, size_t n);
/* The flow of an entry that was copied has ended: it is freed, unless a later flow has it by now. */
void flow_totals_gone(struct flow_totals *t, const struct flow_total *copy);

size_t flow_totals_count(const struct flow_totals *t);
/* How often an entry found no room. */
uint64_t flow_totals_refused(const struct flow_totals *t);

#endif
