/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports: which publication a packet is for, and the translation that its first packet makes. */
#ifndef BPF_LIB_EDGE_PUBLISH_H
#define BPF_LIB_EDGE_PUBLISH_H

#include "lib/edge/ports.h"

#define PUBLISH_SYN_S 10  /* for a SYN without an answer; the next SYN makes the same translation again */
#define PUBLISH_PLENS 17u /* prefix lengths 16 to 0 of a port, at each address */
#define PUBLISH_STEPS (PUBLISH_PLENS * PUBLISH_ADDRESSES)

struct publish_walk {
	struct scratch *s;
	struct edge *e;
};

/* Tries one prefix length of the port. Returns 1 when a publication is found: e->published. */
static long publish_step(__u32 i, void *ctx)
{
	struct scratch *s = ((struct publish_walk *)ctx)->s;
	struct edge *e = ((struct publish_walk *)ctx)->e;
	struct vpc_publish_key *k = &e->publish_key;
	__u32 plen = PUBLISH_PLENS - 1 - i % PUBLISH_PLENS, at = i / PUBLISH_PLENS, *number, n;
	struct vpc_publish_row *r;

	if (at >= e->publish_addresses || at >= PUBLISH_ADDRESSES)
		return 1;
	asm volatile(""
		     : "+r"(at)); /* the compiler knows from the division that it is small, the verifier from the
				   * mask */
	k->addr[3] = e->publish_address[at & (PUBLISH_ADDRESSES - 1)];
	k->addr[2] = k->addr[3] ? V4_MAPPED : 0;
	if (!(e->publish_plens >> plen & 1))
		return 0;
	k->plen = (__u8)plen;
	k->port = (__u16)(bpf_ntohs(s->packet.dport) & (0xffff0000u >> plen));
	number = bpf_map_lookup_elem(&publish, k);
	if (!number)
		return 0;
	n = READ_ONCE(*number);
	r = n ? bpf_map_lookup_elem(&publish_row, &n) : 0;
	if (!r || !row_visible(READ_ONCE(r->born), READ_ONCE(r->died), s->epoch) || r->key.proto != k->proto ||
	    r->key.plen != k->plen || r->key.port != k->port || !address_equal(r->key.addr, k->addr) ||
	    (e->only_vpc && r->vpc != e->only_vpc))
		return 0;
	e->published = n;
	return 1;
}

/* The publication that the packet in the scratch is for, at one of e->publish_address; 0: none. */
static __always_inline __u32 publish_find(struct scratch *s, struct edge *e)
{
	struct vpc_edge_ctl *c = edge_ctl_get();
	struct publish_walk walk = {.s = s, .e = e};

	e->published = 0;
	e->publish_plens = c ? READ_ONCE(c->publish_plens) & 0x1ffff : 0;
	if (!e->publish_plens)
		return 0;
	e->publish_key.addr[0] = 0;
	e->publish_key.addr[1] = 0;
	e->publish_key.proto = s->packet.proto;
	bpf_loop(PUBLISH_STEPS, publish_step, &walk, 0);
	return e->published;
}

/* Deletes the translations of either key that are over. Returns 0 if one of them holds. */
static __always_inline int publish_is_free(struct scratch *s, struct edge *e)
{
	struct vpc_nat_entry *n = bpf_map_lookup_elem(&nat_in, &e->key);

	if (n && nat_copy(s, &e->mirrored, n, &e->key))
		nat_remove(&e->mirrored.other, &e->key); /* the translation doesn't hold, or the caller would have
							  * found it */
	n = bpf_map_lookup_elem(&nat_out, &e->probe);
	if (!n || !nat_copy(s, &e->mirrored, n, &e->probe))
		return 1;
	if (!nat_is_over(&e->mirrored, e->mirrored.other.local, s->now_ns, s->epoch))
		return 0;
	nat_remove(&e->probe, &e->mirrored.other);
	return 1;
}

/* Inserts both entries, e->key in nat_in and e->probe in nat_out. Returns PASS, AGAIN or NAT_EXHAUSTED. */
static __always_inline int publish_insert(struct edge *e)
{
	int rc;

	e->entry.key = e->key;
	e->entry.other = e->probe;
	e->mirrored = e->entry;
	e->mirrored.key = e->probe;
	e->mirrored.other = e->key;
	rc = map_update(&nat_in, &e->key, &e->entry, BPF_NOEXIST);
	if (rc)
		return rc == -EEXIST ? AGAIN : VPC_DROP_NAT_EXHAUSTED;
	rc = map_update(&nat_out, &e->probe, &e->mirrored, BPF_NOEXIST);
	if (rc) {
		bpf_map_delete_elem(&nat_in, &e->key);
		return rc == -EEXIST ? AGAIN : VPC_DROP_NAT_EXHAUSTED;
	}
	nat_count(e->probe.vpc, 1);
	return PASS;
}

/*
 * Makes a translation if the packet in the scratch is for a published port and may open one. The packet's key in nat_in
 * is e->key and has no translation. flags: VPC_NAT_HOST or 0. remote: the packet's source as the workload sees it.
 * Returns PASS with e->entry as in nat_in; HOSTS: it isn't; AGAIN; or a reason.
 */
__noinline int publish_open(struct __sk_buff *skb, __u32 flags, __be32 remote)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	struct edge *e = edge_get();
	struct vpc_publish_row *r;
	const struct packet *p;
	__u32 number;
	__be16 port;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	p = &s->packet;
	if (p->proto == IPPROTO_TCP ? !tcp_opens(p->tcp_flags) : p->proto != IPPROTO_UDP)
		return HOSTS;
	number = publish_find(s, e);
	r = number ? bpf_map_lookup_elem(&publish_row, &number) : 0;
	/* A datagram that a socket of the host is connected for is not for the publication. */
	if (!r || (p->proto == IPPROTO_UDP && !flags && port_is_hosts(skb, &e->key, 1)))
		return HOSTS;
	port = bpf_htons((__u16)(r->port + (bpf_ntohs(p->dport) - r->key.port)));
	nat_key(&e->probe, r->vpc, r->private4, remote, port, p->sport, p->proto);
	s->me = r->eni;
	if (!publish_is_free(s, e) || !port_admitted(r->vpc, 1))
		return VPC_DROP_NAT_EXHAUSTED;
	e->entry.last_seen_ns = s->now_ns;
	e->entry.by = number;
	e->entry.incarnation = (__u32)READ_ONCE(r->born);
	e->entry.timeout_s = p->proto == IPPROTO_TCP ? PUBLISH_SYN_S : nat_idle(r->eni, 0, IPPROTO_UDP);
	e->entry.eni = r->eni;
	e->entry.flags = VPC_NAT_PUBLISHED | flags;
	e->entry.pad = 0;
	return publish_insert(e);
}

#endif
