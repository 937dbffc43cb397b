/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events for `vpcctl monitor`. They are emitted only while somebody listens, and at the rate that limit.h admits. Each
 * CPU counts the events that it did not emit, and its next event tells that number.
 */
#ifndef BPF_LIB_EVENT_H
#define BPF_LIB_EVENT_H

#include "lib/core/address.h"
#include "lib/core/limit.h"

static __always_inline int event_wanted(__u32 listener)
{
	__u32 zero = 0;
	struct vpc_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	return c && (READ_ONCE(c->listeners) & listener);
}

/* Reserves a zeroed event and fills the common fields. number: the ENI that it is about. Returns NULL when rate-limited
 * or when the ring is full. */
static __always_inline struct vpc_event *event_begin(struct scratch *s, __u32 number)
{
	struct vpc_event *e;

	if (!limit_event(number, s->now_ns)) {
		s->lost++;
		return 0;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		s->lost++;
		return 0;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->time_ns = bpf_ktime_get_boot_ns();
	e->epoch = s->epoch;
	e->eni = number;
	e->length = s->length;
	e->lost = s->lost;
	s->lost = 0;
	return e;
}

static __always_inline __be16 type_code(__u8 type, __u8 code)
{
	return bpf_htons((__u16)((__u16)type << 8 | code));
}

static __always_inline void event_drop(struct scratch *s, __u32 number, __u32 direction, int reason)
{
	const struct packet *p = &s->packet;
	struct vpc_event *e = event_begin(s, number);

	if (!e)
		return;
	e->type = VPC_EVENT_DROP;
	e->reason = (__u8)reason;
	e->direction = (__u8)direction;
	e->ethertype = s->ethertype;
	e->peer = number == s->me ? s->end[direction == VPC_EGRESS].eni : s->me;
	e->proto = p->proto;
	e->sport = p->icmp_kind ? type_code(p->icmp_type, p->icmp_code) : p->sport;
	e->dport = p->dport;
	address_copy(e->src, p->src);
	address_copy(e->dst, p->dst);
	bpf_ringbuf_submit(e, 0);
}

/* Emits an event about the flow in the scratch's key and fl. type: VPC_EVENT_OPEN, _REJUDGE, _CUT. */
__noinline int event_flow(__u32 which, __u32 type)
{
	struct scratch *s = scratch_get(which);
	const struct vpc_flow_key *k;
	struct vpc_event *e;
	__u32 o;

	if (!s || !event_wanted(VPC_LISTEN_FLOWS))
		return 0;
	k = &s->key;
	o = s->fl.opener & 1;
	e = event_begin(s, s->fl.eni[0] ? s->fl.eni[0] : s->fl.eni[1]);
	if (!e)
		return 0;
	e->type = (__u8)type;
	e->direction = s->fl.eni[0] ? VPC_EGRESS : VPC_INGRESS;
	e->ethertype = bpf_htons(address_is4(k->addr[0]) ? ETH_P_IP : ETH_P_IPV6);
	e->peer = s->fl.eni[0] ? s->fl.eni[1] : 0;
	e->proto = k->proto;
	e->sport = s->fl.icmp_type ? type_code(s->fl.icmp_type, s->fl.icmp_code) : k->port[o];
	e->dport = k->port[o ^ 1];
	e->rule[0] = s->fl.rule[0];
	e->rule[1] = s->fl.rule[1];
	address_copy(e->src, k->addr[o]);
	address_copy(e->dst, k->addr[o ^ 1]);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#endif
