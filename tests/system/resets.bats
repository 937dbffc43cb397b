#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A RST that its receiver will accept ends its flow at once; any other changes nothing that a later packet doesn't restore
# (P6, P7, P8). tests/bpf/reset.c has each single case.

bats_require_minimum_version 1.5.0
load lib

# Client $P-a, and a server $P-b in the subnet of the argument.
begin()
{
	pair "$1"
	ctl sg authorize "$P-b" ingress tcp 7000-7001 --cidr 0.0.0.0/0 --cidr ::/0
	ready=$BATS_TEST_TMPDIR/ready
	background "$P-b" "$TOOLS/linger" serve 7001 --ready "$ready" >"$BATS_TEST_TMPDIR/resets"
	server=$!
	wait_for 10 test -e "$ready"
}

# how many flows between the two are in the state, or in any
flows()
{
	ctl -o json flow list --eni "$P-a" --port 7001 --state "${1:-all}" | jq length
}

none()
{
	[ "$(flows)" -eq 0 ] || fail "$(ctl flow list --eni "$P-a" --state all)"
}

linger()
{
	in_ns "$P-a" "$TOOLS/linger" connect "$1" 7001 --count "$2" --by "$3"
}

# resets_seen N: so many the server was told of.
resets_seen()
{
	kill "$server"
	wait_for 5 test -s "$BATS_TEST_TMPDIR/resets"
	[ "$(cat "$BATS_TEST_TMPDIR/resets")" -eq "$1" ]
}

@test "connections that end by RST leave nothing, within a subnet" {
	begin prod-app
	linger "$B" 200 client
	none
	linger "$B" 50 server
	none
	linger "$B6" 50 client
	none
	resets_seen 250
	verify_clean
}

@test "connections that end by RST leave nothing, across subnets and with a network ACL" {
	begin prod-db
	linger "$B" 50 client
	linger "$B6" 50 server
	none
	ctl acl create "$P-acl" --vpc prod
	ctl acl rule add "$P-acl" ingress 100 allow all --cidr 0.0.0.0/0
	ctl acl rule add "$P-acl" egress 100 allow all --cidr 0.0.0.0/0
	ctl acl associate "$P-acl" prod-db
	linger "$B" 50 client
	linger "$B" 50 server
	none
	resets_seen 100
	verify_clean
}

@test "where the receiver's port judges too, the flow is left to its timeout, and the receiver is told" {
	vpcd_stop
	printf '[Datapath]\nfast-path=no\n' >>"$CONFIG"
	vpcd_start
	begin prod-app
	linger "$B" 20 client
	[ "$(flows reset)" -eq 20 ]
	resets_seen 20
	vpcd_stop
	sed -i 's/^fast-path=no$/fast-path=yes/' "$CONFIG"
	vpcd_start
}

# forged NAME SEGMENT…: sends it as a RST, and the stream goes on.
forged()
{
	local name=$1 now
	shift
	forge "$name" tcp-rst --smac "$(eni_field "$name" mac)" --sport "$sport" --dport 7000 "$@"
	now=$(now_ns)
	sleep 1
	log_goes_on "$(stream_log s)" "$now"
}

@test "forged RSTs end nothing" {
	local sport now
	begin prod-app
	serve "$P-b" --tcp 7000
	workload_add "$P-c" prod-app --sg "$P-a"
	workload_add "$P-d" prod-app --sg "$P-a" --no-source-dest-check
	stream "$P-a" s tcp-echo "$B" 7000
	sport=$(ctl -o json flow list --eni "$P-a" --port 7000 | jq '.[0].src_port')
	forged "$P-c" --dmac "$(eni_field "$P-b" mac)" --src "$A" --dst "$B"
	forged "$P-d" --dmac "$(eni_field "$P-b" mac)" --src "$A" --dst "$B"
	forged "$P-a" --dmac "$(eni_field "$P-b" mac)" --src "$A" --dst "$B"
	[ "$(ctl -o json flow list --eni "$P-a" --port 7000 --state established | jq length)" -eq 1 ]
	[ "$(drops_of "$P-c" forged_source)" -ge 1 ]
	verify_clean
}
