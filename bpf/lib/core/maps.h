/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every map of the datapath. include/vpc/abi/ says what the rows are. The sizes here are placeholders: vpcd sets
 * the real ones before it loads the programs. Arrays are indexed by number; a lookup beyond the end returns NULL.
 *
 * Local variables in bpf/ must not have these names (-Wshadow reports it).
 */
#ifndef BPF_LIB_MAPS_H
#define BPF_LIB_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <vpc/abi/abi.h>

#define ARRAY_MAP(name, type_, entries, flags)    \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, flags);         \
		__uint(max_entries, entries);     \
		__type(key, __u32);               \
		__type(value, type_);             \
	} name SEC(".maps")

#define HASH_MAP(name, kind, key_, value_, flags) \
	struct {                                  \
		__uint(type, kind);               \
		__uint(map_flags, flags);         \
		__uint(max_entries, 1024);        \
		__type(key, key_);                \
		__type(value, value_);            \
	} name SEC(".maps")

ARRAY_MAP(ctl, struct vpc_ctl, 1, BPF_F_MMAPABLE);
ARRAY_MAP(vpc, struct vpc_space, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(eni, struct vpc_eni, 2048, BPF_F_MMAPABLE);
HASH_MAP(addr, BPF_MAP_TYPE_HASH, struct vpc_addr_key, __u32, 0);
ARRAY_MAP(addr_row, struct vpc_addr_row, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(set, struct vpc_set, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(sg, struct vpc_sg, 1024, BPF_F_MMAPABLE);
HASH_MAP(list_of, BPF_MAP_TYPE_HASH, struct vpc_list_key, __u32, BPF_F_NO_PREALLOC);
HASH_MAP(mask_group_of, BPF_MAP_TYPE_HASH, struct vpc_mask_group_key, __u32, BPF_F_NO_PREALLOC);
ARRAY_MAP(mask_group, struct vpc_mask_group, 1024, BPF_F_MMAPABLE);
HASH_MAP(rule, BPF_MAP_TYPE_HASH, struct vpc_rule_key, __u32, BPF_F_NO_PREALLOC);
ARRAY_MAP(row, struct vpc_row, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(classifier, struct vpc_classifier_block, 4096, BPF_F_MMAPABLE);
ARRAY_MAP(row_stat, struct vpc_row_stat, 1024, BPF_F_MMAPABLE);

ARRAY_MAP(vpc_acls, __u64, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(subnet_acl, struct vpc_versioned, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(acl, struct vpc_acl, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(acl_block, struct vpc_classifier_block, 4096, BPF_F_MMAPABLE);

ARRAY_MAP(subnet_table, struct vpc_versioned, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(route_plens, struct vpc_route_plens, 1024, BPF_F_MMAPABLE);
HASH_MAP(route, BPF_MAP_TYPE_HASH, struct vpc_route_key, __u32, BPF_F_NO_PREALLOC);
ARRAY_MAP(route_row, struct vpc_route_row, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(uplink, struct vpc_uplink, 1024, BPF_F_MMAPABLE);
HASH_MAP(uplink_of, BPF_MAP_TYPE_HASH, __u32, __u32, 0);
HASH_MAP(outer, BPF_MAP_TYPE_HASH, __u32, struct vpc_outer, 0);
ARRAY_MAP(edge_ctl, struct vpc_edge_ctl, 1, BPF_F_MMAPABLE);
HASH_MAP(public, BPF_MAP_TYPE_HASH, struct vpc_public_key, struct vpc_public, BPF_F_NO_PREALLOC);
HASH_MAP(prefix6, BPF_MAP_TYPE_HASH, struct vpc_prefix6_key, __u32, BPF_F_NO_PREALLOC);
ARRAY_MAP(eip, struct vpc_eip, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(nat, struct vpc_nat, 1024, BPF_F_MMAPABLE);
HASH_MAP(publish, BPF_MAP_TYPE_HASH, struct vpc_publish_key, __u32, BPF_F_NO_PREALLOC);
ARRAY_MAP(publish_row, struct vpc_publish_row, 1024, BPF_F_MMAPABLE);
HASH_MAP(nat_out, BPF_MAP_TYPE_HASH, struct vpc_nat_key, struct vpc_nat_entry, BPF_F_NO_PREALLOC);
HASH_MAP(nat_in, BPF_MAP_TYPE_HASH, struct vpc_nat_key, struct vpc_nat_entry, BPF_F_NO_PREALLOC);
HASH_MAP(nat_fragment, BPF_MAP_TYPE_LRU_HASH, struct vpc_nat_fragment_key, struct vpc_nat_fragment, 0);
HASH_MAP(nat_fragment_overflow, BPF_MAP_TYPE_LRU_HASH, struct vpc_nat_fragment_key, struct vpc_nat_fragment, 0);
ARRAY_MAP(nat_used, __s64, 1024, BPF_F_MMAPABLE);

ARRAY_MAP(drop, __u64, 2048 * VPC_DROP_REASONS_MAX, 0); /* index: ENI number * VPC_DROP_REASONS_MAX + reason */
ARRAY_MAP(eni_flows, struct vpc_eni_flows, 2048, BPF_F_MMAPABLE);
ARRAY_MAP(vpc_flows, struct vpc_vpc_flows, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(host_flows, struct vpc_host_flows, 1, BPF_F_MMAPABLE);
HASH_MAP(flow, BPF_MAP_TYPE_HASH, struct vpc_flow_key, struct vpc_flow, 0);
HASH_MAP(flow_new, BPF_MAP_TYPE_LRU_HASH, struct vpc_flow_key, struct vpc_flow, 0);
HASH_MAP(flow_overflow, BPF_MAP_TYPE_LRU_HASH, struct vpc_flow_key, struct vpc_flow, 0);
ARRAY_MAP(flow_young, struct vpc_young, VPC_YOUNG_SLOTS, BPF_F_MMAPABLE);
ARRAY_MAP(flow_stored, struct vpc_flow_stored, 1, BPF_F_MMAPABLE);
ARRAY_MAP(flow_version, __u32, VPC_FLOW_VERSIONS, 0);
HASH_MAP(fragment, BPF_MAP_TYPE_LRU_HASH, struct vpc_fragment_key, struct vpc_fragment, 0);
HASH_MAP(fragment_overflow, BPF_MAP_TYPE_LRU_HASH, struct vpc_fragment_key, struct vpc_fragment, 0);
ARRAY_MAP(eni_fragments, struct vpc_eni_fragments, 2048, BPF_F_MMAPABLE);
ARRAY_MAP(vpc_fragments, struct vpc_vpc_fragments, 1024, BPF_F_MMAPABLE);
ARRAY_MAP(sweep_io, struct vpc_sweep, 1, 0);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct vpc_eni_stat);
} eni_stat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct vpc_eni_stat);
} gateway_stat SEC(".maps");
ARRAY_MAP(gateway_owner, __u64, 8192, BPF_F_MMAPABLE);
HASH_MAP(peering_stat, BPF_MAP_TYPE_HASH, struct vpc_peering_key, __u32, BPF_F_NO_PREALLOC);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* By ENI number: when the token bucket for events is full again (CLOCK_MONOTONIC; limit.h). */
struct event_limit {
	__u64 full_at_ns;
};
ARRAY_MAP(event_limit, struct event_limit, 2048, 0);

/* By ENI number: when the token buckets for the gateway's answers are full again (CLOCK_MONOTONIC; limit.h). */
#define ANSWER_KINDS 3u
struct answer_limit {
	__u64 full_at_ns[ANSWER_KINDS];
};
ARRAY_MAP(answer_limit, struct answer_limit, 2048, 0);

#endif
