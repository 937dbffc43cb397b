/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vpcd and the programs in bpf/ agree on about the edge: routes, gateways, elastic IPs, published ports and the
 * translations between private and public addresses. The same rules hold as in abi.h, which includes this file.
 *
 * Terms: the *uplink* is a veth pair of a VPC; its VPC end is in the VPC's namespace, its host end in the host's. An
 * *outer interface* is an interface of the host that leads to the world. A *public address* is one that the world sends
 * to: an elastic IP, or an address of an outer interface.
 */
#ifndef VPC_ABI_EDGE_H
#define VPC_ABI_EDGE_H

#include <linux/types.h>

/* The VPC end of an uplink: VPC_UPLINK_FIRST + VPC number. Its host end has an ifindex that the kernel chose. */
#define VPC_UPLINK_FIRST 0x200000u

/* A frame on an uplink says in its destination MAC where it goes, and how it got there. Only the programs write it:
 * 02, 'V', kind, then the number in network order, three bytes. */
#define VPC_EDGE_MAC_0	   0x02
#define VPC_EDGE_MAC_1	   'V'
#define VPC_EDGE_IGW	   1 /* to or from an internet gateway: by an elastic IP, or untranslated IPv6 */
#define VPC_EDGE_EIGW	   2 /* to or from an egress-only internet gateway: untranslated IPv6 */
#define VPC_EDGE_NAT	   3 /* to or from the NAT gateway of that number */
#define VPC_EDGE_PUBLISHED 4 /* to or from a published port: of a flow that the outside opened */
#define VPC_EDGE_PEERING   5 /* reserved */
#define VPC_EDGE_HOST	   6 /* reserved */

/* What the host itself sends to a published port goes to the VPC's transit address, which is routed to its uplink's
 * host end. These begin here, in host byte order (169.254.64.0/18): 16 blocks of 1,024 addresses, the block chosen by
 * the instance's name, the address in it by the VPC's number. The programs don't look at the address. */
#define VPC_TRANSIT4_FIRST 0xa9fe4000u

/* --- routes ------------------------------------------------------------------------------------------------------ */

/* A target is a value of a struct vpc_versioned: kind << VPC_TARGET_SHIFT | number. 0: there is no such route. */
#define VPC_TARGET_SHIFT     20
#define VPC_TARGET_NUMBER    0xfffffu
#define VPC_TARGET_IGW	     1u /* number 0 */
#define VPC_TARGET_EIGW	     2u /* number 0 */
#define VPC_TARGET_NAT	     3u /* number of the NAT gateway */
#define VPC_TARGET_ENI	     4u /* number of an appliance ENI */
#define VPC_TARGET_PEERING   5u /* reserved */
#define VPC_TARGET_BLACKHOLE 6u /* number 0 */

/* subnet_table: array of struct vpc_versioned by subnet number, mmapable: number of its route table; 0: none. */

/* route_plens: array by route table number, mmapable: prefix lengths in use; a superset. */
struct vpc_route_plens {
	__u64 plens4;	 /* bit p: IPv4 destinations with a prefix of p bits (0..32) */
	__u64 plens6[3]; /* bit p % 64 of word p / 64: IPv6 destinations (0..128) */
};
_Static_assert(sizeof(struct vpc_route_plens) == 32, "vpc_route_plens");

/* route: hash {table, destination} -> number in route_row, an array, mmapable. The VPC's own address space stands in
 * no table: a destination inside it never gets here. */
struct vpc_route_key {
	__u32 table;
	__u8 family; /* 4 or 6 */
	__u8 plen;
	__u16 pad;
	__be32 addr[4]; /* IPv4: addr[0], the rest 0; bits beyond plen zero */
};
_Static_assert(sizeof(struct vpc_route_key) == 24, "vpc_route_key");

/* Row 0 is never used. */
struct vpc_route_row {
	struct vpc_versioned target; /* VPC_TARGET_… */
	struct vpc_route_key key;
};
_Static_assert(sizeof(struct vpc_route_row) == 40, "vpc_route_row");

/* --- uplinks and outer interfaces --------------------------------------------------------------------------------- */

/* uplink: array by VPC number, mmapable. Not versioned: it follows the devices. */
#define VPC_UPLINK_PEER_REDIRECT 1u /* bpf_redirect_peer works on both ends; else packets are transmitted */
struct vpc_uplink {
	__u32 ifindex;	    /* of the VPC end; 0: there is no uplink */
	__u32 host_ifindex; /* of the host end; 0: not yet */
	__u32 flags;	    /* VPC_UPLINK_… */
	__u32 mtu;	    /* what leaves may be so large: the smallest of the outer interfaces' and the VPC's */
	__u8 host_mac[6];   /* of the host end */
	__u16 pad;
	__u32 pad2[2];
};
_Static_assert(sizeof(struct vpc_uplink) == 32, "vpc_uplink");

/* uplink_of: hash {ifindex of a host end} -> VPC number. */

/* outer: hash {ifindex of an outer interface} -> this. Changed in place is only what is one word. */
struct vpc_outer {
	__be32 addr4; /* its first address, behind which NAT gateways without an elastic IP are; 0: none */
	__u32 mtu;
	__u8 mac[6];
	__u16 flags; /* 0 */
};
_Static_assert(sizeof(struct vpc_outer) == 16, "vpc_outer");

/* edge_ctl: array of one, mmapable. */
#define VPC_EDGE_FORWARD 1u /* the programs translate, and leave the way out to the host's own forwarding */
struct vpc_edge_ctl {
	__u32 flags;	      /* VPC_EDGE_… */
	__u32 publish_plens;  /* bit p: there may be publications with a port prefix of p bits (0..16). A superset */
	__u32 nat_port_first; /* ports of translations to the host's own addresses, host byte order; */
	__u32 nat_port_last;
	__u32 nat_prefer_first; /* these are tried first: they are outside of what the host's own sockets get */
	__u32 nat_prefer_last;
	__u32 nat_per_vpc;   /* translations that one VPC may have */
	__u32 prefix6_plens; /* bit p - 32: there may be IPv6 address spaces with a prefix of p bits (32..63). A
				superset */
};
_Static_assert(sizeof(struct vpc_edge_ctl) == 32, "vpc_edge_ctl");

/* --- public addresses -----------------------------------------------------------------------------------------------
 */

/* public: hash {address} -> this. An elastic IP counts while its target is not 0; the reader compares vpc_eip.addr4
 * with the address, since the element's memory may be another's already. Both kinds: the elastic IP counts, and without
 * it the host. */
struct vpc_public_key {
	__be32 addr[4]; /* IPv4 as ::ffff:a.b.c.d */
};
#define VPC_PUBLIC_EIP	1u /* an elastic IP: number in `eip` */
#define VPC_PUBLIC_HOST 2u /* an address of the host, behind which there are translations or published ports */
struct vpc_public {
	__u32 kind;   /* bits: VPC_PUBLIC_… */
	__u32 number; /* of the elastic IP; else 0 */
};
_Static_assert(sizeof(struct vpc_public) == 8, "vpc_public");

/* prefix6: hash {prefix} -> VPC number: the IPv6 address spaces of the VPCs with VPC_SPACE_ROUTED_OUT6, which the world
 * sends to untranslated. Not versioned, and a hint only: the reader finds the prefix in the VPC's vpc_space, and its
 * flags there. */
struct vpc_prefix6_key {
	__u32 plen;	/* 32..63 */
	__be32 addr[4]; /* bits beyond plen zero */
};
_Static_assert(sizeof(struct vpc_prefix6_key) == 20, "vpc_prefix6_key");

/* eip: array by elastic IP number, mmapable. Slot i of `target` goes with private4[i] and vpc[i], which are written
 * before it. */
#define VPC_EIP_ENI    1u /* 1:1 with a private address of the ENI */
#define VPC_EIP_NAT    2u /* a NAT gateway's */
#define VPC_EIP_NOBODY 3u /* number 0: nobody's; the host answers for the address all the same */
struct vpc_eip {
	/* kind << VPC_TARGET_SHIFT | number of the ENI or NAT gateway; 0: there is no such elastic IP */
	struct vpc_versioned target;
	__be32 private4[2];
	__u32 vpc[2];
	__be32 addr4;
	__u32 pad[3];
};
_Static_assert(sizeof(struct vpc_eip) == 48, "vpc_eip");

/* nat: array by NAT gateway number, mmapable. */
#define VPC_NAT_HOST_ADDRESS 0xfffffu /* it has no elastic IP: behind the outer interface's address */
struct vpc_nat {
	struct vpc_versioned eip; /* number of its elastic IP, VPC_NAT_HOST_ADDRESS, or 0: there is no such gateway */
	__u32 vpc;
	__u32 incarnation; /* differs each time the number is given; never 0. What an older one translated is void */
};
_Static_assert(sizeof(struct vpc_nat) == 24, "vpc_nat");

/* --- published ports ------------------------------------------------------------------------------------------------
 */

/* publish: hash {address, port prefix} -> number in publish_row. A range of ports is one row for each aligned prefix
 * of it, as of rules. */
struct vpc_publish_key {
	__be32 addr[4]; /* of the host, as in vpc_public_key; zero: any of its addresses */
	__u8 proto;	/* IPPROTO_TCP or IPPROTO_UDP */
	__u8 plen;	/* bits of port that count, 0..16 */
	__u16 port;	/* host byte order, bits beyond plen zero */
};
_Static_assert(sizeof(struct vpc_publish_key) == 20, "vpc_publish_key");

/* publish_row: array, mmapable. Row 0 is never used. Visible at epoch E: born <= E && E < died. */
struct vpc_publish_row {
	__u64 born;
	__u64 died;
	struct vpc_publish_key key;
	__u32 vpc;
	__u32 eni;
	__u16 port; /* of the ENI, for the first port of the prefix; host byte order */
	__u16 pad;
	__be32 private4;
	__u32 publication; /* its number */
};
_Static_assert(sizeof(struct vpc_publish_row) == 56, "vpc_publish_row");

/* --- translations ----------------------------------------------------------------------------------------------------
 * Of each translated flow two entries: nat_out by the private tuple, nat_in by the public one. Both are hashes that
 * never evict; the programs insert and reuse what is over, vpcd deletes what is over and counts. */

struct vpc_nat_key {
	__u32 vpc;     /* nat_out: its number; nat_in: 0 */
	__be32 local;  /* nat_out: the private address; nat_in: the public one */
	__be32 remote; /* address of the other end, in the world */
	__be16 lport;  /* ICMP echo: the id in both */
	__be16 rport;
	__u8 proto;
	__u8 pad[3];
};
_Static_assert(sizeof(struct vpc_nat_key) == 20, "vpc_nat_key");

#define VPC_NAT_PUBLISHED 1u /* the outside opened it, by a published port: `by` is the row of publish_row */
#define VPC_NAT_CLOSED	  2u /* TCP: a RST, or both FINs: over after VPC_NAT_CLOSED_S */
#define VPC_NAT_FIN_IN	  4u
#define VPC_NAT_FIN_OUT	  8u
#define VPC_NAT_REPLIED	  16u /* both directions were seen */
#define VPC_NAT_HOST	  32u /* the other end is the host itself */
#define VPC_NAT_RST_IN	  64u /* the outside sent a RST, and nothing since */
#define VPC_NAT_RST_OUT	  128u
#define VPC_NAT_CLOSED_S  10
struct vpc_nat_entry {
	__u64 last_seen_ns;	  /* CLOCK_MONOTONIC, exact to a second, in both entries */
	struct vpc_nat_key key;	  /* of this entry: the reader compares it behind what it has read */
	struct vpc_nat_key other; /* of the other entry */
	__u32 by;		  /* number of the NAT gateway, or of the row of publish_row */
	__u32 incarnation;	  /* of the NAT gateway; of a published port the low half of the row's birth */
	__u32 timeout_s;
	__u32 eni;   /* number of the ENI that it counts to */
	__u32 flags; /* VPC_NAT_…, the same in both entries */
	__u32 pad;
};
_Static_assert(sizeof(struct vpc_nat_entry) == 72, "vpc_nat_entry");

/* nat_fragment: LRU {fragmented packet} -> how its first fragment was translated. */
struct vpc_nat_fragment_key {
	__u32 vpc; /* that it leaves; 0: it comes from the world */
	__be32 src;
	__be32 dst;
	__u16 pad;
	__be16 id;
	__u8 proto;
	__u8 pad2[3];
};
_Static_assert(sizeof(struct vpc_nat_fragment_key) == 20, "vpc_nat_fragment_key");
struct vpc_nat_fragment {
	__u64 seen_ns;	/* CLOCK_MONOTONIC; counts for 30 s */
	__be32 address; /* what its source, or its destination, becomes */
	__u32 vpc;
	__u32 way; /* VPC_EDGE_… << VPC_TARGET_SHIFT | number */
	__u16 end; /* of the first one, in units of 8 bytes: none may begin before */
	__u16 pad;
};
_Static_assert(sizeof(struct vpc_nat_fragment) == 24, "vpc_nat_fragment");

/* nat_used: array of __s64 by VPC number, mmapable: how many entries of nat_out it has. Whoever inserts or deletes one
 * counts, atomically; what takes the place of another of the same VPC counts nothing. */

#endif
