#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# VPCs are apart from each other and from the host: promise P5; subnets of one VPC are joined by its router.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world one
	world two
}

# Both VPCs have 10.50.1.50 and fd50::50; in each a client and a server, everything allowed.
setup()
{
	local v
	P=t$BATS_TEST_NUMBER
	for v in one two; do
		ctl sg create "$P-$v" --vpc "$v" >/dev/null
		ctl sg authorize "$P-$v" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	done
}

@test "P5: two VPCs with the same addresses never see each other's packets" {
	local v
	for v in one two; do
		workload_add "$P-$v-s" "$v-app" --sg "$P-$v" --ip 10.50.1.50
		workload_add "$P-$v-c" "$v-app" --sg "$P-$v" --ip 10.50.1.51
		serve "$P-$v-s" --tcp 7000 --udp 7000
	done
	stream "$P-one-c" one udp-echo 10.50.1.50 7000 --sport 42000
	stream "$P-two-c" two udp-echo 10.50.1.50 7000 --sport 42000
	can "$P-one-c" tcp 10.50.1.50 7000
	# What is cut in one goes on in the other, with the very same tuple.
	local t
	ctl sg revoke "$P-one" ingress all --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log one)" "$t"
	log_goes_on "$(stream_log two)" "$t"
	[ "$(stream_end two | jq .lost)" -eq 0 ]
	cannot "$P-one-c" tcp 10.50.1.50 7000
	can "$P-two-c" tcp 10.50.1.50 7000
}

@test "P5: an address that exists in the other VPC only is nobody here" {
	workload_add "$P-c" one-app --sg "$P-one"
	workload_add "$P-s" two-app --sg "$P-two" --ip 10.50.1.77
	serve "$P-s" --tcp 7000 --udp 7000
	probe_is 2 "$P-c" tcp 10.50.1.77 7000 --timeout 0.4
	[ "$(arrives "$P-s" marked-x in_ns "$P-c" sh -c 'echo marked-x >/dev/udp/10.50.1.77/7000 2>/dev/null; true')" -eq 0 ]
	[ "$(wc -l <"$(log_of "$P-s")")" -eq 0 ]
}

@test "P5: addresses outside of every VPC go nowhere, and the host is not reachable" {
	local host
	workload_add "$P-c" one-app --sg "$P-one"
	probe_is 2 "$P-c" tcp 192.0.2.1 80 --timeout 0.4 || probe_is 3 "$P-c" tcp 192.0.2.1 80 --timeout 0.4
	# An address of the host itself, whichever it has.
	host=$(ip -4 -o address show scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
	if [ -n "$host" ]; then
		pings_not "$P-c" "$host"
	fi
}

@test "P5: nothing of a VPC is in the host's namespace" {
	workload_add "$P-c" one-app --sg "$P-one"
	run ! grep -q "vpcd:$INSTANCE:" <(ip -o link show)
	run ! grep -q '10[.]50[.]' <(ip -4 route show table all)
}

@test "the router joins the subnets of a VPC, by IPv4 and IPv6, and TTL goes down" {
	workload_add "$P-a" one-app --sg "$P-one"
	workload_add "$P-b" one-db --sg "$P-one"
	serve "$P-b" --tcp 7000 --udp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	can "$P-a" udp "$(ip_of "$P-b")" 7000
	can "$P-a" tcp "$(ip6_of "$P-b")" 7000
	can "$P-a" udp "$(ip6_of "$P-b")" 7000
	in_ns "$P-a" ping -n -c 1 -W 1 "$(ip_of "$P-b")" | grep -q 'ttl=63'
	# A TTL of one ends at the gateway, which says so.
	in_ns "$P-a" ping -n -c 1 -t 1 -W 1 "$(ip_of "$P-b")" | grep -q '10.50.1.1.*exceeded'
}
