#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What vpcd has in the host's namespace for gateways and published ports: it stays beside what others have there, comes back when it is
# taken away, outlives vpcd, and is gone after a purge. The host is a namespace of the test.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

WORLD=198.18.0.1

setup_file()
{
	local i
	instance_use "$(instance_name)"
	netns_add host
	netns_add world
	for i in 0 1; do
		ip link add "out$i" netns "$(netns_of host)" type veth peer name "out$i" netns "$(netns_of world)"
		in_ns host sh -ec "ip address add 198.18.$i.2/24 dev out$i; ip link set out$i up"
		in_ns world sh -ec "ip address add 198.18.$i.1/24 dev out$i; ip link set out$i up"
	done
	in_ns world sh -ec "ip address add 198.19.0.1/32 dev lo; ip link set lo up; ip route add $POOL dev out0"
	in_ns host sh -ec "ip link set lo up; ip route add default via $WORLD"
	in_ns host nft 'table inet strict {
		chain input { type filter hook input priority 0; policy drop; iif lo accept; ct state established,related accept; }
		chain forward { type filter hook forward priority 0; policy drop; }
	}'
	in_ns host nft list table inet strict >"$BATS_FILE_TMPDIR/firewall"
	edge_vpcd
	vpcd_start '[pool "public"]' "cidr=$POOL" "uplink=out0"
	ctl vpc create v --cidr 10.50.0.0/16 --internet >/dev/null
	ctl subnet create s --vpc v --cidr 10.50.1.0/24 >/dev/null
	ctl igw create gate --vpc v >/dev/null
	ctl subnet create p --vpc v --cidr 10.50.2.0/24 >/dev/null
	ctl route-table create public --vpc v >/dev/null
	ctl route add public 0.0.0.0/0 gate --vpc v >/dev/null
	ctl route-table associate public p --vpc v >/dev/null
	sg_new open v tcp 7000 0.0.0.0/0
	workload_add a s --sg open
	workload_add b p --sg open
}

# The state that each test begins with, whatever a test that failed has left.
setup()
{
	local id folder first=$INSTANCE
	export P=t$BATS_TEST_NUMBER
	for folder in "$BATS_FILE_TMPDIR"/*/run; do
		instance_use "$(basename "$(dirname "$folder")")"
		if [ "$INSTANCE" != "$first" ] && vpcd_running; then
			vpcd_stop
			instance_purge
		fi
	done
	instance_use "$first"
	vpcd_running || vpcd_start
	in_ns host ip route replace default via "$WORLD"
	for id in $(ctl -o id publish list); do
		ctl publish delete "$id" >/dev/null
	done
	for id in $(ctl -o id eip list); do
		ctl eip disassociate "$id" >/dev/null 2>&1 || true
		ctl eip release "$id" >/dev/null
	done
}

# The host end of the VPC's uplink.
host_end()
{
	in_ns host sh -c "ip -o link | sed -n 's/.*: \(vu-[^@]*\)@.*/\1/p'"
}

no_table()
{
	! in_ns host nft list tables | grep -q vpcd
}

outers_are()
{
	[ "$(ctl -o json status | jq -rc '.edge.outer | sort | join(" ")')" = "$1" ]
}

verified()
{
	ctl verify >/dev/null 2>&1
}

@test "the host itself reaches a published port at its own address and at 127.0.0.1" {
	local address
	serve a --tcp 7000
	closed host tcp "$HOST" 8080
	ctl publish create web --eni a --port 7000 --host-port 8080 --vpc v >/dev/null
	can host tcp "$HOST" 8080
	can host tcp 127.0.0.1 8080
	can world tcp "$HOST" 8080
	address=$(ctl -o json eip allocate one | jq -r .address)
	serve b --tcp 7000
	ctl eip associate one --eni b --vpc v >/dev/null
	can world tcp "$address" 7000
	in_ns host ip route get "$address" | grep -q "dev $(host_end) "
	verify_clean
	# no word of the host's firewall was changed
	in_ns host nft list table inet strict | diff - "$BATS_FILE_TMPDIR/firewall"
	ctl publish delete web --vpc v >/dev/null
	closed host tcp 127.0.0.1 8080
	no_table
	ctl eip disassociate one >/dev/null
	cannot world tcp "$address" 7000
	ctl eip release one >/dev/null
	verify_clean
}

@test "what is taken away in the host's namespace is back within 2 s, and packets go on" {
	local end
	serve world --tcp 7000
	serve a --tcp 7000
	ctl publish create web --eni a --port 7000 --host-port 8080 --vpc v >/dev/null
	verify_clean
	for what in "ip link set END down" "ip link del END" "tc qdisc del dev END clsact" "ip link set END mtu 1400" \
		"ip route flush dev END" "sysctl -qw net.ipv4.conf.END.forwarding=0" "nft delete table ip vpcd-$INSTANCE" \
		"nft flush chain ip vpcd-$INSTANCE output"; do
		end=$(host_end)
		in_ns host sh -ec "${what//END/$end}"
		sleep 0.1
		wait_for 2 verified || { ctl verify; fail "$what"; }
		can a tcp "$WORLD" 7000
		can host tcp 127.0.0.1 8080
	done
	ctl publish delete web --vpc v >/dev/null
}

@test "the way out follows the default route" {
	serve world --tcp 7000
	outers_are out0
	can a tcp 198.19.0.1 7000
	in_ns host ip route replace default via 198.18.1.1
	wait_for 2 outers_are "out0 out1"
	can a tcp 198.19.0.1 7000
	verify_clean
	in_ns host ip route del default
	wait_for 2 outers_are "out0"
	cannot a tcp 198.19.0.1 7000
	in_ns host ip route add default via "$WORLD"
	can a tcp 198.19.0.1 7000
	verify_clean
}

# neighbour_is ADDRESS DEVICE MAC: what the world has of an address on one of its interfaces.
neighbour_is()
{
	in_ns world ip neigh show to "$1" dev "$2" | grep -qw "lladdr $3"
}

@test "a pool's addresses: answered on its uplink alone; a neighbour with another MAC hears of one that comes to this host" {
	local address mac old=02:00:00:00:00:77
	mac=$(in_ns host ip -json link show dev out0 | jq -r '.[0].address')
	in_ns host ip route replace default via 198.18.1.1
	wait_for 20 outers_are "out0 out1"
	address=$(ctl -o json eip allocate x | jq -r .address)
	# nobody answers on the other interface, where a router of the world may have the address
	in_ns world ip route add "$address/32" dev out1
	cannot world tcp "$address" 7000
	[ "$(in_ns world ip neigh show to "$address" dev out1 | grep -c lladdr)" -eq 0 ]
	in_ns world ip route del "$address/32" dev out1
	# it was at another host; the neighbour doesn't ask again for an hour
	in_ns world sysctl -qw net.ipv4.neigh.out0.base_reachable_time_ms=3600000
	in_ns world ip neigh replace "$address" lladdr "$old" dev out0 nud reachable
	ctl eip associate x --eni b
	wait_for 20 neighbour_is "$address" out0 "$mac"
	serve b --tcp 7000
	can world tcp "$address" 7000
	# at a start too
	vpcd_stop KILL
	in_ns world ip neigh replace "$address" lladdr "$old" dev out0 nud reachable
	vpcd_start
	wait_for 20 neighbour_is "$address" out0 "$mac"
	can world tcp "$address" 7000
	verify_clean
	in_ns host ip route replace default via "$WORLD"
	ctl eip disassociate x
	ctl eip release x
}

left_out_is()
{
	[ "$(ctl -o json status | jq -r .edge.left_out)" = "$1" ]
}

@test "an interface that isn't Ethernet is left out: status and the log name it, and nothing leaves by it" {
	local dropped
	serve world --tcp 7000
	dropped=$(drops_of a host_closed)
	in_ns host sh -ec "ip tuntap add tun0 mode tun; ip link set tun0 up; ip route replace default dev tun0"
	wait_for 10 left_out_is tun0
	grep -q "warning: tun0 leads to the world, but " "$VPCD_LOG"
	cannot a tcp 198.19.0.1 7000
	[ "$(drops_of a host_closed)" -gt "$dropped" ]
	in_ns host sh -ec "ip route replace default via $WORLD; ip link del tun0"
	wait_for 10 left_out_is null
	can a tcp 198.19.0.1 7000
	verify_clean
}

@test "P6: packets through the edge go on while vpcd is killed and starts again" {
	serve world --udp 7000
	stream a on udp-echo "$WORLD" 7000
	vpcd_stop KILL
	sleep 1
	vpcd_start
	sleep 1
	stream_end on
	verify_clean
}

@test "another instance on the same host has its own, and a purge leaves the other's" {
	local first=$INSTANCE second address
	second=$(instance_name 2)
	serve a --tcp 7000
	ctl publish create web --eni a --port 7000 --host-port 8080 --vpc v >/dev/null
	instance_use "$second"
	vpcd_start
	ctl vpc create v --cidr 10.50.0.0/16 --internet >/dev/null
	[ "$(in_ns_of "$first" host sh -c "ip -o link | grep -c ': vu-'")" -eq 2 ]
	verify_clean
	vpcd_stop
	instance_purge
	instance_use "$first"
	verify_clean
	can world tcp "$HOST" 8080
	can host tcp 127.0.0.1 8080
	ctl publish delete web --vpc v >/dev/null
}

@test "a purge leaves nothing in the host's namespace" {
	ctl publish create web --eni a --port 7000 --host-port 8080 --vpc v >/dev/null
	vpcd_stop
	instance_purge
	[ -z "$(host_end)" ]
	[ -z "$(in_ns host tc filter show dev out0 ingress)" ]
	no_table
	in_ns host nft list table inet strict | diff - "$BATS_FILE_TMPDIR/firewall"
	vpcd_start
	verify_clean
}

# in_ns_of OWNER NAME COMMAND…: in_ns for a namespace of another instance.
in_ns_of()
{
	local owner=$1 name=$2
	shift 2
	nsenter --net="/run/netns/$owner-$name" "$@"
}
