#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The workload's end, devices half made, and deletions that fail.

bats_require_minimum_version 1.5.0
load ../lib

setup()
{
	P=t$BATS_TEST_NUMBER
	vpcd_running || vpcd_start
	sg_new "$P-sg" prod tcp 7000 0.0.0.0/0
	NETNS=$(ctl -o json vpc show prod | jq -r .netns)
}

in_vpc()
{
	nsenter --net="/run/netns/$NETNS" "$@"
}

well()
{
	[ "$(ctl -o json status | jq -r '.health.state + (.pending | length | tostring)')" = ok0 ] && ctl verify >/dev/null 2>&1
}

has_all()
{
	in_ns "$1" ip -6 address show dev eth0 | grep -q "$(ip6_of "$1")/" &&
		in_ns "$1" ip -4 route show default | grep -q 'via 10.50.1.1' &&
		in_ns "$1" ip -6 route show default | grep -q 'via fe80::1'
}

@test "a workload sets its interface down and up: its IPv6 address and its routes come back" {
	workload_add "$P-a" prod-app --sg "$P-sg"
	in_ns "$P-a" ip link set dev eth0 down
	in_ns "$P-a" ip link set dev eth0 up
	wait_for 3 has_all "$P-a"
	# even with what keeps addresses turned off, and several times in a row
	in_ns "$P-a" sysctl -qw net.ipv6.conf.eth0.keep_addr_on_down=0
	for _ in 1 2 3; do
		in_ns "$P-a" ip link set dev eth0 down
		in_ns "$P-a" ip link set dev eth0 up
	done
	wait_for 3 has_all "$P-a"
	wait_for 3 well
	# what vpcd didn't see
	vpcd_restart
	in_ns "$P-a" sh -c 'ip link set dev eth0 down; ip link set dev eth0 up'
	wait_for 3 has_all "$P-a"
	pings "$P-a" 10.50.1.1
}

@test "verify reads the workload's end: addresses, MTU, routes" {
	workload_add "$P-a" prod-app --sg "$P-sg"
	verify_clean
	in_ns "$P-a" ip link set dev eth0 mtu 1400
	ctl verify 2>&1 | grep 'eth0: the MTU is 1400, should be 1500' | grep -q 'set it down and up'
	in_ns "$P-a" ip link set dev eth0 mtu 1500
	in_ns "$P-a" ip route del default
	ctl verify 2>&1 | grep -q 'the IPv4 default route'
	in_ns "$P-a" ip -6 address del "$(ip6_of "$P-a")/64" dev eth0
	ctl verify 2>&1 | grep -q "address $(ip6_of "$P-a")/64"
	# what verify says to do does it
	in_ns "$P-a" sh -c 'ip link set dev eth0 down; ip link set dev eth0 up'
	wait_for 3 well
}

# A number that no ENI has, as that of one that was never committed.
spare_number()
{
	echo $(($(ctl -o json eni list | jq -r '[.[] | .attachment.host_ifname // empty | ltrimstr("p") | tonumber] | max // 1024') + 50))
}

@test "devices half made when vpcd was killed are gone after the next start, and the container can be attached" {
	local n
	workload_add "$P-x" prod-app --sg "$P-sg"
	n=$(spare_number)
	netns_add "$P-a"
	vpcd_stop KILL
	# a veth whose other end is in the container already, a tap, a bridge: no ifalias on any
	in_vpc ip link add "p$n" index "$n" type veth peer name eth0 netns "$(netns_of "$P-a")"
	in_vpc ip tuntap add dev tap0 mode tap
	in_vpc ip link set dev tap0 name "p$(in_vpc ip -o link show dev tap0 | cut -d: -f1)"
	in_vpc ip link add br90 index $((0x100000 + 90)) type bridge
	vpcd_start
	verify_clean
	if in_ns "$P-a" ip link show dev eth0 2>/dev/null || in_vpc ip link show dev br90 2>/dev/null; then
		fail "something half made is left"
	fi
	ctl attach "$P-a" --subnet prod-app --sg "$P-sg" --netns "$(netns_of "$P-a")" >/dev/null
	wait_for 5 well
}

@test "vpcd killed at mount leaves nothing in /run/netns after the next start" {
	local before after
	before=$(find /run/netns -mindepth 1 -name "$INSTANCE-*" | sort)
	command -v strace >/dev/null || skip "no strace here"
	strace -f -o /dev/null --inject=mount:signal=KILL:when=1 -e trace=mount -p "$(vpcd_pid)" 3>&- &
	sleep 1
	ctl vpc create "$P-new" --cidr 10.70.0.0/16 >/dev/null 2>&1 || true
	wait_for 5 gone
	vpcd_start
	after=$(find /run/netns -mindepth 1 -name "$INSTANCE-*" | sort)
	[ "$before" = "$after" ] || fail "left: $(diff <(echo "$before") <(echo "$after"))"
}

gone()
{
	! vpcd_running
}

pending_removal()
{
	ctl -o json status | jq -e '.health.state == "degraded" and any(.pending[]; .subsystem == "removal" and .next_retry)'
}

@test "a deletion that fails is said, pending, and done later" {
	local reply id
	command -v strace >/dev/null || skip "no strace here"
	workload_add "$P-a" prod-app --sg "$P-sg"
	id=$(eni_field "$P-a" id)
	wait_for 10 well
	# the worker enters the VPC's namespace to delete the port: this fails
	strace -f -o /dev/null --inject=setns:error=ENOMEM -e trace=setns -p "$(vpcd_pid)" 3>&- &
	local tracer=$!
	sleep 1
	reply=$(api POST "/v1/transactions" "{\"changes\": [{\"op\": \"eni.detach\", \"eni_id\": \"$id\"}]}")
	jq -e '.pending | length > 0' <<<"$reply" >/dev/null || fail "nothing pending: $reply"
	# while it is tried again there is no next time
	wait_for 20 pending_removal
	kill "$tracer"
	wait_for 20 well
	if in_ns "$P-a" ip link show dev eth0 2>/dev/null; then
		fail "the interface is still there"
	fi
}
