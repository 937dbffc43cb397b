#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A thousand routes in a table, a thousand elastic IPs and a thousand published ports: each made by one transaction, there after a
# restart, and as `verify` wants them. Prints the times; the bound is for slow machines.
# shellcheck disable=SC2016 # "$i" is jq's

bats_require_minimum_version 1.5.0
load lib
load lib_edge

POOL=203.0.112.0/21
BOUND_MS=120000

setup_file()
{
	edge_start
	edge_pair
}

setup()
{
	serve outside --tcp 7000 --udp 7000
	serve a --tcp 7000
	serve n --tcp 7000
}

# timed NAME COMMAND…: prints how long it takes, and fails beyond the bound.
timed()
{
	local begin=$EPOCHREALTIME ms
	"${@:2}"
	ms=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }')
	echo "# $1: $ms ms" >&3
	[ "$ms" -lt "$BOUND_MS" ] || fail "$1: $ms ms"
}

# commit FILE: the changes in it are one transaction.
commit()
{
	api_is '20?' POST /v1/transactions "@$1" >/dev/null
}

changes()
{
	jq -nc "{changes: [$1]}" >"$BATS_TEST_TMPDIR/changes"
}

restarted()
{
	vpcd_stop
	timed "start" vpcd_start '[pool "public"]' "cidr=$POOL" "uplink=out0"
	verify_clean
}

@test "1,000 routes in a table" {
	local t
	ctl route-table create many --vpc v >/dev/null
	t=$(ctl -o json route-table show many --vpc v | jq -r .id)
	changes 'range(999) | {op: "route.add", route_table_id: "'"$t"'", destination: "100.\(64 + (. / 256 | floor)).\(. % 256).0/24", target: "blackhole"}'
	timed "999 routes" commit "$BATS_TEST_TMPDIR/changes"
	ctl route add many 0.0.0.0/0 internet --vpc v >/dev/null
	refused ResourceLimitExceeded route add many 192.0.2.0/24 internet --vpc v
	timed "a subnet gets the table" ctl route-table associate many v-db --vpc v
	stream n out udp-echo "$OUTSIDE" 7000
	cannot n tcp 100.67.230.1 7000
	[ "$(drops_of n blackhole)" -gt 0 ]
	restarted
	[ "$(ctl -o json route-table show many --vpc v | jq '[.routes[] | select(.target_kind != "local")] | length')" -eq 1000 ]
	[ "$(stream_end out | jq .lost)" -eq 0 ] || fail "the restart lost packets"
	changes 'range(999) | {op: "route.delete", route_table_id: "'"$t"'", destination: "100.\(64 + (. / 256 | floor)).\(. % 256).0/24"}'
	timed "999 routes deleted" commit "$BATS_TEST_TMPDIR/changes"
	can n tcp "$OUTSIDE" 7000
	verify_clean
}

@test "1,000 elastic IPs" {
	local x
	ctl subnet create wide --vpc v --cidr 10.50.16.0/20 >/dev/null
	ctl route-table associate v-public wide --vpc v >/dev/null
	changes 'range(20) | . as $i | {op: "eni.create", name: "e\($i)", subnet_id: "wide", security_groups: ["open"],
		ip: "10.50.\(16 + ($i / 4 | floor)).\(10 + 50 * ($i % 4))",
		secondary_ips: [range(1; 50) | "10.50.\(16 + ($i / 4 | floor)).\(10 + 50 * ($i % 4) + .)"]}'
	commit "$BATS_TEST_TMPDIR/changes"
	changes '(range(1000) | {op: "eip.allocate", name: "x\(.)"}), (range(1000) | . as $k | ($k / 50 | floor) as $i | {op: "eip.associate",
		elastic_ip_id: "$\($k).id", eni_id: "e\($i)",
		private_ip: "10.50.\(16 + ($i / 4 | floor)).\(10 + 50 * ($i % 4) + $k % 50)"})'
	timed "1,000 elastic IPs" commit "$BATS_TEST_TMPDIR/changes"
	netns_add e19
	ctl eni attach e19 --netns "$(netns_of e19)" >/dev/null
	wait_for 5 addresses_ready e19
	serve e19 --tcp 7000
	x=$(ctl -o json eip show x999 | jq -r .address)
	can outside tcp "$x" 7000
	stream outside in tcp-recv "$x" 7000
	restarted
	[ "$(ctl -o json eip list | jq '[.[] | select(.private_ip != null)] | length')" -eq 1000 ]
	can outside tcp "$x" 7000
	changes '(range(1000) | {op: "eip.disassociate", elastic_ip_id: "x\(.)"}), (range(1000) | {op: "eip.release", elastic_ip_id: "x\(.)"})'
	timed "1,000 elastic IPs released" commit "$BATS_TEST_TMPDIR/changes"
	cannot outside tcp "$x" 7000
	verify_clean
}

@test "1,000 published ports" {
	changes 'range(1000) | {op: "publish.create", name: "p\(.)", eni_id: "n", from_port: 7000, host_from_port: (10000 + .)}'
	timed "1,000 published ports" commit "$BATS_TEST_TMPDIR/changes"
	can outside tcp "$HOST" 10000
	can outside tcp "$HOST" 10777
	can host tcp 127.0.0.1 10999
	restarted
	can outside tcp "$HOST" 10999
	can host tcp 127.0.0.1 10500
	changes 'range(1000) | {op: "publish.delete", publication_id: "p\(.)"}'
	timed "1,000 published ports deleted" commit "$BATS_TEST_TMPDIR/changes"
	cannot outside tcp "$HOST" 10777
	verify_clean
}
