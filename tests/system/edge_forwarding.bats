#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Gateways where the host forwards what leaves VPCs (redirect=no, or a kernel whose self-test says so): the same from outside, beside a
# firewall that drops what it isn't told to forward, and one that masquerades. What the user must add is in vpcd.conf(5).

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	export VPCD_TEST_CONFIG=$'[edge]\nredirect=no'
	edge_start
	edge_far
	edge_vpc v --internet
	edge_gate v
	sg_new open v udp 7000 0.0.0.0/0
	ctl sg authorize open ingress tcp 7000 --cidr 0.0.0.0/0
	ctl sg authorize open ingress icmp 8 --cidr 0.0.0.0/0
	ctl sg authorize open ingress all --cidr ::/0
	workload_add a v-app --sg open
	workload_add n v-db --sg open
	eip_for a x >"$BATS_FILE_TMPDIR/eip"
	ctl publish create --eni n --port 7000 --host-port 7100
	ctl publish create --eni n --port 7000/udp --host-port 7100
}

setup()
{
	local name
	X=$(cat "$BATS_FILE_TMPDIR/eip")
	for name in outside far a n; do
		serve "$name" --tcp 7000 --udp 7000
	done
}

tables()
{
	in_ns host nft list tables | grep "vpcd-$INSTANCE" || true
}

entries()
{
	in_ns host cat /proc/net/nf_conntrack | grep -Ec -- "$1" || true
}

@test "status names it; the host's firewall drops what leaves VPCs until it is told to forward that" {
	ctl -o json status | jq -e '.edge | .mode == "forward" and (.reason | test("redirect=no"))'
	unanswered n tcp "$OUTSIDE" 7000
	cannot outside tcp "$X" 7000
	in_ns host nft insert rule inet strict forward iifname '"vu-*"' accept
	can n tcp "$OUTSIDE" 7000
	can outside tcp "$X" 7000
	# a device may forward IPv4 by itself, and IPv6 not
	unanswered n tcp "$OUTSIDE6" 7000
	in_ns host sysctl -qw net.ipv6.conf.all.forwarding=1
	can n tcp "$OUTSIDE6" 7000
	ctl -o json nat show internet --vpc v | jq -e '.counters | .tx_packets > 2 and .rx_packets > 2'
	ctl -o json igw show v-gate | jq -e '.counters | .tx_packets > 2 and .rx_packets > 2'
	ctl -o json eigw show internet --vpc v | jq -e '.counters | .tx_packets > 2 and .rx_packets > 2'
	verify_clean
}

# Everything that a gateway is for, in both directions.
works()
{
	can n tcp "$OUTSIDE" 7000
	can n udp "$OUTSIDE" 7000
	can n udp "$OUTSIDE" 7000 --size 4000
	pings n "$OUTSIDE"
	can a tcp "$OUTSIDE" 7000
	pings a "$OUTSIDE"
	can n tcp "$OUTSIDE6" 7000
	can outside tcp "$X" 7000
	can outside udp "$X" 7000
	can outside udp "$X" 7000 --size 4000
	pings outside "$X"
	can outside tcp "$(ip6_of a)" 7000
	cannot outside tcp "$(ip6_of n)" 7000
	can outside tcp "$HOST" 7100
	can outside udp "$HOST" 7100
	can host tcp "$HOST" 7100
	can host tcp 127.0.0.1 7100
	can host udp 127.0.0.1 7100
	can host tcp "$X" 7000
	cannot outside tcp "$X" 7001
	cannot outside tcp "$HOST" 7001
}

@test "NAT, elastic IP and published port, IPv4 and IPv6, in both directions; the host's conntrack has no entry of them" {
	works
	stream n out tcp-recv "$OUTSIDE" 7000
	stream a up tcp-recv "$OUTSIDE" 7000
	stream outside in tcp-recv "$X" 7000
	stream host own tcp-recv "$OUTSIDE" 7000
	stream host published tcp-recv 127.0.0.1 7100
	# by the address that opened each
	[ "$(entries "^[^=]* src=($OUTSIDE|$X|10\.50\.)")" -eq 0 ] || fail "$(in_ns host cat /proc/net/nf_conntrack)"
	[ "$(entries "^[^=]* src=$HOST dst=$OUTSIDE ")" -eq 1 ] || fail "$(in_ns host cat /proc/net/nf_conntrack)"
	[ "$(entries "ESTABLISHED src=127.0.0.1 .* dport=7100 src=169\.254\.")" -eq 1 ]
}

@test "beside rules that drop what conntrack calls invalid, and masquerade the rest" {
	in_ns host nft -f - <<-'EOF'
		table inet other {
			chain forward {
				type filter hook forward priority -1; policy accept;
				ct state invalid drop
			}
			chain postrouting {
				type nat hook postrouting priority 100; policy accept;
				oifname "out0" masquerade random
			}
		}
	EOF
	works
	heard_from a "::ffff:$OUTSIDE"
	stream n out tcp-echo "$OUTSIDE" 7000
	stream outside in tcp-echo "$X" 7000
	in_ns host nft delete table inet other
	verify_clean
}

@test "a smaller MTU behind the world: its errors reach the workload, through NAT and elastic IP" {
	local name
	for name in n a; do
		can "$name" tcp "$FAR" 7000
		in_ns "$name" ping -n -c 2 -i 0.2 -W 1 -M "do" -s 1400 "$FAR" >"$BATS_TEST_TMPDIR/ping" 2>&1 || true
		grep -q 'mtu *= *1300' "$BATS_TEST_TMPDIR/ping" || fail "$(cat "$BATS_TEST_TMPDIR/ping")"
		in_ns "$name" ping -n -q -c 1 -W 2 -M "do" -s 1272 "$FAR"
	done
	closed n udp "$FAR" 7001
	closed a udp "$FAR" 7001
}

@test "a revoked rule and a deleted route cut at once, in both directions, and nothing else" {
	local t
	stream n out tcp-recv "$OUTSIDE" 7000
	stream outside in udp-push "$X" 7000
	stream outside published tcp-recv "$HOST" 7100
	ctl sg revoke open ingress udp 7000 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log in)" "$t"
	log_goes_on "$(stream_log out)" "$t"
	ctl route delete main 0.0.0.0/0 --vpc v
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log out)" "$t"
	log_goes_on "$(stream_log published)" "$t"
	ctl route add main 0.0.0.0/0 "$(ctl -o json nat list --vpc v | jq -r '.[0].id')" --vpc v
	ctl sg authorize open ingress udp 7000 --cidr 0.0.0.0/0
	can n tcp "$OUTSIDE" 7000
	can outside udp "$X" 7000
	verify_clean
}

@test "P6: vpcd killed and started again; what is taken away of its tables comes back; none is left once it redirects" {
	local label
	stream n nat udp-echo "$OUTSIDE" 7000
	stream outside eip udp-echo "$X" 7000
	stream outside published udp-echo "$HOST" 7100
	vpcd_stop KILL
	sleep 0.5
	vpcd_start
	for label in nat eip published; do
		stream_has "$label" 20
		sleep 0.5
		[ "$(stream_end "$label" | jq .lost)" -eq 0 ] || fail "$label lost packets"
	done
	verify_clean
	verify_differs_after in_ns host nft flush chain ip6 "vpcd-$INSTANCE" prerouting
	wait_for 30 "$VPCCTL" verify
	[ "$(tables | wc -l)" -eq 2 ]
	vpcd_stop
	VPCD_TEST_CONFIG='' vpcd_start '[pool "public"]' "cidr=$POOL" uplink=out0
	ctl -o json status | jq -e '.edge.mode == "redirect"'
	[ "$(tables)" = "table ip vpcd-$INSTANCE" ]
	in_ns host nft list table ip "vpcd-$INSTANCE" | grep -vq notrack
	in_ns host nft delete rule inet strict forward handle \
		"$(in_ns host nft -a list chain inet strict forward | sed -n 's/.*vu-.*handle //p')"
	works
	verify_clean
}
