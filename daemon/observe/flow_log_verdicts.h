/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the counted packets was let through. Packets are counted by flow before they are judged
 * (vpc/abi/flow_count.h). Events tell which flows were opened, by which rules, and which packets were dropped, why and
 * by whom. Pure.
 */
#ifndef OBSERVE_FLOW_LOG_VERDICTS_H
#define OBSERVE_FLOW_LOG_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/abi/abi.h>
#include <vpc/abi/flow_count.h>

/* A direction of a flow. Addresses and ports in network byte order; IPv4 is mapped. Pads are zero. */
struct flow_log_tuple {
	uint32_t vpc;
	__be32 src[4];
	__be32 dst[4];
	__be16 sport; /* TCP and UDP; else 0 */
	__be16 dport;
	uint8_t proto;
	uint8_t pad[3];
};

struct flow_log_tuple flow_log_tuple_of_count(uint32_t vpc, const struct vpc_flow_count_key *key);
struct flow_log_tuple flow_log_tuple_of_event(uint32_t vpc, const struct vpc_event *event);

/* The rules that allowed a flow: at the tuple's source and at its destination. 0: none is known. */
struct flow_log_rules {
	uint32_t src, dst;
};

struct flow_log_amount {
	uint64_t packets, bytes;
};

struct flow_log_verdicts;

/* max: flows that are remembered. -ENOMEM. */
int flow_log_verdicts_new(size_t max, struct flow_log_verdicts **ret);
/* Returns NULL. NULL is fine. */
struct flow_log_verdicts *flow_log_verdicts_free(struct flow_log_verdicts *v);

/* Notes an event. Those of the packets that a reading has counted come before flow_log_verdicts_split() of them. */
void flow_log_verdicts_event(struct flow_log_verdicts *v, uint32_t vpc, const struct vpc_event *event);

struct flow_log_split {
	struct flow_log_amount sent;	 /* what the source was allowed to send */
	struct flow_log_amount received; /* what the destination was allowed to receive of it */
	uint64_t unknown;		 /* packets of which nobody knows: events were lost */
	struct flow_log_rules rules;
};

/* Splits what was counted of a tuple since the last reading. flow: the rules of its flow if the kernel has it, else
 * NULL. lost: events were lost since the last reading. */
struct flow_log_split flow_log_verdicts_split(struct flow_log_verdicts *v, const struct flow_log_tuple *tuple,
					      const struct flow_log_amount *counted, const struct flow_log_rules *flow,
					      bool lost);
/* All of a reading was split: forgets its drops, and flows that no longer have packets. Drops of packets that it has
 * not counted are kept for the next one. */
void flow_log_verdicts_next(struct flow_log_verdicts *v);

#endif
