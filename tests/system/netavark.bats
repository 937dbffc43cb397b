#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpc-netavark by netavark's protocol: the messages are those that netavark 1.14 to 2.1 and podman 5 send. Debian 12 has netavark 1.4
# and podman 4.3, which know no plugins.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	ctl sg create web --vpc prod >/dev/null
	ctl sg create db --vpc prod >/dev/null
	ctl sg authorize web ingress all --sg web >/dev/null
}

teardown_file()
{
	vpcd_purge
}

setup()
{
	P=t$BATS_TEST_NUMBER
	PLUGIN=$BUILD/vpc-netavark
}

teardown()
{
	local name
	for name in $(ctl -o json eni list | jq -r '.[] | .name'); do
		ctl detach "$name" >/dev/null
	done
	namespaces_remove "$INSTANCE-$P-"
}

# network [JSON]: what podman sends to create; JSON is merged over its options.
network()
{
	jq -cn --arg s "$VPCD_SOCKET" --argjson more "${1:-null}" '{name: "front",
		id: "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9", driver: "vpc-netavark",
		created: "2026-11-29T12:00:00+00:00", ipv6_enabled: false, internal: false, dns_enabled: true,
		options: ({vpc: "prod", subnet: "prod-app", "security-groups": "web", socket: $s} + $more), ipam_options: {}}'
}

# container ID NETWORK [JSON]: what netavark sends to setup and teardown; JSON is merged over network_options.
container()
{
	jq -cn --arg id "$1" --argjson network "$2" --argjson more "${3:-null}" --argjson ports "${PORTS:-[]}" '{container_id: $id,
		container_name: ($id + "-name"), port_mappings: $ports, network: $network,
		network_options: ({aliases: [], interface_name: "eth0", static_ips: null, static_mac: null} + $more)}'
}

up()
{
	[ -e "/run/netns/$(netns_of "$1")" ] || netns_add "$1"
	container "$1" "$(network)" "${2:-null}" | "$PLUGIN" setup "/run/netns/$(netns_of "$1")"
}

down()
{
	container "$1" "$(network)" | "$PLUGIN" teardown "/run/netns/$(netns_of "$1")"
}

# fails TEXT COMMAND…: status 1, and {"error": "… TEXT …"} alone on stdout.
fails()
{
	local text=$1 status=0 out
	shift
	out=$("$@") || status=$?
	[ "$status" -eq 1 ] || fail "$*: status $status: $out"
	[[ $(jq -r .error <<<"$out") == *"$text"* ]] || fail "$*: no '$text' in: $out"
}

# create [JSON [JSON]]: merged over the network's options; over the network.
create()
{
	network "${1:-null}" | jq -c --argjson more "${2:-null}" '. + $more' | "$PLUGIN" create
}

@test "info, and create: the network is given back with the subnet's addresses, which podman leaves to the plugin" {
	local made
	[ "$("$PLUGIN" info | jq -r .api_version)" = 1.0.0 ]
	made=$(create null)
	[ "$(jq -r '.name, .driver, .id[0:4]' <<<"$made" | paste -sd,)" = front,vpc-netavark,2f25 ]
	[ "$(jq -r .subnets[0].subnet <<<"$made")" = 10.50.1.0/24 ]
	[ "$(jq -r .ipam_options.driver <<<"$made")" = none ]
	[ "$(jq -r .dns_enabled <<<"$made")" = false ]
}

@test "create refuses what is wrong, with a message for podman's user" {
	fails "-o colour: there is no such option" create '{"colour": "red"}'
	fails "there is no subnet 'nowhere'" create '{"subnet": "nowhere"}'
	fails "there is no security group 'nobody'" create '{"security-groups": "nobody"}'
	fails "is not a list of groups" create '{"security-groups": "web,,db"}'
	fails "no daemon at /nonexistent" create '{"socket": "/nonexistent"}'
	fails "not a JSON object" sh -c "echo '[1]' | $PLUGIN create"
	run "$PLUGIN" setup
	[ "$status" -eq 2 ]
}

@test "create refuses what podman takes for any network and what would have no effect" {
	fails "--internal" create null '{"internal": true}'
	fails "--route" create null '{"routes": [{"destination": "10.9.0.0/16", "gateway": "10.50.1.9"}]}'
	fails "leave --subnet out" create null '{"subnets": [{"subnet": "10.9.0.0/16"}]}'
	fails "leave --subnet out" create null '{"subnets": [{"subnet": "10.50.1.0/24"}, {"subnet": "fd99::/64"}]}'
	fails "leave --gateway out" create null '{"subnets": [{"subnet": "10.50.1.0/24", "gateway": "10.50.1.9"}]}'
	fails "--ip-range" create null '{"subnets": [{"subnet": "10.50.1.0/24", "lease_range": {"start_ip": "10.50.1.9"}}]}'
	ctl subnet create "$P-v4" --vpc prod --cidr 10.50.9.0/24 >/dev/null
	fails "has no IPv6" create "{\"subnet\": \"$P-v4\"}" '{"ipv6_enabled": true}'
	ctl subnet delete "$P-v4" >/dev/null
	create null '{"subnets": [{"subnet": "10.50.1.0/24", "gateway": "10.50.1.1"}, {"subnet": "fd50::/64"}], "ipv6_enabled": true,
		"routes": [], "labels": {"a": "b"}}' | jq -e '.labels.a == "b"'
}

@test "setup: DNS servers and domain of the VPC's DHCP options; teardown looks at no other options" {
	local status
	ctl vpc set-dhcp-options prod --dns 10.50.0.53 --domain prod.internal >/dev/null
	status=$(up "$P-a")
	[ "$(jq -c '[.dns_server_ips, .dns_search_domains]' <<<"$status")" = '[["10.50.0.53"],["prod.internal"]]' ]
	container "$P-a" "$(network '{"colour": "red", "security-groups": ",,"}')" |
		"$PLUGIN" teardown "/run/netns/$(netns_of "$P-a")"
	[ "$(ctl -o json eni list | jq length)" -eq 0 ]
	ctl vpc set-dhcp-options prod >/dev/null
	[ "$(up "$P-a" | jq -c '[.dns_server_ips, .dns_search_domains]')" = '[[],[]]' ]
	down "$P-a"
}

@test "setup and teardown: the status is what the container has, and containers talk as their groups say" {
	local status
	status=$(up "$P-a")
	up "$P-b" >/dev/null
	[ "$(jq -r '.interfaces.eth0.subnets[0].gateway' <<<"$status")" = 10.50.1.1 ]
	in_ns "$P-a" ip -4 address show dev eth0 | grep -q "$(jq -r '.interfaces.eth0.subnets[0].ipnet' <<<"$status")"
	in_ns "$P-a" ip -6 address show dev eth0 | grep -q "$(jq -r '.interfaces.eth0.subnets[1].ipnet' <<<"$status")"
	in_ns "$P-a" ip link show dev eth0 | grep -q "$(jq -r .interfaces.eth0.mac_address <<<"$status")"
	in_ns "$P-b" ping -c 1 -W 5 "$(jq -r '.interfaces.eth0.subnets[0].ipnet' <<<"$status" | cut -d/ -f1)"
	ctl eni list | grep -q "$P-a-name"
	fails "already" up "$P-a"
	down "$P-a"
	down "$P-a"
	[ "$(ctl -o json eni list | jq length)" -eq 1 ]
	verify_clean
}

@test "static addresses and MAC; ports, and a range of them; groups that the network allows" {
	local status allowed
	PORTS='[{"container_port": 80, "host_ip": "", "host_port": 18080, "protocol": "tcp", "range": 1},
		{"container_port": 5000, "host_ip": "0.0.0.0", "host_port": 15000, "protocol": "tcp,udp", "range": 3}]'
	status=$(up "$P-a" '{"static_ips": ["10.50.1.99", "fd50::99"], "static_mac": "02:aa:bb:cc:dd:ee"}')
	[ "$(jq -r '.interfaces.eth0.subnets | map(.ipnet) | join(",")' <<<"$status")" = 10.50.1.99/24,fd50::99/64 ]
	[ "$(jq -r .interfaces.eth0.mac_address <<<"$status")" = 02:aa:bb:cc:dd:ee ]
	[ "$(ctl -o json publish list | jq -r '[.[] | "\(.protocol)\(.host_from_port)-\(.host_to_port)"] | sort | join(" ")')" = \
		"tcp15000-15002 tcp18080-18080 udp15000-15002" ]
	PORTS='[]'
	fails "InvalidIPAddress.InUse" up "$P-b" '{"static_ips": ["10.50.1.99"]}'
	fails "doesn't let containers ask for group 'db'" up "$P-b" '{"options": {"security-groups": "db"}}'
	allowed=$(network '{"allowed-security-groups": "*"}')
	container "$P-b" "$allowed" '{"options": {"security-groups": "db"}}' | "$PLUGIN" setup "/run/netns/$(netns_of "$P-b")" >/dev/null
	[ "$(ctl -o json eni show "netavark:$P-b:eth0" | jq -r '.security_groups[0]')" = "$(ctl -o json sg show db | jq -r .id)" ]
	down "$P-a"
	[ "$(ctl -o json publish list | jq length)" -eq 0 ]
	down "$P-b"
}

@test "a container that starts again in another namespace gets a new interface; one whose namespace is gone leaves nothing" {
	up "$P-a" >/dev/null
	ip netns del "$(netns_of "$P-a")"
	up "$P-a" >/dev/null
	in_ns "$P-a" ip link show dev eth0
	[ "$(ctl -o json eni list | jq length)" -eq 1 ]
	ip netns del "$(netns_of "$P-a")"
	down "$P-a"
	[ "$(ctl -o json eni list | jq length)" -eq 0 ]
	fails "there is no such namespace" sh -c "echo '$(container "$P-x" "$(network)")' | $PLUGIN setup /run/netns/none"
	verify_clean
}
