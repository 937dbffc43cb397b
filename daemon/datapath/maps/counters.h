/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of ENIs and rules, and how full the maps are. */
#ifndef DATAPATH_MAPS_COUNTERS_H
#define DATAPATH_MAPS_COUNTERS_H

#include <stdint.h>

#include <jansson.h>

#include <vpc/abi/abi.h>

struct maps;

struct eni_counters {
	struct vpc_eni_stat traffic;
	uint64_t drops[VPC_DROP_REASONS_MAX];
};
/* Reads the counters of an ENI's number. maps_prepare zeroes them when the number is given to another ENI. -ENOENT: no
 * such number. -ENOMEM, -errno of bpf(). */
int maps_eni_counters(struct maps *maps, uint32_t eni, struct eni_counters *ret);

struct rule_counters {
	uint64_t packets, bytes, last_used_ns; /* CLOCK_BOOTTIME; 0: never */
};
/* Reads the sum of the counters of a rule's rows. -ENOENT: it has no rows. */
int maps_rule_counters(struct maps *maps, uint32_t rule, struct rule_counters *ret);
/* Names the counters of rules: other ones began at 0. */
uint32_t maps_rule_counters_id(const struct maps *maps);
/* A flow that the rule allows was used then (CLOCK_BOOTTIME): the kernel notes only when flows are judged. A rule
 * without rows is left alone. */
void maps_rule_used(struct maps *maps, uint32_t rule, uint64_t used_ns);

/* How many classifiers (of a set and a direction) are missing, because there was no room in `classifier` or no memory.
 * The rules of these sets are walked, which may take a new flow hundreds of microseconds. The next change of such a
 * set's rules tries again. */
uint32_t maps_walked(const struct maps *maps);
/* For the status: {map: {"size": n, "used": n, "bytes": n}, …}. `classifier` also has "walked", and the flow maps have
 * their shares. The caller owns it. NULL: out of memory. */
json_t *maps_status(struct maps *maps);

#endif
