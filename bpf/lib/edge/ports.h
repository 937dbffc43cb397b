/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New translations: which public port a flow gets.
 *
 * Translations are told apart by the whole tuple, so a port serves as many flows as there are remote ends. A flow keeps
 * its own port if it is free. Else ports are tried at random: first from the range in which the host's own sockets get
 * none, then from all. A port is free for a remote end if no translation that holds has the tuple and, at an address of
 * the host, no socket of the host has it.
 */
#ifndef BPF_LIB_EDGE_PORTS_H
#define BPF_LIB_EDGE_PORTS_H

#include "lib/route/nat.h"

#include <linux/errno.h>

#define PORT_PREFER_TRIES 32u
#define PORT_TRIES	  288u /* if 4,500 of 64,512 ports are free, one of 10^9 flows finds none */

struct port_walk {
	struct __sk_buff *skb;
	struct scratch *s;
	struct edge *e;
};

#define PORT_TCP_LISTEN 10 /* the kernel's TCP_LISTEN */

/* Whether a socket of the host receives what the remote end sends to the local port of a key of nat_in. A socket in
 * TIME_WAIT counts. connected: a socket that listens or has no peer doesn't count. */
static __always_inline int port_is_hosts(struct __sk_buff *skb, const struct vpc_nat_key *k, int connected)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int found;

	tuple.ipv4.saddr = k->remote;
	tuple.ipv4.daddr = k->local;
	tuple.ipv4.sport = k->rport;
	tuple.ipv4.dport = k->lport;
	if (k->proto == IPPROTO_TCP) {
		sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), (__u64)BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return 0;
		found = !connected || sk->state != PORT_TCP_LISTEN;
		bpf_sk_release(sk);
		return found;
	}
	sk = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4), (__u64)BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	found = !connected || sk->dst_port != 0;
	bpf_sk_release(sk);
	return found;
}

/* A random number for a try. Tries are independent of each other: a walk would end in the gaps between long runs. */
static __always_inline __u32 port_random(const struct edge *e, __u32 i)
{
	__u32 h = (e->start + i) * 0x9e3779b1u;

	h = (h ^ h >> 15) * 0x85ebca6bu;
	return h ^ h >> 13;
}

/* The port of try i, in host byte order; 0: none. */
static __always_inline __u32 port_candidate(const struct edge *e, __u32 i)
{
	if (!i)
		return e->wanted;
	if (i <= PORT_PREFER_TRIES)
		return e->prefers ? e->prefer_first + port_random(e, i) % e->prefers : 0;
	return e->ports ? e->port_first + port_random(e, i) % e->ports : 0;
}

/* One try. Returns 1 when the search is over: the port is in e->probe, or e->refused is set. */
static long port_step(__u32 i, void *ctx)
{
	struct port_walk *walk = ctx;
	struct scratch *s = walk->s;
	struct edge *e = walk->e;
	__u32 port = port_candidate(e, i);
	struct vpc_nat_entry *n;
	int rc;

	if (!port && e->key.proto != IPPROTO_ICMP)
		return 0;
	e->probe.lport = bpf_htons((__u16)port);
	if (e->key.proto == IPPROTO_ICMP)
		e->probe.rport = e->probe.lport;
	n = bpf_map_lookup_elem(&nat_in, &e->probe);
	if (n) {
		if (!nat_copy(s, &e->mirrored, n, &e->probe) ||
		    !nat_is_over(&e->mirrored, e->probe.local, s->now_ns, s->epoch))
			return 0;
		nat_remove(&e->mirrored.other, &e->probe);
	}
	if (e->host && e->key.proto != IPPROTO_ICMP && port_is_hosts(walk->skb, &e->probe, 0))
		return 0;
	e->mirrored = e->entry;
	e->mirrored.key = e->probe;
	e->mirrored.other = e->key;
	rc = map_update(&nat_in, &e->probe, &e->mirrored, BPF_NOEXIST);
	if (rc == -EEXIST)
		return 0;
	e->refused = rc != 0;
	return 1;
}

/* Sets the range of ports that are tried, for the packet's own port in e->key. */
static __always_inline void port_range(struct edge *e, const struct vpc_edge_ctl *c)
{
	__u32 own = bpf_ntohs(e->key.lport), last = 65535;

	e->start = bpf_get_prandom_u32();
	e->prefers = 0;
	e->port_first = 1024;
	if (e->key.proto == IPPROTO_ICMP) {
		e->port_first = 0;
		e->wanted = own;
		e->ports = 65536;
		return;
	}
	if (e->host) {
		e->port_first = READ_ONCE(c->nat_port_first);
		last = READ_ONCE(c->nat_port_last);
		e->prefer_first = READ_ONCE(c->nat_prefer_first);
		if (READ_ONCE(c->nat_prefer_last) >= e->prefer_first)
			e->prefers = READ_ONCE(c->nat_prefer_last) - e->prefer_first + 1;
	}
	e->ports = last >= e->port_first ? last - e->port_first + 1 : 0;
	e->wanted = own;
	/* A workload's port gets the same public port again if that is free. A server that still has the last
	 * connection of the tuple in TIME_WAIT takes a new one only if sequence numbers or timestamps have advanced.
	 * Those of another port of the workload have not. */
	if (e->prefers ? own - e->prefer_first >= e->prefers : own - e->port_first >= e->ports)
		e->wanted = e->prefers ? e->prefer_first + own % e->prefers : 0;
}

/*
 * Makes the translation of e->key with the public address e->public4. The caller has filled `by`, `incarnation`, `eni`,
 * `timeout_s` and `flags` of e->entry. Returns PASS with e->entry complete; AGAIN: another CPU has just made it; or a
 * reason.
 */
__noinline int port_choose(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	struct vpc_edge_ctl *c = edge_ctl_get();
	struct port_walk walk = {.skb = skb, .s = s, .e = e};
	int rc;

	if (!s || !e || !c)
		return VPC_DROP_NOT_READY;
	port_range(e, c);
	e->entry.last_seen_ns = s->now_ns;
	e->entry.key = e->key;
	e->entry.pad = 0;
	nat_key(&e->probe, 0, e->public4, e->key.remote, 0, e->key.rport, e->key.proto);
	e->refused = 1;
	bpf_loop(PORT_TRIES, port_step, &walk, 0);
	if (e->refused)
		return VPC_DROP_NAT_EXHAUSTED;
	e->entry.other = e->probe;
	rc = map_update(&nat_out, &e->key, &e->entry, BPF_NOEXIST);
	if (!rc) {
		nat_count(e->key.vpc, 1);
		return PASS;
	}
	bpf_map_delete_elem(&nat_in, &e->probe);
	return rc == -EEXIST ? AGAIN : VPC_DROP_NAT_EXHAUSTED;
}

/* Whether the VPC may have one more translation. from_outside: the packet comes from outside the VPC. A quarter of the
 * translations is kept for those that the VPC opens itself. */
static __always_inline int port_admitted(__u32 number, __u32 from_outside)
{
	struct vpc_edge_ctl *c = edge_ctl_get();
	__s64 *used = bpf_map_lookup_elem(&nat_used, &number);

	__s64 may = c ? (__s64)READ_ONCE(c->nat_per_vpc) : 0;

	if (from_outside)
		may -= may >> 2;
	return used && *(const volatile __s64 *)used < may;
}

#endif
