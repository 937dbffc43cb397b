#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What gateways and peerings let through, each way: in show and list, /metrics and top.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	edge_pair
}

# counters KIND NAME: "rx_packets rx_bytes tx_packets tx_bytes".
counters()
{
	ctl -o json "$1" show "${@:2}" | jq -r '.counters | "\(.rx_packets) \(.rx_bytes) \(.tx_packets) \(.tx_bytes)"'
}

# Runs a UDP stream of workload $1 to the world for a second, so that most of its packets take the fast path.
talk()
{
	stream "$1" talk udp-echo "$2" 7000
	sleep 1
	[ "$(stream_end talk | jq .lost)" -eq 0 ]
}

@test "a NAT gateway has what its workload sent to the world and got back, on the fast path too" {
	local eni nat
	serve outside --tcp 7000 --udp 7000
	can n tcp "$OUTSIDE" 7000
	talk n "$OUTSIDE"
	eni=$(counters eni n)
	nat=$(counters nat internet --vpc v)
	[ "${nat%% *}" -gt 50 ] || fail "$nat"
	[ "$eni" = "$nat" ] || fail "the network interface: $eni; its gateway: $nat"
	ctl -o json nat show internet --vpc v | jq -c . | "$TOOLS/described" "$VPCD_SOCKET" NatGateway
	ctl nat show internet --vpc v | grep -E '^received +[1-9]'
	ctl -o json nat list | jq -e 'any(.[]; .counters.tx_bytes > 0)'
	[ "$(counters igw v-gate)" = "0 0 0 0" ]
	[ "$(counters eigw internet --vpc v)" = "0 0 0 0" ]
}

@test "an internet gateway has what elastic IPs sent and received; IPv6 by an egress-only one counts there" {
	local eni igw eigw before
	serve outside --tcp 7000 --udp 7000
	serve a --tcp 7000
	can outside tcp "$(eip_for a x)" 7000
	talk a "$OUTSIDE"
	igw=$(counters igw v-gate)
	eni=$(counters eni a)
	[ "$igw" = "$eni" ] || fail "the network interface: $eni; its gateway: $igw"
	before=$(counters nat internet --vpc v)
	can n tcp "$OUTSIDE6" 7000
	eigw=$(counters eigw internet --vpc v)
	[ "${eigw%% *}" -gt 2 ] || fail "$eigw"
	[ "$(counters nat internet --vpc v)" = "$before" ]
	# detached and attached again, it begins anew
	ctl eip disassociate x >/dev/null
	ctl igw detach v-gate >/dev/null
	[ "$(counters igw v-gate)" = "0 0 0 0" ]
	ctl igw attach v-gate v >/dev/null
	[ "$(counters igw v-gate)" = "0 0 0 0" ]
}

@test "what no gateway takes isn't counted; what the receiver's groups refuse was let through by its gateway" {
	local before after
	serve outside --udp 7000
	before=$(counters nat internet --vpc v)
	cannot outside udp "$HOST" 7999
	[ "$(counters nat internet --vpc v)" = "$before" ]
	eip_for a "$P-x" >"$BATS_TEST_TMPDIR/eip"
	sg_new "$P-closed" v
	ctl eni set a --sg "$P-closed" >/dev/null
	before=$(counters igw v-gate)
	cannot outside udp "$(cat "$BATS_TEST_TMPDIR/eip")" 7000
	after=$(counters igw v-gate)
	ctl eni set a --sg open >/dev/null
	ctl eip disassociate "$P-x" >/dev/null
	[ "${after%% *}" -gt "${before%% *}" ]
}

@test "the counters outlive vpcd, killed or not, and a new gateway of the same number has none of them" {
	local before number
	serve outside --tcp 7000 --udp 7000
	ctl nat create "$P-n" --vpc v >/dev/null
	ctl route replace main 0.0.0.0/0 "$P-n" --vpc v >/dev/null
	can n tcp "$OUTSIDE" 7000
	before=$(counters nat "$P-n" --vpc v)
	[ "${before%% *}" -gt 2 ]
	number=$(ctl -o json nat show "$P-n" --vpc v | jq .number)
	vpcd_restart KILL
	[ "$(counters nat "$P-n" --vpc v)" = "$before" ]
	vpcd_restart
	[ "$(counters nat "$P-n" --vpc v)" = "$before" ]
	ctl route replace main 0.0.0.0/0 internet --vpc v >/dev/null
	ctl nat delete "$P-n" --vpc v >/dev/null
	ctl nat create "$P-m" --vpc v >/dev/null
	if [ "$(ctl -o json nat show "$P-m" --vpc v | jq .number)" -eq "$number" ]; then
		[ "$(counters nat "$P-m" --vpc v)" = "0 0 0 0" ]
	fi
	ctl nat delete "$P-m" --vpc v >/dev/null
}

@test "a peering has each direction, as the VPC that asked for it sees it" {
	local asks peering
	ctl vpc create "$P-w" --cidr 10.70.0.0/16 >/dev/null
	ctl subnet create "$P-w-app" --vpc "$P-w" --cidr 10.70.1.0/24 >/dev/null
	ctl sg create "$P-w-sg" --vpc "$P-w" >/dev/null
	ctl sg authorize "$P-w-sg" ingress all --cidr 0.0.0.0/0 >/dev/null
	workload_add "$P-w1" "$P-w-app" --sg "$P-w-sg"
	ctl peering create "$P-pcx" --vpc "$P-w" --peer-vpc v >/dev/null
	[ "$(counters peering "$P-pcx")" = "0 0 0 0" ]
	ctl peering accept "$P-pcx" >/dev/null
	ctl route add main 10.50.0.0/16 "$P-pcx" --vpc "$P-w" >/dev/null
	ctl route add main 10.70.0.0/16 "$P-pcx" --vpc v >/dev/null
	serve n --tcp 7000 --udp 7000
	talk "$P-w1" "$(ip_of n)"
	peering=$(counters peering "$P-pcx")
	asks=$(counters eni "$P-w1")
	[ "$peering" = "$asks" ] || fail "the network interface: $asks; the peering: $peering"
	vpcd_restart KILL
	talk "$P-w1" "$(ip_of n)"
	peering=$(counters peering "$P-pcx")
	[ "$peering" = "$(counters eni "$P-w1")" ] || fail "$peering"
	ctl -o json peering show "$P-pcx" | jq -c . | "$TOOLS/described" "$VPCD_SOCKET" Peering
	ctl peering delete "$P-pcx" >/dev/null
}

@test "promtool takes the gateways of /metrics; top lists those with the most bytes" {
	local metrics=$BATS_TEST_TMPDIR/metrics
	serve outside --tcp 7000
	can n tcp "$OUTSIDE" 7000
	curl -sf --unix-socket "$VPCD_SOCKET" http://vpcd/metrics >"$metrics"
	promtool check metrics <"$metrics"
	grep -E '^vpcd_gateway_transmit_bytes_total\{gateway="nat-[^"]*",name="internet",kind="nat",vpc="vpc-[^"]*"\} [1-9]' "$metrics"
	grep -E '^vpcd_gateway_receive_packets_total\{gateway="nat-[^"]*",name="internet",kind="nat",vpc="vpc-[^"]*"\} [1-9]' "$metrics"
	grep -x 'vpcd_gateway_left_out 0' "$metrics"
	ctl -o json top >"$BATS_TEST_TMPDIR/report"
	jq -c . "$BATS_TEST_TMPDIR/report" | "$TOOLS/described" "$VPCD_SOCKET" Traffic
	jq -e 'any(.gateways[]; .kind == "nat" and .name == "internet" and .vpc == "v" and .tx_bytes > 0)' "$BATS_TEST_TMPDIR/report"
	run -0 "$VPCCTL" top
	grep -E 'GATEWAY +VPC' <<<"$output"
	grep -E ' internet +v$' <<<"$output"
}
