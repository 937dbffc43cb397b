/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading flows. */
#ifndef DATAPATH_MAPS_FLOWS_H
#define DATAPATH_MAPS_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

/* Entries that one system call of a walk copies: a kernel that doesn't preempt itself runs nothing else on that CPU
 * meanwhile. No bucket of a map that is not overfull holds more. */
#define FLOWS_READ_BATCH 128u

struct maps;

/* What is done with each flow; *key and *flow are copies that are valid until it returns. Not 0 stops. */
typedef int (*maps_flow_fn)(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established,
			    void *userdata);

/* Calls fn for every flow of an ENI; eni 0: for every flow. What fn stops with is returned. Blocks. -ENOMEM, -errno of
 * bpf(). */
int maps_each_flow(struct maps *maps, uint32_t eni, maps_flow_fn fn, void *userdata);

/* The incarnation of an ENI's number, by which a flow tells the ENI from an earlier one with the number. 0: there is no
 * such ENI. On the event loop. */
uint32_t maps_eni_incarnation(const struct maps *maps, uint32_t number);

/* How a flow with the outside is translated. On any thread; false: it isn't, or its translation is over. *ret_out: its
 * entry of nat_out. */
bool maps_flow_translation(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
			   struct vpc_nat_entry *ret_out);
/* The elastic IP (network order) of a flow that has no other translation; 0: it has none. On the event loop. */
__be32 maps_flow_elastic_ip(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow);
/* Looks up the flow of a packet in a VPC, of any protocol but ICMP, on any thread. IPv4 is mapped; ports in network
 * byte order. *ret_from_opener: whether the packet's source is the opener. A flow that was cut is a tombstone. -ENOENT:
 * there is none. */
int maps_find_flow(const struct maps *maps, uint32_t vpc, uint8_t proto, const __be32 src[4], const __be32 dst[4],
		   __be16 sport, __be16 dport, struct vpc_flow *ret, bool *ret_from_opener);

#endif
