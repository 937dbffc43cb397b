#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Purge leaves nothing, and touches nothing else.

bats_require_minimum_version 1.5.0
load lib

@test "purge removes every kernel object and keeps the state; the next start makes it all again" {
	local id
	workload_add "$P-a" prod-app
	workload_add "$P-b" prod-db
	id=$(eni_field "$P-a" id)
	ip netns add "$INSTANCE-vpc-foreign"
	vpcd_stop TERM
	local args
	mapfile -t args < <(vpcd_args)
	"$VPCD" "${args[@]}" --purge
	[ -e "/run/netns/$INSTANCE-vpc-foreign" ]
	ip netns del "$INSTANCE-vpc-foreign"
	run ! in_ns "$P-a" ip link show dev eth0
	[ -z "$(find /run/netns -name "$INSTANCE-vpc-*")" ]
	[ ! -e "/sys/fs/bpf/vpcd/$INSTANCE" ]
	[ -z "$(find "$RUN_DIR" -mindepth 1)" ]
	vpcd_start
	[ "$(eni_field "$P-a" id)" = "$id" ]
	verify_clean
	wait_for 5 addresses_ready "$P-a"
	serve "$P-b" --tcp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
}

@test "purge --state removes the state too" {
	vpcd_stop TERM
	instance_purge
	instance_left
	[ -z "$(find "$STATE_DIR" -type f 2>/dev/null)" ]
	vpcd_start
	[ "$(ctl -o id vpc list | grep -c .)" -eq 0 ]
	world prod
	verify_clean
}

@test "deleting everything leaves nothing in the kernel" {
	local netns
	ctl vpc create "$P" --cidr 10.0.0.0/16 >/dev/null
	ctl subnet create "$P-n" --vpc "$P" --cidr 10.0.1.0/24 >/dev/null
	netns=$(ctl -o json vpc show "$P" | jq -r .netns)
	[ -e "/run/netns/$netns" ]
	workload_add "$P-a" "$P-n"
	ctl detach "$P-a"
	ctl subnet delete "$P-n"
	ctl vpc delete "$P"
	wait_for 10 test ! -e "/run/netns/$netns"
	verify_clean
}

@test "starting and stopping many times leaks no descriptor" {
	local before i
	workload_add "$P-a" prod-app
	before=$(find "/proc/$(vpcd_pid)/fd" -mindepth 1 | wc -l)
	for i in 1 2 3 4 5 6 7 8; do
		workload_add "$P-x$i" prod-app
		ctl detach "$P-x$i"
		ip netns del "$(netns_of "$P-x$i")"
	done
	wait_for 5 descriptors_at_most $((before + 2))
}

descriptors_at_most()
{
	[ "$(find "/proc/$(vpcd_pid)/fd" -mindepth 1 | wc -l)" -le "$1" ]
}
