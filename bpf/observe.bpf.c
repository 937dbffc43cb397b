/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts packets by flow, for flow logs: what comes into a VPC by the ports of its ENIs and by its uplink.
 *
 * The program is the filter of a packet socket in the VPC's namespace, which vpcd opens while there is a flow log. It
 * sees each packet before the programs of the port judge it, lets none through to the socket, and decides nothing. So
 * whether a packet was let through isn't known here.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <vpc/abi/abi.h>
#include <vpc/abi/flow_count.h>

char observe_license[] SEC("license") = "GPL";

#define TCP_FLAGS_AT	13
#define PACKET_OUTGOING 4 /* linux/if_packet.h can't be included beside bpf.h */

struct counts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vpc_flow_count_key);
	__type(value, struct vpc_flow_count);
};
struct counts counts_0 SEC(".maps"), counts_1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct vpc_flow_count_ctl);
} count_ctl SEC(".maps");

static __always_inline void add(void *map, __u64 *lost, const struct vpc_flow_count_key *key, __u32 bytes, __u32 flags)
{
	__u64 now_ns = bpf_ktime_get_boot_ns();
	struct vpc_flow_count *count = bpf_map_lookup_elem(map, key);

	if (!count) {
		struct vpc_flow_count new = {.first_ns = now_ns, .last_ns = now_ns};

		/* Another CPU may insert it first. */
		bpf_map_update_elem(map, key, &new, BPF_NOEXIST);
		count = bpf_map_lookup_elem(map, key);
	}
	if (!count) {
		__sync_fetch_and_add(lost, 1);
		return;
	}
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, bytes);
	count->last_ns = now_ns;
	if ((count->tcp_flags & flags) != flags)
		__sync_fetch_and_or(&count->tcp_flags, flags);
}

static __always_inline int load(const struct __sk_buff *skb, __u32 offset, void *to, __u32 bytes)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, bytes, BPF_HDR_START_NET);
}

/* Reads addresses and protocol. Returns where the upper header is, from the IP header on; 0: the packet is a later
 * fragment; -1: it isn't IP. */
static __always_inline int read_ip(const struct __sk_buff *skb, struct vpc_flow_count_key *key)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (load(skb, 0, &ip, sizeof(ip)))
			return -1;
		key->src[2] = key->dst[2] = bpf_htonl(0xffff);
		key->src[3] = ip.saddr;
		key->dst[3] = ip.daddr;
		key->proto = ip.protocol;
		return ip.frag_off & bpf_htons(0x1fff) ? 0 : ip.ihl * 4;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip;

		if (load(skb, 0, &ip, sizeof(ip)))
			return -1;
		__builtin_memcpy(key->src, &ip.saddr, sizeof(key->src));
		__builtin_memcpy(key->dst, &ip.daddr, sizeof(key->dst));
		key->proto = ip.nexthdr;
		return sizeof(ip);
	}
	return -1;
}

/* Whether the device is a port or an uplink. */
static __always_inline int is_entry(__u32 ifindex)
{
	return (ifindex >= VPC_ENI_FIRST && ifindex <= VPC_NUMBER_MASK) || ifindex >= VPC_UPLINK_FIRST;
}

SEC("socket")
int count_flows(struct __sk_buff *skb)
{
	struct vpc_flow_count_key key = {};
	struct vpc_flow_count_ctl *ctl;
	__u32 zero = 0, flags = 0;
	int l4;

	if (skb->pkt_type == PACKET_OUTGOING || !is_entry(skb->ifindex))
		return 0;
	key.ifindex = skb->ifindex;
	l4 = read_ip(skb, &key);
	if (l4 < 0)
		return 0;
	if (l4 && (key.proto == IPPROTO_TCP || key.proto == IPPROTO_UDP)) {
		__be16 ports[2] = {};
		__u8 tcp_flags = 0;

		load(skb, (__u32)l4, ports, sizeof(ports));
		key.sport = ports[0];
		key.dport = ports[1];
		if (key.proto == IPPROTO_TCP)
			load(skb, (__u32)l4 + TCP_FLAGS_AT, &tcp_flags, sizeof(tcp_flags));
		flags = tcp_flags;
	}
	ctl = bpf_map_lookup_elem(&count_ctl, &zero);
	if (!ctl)
		return 0;
	if (*(volatile __u32 *)&ctl->which)
		add(&counts_1, &ctl->lost[1], &key, skb->len, flags);
	else
		add(&counts_0, &ctl->lost[0], &key, skb->len, flags);
	return 0;
}
