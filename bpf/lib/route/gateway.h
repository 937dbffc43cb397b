/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scratch in which the programs of ../edge/ have a translation, and the MACs that say by which gateway a frame on
 * an uplink goes.
 *
 * The current packet is in the packet's scratch (core/base.h), as in the programs on ports. parse_packet() puts it
 * there, and whoever rewrites the packet rewrites it there too. The translation is in a scratch of its own.
 */
#ifndef BPF_LIB_ROUTE_GATEWAY_H
#define BPF_LIB_ROUTE_GATEWAY_H

#include "lib/core/drop.h"
#include "lib/packet/parse.h"

/* The gateway by which a packet leaves or enters its VPC: VPC_EDGE_… << VPC_TARGET_SHIFT | number; 0: none. A published
 * port, a peering and host access count as gateways. */
static __always_inline __u32 gateway_make(__u32 kind, __u32 number)
{
	return kind << VPC_TARGET_SHIFT | (number & VPC_TARGET_NUMBER);
}

static __always_inline __u32 gateway_kind(__u32 gateway)
{
	return gateway >> VPC_TARGET_SHIFT;
}

/* The most addresses at which a publication is looked up. */
#define PUBLISH_ADDRESSES 8u

/* The end of a packet that is translated. */
#define EDGE_SOURCE	 0u
#define EDGE_DESTINATION 1u

struct edge {
	struct vpc_nat_key key;	       /* the key that is looked up */
	struct vpc_nat_key probe;      /* the key in nat_in of a port that is tried */
	struct vpc_nat_entry entry;    /* copy of the entry that was found, or the new one */
	struct vpc_nat_entry mirrored; /* the other entry of a new translation */
	struct vpc_public_key public_key;
	struct vpc_publish_key publish_key;
	struct vpc_nat_fragment_key fragment_key;
	struct vpc_nat_fragment fragment;
	struct bpf_fib_lookup fib;
	__u32 gateway;	/* the gateway by which the packet leaves or enters */
	__u32 vpc;	/* the VPC that it leaves or enters */
	__be32 public4; /* the public address of a new translation */
	__u32 host;	/* public4 is the host's own address, so the host's sockets are looked up */
	__u32 port_first;
	__u32 ports; /* how many ports may be tried */
	__u32 prefer_first;
	__u32 prefers;
	__u32 start; /* where the search for a port starts */
	__u32 wanted;
	__u32 refused;
	__u32 publish_plens;	 /* prefix lengths of ports at which publications are looked up, */
	__u32 publish_addresses; /* the number of addresses at which they are looked up, */
	__be32 publish_address[PUBLISH_ADDRESSES];
	__u32 published; /* and the row that was found */
	__u32 only_vpc;	 /* the VPC whose publications count; 0: all VPCs */
	__u32 publishes; /* the destination is an address of the host, at which ports may be published */
	__u32 hairpin;	 /* the destination is a public address of this host's VPCs */
	struct vpc_prefix6_key prefix6;
	__u32 prefix6_plens;
	__u32 prefix6_vpc;
	__u32 translated; /* the packet has its public source already */
	__u32 to_host;	  /* the packet answers the host itself */
	__u32 outer;	  /* the route in `fib` is by an outer interface, */
	__be32 outer4;	  /* which has this address; 0: none */
	__u32 fib_until;  /* the edge cache had the route in `fib`, until then; 0: it was looked up */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct edge);
} edge_of_cpu SEC(".maps");

static __always_inline struct edge *edge_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&edge_of_cpu, &zero);
}

static __always_inline struct vpc_edge_ctl *edge_ctl_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&edge_ctl, &zero);
}

/* The row of the VPC's uplink, or NULL. */
static __always_inline struct vpc_uplink *uplink_get(__u32 number)
{
	struct vpc_uplink *u = bpf_map_lookup_elem(&uplink, &number);

	return u && READ_ONCE(u->ifindex) ? u : 0;
}

/* Writes the MAC that stands for a gateway. mac: 6 bytes. */
static __always_inline void gateway_to_mac(__u8 *mac, __u32 gateway)
{
	mac[0] = VPC_EDGE_MAC_0;
	mac[1] = VPC_EDGE_MAC_1;
	mac[2] = (__u8)gateway_kind(gateway);
	mac[3] = (__u8)(gateway >> 16 & (VPC_TARGET_NUMBER >> 16));
	mac[4] = (__u8)(gateway >> 8);
	mac[5] = (__u8)gateway;
}

/* The gateway for which the frame's destination MAC stands; 0: none. */
static __always_inline __u32 gateway_of_mac(const __u8 *mac)
{
	if (mac[0] != VPC_EDGE_MAC_0 || mac[1] != VPC_EDGE_MAC_1 || !mac[2] || mac[2] > VPC_EDGE_HOST)
		return 0;
	return gateway_make(mac[2], (__u32)mac[3] << 16 | (__u32)mac[4] << 8 | mac[5]);
}

/* Clears the scratch for a packet at a device that is no port, and reads the epoch. */
static __always_inline void edge_begin(struct __sk_buff *skb, struct scratch *s, __u32 direction)
{
	s->me = 0;
	s->my_flags = 0;
	s->my_incarnation = 0;
	s->direction = direction;
	s->length = skb->len;
	s->now_ns = bpf_ktime_get_coarse_ns();
	s->culprit = 0;
	s->admitted = 0;
	s->from_router = 0;
	s->via = 0;
	s->target = 0;
	s->hop = 0;
	s->problem = 0;
	s->gateway = 0;
	s->route_known = 0;
	s->source_asked = 0;
	s->peer = 0;
	s->answers = 0;
	s->cacheable = 0;
	s->next_mtu = 0;
	s->end[0].eni = 0;
	s->end[1].eni = 0;
	s->ethertype = (__be16)skb->protocol;
	s->packet.proto = 0;
	s->packet.icmp_kind = ICMP_NONE;
	s->packet.sport = 0;
	s->packet.dport = 0;
	__builtin_memset(s->packet.src, 0, 32);
	state_begin(s);
}

/* Reads the IP packet behind the Ethernet header. Returns PASS or a reason. */
static __always_inline int edge_parse(struct __sk_buff *skb)
{
	if (skb->vlan_present)
		return VPC_DROP_ETHERTYPE;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse_packet(skb, ETH_HLEN, 4, 0);
	return skb->protocol == bpf_htons(ETH_P_IPV6) ? parse_packet(skb, ETH_HLEN, 6, 0) : VPC_DROP_ETHERTYPE;
}

/* Looks up an address in `public`. The row has VPC_PUBLIC_… bits and the number of an elastic IP. Returns NULL if the
 * address is neither public nor the host's. */
static __always_inline struct vpc_public *public_find(struct edge *e, const __be32 *address)
{
	address_copy(e->public_key.addr, address);
	return bpf_map_lookup_elem(&public, &e->public_key);
}

/* Whether the address is public: an elastic IP, or an address of the host on an outer interface. */
static __always_inline int public_is_reached(struct edge *e, const __be32 *address)
{
	struct vpc_public *found = public_find(e, address);

	return found && (READ_ONCE(found->kind) & (VPC_PUBLIC_EIP | VPC_PUBLIC_HOST));
}

#endif
