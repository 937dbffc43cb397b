/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fragments. The first fragment has the ports and is judged like a whole packet. Later fragments follow its verdict for
 * 30 s, while nothing is revoked from the local ends and no network ACL of theirs changes. A later fragment is dropped
 * in three cases: its first fragment wasn't seen; it came in at another port (an appliance must not write into a
 * member's datagram); it would overwrite what was judged (RFC 5722; with extension headers the ports may be far behind
 * the first 8 bytes).
 *
 * The maps are LRUs, and their values have no tag. If an element is recycled after the lookup, a later fragment may
 * pass whose first one was refused; no receiver can reassemble it. `fragment` has room for everybody's share (share.h).
 * Entries beyond a share go to `fragment_overflow`, where they evict only one another.
 */
#ifndef BPF_LIB_FRAGMENT_H
#define BPF_LIB_FRAGMENT_H

#include "lib/flow/share.h"
#include "lib/flow/track.h"
#include "lib/rules/acl.h"

#define FRAGMENT_NS (30 * NS_PER_S)

static __always_inline void fragment_key(struct scratch *s)
{
	struct vpc_fragment_key *k = &s->fragment_key;
	const struct packet *p = &s->packet;

	k->eni = s->me << 1 | (s->direction == VPC_INGRESS);
	k->id = p->fragment_id;
	address_copy(k->src, p->src);
	address_copy(k->dst, p->dst);
	k->proto = p->fragment_proto;
	__builtin_memset(k->pad, 0, sizeof(k->pad));
}

/* The value under the scratch's key, or NULL. */
static __always_inline struct vpc_fragment *fragment_find(struct scratch *s)
{
	struct vpc_fragment *v = bpf_map_lookup_elem(&fragment, &s->fragment_key);

	return v ? v : bpf_map_lookup_elem(&fragment_overflow, &s->fragment_key);
}

/* The ENI of the VPC that sent the packet; 0: it came from outside the VPC. */
static __always_inline __u32 fragment_sender(const struct scratch *s)
{
	if (s->direction == VPC_EGRESS)
		return s->me;
	return (s->mark & VPC_MARK_KIND) == VPC_MARK_ENI ? s->mark & VPC_NUMBER_MASK : 0;
}

/* Stores the scratch's value in the map where the sender has room, and deletes it from the other: an older value says
 * less about which fragments may follow. */
static __always_inline void fragment_store(struct scratch *s)
{
	if (share_take_fragment(s->vpc, fragment_sender(s), s->me, s->now_ns, 0)) {
		bpf_map_update_elem(&fragment, &s->fragment_key, &s->fragment_value, BPF_ANY);
		bpf_map_delete_elem(&fragment_overflow, &s->fragment_key);
		return;
	}
	bpf_map_update_elem(&fragment_overflow, &s->fragment_key, &s->fragment_value, BPF_ANY);
	bpf_map_delete_elem(&fragment, &s->fragment_key);
}

/* Stores that a first fragment was let through. Without room for it, the later fragments are dropped. */
static __always_inline void fragment_remember(struct scratch *s)
{
	struct vpc_fragment *v = &s->fragment_value, *old;

	fragment_key(s);
	v->seen_ns = s->now_ns;
	v->epoch = s->epoch;
	v->mark = s->direction == VPC_EGRESS ? s->gateway : s->mark;
	v->end = s->packet.fragment_at;
	v->allowed = 1;
	v->pad = 0;
	/* A second first fragment with a shorter chain of headers must not open the ports of the one before to
	 * overwriting. Only IPv6 has such chains, and no IPv6 host uses an id again so soon. */
	old = s->packet.family == 6 ? fragment_find(s) : 0;
	if (old && (__s64)(s->now_ns - READ_ONCE(old->seen_ns)) <= (__s64)FRAGMENT_NS && READ_ONCE(old->end) > v->end)
		v->end = READ_ONCE(old->end);
	fragment_store(s);
}

/* Checks where a later fragment comes from or goes. To a workload all fragments come from the same device as the first.
 * From a workload, those of an answer to a published port go where the first one went; others go by the route table. */
static __always_inline int fragment_route(struct scratch *s, __u32 mark)
{
	if (s->direction != VPC_EGRESS)
		return mark == s->mark ? PASS : VPC_DROP_FRAGMENT;
	if (mark >> VPC_TARGET_SHIFT != VPC_EDGE_PUBLISHED && mark >> VPC_TARGET_SHIFT != VPC_EDGE_HOST)
		return PASS;
	s->gateway = mark;
	s->hop_routed = 0;
	s->route_known = 1;
	s->route_rc = PASS;
	return PASS;
}

/* Whether the network ACLs are those of the epoch at which the first fragment was judged. Their generation is gen_any
 * of the ENIs in their subnets. A later fragment has no ports, so the ACLs can't be asked. The sides must be loaded. */
static __always_inline int fragment_acls_stand(struct scratch *s, __u64 epoch)
{
	struct vpc_eni *hop = s->hop ? eni_get(s->hop) : 0;

	if (!acl_asked(s))
		return 1;
	if (hop)
		stamp_raise(&s->stamp.own, READ_ONCE(hop->gen_any));
	return s->stamp.own <= epoch;
}

/* Judges a later fragment. The ends must be admitted. */
static __always_inline int fragment_follow(struct scratch *s)
{
	struct vpc_fragment *v;
	int rc;

	fragment_key(s);
	v = fragment_find(s);
	if (!v || !v->allowed || (__s64)(s->now_ns - READ_ONCE(v->seen_ns)) > (__s64)FRAGMENT_NS)
		return VPC_DROP_FRAGMENT;
	rc = fragment_route(s, READ_ONCE(v->mark));
	if (rc)
		return rc;
	if (s->packet.fragment_at < READ_ONCE(v->end))
		return VPC_DROP_MALFORMED;
	rc = admit_load(s, 0);
	if (rc)
		return rc;
	if (!stamp_holds(&s->stamp, STAMP_ALLOWED, READ_ONCE(v->epoch), 0))
		return VPC_DROP_FRAGMENT;
	return fragment_acls_stand(s, READ_ONCE(v->epoch)) ? PASS : VPC_DROP_FRAGMENT;
}

#endif
