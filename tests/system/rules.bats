#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A rule opens exactly its protocol, ports and peer: rules 2, 4, 5 and 9.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	pair
	serve "$P-b" --tcp 7000-7003 --udp 7000-7003
}

@test "rule 4: one TCP port is that port, by TCP, only" {
	ctl sg authorize "$P-b" ingress tcp 7001 --cidr 0.0.0.0/0
	can "$P-a" tcp "$B" 7001
	cannot "$P-a" tcp "$B" 7000
	cannot "$P-a" tcp "$B" 7002
	cannot "$P-a" udp "$B" 7001
	cannot "$P-a" tcp "$B6" 7001
	pings_not "$P-a" "$B"
}

@test "rule 4: a range is its ports, both ends in it" {
	ctl sg authorize "$P-b" ingress udp 7001-7002 --cidr 0.0.0.0/0
	cannot "$P-a" udp "$B" 7000
	can "$P-a" udp "$B" 7001
	can "$P-a" udp "$B" 7002
	cannot "$P-a" udp "$B" 7003
	cannot "$P-a" tcp "$B" 7001
}

@test "rule 4: protocol all is everything, of its family" {
	ctl sg authorize "$P-b" ingress all --cidr ::/0
	can "$P-a" tcp "$B6" 7000
	can "$P-a" udp "$B6" 7003
	pings "$P-a" "$B6"
	cannot "$P-a" tcp "$B" 7000
	cannot "$P-a" udp "$B" 7000
}

@test "rule 4: icmp by type, -1 for any" {
	ctl sg authorize "$P-b" ingress icmp 13 --cidr 0.0.0.0/0
	pings_not "$P-a" "$B"
	ctl sg authorize "$P-b" ingress icmp 8 --cidr 0.0.0.0/0
	pings "$P-a" "$B"
	cannot "$P-a" tcp "$B" 7000
	pings_not "$P-a" "$B6"
	ctl sg authorize "$P-b" ingress icmpv6 all --cidr ::/0
	pings "$P-a" "$B6"
}

@test "rule 4: numbers are stored as names, -1 as all" {
	ctl sg authorize "$P-b" ingress 6 7000 --cidr 10.0.0.0/8
	ctl sg authorize "$P-b" ingress -1 --cidr 10.1.0.0/16
	ctl sg authorize "$P-b" ingress 47 --cidr 10.0.0.0/8
	local text
	text=$(ctl -o json sg show "$P-b" | jq -c '[.rules[] | select(.direction == "ingress") | [.protocol, .from_port, .to_port]] | sort')
	[ "$text" = '[["47",null,null],["all",null,null],["tcp",7000,7000]]' ] ||
		[ "$text" = '[["all",null,null],["47",null,null],["tcp",7000,7000]]' ] ||
		[ "$text" = '[[47,null,null],["all",null,null],["tcp",7000,7000]]' ] || fail "$text"
}

@test "rule 5: a CIDR is its addresses only" {
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr "$A/32"
	can "$P-a" tcp "$B" 7000
	workload_add "$P-c" prod-app --sg "$P-a"
	cannot "$P-c" tcp "$B" 7000
	workload_add "$P-d" prod-db --sg "$P-a"
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 10.50.2.0/24
	can "$P-d" tcp "$B" 7000
	cannot "$P-c" tcp "$B" 7000
}

@test "rule 5: IPv6 CIDRs, /128 and wider" {
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr "$(ip6_of "$P-a")/128"
	can "$P-a" tcp "$B6" 7000
	cannot "$P-a" tcp "$B" 7000
	workload_add "$P-c" prod-app --sg "$P-a"
	cannot "$P-c" tcp "$B6" 7000
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr fd50::/64
	can "$P-c" tcp "$B6" 7000
}

@test "rule 5: egress rules bind in the same way" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0
	ctl sg revoke "$P-a" egress all --cidr 0.0.0.0/0 --cidr ::/0
	ctl sg authorize "$P-a" egress tcp 7001 --cidr "$B/32"
	can "$P-a" tcp "$B" 7001
	cannot "$P-a" tcp "$B" 7000
	cannot "$P-a" udp "$B" 7001
}

@test "one command with several peers is one transaction of several rules" {
	local before after
	before=$(ctl -o json status | jq .revision)
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 10.1.0.0/16 --cidr 10.2.0.0/16 --cidr fd50::/56
	after=$(ctl -o json status | jq .revision)
	[ "$after" -eq $((before + 1)) ]
	[ "$(ctl -o json sg show "$P-b" | jq '[.rules[] | select(.direction == "ingress")] | length')" -eq 3 ]
}

@test "rule 7, P2: fifty rounds of authorize and revoke, a packet after each reply is judged by it" {
	in_ns "$P-a" "$TOOLS/flip" --socket "$VPCD_SOCKET" --group "$P-b" --host "$B" --port 7000 --rounds 50
	in_ns "$P-a" "$TOOLS/flip" --socket "$VPCD_SOCKET" --group "$P-b" --host "$B6" --port 7001 --rounds 20
	sleep 0.3
	[ "$(grep -c ' allowed-' "$(log_of "$P-b")")" -eq 70 ]
	[ "$(grep -c ' denied-' "$(log_of "$P-b")")" -eq 0 ]
}
