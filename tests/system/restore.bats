#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # stderr is set by run
# Restoring where it is harder: on a fresh host, beside the host that the backup is of, and while a change waits for its confirmation.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	instance_use "$(instance_name)"
	vpcd_start
	furnish
}

teardown_file()
{
	vpcd_purge
}

# A state with something of many kinds, and two workloads of which b serves.
furnish()
{
	world prod
	ctl vpc create lab --cidr 10.60.0.0/16 >/dev/null
	ctl peering create p --vpc prod --peer-vpc lab >/dev/null
	ctl peering accept p >/dev/null
	ctl prefix-list create offices --max-entries 5 >/dev/null
	ctl prefix-list add offices 198.51.100.0/24 >/dev/null
	ctl route-table create more --vpc prod >/dev/null
	ctl route add more 10.60.0.0/16 p --vpc prod >/dev/null
	ctl acl create strict --vpc lab >/dev/null
	ctl sg create clients --vpc prod --tag k=v >/dev/null
	ctl sg create web --vpc prod --description 'web servers' >/dev/null
	ctl sg authorize web ingress tcp 443 --sg clients --description 'by group' >/dev/null
	ctl sg authorize web ingress tcp 22 --prefix-list offices >/dev/null
	ctl sg authorize web ingress udp 53 --cidr 10.50.0.0/16 --expires-in 86400 >/dev/null
	ctl flow-log create --vpc prod --interval 600 >/dev/null
	workload_add a prod-app --sg clients
	workload_add b prod-db --sg web
}

# The state of a backup, without what workloads are attached to, and in an order of its own.
state_of()
{
	jq -cS '.state | map_values(sort_by(.id) | map(del(.attachment, .detach_reason, .order)))' "$1"
}

unattached()
{
	[ "$(ctl eni list -o json | jq '[.[] | select(.attachment)] | length')" -eq 0 ]
}

source_works()
{
	serve b --tcp 443 --tcp 80
	can a tcp "$(ip_of b)" 443
	cannot a tcp "$(ip_of b)" 80
}

@test "while a change waits for its confirmation, a restore is refused and says what to do; what was waited for still comes" {
	local b=$BATS_TEST_TMPDIR/b
	ctl backup "$b"
	ctl apply -f - --confirm 15 >/dev/null <<-'END'
		security_groups:
		- {name: web, vpc: prod, rules: []}
	END
	ctl backup "$b.unconfirmed"
	run -1 --separate-stderr ctl restore "$b"
	[[ $stderr == *"IncorrectState"*"vpcctl confirm keeps it"* ]]
	vpcd_restart KILL
	refused IncorrectState restore "$b"
	[ "$(ctl sg show web --vpc prod -o json | jq '.rules | length')" -eq 0 ]
	wait_for 60 rules_are 5
	ctl backup "$b.2"
	[ "$(state_of "$b")" = "$(state_of "$b.2")" ]
	# a backup of what was not confirmed is what was in force then, and is restored for good
	ctl restore "$b.unconfirmed" >/dev/null
	rules_are 0
	vpcd_restart
	rules_are 0
	ctl restore "$b" >/dev/null
	rules_are 5
	source_works
	verify_clean
}

rules_are()
{
	[ "$(ctl sg show web --vpc prod -o json | jq '.rules | length')" -eq "$1" ]
}

@test "a change that waits may follow a restore, and goes back to what was restored" {
	local b=$BATS_TEST_TMPDIR/b
	ctl backup "$b"
	ctl sg create "$P-new" --vpc prod >/dev/null
	ctl restore "$b" >/dev/null
	ctl apply -f - --confirm 3 >/dev/null <<-'END'
		security_groups:
		- {name: web, vpc: prod, description: other}
	END
	wait_for 30 described 'web servers'
	ctl backup "$b.2"
	[ "$(state_of "$b")" = "$(state_of "$b.2")" ]
	verify_clean
}

described()
{
	[ "$(ctl sg show web --vpc prod -o json | jq -r .description)" = "$1" ]
}

@test "beside the instance that it is of, a backup is refused whole: devices of the host have the names of VPCs' ids" {
	local b=$BATS_TEST_TMPDIR/b first=$INSTANCE
	serve b --tcp 443
	stream a open tcp-echo "$(ip_of b)" 443
	ctl backup "$b"
	instance_use "$(instance_name 2)"
	vpcd_start
	run -1 --separate-stderr ctl restore "$b"
	[[ $stderr == *"DatapathUnavailable"*"another instance"* ]]
	[ "$(ctl vpc list -o json | jq length)" -eq 0 ]
	ctl sg list -o json | jq -e 'length == 0'
	verify_clean
	vpcd_stop
	instance_use "$first"
	source_stream_goes_on
	verify_clean
}

source_stream_goes_on()
{
	local now
	now=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log open)" "$now"
	stream_end open
}

@test "a fresh host: the same ids and rules, workloads are attached again, and the rules hold for them" {
	local b=$BATS_TEST_TMPDIR/b ids
	ctl backup "$b"
	ids=$(ctl sg list -o json | jq -cS '[.[] | {id, rules: [.rules[].id]}]')
	vpcd_purge
	instance_use "$(instance_name 3)"
	vpcd_start
	run -0 ctl restore "$b" --dry-run
	[ "$(ctl vpc list -o json | jq length)" -eq 0 ]
	ctl restore "$b" >/dev/null
	[ "$(ctl sg list -o json | jq -cS '[.[] | {id, rules: [.rules[].id]}]')" = "$ids" ]
	# their namespaces are on the other host
	wait_for 60 unattached
	ctl backup "$b.2"
	[ "$(state_of "$b")" = "$(state_of "$b.2")" ]
	verify_clean
	for name in a b; do
		netns_add "$name"
		ctl eni attach "$name" --netns "$(netns_of "$name")" >/dev/null
		wait_for 5 addresses_ready "$name"
	done
	source_works
	# what is made from now on meets nothing of the backup
	ctl sg authorize web ingress tcp 80 --cidr 10.50.0.0/16 >/dev/null
	can a tcp "$(ip_of b)" 80
	ctl sg revoke web ingress tcp 80 --cidr 10.50.0.0/16 >/dev/null
	vpcd_restart KILL
	can a tcp "$(ip_of b)" 443
	cannot a tcp "$(ip_of b)" 80
	verify_clean
}
