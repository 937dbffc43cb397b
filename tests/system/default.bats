#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What holds before anybody wrote a rule: rules 1, 2, 3 and 11, promise P1.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	pair
	serve "$P-b" --tcp 7000 --udp 7000
}

@test "rule 1, P1: a new group lets nothing in, by IPv4" {
	local b
	b=$(ip_of "$P-b")
	cannot "$P-a" tcp "$b" 7000
	cannot "$P-a" udp "$b" 7000
	pings_not "$P-a" "$b"
	[ "$(drops_of "$P-b" no_ingress_rule)" -gt 0 ]
}

@test "rule 1, P1: a new group lets nothing in, by IPv6" {
	local b
	b=$(ip6_of "$P-b")
	cannot "$P-a" tcp "$b" 7000
	cannot "$P-a" udp "$b" 7000
	pings_not "$P-a" "$b"
}

@test "rules 1 and 3: a new group lets everything out, and the answers in" {
	local b
	b=$(ip_of "$P-b")
	ctl sg authorize "$P-b" ingress all --cidr 10.50.0.0/16 --cidr fd50::/56
	can "$P-a" tcp "$b" 7000
	can "$P-a" udp "$b" 7000
	can "$P-a" tcp "$(ip6_of "$P-b")" 7000
	pings "$P-a" "$b"
	# What a opened, b may answer; what b opens is still refused by a.
	serve "$P-a" --tcp 7000
	cannot "$P-b" tcp "$(ip_of "$P-a")" 7000
}

@test "rule 1: the two egress rules are there, and without them nothing may be opened outward" {
	local b rules
	b=$(ip_of "$P-b")
	rules=$(ctl -o json sg show "$P-a" | jq -c '[.rules[] | [.direction, .protocol, .from_port, .to_port, .cidr]] | sort')
	[ "$rules" = '[["egress","all",null,null,"0.0.0.0/0"],["egress","all",null,null,"::/0"]]' ]
	ctl sg authorize "$P-b" ingress all --cidr 10.50.0.0/16 --cidr fd50::/56
	can "$P-a" tcp "$b" 7000
	ctl sg revoke "$P-a" egress all --cidr 0.0.0.0/0
	cannot "$P-a" tcp "$b" 7000
	can "$P-a" tcp "$(ip6_of "$P-b")" 7000
	ctl sg revoke "$P-a" egress all --cidr ::/0
	cannot "$P-a" tcp "$(ip6_of "$P-b")" 7000
	[ "$(drops_of "$P-a" no_egress_rule)" -gt 0 ]
}

@test "rule 11: echo to the own gateway, ARP and ND need no rule" {
	ctl sg revoke "$P-a" egress all --cidr 0.0.0.0/0 --cidr ::/0
	pings "$P-a" 10.50.1.1
	pings "$P-a" fe80::1%eth0
	in_ns "$P-a" ip neigh show 10.50.1.1 dev eth0 | grep -qi lladdr
}

@test "rule 11: metadata, link-local, loopback and multicast addresses are not reachable" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	in_ns "$P-a" ip route replace 169.254.0.0/16 via 10.50.1.1
	cannot "$P-a" tcp 169.254.169.254 80
	cannot "$P-a" udp 169.254.169.254 53
	# The gateway's own link-local address serves no port.
	probe_is 2 "$P-a" tcp 10.50.1.1 22 --timeout 0.4
}
