#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every error code that these resources have (include/vpc/errors.def), by vpcctl; a refused request changes nothing.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start "[Limits]" "rules_per_group=20" "groups_per_vpc=40" "vpcs=8" "tags=5" "network_acls_per_vpc=4" \
		"network_acl_rules_per_direction=5"
	world prod
}

setup()
{
	P=t$BATS_TEST_NUMBER
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
}

# What was refused left no trace.
unchanged()
{
	local after
	after=$(ctl -o json status | jq -c '[.revision, .epoch]')
	[ "$after" = "$BEFORE" ] || fail "revision and epoch went from $BEFORE to $after"
}

@test "InvalidVpc.Range, InvalidCidr.HostBits, taken names and VpcLimitExceeded: VPCs" {
	refused InvalidVpc.Range vpc create "$P" --cidr 10.0.0.0/7
	refused InvalidVpc.Range vpc create "$P" --cidr 10.0.0.0/29
	refused InvalidVpc.Range vpc create "$P" --cidr 127.0.0.0/16
	refused InvalidVpc.Range vpc create "$P" --cidr 169.254.0.0/16
	refused InvalidVpc.Range vpc create "$P" --cidr 224.0.0.0/16
	refused InvalidVpc.Range vpc create "$P" --cidr 0.0.0.0/8
	refused InvalidVpc.Range vpc create "$P" --cidr 10.0.0.0/16 --cidr6 fd00::/64
	refused InvalidVpc.Range vpc create "$P" --cidr 10.0.0.0/16 --cidr6 fd00::/40
	refused InvalidVpc.Range vpc create "$P" --cidr 10.0.0.0/16 --cidr6 fe80::/56
	refused InvalidCidr.HostBits vpc create "$P" --cidr 10.0.0.1/16
	refused InvalidParameterValue vpc create "$P" --cidr 10.0.0.0
	refused InvalidParameterValue vpc create "$P" --cidr ten
	refused InvalidParameterValue vpc create "$P" --cidr 10.0.0.0/16 --mtu 1000
	refused InvalidParameterValue vpc create "$P" --cidr 10.0.0.0/16 --mtu 9217
	refused InvalidParameterValue vpc create prod --cidr 10.0.0.0/16
	refused InvalidParameterValue vpc create vpc-mine --cidr 10.0.0.0/16
	refused InvalidVpcID.NotFound vpc show no-such-vpc
	refused InvalidVpcID.NotFound vpc delete vpc-00000000000000000
	refused DependencyViolation vpc delete prod
	unchanged
	local i
	for i in 1 2 3 4 5 6 7; do
		ctl vpc create "$P-$i" --cidr 10.0.0.0/16 >/dev/null
	done
	refused VpcLimitExceeded vpc create "$P-8" --cidr 10.0.0.0/16
	for i in 1 2 3 4 5 6 7; do
		ctl vpc delete "$P-$i"
	done
}

@test "CidrConflict, CannotDelete, InvalidVpcCidrBlockAssociationID.NotFound: CIDRs of a VPC" {
	refused CidrConflict vpc add-cidr prod 10.50.0.0/17
	refused CidrConflict vpc add-cidr prod fd50::/48
	refused InvalidVpc.Range vpc add-cidr prod 10.60.0.0/29
	refused InvalidVpc.Range vpc add-cidr prod fe80::/56
	refused InvalidCidr.HostBits vpc add-cidr prod 10.60.0.1/16
	refused InvalidParameterValue vpc add-cidr prod ten
	refused InvalidVpcID.NotFound vpc add-cidr no-such-vpc 10.60.0.0/16
	refused CannotDelete vpc remove-cidr prod 10.50.0.0/16
	refused DependencyViolation vpc remove-cidr prod fd50::/56
	refused InvalidVpcCidrBlockAssociationID.NotFound vpc remove-cidr prod 10.60.0.0/16
	unchanged
	local i
	for i in 1 2 3 4; do
		ctl vpc add-cidr prod "10.6$i.0.0/16" >/dev/null
	done
	refused ResourceLimitExceeded vpc add-cidr prod 10.65.0.0/16
	for i in 1 2 3 4; do
		ctl vpc remove-cidr prod "10.6$i.0.0/16" >/dev/null
	done
}

@test "CidrConflict: IPv6 addresses that two VPCs would be reached by" {
	ctl vpc create "$P-a" --cidr 10.0.0.0/16 --cidr6 fd77::/56 --internet >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused CidrConflict vpc create "$P-b" --cidr 10.0.0.0/16 --cidr6 fd77::/60 --internet
	unchanged
	ctl vpc delete "$P-a"
}

@test "InvalidSubnet.Range, InvalidSubnet.Conflict: subnets" {
	refused InvalidSubnet.Range subnet create "$P" --vpc prod --cidr 10.51.0.0/24
	refused InvalidSubnet.Range subnet create "$P" --vpc prod --cidr 10.50.9.0/29
	refused InvalidSubnet.Range subnet create "$P" --vpc prod --cidr 10.0.0.0/8
	refused InvalidSubnet.Range subnet create "$P" --vpc prod --cidr 10.50.9.0/24 --cidr6 fd50::/60
	refused InvalidSubnet.Range subnet create "$P" --vpc prod --cidr 10.50.9.0/24 --cidr6 fd51::/64
	refused InvalidSubnet.Conflict subnet create "$P" --vpc prod --cidr 10.50.1.0/24
	refused InvalidSubnet.Conflict subnet create "$P" --vpc prod --cidr 10.50.1.128/25
	refused InvalidSubnet.Conflict subnet create "$P" --vpc prod --cidr 10.50.9.0/24 --cidr6 fd50::/64
	refused InvalidCidr.HostBits subnet create "$P" --vpc prod --cidr 10.50.9.1/24
	refused InvalidVpcID.NotFound subnet create "$P" --vpc no-such-vpc --cidr 10.50.9.0/24
	refused InvalidParameterValue subnet create prod-app --vpc prod --cidr 10.50.9.0/24
	refused InvalidSubnetID.NotFound subnet show no-such-subnet
	unchanged
}

@test "InvalidIPAddress.InUse, reserved addresses, InsufficientFreeAddressesInSubnet: ENIs" {
	local i
	ctl subnet create "$P-small" --vpc prod --cidr 10.50.9.0/28 >/dev/null
	ctl eni create "$P-1" --subnet "$P-small" --ip 10.50.9.5 >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused InvalidIPAddress.InUse eni create "$P-2" --subnet "$P-small" --ip 10.50.9.5
	for i in 0 1 2 3 15; do
		refused InvalidParameterValue eni create "$P-2" --subnet "$P-small" --ip "10.50.9.$i"
	done
	refused InvalidParameterValue eni create "$P-2" --subnet "$P-small" --ip 10.50.10.5
	refused InvalidParameterValue eni create "$P-2" --subnet "$P-small" --ip 10.50.9
	refused InvalidParameterValue eni create "$P-2" --subnet "$P-small" --mac 01:00:00:00:00:01
	refused InvalidParameterValue eni create "$P-2" --subnet "$P-small" --mac "$(eni_field "$P-1" mac)"
	refused InvalidParameterValue eni create "$P-2" --subnet "$P-small" --mac nonsense
	refused InvalidParameterValue eni create "$P-1" --subnet "$P-small"
	refused InvalidSubnetID.NotFound eni create "$P-2" --subnet no-such-subnet
	refused InvalidGroup.NotFound eni create "$P-2" --subnet "$P-small" --sg no-such-group
	refused InvalidNetworkInterfaceID.NotFound eni show no-such-eni
	refused IncorrectState eni detach "$P-1"
	refused DependencyViolation subnet delete "$P-small"
	unchanged
	# 16 addresses less 5 reserved ones.
	[ "$(ctl -o json subnet show "$P-small" | jq .available_ips)" -eq 10 ]
	for i in $(seq 2 11); do
		ctl eni create "$P-$i" --subnet "$P-small" >/dev/null
	done
	refused InsufficientFreeAddressesInSubnet eni create "$P-12" --subnet "$P-small"
	for i in $(seq 1 11); do
		ctl eni delete "$P-$i"
	done
	ctl subnet delete "$P-small"
}

@test "InvalidGroup.*, CannotDelete, DependencyViolation, SecurityGroupLimitExceeded: groups" {
	local i text
	ctl sg create "$P-g" --vpc prod >/dev/null
	ctl sg create "$P-h" --vpc prod >/dev/null
	ctl eni create "$P-e" --subnet prod-app --sg "$P-g" >/dev/null
	ctl sg authorize "$P-h" ingress tcp 80 --sg "$P-g"
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused InvalidGroup.Duplicate sg create "$P-g" --vpc prod
	refused InvalidGroup.Duplicate sg create "${P^^}-G" --vpc prod
	refused InvalidGroup.Reserved sg create default --vpc prod
	refused InvalidParameterValue sg create sg-mine --vpc prod
	refused InvalidParameterValue sg create "$(printf 'x%.0s' $(seq 256))" --vpc prod
	refused InvalidParameterValue sg create 'what?' --vpc prod
	refused InvalidParameterValue sg create "$P-i" --vpc prod --description "$(printf 'x%.0s' $(seq 256))"
	refused InvalidVpcID.NotFound sg create "$P-i" --vpc no-such-vpc
	refused InvalidGroup.NotFound sg show no-such-group
	refused CannotDelete sg delete default --vpc prod
	refused DependencyViolation sg delete "$P-g"
	text=$(ctl sg delete "$P-g" 2>&1) || true
	# Every holder is named: the ENI and the group whose rule names it.
	grep -Eq "$P-e|$(eni_field "$P-e" id)" <<<"$text"
	grep -Eq "$P-h|$(ctl -o json sg show "$P-h" | jq -r .id)" <<<"$text"
	refused InvalidParameterCombination sg detach "$P-g" "$P-e"
	refused InvalidNetworkInterfaceID.NotFound sg attach "$P-g" no-such-eni
	unchanged
	for i in $(seq 60); do
		text=$(ctl sg create "$P-n$i" --vpc prod 2>&1) || break
	done
	grep -q '^vpcctl: SecurityGroupLimitExceeded: .*40' <<<"$text" || fail "$text"
	for i in $(seq $((i - 1))); do
		ctl sg delete "$P-n$i"
	done
	ctl eni delete "$P-e"
	ctl sg delete "$P-h"
	ctl sg delete "$P-g"
}

@test "InvalidPermission.*, InvalidParameterCombination, RulesPerSecurityGroupLimitExceeded: rules" {
	local i text
	ctl sg create "$P-g" --vpc prod >/dev/null
	ctl sg authorize "$P-g" ingress tcp 80 --cidr 10.0.0.0/8
	ctl vpc create "$P-v" --cidr 10.0.0.0/16 >/dev/null
	ctl sg create "$P-far" --vpc "$P-v" >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused InvalidPermission.Duplicate sg authorize "$P-g" ingress tcp 80 --cidr 10.0.0.0/8
	refused InvalidPermission.Duplicate sg authorize "$P-g" ingress 6 80 --cidr 10.0.0.0/8
	refused InvalidPermission.Duplicate sg authorize "$P-g" ingress tcp 81 --cidr 10.0.0.0/8 --cidr 10.0.0.0/8
	refused InvalidPermission.NotFound sg revoke "$P-g" ingress tcp 81 --cidr 10.0.0.0/8
	refused InvalidPermission.NotFound sg revoke "$P-g" ingress tcp 80 --cidr 10.0.0.0/8 --cidr 10.0.0.0/9
	refused InvalidPermission.NotFound sg revoke "$P-g" egress tcp 80 --cidr 10.0.0.0/8
	refused InvalidSecurityGroupRuleId.NotFound sg revoke "$P-g" --rule sgr-00000000000000000
	refused InvalidCidr.HostBits sg authorize "$P-g" ingress tcp 80 --cidr 10.0.0.1/8
	refused InvalidCidr.HostBits sg authorize "$P-g" ingress tcp 80 --cidr fd00::1/64
	refused InvalidParameterCombination sg authorize "$P-g" ingress icmp all --cidr ::/0
	refused InvalidParameterCombination sg authorize "$P-g" ingress icmpv6 all --cidr 0.0.0.0/0
	refused InvalidGroup.NotFound sg authorize "$P-g" ingress tcp 80 --sg no-such-group
	refused InvalidPrefixListID.NotFound sg authorize "$P-g" ingress tcp 80 --prefix-list pl-00000000000000000
	refused InvalidGroup.NotFound sg authorize no-such-group ingress tcp 80 --cidr 10.0.0.0/8
	for text in "tcp 65536" "tcp 90-80" "tcp x" "256 all" "nonsense all" "icmp 256"; do
		# shellcheck disable=SC2086 # two words
		run ctl sg authorize "$P-g" ingress $text --cidr 10.0.0.0/8
		[ "$status" -eq 1 ] || [ "$status" -eq 2 ] || fail "$text: $status"
	done
	# A group of another VPC isn't a peer.
	run ctl sg authorize "$P-g" ingress tcp 80 --sg "$(ctl -o json sg show "$P-far" | jq -r .id)"
	[ "$status" -eq 1 ]
	unchanged
	[ "$(ctl -o json sg show "$P-g" | jq '[.rules[] | select(.direction == "ingress")] | length')" -eq 1 ]
	for i in $(seq 19); do
		ctl sg authorize "$P-g" ingress tcp $((1000 + i)) --cidr 10.0.0.0/8
	done
	text=$(ctl sg authorize "$P-g" ingress tcp 2000 --cidr 10.0.0.0/8 2>&1) || true
	grep -q '^vpcctl: RulesPerSecurityGroupLimitExceeded: .*20' <<<"$text" || fail "$text"
	ctl vpc delete "$P-v" 2>/dev/null || { ctl sg delete "$P-far" && ctl vpc delete "$P-v"; }
}

@test "InvalidNetworkAclID.NotFound, NetworkAclEntry…, NetworkAclLimitExceeded, CannotDelete, DependencyViolation: network ACLs" {
	ctl vpc create "$P" --cidr 10.60.0.0/16 --cidr6 fd60::/56 >/dev/null
	ctl subnet create "$P-s" --vpc "$P" --cidr 10.60.1.0/24 >/dev/null
	ctl acl create "$P-a" --vpc "$P" >/dev/null
	ctl acl associate "$P-a" "$P-s" --vpc "$P" >/dev/null
	ctl acl rule add "$P-a" ingress 100 allow tcp 80 --cidr 0.0.0.0/0 --vpc "$P" >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	set -- --vpc "$P"
	refused InvalidParameterValue acl create "$P-a" "$@"
	refused InvalidParameterValue acl create acl-mine "$@"
	refused InvalidParameterValue acl create default "$@"
	refused InvalidVpcID.NotFound acl create "$P-z" --vpc no-such-vpc
	refused InvalidNetworkAclID.NotFound acl show no-such-acl "$@"
	refused InvalidNetworkAclID.NotFound acl show acl-00000000000000000
	refused InvalidNetworkAclID.NotFound acl delete no-such-acl "$@"
	refused InvalidNetworkAclID.NotFound acl associate no-such-acl "$P-s" "$@"
	refused InvalidNetworkAclID.NotFound acl rule add no-such-acl ingress 1 allow all --cidr 0.0.0.0/0 "$@"
	refused InvalidNetworkAclID.NotFound acl rule replace no-such-acl ingress 1 allow all --cidr 0.0.0.0/0 "$@"
	refused InvalidNetworkAclID.NotFound acl rule delete no-such-acl ingress 1 "$@"
	refused InvalidSubnetID.NotFound acl associate "$P-a" no-such-subnet "$@"
	refused InvalidSubnetID.NotFound acl associate "$P-a" "$P-s" prod-app "$@"
	refused CannotDelete acl delete default "$@"
	refused DependencyViolation acl delete "$P-a" "$@"
	refused DependencyViolation vpc delete "$P"
	refused NetworkAclEntryAlreadyExists acl rule add "$P-a" ingress 100 deny udp 53 --cidr ::/0 "$@"
	refused InvalidNetworkAclEntry.NotFound acl rule replace "$P-a" egress 100 deny udp 53 --cidr ::/0 "$@"
	refused InvalidNetworkAclEntry.NotFound acl rule delete "$P-a" ingress 99 "$@"
	refused InvalidParameterValue acl rule add "$P-a" ingress 0 allow all --cidr 0.0.0.0/0 "$@"
	refused InvalidParameterValue acl rule add "$P-a" ingress 32767 allow all --cidr 0.0.0.0/0 "$@"
	refused InvalidParameterValue acl rule add "$P-a" ingress 1 allow tcp 90-80 --cidr 0.0.0.0/0 "$@"
	refused InvalidParameterValue acl rule add "$P-a" ingress 1 allow all 80 --cidr 0.0.0.0/0 "$@"
	refused InvalidParameterValue acl rule add "$P-a" ingress 1 allow 256 --cidr 0.0.0.0/0 "$@"
	refused InvalidParameterValue acl rule add "$P-a" ingress 1 allow all --cidr ten "$@"
	refused InvalidCidr.HostBits acl rule add "$P-a" ingress 1 allow all --cidr 10.0.0.1/8 "$@"
	refused InvalidParameterCombination acl rule add "$P-a" ingress 1 allow icmpv6 128 --cidr 0.0.0.0/0 "$@"
	refused InvalidParameterCombination acl rule add "$P-a" ingress 1 allow icmp 8 --cidr ::/0 "$@"
	refused MissingParameter acl rule add "$P-a" ingress 1 allow udp --cidr 0.0.0.0/0 "$@"
	unchanged
	for n in 1 2 3 4; do
		ctl acl rule add "$P-a" ingress "$n" deny udp "$n" --cidr 0.0.0.0/0 "$@" >/dev/null
	done
	ctl acl create "$P-b" "$@" >/dev/null
	ctl acl create "$P-c" "$@" >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused NetworkAclEntryLimitExceeded acl rule add "$P-a" ingress 5 deny udp 5 --cidr 0.0.0.0/0 "$@"
	refused NetworkAclLimitExceeded acl create "$P-d" "$@"
	unchanged
	ctl acl associate default "$P-s" "$@" >/dev/null
	ctl acl delete "$P-a" "$P-b" "$P-c" "$@"
	ctl subnet delete "$P-s"
	ctl vpc delete "$P"
}

@test "AmbiguousName lists the ids; --vpc tells" {
	local text
	ctl vpc create "$P-v" --cidr 10.0.0.0/16 >/dev/null
	ctl sg create "$P-same" --vpc "$P-v" >/dev/null
	ctl sg create "$P-same" --vpc prod >/dev/null
	refused AmbiguousName sg show "$P-same"
	text=$(ctl sg show "$P-same" 2>&1) || true
	[ "$(grep -o 'sg-[0-9a-f]\{17\}' <<<"$text" | sort -u | wc -l)" -eq 2 ]
	[ "$(ctl -o json sg show "$P-same" --vpc prod | jq -r .vpc_id)" = "$(ctl -o json vpc show prod | jq -r .id)" ]
	ctl sg delete "$P-same" --vpc prod
	ctl sg show "$P-same" >/dev/null
	ctl sg delete "$P-same"
	ctl vpc delete "$P-v"
}

# told HINT COMMAND…: it is refused, and what is printed says HINT.
told()
{
	local hint=$1 status=0 text
	shift
	text=$("$VPCCTL" "$@" 2>&1 >/dev/null) || status=$?
	[ "$status" -ne 0 ] || fail "vpcctl $*: succeeded"
	grep -qF -e "$hint" <<<"$text" || fail "vpcctl $*: says nothing of '$hint': $text"
}

@test "a refusal says what to do" {
	local id
	ctl sg create "$P-web" --vpc prod >/dev/null
	ctl sg create "$P-clients" --vpc prod >/dev/null
	ctl vpc create "$P-v" --cidr 10.0.0.0/16 >/dev/null
	ctl sg create "$P-clients" --vpc "$P-v" >/dev/null
	ctl eni create "$P-e" --subnet prod-app >/dev/null
	id=$(eni_field "$P-e" id)
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	told "write 10.0.1.4/32" sg authorize "$P-web" ingress tcp 80 --cidr 10.0.1.4
	told "write fd00::4/128" sg authorize "$P-web" ingress tcp 80 --cidr fd00::4
	told "write 0.0.0.0/0 (IPv4) or ::/0 (IPv6)" sg authorize "$P-web" ingress tcp 80 --cidr any
	told "did you mean 10.0.0.0/8?" sg authorize "$P-web" ingress tcp 80 --cidr 10.0.1.4/8
	told "one (443), a range (8000-8999) or all" sg authorize "$P-web" ingress tcp --cidr 0.0.0.0/0
	told "did you mean '$P-web'?" sg show "$P-wbe"
	told "vpcctl sg list shows those there are" sg show nothing-like-it
	told "did you mean '$P-e'?" eni show "$P-f"
	told "say in which VPC (--vpc), or use an id: sg-" sg show "$P-clients"
	told "is taken by $id" eni create "$P-e" --subnet prod-app
	told "vpcctl eni attach" attach "$P-e" --subnet prod-app --netns "$INSTANCE-none"
	told "--sg A --sg B" eni create "$P-g" --subnet prod-app --sg "$P-web,$P-clients"
	told "--sg A --sg B" sg authorize "$P-web" ingress tcp 80 --sg "$P-web,$P-clients"
	told "--cidr A --cidr B" sg authorize "$P-web" ingress tcp 80 --cidr 10.1.0.0/16,10.2.0.0/16
	told "--rule sgr-0123456789abcdef0" sg revoke "$P-web" sgr-0123456789abcdef0
	told "--vpc prod" sg list prod
	unchanged
	ctl eni delete "$P-e"
	ctl sg delete "$P-web"
	ctl sg delete "$P-clients" --vpc prod
	ctl sg delete "$P-clients"
	ctl vpc delete "$P-v"
}

@test "wrong usage is exit 2, and --help works everywhere" {
	local command
	misused
	misused no-such-command
	misused vpc create
	misused sg authorize
	misused vpc create x --no-such-option
	for command in vpc subnet sg eni attach detach status verify monitor "vpc create" "sg authorize" "sg revoke" "eni attach"; do
		# shellcheck disable=SC2086 # two words
		ctl $command --help | grep -q 'vpcctl' || fail "$command --help"
	done
}

@test "output: table, json, yaml, id" {
	local id
	id=$(ctl -o id vpc create "$P-v" --cidr 10.0.0.0/16)
	[[ "$id" =~ ^vpc-[0-9a-f]{17}$ ]]
	[ "$(ctl -o id vpc show "$P-v")" = "$id" ]
	[ "$(ctl -o json vpc show "$id" | jq -r '[.id, .name, .cidr, .mtu] | join(" ")')" = "$id $P-v 10.0.0.0/16 1500" ]
	ctl -o json vpc show "$id" | jq -e 'has("tags") and has("revision") and has("cidr6") and has("netns")' >/dev/null
	ctl -o yaml vpc show "$id" | grep -q "^id: \"*$id"
	ctl vpc list | grep -q "$P-v"
	ctl vpc delete "$id"
	refused InvalidVpcID.NotFound vpc show "$id"
}
