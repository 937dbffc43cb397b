#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpcctl explain against packets, at random (P9 explained): rules, ACLs, routes, gateways, NAT, elastic IPs, published ports, peerings,
# host access and appliances change at random, and what explain says of a packet is what then becomes of the packet and of its answer.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	in_ns host nft delete table inet strict
	in_ns outside ip -6 route add default via 2001:db8:18::2
	in_ns outside ip route add default via "$HOST"
}

teardown_file()
{
	vpcd_purge
}

# quiet NAME: nobody there answers but the test itself.
quiet()
{
	in_ns "$1" sh -ec 'echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all
		echo 1 >/proc/sys/net/ipv6/icmp/echo_ignore_all
		nft add table inet quiet
		nft add chain inet quiet output "{ type filter hook output priority 0; policy accept; }"
		nft add rule inet quiet output tcp flags \& rst == rst drop
		nft add rule inet quiet output icmp type "{ destination-unreachable, redirect, parameter-problem }" drop
		nft add rule inet quiet output icmpv6 type "{ destination-unreachable, parameter-problem, nd-redirect }" drop'
}

# vpc_of_three NAME IPV4 IPV6: a VPC with two subnets, groups, ACLs and route tables that are named for it.
vpc_of_three()
{
	local n
	ctl vpc create "$1" --cidr "$2.0.0/16" --cidr6 "${3}00::/56" >/dev/null
	ctl subnet create "$1-app" --vpc "$1" --cidr "$2.1.0/24" --cidr6 "${3}00::/64" >/dev/null
	ctl subnet create "$1-db" --vpc "$1" --cidr "$2.2.0/24" --cidr6 "${3}01::/64" >/dev/null
	for n in 0 1 2; do
		sg_open "$1-g$n" "$1"
	done
	for n in 0 1; do
		ctl route-table create "$1-rt$n" --vpc "$1" >/dev/null
		ctl acl create "$1-acl$n" --vpc "$1" >/dev/null
		for direction in ingress egress; do
			ctl acl rule add "$1-acl$n" $direction 1000 allow all --cidr 0.0.0.0/0 --vpc "$1" >/dev/null
			ctl acl rule add "$1-acl$n" $direction 1001 allow all --cidr ::/0 --vpc "$1" >/dev/null
		done
	done
	workload_add "$1-a" "$1-app" --sg "$1-g0" --sg "$1-g1"
	workload_add "$1-b" "$1-app" --sg "$1-g1"
	workload_add "$1-c" "$1-db" --sg "$1-g2"
	ctl eni create "$1-d" --subnet "$1-app" --sg "$1-g0" --sg "$1-g2" >/dev/null # not attached
	ctl eni assign-ip "$1-b" "$2.1.200" >/dev/null
	for n in a b c; do
		quiet "$1-$n"
	done
}

@test "what explain says of random packets is what becomes of them and of their answers" {
	local n name seed
	vpc_of_three x 10.50 2001:db8:50:1
	vpc_of_three y 10.60 2001:db8:50:2
	vpc_of_three z 10.70 2001:db8:50:3
	ctl prefix-list create list4 --max-entries 20 --entry 198.18.0.0/24 >/dev/null
	ctl prefix-list create list6 --max-entries 20 --family 6 --entry 2001:db8:18::/64 >/dev/null
	for n in 0 1 2 3 4; do
		ctl eip allocate "eip$n" >/dev/null
	done
	for name in host outside; do
		quiet "$name"
	done
	for seed in ${EXPLAIN_SEEDS:-1 2 3}; do
		# shellcheck disable=SC2086 # options
		"$TOOLS/explain-random" --socket "$VPCD_SOCKET" --prefix "$INSTANCE-" --seed "$seed" ${EXPLAIN_RANDOM:---rounds 12}
	done
	verify_clean
}
