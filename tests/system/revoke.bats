#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Revoking cuts established flows, in both directions, and no others: rules 3, 7 and 8, promise P2.

bats_require_minimum_version 1.5.0
load lib

# Client $P-a, server $P-b whose group $P-b lets in tcp and udp 7000.
setup()
{
	P=t$BATS_TEST_NUMBER
	pair
	serve "$P-b" --tcp 7000-7001 --udp 7000-7001
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --cidr ::/0
	ctl sg authorize "$P-b" ingress udp 7000 --cidr 0.0.0.0/0 --cidr ::/0
}

# revoke_cuts MODE PROTOCOL HOST CIDR: the stream ends at both its ends.
revoke_cuts()
{
	local t
	stream "$P-a" s "$1" "$3" 7000
	ctl sg revoke "$P-b" ingress "$2" 7000 --cidr "$4"
	t=$(now_ns)
	sleep 1.2
	if [ "$1" != tcp-send ]; then
		log_stops "$(stream_log s)" "$t"
	fi
	log_stops "$(log_of "$P-b")" "$t"
}

@test "rule 8: revoking cuts a TCP connection that talks both ways" {
	revoke_cuts tcp-echo tcp "$B" 0.0.0.0/0
	[ "$(drops_of "$P-a" revoked)" -gt 0 ] || [ "$(drops_of "$P-b" revoked)" -gt 0 ]
}

@test "rule 8: revoking cuts a TCP transfer that the server sends" {
	revoke_cuts tcp-recv tcp "$B" 0.0.0.0/0
}

@test "rule 8: revoking cuts a TCP transfer that the client sends" {
	revoke_cuts tcp-send tcp "$B" 0.0.0.0/0
}

@test "rule 8: revoking cuts a UDP stream that talks both ways" {
	revoke_cuts udp-echo udp "$B" 0.0.0.0/0
}

@test "rule 8: revoking cuts a UDP stream that only the server sends; its own egress doesn't bring it back" {
	revoke_cuts udp-push udp "$B" 0.0.0.0/0
}

@test "rule 8: the same by IPv6" {
	revoke_cuts tcp-recv tcp "$B6" ::/0
	background_end
	serve "$P-b" --tcp 7000-7001 --udp 7000-7001
	revoke_cuts udp-push udp "$B6" ::/0
}

# told_cut PROTOCOL NUMBER MODE RULE…: the reply of revoking RULE names the protocol of the flow that it cut, by name and number.
told_cut()
{
	local protocol=$1 number=$2 mode=$3 reply
	shift 3
	stream "$P-a" "$mode" "$mode" "$B" 7000
	reply=$(ctl -o json sg revoke "$P-b" ingress "$@")
	jq -e --arg p "$protocol" --argjson n "$number" \
		'.cut_flows | length > 0 and all(.protocol == $p and .protocol_number == $n)' <<<"$reply" || fail "$reply"
	background_end
	serve "$P-b" --tcp 7000-7001 --udp 7000-7001
}

@test "rule 8: the reply names the protocol of what was cut, and vpcctl prints it" {
	local text
	told_cut tcp 6 tcp-echo tcp 7000 --cidr 0.0.0.0/0
	told_cut udp 17 udp-echo udp 7000 --cidr 0.0.0.0/0
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	stream "$P-a" again tcp-echo "$B" 7000
	text=$(ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0)
	grep -Eq "^  tcp +$(ip_of "$P-a"):[0-9]+ \($P-a\) +-> $B:7000 \($P-b\) +established +[0-9]+ s\$" <<<"$text" || fail "$text"
}

@test "rule 8: across subnets, too" {
	local t
	workload_add "$P-c" prod-db --sg "$P-a"
	stream "$P-c" t tcp-recv "$B" 7000
	stream "$P-c" u udp-echo "$B" 7000
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	ctl sg revoke "$P-b" ingress udp 7000 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log t)" "$t"
	log_stops "$(stream_log u)" "$t"
}

@test "rule 8: flows that another rule allows go on" {
	local t
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 10.50.0.0/16
	ctl sg authorize "$P-b" ingress udp 7000-7001 --sg "$P-a"
	stream "$P-a" t tcp-echo "$B" 7000
	stream "$P-a" u udp-echo "$B" 7000
	stream "$P-a" other tcp-echo "$B6" 7000
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	ctl sg revoke "$P-b" ingress udp 7000 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log t)" "$t"
	log_goes_on "$(stream_log u)" "$t"
	log_goes_on "$(stream_log other)" "$t"
	[ "$(stream_end u | jq .lost)" -eq 0 ]
}

@test "rule 8: the other protocol's flows, and other groups', go on" {
	local t
	ctl sg create "$P-d" --vpc prod >/dev/null
	workload_add "$P-d" prod-app --sg "$P-d"
	ctl sg authorize "$P-d" ingress all --sg "$P-a"
	serve "$P-d" --tcp 7000
	stream "$P-a" u udp-echo "$B" 7000
	stream "$P-a" d tcp-recv "$(ip_of "$P-d")" 7000
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log u)" "$t"
	log_goes_on "$(stream_log d)" "$t"
}

@test "rule 8: re-allowing lets a UDP stream go on" {
	local t
	stream "$P-a" u udp-echo "$B" 7000
	ctl sg revoke "$P-b" ingress udp 7000 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log u)" "$t"
	ctl sg authorize "$P-b" ingress udp 7000 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log u)" "$t"
}

@test "rule 8: after a cut a new TCP connection is refused, and works once allowed again" {
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	cannot "$P-a" tcp "$B" 7000
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	can "$P-a" tcp "$B" 7000
}

@test "rule 8: revoking an egress rule cuts what it allowed" {
	local t
	stream "$P-a" s tcp-recv "$B" 7000
	ctl sg revoke "$P-a" egress all --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	log_stops "$(log_of "$P-b")" "$t"
}

@test "rule 8: taking the group off the ENI cuts what it allowed" {
	local t
	ctl sg create "$P-none" --vpc prod >/dev/null
	stream "$P-a" s tcp-recv "$B" 7000
	ctl eni set "$P-b" --sg "$P-none"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
}

@test "rule 8: keep lets flows live until they end; new ones are refused" {
	local t
	stream "$P-a" t tcp-echo "$B" 7000
	stream "$P-a" u udp-echo "$B" 7000
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --flows keep
	ctl sg revoke "$P-b" ingress udp 7000 --cidr 0.0.0.0/0 --flows keep
	t=$(now_ns)
	cannot "$P-a" tcp "$B" 7000
	cannot "$P-a" udp "$B" 7000
	sleep 1
	log_goes_on "$(stream_log t)" "$t"
	log_goes_on "$(stream_log u)" "$t"
	# A later cut of something else leaves what was kept.
	ctl sg authorize "$P-b" ingress tcp 7001 --cidr 0.0.0.0/0
	ctl sg revoke "$P-b" ingress tcp 7001 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log t)" "$t"
}

@test "rule 8: drain gives flows their seconds, also while vpcd is dead" {
	local t
	stream "$P-a" t tcp-echo "$B" 7000
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --flows drain=3
	t=$(now_ns)
	cannot "$P-a" tcp "$B" 7000
	sleep 0.5
	vpcd_stop KILL
	sleep 0.7
	log_goes_on "$(stream_log t)" "$t"
	sleep 2.8
	log_stops "$(stream_log t)" $((t + 3000000000))
	vpcd_start
}

# idle LABEL, awake LABEL: the stream's client is stopped and goes on, so that no packet comes in between.
idle()
{
	kill -STOP "$(cat "$BATS_TEST_TMPDIR/pid-$1")"
	sleep 0.3
}

# awake_dead LABEL…, awake_lives LABEL…
awake_dead()
{
	local label t
	for label; do
		kill -CONT "$(cat "$BATS_TEST_TMPDIR/pid-$label")"
		sleep 0.3 # it reads what came while it was stopped, before the change
		t=$(now_ns)
		sleep 1.2
		log_stops "$(stream_log "$label")" "$t"
	done
}

awake_lives()
{
	local label t
	for label; do
		t=$(now_ns)
		kill -CONT "$(cat "$BATS_TEST_TMPDIR/pid-$label")"
		sleep 1.2
		log_goes_on "$(stream_log "$label")" "$t"
	done
}

@test "rule 8: what was cut while it was idle stays cut, whatever keep and drain spare later" {
	stream "$P-a" t tcp-echo "$B" 7000
	idle t
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	ctl sg revoke "$P-b" ingress udp 7000 --cidr 0.0.0.0/0 --flows keep
	ctl sg revoke "$P-b" ingress udp 7000 --cidr ::/0 --flows drain=60
	awake_dead t
}

@test "rule 8: what a drain's end has cut stays cut" {
	stream "$P-a" t tcp-echo "$B" 7000
	idle t
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --flows drain=1
	sleep 1.2
	ctl sg revoke "$P-b" ingress udp 7000 --cidr 0.0.0.0/0 --flows keep
	awake_dead t
}

@test "rule 8: a later cut wins over keep: the same rule again, the other side's, other groups" {
	local n
	ctl sg create "$P-none" --vpc prod >/dev/null
	stream "$P-a" t tcp-echo "$B" 7000
	idle t
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --flows keep
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	n=$(ctl -o json sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 | jq .cut_flows_total)
	[ "$n" -eq 1 ]
	awake_dead t
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	stream "$P-a" u tcp-echo "$B" 7000
	idle u
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --flows keep
	ctl sg revoke "$P-a" egress all --cidr 0.0.0.0/0
	awake_dead u
	ctl sg authorize "$P-a" egress all --cidr 0.0.0.0/0
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	stream "$P-a" v tcp-echo "$B" 7000
	idle v
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 --flows keep
	ctl eni set "$P-a" --sg "$P-none"
	ctl eni set "$P-b" --sg "$P-none"
	awake_dead v
}

@test "rule 8: vpcd killed about a keep: it is kept, and nothing else comes back" {
	local after request
	ctl sg create "$P-d" --vpc prod >/dev/null
	workload_add "$P-d" prod-app --sg "$P-d"
	serve "$P-d" --tcp 7000
	ctl sg authorize "$P-d" ingress tcp 7000 --cidr 0.0.0.0/0
	stream "$P-a" cut tcp-echo "$B" 7000
	stream "$P-a" kept tcp-echo "$(ip_of "$P-d")" 7000
	idle cut
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	for after in 0 0.001 0.002 0.004 0.008 0.016; do
		ctl sg authorize "$P-d" ingress tcp 7000 --cidr 0.0.0.0/0 2>/dev/null || true
		sleep 0.2 # judged anew
		idle kept
		ctl sg revoke "$P-d" ingress tcp 7000 --cidr 0.0.0.0/0 --flows keep &>/dev/null &
		request=$!
		sleep "$after"
		vpcd_stop KILL
		wait "$request" || true
		vpcd_start
		awake_lives kept
	done
	awake_dead cut
	# And a cut still cuts it.
	idle kept
	ctl sg revoke "$P-a" egress all --cidr 0.0.0.0/0
	awake_dead kept
}

@test "rule 8: revoking by rule id, and what isn't there" {
	local id
	id=$(ctl -o json sg show "$P-b" | jq -r '[.rules[] | select(.protocol == "tcp" and .cidr == "0.0.0.0/0")][0].id')
	can "$P-a" tcp "$B" 7000
	ctl sg revoke "$P-b" --rule "$id"
	cannot "$P-a" tcp "$B" 7000
	refused InvalidSecurityGroupRuleId.NotFound sg revoke "$P-b" --rule "$id"
	refused InvalidPermission.NotFound sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
}

# expired SG PORT: no rule of the group is for it.
expired()
{
	[ "$(ctl sg show "$1" -o json | jq --argjson p "$2" '[.rules[] | select(.from_port == $p)] | length')" -eq 0 ]
}

@test "rule 8: a rule that expires is revoked when its time is over, also if vpcd is killed meanwhile" {
	ctl sg authorize "$P-b" ingress tcp 7002 --cidr 0.0.0.0/0 --expires-in 86400 >/dev/null
	ctl sg show "$P-b" | grep -q EXPIRES
	refused InvalidParameterValue sg authorize "$P-b" ingress tcp 7003 --cidr 0.0.0.0/0 --expires-in 0
	ctl sg authorize "$P-b" ingress tcp 7001 --cidr 0.0.0.0/0 --expires-in 6 >/dev/null
	stream "$P-a" s tcp-echo "$B" 7001
	vpcd_restart KILL
	wait_for 60 expired "$P-b" 7001
	log_stops "$(stream_log s)" "$(now_ns)"
	cannot "$P-a" tcp "$B" 7001
	can "$P-a" tcp "$B" 7000
	run ! expired "$P-b" 7002
	"$VPCCTL" verify
}
