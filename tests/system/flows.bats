#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Flows are listed with what allowed them, and cut by hand although rules allow them (P2, P9).
# shellcheck disable=SC2086 # filters are several words

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
}

teardown_file()
{
	vpcd_purge
}

# Client $P-a, server $P-b whose group lets in tcp and udp 7000.
setup()
{
	P=t$BATS_TEST_NUMBER
	sg_new "$P-b" prod
	workload_add "$P-a" prod-app
	workload_add "$P-b" prod-db --sg "$P-b"
	serve "$P-b" --tcp 7000 --udp 7000
	A=$(ip_of "$P-a")
	B=$(ip_of "$P-b")
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	ctl sg authorize "$P-b" ingress udp 7000 --cidr 0.0.0.0/0
}

# flows OPTION…: of vpcctl flow list, as JSON.
flows()
{
	ctl -o json flow list "$@"
}

# ended LABEL TIME: the stream ended at both its ends.
ended()
{
	sleep 1.2
	log_stops "$(stream_log "$1")" "$2"
	log_stops "$(log_of "$P-b")" "$2"
}

@test "P9: a list tells both ends, state, age and the rules; filters find the flow and nothing else" {
	local list rule filter
	stream "$P-a" s tcp-echo "$B" 7000
	list=$(flows --eni "$P-a")
	rule=$(ctl -o json sg show "$P-b" | jq -r '.rules[] | select(.protocol == "tcp") | .id')
	jq -e --arg a "$A" --arg b "$B" --arg p "$P" --arg rule "$rule" \
		'length == 1 and (.[0] | .protocol == "tcp" and .src == $a and .dst == $b and .dst_port == 7000 and
		.src_eni == $p + "-a" and .dst_eni == $p + "-b" and .state == "established" and .opened_by == "eni" and
		.vpc == "prod" and .src_sg == "default" and .dst_sg == $p + "-b" and .dst_rule_id == $rule and
		(.src_rule_id | startswith("sgr-")) and .age_s < 60 and .packets > 0 and .epoch > 0 and .outside == null)' \
		<<<"$list" || fail "$list"
	for filter in "--eni $P-b" "--eni $P-a --peer $B" "--eni $P-b --peer 10.50.1.0/24" "--eni $P-a --protocol tcp" \
		"--eni $P-a --port 7000" "--eni $P-a --state established" "--vpc prod --peer $A --state all" "--eni $P-a --limit 1"; do
		[ "$(flows $filter | jq length)" -eq 1 ] || fail "$filter: $(flows $filter)"
	done
	for filter in "--eni $P-a --peer $A" "--eni $P-a --protocol udp" "--eni $P-a --port 7001" "--eni $P-a --state stream,cut"; do
		[ "$(flows $filter)" = "[]" ] || fail "$filter: $(flows $filter)"
	done
	[ "$(api_is 200 GET "/v1/flows?eni=$P-a&vpc=prod" | jq '.complete and (.flows | length == 1)')" = true ]
	api_is 200 GET "/v1/flows?limit=1" | jq -e '.flows | length == 1' >/dev/null
	ctl flow list --eni "$P-a" | grep -Eq "^tcp +$A:[0-9]+ \($P-a\) +$B:7000 \($P-b\) +established " || fail "$(ctl flow list)"
	ctl -o id flow list --eni "$P-b" | grep -Eq "^tcp $A:[0-9]+ .* $B:7000" || fail "$(ctl -o id flow list --eni "$P-b")"
}

@test "what can't be asked for is refused with what can" {
	refused InvalidNetworkInterfaceID.NotFound flow list --eni nobody
	refused InvalidParameterValue flow list --state open
	refused InvalidParameterValue flow list --peer 10.0.0
	refused InvalidParameterValue flow list --protocol tpc
	refused InvalidParameterValue flow cut --eni "$P-a" --port 70000
	refused InvalidNetworkInterfaceID.NotFound flow cut --eni nobody
	misused flow cut --peer "$B"
	api_refused 400 MissingParameter POST /v1/flows/cut '{"peer": "10.0.0.1"}'
	api_refused 400 UnknownParameter POST /v1/flows/cut '{"eni_id": "x", "ports": 1}'
	api_refused 400 InvalidParameterValue GET "/v1/flows?limit=0"
}

@test "P2: a TCP connection that is cut by hand stays cut although its rule allows it; a new one is opened" {
	local t reply
	stream "$P-a" s tcp-echo "$B" 7000
	reply=$(ctl -o json flow cut --eni "$P-b" --port 7000 --dry-run)
	jq -e '.dry_run and .cut_flows_total == 1' <<<"$reply" || fail "$reply"
	[ "$(flows --eni "$P-a" | jq length)" -eq 1 ]
	reply=$(ctl -o json flow cut --eni "$P-a" --peer "$B" --protocol tcp --port 7000)
	t=$(now_ns)
	jq -e --arg a "$A" --arg b "$B" '.cut_flows_total == 1 and (.cut_flows[0] | .src == $a and .dst == $b)' <<<"$reply" ||
		fail "$reply"
	# whatever else changes in the groups of both sides, its segments open nothing
	ctl sg authorize "$P-b" ingress tcp 7001 --cidr 0.0.0.0/0
	ctl sg authorize default egress tcp 7001 --cidr 10.50.0.0/16 --vpc prod
	ended s "$t"
	[ "$(drops_of "$P-a" revoked)" -gt 0 ] || [ "$(drops_of "$P-b" revoked)" -gt 0 ]
	[ "$(flows --eni "$P-a")" = "[]" ]
	[ "$(flows --eni "$P-a" --state cut | jq -c '[.[] | .state, .epoch]')" = '["cut",null]' ]
	can "$P-a" tcp "$B" 7000
	ctl sg revoke default egress tcp 7001 --cidr 10.50.0.0/16 --vpc prod
}

@test "P2: a UDP stream that is cut by hand; only what the filter names; people read it" {
	local t text
	stream "$P-a" s udp-echo "$B" 7000
	stream "$P-a" kept tcp-echo "$B" 7000
	text=$(ctl flow cut --eni "$P-a" --protocol udp)
	t=$(now_ns)
	grep -Eq "^1 flow was cut:" <<<"$text" || fail "$text"
	grep -Eq "^  udp +$A:[0-9]+ \($P-a\) +-> $B:7000 \($P-b\) +stream +[0-9]+ s" <<<"$text" || fail "$text"
	ctl sg authorize "$P-b" ingress udp 7001 --cidr 0.0.0.0/0
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	log_goes_on "$(stream_log kept)" "$t"
	text=$(ctl flow cut --eni "$P-a" --protocol udp)
	grep -q "nothing was cut" <<<"$text" || fail "$text"
}

@test "whoever cuts is named in the log; the read-only socket lists, and cuts nothing" {
	local line
	stream "$P-a" s tcp-echo "$B" 7000
	[ "$("$VPCCTL" --socket "$RUN_DIR/vpcd-ro.sock" -o json flow list --eni "$P-a" | jq length)" -eq 1 ]
	run -1 "$VPCCTL" --socket "$RUN_DIR/vpcd-ro.sock" flow cut --eni "$P-a"
	ctl flow cut --eni "$P-a" >/dev/null
	line=$(grep "has cut 1 flow" "$VPCD_LOG") || fail "$(tail "$VPCD_LOG")"
	grep -q "uid 0 " <<<"$line"
}

# told REPLY: it tells exactly the connection from $P-a to $P-b that is the last of $PORTS, by the names of both. Earlier ones may
# have come back: their ends send again what was not acknowledged, and it is allowed again.
told()
{
	jq -e --arg a "$A" --arg b "$B" --arg p "$P" --argjson ports "$PORTS" '
		(.cut_flows | map(select(.src_port == $ports[-1]))) as $now | (.cut_flows - $now) as $others | .cut_flows_total == (.cut_flows | length) and
		($now | length == 1) and ($others | all(.src_port | IN($ports[:-1][]))) and ($now[0] | .src == $a and .dst == $b and
		.src_eni == $p + "-a" and .dst_eni == $p + "-b" and .state == "established" and .age_s >= 0)' <<<"$1" || fail "$1"
}

# tells COMMAND…: of the change, first as a dry run. The stream s ends.
tells()
{
	local reply t
	PORTS=$(jq -c '. + [21000 + length]' <<<"${PORTS:-[]}")
	stream "$P-a" s tcp-echo "$B" 7000 --sport "$(jq '.[-1]' <<<"$PORTS")"
	told "$(ctl -o json "$@" --dry-run)"
	reply=$(ctl -o json "$@")
	t=$(now_ns)
	told "$reply"
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	kill "$(cat "$BATS_TEST_TMPDIR/pid-s")"
	rm -f "$(stream_log s)"
}

@test "rule 8: each kind of change tells what it cut, with the names of both ends" {
	ctl sg create "$P-none" --vpc prod >/dev/null
	tells eni set "$P-b" --sg "$P-none"
	ctl eni set "$P-b" --sg "$P-b" >/dev/null
	ctl sg attach "$P-none" "$P-b" >/dev/null
	tells sg detach "$P-b" "$P-b"
	ctl eni set "$P-b" --sg "$P-b" >/dev/null
	ctl prefix-list create "$P-pl" --max-entries 4 --entry 10.50.1.0/24 >/dev/null
	ctl sg authorize "$P-b" ingress tcp 7000 --prefix-list "$P-pl" >/dev/null
	ctl sg revoke "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 >/dev/null
	tells prefix-list remove "$P-pl" 10.50.1.0/24
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 >/dev/null
	tells acl rule add default ingress 50 deny tcp 7000 --cidr 10.50.1.0/24 --vpc prod
	ctl acl rule delete default ingress 50 --vpc prod >/dev/null
	ctl acl create "$P-shut" --vpc prod >/dev/null
	tells acl associate "$P-shut" prod-app
	ctl acl associate default prod-app --vpc prod >/dev/null
}

@test "rule 8: an ENI that is detached" {
	tells eni detach "$P-b"
}

@test "rule 8: an ENI that is deleted is named in what it cut" {
	tells detach "$P-b"
}

@test "flow cut: a known idempotency key gets the first reply again and cuts nothing, also after a restart" {
	local body first again
	stream "$P-a" one tcp-echo "$B" 7000
	body="{\"eni_id\": \"$P-a\", \"port\": 7000}"
	api_is 200 POST /v1/flows/cut '{"eni_id": "'"$P-a"'", "port": 7000, "dry_run": true}' "Idempotency-Key: $P-k" >/dev/null
	first=$(api_is 200 POST /v1/flows/cut "$body" "Idempotency-Key: $P-k")
	jq -e '.cut_flows_total == 1 and (.cut_flows | length) == 1' <<<"$first"
	stream "$P-a" two tcp-echo "$B" 7000
	again=$(api_is 200 POST /v1/flows/cut "$body" "Idempotency-Key: $P-k")
	[ "$(jq -cS . <<<"$again")" = "$(jq -cS . <<<"$first")" ]
	api_refused 409 IdempotentParameterMismatch POST /v1/flows/cut '{"eni_id": "'"$P-a"'"}' "Idempotency-Key: $P-k"
	api_refused 400 InvalidParameterValue POST /v1/flows/cut "$body" "Idempotency-Key: $(printf 'x%.0s' {1..256})"
	sleep 2
	vpcd_restart KILL
	again=$(api_is 200 POST /v1/flows/cut "$body" "Idempotency-Key: $P-k")
	[ "$(jq -cS . <<<"$again")" = "$(jq -cS . <<<"$first")" ]
	local now
	now=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log two)" "$now"
	api_is 200 POST /v1/flows/cut "$body" "Idempotency-Key: $P-l" | jq -e '.cut_flows_total == 1'
}
