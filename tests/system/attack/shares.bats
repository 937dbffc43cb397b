#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# One tenant wants all of the maps of flows (P5, P8): the others' connections and answers don't notice, nor do its own quiet ENIs.
# Words in bpf/lib/flow/README.md, "Shares".

bats_require_minimum_version 1.5.0
load ../lib

ESTABLISHED=8000
OTHERS=16384
MANY=6000 # connections that each of four attackers opens

# tenant VPC CIDR-PREFIX: with a subnet and a group for everything within it.
tenant()
{
	ctl vpc create "$1" --cidr "$2.0.0/16" >/dev/null
	ctl subnet create "$1" --vpc "$1" --cidr "$2.1.0/24" >/dev/null
	ctl sg create "$1-open" --vpc "$1" >/dev/null
	ctl sg authorize "$1-open" ingress all --cidr "$2.0.0/16" >/dev/null
	ctl sg create "$1-closed" --vpc "$1" >/dev/null
}

server()
{
	local ready=$BATS_FILE_TMPDIR/ready-$1
	workload_add "$1" "$2" --sg "$2-open"
	nsenter --net="/run/netns/$(netns_of "$1")" "$TOOLS/serve" --ready "$ready" --tcp 7000 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/servers"
	nsenter --net="/run/netns/$(netns_of "$1")" "$TOOLS/bystander" answer 7001 --ready "$ready-udp" 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/servers"
	wait_for 10 test -e "$ready"
	wait_for 10 test -e "$ready-udp"
}

setup_file()
{
	local name
	vpcd_start '[Limits]' "flows_established=$ESTABLISHED" "flows_other=$OTHERS"
	tenant evil 10.66
	tenant good 10.67
	for name in a1 a2 a3 a4; do
		workload_add "$name" evil --sg evil-open
		# The kernel there answers nothing: both ends are the attacker's hands.
		in_ns "$name" ip address flush dev eth0
	done
	workload_add quiet evil --sg evil-closed
	workload_add client good --sg good-closed
	server quiet-server evil
	server server good
}

teardown_file()
{
	xargs -r kill <"$BATS_FILE_TMPDIR/servers" || true
	vpcd_purge
}

end_of()
{
	printf '%s,%s,%s' "$(netns_of "$1")" "$(eni_field "$1" mac)" "$(ip_of "$1")"
}

# all_attack KIND PORT: each of the four as many as it can.
all_attack()
{
	local pair pids=()
	for pair in "a1 a2" "a2 a1" "a3 a4" "a4 a3"; do
		"$TOOLS/overrun" "$1" "$(end_of "${pair% *}")" "$(end_of "${pair#* }")" --first "$2" --count "$MANY" >/dev/null 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
}

# scan_begin SECONDS [KIND]: from all four, and goes on.
scan_begin()
{
	local pair ends kind=${2:-scan}
	for pair in "a1 a2" "a2 a1" "a3 a4" "a4 a3"; do
		ends="$(end_of "${pair% *}") $(end_of "${pair#* }")"
		# shellcheck disable=SC2086 # two words
		"$TOOLS/overrun" "$kind" $ends --seconds "$1" >>"$BATS_TEST_TMPDIR/scanned" 3>&- &
		echo $! >>"$BATS_FILE_TMPDIR/background"
	done
}

# share VPC WHAT: of the status.
share()
{
	ctl -o json status | jq ".flow_shares[\"$(ctl -o id vpc show "$1")\"].$2"
}

# scan_end: waits for what scan_begin began, which says at its end how much it sent.
scan_end()
{
	local pid
	while read -r pid; do
		wait "$pid"
	done <"$BATS_FILE_TMPDIR/background"
	rm "$BATS_FILE_TMPDIR/background"
}

connected()
{
	local n
	n=$(in_ns "$1" "$TOOLS/bystander" connect "$(ip_of "$2")" 7000 --count 50)
	[ "$n" -eq 50 ] || fail "$3: $n of 50 connections of $1"
}

unharmed()
{
	connected client server "another tenant's, $1"
	connected quiet quiet-server "the same tenant's, $1"
}

@test "P5, P8: crafted handshakes fill only their tenant's share, and then a scan evicts nobody else's flows" {
	background client "$TOOLS/stream" tcp-echo "$(ip_of server)" 7000 --log "$BATS_TEST_TMPDIR/long" --seconds 60
	all_attack handshakes 0
	[ "$(share evil established)" -gt $((ESTABLISHED / 3)) ] || fail "nothing to be seen of the attack"
	[ "$(share evil established)" -lt $((ESTABLISHED * 3 / 4)) ] || fail "it took $(share evil established)"
	[ "$(share good room)" -ge $((ESTABLISHED / 4 - 200)) ]
	[ "$(drops_of a1 flow_budget)" -gt 0 ]
	unharmed "while the map is full"
	scan_begin 20
	unharmed "and in a scan"
	all_attack handshakes 30000
	all_attack streams 0
	unharmed "and with everything at once"
	background_end
	[ "$(share evil established)" -lt $((ESTABLISHED * 3 / 4)) ] || fail "it took $(share evil established)"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/long")" -gt 10 ]
}

@test "P5, P8: while others scan, an answer may take as long as it may" {
	local n pid
	scan_begin 14
	in_ns client "$TOOLS/bystander" ask "$(ip_of server)" 7001 --count 50 --after 10 >"$BATS_TEST_TMPDIR/other" 3>&- &
	pid=$!
	n=$(in_ns quiet "$TOOLS/bystander" ask "$(ip_of quiet-server)" 7001 --count 50 --after 10)
	wait "$pid"
	[ "$n" -eq 50 ] || fail "the same tenant's: $n of 50"
	[ "$(cat "$BATS_TEST_TMPDIR/other")" -eq 50 ] || fail "another tenant's: $(cat "$BATS_TEST_TMPDIR/other") of 50"
	[ "$(ctl -o json status | jq .maps.flow_overflow.used)" -gt 0 ]
}

@test "P5, P8: first fragments of one tenant evict nobody else's" {
	local n pid
	# no more pieces than 64 between the first and the second of one: a receiver gives up (net.ipv4.ipfrag_max_dist)
	scan_begin 9 fragments
	sleep 1
	in_ns client "$TOOLS/bystander" pieces "$(ip_of server)" 7001 --count 20 --after 5 >"$BATS_TEST_TMPDIR/other" 3>&- &
	pid=$!
	n=$(in_ns quiet "$TOOLS/bystander" pieces "$(ip_of quiet-server)" 7001 --count 10 --after 5)
	wait "$pid"
	scan_end
	[ "$n" -eq 10 ] || fail "the same tenant's: $n of 10"
	[ "$(cat "$BATS_TEST_TMPDIR/other")" -eq 20 ] || fail "another tenant's: $(cat "$BATS_TEST_TMPDIR/other") of 20"
	# the map was filled with others' twice over while these waited
	[ "$(awk '{n += $1} END {print n + 0}' "$BATS_TEST_TMPDIR/scanned")" -gt $((2 * $(ctl -o json status | jq .maps.fragment.size))) ]
}

@test "P5, P8: also while vpcd is dead" {
	# shellcheck disable=SC2034 # names that are asked of vpcd are asked before
	local server quiet_server ends n m
	server=$(ip_of server) quiet_server=$(ip_of quiet-server)
	mapfile -t ends < <(for n in a1 a2 a3 a4; do end_of "$n"; echo; done)
	vpcd_stop KILL
	"$TOOLS/overrun" handshakes "${ends[0]}" "${ends[1]}" --first 20000 --count "$MANY" >/dev/null
	"$TOOLS/overrun" handshakes "${ends[2]}" "${ends[3]}" --first 20000 --count "$MANY" >/dev/null
	"$TOOLS/overrun" scan "${ends[0]}" "${ends[1]}" --seconds 2 >/dev/null
	n=$(in_ns client "$TOOLS/bystander" connect "$server" 7000 --count 50)
	m=$(in_ns quiet "$TOOLS/bystander" connect "$quiet_server" 7000 --count 50)
	vpcd_start
	[ "$n" -eq 50 ] || fail "another tenant's: $n of 50"
	[ "$m" -eq 50 ] || fail "the same tenant's: $m of 50 $(ctl -o json eni show quiet | jq -c .counters.drops) $(ctl -o json status | jq -c '.flow_shares')"
	unharmed "afterwards"
}
