#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# One VPC's trouble is its own: vpcd starts all the same, says what is wrong with what, keeps it closed, and puts it right
# by itself when what is in the way is gone. P1, P6.

bats_require_minimum_version 1.5.0
load ../lib

setup_file()
{
	vpcd_start
	world prod
	"$VPCCTL" vpc create other --cidr 10.60.0.0/16 >/dev/null
	"$VPCCTL" subnet create other-app --vpc other --cidr 10.60.1.0/24 >/dev/null
}

# Two in the VPC that gets into trouble, two in another.
setup()
{
	P=t$BATS_TEST_NUMBER
	vpcd_running || vpcd_start
	sg_new "$P-sg" prod tcp 7000 0.0.0.0/0
	sg_new "$P-other" other tcp 7000 0.0.0.0/0
	workload_add "$P-a" prod-app --sg "$P-sg"
	workload_add "$P-b" prod-app --sg "$P-sg"
	workload_add "$P-c" other-app --sg "$P-other"
	workload_add "$P-d" other-app --sg "$P-other"
	serve "$P-b" --tcp 7000
	serve "$P-d" --tcp 7000
	B=$(ip_of "$P-b") D=$(ip_of "$P-d")
	PORT=$(eni_field "$P-b" attachment.host_ifname)
	NETNS=$(ctl -o json vpc show prod | jq -r .netns)
}

in_vpc()
{
	nsenter --net="/run/netns/$NETNS" "$@"
}

# others_work: another VPC's traffic passes, and its rules can be changed.
others_work()
{
	can "$P-c" tcp "$D" 7000
	ctl sg authorize "$P-other" ingress tcp 7001 --cidr 192.0.2.1/32 >/dev/null
	ctl sg revoke "$P-other" ingress tcp 7001 --cidr 192.0.2.1/32 >/dev/null
	ctl sg authorize "$P-sg" ingress tcp 7001 --cidr 192.0.2.1/32 >/dev/null
	ctl sg revoke "$P-sg" ingress tcp 7001 --cidr 192.0.2.1/32 >/dev/null
}

# pending OBJECT PATTERN: status lists it with that reason, health is degraded, the metric says one at least, and the log
# has it.
pending()
{
	local status
	status=$(ctl -o json status)
	jq -e --arg id "$1" --arg pattern "$2" '.pending[] | select(.object == $id and (.reason | test($pattern)))
		| .since and (.vpc == "prod") and .next_retry' <<<"$status" >/dev/null || fail "not pending: $1 $2: $status"
	[ "$(jq -r .health.state <<<"$status")" = degraded ]
	[ "$(jq -r .health.conditions.network <<<"$status")" -ge 1 ]
	api GET /metrics | grep -q '^vpcd_conditions{subsystem="network"} [1-9]'
	ctl status | grep -q "pending: network: vpc prod"
	grep -q "network: $1: " "$VPCD_LOG"
}

well()
{
	[ "$(ctl -o json status | jq -r '.health.state + (.pending | length | tostring)')" = ok0 ] && ctl verify >/dev/null 2>&1
}

# recovers: by itself, within 20 s (the longest pause between tries is 16).
recovers()
{
	wait_for 20 well || fail "$(ctl status; ctl verify 2>&1)"
	can "$P-a" tcp "$B" 7000
	others_work
}

id_of()
{
	ctl -o json "$1" show "$2" | jq -r .id
}

@test "a container that has made an interface of its own of that name" {
	local eni
	eni=$(id_of eni "$P-b")
	vpcd_stop
	in_ns "$P-b" ip link del dev eth0
	in_ns "$P-b" ip link add eth0 type bridge
	vpcd_start
	pending "$eni" "an interface named eth0 already"
	others_work
	cannot "$P-a" tcp "$B" 7000
	in_ns "$P-b" ip link del dev eth0
	recovers
}

@test "the same while vpcd runs: other ports of its VPC, and other VPCs, are repaired at once" {
	local eni
	eni=$(id_of eni "$P-b")
	# vpcd makes eth0 again as soon as it hears that it is gone, and may be first
	wait_for 5 eth0_replaced
	wait_for 5 pending "$eni" "an interface named eth0 already"
	sleep 3
	for _ in 1 2 3; do
		in_vpc ip link set dev "$(eni_field "$P-a" attachment.host_ifname)" mtu 1400
		wait_for 2 mtu_is "$(eni_field "$P-a" attachment.host_ifname)" 1500
	done
	[ "$(ctl -o json status | jq '.pending | length')" -eq 1 ]
	in_ns "$P-b" ip link del dev eth0
	recovers
}

eth0_replaced()
{
	printf 'link del dev eth0\nlink add eth0 type bridge\n' | in_ns "$P-b" ip -batch - 2>/dev/null
}

mtu_is()
{
	in_vpc ip link show dev "$1" | grep -q "mtu $2 "
}

bridge_of()
{
	in_vpc ip -o link show dev "$PORT" | sed -n 's/.* master \([^ ]*\) .*/\1/p'
}

@test "an MTU below 1280, which takes IPv6 off a bridge and a port, is mended: running, and at a start" {
	local bridge
	bridge=$(bridge_of)
	in_vpc ip link set dev "$bridge" mtu 1000
	wait_for 2 mtu_is "$bridge" 1500
	wait_for 2 well
	in_vpc ip -6 address show dev "$bridge" | grep -q 'fe80::1/64'
	in_vpc ip link set dev "$PORT" mtu 1000
	wait_for 2 mtu_is "$PORT" 1500
	wait_for 2 well
	vpcd_stop
	in_vpc ip link set dev "$bridge" mtu 1000
	in_vpc ip link set dev "$PORT" mtu 700
	vpcd_start
	recovers
	in_vpc ip -6 address show dev "$bridge" | grep -q 'fe80::1/64'
	pings "$P-a" fe80::1%eth0 -6
}

@test "IPv6 turned off for a bridge, and its forwarding, are mended" {
	local bridge
	bridge=$(bridge_of)
	in_vpc sysctl -qw "net.ipv6.conf.$bridge.disable_ipv6=1"
	wait_for 3 well
	in_vpc ip -6 address show dev "$bridge" | grep -q 'fe80::1/64'
	in_vpc sysctl -qw "net.ipv4.conf.$bridge.forwarding=0"
	verify_differs || true
	wait_for 3 sysctl_is "net.ipv4.conf.$bridge.forwarding" 1
	wait_for 3 well
}

sysctl_is()
{
	[ "$(in_vpc sysctl -n "$1")" = "$2" ]
}

@test "somebody's namespace with a VPC's name" {
	vpcd_stop
	ip netns del "$NETNS"
	ip netns add "$NETNS"
	vpcd_start
	pending "$(id_of vpc prod)" "is not vpcd's"
	others_work
	[ -z "$(nsenter --net="/run/netns/$NETNS" ip -o link show type bridge)" ]
	refused DatapathUnavailable subnet create "$P-sub" --vpc prod --cidr 10.50.77.0/24
	ip netns del "$NETNS"
	recovers
}

@test "a file where the namespace is mounted" {
	vpcd_stop
	ip netns del "$NETNS"
	echo mine >"/run/netns/$NETNS"
	vpcd_start
	pending "$(id_of vpc prod)" "in the way"
	others_work
	[ "$(cat "/run/netns/$NETNS")" = mine ]
	rm "/run/netns/$NETNS"
	recovers
}

@test "the same while vpcd runs: its namespace goes on, and is mounted again" {
	umount "/run/netns/$NETNS"
	echo mine >"/run/netns/$NETNS"
	wait_for 10 pending "$(id_of vpc prod)" "in the way"
	can "$P-a" tcp "$B" 7000
	others_work
	rm "/run/netns/$NETNS"
	recovers
}

@test "somebody's device with a port's number, and one with a bridge's" {
	local number bridge bridge_number
	number=$(in_vpc cat "/sys/class/net/$PORT/ifindex" 2>/dev/null || in_vpc ip -o link show dev "$PORT" | cut -d: -f1)
	bridge=$(bridge_of)
	bridge_number=$(in_vpc ip -o link show dev "$bridge" | cut -d: -f1)
	vpcd_stop
	in_vpc ip link del dev "$PORT"
	in_vpc ip link add mine index "$number" type bridge
	vpcd_start
	pending "$(id_of eni "$P-b")" "taken"
	others_work
	in_vpc ip link show dev mine >/dev/null
	in_vpc ip link del dev mine
	recovers
	vpcd_stop
	in_vpc ip link del dev "$bridge"
	in_vpc ip link add mine index "$bridge_number" type veth peer name mine1
	vpcd_start
	pending "$(id_of subnet prod-app)" "taken"
	others_work
	in_ns "$P-a" ip link show dev eth0 >/dev/null
	in_vpc ip link del dev mine
	recovers
}

@test "a namespace that is another one now: detached, and says so" {
	background_end
	vpcd_stop
	ip netns del "$(netns_of "$P-b")"
	ip netns add "$(netns_of "$P-b")"
	serve "$P-d" --tcp 7000
	vpcd_start
	others_work
	# the kernel ends the old namespace some time later
	wait_for 5 detached "$P-b"
	eni_field "$P-b" detach_reason | grep -q 'is gone'
	wait_for 5 well
}

detached()
{
	[ "$(eni_field "$1" attachment)" = null ]
}

@test "no descriptors left for making what is missing: what can't be made is pending, and made when there are some" {
	local other most
	most=$(find "/proc/$(vpcd_pid)/fd" -mindepth 1 | wc -l)
	other=$(ctl -o json vpc show other | jq -r .netns)
	vpcd_stop
	in_vpc ip link del dev "$PORT"
	ip netns del "$other"
	vpcd_start_with_descriptors $((most - 2))
	[ "$(ctl -o json status | jq -r .health.state)" = degraded ]
	prlimit --pid "$(vpcd_pid)" --nofile=4096:4096
	recovers
}

vpcd_start_with_descriptors()
{
	local args
	mapfile -t args < <(vpcd_args)
	prlimit --nofile="$1:4096" "$VPCD" "${args[@]}" >>"$VPCD_LOG" 2>&1 3>&- &
	echo $! >"$PID_FILE"
	disown
	vpcd_wait
}

@test "a container that deletes its interface again and again: it comes back, later each time, and nobody else waits" {
	for _ in 1 2 3 4; do
		wait_for 10 in_ns "$P-b" ip link show dev eth0
		in_ns "$P-b" ip link del dev eth0
	done
	in_vpc ip link set dev "$(eni_field "$P-a" attachment.host_ifname)" mtu 1400
	wait_for 2 mtu_is "$(eni_field "$P-a" attachment.host_ifname)" 1500
	recovers
}

@test "a port that was moved to another namespace or bridge, renamed, or set down" {
	in_vpc ip link set dev "$PORT" netns "$(netns_of "$P-a")"
	wait_for 2 in_vpc ip link show dev "$PORT"
	wait_for 5 well
	can "$P-a" tcp "$B" 7000
	if in_ns "$P-a" ip link show dev "$PORT" 2>/dev/null; then
		fail "the moved end is still there"
	fi
	in_vpc ip link set dev "$PORT" down name moved
	wait_for 2 in_vpc ip link show dev "$PORT" up
	wait_for 2 well
	in_vpc ip link add mine type bridge
	in_vpc ip link set dev "$PORT" master mine
	wait_for 2 in_bridge
	in_vpc ip link del dev mine
	recovers
}

in_bridge()
{
	bridge_of | grep -q '^br'
}
