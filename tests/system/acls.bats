#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Network ACLs with real traffic: at the edge of a subnet, each packet, first match.

bats_require_minimum_version 1.5.0
load lib

# Quiet: a change prints the whole ACL.
set_acl()
{
	ctl acl "$@" >/dev/null
}

setup_file()
{
	vpcd_start
	world prod
	sg_open open prod
	workload_add a prod-app --sg open
	workload_add b prod-db --sg open
	workload_add c prod-db --sg open
	serve b --tcp 7000-7003 --udp 7000-7003
	serve c --tcp 7000-7003
}

setup()
{
	A=$(ip_of a)
	B=$(ip_of b)
	B6=$(ip6_of b)
	C=$(ip_of c)
}

# Every test begins and ends with default ACLs.
teardown()
{
	ctl acl associate default prod-app prod-db --vpc prod >/dev/null
	verify_clean
}

# acl NAME: with rules that let everything out, associated with prod-db.
acl()
{
	ctl acl create "$1" --vpc prod >/dev/null
	ctl acl rule add "$1" egress 100 allow all --cidr 0.0.0.0/0 >/dev/null
	ctl acl rule add "$1" egress 101 allow all --cidr ::/0 >/dev/null
	ctl acl associate "$1" prod-db >/dev/null
}

@test "a VPC is born with a default network ACL, which allows everything, and is edited but not deleted" {
	[ "$(ctl -o json acl show default --vpc prod | jq -r '.is_default, (.rules | length), (.subnets | length)' |
		tr '\n' ' ')" = "true 4 2 " ]
	refused CannotDelete acl delete default --vpc prod
	can a tcp "$B" 7000
	can a tcp "$B6" 7000
	set_acl rule add default ingress 50 deny tcp 7000 --cidr 0.0.0.0/0 --vpc prod
	cannot a tcp "$B" 7000
	can a tcp "$B" 7001
	can a tcp "$B6" 7000
	can b tcp "$C" 7000 # inside a subnet nothing is asked
	set_acl rule delete default ingress 50 --vpc prod
	can a tcp "$B" 7000
}

@test "a new ACL denies everything, both families, but not inside a subnet" {
	set_acl create shut --vpc prod
	set_acl associate shut prod-db
	cannot a tcp "$B" 7000
	cannot a tcp "$B6" 7000
	cannot b tcp "$A" 7000
	pings_not a "$B"
	can b tcp "$C" 7000
	[ "$(drops_of b acl_ingress)" -gt 0 ]
	[ "$(drops_of b acl_egress)" -gt 0 ]
	refused DependencyViolation acl delete shut
	set_acl associate default prod-db --vpc prod
	can a tcp "$B" 7000
	set_acl delete shut
}

@test "it is stateless: answers need a rule for their ephemeral ports" {
	acl stateless
	set_acl rule add stateless ingress 100 allow tcp 7001 --cidr 10.50.0.0/16
	can a tcp "$B" 7001
	cannot a tcp "$B" 7002
	set_acl rule replace stateless egress 100 deny all --cidr 0.0.0.0/0
	cannot a tcp "$B" 7001
	set_acl rule replace stateless egress 100 allow tcp 1024-65535 --cidr 10.50.0.0/16
	can a tcp "$B" 7001
	set_acl associate default prod-db --vpc prod
	set_acl delete stateless
}

@test "the lowest number wins; rules are inserted, replaced and deleted live" {
	acl order
	set_acl rule add order ingress 200 allow all --cidr 0.0.0.0/0
	set_acl rule add order ingress 201 allow all --cidr ::/0
	can a tcp "$B" 7000
	set_acl rule add order ingress 100 deny tcp 7000-7001 --cidr "$A/32"
	cannot a tcp "$B" 7000
	cannot a tcp "$B" 7001
	can a tcp "$B" 7002
	set_acl rule add order ingress 99 allow tcp 7001 --cidr 0.0.0.0/0
	can a tcp "$B" 7001
	set_acl rule replace order ingress 100 deny udp 7002 --cidr 0.0.0.0/0
	can a tcp "$B" 7000
	cannot a udp "$B" 7002
	can a udp "$B6" 7002
	set_acl rule add order ingress 98 deny icmp 8 --cidr 0.0.0.0/0
	pings_not a "$B"
	pings a "$B6"
	set_acl rule delete order ingress 98
	set_acl rule delete order ingress 100
	pings a "$B"
	can a udp "$B" 7002
	set_acl associate default prod-db --vpc prod
	set_acl delete order
}

@test "a deny stops the very next packet of a flow that is hot, in either direction" {
	acl hot
	set_acl rule add hot ingress 200 allow all --cidr 0.0.0.0/0
	stream a hot tcp-echo "$B" 7003
	set_acl rule add hot ingress 100 deny tcp 7003 --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1
	log_stops "$(stream_log hot)" "$t"
	set_acl rule delete hot ingress 100
	stream_end hot >/dev/null
	stream a back tcp-echo "$B" 7002
	set_acl rule replace hot egress 100 deny all --cidr 0.0.0.0/0
	t=$(now_ns)
	sleep 1
	log_stops "$(stream_log back)" "$t"
	stream_end back >/dev/null
	set_acl associate default prod-db --vpc prod
	set_acl delete hot
}

@test "200 rules in a direction, and not one more" {
	acl many
	for i in $(seq 1 199); do
		printf '{"op":"acl.rule.add","network_acl_id":"many","direction":"ingress","rule_number":%d,"action":"deny",' "$i"
		printf '"protocol":"tcp","from_port":%d,"to_port":%d,"cidr":"10.50.0.0/16"}\n' $((i * 10)) $((i * 10 + 3))
	done | jq -s '{changes: .}' >"$BATS_TEST_TMPDIR/rules"
	api POST /v1/transactions "$(cat "$BATS_TEST_TMPDIR/rules")" >/dev/null
	set_acl rule add many ingress 300 allow all --cidr 0.0.0.0/0
	can a tcp "$B" 7000
	set_acl rule replace many ingress 150 deny tcp 7000 --cidr "$A/32"
	cannot a tcp "$B" 7000
	can a tcp "$B" 7001
	refused NetworkAclEntryLimitExceeded acl rule add many ingress 301 allow all --cidr ::/0
	set_acl associate default prod-db --vpc prod
	set_acl delete many
}

@test "vpcd killed and started again: what was denied stays denied, and what stands is taken over" {
	acl keep
	set_acl rule add keep ingress 100 allow tcp 7001 --cidr 0.0.0.0/0
	vpcd_restart
	verify_clean
	can a tcp "$B" 7001
	cannot a tcp "$B" 7000
	set_acl rule add keep ingress 101 allow tcp 7000 --cidr 0.0.0.0/0
	can a tcp "$B" 7000
	set_acl associate default prod-db --vpc prod
	set_acl delete keep
}

@test "wrong input gets its code and changes nothing" {
	acl codes
	set_acl rule add codes ingress 100 allow tcp 7001 --cidr 0.0.0.0/0
	refused NetworkAclEntryAlreadyExists acl rule add codes ingress 100 deny all --cidr 0.0.0.0/0
	refused InvalidNetworkAclEntry.NotFound acl rule replace codes ingress 7 deny all --cidr 0.0.0.0/0
	refused InvalidNetworkAclEntry.NotFound acl rule delete codes egress 7
	refused InvalidNetworkAclID.NotFound acl rule delete nobody egress 7
	refused InvalidParameterValue acl rule add codes ingress 0 deny all --cidr 0.0.0.0/0
	refused InvalidParameterValue acl rule add codes ingress 32767 deny all --cidr 0.0.0.0/0
	refused InvalidCidr.HostBits acl rule add codes ingress 7 deny all --cidr 10.0.0.1/8
	refused InvalidParameterCombination acl rule add codes ingress 7 deny icmp --cidr ::/0
	refused MissingParameter acl rule add codes ingress 7 deny tcp --cidr ::/0
	misused acl rule add codes ingress 7 --cidr ::/0
	[ "$(ctl -o json acl show codes | jq '.rules | length')" = 3 ]
	can a tcp "$B" 7001
	set_acl associate default prod-db --vpc prod
	set_acl delete codes
}
