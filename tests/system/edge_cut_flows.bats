#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a change takes away towards the world: its reply tells the established flows that it cuts, under traffic, and no others (rule 8).

# Another address of the world.
OTHER=198.18.0.7

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	edge_pair
	workload_add b v-app --sg open
	workload_add m v-db --sg open
	eip_for a x >/dev/null
	eip_for b y >/dev/null
	ctl publish create p --eni n --port 7000 --host-port 7100 >/dev/null
	ctl publish create q --eni m --port 7000 --host-port 7200 >/dev/null
}

setup()
{
	local name
	for name in outside a b n m; do
		serve "$name" --tcp 7000 --udp 7053
	done
	X=$(eip_of x)
	Y=$(eip_of y)
}

# Flows that no change here concerns: by another elastic IP, by a published port of another ENI, and inside the VPC.
bystanders()
{
	stream outside eip-y tcp-recv "$Y" 7000
	stream outside published-q tcp-recv "$HOST" 7200
	stream n inside tcp-recv "$(ip_of a)" 7000
}

# told REPLY SRC DST…: cut_flows are exactly those flows of TCP.
told()
{
	local reply=$1 wanted
	shift
	wanted=$([ $# -eq 0 ] || printf '%s %s\n' "$@" | sort)
	[ "$(jq -r '.cut_flows[] | "\(.src) \(.dst)"' <<<"$reply" | sort)" = "$wanted" ] || fail "$reply, expected $wanted"
	[ "$(jq .cut_flows_total <<<"$reply")" -eq $(($# / 2)) ] || fail "$reply"
}

# told_and_over REPLY LABELS SRC DST…: and the streams with these labels are over, the bystanders not.
told_and_over()
{
	local t label
	t=$(now_ns)
	told "$1" "${@:3}"
	sleep 1.2
	for label in $2; do
		log_stops "$(stream_log "$label")" "$t"
	done
	for label in eip-y published-q inside; do
		log_goes_on "$(stream_log "$label")" "$t"
	done
	verify_clean
}

@test "a route deleted, and one that is added before it in the order of prefixes" {
	local reply
	bystanders
	stream n out tcp-recv "$OUTSIDE" 7000
	stream a up tcp-recv "$OTHER" 7000
	# a dry run says the same, and cuts nothing
	reply=$(ctl -o json route delete main 0.0.0.0/0 --vpc v --dry-run)
	told "$reply" "$(ip_of n)" "$OUTSIDE"
	reply=$(ctl -o json route delete main 0.0.0.0/0 --vpc v)
	told_and_over "$reply" out "$(ip_of n)" "$OUTSIDE"
	log_goes_on "$(stream_log up)" "$(($(now_ns) - 1200000000))"
	# what was cut is not told again
	reply=$(ctl -o json route add main 0.0.0.0/0 internet --vpc v)
	told "$reply"
	reply=$(ctl -o json route add v-public "$OTHER/32" blackhole --vpc v)
	told_and_over "$reply" up "$(ip_of a)" "$OTHER"
	ctl route delete v-public "$OTHER/32" --vpc v
}

@test "another route table for a subnet: what the two tables send elsewhere" {
	local reply
	bystanders
	stream n out tcp-recv "$OUTSIDE" 7000
	stream n kept tcp-recv "$OTHER" 7000
	ctl route-table create t --vpc v >/dev/null
	ctl route add t "$OTHER/32" internet --vpc v >/dev/null
	reply=$(ctl -o json route-table associate t v-db --vpc v)
	told_and_over "$reply" out "$(ip_of n)" "$OUTSIDE"
	log_goes_on "$(stream_log kept)" "$(($(now_ns) - 1200000000))"
	ctl route-table disassociate t v-db --vpc v
	can n tcp "$OUTSIDE" 7000
}

@test "an elastic IP disassociated: both directions, and not what else its ENI does" {
	local reply
	bystanders
	stream outside in tcp-recv "$X" 7000
	stream a out tcp-recv "$OUTSIDE" 7000
	stream a near tcp-recv "$(ip_of n)" 7000
	reply=$(ctl -o json eip disassociate x)
	told_and_over "$reply" "in out" "$OUTSIDE" "$(ip_of a)" "$(ip_of a)" "$OUTSIDE"
	log_goes_on "$(stream_log near)" "$(($(now_ns) - 1200000000))"
	ctl eip associate x --eni a
	can outside tcp "$X" 7000
}

@test "an elastic IP moved to another network interface: its flows end, and new ones reach the other at once" {
	local reply
	workload_add c v-app --sg open
	serve c --tcp 7000 --udp 7000
	bystanders
	stream outside in tcp-recv "$X" 7000
	stream outside in-udp udp-echo "$X" 7053
	stream a out tcp-recv "$OUTSIDE" 7000
	refused IncorrectState eip associate x --eni c --no-allow-reassociation
	reply=$(ctl -o json eip associate x --eni c --allow-reassociation)
	can outside tcp "$X" 7000
	can outside udp "$X" 7000
	[ "$(wc -l <"$(log_of c)")" -ge 1 ] || fail "another answers"
	told_and_over "$reply" "in in-udp out" "$OUTSIDE" "$(ip_of a)" "$OUTSIDE" "$(ip_of a)" "$(ip_of a)" "$OUTSIDE"
	can c udp "$OUTSIDE" 7053
	[ "$(awk '/udp/ { sub(/^::ffff:/, "", $4); last = $4 } END { print last }' "$(log_of outside)")" = "$X" ]
	ctl eip associate x --eni a
	can outside tcp "$X" 7000
}

@test "a publication deleted: what it let in, and not what its ENI opened" {
	local reply
	bystanders
	stream outside in tcp-recv "$HOST" 7100
	stream n out tcp-recv "$OUTSIDE" 7000
	reply=$(ctl -o json publish delete p --vpc v)
	told_and_over "$reply" in "$OUTSIDE" "$(ip_of n)"
	log_goes_on "$(stream_log out)" "$(($(now_ns) - 1200000000))"
	ctl publish create p --eni n --port 7000 --host-port 7100 >/dev/null
	can outside tcp "$HOST" 7100
}

@test "a NAT gateway deleted: what it translated, datagrams too, and not what came by a published port" {
	local reply nat
	bystanders
	stream n out tcp-recv "$OUTSIDE" 7000
	stream m too tcp-recv "$OUTSIDE" 7000
	stream outside published tcp-recv "$HOST" 7100
	nat=$(ctl -o json nat list --vpc v | jq -r '.[0].id')
	reply=$(ctl -o json nat delete "$nat")
	told_and_over "$reply" "out too" "$(ip_of n)" "$OUTSIDE" "$(ip_of m)" "$OUTSIDE"
	log_goes_on "$(stream_log published)" "$(($(now_ns) - 1200000000))"
	ctl nat create internet --vpc v >/dev/null
	ctl route replace main 0.0.0.0/0 internet --vpc v
	can n tcp "$OUTSIDE" 7000
}

@test "IPv6: an egress-only gateway deleted" {
	local reply eigw
	bystanders
	stream n out tcp-recv "$OUTSIDE6" 7000
	stream outside in tcp-recv "$(ip6_of a)" 7000
	eigw=$(ctl -o json eigw list --vpc v | jq -r '.[0].id')
	reply=$(ctl -o json eigw delete "$eigw")
	told_and_over "$reply" out "$(ip6_of n)" "$OUTSIDE6"
	log_goes_on "$(stream_log in)" "$(($(now_ns) - 1200000000))"
}

@test "an internet gateway's routes deleted: at most 100 flows in the list, and how many in all" {
	local reply log=$BATS_TEST_TMPDIR/held t others
	stream n inside tcp-recv "$(ip_of a)" 7000
	stream outside published-q tcp-recv "$HOST" 7200
	stream outside in6 tcp-recv "$(ip6_of a)" 7000
	# connections of the tests before this one may not be forgotten yet
	others=$(ctl -o json route delete v-public 0.0.0.0/0 --vpc v --dry-run | jq '.cut_flows_total // 0')
	background outside python3 -c 'import socket, sys, time
held = []
for i in range(120):
    s = socket.create_connection((sys.argv[1], 7000))
    s.recv(6)
    s.send(b"x")
    held.append(s)
open(sys.argv[2], "w").close()
time.sleep(600)' "$X" "$log"
	wait_for 30 test -e "$log"
	reply=$(ctl -o json route delete v-public 0.0.0.0/0 --vpc v)
	t=$(now_ns)
	[ "$(jq '.cut_flows | length' <<<"$reply")" -eq 100 ] || fail "$reply"
	jq -e --argjson others "$others" '.cut_flows_total >= 120 and .cut_flows_total <= 120 + $others' <<<"$reply" >/dev/null || fail "$reply"
	jq -e --arg a "$(eni_field a id)" '.cut_flows | all(.dst_eni_id == $a and .src_eni_id == null)' <<<"$reply"
	sleep 1.2
	log_goes_on "$(stream_log in6)" "$t"
	log_goes_on "$(stream_log published-q)" "$t"
	log_goes_on "$(stream_log inside)" "$t"
	reply=$(ctl -o json route delete v-public ::/0 --vpc v)
	told "$reply" "$OUTSIDE6" "$(ip6_of a)"
	verify_clean
}
