#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Prefix lists as destinations of routes: an entry leads traffic to the route's target from the moment of the reply, and a flow that
# loses its way with an entry ends.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

# VPC $P with a NAT gateway $P-out, and a route to the list $P by it. $P-a may do everything.
setup()
{
	P=t$BATS_TEST_NUMBER
	edge_vpc "$P"
	ctl nat create "$P-out" --vpc "$P" >/dev/null
	ctl prefix-list create "$P" --max-entries 10 >/dev/null
	ctl route add main --prefix-list "$P" "$P-out" --vpc "$P" >/dev/null
	workload_add "$P-a" "$P-app"
	serve outside --tcp 7000 --udp 7000
}

# heard LOG T: something came after that time.
heard()
{
	[ "$(log_after "$1" "$2")" -gt 0 ]
}

@test "an entry leads out at once; removed, what it led out ends in both directions, and nothing else does" {
	local reply t
	ctl route add main 198.18.0.7/32 "$P-out" --vpc "$P"
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	[ "$(drops_of "$P-a" no_route)" -gt 0 ]
	ctl prefix-list add "$P" "$OUTSIDE/32"
	can "$P-a" tcp "$OUTSIDE" 7000
	stream "$P-a" out udp-echo "$OUTSIDE" 7000
	stream "$P-a" in tcp-recv "$OUTSIDE" 7000
	stream "$P-a" other tcp-recv 198.18.0.7 7000
	reply=$(ctl -o json prefix-list remove "$P" "$OUTSIDE/32")
	t=$(now_ns)
	jq -e '.cut_flows_total >= 2 and (.cut_flows | any(.dst_port == 7000))' <<<"$reply"
	sleep 1.2
	log_stops "$(stream_log out)" "$t"
	log_stops "$(stream_log in)" "$t"
	wait_for 20 heard "$(stream_log other)" "$t"
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	verify_clean
}

@test "--flows keep spares no flow whose route goes with the entry" {
	local t
	ctl prefix-list add "$P" "$OUTSIDE/32"
	stream "$P-a" out udp-echo "$OUTSIDE" 7000
	ctl prefix-list remove "$P" "$OUTSIDE/32" --flows keep
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log out)" "$t"
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	verify_clean
}

@test "a dry run tells which flows would be cut, and cuts none" {
	local reply t
	ctl prefix-list add "$P" "$OUTSIDE/32"
	stream "$P-a" out udp-echo "$OUTSIDE" 7000
	reply=$(ctl -o json prefix-list remove "$P" "$OUTSIDE/32" --dry-run)
	t=$(now_ns)
	jq -e '.cut_flows_total == 1' <<<"$reply"
	wait_for 20 heard "$(stream_log out)" "$t"
	[ "$(stream_end out | jq .lost)" -eq 0 ]
}

@test "the longest prefix wins; of the same prefix a route to the CIDR, then the list whose route was added first" {
	ctl prefix-list add "$P" 198.18.0.0/24
	can "$P-a" tcp "$OUTSIDE" 7000
	ctl route add main "$OUTSIDE/32" blackhole --vpc "$P"
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	can "$P-a" tcp 198.18.0.7 7000
	ctl route delete main "$OUTSIDE/32" --vpc "$P"
	can "$P-a" tcp "$OUTSIDE" 7000
	ctl route add main 198.18.0.0/24 blackhole --vpc "$P"
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	ctl route delete main 198.18.0.0/24 --vpc "$P"
	ctl prefix-list create "$P-late" --max-entries 2 >/dev/null
	ctl prefix-list add "$P-late" 198.18.0.0/24 "$OUTSIDE/32"
	ctl route add main --prefix-list "$P-late" blackhole --vpc "$P"
	can "$P-a" tcp 198.18.0.7 7000
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	ctl prefix-list remove "$P" 198.18.0.0/24
	unanswered "$P-a" tcp 198.18.0.7 7000
	verify_clean
}

@test "IPv6: a list by an egress-only internet gateway" {
	ctl eigw create "$P-six" --vpc "$P" >/dev/null
	ctl prefix-list create "$P-6" --family 6 --max-entries 2 >/dev/null
	ctl route add main --prefix-list "$P-6" "$P-six" --vpc "$P"
	unanswered "$P-a" tcp "$OUTSIDE6" 7000
	ctl prefix-list add "$P-6" 2001:db8:18::/64
	can "$P-a" tcp "$OUTSIDE6" 7000
	ctl prefix-list remove "$P-6" 2001:db8:18::/64
	unanswered "$P-a" tcp "$OUTSIDE6" 7000
}

@test "restore gives the routes of an earlier version" {
	ctl prefix-list add "$P" "$OUTSIDE/32"
	ctl prefix-list remove "$P" "$OUTSIDE/32"
	ctl prefix-list restore "$P" 2
	can "$P-a" tcp "$OUTSIDE" 7000
	ctl prefix-list restore "$P" 1
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	verify_clean
}

@test "P3: one transaction takes an entry from one list to another, and a route from a list to the CIDR: no packet is lost" {
	local t
	ctl prefix-list create "$P-other" --max-entries 2 >/dev/null
	ctl route add main --prefix-list "$P-other" "$P-out" --vpc "$P"
	ctl prefix-list add "$P" "$OUTSIDE/32"
	stream "$P-a" out udp-echo "$OUTSIDE" 7000
	api_is 200 POST /v1/transactions "{\"changes\": [
		{\"op\": \"prefix-list.remove\", \"prefix_list_id\": \"$P\", \"entries\": [{\"cidr\": \"$OUTSIDE/32\"}]},
		{\"op\": \"prefix-list.add\", \"prefix_list_id\": \"$P-other\", \"entries\": [{\"cidr\": \"$OUTSIDE/32\"}]}]}"
	api_is 200 POST /v1/transactions "{\"changes\": [
		{\"op\": \"route.delete\", \"vpc\": \"$P\", \"route_table_id\": \"main\", \"destination_prefix_list_id\": \"$P-other\"},
		{\"op\": \"route.add\", \"vpc\": \"$P\", \"route_table_id\": \"main\", \"destination\": \"$OUTSIDE/32\",
		 \"target\": \"$P-out\"}]}"
	t=$(now_ns)
	wait_for 20 heard "$(stream_log out)" "$t"
	[ "$(stream_end out | jq .lost)" -eq 0 ]
	verify_clean
}

@test "P6: a killed vpcd finds the route, its list and their order again, and no packet is lost meanwhile" {
	local t
	ctl prefix-list create "$P-late" --max-entries 2 >/dev/null
	ctl prefix-list add "$P-late" 198.18.0.0/24
	ctl route add main --prefix-list "$P-late" blackhole --vpc "$P"
	ctl prefix-list add "$P" 198.18.0.0/24
	stream "$P-a" out udp-echo "$OUTSIDE" 7000
	vpcd_restart KILL
	t=$(now_ns)
	verify_clean
	wait_for 20 heard "$(stream_log out)" "$t"
	[ "$(stream_end out | jq .lost)" -eq 0 ]
	can "$P-a" tcp "$OUTSIDE" 7000
	ctl prefix-list remove "$P" 198.18.0.0/24
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	[ "$(drops_of "$P-a" blackhole)" -gt 0 ]
}

@test "two VPCs with one list: each leads where its own table says, and neither table changes the other's" {
	edge_vpc_like "$P-w"
	workload_add "$P-w-a" "$P-w-app"
	ctl prefix-list add "$P" "$OUTSIDE/32"
	can "$P-a" tcp "$OUTSIDE" 7000
	unanswered "$P-w-a" tcp "$OUTSIDE" 7000
	[ "$(drops_of "$P-w-a" no_route)" -gt 0 ]
	refused InvalidGatewayID.NotFound route add main --prefix-list "$P" "$P-out" --vpc "$P-w"
	ctl route add main --prefix-list "$P" blackhole --vpc "$P-w"
	can "$P-a" tcp "$OUTSIDE" 7000
	unanswered "$P-w-a" tcp "$OUTSIDE" 7000
	ctl route delete main --prefix-list "$P" --vpc "$P-w"
	can "$P-a" tcp "$OUTSIDE" 7000
	verify_clean
}

# edge_vpc_like NAME: a second VPC of the test, with the same IPv4 addresses.
edge_vpc_like()
{
	ctl vpc create "$1" --cidr 10.50.0.0/16 >/dev/null
	ctl subnet create "$1-app" --vpc "$1" --cidr 10.50.1.0/24 >/dev/null
}

@test "what is shown, and what is refused" {
	local id
	id=$(ctl -o json prefix-list show "$P" | jq -r .id)
	ctl route-table show main --vpc "$P" | grep -q "^$P ($id) *$P-out (nat-"
	ctl -o json route-table show main --vpc "$P" | jq -e --arg id "$id" '.routes[] | select(.destination_prefix_list_id == $id) |
		.destination == $id and .target_kind == "nat" and .state == "active"'
	refused RouteAlreadyExists route add main "$id" blackhole --vpc "$P"
	refused DependencyViolation prefix-list delete "$P"
	refused InvalidPrefixListID.NotFound route add main --prefix-list nobody "$P-out" --vpc "$P"
	refused InvalidParameterValue prefix-list add "$P" 203.0.113.0/24 10.50.9.0/24
	refused InvalidParameterValue prefix-list add "$P" 169.254.169.254/32
	refused ResourceLimitExceeded prefix-list set "$P" --max-entries 1001
	ctl prefix-list create "$P-big" --max-entries 991 >/dev/null
	refused ResourceLimitExceeded route add main --prefix-list "$P-big" blackhole --vpc "$P"
	[ "$(ctl -o json prefix-list show "$P" | jq -c '[.version, .entry_count]')" = '[1,0]' ]
	ctl route delete main "$P" --vpc "$P"
	refused InvalidRoute.NotFound route delete main --prefix-list "$P" --vpc "$P"
	ctl prefix-list delete "$P"
	verify_clean
}

# The median of enforced_ns of 11 additions.
cost_of_entry()
{
	local i
	for i in $(seq 11); do
		ctl -o json prefix-list add "$1" "203.0.$i.0/24" | jq .enforced_ns
		ctl prefix-list remove "$1" "203.0.$i.0/24" >/dev/null
	done | sort -n | sed -n 6p
}

@test "an entry is in force in a hundred tables at the same moment" {
	local one many
	one=$(cost_of_entry "$P")
	api_is 200 POST /v1/transactions "$(jq -cn --arg p "$P" '{changes: [range(99) | . as $i |
		{op: "route-table.create", vpc_id: $p, name: "\($p)-\($i)"},
		{op: "route.add", vpc: $p, route_table_id: "$\($i * 2).id", destination_prefix_list_id: $p, target: "\($p)-out"}]}')" >/dev/null
	many=$(cost_of_entry "$P")
	echo "ns until an added entry is in force: one table $one, a hundred $many"
	ctl prefix-list add "$P" "$OUTSIDE/32"
	verify_clean
	ctl route-table associate "$P-42" "$P-app" --vpc "$P"
	can "$P-a" tcp "$OUTSIDE" 7000
	ctl prefix-list remove "$P" "$OUTSIDE/32"
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	[ "$many" -lt $((one * 100)) ]
}
