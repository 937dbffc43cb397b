/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The edge cache: each CPU stores translated packets that it has sent on. Only whole IPv4 TCP and UDP packets are
 * stored, of flows that both ends have used. The next packet of the same tuple from the same device, with none of SYN,
 * FIN and RST, is translated and sent the same way, without a lookup in a hash or in the host's routes. Of a flow's
 * first packet only the route is stored, for the slow path. A slot has one entry; a newer one replaces it.
 *
 * An entry holds until the next commit of any kind, and for at most a second after the translation's last_seen_ns was
 * written. So the slow path writes last_seen_ns once a second, and nobody else gets the translation while an entry has
 * it. The host's own routes and addresses are looked up again after that second.
 */
#ifndef BPF_LIB_EDGE_FAST_H
#define BPF_LIB_EDGE_FAST_H

#include "lib/flow/cache.h"
#include "lib/route/uplink.h"
#include "lib/packet/view.h"

struct edge_cache {
	__be32 src;
	__be32 dst;
	__u32 ports;
	__u32 ifindex; /* the device at which the packet came in; 0: the slot is empty */
	__u64 epoch;
	__u32 until;	/* in units of flow_cache_time() */
	__u32 gateway;	/* to the world: that of the frame's MAC; to a VPC: that of the frame's new MAC */
	__be32 address; /* new address of the translated end */
	__be16 port;
	__u8 proto;
	__u8 family; /* of the next hop; 0: the packet enters a VPC */
	__u32 vpc;
	union {
		__u32 mtu;     /* to a VPC: the receiver's */
		__be32 outer4; /* to the world: the outer interface's address, by the host's route before translation */
	};
	__u32 out;	  /* ifindex of the outer interface */
	__u32 route_only; /* only the route is known: the slow path must see the next packet too */
	__be32 next[4];	  /* address of the next hop */
};

#define EDGE_CACHE_SLOTS 1024u
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EDGE_CACHE_SLOTS);
	__type(key, __u32);
	__type(value, struct edge_cache);
} edge_cache_of_cpu SEC(".maps");

static __always_inline struct edge_cache *edge_cache_slot(__be32 src, __be32 dst, __u32 ports, __u32 ifindex)
{
	__u32 slot = (__u32)(flow_cache_hash(src, dst, ports, ifindex) >> 48) & (EDGE_CACHE_SLOTS - 1);

	return bpf_map_lookup_elem(&edge_cache_of_cpu, &slot);
}

/* --- remembering ------------------------------------------------------------------------------------------------- */

/* Whether the next packet like the one in the scratch, of the translation in e->entry, would change nothing. */
static __always_inline int edge_is_cacheable(const struct scratch *s, const struct edge *e)
{
	const struct packet *p = &s->packet;
	const __u32 ends = VPC_NAT_CLOSED | VPC_NAT_FIN_IN | VPC_NAT_FIN_OUT | VPC_NAT_HOST;

	if (p->fragment != WHOLE || p->l4 - p->l3 != sizeof(struct iphdr) || (e->entry.flags & ends) ||
	    !(e->entry.flags & VPC_NAT_REPLIED))
		return 0;
	return p->proto == IPPROTO_UDP ||
	       (p->proto == IPPROTO_TCP && (p->tcp_flags & (TCP_JUDGE & ~TCP_SYN)) == TCP_ACK);
}

/* Whether the packet's route alone is to be stored. No entry of the packet's tuple may be lost by it. */
static __always_inline int edge_is_first(const struct scratch *s, const struct edge *e)
{
	const struct packet *p = &s->packet;

	if (p->fragment != WHOLE || p->l4 - p->l3 != sizeof(struct iphdr) || (e->entry.flags & VPC_NAT_HOST))
		return 0;
	return p->proto == IPPROTO_TCP ? tcp_opens(p->tcp_flags)
				       : p->proto == IPPROTO_UDP && !(e->entry.flags & VPC_NAT_REPLIED);
}

/* Begins an entry for the packet in the scratch, whose translation is in e->entry. out: the packet leaves a VPC. The
 * entry is empty until its `ifindex` is stored. Returns NULL if nothing is to be stored. */
static __always_inline struct edge_cache *edge_cache_begin(const struct scratch *s, const struct edge *e, __u32 ifindex,
							   __u32 out)
{
	const struct vpc_nat_key *k = &e->entry.key;
	__u32 ports = out ? (__u32)k->rport << 16 | k->lport : (__u32)k->lport << 16 | k->rport;
	__be32 src = out ? k->local : k->remote, dst = out ? k->remote : k->local;
	int whole = edge_is_cacheable(s, e);
	struct edge_cache *c;

	if (!whole && !(out && edge_is_first(s, e)))
		return 0;
	c = edge_cache_slot(src, dst, ports, ifindex);
	if (!c)
		return 0;
	c->ifindex = 0;
	c->route_only = !whole;
	c->src = src;
	c->dst = dst;
	c->ports = ports;
	c->epoch = s->epoch;
	c->until = flow_cache_time(e->entry.last_seen_ns + NS_PER_S);
	c->gateway = e->gateway;
	c->address = e->entry.other.local;
	c->port = e->entry.other.lport;
	c->proto = k->proto;
	c->vpc = e->vpc;
	return c;
}

/* --- using it ----------------------------------------------------------------------------------------------------- */

static __always_inline int edge_cache_is_young(const struct edge_cache *c, __u64 now_ns)
{
	return c->until - flow_cache_time(now_ns) - 1 < FLOW_CACHE_UNITS;
}

/* The entry of a packet with a header view, if it holds; else NULL. */
static __always_inline struct edge_cache *edge_cache_find(struct __sk_buff *skb, const struct header_view *p)
{
	__u32 zero = 0;
	struct vpc_ctl *now = bpf_map_lookup_elem(&ctl, &zero);
	struct edge_cache *c;

	if (p->family != 4 || (p->tcp && (p->tcp_flags & TCP_JUDGE) != TCP_ACK))
		return 0;
	c = edge_cache_slot(p->src, p->dst, p->ports, skb->ifindex);
	if (!c || !now || c->ifindex != skb->ifindex || c->src != p->src || c->dst != p->dst || c->ports != p->ports ||
	    c->proto != p->proto || c->route_only || c->epoch != READ_ONCE(now->epoch))
		return 0;
	return edge_cache_is_young(c, bpf_ktime_get_coarse_ns()) ? c : 0;
}

/* Bytes of the Ethernet header, the IPv4 header and the ports. */
#define EDGE_FAST_HEAD (ETH_HLEN + sizeof(struct iphdr) + 4)

/* Gives one end of the packet the entry's address and port, and the frame new MACs unless macs is NULL, by one store.
 * Returns enum bytes. */
static __always_inline int edge_fast_rewrite(struct __sk_buff *skb, const struct edge_cache *c, __u32 end,
					     const __u8 *macs)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *data_end = (const __u8 *)(long)skb->data_end;
	const __u32 at = ETH_HLEN + (end == EDGE_SOURCE ? IPV4_SOURCE : IPV4_DESTINATION);
	const __u32 port_at = ETH_HLEN + sizeof(struct iphdr) + (end == EDGE_SOURCE ? 0 : 2);
	__u32 l4 = ETH_HLEN + sizeof(struct iphdr), mangled = c->proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u32 check = l4 + (c->proto == IPPROTO_TCP ? TCP_CHECK : UDP_CHECK);
	__u8 head[EDGE_FAST_HEAD] __attribute__((aligned(2)));
	u16_alias *ip_check = (u16_alias *)(head + ETH_HLEN + IPV4_CHECK);
	__be32 address = c->address, old;
	__be16 port = c->port, old_port;
	__u64 sum;

	if (data + EDGE_FAST_HEAD > data_end)
		return BYTES_FAILED;
	for (__u32 i = 0; i < EDGE_FAST_HEAD; i += 2)
		*(u16_alias *)(head + i) = *(const u16_alias *)(data + i);
	old = (__u32) * (u16_alias *)(head + at + 2) << 16 | *(u16_alias *)(head + at);
	old_port = *(u16_alias *)(head + port_at);
	if (macs) {
		mac_copy(head, macs);
		mac_copy(head + ETH_ALEN, macs + ETH_ALEN);
	}
	/* RFC 1624: ~(~HC + ~m + m') */
	sum = (__u64)(__u16) ~*ip_check + (__u32)~old + address;
	*ip_check = (__u16)~checksum_fold(sum);
	*(u16_alias *)(head + at) = (__u16)address;
	*(u16_alias *)(head + at + 2) = (__u16)(address >> 16);
	*(u16_alias *)(head + port_at) = port;
	if (bpf_l4_csum_replace(skb, check, old, address, mangled | BPF_F_PSEUDO_HDR | sizeof(address)))
		return BYTES_FAILED;
	if (port != old_port && bpf_l4_csum_replace(skb, check, old_port, port, mangled | sizeof(port)))
		return BYTES_FAILED;
	return (int)bpf_skb_store_bytes(skb, 0, head, sizeof(head), 0);
}

/* The fast path of a packet that leaves a VPC: at the host end of its uplink. Returns what the program ends with, or
 * FAST_NOT. */
static __noinline int edge_fast_leave(struct __sk_buff *skb)
{
	struct bpf_redir_neigh next = {};
	struct header_view p;
	struct edge_cache *c;
	__u32 out;

	if (!view_read(skb, &p))
		return FAST_NOT;
	c = edge_cache_find(skb, &p);
	if (!c || !c->family || c->gateway != gateway_of_mac(p.frame.macs))
		return FAST_NOT;
	next.nh_family = c->family;
	next.ipv6_nh[0] = c->next[0];
	next.ipv6_nh[1] = c->next[1];
	next.ipv6_nh[2] = c->next[2];
	next.ipv6_nh[3] = c->next[3];
	out = c->out;
	if (edge_fast_rewrite(skb, c, EDGE_SOURCE, 0))
		return drop_unread(0, VPC_DROP_NO_MEMORY);
	gateway_count(c->vpc, c->gateway, 1, skb->len);
	return (int)bpf_redirect_neigh(out, &next, sizeof(next), 0) & REDIRECT_ACT;
}

/* The fast path of a packet that enters a VPC: at an outer interface. Returns what the program ends with, or
 * FAST_NOT. */
static __noinline int edge_fast_enter(struct __sk_buff *skb)
{
	__u8 macs[2 * ETH_ALEN];
	struct vpc_uplink *u;
	struct header_view p;
	struct edge_cache *c;
	__u32 ifindex;

	if (!view_read(skb, &p))
		return FAST_NOT;
	c = edge_cache_find(skb, &p);
	if (!c || c->family || redirect_biggest(skb, &p.frame) > c->mtu)
		return FAST_NOT;
	u = uplink_get(c->vpc);
	ifindex = u ? READ_ONCE(u->host_ifindex) : 0;
	if (!ifindex || !(READ_ONCE(u->flags) & VPC_UPLINK_PEER_REDIRECT))
		return FAST_NOT;
	gateway_to_mac(macs, c->gateway);
	mac_copy(macs + ETH_ALEN, u->host_mac);
	if (edge_fast_rewrite(skb, c, EDGE_DESTINATION, macs))
		return drop_unread(0, VPC_DROP_NO_MEMORY);
	gateway_count(c->vpc, c->gateway, 0, skb->len);
	skb->mark = 0;
	skb->tstamp = 0;
	return (int)bpf_redirect_peer(ifindex, 0) & REDIRECT_ACT;
}

#endif
