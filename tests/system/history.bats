#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What was, and bringing it back: log, show --at, events, backup and restore, with kills in between.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
}

teardown_file()
{
	vpcd_purge
}

revision()
{
	ctl -o json status | jq .revision
}

# The state of a backup, without when and where it was made.
state_of()
{
	jq -cS 'del(.made)' "$1"
}

@test "log tells who changed what, show --at what it was, also of a group that is gone" {
	local before id
	ctl sg create "$P-g" --vpc prod >/dev/null
	id=$(ctl -o json sg show "$P-g" | jq -r .id)
	ctl sg authorize "$P-g" ingress tcp 443 --cidr 0.0.0.0/0 >/dev/null
	before=$(revision)
	ctl rename "$P-g" "$P-h" >/dev/null
	ctl sg delete "$P-h" >/dev/null
	ctl -o json log "$P-h" | jq -e '.[0].command == "sg delete '"$P-h"'" and .[0].uid == 0 and (.[0].time | type) == "string"'
	ctl -o json log "$id" | jq -e 'length == 4 and .[1].changes[0].fields == ["name"]'
	ctl -o json show "$P-g" --at "$before" | jq -e '.id == "'"$id"'" and ([.rules[] | select(.from_port == 443)] | length) == 1'
	ctl -o json sg show "$id" --at "$((before + 1))" | jq -e '.name == "'"$P-h"'"'
	run ! ctl sg show "$P-x" --at "$before"
	[[ $output == *"at revision $before there was no security group '$P-x'; vpcctl log says when what was there"* ]]
	run ! ctl show "$P-x" --at "$before"
	[[ $output == *"at revision $before there was no resource '$P-x'; vpcctl log"* ]]
	run ! ctl sg show "$P-x" --vpc "$P-y" --at "$before"
	[[ $output == *"InvalidVpcID.NotFound: at revision $before there was no VPC '$P-y'; vpcctl log"* ]]
	run ! ctl show "$P-g"
	[[ $output == *"NotFound: there is no resource '$P-g'; vpcctl log says when what was there"* ]]
}

@test "events go on after the last revision that was read, also over SIGKILL" {
	local since
	since=$(revision)
	ctl sg create "$P-a" --vpc prod >/dev/null
	vpcd_restart KILL
	ctl sg create "$P-b" --vpc prod >/dev/null
	# the reader ends the stream after the second group
	api GET "/v1/resources/$P-b" >/dev/null
	timeout 20 "$BUILD/vpcctl" --socket "$VPCD_SOCKET" -o json events --since "$since" |
		jq -c --unbuffered 'select(.kind == "sg") | [.name, .action]' | head -n 2 >"$BATS_TEST_TMPDIR/events" || true
	[ "$(cat "$BATS_TEST_TMPDIR/events")" = "[\"$P-a\",\"created\"]
[\"$P-b\",\"created\"]" ]
	api_refused 400 InvalidParameterValue GET "/v1/events?since=999999"
}

@test "backup, changes, restore: the same state again; a damaged or newer one changes nothing" {
	local b=$BATS_TEST_TMPDIR/b
	ctl sg create "$P-g" --vpc prod >/dev/null
	ctl sg authorize "$P-g" ingress tcp 80 --cidr 0.0.0.0/0 >/dev/null
	ctl backup "$b"
	ctl sg revoke "$P-g" ingress tcp 80 --cidr 0.0.0.0/0 >/dev/null
	ctl rename "$P-g" "$P-other" >/dev/null
	ctl vpc create "$P-v" --cidr 10.77.0.0/16 >/dev/null
	ctl restore "$b"
	ctl backup "$b.2"
	[ "$(state_of "$b")" = "$(state_of "$b.2")" ]
	ctl verify
	refused InvalidVpcID.NotFound vpc show "$P-v"
	head -c 400 "$b" >"$b.cut"
	refused MalformedRequest restore "$b.cut"
	jq -c '.version = 99' "$b" >"$b.new"
	refused InvalidParameterValue restore "$b.new"
	sed 's/"prod"/"dorp"/' "$b" >"$b.bad"
	refused MalformedRequest restore "$b.bad"
	ctl backup "$b.3"
	[ "$(state_of "$b")" = "$(state_of "$b.3")" ]
	vpcd_restart KILL
	ctl backup "$b.4"
	[ "$(state_of "$b")" = "$(state_of "$b.4")" ]
	ctl verify
}
