#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Prefix lists in rules: an entry counts for whoever names the list, from the moment of the reply.

bats_require_minimum_version 1.5.0
load lib

# Client $P-a, server $P-b whose group $P-b lets in tcp and udp 7000 from the list $P.
setup()
{
	P=t$BATS_TEST_NUMBER
	pair
	ctl prefix-list create "$P" --max-entries 10 >/dev/null
	ctl sg authorize "$P-b" ingress tcp 7000 --prefix-list "$P" >/dev/null
	ctl sg authorize "$P-b" ingress udp 7000 --prefix-list "$P" >/dev/null
	serve "$P-b" --tcp 7000-7001 --udp 7000-7001
}

@test "rule 5: an entry opens what rules that name the list say, and no more" {
	cannot "$P-a" tcp "$B" 7000
	ctl prefix-list add "$P" 10.50.0.0/16
	can "$P-a" tcp "$B" 7000
	can "$P-a" udp "$B" 7000
	cannot "$P-a" tcp "$B" 7001
	cannot "$P-a" tcp "$(ip6_of "$P-b")" 7000
	ctl prefix-list remove "$P" 10.50.0.0/16
	cannot "$P-a" tcp "$B" 7000
	ctl prefix-list add "$P" "$A/32" 203.0.113.0/24
	can "$P-a" tcp "$B" 7000
	"$VPCCTL" verify
}

@test "rule 5: an IPv6 list lets in IPv6" {
	ctl prefix-list create "$P-six" --family 6 --max-entries 3 --entry fd50::/56
	ctl sg authorize "$P-b" ingress tcp 7001 --prefix-list "$P-six"
	can "$P-a" tcp "$(ip6_of "$P-b")" 7001
	cannot "$P-a" tcp "$B" 7001
	ctl prefix-list remove "$P-six" fd50::/56
	cannot "$P-a" tcp "$(ip6_of "$P-b")" 7001
}

@test "rule 5: egress to a list" {
	ctl prefix-list add "$P" 0.0.0.0/0
	ctl sg revoke "$P-a" egress all --cidr 0.0.0.0/0
	cannot "$P-a" tcp "$B" 7000
	ctl prefix-list create "$P-out" --max-entries 3 --entry "$B/32"
	ctl sg authorize "$P-a" egress tcp 7000 --prefix-list "$P-out"
	can "$P-a" tcp "$B" 7000
	ctl prefix-list remove "$P-out" "$B/32"
	cannot "$P-a" tcp "$B" 7000
}

@test "rule 8: removing an entry cuts what only it allowed, and the reply lists it" {
	local reply t
	ctl prefix-list add "$P" 10.50.0.0/16 10.0.0.0/8
	stream "$P-a" s tcp-echo "$B" 7000
	ctl prefix-list remove "$P" 10.50.0.0/16
	t=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log s)" "$t"
	reply=$("$VPCCTL" -o json prefix-list remove "$P" 10.0.0.0/8)
	t=$(now_ns)
	jq -e '.cut_flows_total >= 1 and (.cut_flows | any(.protocol == "tcp" and .dst_port == 7000))' <<<"$reply"
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	log_stops "$(log_of "$P-b")" "$t"
}

@test "rule 8: --flows keep lets a flow run on, and a later cut ends it" {
	local t
	ctl prefix-list add "$P" 10.50.0.0/16 203.0.113.0/24
	stream "$P-a" s tcp-echo "$B" 7000
	ctl prefix-list remove "$P" 10.50.0.0/16 --flows keep
	cannot "$P-a" tcp "$B" 7000
	t=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log s)" "$t"
	ctl prefix-list add "$P" 10.50.0.0/16
	ctl prefix-list remove "$P" 10.50.0.0/16
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
}

@test "restore gives a list the entries of an earlier version, as a new one" {
	ctl prefix-list add "$P" 10.50.0.0/16
	ctl prefix-list remove "$P" 10.50.0.0/16
	cannot "$P-a" tcp "$B" 7000
	[ "$("$VPCCTL" -o json prefix-list show "$P" | jq -c '[.version, .entry_count]')" = '[3,0]' ]
	[ "$("$VPCCTL" -o json prefix-list show "$P" --version 2 | jq -r '.entries[].cidr')" = 10.50.0.0/16 ]
	ctl prefix-list restore "$P" 2
	can "$P-a" tcp "$B" 7000
	[ "$("$VPCCTL" -o json prefix-list show "$P" | jq -c '[.version, .entry_count]')" = '[4,1]' ]
	ctl prefix-list restore "$P" 1
	cannot "$P-a" tcp "$B" 7000
	"$VPCCTL" verify
}

@test "P6: a restart keeps the list, its versions and what it allows" {
	ctl prefix-list add "$P" 10.50.0.0/16
	vpcd_restart KILL
	can "$P-a" tcp "$B" 7000
	"$VPCCTL" verify
	ctl prefix-list remove "$P" 10.50.0.0/16
	cannot "$P-a" tcp "$B" 7000
	ctl prefix-list restore "$P" 2
	can "$P-a" tcp "$B" 7000
}

@test "P3: one transaction takes an entry from one list to another" {
	local t
	ctl prefix-list create "$P-other" --max-entries 3
	ctl sg authorize "$P-b" ingress tcp 7000 --prefix-list "$P-other"
	ctl prefix-list add "$P" 10.50.0.0/16
	stream "$P-a" s tcp-echo "$B" 7000
	t=$(now_ns)
	api_is 200 POST /v1/transactions "{\"changes\": [
		{\"op\": \"prefix-list.remove\", \"prefix_list_id\": \"$P\", \"entries\": [{\"cidr\": \"10.50.0.0/16\"}]},
		{\"op\": \"prefix-list.add\", \"prefix_list_id\": \"$P-other\", \"entries\": [{\"cidr\": \"10.50.0.0/16\"}]}]}"
	sleep 1.2
	log_goes_on "$(stream_log s)" "$t"
	can "$P-a" tcp "$B" 7000
}

@test "errors of prefix lists" {
	refused InvalidPrefixListID.NotFound prefix-list show pl-00000000000000000
	refused PrefixListMaxEntriesExceeded prefix-list add "$P" 10.0.{1..11}.0/24
	ctl prefix-list add "$P" 10.50.0.0/16
	refused InvalidPrefixListModification prefix-list add "$P" 10.51.0.0/16 10.50.0.0/16
	refused InvalidPrefixListModification prefix-list remove "$P" 10.51.0.0/16
	refused InvalidCidr.HostBits prefix-list add "$P" 10.51.0.1/16
	refused InvalidParameterValue prefix-list add "$P" fd50::/56
	refused InvalidPrefixListVersion.NotFound prefix-list restore "$P" 9
	refused InvalidPrefixListVersion.NotFound prefix-list show "$P" --version 9
	refused InvalidParameterValue prefix-list create "$P-none" --max-entries 0
	refused ResourceLimitExceeded prefix-list create "$P-much" --max-entries 100001
	refused InvalidParameterValue prefix-list create "$P-five" --max-entries 1 --family 5
	refused InvalidParameterCombination sg authorize "$P-b" ingress icmpv6 all --prefix-list "$P"
	refused InvalidPermission.Duplicate sg authorize "$P-b" ingress tcp 7000 --prefix-list "$P"
	refused DependencyViolation prefix-list delete "$P"
	[ "$("$VPCCTL" -o json prefix-list show "$P" | jq -c '[.version, .entry_count]')" = '[2,1]' ]
	ctl sg revoke "$P-b" ingress tcp 7000 --prefix-list "$P"
	ctl sg revoke "$P-b" ingress udp 7000 --prefix-list "$P"
	ctl prefix-list delete "$P"
	"$VPCCTL" verify
}

@test "an added entry costs the same for a thousand rules that name the list as for one" {
	local one many rules
	ctl prefix-list set "$P" --max-entries 1000
	one=$(cost_of_entry "$P")
	rules=$(seq 10000 10999 | jq -c --arg pl "$P" '{direction: "ingress", protocol: "tcp", from_port: ., to_port: .,
		prefix_list_id: $pl}' | jq -cs '{rules: .}')
	api_is 201 POST "/v1/security-groups/$P-b/rules" "$rules" >/dev/null
	many=$(cost_of_entry "$P")
	echo "ns until an added entry is in force: one rule $one, a thousand $many"
	[ "$many" -lt $((one * 2)) ]
}

# The least enforced_ns of 21 additions: others that use the CPUs make it longer, and the work never shorter.
cost_of_entry()
{
	local i
	for i in $(seq 21); do
		"$VPCCTL" -o json prefix-list add "$1" "198.18.$i.0/24" | jq .enforced_ns
		"$VPCCTL" prefix-list remove "$1" "198.18.$i.0/24" >/dev/null
	done | sort -n | sed -n 1p
}

@test "100,000 entries load in one transaction" {
	local start
	ctl prefix-list create big --max-entries 100000
	ctl sg authorize "$P-b" ingress tcp 7001 --prefix-list big
	seq 0 99998 | awk '{ printf "%d.%d.%d.%d/32\n", 20 + $1 / 16777216, $1 / 65536 % 256, $1 / 256 % 256, $1 % 256 }' \
		>"$BATS_TEST_TMPDIR/entries"
	echo "$A/32 the client" >>"$BATS_TEST_TMPDIR/entries"
	cannot "$P-a" tcp "$B" 7001
	start=$(now_ns)
	ctl prefix-list add big --file "$BATS_TEST_TMPDIR/entries"
	echo "100,000 entries took $((($(now_ns) - start) / 1000000)) ms"
	[ $((($(now_ns) - start) / 1000000)) -lt 15000 ]
	can "$P-a" tcp "$B" 7001
	[ "$("$VPCCTL" -o json prefix-list show big | jq .entry_count)" = 100000 ]
	ctl prefix-list remove big "$A/32"
	cannot "$P-a" tcp "$B" 7001
	"$VPCCTL" verify
}
