#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Transactions are whole to every packet: promises P2 and P3.
# shellcheck disable=SC2016 # "$0.id" is the API's

bats_require_minimum_version 1.5.0
load lib

# ports_of GROUP STATE: the two ports that group number GROUP opens in that state.
rules_json()
{
	local port
	case $2 in
	a) port=$((10000 + $1 * 4)) ;;
	b) port=$((10002 + $1 * 4)) ;;
	esac
	printf '[%s,%s]' "$(rule_json "$port")" "$(rule_json $((port + 1)))"
}

rule_json()
{
	printf '{"direction":"ingress","protocol":"udp","from_port":%d,"to_port":%d,"cidr":"0.0.0.0/0"}' "$1" "$1"
}

# The transaction that takes all 50 groups from state $1 to $2: 100 changes over 200 rules.
switch_json()
{
	local g separator=
	printf '{"changes":['
	for g in $(seq 0 49); do
		printf '%s{"op":"sg.revoke","security_group_id":"%s-g%d","rules":%s},' "$separator" "$P" "$g" "$(rules_json "$g" "$1")"
		printf '{"op":"sg.authorize","security_group_id":"%s-g%d","rules":%s}' "$P" "$g" "$(rules_json "$g" "$2")"
		separator=,
	done
	printf ']}'
}

create_json()
{
	local g separator=
	printf '{"changes":['
	for g in $(seq 0 49); do
		printf '%s{"op":"sg.create","name":"%s-g%d","vpc_id":"prod"},' "$separator" "$P" "$g"
		printf '{"op":"sg.authorize","security_group_id":"$%d.id","rules":%s}' $((g * 2)) "$(rules_json "$g" a)"
		separator=,
	done
	printf ']}'
}

@test "P3: a transaction over 50 groups and 200 rules is never half seen by a packet stream" {
	local e g groups sent i changes sender
	api_is "20?" POST /v1/transactions "$(create_json)" >/dev/null
	ctl sg create "$P-a" --vpc prod >/dev/null
	workload_add "$P-a" prod-app --sg "$P-a"
	for e in 0 1 2 3; do
		groups=()
		for g in $(seq "$e" 4 49); do
			groups+=(--sg "$P-g$g")
		done
		workload_add "$P-w$e" "prod-$([ $((e % 2)) -eq 0 ] && echo app || echo db)" "${groups[@]}"
		serve "$P-w$e" --udp 10000-10199
	done
	for g in $(seq 0 49); do
		for i in 0 2 1 3; do
			printf '%s %d %s\n' "$(ip_of_cached $((g % 4)))" $((10000 + g * 4 + i)) "$([ "$i" -lt 2 ] && echo a || echo b)"
		done
	done >"$BATS_TEST_TMPDIR/targets"
	switch_json a b >"$BATS_TEST_TMPDIR/ab"
	switch_json b a >"$BATS_TEST_TMPDIR/ba"
	background "$P-a" "$TOOLS/spray" send --targets "$BATS_TEST_TMPDIR/targets" --seconds 120 >"$BATS_TEST_TMPDIR/sent"
	sender=$!
	sleep 1
	changes=0
	for i in 1 2 3 4 5; do
		api_is "20?" POST /v1/transactions "@$BATS_TEST_TMPDIR/ab" >/dev/null
		sleep 0.3
		api_is "20?" POST /v1/transactions "@$BATS_TEST_TMPDIR/ba" >/dev/null
		sleep 0.3
		changes=$((changes + 2))
	done
	kill "$sender"
	wait "$sender" || true
	sleep 0.3
	sent=$(cat "$BATS_TEST_TMPDIR/sent")
	[ "$sent" -gt 1000 ]
	run "$TOOLS/spray" judge --targets "$BATS_TEST_TMPDIR/targets" --sent "$sent" \
		"$(log_of "$P-w0")" "$(log_of "$P-w1")" "$(log_of "$P-w2")" "$(log_of "$P-w3")"
	[ "$output" = "$changes" ] || fail "packets saw $output changes of state, there were $changes transactions"
}

ip_of_cached()
{
	local file=$BATS_TEST_TMPDIR/ip-$1
	[ -e "$file" ] || ip_of "$P-w$1" >"$file"
	cat "$file"
}

@test "P3: one bad change, and nothing of the transaction is done" {
	local before
	ctl sg create "$P-x" --vpc prod >/dev/null
	before=$(ctl -o json status | jq -c '[.revision, .epoch, .counts]')
	api_refused 404 InvalidGroup.NotFound POST /v1/transactions '{"changes": [
		{"op": "sg.create", "name": "'"$P"'-y", "vpc_id": "prod"},
		{"op": "sg.authorize", "security_group_id": "$0.id", "rules": ['"$(rule_json 80)"']},
		{"op": "sg.authorize", "security_group_id": "no-such-group", "rules": ['"$(rule_json 80)"']}]}'
	refused InvalidGroup.NotFound sg show "$P-y"
	[ "$(ctl -o json status | jq -c '[.revision, .epoch, .counts]')" = "$before" ]
	verify_clean
}

@test "P3: a transaction uses what its earlier changes made" {
	api_is "20?" POST /v1/transactions '{"changes": [
		{"op": "vpc.create", "name": "'"$P"'-v", "cidr": "10.70.0.0/16"},
		{"op": "subnet.create", "name": "'"$P"'-n", "vpc_id": "$0.id", "cidr": "10.70.1.0/24"},
		{"op": "sg.create", "name": "'"$P"'-g", "vpc_id": "$0.id"},
		{"op": "eni.create", "name": "'"$P"'-e", "subnet_id": "$1.id", "security_groups": ["$2.id"]}]}' >"$BATS_TEST_TMPDIR/made"
	[ "$(jq '.results | length' "$BATS_TEST_TMPDIR/made")" -eq 4 ]
	[ "$(jq -r '.results[3].id' "$BATS_TEST_TMPDIR/made")" = "$(ctl -o json eni show "$P-e" | jq -r .id)" ]
	[ "$(eni_field "$P-e" ip)" = 10.70.1.4 ]
	verify_clean
}

@test "a dry run tells and changes nothing" {
	local before
	ctl sg create "$P-x" --vpc prod >/dev/null
	before=$(ctl -o json status | jq -c '[.revision, .epoch]')
	api_is "20?" POST "/v1/security-groups/$P-x/rules" '{"dry_run": true, "rules": ['"$(rule_json 80)"']}' >/dev/null
	[ "$(ctl -o json status | jq -c '[.revision, .epoch]')" = "$before" ]
	[ "$(ctl -o json sg show "$P-x" | jq '[.rules[] | select(.direction == "ingress")] | length')" -eq 0 ]
}
