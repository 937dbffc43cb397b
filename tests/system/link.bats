#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Links: interfaces that vpcd makes in its own namespace, and that somebody else, as a container engine, moves into a
# container, names and addresses.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	LINK=l$BATS_TEST_NUMBER$INSTANCE
	LINK=${LINK:0:15}
	sg_pings "$P-sg"
}

teardown()
{
	enis_detach
}

link_exists()
{
	ip link show dev "$LINK"
}

link_is_gone()
{
	! link_exists
}

# link ENI SUBNET [OPTION]…
link()
{
	local name=$1 subnet=$2
	shift 2
	ctl attach "$name" --subnet "$subnet" --sg "$P-sg" --link --ifname "$LINK" "$@" >/dev/null
}

# move ENI: what an engine does with the link, into the namespace of that name.
move()
{
	[ -e "/run/netns/$(netns_of "$1")" ] || netns_add "$1"
	ip link set dev "$LINK" netns "$(netns_of "$1")" name eth7
	in_ns "$1" ip link set dev eth7 up
	in_ns "$1" ip address add "$(ip_of "$1")/24" dev eth7
	in_ns "$1" ip -6 address add "$(ip6_of "$1")/64" dev eth7 nodad
	in_ns "$1" ip route add default via 10.50.1.1
	in_ns "$1" ip -6 route replace default via fe80::1 dev eth7
}

@test "a link is made down, with the ENI's MAC and MTU; the engine's names and addresses of it are its own" {
	link "$P-a" prod-app
	ip link show dev "$LINK" | grep -q "mtu 1500"
	ip link show dev "$LINK" | grep -q "state DOWN"
	ip link show dev "$LINK" | grep -q "$(eni_field "$P-a" mac)"
	[ -z "$(ip -4 -o address show dev "$LINK")" ]
	[ "$(eni_field "$P-a" attachment.kind)" = link ]
	[ "$(eni_field "$P-a" attachment.ifname)" = "$LINK" ]
	ctl eni list | grep "$P-a" | grep -q "link $LINK"
	verify_clean
	move "$P-a"
	link_is_gone
	verify_clean
}

@test "a link that was moved is judged as any workload, across subnets, IPv4 and IPv6" {
	link "$P-a" prod-app
	move "$P-a"
	workload_add "$P-b" prod-db --sg "$P-sg"
	in_ns "$P-a" ping -c 2 -W 5 "$(ip_of "$P-b")"
	in_ns "$P-a" ping -c 2 -W 5 "$(ip6_of "$P-b")"
	in_ns "$P-b" ping -c 2 -W 5 "$(ip_of "$P-a")"
	in_ns "$P-b" ping -c 2 -W 5 "$(ip6_of "$P-a")"
	ctl sg revoke "$P-sg" ingress icmp all --cidr 10.50.0.0/16 >/dev/null
	pings_not "$P-b" "$(ip_of "$P-a")"
	[ "$(drops_of "$P-a" no_ingress_rule)" -ge 1 ]
}

@test "an address that the engine gives it and vpcd doesn't know is forged" {
	local before
	link "$P-a" prod-app
	move "$P-a"
	workload_add "$P-b" prod-app --sg "$P-sg"
	in_ns "$P-a" ip address add 10.50.1.251/24 dev eth7
	in_ns "$P-a" ping -c 1 -W 5 "$(ip_of "$P-b")" # so that the neighbour is known
	before=$(drops_of "$P-a" forged_source)
	pings_not "$P-a" "$(ip_of "$P-b")" -I 10.50.1.251
	[ "$(drops_of "$P-a" forged_source)" -gt "$before" ]
}

@test "the container ends: the link is there again for the next, and the ENI keeps its address" {
	local ip
	link "$P-a" prod-app
	ip=$(ip_of "$P-a")
	move "$P-a"
	workload_add "$P-b" prod-app --sg "$P-sg"
	in_ns "$P-b" ping -c 1 -W 5 "$ip"
	ip netns del "$(netns_of "$P-a")"
	wait_for 20 link_exists
	move "$P-a"
	[ "$(ip_of "$P-a")" = "$ip" ]
	in_ns "$P-b" ping -c 1 -W 5 "$ip"
	verify_clean
}

@test "vpcd is killed: the link stays where the engine moved it; one that went meanwhile is made again" {
	link "$P-a" prod-app
	move "$P-a"
	workload_add "$P-b" prod-app --sg "$P-sg"
	vpcd_restart KILL
	in_ns "$P-b" ping -c 1 -W 5 "$(ip_of "$P-a")"
	link_is_gone
	verify_clean
	vpcd_stop
	ip netns del "$(netns_of "$P-a")"
	vpcd_start
	wait_for 20 link_exists
	verify_clean
}

@test "the link goes with its attachment, wherever it is" {
	link "$P-a" prod-app
	ctl detach "$P-a"
	link_is_gone
	link "$P-a" prod-app
	move "$P-a"
	ctl detach "$P-a"
	run ! in_ns "$P-a" ip link show dev eth7
	verify_clean
}

@test "refused: a name that the host has, options of others, a caller who isn't root" {
	local status=0
	ip link add name "$LINK" type veth peer name "p$LINK" 2>/dev/null || ip link add name "$LINK" type bridge
	refused AttachmentFailed attach "$P-a" --subnet prod-app --link --ifname "$LINK"
	ip link show dev "$LINK" | grep -q "$LINK"
	ip link del dev "$LINK"
	refused InvalidNetworkInterfaceID.NotFound eni show "$P-a"
	misused attach "$P-a" --subnet prod-app --link --default-route yes
	misused attach "$P-a" --subnet prod-app --link --owner root
	misused attach "$P-a" --subnet prod-app --link --pid 1
	ctl eni create "$P-a" --subnet prod-app >/dev/null
	api_refused 400 InvalidParameterCombination PUT "/v1/enis/$P-a/attachment" '{"kind": "link", "pid": 1}'
	api_refused 400 InvalidParameterCombination PUT "/v1/enis/$P-a/attachment" '{"kind": "link", "queues": 2}'
	setpriv --reuid 65534 --inh-caps +dac_override --ambient-caps +dac_override \
		"$VPCCTL" eni attach "$P-a" --link --ifname "$LINK" >/dev/null 2>"$BATS_TEST_TMPDIR/error" || status=$?
	[ "$status" -eq 1 ]
	grep -Eq '^vpcctl: (AttachmentFailed|AccessDenied): ' "$BATS_TEST_TMPDIR/error"
	link_is_gone
	verify_clean
}
