#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The fast path: packets between local ENIs are redirected from port to port, and what can't goes by bridge and router with the same
# verdicts (P1, P4). The other files run with it as they are, and scripts/test runs some of them again without it.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	ctl sg create "$P" --vpc prod >/dev/null
	ctl sg authorize "$P" ingress icmp 8/0 --cidr 0.0.0.0/0 >/dev/null
	ctl sg authorize "$P" ingress tcp 7000 --cidr 0.0.0.0/0 --cidr ::/0 >/dev/null
	workload_add "$P-a" prod-app --sg "$P"
	workload_add "$P-b" prod-app --sg "$P"
	workload_add "$P-c" prod-db --sg "$P"
	VPC=/run/netns/$(find /run/netns -maxdepth 1 -name "$INSTANCE-vpc-*" -printf '%f\n' | head -n 1)
}

# through NAME: how many packets its port sent in the VPC's namespace: those that bridge and router brought.
through()
{
	nsenter --net="$VPC" ip -j -s link show dev "$(eni_field "$1" attachment.host_ifname)" | jq '.[0].stats64.tx.packets'
}

# ping_ok FROM IP [OPTION]…: five echoes, all answered.
ping_ok()
{
	local from=$1 ip=$2
	shift 2
	in_ns "$from" ping -n -q -i 0.05 -c 5 -W 1 "$@" "$ip" >/dev/null
}

# takes_fast_path FROM NAME: five echoes, none of them by bridge and router.
takes_fast_path()
{
	local before
	before=$(through "$2")
	ping_ok "$1" "$(ip_of "$2")" && [ "$(through "$2")" -eq "$before" ]
}

fast_path()
{
	ctl -o json status | jq -r .fast_path
}

@test "status says that it is used, and packets don't pass bridge and router" {
	[ "$(fast_path)" = true ]
	# a moment after the reply: when netlink has told of the raised port
	wait_for 5 takes_fast_path "$P-a" "$P-b"
	wait_for 5 takes_fast_path "$P-a" "$P-c"
	[ "$(eni_field "$P-c" counters.rx_packets)" -ge 5 ]
}

@test "across subnets a hop is counted, and the last one is answered by the router" {
	in_ns "$P-a" ping -n -c 1 -W 1 "$(ip_of "$P-c")" | grep -q 'ttl=63'
	in_ns "$P-a" ping -n -c 1 -W 1 "$(ip_of "$P-b")" | grep -q 'ttl=64'
	in_ns "$P-a" ping -n -c 1 -W 1 -t 1 "$(ip_of "$P-c")" | grep -qi 'time to live exceeded'
}

@test "big packets, fragments and streams arrive" {
	ping_ok "$P-a" "$(ip_of "$P-c")" -s 1472 -M "do"
	ping_ok "$P-a" "$(ip_of "$P-c")" -s 4000
	ping_ok "$P-a" "$(ip_of "$P-b")" -s 4000
	serve "$P-b" --tcp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	can "$P-a" tcp "$(ip6_of "$P-b")" 7000
}

@test "a workload that takes its end down gets nothing, and gets it again when it is back" {
	local b
	b=$(ip_of "$P-b")
	ping_ok "$P-a" "$b"
	in_ns "$P-b" ip link set eth0 down
	run ! in_ns "$P-a" ping -n -q -c 2 -i 0.1 -W 1 "$b"
	in_ns "$P-b" ip link set eth0 up
	wait_for 5 ping_ok "$P-a" "$b"
}

@test "detached and attached elsewhere: packets follow" {
	local b
	b=$(ip_of "$P-b")
	ping_ok "$P-a" "$b"
	ctl detach "$P-b" >/dev/null
	run ! in_ns "$P-a" ping -n -q -c 2 -i 0.1 -W 1 "$b"
	netns_add "$P-new"
	ctl attach "$P-new" --subnet prod-app --netns "$(netns_of "$P-new")" --sg "$P" --ip "$b" >/dev/null
	in_ns "$P-a" ip neighbour flush all # another ENI, another MAC
	wait_for 5 ping_ok "$P-a" "$b"
	wait_for 5 takes_fast_path "$P-a" "$P-new"
}

# Whether packets may be redirected to the ENI, a tap: VPC_ENI_TAP of the flags in its row (vpc/abi/abi.h).
tap_takes_fast_path()
{
	local number
	number=$(eni_field "$1" number)
	[ $(($(bpftool -j map lookup pinned /sys/fs/bpf/vpcd/"$INSTANCE"/v*/maps/eni key $((number & 255)) $((number >> 8)) 0 0 |
		jq -r '.value[40]') & 4)) -ne 0 ]
}

@test "switched off it isn't used, also for ports that are there, and switched on it is again" {
	local before
	ctl attach "$P-tap" --subnet prod-app --sg "$P" --tap >/dev/null
	tap_takes_fast_path "$P-tap"
	ping_ok "$P-a" "$(ip_of "$P-b")"
	vpcd_stop
	printf '[Datapath]\nfast-path=no\n' >>"$CONFIG"
	vpcd_start
	[ "$(fast_path)" = false ]
	run ! tap_takes_fast_path "$P-tap"
	before=$(through "$P-b")
	ping_ok "$P-a" "$(ip_of "$P-b")"
	[ "$(through "$P-b")" -ge $((before + 5)) ]
	vpcd_stop
	sed -i 's/^fast-path=no$/fast-path=yes/' "$CONFIG"
	vpcd_start
	[ "$(fast_path)" = true ]
	wait_for 5 takes_fast_path "$P-a" "$P-b"
	tap_takes_fast_path "$P-tap"
	verify_clean
}
