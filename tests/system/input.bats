#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Wrong input gets its error, changes nothing, and vpcd lives.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	ctl sg create web --vpc prod >/dev/null
}

setup()
{
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
}

# And the daemon that answered is the one that was started.
teardown()
{
	vpcd_running
	[ "$(ctl -o json status | jq -c '[.revision, .epoch]')" = "$BEFORE" ]
	verify_clean
}

# raw TEXT: those bytes on a connection of its own; prints the first line of the answer.
raw()
{
	printf '%b' "$1" | timeout 5 socat -t 2 - "UNIX-CONNECT:$VPCD_SOCKET" 2>/dev/null | head -n 1 || true
}

@test "bodies that aren't JSON, or not an object" {
	local body
	for body in '{' '[]' '"x"' '1' 'null' '{"name": }' '{"name": "x"} trailing' 'nonsense' '{"name": "\ud800"}' $'{"name": "\xff"}' \
		'{"name": "x", "name": "y", "cidr": "10.0.0.0/16", "cidr": 5}'; do
		api POST /v1/vpcs "$body" >"$BATS_TEST_TMPDIR/answer"
		[ "$(cat "$BATS_TEST_TMPDIR/status")" = 400 ] || fail "$body: $(cat "$BATS_TEST_TMPDIR/status") $(cat "$BATS_TEST_TMPDIR/answer")"
		jq -e '.code' "$BATS_TEST_TMPDIR/answer" >/dev/null
	done
	api_refused 400 MalformedRequest POST /v1/vpcs '{'
}

@test "fields that are missing, unknown, or of the wrong type, named in the reply" {
	api_refused 400 MissingParameter POST /v1/vpcs '{"name": "x"}'
	[ "$(jq -r .field "$BATS_TEST_TMPDIR/reply")" = cidr ]
	api_refused 400 UnknownParameter POST /v1/vpcs '{"name": "x", "cidr": "10.0.0.0/16", "colour": "red"}'
	[ "$(jq -r .field "$BATS_TEST_TMPDIR/reply")" = colour ]
	api_refused 400 InvalidParameterValue POST /v1/vpcs '{"name": 5, "cidr": "10.0.0.0/16"}'
	[ "$(jq -r .field "$BATS_TEST_TMPDIR/reply")" = name ]
	api_refused 400 InvalidParameterValue POST /v1/vpcs '{"name": "x", "cidr": "10.0.0.0/16", "mtu": "big"}'
	api_is 400 POST /v1/vpcs '{"name": "x", "cidr": "10.0.0.0/16", "mtu": 9999999999999999}' >/dev/null
	api_refused 400 InvalidParameterValue POST /v1/vpcs '{"name": "", "cidr": "10.0.0.0/16"}'
	api_refused 400 InvalidParameterValue POST /v1/security-groups/web/rules '{"rules": "all"}'
	api_refused 400 MissingParameter POST /v1/security-groups/web/rules '{}'
	api_refused 400 UnknownParameter POST /v1/transactions '{"changes": [{"op": "vpc.create", "name": "x", "cidr": "10.0.0.0/16", "z": 1}]}'
}

@test "rules that are none" {
	local rule
	for rule in '{}' '{"direction": "ingress"}' '{"direction": "ingress", "protocol": "tcp", "cidr": "0.0.0.0/0"}' \
		'{"direction": "up", "protocol": "tcp", "from_port": 1, "to_port": 1, "cidr": "0.0.0.0/0"}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": 1, "to_port": 1}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": 2, "to_port": 1, "cidr": "0.0.0.0/0"}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": -1, "to_port": 1, "cidr": "0.0.0.0/0"}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": 1, "to_port": 65536, "cidr": "0.0.0.0/0"}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": 1, "to_port": 1, "cidr": "0.0.0.0/0", "sg_id": "web"}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": 1.5, "to_port": 2, "cidr": "0.0.0.0/0"}' \
		'{"direction": "ingress", "protocol": "256", "cidr": "0.0.0.0/0"}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": 1, "to_port": 1, "cidr": "0.0.0.0/33"}' \
		'{"direction": "ingress", "protocol": "tcp", "from_port": 1, "to_port": 1, "cidr": "010.0.0.0/8"}' '5' 'null' '[]'; do
		api POST /v1/security-groups/web/rules '{"rules": ['"$rule"']}' >/dev/null
		[ "$(cat "$BATS_TEST_TMPDIR/status")" = 400 ] || fail "$rule: $(cat "$BATS_TEST_TMPDIR/status")"
		jq -e '.code | test("^(MissingParameter|UnknownParameter|InvalidParameter|InvalidPermission|MalformedRequest|InvalidCidr)")' \
			"$BATS_TEST_TMPDIR/reply" >/dev/null || fail "$rule: $(cat "$BATS_TEST_TMPDIR/reply")"
	done
}

@test "addresses that don't exist, and methods they don't take" {
	api_is 404 GET /v1/no-such-thing >/dev/null
	api_is 404 GET / >/dev/null
	api_is 404 GET /v1/vpcs/no-such-vpc >/dev/null
	api_is 404 GET '/v1/vpcs/%00' >/dev/null || api_is 400 GET '/v1/vpcs/%00' >/dev/null
	api_is 404 GET '/v1/vpcs/..%2f..%2fetc' >/dev/null
	api_is 405 PUT /v1/vpcs '{}' >/dev/null
	api_is 405 DELETE /v1/status >/dev/null
	api_refused 400 InvalidParameterValue POST /v1/transactions '{"changes": [{"op": "vpc.explode"}]}'
	api_refused 400 InvalidParameterValue POST /v1/transactions '{"changes": 5}'
}

@test "references to results that don't exist" {
	local id
	# shellcheck disable=SC2016 # "$0.id" is the API's
	for id in '$0.id' '$5.id' '$-1.id' '$99999999999999999999.id' '$0.name' '$.id' '$'; do
		api POST /v1/transactions '{"changes": [{"op": "subnet.create", "name": "x", "vpc_id": "'"$id"'", "cidr": "10.50.7.0/24"}]}' >/dev/null
		[[ "$(cat "$BATS_TEST_TMPDIR/status")" =~ ^(400|404)$ ]] || fail "$id: $(cat "$BATS_TEST_TMPDIR/status")"
	done
}

@test "bodies too large, and HTTP that is none" {
	head -c 8500000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
	printf '{"name": "x", "cidr": "10.0.0.0/16"}' >>"$BATS_TEST_TMPDIR/large"
	api POST /v1/vpcs "@$BATS_TEST_TMPDIR/large" Expect: >/dev/null 2>&1 || true
	[ "$(cat "$BATS_TEST_TMPDIR/status")" = 413 ] || fail "status $(cat "$BATS_TEST_TMPDIR/status")"
	raw 'nonsense\r\n\r\n' >/dev/null
	raw 'GET /v1/status HTTP/1.1\r\n\r\n' >/dev/null
	raw '\0\0\0\0\0\0\0\0' >/dev/null
	raw 'POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n' >/dev/null
	raw 'POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n' >/dev/null
	raw 'POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"name":' >/dev/null
	raw "GET /$(head -c 100000 /dev/zero | tr '\0' a) HTTP/1.1\r\nHost: x\r\n\r\n" >/dev/null
	ctl status >/dev/null
}

@test "a body just under the limit, and one that comes slowly, are read" {
	# 7.9 MiB of white space, then a request that the model refuses.
	head -c 8280000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
	printf '{"name": "prod", "cidr": "10.0.0.0/16"}' >>"$BATS_TEST_TMPDIR/large"
	api_refused 400 InvalidParameterValue POST /v1/vpcs "@$BATS_TEST_TMPDIR/large" Expect:
	{
		printf 'POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 39\r\nConnection: close\r\n\r\n'
		local text='{"name": "prod", "cidr": "10.0.0.0/16"}' i
		for i in $(seq 0 38); do
			printf '%s' "${text:i:1}"
			sleep 0.02
		done
	} | timeout 10 socat -t 3 - "UNIX-CONNECT:$VPCD_SOCKET" | head -n 1 | grep -q ' 400 '
}

@test "JSON as deep as it gets" {
	python3 -c 'print("[" * 100000)' >"$BATS_TEST_TMPDIR/deep"
	api_is 400 POST /v1/vpcs "@$BATS_TEST_TMPDIR/deep" >/dev/null
	python3 -c 'print("{\"name\":" + "{\"a\":" * 3000 + "1" + "}" * 3001)' >"$BATS_TEST_TMPDIR/deep"
	api_is 400 POST /v1/vpcs "@$BATS_TEST_TMPDIR/deep" >/dev/null
}
