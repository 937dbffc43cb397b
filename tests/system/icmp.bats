#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# ICMP, its errors, fragments and sizes: rules 3 and 4.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	ctl vpc create small --cidr 10.60.0.0/16 --cidr6 fd60::/56 --mtu 1300 >/dev/null
	ctl subnet create small-app --vpc small --cidr 10.60.1.0/24 --cidr6 fd60::/64 >/dev/null
}

setup()
{
	P=t$BATS_TEST_NUMBER
	pair prod-db
}

@test "rule 3: the error about a UDP packet comes back, without a rule for ICMP" {
	ctl sg authorize "$P-b" ingress udp 7000 --cidr 0.0.0.0/0 --cidr ::/0
	closed "$P-a" udp "$B" 7000
	closed "$P-a" udp "$B6" 7000
	cannot "$P-a" udp "$B" 7001
}

@test "rule 3: a RST comes back for a closed TCP port" {
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --cidr ::/0
	closed "$P-a" tcp "$B" 7000
	closed "$P-a" tcp "$B6" 7000
	cannot "$P-a" tcp "$B" 7001
}

@test "rule 3: echo replies need no rule, echo requests do" {
	ctl sg authorize "$P-b" ingress icmp 8/0 --cidr 0.0.0.0/0
	ctl sg authorize "$P-b" ingress icmpv6 128/0 --cidr ::/0
	pings "$P-a" "$B"
	pings "$P-a" "$B6"
	pings_not "$P-b" "$(ip_of "$P-a")"
	pings_not "$P-b" "$(ip6_of "$P-a")"
}

@test "rule 8: revoking the echo rule stops a running ping" {
	local t
	ctl sg authorize "$P-b" ingress icmp 8/0 --cidr 0.0.0.0/0
	nsenter --net="/run/netns/$(netns_of "$P-a")" ping -n -D -i 0.05 -c 40 -W 1 "$B" >"$BATS_TEST_TMPDIR/ping" 2>&1 3>&- &
	local pid=$!
	sleep 0.6
	ctl sg revoke "$P-b" ingress icmp 8/0 --cidr 0.0.0.0/0
	t=$(now_ns)
	wait "$pid" || true
	[ "$(grep -c 'bytes from' "$BATS_TEST_TMPDIR/ping")" -gt 5 ]
	sed -n 's/^\[\([0-9]*\)[.]\([0-9]*\)\] .*bytes from.*/\1\2000 x/p' "$BATS_TEST_TMPDIR/ping" >"$BATS_TEST_TMPDIR/times"
	log_stops "$BATS_TEST_TMPDIR/times" "$t"
}

@test "rule 4: fragments follow their first, by IPv4 and IPv6" {
	pings_not "$P-a" "$B" -s 3000
	ctl sg authorize "$P-b" ingress icmp 8/0 --cidr 0.0.0.0/0
	ctl sg authorize "$P-b" ingress icmpv6 128/0 --cidr ::/0
	pings "$P-a" "$B" -s 3000
	pings "$P-a" "$B6" -s 3000
	pings "$P-a" "$B" -s 20000
}

@test "rule 4: a fragmented UDP datagram passes by its port's rule, and only then" {
	serve "$P-b" --udp 7000-7001
	ctl sg authorize "$P-b" ingress udp 7000 --cidr 0.0.0.0/0 --cidr ::/0
	probe_is 0 "$P-a" udp "$B" 7000 --size 8000
	probe_is 0 "$P-a" udp "$B6" 7000 --size 8000
	probe_is 2 "$P-a" udp "$B" 7001 --size 8000 --timeout 0.4
}

@test "the workload's MTU is its VPC's" {
	workload_add "$P-s" small-app
	workload_add "$P-t" small-app
	in_ns "$P-s" ip link show dev eth0 | grep -q 'mtu 1300'
	in_ns "$P-a" ip link show dev eth0 | grep -q 'mtu 1500'
	[ "$(eni_field "$P-s" mtu)" -eq 1300 ]
	pings "$P-s" "$(ip_of "$P-t")" -M "do" -s 1272
	pings_not "$P-s" "$(ip_of "$P-t")" -M "do" -s 1273
	serve "$P-t" --tcp 7000
	can "$P-s" tcp "$(ip_of "$P-t")" 7000
}
