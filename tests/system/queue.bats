#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Who waits doesn't keep others waiting: a VPC whose namespace is being made is away from the queue meanwhile, and is
# decided anew when it comes back. P3, P6.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	ctl vpc create other --cidr 10.0.0.0/16
	ctl sg create web --vpc other
}

helper()
{
	pgrep -P "$(vpcd_pid)" -x vpcd-nft
}

# The namespaces' nftables are made by the helper: while it stands still, so does whoever makes a VPC.
hold()
{
	kill -STOP "$(helper)"
}

let_go()
{
	kill -CONT "$(helper)"
}

teardown()
{
	kill -CONT "$(helper)" 2>/dev/null || true
}

# create OUT NAME [CURL ARGUMENT]…: asks for a VPC in the background; status and body go to OUT.
create()
{
	local out=$1 name=$2
	shift 2
	curl -s --max-time 20 --unix-socket "$VPCD_SOCKET" -H 'Content-Type: application/json' -w '\n%{http_code}\n' "$@" \
		-d "{\"name\":\"$name\",\"cidr\":\"10.9.0.0/16\"}" http://vpcd/v1/vpcs >"$BATS_TEST_TMPDIR/$out" 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/$out.pid"
}

# answer OUT: its status, when it has come.
answer()
{
	wait_for 10 grep -q '^[0-9]\{3\}$' "$BATS_TEST_TMPDIR/$1" || return 1
	tail -n 1 "$BATS_TEST_TMPDIR/$1"
}

# Whoever was asked to make a VPC is at it: the namespace's thread waits for the helper.
is_waiting()
{
	sleep 0.3
	[ ! -s "$BATS_TEST_TMPDIR/$1" ]
}

vpcs_named()
{
	ctl -o json vpc list | jq "[.[] | select(.name == \"$1\")] | length"
}

@test "a rule of another VPC is opened and closed while a VPC's namespace is being made" {
	hold
	create one q1
	is_waiting one
	timeout 2 "$VPCCTL" sg authorize web ingress tcp 80 --cidr 1.2.3.4/32
	timeout 2 "$VPCCTL" sg revoke web ingress tcp 80 --cidr 1.2.3.4/32
	timeout 2 "$VPCCTL" vpc list
	# nothing of it is to be seen before it is made
	[ "$(vpcs_named q1)" -eq 0 ]
	is_waiting one
	let_go
	[ "$(answer one)" -eq 201 ]
	ctl verify
}

@test "verify takes no namespace that is being made for one that nobody wants" {
	local i
	hold
	for i in 1 2 3 4; do
		create "v$i" "v$i"
	done
	is_waiting v1
	"$VPCCTL" verify >"$BATS_TEST_TMPDIR/verify" 2>&1 3>&- &
	sleep 0.3
	let_go
	wait $! || fail "$(cat "$BATS_TEST_TMPDIR/verify")"
	for i in 1 2 3 4; do
		[ "$(answer "v$i")" -eq 201 ]
	done
	ctl verify
}

@test "P3: the same key twice, while the first waits, makes one VPC; two of one name make one" {
	hold
	create first twice -H 'Idempotency-Key: k1'
	create again twice -H 'Idempotency-Key: k1'
	create name named
	create name2 named
	is_waiting first
	let_go
	[ "$(answer first)" -eq 201 ]
	[ "$(answer again)" -eq 201 ]
	cmp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/again"
	[ "$(vpcs_named twice)" -eq 1 ]
	[ "$(printf "%s\n" "$(answer name)" "$(answer name2)" | sort | xargs)" = "201 400" ] || fail "$(cat "$BATS_TEST_TMPDIR"/name*)"
	[ "$(vpcs_named named)" -eq 1 ]
	# the namespaces that were made in vain are gone
	wait_for 2 ctl verify
}

@test "a caller who goes away meanwhile changes nothing for others" {
	hold
	create gone q5
	is_waiting gone
	kill "$(cat "$BATS_TEST_TMPDIR/gone.pid")"
	timeout 2 "$VPCCTL" sg authorize web ingress tcp 81 --cidr 1.2.3.4/32
	let_go
	wait_for 5 test "$(ctl -o json sg show web | jq -r .name)" = web
	ctl verify
}

@test "P6: what waits when vpcd ends is refused, and nothing of it stays" {
	local i
	hold
	for i in 1 2 3; do
		create "e$i" "e$i"
	done
	is_waiting e1
	kill -TERM "$(vpcd_pid)"
	sleep 0.2
	let_go
	vpcd_stop
	vpcd_start
	ctl verify
	for i in 1 2 3; do
		# made if it was said so; what wasn't answered may be either
		grep -q '^201$' "$BATS_TEST_TMPDIR/e$i" || continue
		[ "$(vpcs_named "e$i")" -eq 1 ]
	done
	[ "$(find /run/netns -name "$INSTANCE-vpc-*" | wc -l)" -eq "$(ctl -o json vpc list | jq length)" ]
}

# Namespaces that vpcd has open.
open_namespaces()
{
	find "/proc/$(vpcd_pid)/fd" -lname 'net:*' -o -lname '/run/netns/*' | wc -l
}

as_many_open()
{
	[ "$(open_namespaces)" -eq "$1" ]
}

@test "P6: a VPC that could not be stored leaves nothing behind" {
	local i before
	before=$(open_namespaces)
	[ "$before" -gt 0 ]
	mv "$STATE_DIR" "$STATE_DIR.away"
	for i in 1 2 3; do
		run "$VPCCTL" vpc create "s$i" --cidr 10.9.0.0/16
		[ "$status" -ne 0 ]
	done
	mv "$STATE_DIR.away" "$STATE_DIR"
	wait_for 5 as_many_open "$before"
	wait_for 5 ctl vpc create s1 --cidr 10.9.0.0/16
	as_many_open $((before + 1))
	ctl verify
	[ "$(find /run/netns -name "$INSTANCE-vpc-*" | wc -l)" -eq "$(ctl -o json vpc list | jq length)" ]
}

@test "P8: the repair of a VPC whose namespace is made again keeps nobody waiting" {
	local netns
	netns=$(ctl -o json vpc create lost --cidr 10.9.0.0/16 | jq -r .netns)
	vpcd_stop
	umount "/run/netns/$netns"
	echo "not vpcd's" >"/run/netns/$netns"
	vpcd_start
	[ "$(ctl -o json status | jq -r .health.state)" = degraded ]
	hold
	rm "/run/netns/$netns"
	sleep 2
	timeout 2 "$VPCCTL" sg authorize web ingress tcp 82 --cidr 1.2.3.4/32
	[ "$(ctl -o json status | jq -r .health.state)" = degraded ]
	let_go
	wait_for 20 ctl verify
	[ "$(ctl -o json status | jq -r .health.state)" = ok ]
}
