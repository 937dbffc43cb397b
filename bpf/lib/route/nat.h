/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translations: finding one, whether it holds, and what a packet changes of it.
 *
 * Each translation has two entries: in nat_out by the private tuple, in nat_in by the public one. Both have the same
 * last_seen_ns, timeout_s and flags, and whoever changes one changes the other. A hash element is recycled without a
 * grace period, so an entry is copied, and its key is compared after that.
 *
 * A translation is over when it was idle for its timeout; when its NAT gateway or its publication is gone or replaced;
 * or when the gateway has another public address. It stops to hold at once. Whoever needs its port or its tuple deletes
 * it, and vpcd deletes the others.
 */
#ifndef BPF_LIB_ROUTE_NAT_H
#define BPF_LIB_ROUTE_NAT_H

#include "lib/route/gateway.h"

#define NAT_SEEN_NS NS_PER_S /* a packet writes last_seen_ns when it is older than this */
#define NAT_SYN_S   60
#define NAT_ICMP_S  30
#define NAT_UDP_S   30

static __always_inline void nat_key(struct vpc_nat_key *k, __u32 space, __be32 local, __be32 remote, __be16 lport,
				    __be16 rport, __u8 proto)
{
	k->vpc = space;
	k->local = local;
	k->remote = remote;
	k->lport = lport;
	k->rport = rport;
	k->proto = proto;
	k->pad[0] = 0;
	k->pad[1] = 0;
	k->pad[2] = 0;
}

static __always_inline int nat_key_equal(const struct vpc_nat_key *a, const struct vpc_nat_key *b)
{
	return a->vpc == b->vpc && a->local == b->local && a->remote == b->remote && a->lport == b->lport &&
	       a->rport == b->rport && a->proto == b->proto;
}

/* Whether the published port's row is the one that made the translation, and is visible. */
static __always_inline int nat_publication_counts(__u32 number, __u32 incarnation, __u64 epoch)
{
	struct vpc_publish_row *r = bpf_map_lookup_elem(&publish_row, &number);
	__u64 born = r ? READ_ONCE(r->born) : 0;

	return number && r && (__u32)born == incarnation && row_visible(born, READ_ONCE(r->died), epoch);
}

/* The public address of an elastic IP if it belongs to NAT gateway `owner`; else 0. */
static __always_inline __be32 nat_elastic(__u32 number, __u32 owner, __u64 epoch)
{
	struct vpc_eip *elastic = bpf_map_lookup_elem(&eip, &number);
	int target = elastic ? versioned_read(&elastic->target, epoch) : 0;

	if (target <= 0 || (__u32)target != (VPC_EIP_NAT << VPC_TARGET_SHIFT | owner))
		return 0;
	return READ_ONCE(elastic->addr4);
}

/* Whether NAT gateway `number` has that incarnation and still has this public address. */
static __always_inline int nat_gateway_counts(__u32 number, __u32 incarnation, __be32 public4, __u64 epoch)
{
	struct vpc_nat *gateway = bpf_map_lookup_elem(&nat, &number);
	int in_force;

	if (!gateway || READ_ONCE(gateway->incarnation) != incarnation)
		return 0;
	in_force = versioned_read(&gateway->eip, epoch);
	if (in_force <= 0)
		return 0;
	return in_force == VPC_NAT_HOST_ADDRESS || nat_elastic((__u32)in_force, number, epoch) == public4;
}

/* Whether the translation of an entry is over. public4: the public address in the entry. */
static __always_inline int nat_is_over(const struct vpc_nat_entry *n, __be32 public4, __u64 now_ns, __u64 epoch)
{
	if ((__s64)(now_ns - n->last_seen_ns) > (__s64)(n->timeout_s * NS_PER_S))
		return 1;
	return !(n->flags & VPC_NAT_PUBLISHED ? nat_publication_counts(n->by, n->incarnation, epoch)
					      : nat_gateway_counts(n->by, n->incarnation, public4, epoch));
}

/* Copies an entry that was found. Returns 0 if it has another key. */
static __always_inline int nat_copy(struct scratch *s, struct vpc_nat_entry *to, const struct vpc_nat_entry *from,
				    const struct vpc_nat_key *key)
{
	__builtin_memcpy(to, from, sizeof(*to));
	to->last_seen_ns = READ_ONCE(from->last_seen_ns);
	to->timeout_s = READ_ONCE(from->timeout_s);
	to->flags = READ_ONCE(from->flags);
	barrier_order(&s->barrier);
	return nat_key_equal(&from->key, key) && nat_key_equal(&to->key, key);
}

/* Looks up e->key in nat_out. Returns the entry, with its copy in e->entry, if there is a translation that holds, else
 * NULL. */
static __always_inline struct vpc_nat_entry *nat_find_out(struct scratch *s, struct edge *e)
{
	struct vpc_nat_entry *n = bpf_map_lookup_elem(&nat_out, &e->key);

	return n && nat_copy(s, &e->entry, n, &e->key) &&
			       !nat_is_over(&e->entry, e->entry.other.local, s->now_ns, s->epoch)
		       ? n
		       : 0;
}

/* Looks up e->key in nat_in likewise. */
static __always_inline struct vpc_nat_entry *nat_find_in(struct scratch *s, struct edge *e)
{
	struct vpc_nat_entry *n = bpf_map_lookup_elem(&nat_in, &e->key);

	return n && nat_copy(s, &e->entry, n, &e->key) && !nat_is_over(&e->entry, e->key.local, s->now_ns, s->epoch)
		       ? n
		       : 0;
}

static __always_inline void nat_count(__u32 number, __s64 by)
{
	__s64 *used = bpf_map_lookup_elem(&nat_used, &number);

	if (used)
		__sync_fetch_and_add(used, by);
}

/* Deletes a translation. inside: its key in nat_out; outside: its key in nat_in. An entry is deleted only if it names
 * the other. */
static __always_inline void nat_remove(const struct vpc_nat_key *inside, const struct vpc_nat_key *outside)
{
	struct vpc_nat_entry *n = bpf_map_lookup_elem(&nat_out, inside);
	__u32 number = inside->vpc;

	if (n && nat_key_equal(&n->other, outside) && !bpf_map_delete_elem(&nat_out, inside))
		nat_count(number, -1);
	n = bpf_map_lookup_elem(&nat_in, outside);
	if (n && nat_key_equal(&n->other, inside))
		bpf_map_delete_elem(&nat_in, outside);
}

/* The idle seconds that ENI `number` gives its flows. stream: a UDP flow with packets in both directions. Returns
 * NAT_UDP_S if there is no such ENI. */
static __always_inline __u32 nat_idle(__u32 number, __u32 stream, __u8 proto)
{
	struct vpc_eni *e = eni_get(number);

	if (!e)
		return NAT_UDP_S;
	if (proto == IPPROTO_TCP)
		return READ_ONCE(e->tcp_idle_s);
	return stream ? READ_ONCE(e->udp_stream_idle_s) : READ_ONCE(e->udp_idle_s);
}

/* The seconds for which the translation of a closed connection stays. */
static __always_inline __u32 nat_closed_s(const struct vpc_nat_entry *n)
{
	return n->flags & VPC_NAT_PUBLISHED ? VPC_NAT_CLOSED_PUBLISHED_S : VPC_NAT_CLOSED_S;
}

/*
 * Moves the copy's flags and timeout on by a TCP segment. out: the segment leaves the VPC.
 *
 * A RST ends a translation soon. A host that sent a RST sends nothing more on the connection. So a later segment of the
 * same sender says that the RST was forged, and undoes it.
 */
static __always_inline void nat_step_tcp(struct vpc_nat_entry *n, __u8 flags, __u32 out)
{
	__u32 rst = out ? VPC_NAT_RST_OUT : VPC_NAT_RST_IN, fin = out ? VPC_NAT_FIN_OUT : VPC_NAT_FIN_IN;
	__u32 opener = n->flags & VPC_NAT_PUBLISHED ? !out : out;

	if (tcp_opens(flags)) {
		if (!opener)
			return;
		n->flags &= VPC_NAT_PUBLISHED | VPC_NAT_HOST;
		n->timeout_s = NAT_SYN_S;
		return;
	}
	if (flags & TCP_RST) {
		n->flags |= rst | VPC_NAT_CLOSED;
		n->timeout_s = nat_closed_s(n);
		return;
	}
	if (n->flags & rst) {
		n->flags &= ~(rst | VPC_NAT_CLOSED);
		n->timeout_s = NAT_SYN_S;
	}
	if (flags & TCP_FIN)
		n->flags |= fin;
	if ((n->flags & (VPC_NAT_FIN_IN | VPC_NAT_FIN_OUT)) == (VPC_NAT_FIN_IN | VPC_NAT_FIN_OUT)) {
		n->flags |= VPC_NAT_CLOSED;
		n->timeout_s = nat_closed_s(n);
	} else if ((n->flags & VPC_NAT_REPLIED) && !(flags & TCP_SYN) && !(n->flags & VPC_NAT_CLOSED)) {
		n->timeout_s = nat_idle(n->eni, 0, IPPROTO_TCP);
	}
	if (!opener)
		n->flags |= VPC_NAT_REPLIED;
}

static __always_inline void nat_step(struct vpc_nat_entry *n, const struct packet *p, __u32 out)
{
	__u32 opener = n->flags & VPC_NAT_PUBLISHED ? !out : out;

	if (p->proto == IPPROTO_TCP) {
		nat_step_tcp(n, p->tcp_flags, out);
		return;
	}
	if (!opener)
		n->flags |= VPC_NAT_REPLIED;
	else if (p->proto == IPPROTO_UDP && (n->flags & VPC_NAT_REPLIED))
		n->timeout_s = nat_idle(n->eni, 1, IPPROTO_UDP);
}

static __always_inline void nat_write(struct vpc_nat_entry *to, const struct vpc_nat_key *key,
				      const struct vpc_nat_entry *from)
{
	if (!to || !nat_key_equal(&to->key, key))
		return;
	WRITE_ONCE(to->last_seen_ns, from->last_seen_ns);
	WRITE_ONCE(to->timeout_s, from->timeout_s);
	WRITE_ONCE(to->flags, from->flags);
}

/* Writes what the packet in the scratch changes of the translation in e->entry to both entries. found: the entry of
 * which e->entry is the copy; out: it is in nat_out. Most packets change nothing. */
static __always_inline void nat_used_by(struct scratch *s, struct edge *e, struct vpc_nat_entry *found, __u32 out)
{
	struct vpc_nat_entry *n = &e->entry;
	__u32 flags = n->flags, timeout_s = n->timeout_s;

	nat_step(n, &s->packet, out);
	if (n->flags == flags && n->timeout_s == timeout_s &&
	    (__s64)(s->now_ns - n->last_seen_ns) <= (__s64)NAT_SEEN_NS)
		return;
	n->last_seen_ns = s->now_ns;
	nat_write(found, &n->key, n);
	if (out)
		nat_write(bpf_map_lookup_elem(&nat_in, &n->other), &n->other, n);
	else
		nat_write(bpf_map_lookup_elem(&nat_out, &n->other), &n->other, n);
}

#endif
