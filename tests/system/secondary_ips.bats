#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Secondary addresses of network interfaces, elastic IPs of them, and both moved while traffic runs.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

@test "an address assigned, moved and unassigned: its neighbours follow at once, and groups count it" {
	edge_vpc "$P"
	sg_new "$P-open" "$P"
	workload_add "$P-c" "$P-app"
	sg_new "$P-client" "$P"
	ctl sg authorize "$P-open" ingress tcp 7000 --sg "$P-client" >/dev/null
	ctl eni set "$P-c" --sg "$P-client" >/dev/null
	workload_add "$P-a" "$P-app" --sg "$P-open"
	workload_add "$P-b" "$P-app" --sg "$P-open"
	ctl eni assign-ip "$P-a" 10.50.1.90
	[ "$(eni_field "$P-a" 'secondary_ips[0]')" = 10.50.1.90 ]
	wait_for 5 sh -c "nsenter --net=/run/netns/$(netns_of "$P-a") ip -4 address show dev eth0 | grep -q 10.50.1.90"
	serve "$P-a" --tcp 7000
	serve "$P-b" --tcp 7000
	can "$P-c" tcp 10.50.1.90 7000
	ctl eni unassign-ip "$P-a" 10.50.1.90
	cannot "$P-c" tcp 10.50.1.90 7000
	ctl eni assign-ip "$P-b" 10.50.1.90
	wait_for 5 sh -c "nsenter --net=/run/netns/$(netns_of "$P-b") ip -4 address show dev eth0 | grep -q 10.50.1.90"
	can "$P-c" tcp 10.50.1.90 7000
	verify_clean
}

@test "an elastic IP moved under traffic: the old holder's flows end, the new one is reached" {
	local eip t
	edge_vpc "$P"
	edge_gate "$P"
	sg_new "$P-open" "$P" udp 7000 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	workload_add "$P-b" "$P-app" --sg "$P-open"
	serve outside --udp 7000
	serve "$P-b" --udp 7000
	eip=$(eip_for "$P-a" "$P-eip")
	[ "$(eni_field "$P-a" public_ip)" = "$eip" ]
	stream "$P-a" one udp-echo "$OUTSIDE" 7000
	ctl eip associate "$P-eip" --eni "$P-b"
	t=$(now_ns)
	[ "$(eni_field "$P-a" public_ip)" = null ]
	[ "$(eni_field "$P-b" public_ip)" = "$eip" ]
	can outside udp "$eip" 7000
	sleep 1.2
	log_stops "$(stream_log one)" "$t"
	verify_clean
}

@test "eni set --source-dest-check, while the interface is attached" {
	edge_vpc "$P"
	workload_add "$P-a" "$P-app"
	ctl eni set "$P-a" --source-dest-check off
	[ "$(eni_field "$P-a" source_dest_check)" = false ]
	misused eni set "$P-a" --source-dest-check maybe
	misused eni set "$P-a"
	ctl eni set "$P-a" --source-dest-check on
	[ "$(eni_field "$P-a" source_dest_check)" = true ]
	verify_clean
}
