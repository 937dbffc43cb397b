/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which RSTs are sure: their receiver will accept them. Anybody can write a RST, and TCP accepts only one that has the
 * next sequence number that it expects (RFC 5961, section 3.2). At tc ingress of a workload's port, skb->sk is still
 * the socket that sent the packet. If the other end has acknowledged all that this socket sent, it expects the number
 * that the RST has.
 *
 * Everything else is not sure: what a raw socket, a packet socket or the holder of a tap has written, the kernel's
 * answer to a segment that no socket wants, and a RST with data before it on the way.
 *
 * A workload that may change its packets behind its sockets (CAP_NET_ADMIN in its namespace) can make a RST look sure
 * that its receiver ignores. It ends a flow of its own so, and is that flow's end; nobody else's segments get here.
 */
#ifndef BPF_LIB_RESET_H
#define BPF_LIB_RESET_H

#include "lib/core/address.h"
#include "lib/packet/tcp.h"

#include <linux/in.h>

#define SOCKET_STREAM	    1  /* SOCK_STREAM */
#define SOCKET_FAMILY_INET  2  /* AF_INET */
#define SOCKET_FAMILY_INET6 10 /* AF_INET6 */

/* A RST. Addresses are as in struct packet. */
struct reset {
	__be32 src[4];
	__be32 dst[4];
	__u32 ports; /* as in the packet: source, then destination */
	__u32 seq;   /* host order */
};

/* Whether the socket has the packet's addresses. A socket of IPv6 may have an IPv4 connection. Those of IPv4 are read
 * before the branch: clang would merge the two branches' loads into one of a computed address, which the verifier
 * doesn't allow in a socket. */
static __always_inline int reset_has_addresses(const struct bpf_sock *sk, const struct reset *r)
{
	__be32 src4 = READ_ONCE(sk->src_ip4), dst4 = READ_ONCE(sk->dst_ip4);
	__u32 family = READ_ONCE(sk->family);

	if (address_is4(r->src))
		return (family == SOCKET_FAMILY_INET || family == SOCKET_FAMILY_INET6) && src4 == r->src[3] &&
		       dst4 == r->dst[3];
	return family == SOCKET_FAMILY_INET6 && sk->src_ip6[0] == r->src[0] && sk->src_ip6[1] == r->src[1] &&
	       sk->src_ip6[2] == r->src[2] && sk->src_ip6[3] == r->src[3] && sk->dst_ip6[0] == r->dst[0] &&
	       sk->dst_ip6[1] == r->dst[1] && sk->dst_ip6[2] == r->dst[2] && sk->dst_ip6[3] == r->dst[3];
}

/* Whether the socket is in a state in which it has had a connection, and has the packet's tuple. A socket that is
 * closed has given its port back already when it sends its RST; bpf_sock says 0 then. */
static __always_inline int reset_is_from(const struct bpf_sock *sk, const struct reset *r)
{
	__u32 port = sk->src_port, state = sk->state;

	if (sk->type != SOCKET_STREAM || sk->protocol != IPPROTO_TCP)
		return 0;
	if (state != BPF_TCP_ESTABLISHED && state != BPF_TCP_CLOSE && state != BPF_TCP_CLOSE_WAIT &&
	    state != BPF_TCP_FIN_WAIT1 && state != BPF_TCP_FIN_WAIT2 && state != BPF_TCP_CLOSING &&
	    state != BPF_TCP_LAST_ACK)
		return 0;
	if (port != bpf_ntohs((__be16)r->ports) && (port || state != BPF_TCP_CLOSE))
		return 0;
	return sk->dst_port == (__be16)(r->ports >> 16) && reset_has_addresses(sk, r);
}

/* Whether the receiver will accept the RST. A raw socket of the protocol TCP has no struct tcp_sock, so the type is
 * asked before the kernel is. Sockets that aren't full (a request, one in TIME_WAIT) have none either. */
static __noinline int reset_is_sure(struct __sk_buff *skb, const struct reset *r)
{
	struct bpf_sock *sk = skb->sk;
	struct bpf_tcp_sock *tp;

	sk = sk ? bpf_sk_fullsock(sk) : 0;
	if (!sk || !reset_is_from(sk, r))
		return 0;
	tp = bpf_tcp_sock(sk);
	return tp && tp->snd_una == r->seq && tp->snd_nxt == r->seq;
}

/* Notes whether the RST in the scratch is sure. */
__noinline int reset_note(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct reset r;
	__be32 seq;

	if (!s || s->packet.proto != IPPROTO_TCP || s->packet.fragment != WHOLE ||
	    bpf_skb_load_bytes(skb, s->packet.l4 + 4, &seq, 4))
		return 0;
	address_copy(r.src, s->packet.src);
	address_copy(r.dst, s->packet.dst);
	r.ports = (__u32)s->packet.dport << 16 | s->packet.sport;
	r.seq = bpf_ntohl(seq);
	s->packet.sure_reset = (__u8)reset_is_sure(skb, &r);
	return 0;
}

#endif
