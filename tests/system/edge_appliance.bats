#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# An appliance between a subnet and a gateway: the subnet's route table leads to its network interface, in another subnet, whose own table
# leads on to the gateway. It sees both directions, so its conntrack finds nothing invalid.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	edge_far
	edge_vpc v --internet
	ctl subnet create v-gate --vpc v --cidr 10.50.3.0/24 >/dev/null
	sg_new open v all all 0.0.0.0/0
	sg_new shut v
	workload_add w v-app --sg shut
	workload_add fw v-db --sg open
	ctl eni set fw --source-dest-check off >/dev/null
	ctl route-table create inner --vpc v >/dev/null
	ctl route add inner 0.0.0.0/0 fw --vpc v >/dev/null
	ctl route-table associate inner v-app --vpc v >/dev/null
	in_ns fw sysctl -qw net.ipv4.ip_forward=1
}

setup()
{
	local name
	P=t$BATS_TEST_NUMBER
	for name in outside far w; do
		serve "$name" --tcp 7000 --udp 7000
	done
	in_ns fw nft flush ruleset
	in_ns fw nft 'table ip t { chain forward { type filter hook forward priority 0; policy drop;
		ct state invalid counter drop; ct state established,related accept; ct state new counter accept; }; }'
}

# new_flows: that the appliance let pass.
new_flows()
{
	in_ns fw nft list chain ip t forward | sed -n 's/.*new counter packets \([0-9]*\).*/\1/p'
}

works()
{
	can w tcp "$OUTSIDE" 7000
	can w udp "$OUTSIDE" 7000
	can w udp "$OUTSIDE" 7000 --size 4000
	pings w "$OUTSIDE"
	can w tcp "$FAR" 7000
	closed w udp "$FAR" 7001
	in_ns w ip route flush cache
	in_ns w ping -n -c 2 -i 0.2 -W 1 -M "do" -s 1400 "$FAR" >"$BATS_TEST_TMPDIR/ping" 2>&1 || true
	grep -q 'mtu *= *1300' "$BATS_TEST_TMPDIR/ping" || fail "$(cat "$BATS_TEST_TMPDIR/ping")"
	in_ns fw nft list chain ip t forward | grep -q 'invalid counter packets 0 '
}

@test "one that doesn't translate: out by a NAT gateway, answers and errors by it" {
	works
	heard_from outside "::ffff:$HOST"
	[ "$(new_flows)" -ge 5 ]
	# an inner neighbour of the appliance sends for nobody else
	cannot outside tcp "$HOST" 7000
	verify_clean
}

@test "one that translates" {
	in_ns fw nft 'add chain ip t post { type nat hook postrouting priority 100; }
		add rule ip t post ip daddr != 10.50.0.0/16 masquerade'
	works
	verify_clean
}

@test "its rules, its route and the subnet's route each end what passes it, at once and in both directions" {
	local t
	stream w one tcp-recv "$OUTSIDE" 7000
	ctl sg revoke open ingress all --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log one)" "$t"
	ctl sg authorize open ingress all --cidr 0.0.0.0/0
	stream w two tcp-recv "$OUTSIDE" 7000
	ctl route replace main 0.0.0.0/0 blackhole --vpc v
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log two)" "$t"
	ctl route replace main 0.0.0.0/0 "$(ctl -o json nat list --vpc v | jq -r '.[0].id')" --vpc v
	stream w three tcp-recv "$OUTSIDE" 7000
	ctl route replace inner 0.0.0.0/0 blackhole --vpc v
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log three)" "$t"
	ctl route replace inner 0.0.0.0/0 fw --vpc v
	can w tcp "$OUTSIDE" 7000
	verify_clean
}

@test "two in a row: both see both directions, out by a NAT gateway and in to an elastic IP" {
	local a
	workload_add fw2 v-gate --sg open
	ctl eni set fw2 --source-dest-check off
	ctl route-table create "$P-second" --vpc v
	ctl route add "$P-second" 0.0.0.0/0 fw2 --vpc v
	ctl route-table associate "$P-second" v-db --vpc v
	in_ns fw2 sysctl -qw net.ipv4.ip_forward=1
	in_ns fw2 nft 'table ip t { chain forward { type filter hook forward priority 0; policy drop;
		ct state invalid counter drop; ct state established,related accept; ct state new counter accept; }; }'
	works
	in_ns fw2 nft list chain ip t forward | grep 'invalid counter packets 0 '
	ctl igw create "$P-gate" --vpc v
	ctl route replace main 0.0.0.0/0 "$P-gate" --vpc v
	a=$(eip_for w "$P-x")
	ctl sg authorize shut ingress tcp 7000 --cidr "$OUTSIDE/32"
	can outside tcp "$a" 7000
	can w tcp "$OUTSIDE" 7000
	# the rules of the one in the middle count
	ctl sg revoke open ingress all --cidr 0.0.0.0/0
	cannot outside tcp "$a" 7000
	ctl sg authorize open ingress all --cidr 0.0.0.0/0
	can outside tcp "$a" 7000
	in_ns fw2 nft list chain ip t forward | grep 'invalid counter packets 0 '
	verify_clean
	ctl sg revoke shut ingress tcp 7000 --cidr "$OUTSIDE/32"
	ctl eip disassociate "$P-x"
	ctl eip release "$P-x"
	ctl route replace main 0.0.0.0/0 "$(ctl -o json nat list --vpc v | jq -r '.[0].id')" --vpc v
	ctl igw detach "$P-gate"
	ctl igw delete "$P-gate"
	ctl route-table disassociate "$P-second" v-db --vpc v
	ctl route-table delete "$P-second" --vpc v
}

@test "an elastic IP behind it: judged by the appliance's rules, and by the receiver's with the real address" {
	local address
	ctl igw create gate --vpc v >/dev/null
	ctl route replace main 0.0.0.0/0 gate --vpc v
	address=$(eip_for w "$P-x")
	cannot outside tcp "$address" 7000
	ctl sg authorize shut ingress all --cidr "$OUTSIDE/32"
	can outside tcp "$address" 7000
	can outside udp "$address" 7000
	can outside udp "$address" 7000 --size 4000
	heard_from w "::ffff:$OUTSIDE"
	pings outside "$address"
	[ "$(new_flows)" -ge 3 ]
	can w tcp "$OUTSIDE" 7000
	in_ns fw nft flush ruleset
	in_ns fw sysctl -qw net.ipv4.ip_forward=0
	cannot outside tcp "$address" 7000
	in_ns fw sysctl -qw net.ipv4.ip_forward=1
	ctl sg revoke open ingress all --cidr 0.0.0.0/0
	cannot outside tcp "$address" 7000
	verify_clean
}
