#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Peerings: two VPCs reach each other as routes and groups of both say, and nobody else does.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	vpcd_start
}

# Two VPCs, $P-a and $P-b, with a workload each and a group each of the same names, which lets nothing in.
setup()
{
	P=t$BATS_TEST_NUMBER
	vpc_new a 1
	vpc_new b 2
	A=$(ip_of "$P-a1") B=$(ip_of "$P-b1")
	A6=$(ip6_of "$P-a1") B6=$(ip6_of "$P-b1")
	serve "$P-a1" --tcp 7000 --udp 7000
	serve "$P-b1" --tcp 7000 --udp 7000
}

# vpc_new LETTER N [OPTION OF vpc create]…: VPC $P-LETTER, 10.N.0.0/16, with the workload $P-LETTER1.
vpc_new()
{
	local v=$P-$1 n=$2
	ctl vpc create "$v" --cidr "10.$n.0.0/16" --cidr6 "fd0$n::/56" "${@:3}" >/dev/null
	ctl subnet create "$v-app" --vpc "$v" --cidr "10.$n.1.0/24" --cidr6 "fd0$n::/64" >/dev/null
	ctl sg create "$v-sg" --vpc "$v" >/dev/null
	workload_add "${v}1" "$v-app" --sg "$v-sg"
}

# A peering $P-ab that is active, with routes of both.
peer()
{
	ctl peering create "$P-ab" --vpc "$P-a" --peer-vpc "$P-b" >/dev/null
	ctl peering accept "$P-ab" >/dev/null
	routes a 2
	routes b 1
}

routes()
{
	ctl route add main "10.$2.0.0/16" "$P-ab" --vpc "$P-$1" >/dev/null
	ctl route add main "fd0$2::/56" "$P-ab" --vpc "$P-$1" >/dev/null
}

open_cidr()
{
	ctl sg authorize "$P-b-sg" ingress all --cidr "10.1.0.0/16" --cidr "fd01::/56" >/dev/null
}

route_state()
{
	ctl -o json route-table show main --vpc "$P-$1" | jq -r ".routes[] | select(.destination == \"$2\") | .state"
}

@test "requested, accepted, rejected, deleted; routes are blackholes until it is active" {
	local pcx
	pcx=$(ctl -o id peering create "$P-ab" --vpc "$P-a" --peer-vpc "$P-b")
	[ "$(ctl -o json peering show "$pcx" | jq -r .status)" = pending-acceptance ]
	routes a 2
	[ "$(route_state a 10.2.0.0/16)" = blackhole ]
	open_cidr
	unanswered "$P-a1" tcp "$B" 7000
	[ "$(drops_of "$P-a1" no_route)" -gt 0 ]
	ctl peering accept "$pcx"
	[ "$(route_state a 10.2.0.0/16)" = active ]
	cannot "$P-a1" tcp "$B" 7000
	[ "$(drops_of "$P-b1" no_route)" -gt 0 ] # the answer has no way
	routes b 1
	can "$P-a1" tcp "$B" 7000
	verify_clean
	refused InvalidStateTransition peering accept "$pcx"
	refused InvalidStateTransition peering reject "$pcx"
	refused DependencyViolation vpc delete "$P-a"
	ctl peering delete "$pcx"
	unanswered "$P-a1" tcp "$B" 7000
	[ "$(route_state a 10.2.0.0/16)" = blackhole ]
	pcx=$(ctl -o id peering create "$P-again" --vpc "$P-b" --peer-vpc "$P-a")
	ctl peering reject "$pcx"
	[ "$(ctl -o json peering list | jq -r '.[] | select(.name == "'"$P-again"'") | .status')" = rejected ]
	ctl peering delete "$pcx"
	verify_clean
}

@test "TCP, UDP and echo, IPv4 and IPv6; only what the receiver's groups allow" {
	peer
	cannot "$P-a1" tcp "$B" 7000
	[ "$(drops_of "$P-b1" no_ingress_rule)" -gt 0 ]
	ctl sg authorize "$P-b-sg" ingress tcp 7000 --cidr "$A/32" --cidr "$A6/128"
	can "$P-a1" tcp "$B" 7000
	can "$P-a1" tcp "$B6" 7000
	cannot "$P-a1" udp "$B" 7000
	pings_not "$P-a1" "$B"
	open_cidr
	can "$P-a1" udp "$B" 7000
	can "$P-a1" udp "$B6" 7000
	pings "$P-a1" "$B"
	pings "$P-a1" "$B6"
	pings "$P-a1" "$B" -s 4000
	pings "$P-a1" "$B6" -s 4000
	cannot "$P-b1" tcp "$A" 7000
	verify_clean
}

@test "groups of the other VPC: by membership, from both sides; stale without the peering" {
	local t
	peer
	ctl sg revoke "$P-a-sg" egress all --cidr 0.0.0.0/0 --cidr ::/0
	ctl sg authorize "$P-a-sg" egress all --sg "$P-b-sg"
	ctl sg authorize "$P-b-sg" ingress all --sg "$P-a-sg"
	can "$P-a1" tcp "$B" 7000
	can "$P-a1" udp "$B6" 7000
	stream "$P-a1" s tcp-echo "$B" 7000
	refused DependencyViolation sg delete "$P-a-sg"
	ctl sg create "$P-none" --vpc "$P-a" >/dev/null
	ctl eni set "$P-a1" --sg "$P-none"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	cannot "$P-a1" tcp "$B" 7000
	ctl eni set "$P-a1" --sg "$P-a-sg"
	can "$P-a1" tcp "$B" 7000
	ctl sg create "$P-other" --vpc "$P-b" >/dev/null
	ctl eni set "$P-b1" --sg "$P-other"
	cannot "$P-a1" tcp "$B" 7000
	[ "$(drops_of "$P-a1" no_egress_rule)" -gt 0 ]
	ctl eni set "$P-b1" --sg "$P-b-sg"
	can "$P-a1" tcp "$B" 7000
	verify_clean
	ctl peering delete "$P-ab"
	unanswered "$P-a1" tcp "$B" 7000
	ctl -o json sg show "$P-b-sg" | jq -e '[.rules[] | select(.stale)] | length == 1'
	refused InvalidGroup.NotFound sg authorize "$P-b-sg" ingress tcp 80 --sg "$(ctl -o json sg show "$P-a-sg" | jq -r .id)"
	ctl peering create "$P-ab" --vpc "$P-a" --peer-vpc "$P-b" >/dev/null
	ctl peering accept "$P-ab" >/dev/null
	ctl route replace main 10.2.0.0/16 "$P-ab" --vpc "$P-a"
	ctl route replace main 10.1.0.0/16 "$P-ab" --vpc "$P-b"
	can "$P-a1" tcp "$B" 7000
	ctl -o json sg show "$P-b-sg" | jq -e '[.rules[] | select(.stale)] | length == 0'
	verify_clean
}

@test "revoked, a route taken away, the peering deleted under traffic: cut at once, and nothing else" {
	local t reply
	peer
	open_cidr
	workload_add "$P-a2" "$P-a-app" --sg "$P-a-sg"
	ctl sg authorize "$P-b-sg" ingress udp 7001 --cidr 0.0.0.0/0
	serve "$P-b1" --udp 7001
	stream "$P-a1" one tcp-echo "$B" 7000
	stream "$P-a2" two udp-echo "$B" 7001
	ctl sg revoke "$P-b-sg" ingress all --cidr 10.1.0.0/16
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log one)" "$t"
	log_goes_on "$(stream_log two)" "$t"
	reply=$(ctl -o json route delete main 10.1.0.0/16 --vpc "$P-b")
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log two)" "$t"
	jq -e '[.cut_flows[] | select(.protocol == "udp")] | length == 1' <<<"$reply"
	ctl route add main 10.1.0.0/16 "$P-ab" --vpc "$P-b"
	stream "$P-a2" three udp-echo "$B" 7001
	ctl peering delete "$P-ab"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log three)" "$t"
	verify_clean
}

@test "not transitive: neither by a second peering, nor by the other's gateways, nor to the host" {
	vpc_new c 3
	peer
	open_cidr
	ctl sg authorize "$P-c-sg" ingress all --cidr 0.0.0.0/0
	serve "$P-c1" --tcp 7000 --udp 7000
	ctl peering create "$P-bc" --vpc "$P-b" --peer-vpc "$P-c" >/dev/null
	ctl peering accept "$P-bc"
	ctl route add main 10.3.0.0/16 "$P-bc" --vpc "$P-b"
	ctl route add main 10.2.0.0/16 "$P-bc" --vpc "$P-c"
	ctl route add main 10.1.0.0/16 "$P-bc" --vpc "$P-c"
	ctl route add main 10.3.0.0/16 "$P-ab" --vpc "$P-a"
	can "$P-b1" tcp "$(ip_of "$P-c1")" 7000
	unanswered "$P-a1" tcp "$(ip_of "$P-c1")" 7000
	[ "$(drops_of "$P-a1" unknown_destination)" -gt 0 ]
	ctl nat create "$P-nat" --vpc "$P-b"
	ctl route add main 0.0.0.0/0 "$P-nat" --vpc "$P-b"
	ctl route add main 0.0.0.0/0 "$P-ab" --vpc "$P-a"
	unanswered "$P-a1" tcp 198.18.0.1 7000
	unanswered "$P-a1" tcp 10.2.1.1 7000 # the other's gateway
	refused InvalidParameterValue route add main 10.9.0.0/16 "$P-bc" --vpc "$P-a"
	verify_clean
}

@test "forged sources: neither of the other's range, nor of a group's member" {
	local mark=forged-$RANDOM gateway
	peer
	ctl sg authorize "$P-b-sg" ingress all --sg "$P-a-sg"
	ctl sg create "$P-appliance" --vpc "$P-a" >/dev/null
	workload_add "$P-a2" "$P-a-app" --sg "$P-appliance" --no-source-dest-check
	in_ns "$P-a2" ping -n -q -c 1 -W 1 10.1.1.1 >/dev/null
	gateway=$(in_ns "$P-a2" ip neigh show 10.1.1.1 | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p')
	local own
	own=$(eni_field "$P-a2" mac)
	can "$P-a1" udp "$B" 7000
	for source in "$A" "$B" 10.2.1.77 192.0.2.1; do
		[ "$(arrives "$P-b1" "$mark" forge "$P-a2" udp --smac "$own" --dmac "$gateway" --src "$source" --dst "$B" --dport 7000 --marker "$mark")" -eq 0 ] ||
			fail "$source arrived"
	done
	[ "$(drops_of "$P-a2" forged_source)" -gt 0 ]
	# the MACs that programs write on uplinks say nothing at a port
	[ "$(arrives "$P-b1" "$mark" forge "$P-a2" udp --smac "$own" --dmac 02:56:05:00:00:02 --src "$(ip_of "$P-a2")" --dst "$B" --dport 7000 --marker "$mark")" -eq 0 ]
	can "$P-a1" udp "$B" 7000
}

@test "a third VPC with the same addresses is another" {
	ctl vpc create "$P-x" --cidr 10.2.0.0/16 --cidr6 fd02::/56 >/dev/null
	ctl subnet create "$P-x-app" --vpc "$P-x" --cidr 10.2.1.0/24 --cidr6 fd02::/64 >/dev/null
	ctl sg create "$P-x-sg" --vpc "$P-x" >/dev/null
	ctl sg authorize "$P-x-sg" ingress all --cidr 0.0.0.0/0
	workload_add "$P-x1" "$P-x-app" --sg "$P-x-sg" --ip "$B"
	serve "$P-x1" --tcp 7000 --udp 7000
	peer
	open_cidr
	refused VpcPeeringConnectionAlreadyExists peering create no --vpc "$P-b" --peer-vpc "$P-a"
	refused InvalidParameterValue peering create no --vpc "$P-b" --peer-vpc "$P-x"
	can "$P-a1" tcp "$B" 7000
	unanswered "$P-x1" tcp "$A" 7000
	ctl eni detach "$P-b1"
	unanswered "$P-a1" tcp "$B" 7000
	verify_clean
}

@test "a smaller MTU at the other end: the sender is told, and what it sends gets there" {
	vpc_new c 3 --mtu 1300
	ctl sg authorize "$P-c-sg" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	serve "$P-c1" --tcp 7000 --udp 7000
	ctl peering create "$P-ab" --vpc "$P-a" --peer-vpc "$P-c" >/dev/null
	ctl peering accept "$P-ab"
	routes a 3
	routes c 1
	in_ns "$P-a1" ping -n -q -c 1 -W 1 -M "do" -s 1400 "$(ip_of "$P-c1")" && fail "too large, and answered"
	in_ns "$P-a1" ip route get "$(ip_of "$P-c1")" | grep -q 'mtu 1300'
	in_ns "$P-a1" ping -n -q -c 1 -W 1 -s 1400 "$(ip6_of "$P-c1")" || true
	pings "$P-a1" "$(ip6_of "$P-c1")" -s 1400
	stream "$P-a1" big tcp-send "$(ip_of "$P-c1")" 7000
}

@test "vpcd restarted and killed with a peering in place: no packet is lost" {
	peer
	ctl sg authorize "$P-b-sg" ingress all --sg "$P-a-sg"
	stream "$P-a1" s udp-echo "$B" 7000
	vpcd_restart
	verify_clean
	vpcd_stop KILL
	sleep 0.5
	vpcd_start
	verify_clean
	can "$P-a1" tcp "$B" 7000
	run stream_end s
	echo "$output"
	[ "$(jq -r .lost <<<"$output")" = 0 ]
}

# row_change PIN KEY: as somebody who doesn't ask vpcd.
row_change()
{
	if bpftool -j map show pinned "$1" | jq -e '.type == "hash"' >/dev/null; then
		# shellcheck disable=SC2086 # bytes are words
		bpftool map delete pinned "$1" key $2
	else
		# shellcheck disable=SC2046,SC2086
		bpftool map update pinned "$1" key $2 value $(yes 0 | head -n "$(bpftool -j map show pinned "$1" | jq .bytes_value)")
	fi
}

@test "rows of a peering that somebody changes are reported, and put right at the next start" {
	local pin key
	peer
	open_cidr
	can "$P-a1" tcp "$B" 7000
	verify_clean
	for pin in route vpc; do
		pin=$(find "/sys/fs/bpf/vpcd/$INSTANCE" -name "$pin")
		[ -n "$pin" ]
		key=$(bpftool -j map dump pinned "$pin" | jq -r '[.[] | select(any(.value[]; . != "0x00"))][0].key | join(" ")')
		verify_differs_after row_change "$pin" "$key"
		vpcd_restart
		verify_clean
		can "$P-a1" tcp "$B" 7000
	done
}

@test "killed at any moment of accept, route and delete: the old state or the new one" {
	local state
	ctl peering create "$P-ab" --vpc "$P-a" --peer-vpc "$P-b" >/dev/null
	routes a 2
	routes b 1
	open_cidr
	for state in active blackhole; do
		if [ "$state" = active ]; then
			"$VPCCTL" peering accept "$P-ab" >/dev/null 2>&1 &
		else
			"$VPCCTL" peering delete "$P-ab" >/dev/null 2>&1 &
		fi
		vpcd_stop KILL
		wait $! || true
		vpcd_start
		verify_clean
		if [ "$(route_state a 10.2.0.0/16)" = active ]; then
			can "$P-a1" tcp "$B" 7000
		else
			unanswered "$P-a1" tcp "$B" 7000
		fi
	done
}

# flows OPTION…: TCP to port $FLOWS_PORT, of vpcctl flow list, as JSON.
flows()
{
	ctl -o json flow list --port "$FLOWS_PORT" --protocol tcp "$@"
}

# stopped LABEL: nothing of the stream comes after now; ends it.
stopped()
{
	local now
	now=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log "$1")" "$now"
	stream_end "$1"
}

# one_flow VPC OPTION…: the list has the flow once, as its VPC's and with both ends.
one_flow()
{
	local list
	list=$(flows "${@:2}")
	jq -e --arg vpc "$1" --arg a "$P-a" --arg b "$P-b" 'length == 1 and (.[0] | .src_eni == "\($a)1" and
		.dst_eni == "\($b)1" and .src_sg == "\($a)-sg" and .dst_sg == "\($b)-sg" and .src_rule_id and .dst_rule_id and
		([.vpc, .peer_vpc] == if $vpc == "a" then [$a, $b] else [$b, $a] end))' <<<"$list" || fail "$* $list"
}

@test "a flow is listed once, whoever asks; it is cut in both VPCs, and counted once" {
	local reply end port FLOWS_PORT=7000
	peer
	open_cidr
	stream "$P-a1" s tcp-echo "$B" 7000
	one_flow a
	one_flow a --eni "$P-a1"
	one_flow b --eni "$P-b1"
	one_flow a --eni "$P-a1" --peer "$B"
	one_flow b --eni "$P-b1" --peer "$A" --state established
	[ "$(flows --state cut)" = "[]" ]
	one_flow a --limit 5
	# a change takes it away at one end: at neither end it is told as alive
	reply=$(ctl -o json sg revoke "$P-b-sg" ingress all --cidr 10.1.0.0/16)
	jq -e '.cut_flows_total == 1 and (.cut_flows | length == 1) and .cut_flows[0].state == "established"' <<<"$reply" || fail "$reply"
	stopped s
	[ "$(flows --state established)" = "[]" ] || fail "$(flows)"
	[ "$(flows --eni "$P-a1")" = "[]" ] || fail "$(flows --eni "$P-a1")"
	flows --state cut | jq -e 'length == 1 and .[0].state == "cut"' || fail "$(flows --state cut)"
	# nor is it told as one that could still be cut
	ctl -o json flow cut --eni "$P-a1" --protocol tcp --port 7000 --dry-run | jq -e '.cut_flows_total == 0 and .cut_flows == []'
	# another port: a late packet of the first stream would bring it back, if it were allowed again
	serve "$P-b1" --tcp 7001
	ctl sg authorize "$P-b-sg" ingress tcp 7001 --cidr 10.1.0.0/16 >/dev/null
	FLOWS_PORT=7001
	for end in a b; do
		stream "$P-a1" "$end" tcp-echo "$B" 7001
		port=$(flows --state established | jq '.[0].src_port')
		reply=$(ctl -o json flow cut --eni "$P-${end}1" --protocol tcp --port "$port")
		jq -e '.cut_flows_total == 1 and (.cut_flows | length == 1)' <<<"$reply" || fail "$reply"
		stopped "$end"
		[ "$(flows --state established)" = "[]" ] || fail "$end: $(flows)"
		flows --state cut | jq -e --argjson port "$port" 'map(select(.src_port == $port)) | length == 1' || fail "$(flows --state cut)"
	done
	# one change ends it at both ends; those that were cut before are no longer told
	stream "$P-a1" last tcp-echo "$B" 7001
	reply=$(ctl -o json peering delete "$P-ab")
	jq -e '.cut_flows_total == 1 and (.cut_flows | length == 1)' <<<"$reply" || fail "$reply"
	stopped last
	verify_clean
}
