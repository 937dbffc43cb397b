/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs on every port, bridge, uplink and outer interface. One object, nine entry points:
 *
 *   from_workload   tc ingress of the port: what the workload sends
 *   to_workload     tc egress of the port: what is about to reach it
 *   from_router     tc egress of a bridge: what the router sends to the subnet
 *   from_vpc        tc ingress of an uplink's host end: what leaves a VPC
 *   from_world      tc ingress of an outer interface: what the world sends to public addresses
 *   to_host         tc egress of an uplink's host end: what the host itself sends to a VPC
 *   from_uplink     tc ingress of an uplink's VPC end: what enters a VPC
 *   fast_path_probe on a scratch port at vpcd's start: does the kernel redirect to a veth's peer?
 *   sweep           run by vpcd with BPF_PROG_TEST_RUN only: expires, stamps, cuts the flows listed in sweep_io
 *
 * expected_attach_type stays 0: the same programs run as clsact filters and as tcx links.
 */
#include "lib/fast/tcp.h"
#include "lib/local/icmp_error.h"
#include "lib/ingress.h"
#include "lib/router.h"
#include "lib/edge/arrive.h"
#include "lib/edge/world.h"
#include "lib/edge/host.h"
#include "lib/edge/leave.h"
#include "lib/flow/sweep.h"

char datapath_license[] SEC("license") = "GPL";

/* How often a packet is judged, if the state changes while it is read. */
#define TRIES 3

/* Tries the fast path, then the TCP fast path. Neither uses the scratch. Returns what the program ends with, or
 * FAST_NOT. */
static __noinline int fast_paths(struct __sk_buff *skb)
{
	struct header_view p;
	__u64 h;
	int rc;

	if (!view_read(skb, &p))
		return FAST_NOT;
	h = flow_cache_hash(p.src, p.dst, p.ports, skb->ifindex);
	rc = fast_from_workload(skb, &p, h);
	return rc < 0 && p.tcp ? connection_from_workload(skb, &p, h) : rc;
}

SEC("tc")
int from_workload(struct __sk_buff *skb)
{
	struct scratch *s;
	int rc;

	skb->mark = 0;
	rc = fast_paths(skb);
	if (rc != FAST_NOT)
		return rc;
	s = scratch_get(SCRATCH_PACKET);
	if (!s)
		return drop_unread(skb->ifindex, VPC_DROP_NOT_READY);
	s->mark = 0;
	rc = AGAIN;
	for (__u32 i = 0; i < TRIES && rc == AGAIN; i++)
		rc = egress_judge(skb);
	if (rc == PASS) {
		int sent = deliver_fast(skb, s);

		if (sent >= 0)
			return sent;
		rc = s->gateway ? uplink_refused(skb) : route_refused(skb);
	}
	if (rc == PASS)
		return s->gateway ? uplink_send(skb, s) : deliver(skb, s);
	if (rc == ANSWERED && answer_admitted(s->me, answer_kind(s), s->now_ns))
		return answer_send(skb);
	if (rc == ANSWERED)
		rc = VPC_DROP_RATE_LIMITED;
	drop_packet(verdict_is_reason(rc) ? rc : VPC_DROP_TRY_AGAIN);
	return icmp_error(skb, rc) == ANSWERED ? answer_send(skb) : TC_ACT_SHOT;
}

SEC("tc")
int to_workload(struct __sk_buff *skb)
{
	struct scratch *s = scratch_get(SCRATCH_PACKET);
	int rc = AGAIN;

	if (skb->mark == (VPC_MARK_ANSWER | (skb->ifindex & VPC_NUMBER_MASK))) {
		skb->mark = 0;
		return TC_ACT_OK;
	}
	if (!s)
		return drop_unread(skb->ifindex, VPC_DROP_NOT_READY);
	s->mark = skb->mark;
	for (__u32 i = 0; i < TRIES && rc == AGAIN; i++)
		rc = ingress_judge(skb);
	if (rc != PASS)
		return drop_packet(verdict_is_reason(rc) ? rc : VPC_DROP_TRY_AGAIN);
	skb->mark = 0;
	count_rx(s->me, s->length);
	return TC_ACT_OK;
}

/* Sends what the router sends to a subnet to the port of the ENI that it is for (router.h). */
SEC("tc")
int from_router(struct __sk_buff *skb)
{
	return router_deliver(skb);
}

/* From a VPC to the world: lib/edge/leave.h. */
SEC("tc")
int from_vpc(struct __sk_buff *skb)
{
	return leave(skb);
}

/* From the world to a VPC: lib/edge/world.h. A packet that isn't ours must reach the programs of others on the
 * interface. TC_ACT_OK of a tcx link would keep their filters from running. */
SEC("tc")
int from_world(struct __sk_buff *skb)
{
	int rc = world(skb);

	return rc == TC_ACT_OK ? TC_ACT_UNSPEC : rc;
}

/* From the host itself to a VPC: lib/edge/host.h. */
SEC("tc")
int to_host(struct __sk_buff *skb)
{
	return host(skb);
}

/* From an uplink to an ENI: lib/edge/arrive.h. */
SEC("tc")
int from_uplink(struct __sk_buff *skb)
{
	return arrive(skb);
}

/* vpcd tests bpf_redirect_peer with it: it sends everything to the ifindex after its own. */
SEC("tc")
int fast_path_probe(struct __sk_buff *skb)
{
	bpf_skb_change_type(skb, PACKET_HOST);
	return (int)bpf_redirect_peer(skb->ifindex + 1, 0);
}

/* vpcd tests bpf_redirect_neigh with it: it sends everything out of the ifindex after its own. */
SEC("tc")
int edge_probe(struct __sk_buff *skb)
{
	return (int)bpf_redirect_neigh(skb->ifindex + 1, 0, 0, 0);
}

SEC("tc")
int sweep(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct vpc_sweep *io = bpf_map_lookup_elem(&sweep_io, &zero);

	(void)skb;
	if (io)
		bpf_loop(io->n < VPC_SWEEP_MAX ? io->n : VPC_SWEEP_MAX, sweep_step, 0, 0);
	return TC_ACT_OK;
}
