#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A VPC and the world: NAT gateways, routes, elastic IPs, published ports, beside a firewall of the host that drops everything.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

@test "vpc create --internet: out to the world behind the host's address, nothing in" {
	edge_vpc "$P" --internet
	sg_new "$P-open" "$P" tcp 7000 0.0.0.0/0
	ctl sg authorize "$P-open" ingress tcp 7000 --cidr ::/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	serve outside --tcp 7000 --udp 7000
	serve "$P-a" --tcp 7000
	can "$P-a" tcp "$OUTSIDE" 7000
	can "$P-a" udp "$OUTSIDE" 7000
	pings "$P-a" "$OUTSIDE"
	heard_from outside "::ffff:$HOST"
	cannot outside tcp "$(ip_of "$P-a")" 7000
	cannot outside tcp "$HOST" 7000
	verify_clean
	ctl detach "$P-a"
	ctl subnet delete "$P-app" "$P-db"
	ctl sg delete "$P-open"
	ctl vpc delete "$P"
}

@test "an egress-only gateway: IPv6 untranslated, opened from inside alone" {
	edge_vpc "$P" --internet
	sg_new "$P-open" "$P" tcp 7000 ::/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	serve outside --tcp 7000 --udp 7000
	serve "$P-a" --tcp 7000
	can "$P-a" tcp "$OUTSIDE6" 7000
	can "$P-a" udp "$OUTSIDE6" 7000
	heard_from outside "$(ip6_of "$P-a")"
	cannot outside tcp "$(ip6_of "$P-a")" 7000
}

@test "without a route nothing leaves; a route replaced or deleted ends what used it at once, and nothing else" {
	local t
	edge_vpc "$P"
	workload_add "$P-a" "$P-app"
	workload_add "$P-b" "$P-db"
	serve outside --tcp 7000 --udp 7000
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	[ "$(drops_of "$P-a" no_route)" -gt 0 ]
	ctl nat create "$P-nat" --subnet "$P-app"
	ctl route add main 0.0.0.0/0 "$P-nat" --vpc "$P"
	ctl route-table create "$P-own" --vpc "$P"
	ctl route add "$P-own" 198.18.0.0/24 "$P-nat" --vpc "$P"
	ctl route-table associate "$P-own" "$P-db" --vpc "$P"
	stream "$P-a" one udp-echo "$OUTSIDE" 7000
	stream "$P-b" two udp-echo "$OUTSIDE" 7000
	ctl route replace main 0.0.0.0/0 blackhole --vpc "$P"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log one)" "$t"
	log_goes_on "$(stream_log two)" "$t"
	[ "$(drops_of "$P-a" blackhole)" -gt 0 ]
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	ctl route replace main 0.0.0.0/0 "$P-nat" --vpc "$P"
	can "$P-a" tcp "$OUTSIDE" 7000
	ctl route delete "$P-own" 198.18.0.0/24 --vpc "$P"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log two)" "$t"
	can "$P-a" tcp "$OUTSIDE" 7000
	verify_clean
}

@test "a NAT gateway deleted under traffic leaves a blackhole; a new one works" {
	local t
	edge_vpc "$P" --internet
	workload_add "$P-a" "$P-app"
	serve outside --tcp 7000 --udp 7000
	stream "$P-a" s tcp-echo "$OUTSIDE" 7000
	ctl nat delete internet --vpc "$P"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	ctl -o json route-table show main --vpc "$P" | jq -e '.routes[] | select(.destination == "0.0.0.0/0") | .state == "blackhole"'
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	ctl nat create again --vpc "$P"
	ctl route replace main 0.0.0.0/0 again --vpc "$P"
	can "$P-a" tcp "$OUTSIDE" 7000
	verify_clean
}

@test "an elastic IP: reached 1:1, judged by the outside's real address, moved and released under traffic" {
	local a t
	edge_vpc "$P"
	edge_gate "$P"
	sg_new "$P-web" "$P" tcp 7000-7001 "$OUTSIDE/32"
	ctl sg authorize "$P-web" ingress udp 7000 --cidr "$OUTSIDE/32"
	workload_add "$P-a" "$P-app" --sg "$P-web"
	workload_add "$P-b" "$P-app" --sg "$P-web"
	serve outside --tcp 7000 --udp 7000
	serve "$P-a" --tcp 7000 --udp 7000
	serve "$P-b" --tcp 7000 --udp 7000
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	a=$(eip_for "$P-a" "$P-x")
	can outside tcp "$a" 7000
	can outside udp "$a" 7000
	heard_from "$P-a" "::ffff:$OUTSIDE"
	cannot outside tcp "$a" 7002
	can "$P-a" udp "$OUTSIDE" 7000
	heard_from outside "::ffff:$a"
	ctl sg revoke "$P-web" ingress tcp 7000-7001 --cidr "$OUTSIDE/32"
	cannot outside tcp "$a" 7000
	ctl sg authorize "$P-web" ingress tcp 7000-7001 --cidr "$OUTSIDE/32"
	stream outside s tcp-echo "$a" 7000
	ctl eip associate "$P-x" --eni "$P-b"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	can outside tcp "$a" 7000
	refused DependencyViolation eip release "$P-x"
	refused DependencyViolation igw detach "$P-gate"
	ctl eip disassociate "$P-x"
	cannot outside tcp "$a" 7000
	unanswered "$P-b" tcp "$OUTSIDE" 7000
	verify_clean
}

@test "a NAT gateway behind an elastic IP" {
	edge_vpc "$P"
	workload_add "$P-a" "$P-app"
	serve outside --udp 7000
	ctl eip allocate "$P-x" --address 203.0.113.9
	ctl nat create "$P-nat" --vpc "$P" --eip "$P-x"
	ctl route add main 0.0.0.0/0 "$P-nat" --vpc "$P"
	can "$P-a" udp "$OUTSIDE" 7000
	heard_from outside ::ffff:203.0.113.9
	verify_clean
}

@test "a published port: from outside, judged by the real address; deleted under traffic" {
	local id t
	edge_vpc "$P"
	sg_new "$P-web" "$P" tcp 80 "$OUTSIDE/32"
	ctl sg authorize "$P-web" ingress udp 5300-5310 --cidr 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-web"
	serve "$P-a" --tcp 80 --udp 5300-5310
	cannot outside tcp "$HOST" 8080
	id=$(ctl -o id publish create --eni "$P-a" --port 80 --host-port 8080)
	ctl publish create --eni "$P-a" --port 5300-5310/udp --host-port 6300-6310 --host-address "$HOST"
	can outside tcp "$HOST" 8080
	can outside udp "$HOST" 6300
	can outside udp "$HOST" 6310
	cannot outside udp "$HOST" 6311
	heard_from "$P-a" "::ffff:$OUTSIDE"
	refused InvalidIPAddress.InUse publish create --eni "$P-a" --port 81 --host-port 8080
	stream outside s tcp-echo "$HOST" 8080
	ctl sg revoke "$P-web" ingress tcp 80 --cidr "$OUTSIDE/32"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	ctl sg authorize "$P-web" ingress tcp 80 --cidr "$OUTSIDE/32"
	stream outside again tcp-echo "$HOST" 8080
	ctl publish delete "$id"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log again)" "$t"
	cannot outside tcp "$HOST" 8080
	can outside udp "$HOST" 6305
	verify_clean
}

@test "a published port from the host itself, also by 127.0.0.1" {
	edge_vpc "$P"
	sg_new "$P-web" "$P" tcp 80 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-web"
	serve "$P-a" --tcp 80
	# the port has its tcx links, and another VPC has an uplink: only the publication asks for the links of this one
	ctl vpc create "$P-other" --cidr 10.51.0.0/16 --internet
	verify_clean
	ctl publish create --eni "$P-a" --port 80 --host-port 8081
	verify_clean
	can host tcp "$HOST" 8081
	can host tcp 127.0.0.1 8081
}

# plugin COMMAND NAME CONFIG: vpc-cni for the namespace of the workload.
plugin()
{
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$(netns_of "$2") CNI_PATH=/opt/cni/bin \
		"$BUILD/vpc-cni" <<<"$3"
}

@test "vpc-cni publishes what the runtime maps, until DEL" {
	local config
	edge_vpc "$P"
	ctl sg authorize default ingress tcp 80 --cidr 0.0.0.0/0 --vpc "$P"
	netns_add "$P-a"
	config=$(jq -nc --arg vpc "$P" --arg socket "$VPCD_SOCKET" '{cniVersion: "1.1.0", name: "mapped", type: "vpc-cni",
		vpc: $vpc, subnet: "\($vpc)-app", socket: $socket, runtimeConfig: {portMappings: [
		{hostPort: 8083, containerPort: 80, protocol: "tcp"}, {hostPort: 0, containerPort: 81, protocol: "tcp"}]}}')
	plugin ADD "$P-a" "$config"
	serve "$P-a" --tcp 80
	can outside tcp "$HOST" 8083
	ctl -o json publish list --vpc "$P" | jq -e 'length == 1'
	plugin DEL "$P-a" "$config"
	ctl -o json publish list --vpc "$P" | jq -e 'length == 0'
	cannot outside tcp "$HOST" 8083
}

@test "revoking cuts translated flows in both directions, and no others" {
	local a t
	edge_vpc "$P"
	edge_gate "$P"
	sg_new "$P-web" "$P" udp 7000 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-web"
	workload_add "$P-b" "$P-app" --sg "$P-web"
	serve "$P-a" --udp 7000
	serve "$P-b" --udp 7000
	serve outside --tcp 7000 --udp 7000
	a=$(eip_for "$P-a" "$P-x")
	eip_for "$P-b" "$P-y" >/dev/null
	stream outside in udp-push "$a" 7000
	stream "$P-b" out tcp-recv "$OUTSIDE" 7000
	ctl sg revoke "$P-web" ingress udp 7000 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log in)" "$t"
	log_goes_on "$(stream_log out)" "$t"
	ctl sg revoke "$P-web" egress all --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log out)" "$t"
}

@test "P6: vpcd killed and started again, translated flows of every kind go on" {
	local a label
	edge_vpc "$P" --internet
	edge_gate "$P"
	sg_new "$P-web" "$P" udp 7000 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-web"
	workload_add "$P-b" "$P-db" --sg "$P-web"
	serve "$P-a" --udp 7000
	serve "$P-b" --udp 7000
	serve outside --udp 7000
	a=$(eip_for "$P-a" "$P-x")
	ctl publish create --eni "$P-b" --port 7000/udp --host-port 7100
	stream outside eip udp-echo "$a" 7000
	stream outside published udp-echo "$HOST" 7100
	stream "$P-b" nat udp-echo "$OUTSIDE" 7000
	vpcd_stop KILL
	sleep 0.5
	vpcd_start
	sleep 0.7
	for label in eip published nat; do
		[ "$(stream_end "$label" | jq .lost)" -eq 0 ] || fail "$label lost packets"
	done
	can outside udp "$a" 7000
	verify_clean
}

@test "P5: overlapping VPCs share the way out, and reach each other as strangers do" {
	local a
	edge_vpc "$P" --internet
	ctl vpc create "$P-o" --cidr 10.50.0.0/16 --internet
	ctl subnet create "$P-o-app" --vpc "$P-o" --cidr 10.50.1.0/24
	sg_new "$P-web" "$P" tcp 80 "$HOST/32"
	workload_add "$P-a" "$P-app" --sg "$P-web" --ip 10.50.1.10
	workload_add "$P-b" "$P-o-app" --ip 10.50.1.10
	serve outside --tcp 7000 --udp 7000
	serve "$P-a" --tcp 80
	can "$P-a" udp "$OUTSIDE" 7000 --sport 5000
	can "$P-b" udp "$OUTSIDE" 7000 --sport 5000
	stream "$P-a" one tcp-echo "$OUTSIDE" 7000 --sport 5001
	stream "$P-b" two tcp-echo "$OUTSIDE" 7000 --sport 5001
	ctl publish create --eni "$P-a" --port 80 --host-port 8082
	can "$P-b" tcp "$HOST" 8082
	edge_gate "$P"
	a=$(eip_for "$P-a" "$P-x")
	can "$P-b" tcp "$a" 80
	ctl sg revoke "$P-web" ingress tcp 80 --cidr "$HOST/32"
	cannot "$P-b" tcp "$a" 80
	verify_clean
}

@test "the host's firewall is as it was, and refuses as before" {
	in_ns host nft list table inet strict | diff - "$BATS_FILE_TMPDIR/firewall"
	background host "$TOOLS/serve" --ready "$BATS_TEST_TMPDIR/ready-host" --tcp 9000
	wait_for 10 test -e "$BATS_TEST_TMPDIR/ready-host"
	cannot outside tcp "$HOST" 9000
}

@test "the host is closed to a VPC" {
	edge_vpc "$P" --internet
	workload_add "$P-a" "$P-app"
	in_ns host nft insert rule inet strict input tcp dport 9001 accept
	background host "$TOOLS/serve" --ready "$BATS_TEST_TMPDIR/ready-host" --tcp 9001
	wait_for 10 test -e "$BATS_TEST_TMPDIR/ready-host"
	can outside tcp "$HOST" 9001
	cannot "$P-a" tcp "$HOST" 9001
	[ "$(drops_of "$P-a" host_closed)" -gt 0 ]
	cannot "$P-a" tcp 169.254.169.254 80
	in_ns host nft delete rule inet strict input handle \
		"$(in_ns host nft -a list chain inet strict input | sed -n 's/.*9001.*handle //p')"
}
