#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Further CIDRs of a VPC: subnets in them, what is the VPC's own space and what isn't, while traffic runs.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

@test "a subnet in a further CIDR: reached from the others, with its own rules" {
	edge_vpc "$P"
	sg_new "$P-open" "$P" tcp 7000 10.60.0.0/16
	workload_add "$P-a" "$P-app" --sg "$P-open"
	refused InvalidSubnet.Range subnet create "$P-new" --vpc "$P" --cidr 10.60.1.0/24
	ctl vpc add-cidr "$P" 10.60.0.0/16
	ctl vpc add-cidr "$P" fd60::/56
	[ "$(ctl -o json vpc show "$P" | jq -c .secondary_cidrs)" = '["10.60.0.0/16","fd60::/56"]' ]
	ctl subnet create "$P-new" --vpc "$P" --cidr 10.60.1.0/24 --cidr6 fd60::/64
	ctl sg authorize "$P-open" ingress tcp 7000 --cidr fd60::/56
	workload_add "$P-b" "$P-new" --sg "$P-open"
	serve "$P-a" --tcp 7000
	serve "$P-b" --tcp 7000
	can "$P-b" tcp "$(ip_of "$P-a")" 7000
	can "$P-b" tcp "$(ip6_of "$P-a")" 7000
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
	verify_clean
	vpcd_restart
	verify_clean
	can "$P-b" tcp "$(ip_of "$P-a")" 7000
	refused DependencyViolation vpc remove-cidr "$P" 10.60.0.0/16
	refused DependencyViolation vpc remove-cidr "$P" fd60::/56
	ctl detach "$P-b"
	ctl subnet delete "$P-new"
	ctl vpc remove-cidr "$P" 10.60.0.0/16
	ctl vpc remove-cidr "$P" fd60::/56
	verify_clean
}

@test "what a further CIDR holds leaves the VPC no longer, and does when it is removed" {
	local t
	edge_vpc "$P" --internet
	workload_add "$P-a" "$P-app"
	workload_add "$P-c" "$P-db"
	serve outside --tcp 7000 --udp 7000
	can "$P-a" tcp "$OUTSIDE" 7000
	stream "$P-a" one udp-echo "$OUTSIDE" 7000
	stream "$P-c" two udp-echo "$OUTSIDE6" 7000
	ctl vpc add-cidr "$P" 198.18.0.0/28
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log one)" "$t"
	log_goes_on "$(stream_log two)" "$t"
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	[ "$(drops_of "$P-a" unknown_destination)" -gt 0 ]
	verify_clean
	ctl vpc remove-cidr "$P" 198.18.0.0/28
	can "$P-a" tcp "$OUTSIDE" 7000
}

@test "from the world with an address of a further CIDR: forged_source" {
	local eip before
	edge_vpc "$P"
	edge_gate "$P"
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	serve "$P-a" --udp 7000
	eip=$(eip_for "$P-a" "$P-eip")
	can outside udp "$eip" 7000
	before=$(drops_of "$P-a" forged_source)
	ctl vpc add-cidr "$P" 198.18.0.0/24
	cannot outside udp "$eip" 7000
	[ "$(drops_of "$P-a" forged_source)" -gt "$before" ]
	ctl vpc remove-cidr "$P" 198.18.0.0/24
	can outside udp "$eip" 7000
}

@test "local routes: each CIDR has one, and no route leads into it" {
	edge_vpc "$P"
	ctl route add main 10.61.1.0/24 blackhole --vpc "$P"
	refused CidrConflict vpc add-cidr "$P" 10.61.0.0/16
	ctl route delete main 10.61.1.0/24 --vpc "$P"
	ctl vpc add-cidr "$P" 10.61.0.0/16
	refused InvalidParameterValue route add main 10.61.1.0/24 blackhole --vpc "$P"
	ctl route add main 10.0.0.0/8 blackhole --vpc "$P"
	[ "$(ctl -o json route-table show main --vpc "$P" | jq -r '[.routes[] | select(.target == "local") | .destination] | length')" = 3 ]
}
