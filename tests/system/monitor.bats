#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every drop has a reason, every accept the rule that allowed it: promise P9.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	pair
	serve "$P-b" --tcp 7000 --udp 7000
	SEEN=$BATS_TEST_TMPDIR/seen
}

# monitor OPTION…: in the background, into $SEEN.
monitor()
{
	"$VPCCTL" -o json monitor "$@" >"$SEEN" 2>&1 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/background"
	sleep 0.5
}

# seen FILTER: some object in $SEEN fits the jq condition.
seen()
{
	jq -es "any(.[]; $1)" "$SEEN" >/dev/null
}

@test "P9: a drop is shown with its reason and the names of both ENIs" {
	monitor --drops
	cannot "$P-a" tcp "$B" 7000
	wait_for 5 seen ".event == \"drop\" and .reason == \"no_ingress_rule\" and (.eni == \"$P-b\" or .peer_eni == \"$P-b\")"
	seen ".event == \"drop\" and .dst == \"$B\" and .dst_port == 7000 and .protocol == \"tcp\""
	jq -c . "$SEEN" | "$TOOLS/described" "$VPCD_SOCKET" Verdict
}

@test "P9: a flow opened is shown with the rules that allowed each side" {
	local ingress egress
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	ingress=$(ctl -o json sg show "$P-b" | jq -r '.rules[] | select(.direction == "ingress") | .id')
	egress=$(ctl -o json sg show "$P-a" | jq -r '.rules[] | select(.direction == "egress" and .cidr == "0.0.0.0/0") | .id')
	monitor
	can "$P-a" tcp "$B" 7000
	wait_for 5 seen ".event == \"open\" and (.rule_ids | index(\"$ingress\")) and (.rule_ids | index(\"$egress\"))"
}

@test "P9: a flow cut is shown, and one judged again" {
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	ctl sg authorize "$P-b" ingress udp 7000 --cidr 0.0.0.0/0
	stream "$P-a" t tcp-echo "$B" 7000
	stream "$P-a" u udp-echo "$B" 7000
	monitor
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	wait_for 5 seen '.event == "cut" and .protocol == "tcp"'
	wait_for 5 seen '.event == "rejudge" and .protocol == "udp"'
	jq -c . "$SEEN" | "$TOOLS/described" "$VPCD_SOCKET" Verdict
}

@test "monitor --eni shows that ENI's only" {
	workload_add "$P-c" prod-app --sg "$P-a"
	monitor --drops --eni "$P-c"
	cannot "$P-a" tcp "$B" 7000
	cannot "$P-a" tcp "$(ip_of "$P-c")" 7000
	wait_for 5 seen ".eni == \"$P-c\" or .peer_eni == \"$P-c\""
	jq -es "all(.[]; .eni == \"$P-c\" or .peer_eni == \"$P-c\" or .event == \"lost\")" "$SEEN" >/dev/null
}

@test "monitor for people: one line each, with reason and names" {
	"$VPCCTL" monitor --drops >"$SEEN" 2>&1 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/background"
	sleep 0.5
	cannot "$P-a" udp "$B" 7000
	wait_for 5 grep -q "no_ingress_rule" "$SEEN"
	grep no_ingress_rule "$SEEN" | grep -q "$P-b"
}

@test "P9: drops and traffic are counted per ENI, rules by what they allowed" {
	local before
	before=$(drops_of "$P-b" no_ingress_rule)
	cannot "$P-a" udp "$B" 7000
	[ "$(drops_of "$P-b" no_ingress_rule)" -gt "$before" ]
	ctl sg authorize "$P-b" ingress udp 7000 --cidr 0.0.0.0/0
	before=$(eni_field "$P-b" counters.rx_packets)
	can "$P-a" udp "$B" 7000
	[ "$(eni_field "$P-b" counters.rx_packets)" -gt "$before" ]
	[ "$(eni_field "$P-a" counters.tx_packets)" -gt 0 ]
	[ "$(ctl -o json sg show "$P-b" | jq '[.rules[] | select(.protocol == "udp")][0].packets')" -gt 0 ]
	[ "$(ctl -o json sg show "$P-b" | jq -r '[.rules[] | select(.protocol == "udp")][0].last_used')" != null ]
}
