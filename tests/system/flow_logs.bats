#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # fields of a flow log's format
# Flow logs: AWS's format, by a parser of it; what was accepted and rejected, exactly once; nothing lost in silence.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	world prod
}

teardown_file()
{
	vpcd_purge
}

setup()
{
	P=t$BATS_TEST_NUMBER
	ctl sg create "$P-a" --vpc prod >/dev/null
	ctl sg create "$P-b" --vpc prod >/dev/null
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 >/dev/null
	ctl sg authorize "$P-b" ingress icmp all --cidr 0.0.0.0/0 >/dev/null
	workload_add "$P-a" prod-app --sg "$P-a"
	workload_add "$P-b" prod-app --sg "$P-b"
	serve "$P-b" --tcp 7000
	A=$(ip_of "$P-a") B=$(ip_of "$P-b")
	ENI_A=$(eni_field "$P-a" id) ENI_B=$(eni_field "$P-b" id)
}

# log_new OPTION…: makes a flow log. $LOG is its id, $FILE its file.
log_new()
{
	LOG=$(ctl -o id flow-log create "$@")
	FILE=$(ctl -o json flow-log show "$LOG" | jq -r .file)
}

# records FILTER: some parsed record of $FILE fits the jq condition.
records()
{
	[ -e "$FILE" ] && "$TOOLS/aws-flow-log" <"$FILE" | jq -es "any(.[]; $1)" >/dev/null
}

# total FILTER FIELD: the sum of a field over the records that fit.
total()
{
	"$TOOLS/aws-flow-log" <"$FILE" | jq -s "map(select($1) | .$2) | add // 0"
}

@test "accepted traffic is in AWS's format, by both interfaces and directions, with every packet" {
	local before after
	log_new --vpc prod --interval 1
	before=$(ctl -o json eni show "$P-b" | jq .counters.rx_packets)
	can "$P-a" tcp "$B" 7000
	pings "$P-a" "$B"
	after=$(ctl -o json eni show "$P-b" | jq .counters.rx_packets)
	wait_for 20 records ".\"interface-id\" == \"$ENI_B\" and .srcaddr == \"$A\" and .protocol == 1"
	for eni in "$ENI_A" "$ENI_B"; do
		records ".\"interface-id\" == \"$eni\" and .srcaddr == \"$A\" and .dstport == 7000 and .action == \"ACCEPT\""
		records ".\"interface-id\" == \"$eni\" and .dstaddr == \"$A\" and .srcport == 7000 and .action == \"ACCEPT\""
	done
	[ "$(total ".\"interface-id\" == \"$ENI_B\" and .dstaddr == \"$B\" and .action == \"ACCEPT\"" packets)" -eq $((after - before)) ]
	wait_for 20 records ".\"interface-id\" == \"$ENI_A\" and .\"log-status\" == \"NODATA\""
	ctl flow-log delete "$LOG" >/dev/null
	[ ! -e "$FILE" ] || wait_for 10 eval "[ ! -e '$FILE' ]"
}

@test "rejected traffic has its reason, and --traffic says what is logged" {
	log_new --eni "$P-b" --traffic reject --interval 1 --format json
	cannot "$P-a" tcp "$B" 7001
	can "$P-a" tcp "$B" 7000
	wait_for 20 eval "jq -es 'any(.[]; .action == \"REJECT\" and .dstport == 7001)' '$FILE' >/dev/null 2>&1"
	jq -es --arg eni "$ENI_B" 'map(select(.dstport == 7001 or .action == "ACCEPT")) | all(.action == "REJECT" and .["interface-id"] == $eni and
		.["drop-reason"] == "no_ingress_rule" and .["flow-direction"] == "ingress" and .packets >= 1)' "$FILE"
	ctl flow-log delete "$LOG" >/dev/null
}

@test "a format has any fields; rules are named" {
	local rule
	rule=$(ctl -o json sg show "$P-b" | jq -r '.rules[] | select(.from_port == 7000) | .id')
	log_new --subnet prod-app --vpc prod --interval 1 --format '${srcaddr} ${dstport} ${rule-id} ${flow-direction} ${vpc-id} ${tcp-flags}'
	can "$P-a" tcp "$B" 7000
	wait_for 20 grep -E "^$A 7000 $rule ingress vpc-[0-9a-f]{17} [0-9]+\$" "$FILE"
	refused InvalidParameterValue flow-log create --vpc prod --format '${srcaddr} ${nonsense}'
	refused InvalidParameterValue flow-log create --vpc prod --interval 601
	refused InvalidVpcID.NotFound flow-log create --vpc nonsense
	misused flow-log create
	ctl flow-log delete "$LOG" >/dev/null
}

@test "every field of AWS's versions 2 to 5, and by what a packet leaves its VPC" {
	local v=$P-v fields field format='' peer
	fields='version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status vpc-id
		subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type sublocation-id pkt-src-aws-service
		pkt-dst-aws-service flow-direction traffic-path'
	for field in $fields; do
		format+="\${$field} "
	done
	edge_vpc "$v" --internet
	edge_gate "$v"
	sg_open "$P-open" "$v"
	workload_add "$P-igw" "$v-app" --sg "$P-open"
	workload_add "$P-nat" "$v-db" --sg "$P-open"
	eip_for "$P-igw" "$P-eip" >/dev/null
	ctl vpc create "$P-w" --cidr 10.60.0.0/16 >/dev/null
	ctl subnet create "$P-w-app" --vpc "$P-w" --cidr 10.60.1.0/24 >/dev/null
	sg_open "$P-w-open" "$P-w"
	workload_add "$P-peer" "$P-w-app" --sg "$P-w-open"
	ctl peering create "$P-pcx" --vpc "$v" --peer-vpc "$P-w" >/dev/null
	ctl peering accept "$P-pcx" >/dev/null
	ctl route add "$v-public" 10.60.0.0/16 "$P-pcx" --vpc "$v" >/dev/null
	ctl route add main 10.50.0.0/16 "$P-pcx" --vpc "$P-w" >/dev/null
	serve outside --tcp 7000
	serve "$P-peer" --tcp 7000
	serve "$P-nat" --tcp 7000
	peer=$(ip_of "$P-peer")
	log_new --vpc "$v" --interval 1 --format "${format% }"
	can "$P-igw" tcp "$OUTSIDE" 7000
	can "$P-nat" tcp "$OUTSIDE" 7000
	can "$P-igw" tcp "$peer" 7000
	can "$P-igw" tcp "$(ip_of "$P-nat")" 7000
	# took FROM TO PATH: egress by this path, and nothing else of these two
	took()
	{
		"$TOOLS/aws-flow-log" "$format" <"$FILE" | jq -es --arg from "$(ip_of "$1")" --arg to "$2" --arg path "$3" 'map(select(.srcaddr == $from and
			.dstaddr == $to and .["flow-direction"] == "egress" and .dstport == 7000)) | length > 0 and all(.["traffic-path"] == $path)' >/dev/null
	}
	wait_for 20 took "$P-igw" "$(ip_of "$P-nat")" 1
	wait_for 20 took "$P-igw" "$OUTSIDE" 8
	wait_for 20 took "$P-nat" "$OUTSIDE" 1
	wait_for 20 took "$P-igw" "$peer" 4
	"$TOOLS/aws-flow-log" "$format" <"$FILE" | jq -es 'any(.[]; .["flow-direction"] == "ingress") and all(.[]; .["flow-direction"] != "ingress" or
		.["traffic-path"] == "-") and all(.[]; .region == "-" and .["instance-id"] == "-" and .["pkt-src-aws-service"] == "-")'
	ctl flow-log delete "$LOG" >/dev/null
}

@test "tail streams records, and ends when the flow log is deleted" {
	log_new "$P-named" --eni "$P-b" --interval 1
	"$VPCCTL" flow-log tail "$P-named" >"$BATS_TEST_TMPDIR/tail" 2>&1 3>&- &
	local tail=$!
	tail_has() { "$TOOLS/aws-flow-log" <"$BATS_TEST_TMPDIR/tail" 2>/dev/null | jq -es "any(.[]; $1)" >/dev/null; }
	wait_for 20 tail_has '."log-status" == "NODATA"'
	can "$P-a" tcp "$B" 7000
	wait_for 20 tail_has '.dstport == 7000 and .action == "ACCEPT"'
	ctl flow-log list | grep "$P-named"
	ctl flow-log delete "$P-named" >/dev/null
	run -3 wait "$tail"
	grep -q 'ended the stream' "$BATS_TEST_TMPDIR/tail"
}

@test "after a restart what nobody counted is SKIPDATA, and what was counted before it is written" {
	log_new --eni "$P-b" --interval 600
	can "$P-a" tcp "$B" 7000
	vpcd_restart
	records ".dstport == 7000 and .action == \"ACCEPT\""
	ctl -o json flow-log show "$LOG" | jq -c . | "$TOOLS/described" "$VPCD_SOCKET" FlowLog
	vpcd_restart
	records ".\"interface-id\" == \"$ENI_B\" and .\"log-status\" == \"SKIPDATA\""
	ctl detach "$P-b" >/dev/null
	refused InvalidFlowLogId.NotFound flow-log show "$LOG"
}
