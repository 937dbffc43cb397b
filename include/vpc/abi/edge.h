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

/* The destination MAC of a frame on an uplink says by which gateway it goes or came. Only the programs write it: 02,
 * 'V', kind, then the number in network order, three bytes. */
#define VPC_EDGE_MAC_0	   0x02
#define VPC_EDGE_MAC_1	   'V'
#define VPC_EDGE_IGW	   1 /* to or from an internet gateway: by an elastic IP, or untranslated IPv6 */
#define VPC_EDGE_EIGW	   2 /* to or from an egress-only internet gateway: untranslated IPv6 */
#define VPC_EDGE_NAT	   3 /* to or from the NAT gateway of that number */
#define VPC_EDGE_PUBLISHED 4 /* to or from a published port, of a flow that was opened from outside */
#define VPC_EDGE_PEERING   5 /* to the VPC of that number. The source MAC has the same form: the ENI that sent it */
/* To or from the host itself. Number 0: by the VPC's host access. VPC_EDGE_IGW: of a flow that the host opened to an
 * elastic IP, or to an IPv6 address that an internet gateway leads to. */
#define VPC_EDGE_HOST	   6

/* --- routes ------------------------------------------------------------------------------------------------------ */

/* Appliances in a row that answers to a gateway may pass between a subnet and that gateway. */
#define VPC_ROUTE_APPLIANCES 3u

/* A target is a value of a struct vpc_versioned: kind << VPC_TARGET_SHIFT | number. 0: there is no such route. */
#define VPC_TARGET_SHIFT     20
#define VPC_TARGET_NUMBER    0xfffffu
#define VPC_TARGET_IGW	     1u /* number 0 */
#define VPC_TARGET_EIGW	     2u /* number 0 */
#define VPC_TARGET_NAT	     3u /* number of the NAT gateway */
#define VPC_TARGET_ENI	     4u /* number of an appliance ENI */
#define VPC_TARGET_PEERING   5u /* number of the VPC at the other end of an active peering */
#define VPC_TARGET_BLACKHOLE 6u /* number 0 */

/* subnet_table: array of struct vpc_versioned by subnet number, mmapable: number of its route table; 0: none. */

/* route_plens: array by route table number, mmapable. Prefix lengths that may be in use (a superset). */
struct vpc_route_plens {
	__u64 plens4;	 /* bit p: IPv4 destinations with a prefix of p bits (0..32) */
	__u64 plens6[3]; /* bit p % 64 of word p / 64: IPv6 destinations (0..128) */
};
_Static_assert(sizeof(struct vpc_route_plens) == 32, "vpc_route_plens");

/* route: hash {table, destination} -> number in route_row, an array, mmapable. The VPC's own address space is in no
 * table, and no destination in it is looked up. */
struct vpc_route_key {
	__u32 table;
	__u8 family; /* 4 or 6 */
	__u8 plen;
	__u16 pad;
	__be32 addr[4]; /* IPv4: addr[0], the rest is 0; bits beyond plen are zero */
};
_Static_assert(sizeof(struct vpc_route_key) == 24, "vpc_route_key");

/* Row 0 is never used. */
struct vpc_route_row {
	struct vpc_versioned target; /* VPC_TARGET_… */
	struct vpc_route_key key;
};
_Static_assert(sizeof(struct vpc_route_row) == 40, "vpc_route_row");

/* --- uplinks and outer interfaces --------------------------------------------------------------------------------- */

/* uplink: array by VPC number, mmapable. Not versioned: it describes the devices as they are. */
#define VPC_UPLINK_PEER_REDIRECT 1u /* bpf_redirect_peer works at both ends; else bpf_redirect is used */
struct vpc_uplink {
	__u32 ifindex;	    /* of the VPC end; 0: there is no uplink */
	__u32 host_ifindex; /* of the host end; 0: not known yet */
	__u32 flags;	    /* VPC_UPLINK_… */
	__u32 mtu;	    /* largest packet that may leave, in bytes: the smallest MTU of the outer interfaces and
			     * the VPC */
	__u8 host_mac[6];   /* of the host end */
	__u16 pad;
	__u32 pad2[2];
};
_Static_assert(sizeof(struct vpc_uplink) == 32, "vpc_uplink");

/* uplink_of: hash {ifindex of a host end} -> VPC number. */

/* outer: hash {ifindex of an outer interface} -> this. Only fields of one word are changed in place. */
struct vpc_outer {
	__be32 addr4; /* its first address, which NAT gateways without an elastic IP use; 0: none */
	__u32 mtu;
	__u8 mac[6];
	__u16 pools; /* bit p - 1: it is the uplink of pool p (vpc_eip.pool) */
};
_Static_assert(sizeof(struct vpc_outer) == 16, "vpc_outer");

/* edge_ctl: array of one, mmapable. */
#define VPC_EDGE_FORWARD 1u /* the programs translate, and the host's own forwarding sends */
struct vpc_edge_ctl {
	__u32 flags;	      /* VPC_EDGE_… */
	__u32 publish_plens;  /* bit p: there may be publications with a port prefix of p bits, 0 to 16 (a superset) */
	__u32 nat_port_first; /* range of ports for translations to the host's own addresses, host byte order */
	__u32 nat_port_last;
	__u32 nat_prefer_first; /* range that is tried first, in which the host's own sockets get no port */
	__u32 nat_prefer_last;
	__u32 nat_per_vpc;   /* translations that one VPC may have */
	__u32 prefix6_plens; /* bit p - 32: there may be IPv6 address spaces with a prefix of p bits, 32 to 63 (a
			      * superset) */
};
_Static_assert(sizeof(struct vpc_edge_ctl) == 32, "vpc_edge_ctl");

/* --- public addresses ------------------------------------------------------------------------------------------- */

/* public: hash {address} -> this. The host's addresses that have VPC_PUBLIC_OWN alone are no public ones: they stand
 * here so that nobody else sends from them. An elastic IP counts while its target is not 0. The reader compares
 * vpc_eip.addr4 with the address, because the element may have been recycled. If it is the host's too, the elastic IP
 * counts, and the host where there is none. */
struct vpc_public_key {
	__be32 addr[4]; /* IPv4 as ::ffff:a.b.c.d */
};
#define VPC_PUBLIC_EIP	1u /* an elastic IP; its number in `eip` is `number` */
#define VPC_PUBLIC_HOST 2u /* an address of the host, at which there are translations or published ports */
#define VPC_PUBLIC_OWN	4u /* an address of the host, on any of its interfaces */
struct vpc_public {
	__u32 kind;   /* bits: VPC_PUBLIC_… */
	__u32 number; /* of the elastic IP; else 0 */
};
_Static_assert(sizeof(struct vpc_public) == 8, "vpc_public");

/* prefix6: hash {prefix} -> VPC number: the IPv6 address spaces of the VPCs with VPC_SPACE_ROUTED_OUT6, to which the
 * world sends without translation. Not versioned, and only where to look: the reader compares the VPC's vpc_space and
 * its flags. */
struct vpc_prefix6_key {
	__u32 plen;	/* 32..63 */
	__be32 addr[4]; /* bits beyond plen are zero */
};
_Static_assert(sizeof(struct vpc_prefix6_key) == 20, "vpc_prefix6_key");

/* eip: array by elastic IP number, mmapable. Slot i of `target` belongs to private4[i] and vpc[i], which are written
 * before it. */
#define VPC_EIP_ENI    1u /* translated 1:1 to a private address of the ENI */
#define VPC_EIP_NAT    2u /* used by a NAT gateway */
#define VPC_EIP_NOBODY 3u /* number 0: not associated; the host answers ARP for the address all the same */
struct vpc_eip {
	/* kind << VPC_TARGET_SHIFT | number of the ENI or NAT gateway; 0: there is no such elastic IP */
	struct vpc_versioned target;
	__be32 private4[2];
	__u32 vpc[2];
	__be32 addr4;
	__u32 pool; /* 1 to 16: its pool; 0: none. Changes only at a start. ARP is answered on the uplink of the pool
		       alone */
	__u32 pad[2];
};
_Static_assert(sizeof(struct vpc_eip) == 48, "vpc_eip");

/* nat: array by NAT gateway number, mmapable. */
#define VPC_NAT_HOST_ADDRESS 0xfffffu /* it has no elastic IP and uses the outer interface's address */
struct vpc_nat {
	struct vpc_versioned eip; /* number of its elastic IP, VPC_NAT_HOST_ADDRESS, or 0: there is no such gateway */
	__u32 vpc;
	__u32 incarnation; /* differs each time the number is given; never 0. Translations of an earlier one don't
			    * hold */
};
_Static_assert(sizeof(struct vpc_nat) == 24, "vpc_nat");

/* --- published ports -------------------------------------------------------------------------------------------- */

/* publish: hash {address, port prefix} -> number in publish_row. A range of ports has a row for each of its aligned
 * prefixes, as ports of rules have. */
struct vpc_publish_key {
	__be32 addr[4]; /* of the host, as in vpc_public_key; zero: any address of it */
	__u8 proto;	/* IPPROTO_TCP or IPPROTO_UDP */
	__u8 plen;	/* bits of the port that count, 0 to 16 */
	__u16 port;	/* host byte order; bits beyond plen are zero */
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
	__u32 publication; /* number of the publication */
};
_Static_assert(sizeof(struct vpc_publish_row) == 56, "vpc_publish_row");

/* --- translations ----------------------------------------------------------------------------------------------- */

/*
 * Each translated flow has two entries: in nat_out by the private tuple, in nat_in by the public one. Both maps are
 * hashes that never evict. The programs insert entries, and reuse those that are over. vpcd deletes those that are
 * over, and counts.
 */

struct vpc_nat_key {
	__u32 vpc;     /* nat_out: the VPC's number; nat_in: 0 */
	__be32 local;  /* nat_out: the private address; nat_in: the public address */
	__be32 remote; /* address of the other end, in the world */
	__be16 lport;  /* ICMP echo: lport and rport are both the id */
	__be16 rport;
	__u8 proto;
	__u8 pad[3];
};
_Static_assert(sizeof(struct vpc_nat_key) == 20, "vpc_nat_key");

#define VPC_NAT_PUBLISHED	   1u /* opened from outside by a published port: `by` is the row of publish_row */
#define VPC_NAT_CLOSED		   2u /* TCP: a RST or both FINs were seen; over after VPC_NAT_CLOSED_…S */
#define VPC_NAT_FIN_IN		   4u
#define VPC_NAT_FIN_OUT		   8u
#define VPC_NAT_REPLIED		   16u /* both directions were seen */
#define VPC_NAT_HOST		   32u /* the other end is the host itself */
#define VPC_NAT_RST_IN		   64u /* the outside sent a RST, and nothing after it */
#define VPC_NAT_RST_OUT		   128u
/* A closed connection's port isn't another's, towards the same server, until no server keeps the connection in
 * TIME_WAIT. What a published port let in takes no port from anybody. */
#define VPC_NAT_CLOSED_S	   60
#define VPC_NAT_CLOSED_PUBLISHED_S 10
struct vpc_nat_entry {
	__u64 last_seen_ns;	  /* CLOCK_MONOTONIC, exact to a second, in both entries */
	struct vpc_nat_key key;	  /* key of this entry; the reader compares it after it has copied the entry */
	struct vpc_nat_key other; /* key of the other entry */
	__u32 by;		  /* number of the NAT gateway, or of the row of publish_row */
	__u32 incarnation;	  /* of the NAT gateway; of a published port: the low half of the row's `born` */
	__u32 timeout_s;
	__u32 eni;   /* number of the ENI that uses it */
	__u32 flags; /* VPC_NAT_…, the same in both entries */
	__u32 pad;
};
_Static_assert(sizeof(struct vpc_nat_entry) == 72, "vpc_nat_entry");

/* nat_fragment: LRU {fragmented packet} -> how its first fragment was translated. nat_fragment_overflow: the same, of
 * those who have more than their share in nat_fragment (bpf/lib/flow/share.h). */
struct vpc_nat_fragment_key {
	__u32 vpc; /* the VPC that it leaves; 0: it comes from the world */
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
	__be32 address; /* the new source or destination */
	__be32 other;	/* between a workload and the host itself, the new address of the other end; else 0 */
	__u32 vpc;
	__u32 gateway; /* VPC_EDGE_… << VPC_TARGET_SHIFT | number */
	__u16 end;     /* where the first fragment ends, in units of 8 bytes; no later one may begin before it */
	__u16 pad;
	__u32 pad2;
};
_Static_assert(sizeof(struct vpc_nat_fragment) == 32, "vpc_nat_fragment");

/* nat_used: array of __s64 by VPC number, mmapable: how many entries of nat_out the VPC has. Whoever inserts or deletes
 * one counts it, atomically. An entry that replaces another of the same VPC isn't counted. */

#endif
