#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Metering: what a VPC used in each hour, over restarts and kills of vpcd.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	edge_pair
}

# used VPC FILTER: of all that is kept of the VPC, by hour. Sums over hours: the clock may pass one meanwhile.
used()
{
	ctl -o json usage "$1" --by hour | jq "[.[] | $2] | add // 0"
}

# moved VPC: "what its ENIs received, sent, what came by gateways and went", in bytes.
moved()
{
	ctl -o json usage "$1" --by hour | jq -r '"\([.[].enis.rx_bytes] | add // 0) \([.[].enis.tx_bytes] | add // 0) \([.[].gateways.rx_bytes] | add // 0) \([.[].gateways.tx_bytes] | add // 0)"'
}

# counted VPC: the same by the counters of the VPC and its gateways.
counted()
{
	local vpc gateways
	vpc=$(ctl -o json vpc show "$1" | jq -r '"\(.counters.rx_bytes) \(.counters.tx_bytes)"')
	gateways=$({ ctl -o json nat list --vpc "$1"; ctl -o json igw list --vpc "$1"; ctl -o json eigw list --vpc "$1"; } |
		jq -rs 'add | "\([.[].counters.rx_bytes] | add) \([.[].counters.tx_bytes] | add)"')
	printf '%s %s\n' "$vpc" "$gateways"
}

@test "the running hour has what was counted until now, and is marked" {
	serve outside --tcp 7000 --udp 7000
	can n tcp "$OUTSIDE" 7000
	can a tcp "$(ip_of n)" 7001 || true
	[ "$(moved v)" = "$(counted v)" ] || fail "used $(moved v), counted $(counted v)"
	[ "$(used v .gateways.tx_bytes)" -gt 0 ]
	[ "$(used v .most_enis)" -ge 2 ]
	ctl -o json usage v --by hour | jq -e '.[-1].running and (.[-1].vpc == "v")'
	ctl usage v --by day | grep -E ' v +[0-9]+ .* running$'
	curl -sf --unix-socket "$VPCD_SOCKET" "http://vpcd/v1/usage?by=month" | jq -c . | "$TOOLS/described" "$VPCD_SOCKET" Usage
	refused InvalidVpcID.NotFound usage nobody
	misused usage --by week
	misused usage --since yesterday
	api_refused 400 InvalidParameterValue GET '/v1/usage?by=week'
}

@test "a kill of vpcd, and what passes while it is gone, are neither lost nor counted twice" {
	serve outside --tcp 7000 --udp 7000
	for _ in 1 2 3; do
		can n tcp "$OUTSIDE" 7000
		vpcd_stop KILL
		can n tcp "$OUTSIDE" 7000
		vpcd_start
		[ "$(moved v)" = "$(counted v)" ] || fail "used $(moved v), counted $(counted v)"
	done
	vpcd_restart
	[ "$(moved v)" = "$(counted v)" ] || fail "used $(moved v), counted $(counted v)"
}

@test "what a deleted network interface and gateway had counted stays, also after a kill right behind it" {
	local before after
	serve outside --tcp 7000 --udp 7000
	edge_vpc "$P" --internet
	workload_add "$P-x" "$P-app"
	can "$P-x" tcp "$OUTSIDE" 7000
	before=$(moved "$P")
	[ "${before##* }" -gt 0 ]
	ctl detach "$P-x" >/dev/null
	ctl nat delete internet --vpc "$P" >/dev/null
	vpcd_stop KILL
	vpcd_start
	after=$(moved "$P")
	[ "$after" = "$before" ] || fail "before: $before, after: $after"
}

@test "a network interface that ends while vpcd is away: vpcd deletes it at its start, and keeps what it had counted" {
	local before after
	serve outside --tcp 7000
	edge_vpc "$P" --internet
	workload_add "$P-x" "$P-app" --delete-on-termination
	can "$P-x" tcp "$OUTSIDE" 7000
	before=$(moved "$P")
	[ "${before##* }" -gt 0 ]
	vpcd_stop KILL
	ip netns del "$(netns_of "$P-x")"
	vpcd_start
	[ "$(ctl -o json eni list | jq --arg name "$P-x" "[.[] | select(.name == \$name)] | length")" -eq 0 ]
	after=$(moved "$P")
	[ "$after" = "$before" ] || fail "before: $before, after: $after"
}

@test "a VPC that is gone keeps its hours under its last name; a new VPC begins at 0" {
	local before id
	serve outside --tcp 7000 --udp 7000
	edge_vpc "$P" --internet
	id=$(ctl -o json vpc show "$P" | jq -r .id)
	workload_add "$P-x" "$P-app"
	can "$P-x" tcp "$OUTSIDE" 7000
	before=$(moved "$P")
	ctl detach "$P-x" >/dev/null
	ctl subnet delete "$P-app" "$P-db" >/dev/null
	ctl vpc delete "$P" >/dev/null
	vpcd_restart KILL
	[ "$(moved "$P")" = "$before" ] || fail "before: $before, after: $(moved "$P")"
	[ "$(moved "$id")" = "$before" ]
	ctl -o json usage "$id" --by hour | jq -e 'all(.[]; .running | not)'
	edge_vpc "$P" --internet
	[ "$(moved "$(ctl -o json vpc show "$P" | jq -r .id)")" = "0 0 0 0" ]
}

@test "a store that other vpcd wrote without metering: what was counted before isn't of this hour" {
	serve outside --tcp 7000
	can n tcp "$OUTSIDE" 7000
	vpcd_stop
	sqlite3 "$(dirname "$VPCD_SOCKET")/../state/state.db" "DELETE FROM meta WHERE key LIKE 'usage%'; DELETE FROM usage" 2>/dev/null ||
		skip "sqlite3 is missing"
	vpcd_start
	[ "$(moved v)" = "0 0 0 0" ] || fail "$(moved v)"
	can n tcp "$OUTSIDE" 7000
	[ "$(used v .gateways.tx_bytes)" -gt 0 ]
}
