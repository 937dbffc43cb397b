#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a VPC is given towards the world is taken away while traffic runs: the flows that used it end on their next packet, in both
# directions, and no others do.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	edge_pair
	workload_add b v-app --sg open
	eip_for a x >/dev/null
	eip_for b y >/dev/null
	ctl publish create p --eni n --port 7000/udp --host-port 7100 >/dev/null
	ctl vpc create w --cidr 10.50.0.0/16 --internet >/dev/null
	ctl subnet create w-app --vpc w --cidr 10.50.1.0/24 >/dev/null
	workload_add other w-app
}

setup()
{
	serve outside --tcp 7000 --udp 7000
	serve a --udp 7000
	serve b --udp 7000
	serve n --udp 7000
	X=$(eip_of x)
	Y=$(eip_of y)
}

# The NAT gateway of VPC v: "internet" is the name of its egress-only gateway, too.
nat_id()
{
	ctl -o json nat list --vpc v | jq -r '.[0].id'
}

# bystanders: flows that nothing of what is taken away concerns.
bystanders()
{
	stream outside eip-y udp-echo "$Y" 7000
	stream other w-nat tcp-recv "$OUTSIDE" 7000
	# a commit that concerns nobody
	ctl tag add w-app "k=$BATS_TEST_NUMBER" >/dev/null
}

# ended T LABEL…: these streams stopped at once, the bystanders go on without a loss.
ended()
{
	local t=$1 label
	shift
	sleep 1.2
	for label in "$@"; do
		log_stops "$(stream_log "$label")" "$t"
	done
	log_goes_on "$(stream_log eip-y)" "$t"
	log_goes_on "$(stream_log w-nat)" "$t"
	[ "$(stream_end eip-y | jq .lost)" -eq 0 ] || fail "a flow of another elastic IP lost packets"
	verify_clean
}

@test "a route to a NAT gateway: what it led out ends in both directions; published ports stay" {
	local t
	bystanders
	stream n out udp-echo "$OUTSIDE" 7000
	stream n in tcp-recv "$OUTSIDE" 7000
	stream outside published udp-echo "$HOST" 7100
	ctl route delete main 0.0.0.0/0 --vpc v
	t=$(now_ns)
	ended "$t" out in
	log_goes_on "$(stream_log published)" "$t"
	[ "$(stream_end published | jq .lost)" -eq 0 ]
	[ "$(drops_of n no_route)" -gt 0 ]
	ctl route add main 0.0.0.0/0 "$(nat_id)" --vpc v
	can n tcp "$OUTSIDE" 7000
}

@test "a route to an internet gateway: nothing comes in by it any more, to the addresses that it was for" {
	local t
	bystanders
	stream outside near udp-push "$X" 7000
	stream a out udp-echo "$OUTSIDE" 7000
	ctl route add v-public "$OUTSIDE/32" blackhole --vpc v
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log near)" "$t"
	log_stops "$(stream_log out)" "$t"
	[ "$(drops_of a blackhole)" -gt 0 ]
	cannot outside udp "$X" 7000
	ctl route delete v-public "$OUTSIDE/32" --vpc v
	can outside udp "$X" 7000
	verify_clean
}

@test "IPv6: a route to an egress-only and to an internet gateway" {
	local t
	bystanders
	stream n eigw tcp-recv "$OUTSIDE6" 7000
	stream outside igw udp-push "$(ip6_of a)" 7000
	ctl route delete main ::/0 --vpc v
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log eigw)" "$t"
	log_goes_on "$(stream_log igw)" "$t"
	ctl route delete v-public ::/0 --vpc v
	t=$(now_ns)
	ended "$t" eigw igw
	ctl route add v-public ::/0 v-gate --vpc v
	can outside udp "$(ip6_of a)" 7000
}

@test "an elastic IP disassociated: what used it ends both ways, echo too" {
	local t
	bystanders
	ctl sg authorize open ingress icmp 8 --cidr 0.0.0.0/0
	pings outside "$X"
	stream outside in udp-push "$X" 7000
	stream a out tcp-recv "$OUTSIDE" 7000
	ctl eip disassociate x
	t=$(now_ns)
	ended "$t" in out
	pings_not outside "$X"
	ctl eip associate x --eni a
	can outside udp "$X" 7000
	pings outside "$X"
	ctl sg revoke open ingress icmp 8 --cidr 0.0.0.0/0
}

@test "a published port deleted: what it let in ends both ways; the ENI's other flows go on" {
	local t
	bystanders
	stream outside in udp-push "$HOST" 7100
	stream n out tcp-recv "$OUTSIDE" 7000
	ctl publish delete p --vpc v
	t=$(now_ns)
	ended "$t" in
	log_goes_on "$(stream_log out)" "$t"
	ctl publish create p --eni n --port 7000/udp --host-port 7100
	can outside udp "$HOST" 7100
}

@test "a NAT gateway deleted: what it translated ends both ways; published ports stay" {
	local t
	bystanders
	stream n in tcp-recv "$OUTSIDE" 7000
	stream n out udp-echo "$OUTSIDE" 7000
	stream outside published udp-echo "$HOST" 7100
	ctl nat delete internet --vpc v
	t=$(now_ns)
	ended "$t" in out
	log_goes_on "$(stream_log published)" "$t"
	[ "$(stream_end published | jq .lost)" -eq 0 ]
	ctl nat create internet --vpc v
	ctl route replace main 0.0.0.0/0 "$(nat_id)" --vpc v
	can n tcp "$OUTSIDE" 7000
}
