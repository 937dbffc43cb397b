/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vpcd and the programs in bpf/ agree on: the layout of every map. Both sides include it verbatim. So it has only
 * __u8, __u16, __u32, __u64, __be16 and __be32; pads are explicit and zero; sizes are asserted. This file has what
 * everything needs, and includes a file for each topic.
 *
 * How a change becomes visible: everything that the programs judge by has the epochs between which it counts, or is a
 * `struct vpc_versioned`. vpcd writes the new state beside the old one, and then stores `vpc_ctl.epoch + 1`. That one
 * store is the commit.
 *
 *   row visible at epoch E        born <= E && E < died
 *   versioned value at epoch E    the slot with the greatest epoch that is <= E
 *
 * Hash maps only give a number. What the number stands for is in a mmapable array, with a copy of its key, which the
 * reader compares. The memory of a hash element is recycled without a grace period, the number of an array only after
 * one.
 *
 * VPC_ABI_VERSION goes up with any change of a layout, or of what is in a map (as a flow's tag, flow_tag.h). It
 * is part of the pin path.
 */
#ifndef VPC_ABI_ABI_H
#define VPC_ABI_ABI_H

#include <linux/types.h>

#define VPC_ABI_VERSION 8

/* --- numbers --------------------------------------------------------------------------------------------------- */

#define VPC_NUMBER_BITS	 20
#define VPC_NUMBER_MASK	 0xfffffu
/* ENI numbers are ifindexes and start above those the kernel hands out in a new namespace. */
#define VPC_ENI_FIRST	 1024u
/* Bridges have the ifindex VPC_BRIDGE_FIRST + subnet number, which is above every ENI number. */
#define VPC_BRIDGE_FIRST 0x100000u

#define VPC_GROUPS_PER_ENI   16
#define VPC_DROP_REASONS_MAX 64 /* stride of the drop counters */

enum vpc_drop_reason {
#define DROP(symbol, label, text) VPC_DROP_##symbol,
#include <vpc/abi/drop_reasons.def>
#undef DROP
	VPC_DROP_COUNT
};
_Static_assert(VPC_DROP_COUNT <= VPC_DROP_REASONS_MAX, "drop reasons outgrew their counters");

/* --- marks ------------------------------------------------------------------------------------------------------ */

/*
 * skb->mark inside a VPC's namespace. Only from_workload and the programs of the edge set it; whatever else enters has
 * mark 0.
 *
 *   VPC_MARK_ENI | number      the IP packet entered at that ENI's port, and its source address was checked
 *   VPC_MARK_ANSWER | number   an ARP or ND answer that the port made for its workload
 *   VPC_MARK_EDGE | kind       the packet came by the uplink; VPC_EDGE_… says how, or VPC_MARK_HOST_IGW
 *   VPC_MARK_PEER | number     the packet came by a peering from that ENI of another VPC, and its source address was
 *                              checked
 */
#define VPC_MARK_KIND	  0xfff00000u
#define VPC_MARK_ENI	  0xe5100000u
#define VPC_MARK_ANSWER	  0xe5200000u
#define VPC_MARK_EDGE	  0xe5300000u
#define VPC_MARK_PEER	  0xe5400000u
/* The host itself sent it to an elastic IP, or to an IPv6 address by an internet gateway. */
#define VPC_MARK_HOST_IGW 0x80u

/* --- versioned values ------------------------------------------------------------------------------------------- */

/* Each slot is epoch << 24 | value. A writer overwrites the slot that is not in force, by one 64-bit store. */
struct vpc_versioned {
	__u64 slot[2];
};
#define VPC_VERSIONED_VALUE_MASK 0xffffffull
#define VPC_VERSIONED_SHIFT	 24

/* --- ctl: array of one, mmapable -------------------------------------------------------------------------------- */

struct vpc_ctl {
	__u64 epoch;	       /* the epoch in force; starts at 1 */
	__u64 pickup_until_ns; /* CLOCK_MONOTONIC: until then TCP flows may be picked up mid-stream (datapath
				* upgrade) */
	__u32 listeners;       /* events are emitted while this is not 0: bit 0 drops, bit 1 flows */
	__u32 half_open_max;   /* half-open connections that a VPC may have in `flow`; 0: none */
	__u32 graces;	       /* used by vpcd only: 1 if a flow may have a grace. Set before the first one gets it */
	__u32 pad;
	/* The last epochs that removed an entry of any prefix list, or changed one. They count for sets that name a
	 * list. */
	__u64 lists_revoke;
	__u64 lists_any;
};
_Static_assert(sizeof(struct vpc_ctl) == 48, "vpc_ctl");
#define VPC_LISTEN_DROPS 1u
#define VPC_LISTEN_FLOWS 2u

/* --- vpc: array by VPC number, mmapable -------------------------------------------------------------------------- */

#define VPC_CIDRS_MAX	   8
#define VPC_HOST_CIDRS_MAX 8 /* of each family */
struct vpc_cidr4 {
	__be32 addr;
	__be32 mask;
};
struct vpc_cidr6 {
	__be32 addr[4];
	__be32 mask[4];
};
/* The address space of a VPC. An address in it that no ENI has is an unknown destination. Unused entries have an index
 * of n or more, or only the address 0.0.0.0 or :: (the mask is all ones). A CIDR keeps its place while the VPC has it.
 * Not versioned: it is written right before the epoch is stored. */
#define VPC_SPACE_ROUTED_OUT  1u /* routes may lead to gateways. Without this and PEERED nothing leaves (no_route) */
#define VPC_SPACE_ROUTED_OUT6 2u /* its IPv6 CIDRs are in prefix6; no two such VPCs have CIDRs that overlap */
#define VPC_SPACE_PEERED      4u /* a peering is active: routes may lead to other VPCs */
struct vpc_space {
	__u32 n4;
	__u32 n6;
	__u32 flags; /* VPC_SPACE_… */
	__u16 n_host4;
	__u16 n_host6;
	struct vpc_cidr4 cidr4[VPC_CIDRS_MAX];
	struct vpc_cidr6 cidr6[VPC_CIDRS_MAX];
	/* Host access: the host's own addresses inside these CIDRs and the VPC may talk with each other. An entry that
	 * ends is emptied before the epoch is stored, and a new one is written after that. */
	struct vpc_cidr4 host4[VPC_HOST_CIDRS_MAX];
	struct vpc_cidr6 host6[VPC_HOST_CIDRS_MAX];
};
_Static_assert(sizeof(struct vpc_space) == 656, "vpc_space");

/* --- eni: array by ENI number (= ifindex of its port), mmapable --------------------------------------------------- */

#define VPC_ENI_SOURCE_DEST_CHECK 1u  /* only the ENI's own addresses may be sent from and to */
#define VPC_ENI_PEER_REDIRECT	  2u  /* the port is a veth that bpf_redirect_peer can reach */
#define VPC_ENI_TAP		  4u  /* the port is a tap, and packets may be redirected to it */
#define VPC_ENI_DETACHED	  8u  /* attached to nothing: what is sent to it is dropped */
#define VPC_ENI_ACL		  16u /* the ACL of its subnet has a table (acl.h) */

/* What every packet reads is in the first 64 bytes, a cache line. */
struct vpc_eni {
	struct vpc_versioned set; /* the set of its groups; 0: none, and every packet is dropped as not_ready */
	__u64 gen_revoke;	  /* the last epoch at which the ENI itself lost a group or an address */
	__u64 gen_any;		  /* the last epoch at which anything of the ENI's own changed */
	__u32 vpc;
	__u32 incarnation; /* differs each time the number is given to an ENI; never 0 */
	__u32 flags;	   /* VPC_ENI_… */
	__u32 subnet;
	__u8 mac[6];
	__u8 gateway_mac[6]; /* of the subnet's bridge */
	__u32 mtu;
	__be32 gateway4;
	__be32 subnet4; /* network address and mask of the subnet */
	__be32 mask4;
	__be32 subnet6[4];	 /* /64 of the subnet; all zero: no IPv6 */
	__u32 tcp_idle_s;	 /* idle timeouts, in seconds: established TCP; */
	__u32 udp_idle_s;	 /* UDP with at most one packet each way; */
	__u32 udp_stream_idle_s; /* UDP streams */
	__u32 flow_budget;	 /* established flows that it may have opened; as many may it answer */
	__u32 pad[5];
};
_Static_assert(sizeof(struct vpc_eni) == 128, "vpc_eni");
_Static_assert(__builtin_offsetof(struct vpc_eni, gateway4) == 64, "vpc_eni");

/* --- addr: hash {vpc, address} -> number in addr_row, an array, mmapable ------------------------------------------ */

/* The key is also {ifindex of a subnet's bridge, MAC of an ENI of the subnet in the last six bytes}. No VPC's number is
 * that high. */
struct vpc_addr_key {
	__u32 vpc;
	__be32 addr[4]; /* IPv4 as ::ffff:a.b.c.d */
};
_Static_assert(sizeof(struct vpc_addr_key) == 20, "vpc_addr_key");

struct vpc_addr_row {
	__u64 born;
	__u64 died; /* VPC_ALIVE: not deleted */
	__u32 eni;
	struct vpc_addr_key key;
	struct vpc_versioned eip; /* number of its elastic IP; 0: none */
};
_Static_assert(sizeof(struct vpc_addr_row) == 56, "vpc_addr_row");

#include <vpc/abi/edge.h>
#include <vpc/abi/rules.h>
#include <vpc/abi/classifier.h>
#include <vpc/abi/acl.h>
#include <vpc/abi/share.h>
#include <vpc/abi/flow.h>
#include <vpc/abi/report.h>
#include <vpc/abi/address_config.h>
#include <vpc/abi/flow_count.h>

#endif
