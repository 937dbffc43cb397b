#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Many groups on an ENI, many ENIs in a group, groups as peers: rules 2 and 6, and the default group.

bats_require_minimum_version 1.5.0
load lib

@test "rule 2: sixteen groups on one ENI, the union counts" {
	local i groups=()
	ctl sg create "$P-a" --vpc prod >/dev/null
	for i in $(seq 0 15); do
		sg_new "$P-g$i" prod tcp $((7000 + i)) 0.0.0.0/0
		groups+=(--sg "$P-g$i")
	done
	workload_add "$P-a" prod-app --sg "$P-a"
	workload_add "$P-b" prod-app "${groups[@]}"
	serve "$P-b" --tcp 7000-7016
	for i in 0 7 15; do
		can "$P-a" tcp "$(ip_of "$P-b")" $((7000 + i))
	done
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7016
	ctl sg create "$P-more" --vpc prod >/dev/null
	refused SecurityGroupsPerInterfaceLimitExceeded sg attach "$P-more" "$P-b"
}

@test "rule 2: one change to a group counts for each of its ENIs" {
	local i
	ctl sg create "$P-a" --vpc prod >/dev/null
	ctl sg create "$P-web" --vpc prod >/dev/null
	workload_add "$P-a" prod-app --sg "$P-a"
	for i in 1 2 3 4 5; do
		workload_add "$P-w$i" prod-db --sg "$P-web"
		serve "$P-w$i" --tcp 7000
		cannot "$P-a" tcp "$(ip_of "$P-w$i")" 7000
	done
	ctl sg authorize "$P-web" ingress tcp 7000 --cidr 0.0.0.0/0
	for i in 1 2 3 4 5; do
		can "$P-a" tcp "$(ip_of "$P-w$i")" 7000
	done
	ctl sg revoke "$P-web" ingress tcp 7000 --cidr 0.0.0.0/0
	for i in 1 2 3 4 5; do
		cannot "$P-a" tcp "$(ip_of "$P-w$i")" 7000
	done
}

@test "rule 6: a group as peer is whoever carries it, from joining to leaving" {
	local b b6
	ctl sg create "$P-other" --vpc prod >/dev/null
	ctl sg create "$P-client" --vpc prod >/dev/null
	ctl sg create "$P-db" --vpc prod >/dev/null
	ctl sg authorize "$P-db" ingress tcp 7000 --sg "$P-client"
	workload_add "$P-a" prod-app --sg "$P-other"
	workload_add "$P-b" prod-db --sg "$P-db"
	serve "$P-b" --tcp 7000 --udp 7000
	b=$(ip_of "$P-b")
	b6=$(ip6_of "$P-b")
	cannot "$P-a" tcp "$b" 7000
	ctl sg attach "$P-client" "$P-a"
	can "$P-a" tcp "$b" 7000
	can "$P-a" tcp "$b6" 7000
	cannot "$P-a" udp "$b" 7000
	ctl sg detach "$P-client" "$P-a"
	cannot "$P-a" tcp "$b" 7000
	cannot "$P-a" tcp "$b6" 7000
	ctl eni set "$P-a" --sg "$P-client"
	can "$P-a" tcp "$b" 7000
}

@test "rules 6 and 8: leaving the group that a rule names cuts the flow" {
	local t
	ctl sg create "$P-other" --vpc prod >/dev/null
	ctl sg create "$P-client" --vpc prod >/dev/null
	ctl sg create "$P-db" --vpc prod >/dev/null
	ctl sg authorize "$P-db" ingress all --sg "$P-client"
	workload_add "$P-a" prod-app --sg "$P-other" --sg "$P-client"
	workload_add "$P-b" prod-app --sg "$P-db"
	serve "$P-b" --tcp 7000
	stream "$P-a" s tcp-recv "$(ip_of "$P-b")" 7000
	ctl sg detach "$P-client" "$P-a"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
}

@test "rule 6: a group may name itself" {
	ctl sg create "$P-g" --vpc prod >/dev/null
	ctl sg authorize "$P-g" ingress tcp 7000 --sg "$P-g"
	workload_add "$P-a" prod-app --sg "$P-g"
	workload_add "$P-b" prod-db --sg "$P-g"
	ctl sg create "$P-other" --vpc prod >/dev/null
	workload_add "$P-c" prod-app --sg "$P-other"
	serve "$P-b" --tcp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	cannot "$P-c" tcp "$(ip_of "$P-b")" 7000
}

@test "the default group: ENIs without groups get it, and talk to one another" {
	workload_add "$P-a" prod-app
	workload_add "$P-b" prod-db
	ctl sg create "$P-other" --vpc prod >/dev/null
	workload_add "$P-c" prod-app --sg "$P-other"
	serve "$P-b" --tcp 7000 --udp 7000
	[ "$(eni_field "$P-a" 'security_groups | length')" -eq 1 ]
	[ "$(eni_field "$P-a" 'security_groups[0]')" = "$(ctl -o json sg show default --vpc prod | jq -r .id)" ]
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	can "$P-a" udp "$(ip6_of "$P-b")" 7000
	pings "$P-a" "$(ip_of "$P-b")"
	cannot "$P-c" tcp "$(ip_of "$P-b")" 7000
	refused CannotDelete sg delete default --vpc prod
}

@test "the default group can be edited" {
	ctl vpc create "$P-vpc" --cidr 10.60.0.0/16 >/dev/null
	ctl subnet create "$P-net" --vpc "$P-vpc" --cidr 10.60.1.0/24 >/dev/null
	workload_add "$P-a" "$P-net"
	workload_add "$P-b" "$P-net"
	serve "$P-b" --tcp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	ctl sg revoke "$(eni_field "$P-a" 'security_groups[0]')" ingress all --sg "$(eni_field "$P-a" 'security_groups[0]')"
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
}
