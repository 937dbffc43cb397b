#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A store that an earlier version of vpcd wrote is taken over (P6). upgrade.sql is such a store. What a running datapath of another
# version becomes is in restart.bats.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	instance_use "$(instance_name)"
	sqlite3 "$STATE_DIR/state.db" <"$TOP/tests/system/upgrade.sql"
	vpcd_start
}

# documents KIND FILTER: jq's output for each object of the kind in the sample, by its name.
documents()
{
	sqlite3 -readonly "$BATS_TEST_TMPDIR/sample.db" \
		"SELECT text FROM document WHERE kind = '$1' ORDER BY json_extract(text, '\$.id')" | jq -c "$2"
}

@test "P6: a store of before route tables and network ACLs is taken over, and what it lacks is made once" {
	local kind path revision fields
	sqlite3 "$BATS_TEST_TMPDIR/sample.db" <"$TOP/tests/system/upgrade.sql"
	verify_clean
	for kind in "vpc vpcs .cidr,.cidr6,.mtu,.dhcp_options" "subnet subnets .vpc_id,.cidr,.cidr6" \
		"sg security-groups .vpc_id,.description" \
		"eni enis .mac,.ip,.ip6,.secondary_ips,.security_groups,.source_dest_check"; do
		read -r kind path fields <<<"$kind"
		documents "$kind" "[.id, .name, .tags, .number, $fields]" >"$BATS_TEST_TMPDIR/stored"
		api_is 200 GET "/v1/$path" | jq -c "[.[] | arrays] | .[0] | sort_by(.id) | .[] | [.id, .name, .tags, .number, $fields]" \
			>"$BATS_TEST_TMPDIR/shown"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/shown")" -gt 1 ]
		diff "$BATS_TEST_TMPDIR/stored" "$BATS_TEST_TMPDIR/shown"
	done
	fields='[.id, .direction, .protocol, .from_port, .to_port, .cidr, .sg_id, .description]'
	documents rule "$fields" >"$BATS_TEST_TMPDIR/stored"
	api_is 200 GET /v1/security-groups | jq -c '[.security_groups[].rules[]] | sort_by(.id) | .[] | '"$fields" >"$BATS_TEST_TMPDIR/shown"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/shown")" -eq 15 ]
	diff "$BATS_TEST_TMPDIR/stored" "$BATS_TEST_TMPDIR/shown"
	# made: what each VPC is born with today
	api_is 200 GET /v1/route-tables | jq -e '[.route_tables[] | select(.main)] | length == 2'
	api_is 200 GET /v1/network-acls | jq -e '[.network_acls[] | select(.is_default and (.rules | length) == 4)] | length == 2'
	# an attachment to a namespace that is gone is none; a tap is made again
	wait_for 10 test "$(eni_field web1 attachment)" = null
	[ "$(eni_field vm1 attachment.kind)" = tap ]
	revision=$(ctl -o json status | jq .revision)
	vpcd_restart KILL
	verify_clean
	[ "$(ctl -o json status | jq .revision)" -eq "$revision" ] || fail "something was made again"
}

@test "P2, P6: its rules judge, and a rule's number of before is not given again" {
	netns_add "$P-web1"
	netns_add "$P-db1"
	ctl eni attach web1 --netns "$(netns_of "$P-web1")" >/dev/null
	ctl eni attach db1 --netns "$(netns_of "$P-db1")" >/dev/null
	wait_for 5 addresses_ready "$P-web1"
	wait_for 5 addresses_ready "$P-db1"
	serve "$P-db1" --tcp 5432 --tcp 80
	can "$P-web1" tcp 10.50.2.4 5432
	cannot "$P-web1" tcp 10.50.2.4 80
	ctl sg authorize db ingress tcp 80 --sg web >/dev/null
	can "$P-web1" tcp 10.50.2.4 80
	# the sample says next_rule 1028
	[ "$(sqlite3 -readonly "$STATE_DIR/state.db" "SELECT max(json_extract(text, '\$.number')) FROM document WHERE kind = 'rule'")" -ge 1028 ]
	ctl sg revoke db ingress tcp 5432-5440 --sg web >/dev/null
	cannot "$P-web1" tcp 10.50.2.4 5432
	verify_clean
}
