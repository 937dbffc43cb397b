#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The API over HTTP: replies, preconditions, idempotency, the read-only socket.

bats_require_minimum_version 1.5.0
load lib

RULE='{"direction": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "0.0.0.0/0"}'

@test "rule 7: a change's reply has revision, epoch and enforced_ns" {
	ctl sg create "$P-g" --vpc prod >/dev/null
	api_is "20?" POST "/v1/security-groups/$P-g/rules" '{"rules": ['"$RULE"']}' >"$BATS_TEST_TMPDIR/out"
	jq -e '(.revision | type) == "number" and (.epoch | type) == "number" and .enforced_ns > 0' "$BATS_TEST_TMPDIR/out"
	[ "$(jq .epoch "$BATS_TEST_TMPDIR/out")" -eq "$(ctl -o json status | jq .epoch)" ]
}

@test "GET, POST, PATCH, DELETE of each kind" {
	local kind
	api POST /v1/vpcs '{"name": "'"$P"'-v", "cidr": "10.0.0.0/16"}' >"$BATS_TEST_TMPDIR/out"
	[[ "$(cat "$BATS_TEST_TMPDIR/status")" =~ ^20[01]$ ]]
	api POST /v1/subnets '{"name": "'"$P"'-n", "vpc_id": "'"$P"'-v", "cidr": "10.0.0.0/24"}' >/dev/null
	api POST /v1/security-groups '{"name": "'"$P"'-g", "vpc_id": "'"$P"'-v"}' >/dev/null
	api POST /v1/enis '{"name": "'"$P"'-e", "subnet_id": "'"$P"'-n", "security_groups": ["'"$P"'-g"]}' >/dev/null
	api_is "20?" PATCH "/v1/enis/$P-e" '{"name": "'"$P"'-f"}' >/dev/null
	api_is 200 GET "/v1/enis/$P-f?vpc=$P-v" | jq -e '.ip == "10.0.0.4" and .attachment == null and .ip6 == null'
	api_is "20?" PUT "/v1/enis/$P-f/security-groups" '{"security_groups": ["'"$P"'-g"]}' >/dev/null
	for kind in vpcs subnets security-groups enis; do
		api_is 200 GET "/v1/$kind" >/dev/null
	done
	for kind in "enis/$P-f" "security-groups/$P-g" "subnets/$P-n" "vpcs/$P-v"; do
		api DELETE "/v1/$kind" >/dev/null
		[[ "$(cat "$BATS_TEST_TMPDIR/status")" =~ ^20[04]$ ]] || fail "$kind: $(cat "$BATS_TEST_TMPDIR/reply")"
		api_is 404 GET "/v1/$kind" >/dev/null
	done
}

@test "If-Match refuses a change to an object that moved" {
	local revision
	ctl sg create "$P-g" --vpc prod >/dev/null
	revision=$(ctl -o json sg show "$P-g" | jq .revision)
	api_refused 409 RevisionMismatch PATCH "/v1/security-groups/$P-g" '{"description": "x"}' "If-Match: \"$((revision - 1))\""
	api_is "20?" PATCH "/v1/security-groups/$P-g" '{"description": "x"}' "If-Match: \"$revision\"" >/dev/null
	api_refused 409 RevisionMismatch PATCH "/v1/security-groups/$P-g" '{"description": "y"}' "If-Match: \"$revision\""
	[ "$(ctl -o json sg show "$P-g" | jq -r .description)" = x ]
}

@test "the same Idempotency-Key returns the first reply, also after SIGKILL; another body is refused" {
	local body first
	body='{"name": "'"$P"'-g", "vpc_id": "prod"}'
	api POST /v1/security-groups "$body" "Idempotency-Key: $P-key" >"$BATS_TEST_TMPDIR/first"
	first=$(jq -cS . "$BATS_TEST_TMPDIR/first")
	[ "$(api POST /v1/security-groups "$body" "Idempotency-Key: $P-key" | jq -cS .)" = "$first" ]
	vpcd_restart KILL
	[ "$(api POST /v1/security-groups "$body" "Idempotency-Key: $P-key" | jq -cS .)" = "$first" ]
	api_refused 409 IdempotentParameterMismatch POST /v1/security-groups '{"name": "'"$P"'-h", "vpc_id": "prod"}' \
		"Idempotency-Key: $P-key"
	refused InvalidGroup.NotFound sg show "$P-h"
}

@test "the read-only socket answers only GET" {
	export API_SOCKET=$RUN_DIR/vpcd-ro.sock
	[ "$(stat -c %a "$API_SOCKET")" = 660 ]
	[ "$(stat -c %a "$VPCD_SOCKET")" = 660 ]
	api_is 200 GET /v1/status | jq -e ".instance == \"$INSTANCE\""
	api_is 200 GET /v1/vpcs >/dev/null
	api POST /v1/vpcs '{"name": "'"$P"'", "cidr": "10.0.0.0/16"}' >/dev/null
	[[ "$(cat "$BATS_TEST_TMPDIR/status")" =~ ^(403|405)$ ]]
	refused InvalidVpcID.NotFound vpc show "$P"
}

@test "errors are problem+json, with code, field and holders" {
	ctl sg create "$P-g" --vpc prod >/dev/null
	ctl eni create "$P-e" --subnet prod-app --sg "$P-g" >/dev/null
	curl -sS --unix-socket "$VPCD_SOCKET" -X DELETE -D "$BATS_TEST_TMPDIR/head" "http://vpcd/v1/security-groups/$P-g" \
		>"$BATS_TEST_TMPDIR/out"
	grep -qi '^content-type: application/problem+json' "$BATS_TEST_TMPDIR/head"
	jq -e '.code == "DependencyViolation" and .status == 409 and (.holders | length) == 1' "$BATS_TEST_TMPDIR/out"
	[ "$(jq -r '.holders[0]' "$BATS_TEST_TMPDIR/out")" = "$(eni_field "$P-e" id)" ]
}

@test "status, verify and the OpenAPI description are served" {
	api_is 200 GET /v1/status | jq -e '.engine == "ebpf" and (.fast_path | type) == "boolean" and (.pending | type) == "array"
		and (.attach_mode == "tcx" or .attach_mode == "clsact") and (.limits | type) == "object" and (.counts | type) == "object"
		and has("kernel") and has("health") and (.epoch > 0)'
	api_is 200 GET /v1/verify | jq -e '.equal == true'
	api_is 200 GET /v1/openapi.json | jq -e '.openapi | startswith("3.1")'
	api_is 200 GET /v1/openapi.json | jq -e '.paths | has("/v1/transactions") and has("/v1/vpcs") and has("/v1/enis/{id}/attachment")'
}

@test "every reply is what the OpenAPI description says of it" {
	local rule='{"direction": "ingress", "protocol": "icmp", "from_port": 8, "to_port": -1, "sg_id": "'"$P"'-g"}'
	workload_add "$P-w" prod-app
	"$TOOLS/described" "$VPCD_SOCKET" <<-REQUESTS
		POST /v1/vpcs {"name": "$P-v", "cidr": "10.0.0.0/16", "cidr6": "fd00::/56", "dry_run": true}
		POST /v1/vpcs {"name": "$P-v", "cidr": "10.0.0.0/16", "cidr6": "fd00::/56", "tags": {"a": "b"}}
		PUT /v1/vpcs/$P-v/dhcp-options {"dns_servers": ["10.0.0.53"], "domain_name": "prod.internal"}
		POST /v1/subnets {"name": "$P-n", "vpc_id": "$P-v", "cidr": "10.0.0.0/24"}
		POST /v1/security-groups {"name": "$P-g", "vpc_id": "$P-v", "description": "d"}
		POST /v1/security-groups/$P-g/rules {"rules": [$rule, $RULE]}
		POST /v1/security-groups/$P-g/rules {"rules": [$rule]}
		POST /v1/enis {"name": "$P-e", "subnet_id": "$P-n", "security_groups": ["$P-g"], "secondary_ips": ["10.0.0.9"]}
		PUT /v1/enis/$P-e/attachment {"kind": "tap", "owner": "root", "queues": 2}
		GET /v1/enis/$P-e
		GET /v1/enis/$P-w
		GET /v1/vpcs
		GET /v1/subnets?vpc=$P-v
		GET /v1/security-groups
		GET /v1/enis?subnet=prod-app&vpc=prod
		GET /v1/status
		GET /v1/verify
		POST /v1/explain {"from": "$P-w", "to": "192.0.2.1", "protocol": "tcp", "port": 443}
		POST /v1/explain {"from": "$P-w", "to": "192.0.2.1", "protocol": "udp"}
		POST /v1/explain {"from": "$P-w", "to": "192.0.2.1", "protocol": "icmp"}
		PATCH /v1/enis/$P-e {"name": "$P-f", "tags": {}}
		PUT /v1/enis/$P-f/security-groups {"security_groups": ["$P-g", "default"], "flows": "keep"}
		DELETE /v1/security-groups/$P-g/rules {"rules": [$rule], "flows": "cut"}
		DELETE /v1/subnets/$P-n
		DELETE /v1/enis/$P-f/attachment {"reason": "done"}
		POST /v1/transactions {"changes": [{"op": "eni.delete", "eni_id": "$P-f"}, {"op": "sg.create", "name": "$P-h", "vpc_id": "$P-v"}]}
		POST /v1/transactions {"changes": [{"op": "eni.delete", "eni_id": "$P-f"}]}
		DELETE /v1/security-groups/$P-h
		DELETE /v1/security-groups/$P-g
		DELETE /v1/subnets/$P-n
		DELETE /v1/vpcs/$P-v
		GET /v1/vpcs/$P-v
		GET /v1/nothing
	REQUESTS
}

@test "P8: the work of a transaction and its reply follow the changes, not what they are made to" {
	"$TOOLS/growth" --socket "$VPCD_SOCKET" --pid "$(vpcd_pid)"
}

@test "a route table that many changes are about is whole in all results, or in the first and the last" {
	local changes
	# shellcheck disable=SC2016
	changes=$(jq -nc --arg p "$P" --argjson n 16 '[{op: "route-table.create", name: $p, vpc_id: "prod"}] +
		[range($n) | {op: "route.add", route_table_id: "$0.id", destination: "100.64.\(.).0/24", target: "blackhole"}]')
	api_is 200 POST /v1/transactions '{"changes": '"$changes"'}' >"$BATS_TEST_TMPDIR/out"
	jq -e '.results | length == 17 and ([.[].id] | unique | length) == 1' "$BATS_TEST_TMPDIR/out"
	# both as the transaction leaves it
	jq -e '.results | [.[0], .[16]] | all(([.routes[] | select(.target == "blackhole")] | length) == 16)' "$BATS_TEST_TMPDIR/out"
	jq -e '.results[0] == .results[16] and .results[0].name == "'"$P"'"' "$BATS_TEST_TMPDIR/out"
	jq -e '.results[1:16] | all(keys == ["id"])' "$BATS_TEST_TMPDIR/out"
	# 16 of them are whole
	changes=$(jq -c '{changes: ([.[0] | .name += "-2"] + .[2:])}' <<<"$changes")
	api_is 200 POST /v1/transactions "$changes" >"$BATS_TEST_TMPDIR/out"
	jq -e '.results | length == 16 and all(([.routes[] | select(.target == "blackhole")] | length) == 15)' "$BATS_TEST_TMPDIR/out"
	# what is short is whole in each
	# shellcheck disable=SC2016 # $0.id is the API's
	api_is 200 POST /v1/transactions '{"changes": [
		{"op": "sg.create", "name": "'"$P"'", "vpc_id": "prod"},
		{"op": "sg.update", "security_group_id": "$0.id", "description": "a"},
		{"op": "eni.create", "name": "'"$P"'", "subnet_id": "prod-app", "security_groups": ["$0.id"]},
		{"op": "eni.update", "eni_id": "$2.id", "source_dest_check": false},
		{"op": "eni.update", "eni_id": "$2.id", "tags": {"a": "b"}}]}' >"$BATS_TEST_TMPDIR/out"
	jq -e '.results[0].description == "a" and .results[0] == .results[1]' "$BATS_TEST_TMPDIR/out"
	jq -e '.results[2:] | all(.ip != null and .tags.a == "b" and .source_dest_check == false)' "$BATS_TEST_TMPDIR/out"
}

@test "many connections at once, and one that never says anything, starve nobody" {
	local i
	for i in $(seq 20); do
		timeout 20 socat -u "UNIX-CONNECT:$VPCD_SOCKET" /dev/null 3>&- &
		echo $! >>"$BATS_FILE_TMPDIR/background"
	done
	for i in $(seq 10); do
		ctl sg create "$P-$i" --vpc prod >/dev/null
	done
}
