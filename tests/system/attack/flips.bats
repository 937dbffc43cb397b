#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The holder of a tap may give its port any MAC, through the descriptor: a neighbour's, the gateway's, 250 times a second. It
# must matter to nobody. Fragments and packets to the gateway are what goes by bridge and router where the fast
# path is in use; where it isn't, everything does.

bats_require_minimum_version 1.5.0
load ../lib

setup_file()
{
	vpcd_start
	world prod
	sg_open open prod
}

setup()
{
	P=t$BATS_TEST_NUMBER
	workload_add "$P-a" prod-app --sg open
	workload_add "$P-b" prod-app --sg open
	workload_add "$P-far" prod-db --sg open
	ctl attach "$P-x" --subnet prod-app --sg open --tap >/dev/null
}

teardown()
{
	local name
	background_end
	for name in a b far x; do
		ctl detach "$P-$name" >/dev/null
	done
	namespaces_remove "$INSTANCE-$P-"
}

# flips SECONDS MAC…: in the background; waits until it has begun.
flips()
{
	local seconds=$1
	shift
	"$TOOLS/flip-mac" --socket "$RUN_DIR/vpcd-tap.sock" --eni "$P-x" --seconds "$seconds" "$@" \
		>"$BATS_TEST_TMPDIR/flips" 3>&- &
	FLIPS=$!
	sleep 0.5
}

# flipped: it ended by itself, and was busy.
flipped()
{
	wait "$FLIPS"
	[ "$(cat "$BATS_TEST_TMPDIR/flips")" -gt 300 ] || fail "only $(cat "$BATS_TEST_TMPDIR/flips") flips"
}

# all_arrive NAME ADDRESS [OPTION]…: 100 of 100.
all_arrive()
{
	local text
	text=$(in_ns "$1" ping -n -q -c 100 -i 0.01 -W 1 "${@:3}" "$2") || fail "$1 to $2 ${*:3}: $text"
	case $text in
	*" 100 received"*) ;;
	*) fail "$1 to $2 ${*:3}: $text" ;;
	esac
}

gateway_mac()
{
	in_ns "$P-a" ping -n -q -c 1 -W 1 10.50.1.1 >/dev/null
	in_ns "$P-a" ip -j neigh show 10.50.1.1 dev eth0 | jq -r '.[0].lladdr'
}

everything_arrives()
{
	all_arrive "$P-a" "$(ip_of "$P-b")"
	all_arrive "$P-a" "$(ip6_of "$P-b")"
	all_arrive "$P-b" "$(ip_of "$P-a")" -s 3000
	all_arrive "$P-a" 10.50.1.1
	all_arrive "$P-b" 10.50.1.1
	all_arrive "$P-b" fe80::1%eth0
	all_arrive "$P-far" "$(ip_of "$P-b")" -s 3000
	all_arrive "$P-b" "$(ip_of "$P-far")"
}

@test "a port whose MAC flips to a neighbour's and back takes nothing from the neighbour" {
	everything_arrives
	flips 14 "$(eni_field "$P-b" mac)" "$(eni_field "$P-a" mac)"
	everything_arrives
	flipped
	everything_arrives
	wait_for 20 verify_clean
}

@test "nor one whose MAC flips to the gateway's" {
	flips 14 "$(gateway_mac)"
	everything_arrives
	flipped
	everything_arrives
	wait_for 20 verify_clean
}

@test "nobody hears what is for a neighbour by having its MAC" {
	local text
	in_ns "$P-a" ping -n -q -c 1 -W 1 "$(ip_of "$P-b")" >/dev/null
	flips 3 "$(eni_field "$P-b" mac)"
	all_arrive "$P-a" "$(ip_of "$P-b")"
	flipped
	text=$(eni_field "$P-x" 'counters.rx_packets // 0')
	[ "$text" = 0 ] || fail "the port delivered $text packets"
}
