/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath's own headers in programs that can be repeated: BPF_PROG_TEST_RUN gives each round the same packet, so
 * these write the next packet's ports into it first. They work on the maps that packet.c opened.
 *
 *   bare       reads the packet and sends it on, with no flow looked up and nothing judged
 *   opening    a new source port each round: a miss in both maps of flows, both sides judged, nothing inserted
 *   known      the next of many established flows each round
 *   arriving   to_workload's judgement of an established flow, with the mark that it takes away
 *   fill       makes established flows out of one
 */
#include "lib/flow/move.h"

/* What opens a flow is judged but not remembered, or the maps would fill up and the second round would find it. */
#define flow_insert(which, replace)  PASS
#define flow_insert_fast_path(which) FLOW_INSERTED
#include "lib/ingress.h"
#undef flow_insert
#undef flow_insert_fast_path

char packet_license[] SEC("license") = "GPL";

#define SPORT_FIRST 1024
#define SPORTS	    50000
#define DPORT_FIRST 1000

/* Written by packet.c before a run. */
__u32 flows = 1; /* how many for known and fill */
__u32 offset_sport = ETH_HLEN + sizeof(struct iphdr);
__u32 step = 1;		 /* from one to the next, in no order that a cache likes */
__u32 mark;		 /* for arriving */
__u32 target;		 /* for bare: the ENI that the packet is for */
struct vpc_flow pattern; /* for fill */
/* Where the runs stand. */
__u32 at;
/* The last round's verdict: PASS, a reason, or less than 0. */
int verdict;

static __always_inline int ports_next(struct __sk_buff *skb, __u32 n, int both)
{
	__be16 ports[2];

	at += step;
	if (at >= n)
		at -= n;
	ports[0] = bpf_htons((__u16)(SPORT_FIRST + at % SPORTS));
	ports[1] = bpf_htons((__u16)(DPORT_FIRST + at / SPORTS));
	return (int)bpf_skb_store_bytes(skb, offset_sport, ports, both ? 4 : 2, 0);
}

static __always_inline int begin(struct __sk_buff *skb, struct scratch *s, __u32 direction)
{
	int rc = port_begin(skb, s, direction);

	if (!rc)
		rc = port_ethernet(skb, s);
	return rc ? rc : parse_packet(skb, ETH_HLEN, 4, 0);
}

/* As from_workload does with what was let through. */
static __always_inline int let_through(struct __sk_buff *skb, struct scratch *s)
{
	int sent = deliver_fast(skb, s);

	if (sent >= 0)
		return sent;
	verdict = route_refused(skb);
	return verdict ? drop_packet(verdict) : deliver(skb, s);
}

SEC("tc")
int bare(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	skb->mark = 0;
	if (!s)
		return TC_ACT_SHOT;
	s->mark = 0;
	verdict = begin(skb, s, VPC_EGRESS);
	if (verdict)
		return TC_ACT_SHOT;
	s->hop = target;
	s->target = target;
	s->target_incarnation = 1;
	return let_through(skb, s);
}

static __always_inline int judged(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	skb->mark = 0;
	if (!s)
		return TC_ACT_SHOT;
	s->mark = 0;
	verdict = egress_judge(skb);
	if (verdict == PASS)
		return let_through(skb, s);
	return drop_packet(verdict);
}

SEC("tc")
int syn_cache(struct __sk_buff *skb)
{
	if (ports_next(skb, SPORTS, 0))
		return TC_ACT_SHOT;
	return judged(skb);
}

SEC("tc")
int known(struct __sk_buff *skb)
{
	if (ports_next(skb, flows, 1))
		return TC_ACT_SHOT;
	return judged(skb);
}

SEC("tc")
int arriving(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	if (!s)
		return TC_ACT_SHOT;
	skb->mark = mark;
	s->mark = mark;
	verdict = ingress_judge(skb);
	if (verdict)
		return drop_packet(verdict);
	skb->mark = 0;
	count_rx(s->me, s->length);
	return TC_ACT_OK;
}

SEC("tc")
int fill(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);

	if (!s || ports_next(skb, flows, 1))
		return TC_ACT_SHOT;
	verdict = begin(skb, s, VPC_EGRESS);
	if (verdict)
		return TC_ACT_SHOT;
	flow_key(s, &s->packet, 0);
	s->fl = pattern;
	s->fl.tag = s->tag;
	verdict = (int)bpf_map_update_elem(&flow, &s->key, &s->fl, BPF_ANY);
	return verdict ? TC_ACT_SHOT : TC_ACT_OK;
}
