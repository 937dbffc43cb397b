/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs on every port. One object, three entry points:
 *
 *   from_workload   tc ingress of the port: what the workload sends
 *   to_workload     tc egress of the port: what is about to reach it
 *   sweep           run by vpcd with BPF_PROG_TEST_RUN only: expires, stamps, cuts flows listed in sweep_io
 */
#include "lib/maps.h"

#include <linux/pkt_cls.h>

char datapath_license[] SEC("license") = "GPL";

SEC("tc")
int from_workload(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_SHOT;
}

SEC("tc")
int to_workload(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_SHOT;
}

SEC("tc")
int sweep(struct __sk_buff *skb)
{
	(void)skb;
	return 0;
}
