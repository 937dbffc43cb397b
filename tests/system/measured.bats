#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Measured service: what VPCs, network interfaces and rules received and sent, in show, /metrics and top.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	pair
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 >/dev/null
	serve "$P-b" --tcp 7000
}

# counter KIND NAME FIELD: what show says of it.
counter()
{
	ctl -o json "$1" show "$2" | jq ".counters.$3"
}

@test "a VPC has what its network interfaces have, and keeps it when they are gone" {
	local before sent received
	before=$(counter vpc prod tx_bytes)
	can "$P-a" tcp "$B" 7000
	sent=$(counter vpc prod tx_bytes)
	received=$(counter eni "$P-b" rx_bytes)
	[ "$received" -gt 0 ]
	[ "$sent" -ge $((before + received)) ]
	ctl detach "$P-a" >/dev/null
	[ "$(counter vpc prod tx_bytes)" -ge "$sent" ]
	ctl attach "$P-a" --subnet prod-app --netns "$(netns_of "$P-a")" --sg "$P-a" >/dev/null
	[ "$(counter vpc prod tx_bytes)" -ge "$sent" ]
	ctl -o json vpc show prod | jq -c . | "$TOOLS/described" "$VPCD_SOCKET" Vpc
	ctl vpc show prod | grep -E '^sent +[1-9]'
}

@test "the report has VPCs, network interfaces and rules as it is described" {
	can "$P-a" tcp "$B" 7000
	ctl -o json top >"$BATS_TEST_TMPDIR/report"
	jq -c . "$BATS_TEST_TMPDIR/report" | "$TOOLS/described" "$VPCD_SOCKET" Traffic
	jq -e --arg b "$P-b" 'any(.enis[]; .name == $b and .rx_bytes > 0 and .vpc == "prod")' "$BATS_TEST_TMPDIR/report"
	jq -e --arg b "$P-b" 'any(.rules[]; .security_group == $b and .direction == "ingress" and .packets > 0)' \
		"$BATS_TEST_TMPDIR/report"
}

@test "promtool takes /metrics, with names that need escaping, and they count up" {
	local metrics=$BATS_TEST_TMPDIR/metrics
	ctl vpc create "$P \"quoted\" \\ name" --cidr 10.99.0.0/16 >/dev/null
	can "$P-a" tcp "$B" 7000
	curl -sf --unix-socket "$VPCD_SOCKET" http://vpcd/metrics >"$metrics"
	promtool check metrics <"$metrics"
	grep -F "name=\"$P \\\"quoted\\\" \\\\ name\"} 0" "$metrics"
	grep -E "^vpcd_eni_receive_packets_total\{eni=\"[^\"]*\",name=\"$P-b\",[^}]*\} [1-9]" "$metrics"
	grep -E '^vpcd_rule_allowed_packets_total\{.*\} [1-9]' "$metrics"
	ctl vpc delete "$P \"quoted\" \\ name" >/dev/null
}

@test "top prints one table where there is no terminal, with the rows that -n says" {
	can "$P-a" tcp "$B" 7000
	run -0 "$VPCCTL" top -n 1
	[ "$(grep -c 'IN BYTES' <<<"$output")" -eq 2 ]
	[ "${#lines[@]}" -eq 6 ]
	run -0 "$VPCCTL" top --interval 0.1
	[ "$(grep -c 'IN B/s' <<<"$output")" -eq 2 ]
	run -2 "$VPCCTL" top --interval 0
	run -2 "$VPCCTL" top -n 0
}

@test "top draws on a terminal, and gives it back at q and at SIGTERM" {
	local screen=$BATS_TEST_TMPDIR/screen begin=$'\033[?1049h' end=$'\033[?1049l'
	{
		wait_for 20 grep -q 'IN B/s' "$screen"
		printf q
		sleep 1
	} | script -qefc "stty rows 30 cols 100; '$VPCCTL' top --interval 0.2; stty -a" "$screen" >/dev/null
	grep -qF "$begin" "$screen"
	grep -qF "$end" "$screen"
	grep -q ' icanon' "$screen"
	grep -q ' echo ' "$screen"
	script -qefc "timeout --foreground -s TERM 2 '$VPCCTL' top --interval 0.2; stty -a" "$screen" >/dev/null </dev/null
	grep -q ' icanon' "$screen"
}
