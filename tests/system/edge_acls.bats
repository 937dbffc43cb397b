#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Network ACLs and the world: what leaves and enters a subnet by a NAT gateway, an internet gateway, an elastic IP or a published port is
# judged with the outside's real address, each packet by itself, in both directions.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

OTHER=198.18.0.7 # of the world, too

# rule ACTION DIRECTION NUMBER OPTION…: of the test's ACL; add, replace or delete.
rule()
{
	ctl acl rule "$1" "$P-acl" "${@:2}" --vpc "$P" >/dev/null
}

# edge_acl SUBNET: the test's ACL, which allows everything by its rules 1000 and 1001.
edge_acl()
{
	local direction
	ctl acl create "$P-acl" --vpc "$P" >/dev/null
	for direction in ingress egress; do
		rule add $direction 1000 allow all --cidr 0.0.0.0/0
		rule add $direction 1001 allow all --cidr ::/0
	done
	ctl acl associate "$P-acl" "$1" --vpc "$P" >/dev/null
}

# goes_on LABEL: more comes back by the stream than has until now.
goes_on()
{
	wait_for 10 stream_has "$1" $(($(wc -l <"$(stream_log "$1")") + 20))
}

# stopped LABEL COMMAND…: nothing comes back by the stream from the command's end on.
stopped()
{
	local label=$1 t
	"${@:2}"
	t=$(now_ns)
	sleep 1
	log_stops "$(stream_log "$label")" "$t"
}

@test "by a NAT gateway: answers need a rule of their own; a live flow is judged by the changed ACL, and goes on when it may" {
	edge_vpc "$P" --internet
	workload_add "$P-a" "$P-app"
	serve outside --tcp 7000-7001 --udp 7000
	edge_acl "$P-app"
	can "$P-a" tcp "$OUTSIDE" 7000
	pings "$P-a" "$OUTSIDE"
	rule add egress 10 deny tcp 7000 --cidr "$OUTSIDE/32"
	cannot "$P-a" tcp "$OUTSIDE" 7000
	[ "$(drops_of "$P-a" acl_egress)" -gt 0 ]
	can "$P-a" tcp "$OUTSIDE" 7001
	can "$P-a" tcp "$OTHER" 7000
	rule delete egress 10
	rule replace ingress 1000 allow tcp 1024-65535 --cidr "$OUTSIDE/32"
	can "$P-a" tcp "$OUTSIDE" 7000
	unanswered "$P-a" tcp "$OTHER" 7000
	unanswered "$P-a" udp "$OUTSIDE" 7000
	[ "$(drops_of "$P-a" acl_ingress)" -gt 0 ]
	rule replace ingress 1000 allow all --cidr 0.0.0.0/0
	stream "$P-a" hot udp-echo "$OUTSIDE" 7000
	stopped hot rule add egress 10 deny udp 7000 --cidr 0.0.0.0/0
	rule delete egress 10
	goes_on hot
	stopped hot rule add ingress 10 deny udp 0-65535 --cidr "$OUTSIDE/32"
	rule delete ingress 10
	goes_on hot
	stream_end hot >/dev/null
	verify_clean
}

@test "by an elastic IP and by IPv6: opened from outside, judged by the outside's address" {
	local a
	edge_vpc "$P"
	edge_gate "$P"
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	ctl sg authorize "$P-open" ingress all --cidr ::/0 >/dev/null
	workload_add "$P-a" "$P-app" --sg "$P-open"
	serve "$P-a" --tcp 7000-7001 --udp 7000
	a=$(eip_for "$P-a" "$P-x")
	edge_acl "$P-app"
	can outside tcp "$a" 7000
	can outside tcp "$(ip6_of "$P-a")" 7000
	stream outside hot tcp-echo "$a" 7000
	stopped hot rule add ingress 10 deny tcp 7000 --cidr "$OUTSIDE/32"
	cannot outside tcp "$a" 7000
	can outside tcp "$a" 7001
	can outside tcp "$(ip6_of "$P-a")" 7000
	rule delete ingress 10
	stream_end hot >/dev/null
	stream outside six udp-echo "$(ip6_of "$P-a")" 7000
	stopped six rule add egress 10 deny udp 1024-65535 --cidr "$OUTSIDE6/128"
	can outside udp "$a" 7000
	rule delete egress 10
	goes_on six
	stream_end six >/dev/null
	rule add ingress 10 deny icmp 8 --cidr "$OUTSIDE/32"
	pings_not outside "$a"
	pings outside "$a" -I "$OTHER"
	pings "$P-a" "$OUTSIDE"
	rule add ingress 9 deny icmp 0 --cidr 0.0.0.0/0
	pings_not "$P-a" "$OUTSIDE"
	verify_clean
}

# What goes to another's elastic IP leaves its subnet and comes from outside, also when both are in one subnet.
@test "an ACL is not avoided by another's elastic IP" {
	local a b c
	edge_vpc "$P"
	edge_gate "$P"
	ctl route-table associate "$P-public" "$P-db" --vpc "$P" >/dev/null
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	for name in a b; do
		workload_add "$P-$name" "$P-app" --sg "$P-open"
		serve "$P-$name" --tcp 7000
	done
	workload_add "$P-c" "$P-db" --sg "$P-open"
	a=$(eip_for "$P-a" "$P-x")
	b=$(eip_for "$P-b" "$P-y")
	c=$(eip_for "$P-c" "$P-z")
	edge_acl "$P-app"
	can "$P-c" tcp "$a" 7000
	can "$P-b" tcp "$a" 7000
	rule add ingress 10 deny all --cidr 10.50.0.0/16
	cannot "$P-c" tcp "$(ip_of "$P-a")" 7000
	can "$P-b" tcp "$(ip_of "$P-a")" 7000 # inside of the subnet nothing is asked
	can "$P-c" tcp "$a" 7000              # its address there is another
	rule replace ingress 10 deny all --cidr "$c/32"
	cannot "$P-c" tcp "$a" 7000
	can "$P-b" tcp "$a" 7000
	rule add ingress 11 deny all --cidr "$b/32"
	cannot "$P-b" tcp "$a" 7000
	can "$P-b" tcp "$(ip_of "$P-a")" 7000
	rule delete ingress 11
	rule add egress 10 deny tcp 7000 --cidr "$a/32"
	cannot "$P-b" tcp "$a" 7000
	verify_clean
}

@test "by a published port: from outside and from the host itself, in both directions" {
	edge_vpc "$P"
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	serve "$P-a" --tcp 80 --udp 80
	ctl publish create --eni "$P-a" --port 80 --host-port 8090 >/dev/null
	ctl publish create --eni "$P-a" --port 80/udp --host-port 8090 >/dev/null
	edge_acl "$P-app"
	can outside tcp "$HOST" 8090
	can host tcp "$HOST" 8090
	stream outside hot udp-echo "$HOST" 8090
	stopped hot rule add ingress 10 deny udp 80 --cidr "$OUTSIDE/32"
	can outside tcp "$HOST" 8090
	rule delete ingress 10
	goes_on hot
	stopped hot rule add egress 10 deny all --cidr "$OUTSIDE/32"
	unanswered outside tcp "$HOST" 8090
	can host tcp "$HOST" 8090
	rule replace egress 10 deny all --cidr "$HOST/32"
	goes_on hot
	stream_end hot >/dev/null
	unanswered host tcp "$HOST" 8090
	rule delete egress 10
	rule add ingress 10 deny tcp 80 --cidr "$HOST/32"
	cannot host tcp "$HOST" 8090
	can outside tcp "$HOST" 8090
	verify_clean
}

# The programs follow the first fragment; what they let through is put together again at the other side.
@test "fragments and errors of the world" {
	local a
	edge_vpc "$P"
	edge_gate "$P"
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	serve outside --udp 7000
	a=$(eip_for "$P-a" "$P-x")
	edge_acl "$P-app"
	pings outside "$a" -s 4000
	pings "$P-a" "$OUTSIDE" -s 4000
	rule add ingress 10 deny icmp 8 --cidr 0.0.0.0/0
	pings_not outside "$a" -s 4000
	pings "$P-a" "$OUTSIDE" -s 4000
	closed "$P-a" udp "$OUTSIDE" 7009
	rule add ingress 11 deny icmp 3 --cidr 0.0.0.0/0
	cannot "$P-a" udp "$OUTSIDE" 7009
	can "$P-a" udp "$OUTSIDE" 7000
	verify_clean
}

# The sender's program asks its own subnet's ACL, and the receiver's asks the other one.
@test "by a peering: each VPC's ACL is asked, in both directions, about live flows too" {
	local a b
	edge_vpc "$P"
	ctl vpc create "$P-o" --cidr 10.60.0.0/16 >/dev/null
	ctl subnet create "$P-o-app" --vpc "$P-o" --cidr 10.60.1.0/24 >/dev/null
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	sg_new "$P-o-open" "$P-o" all all 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	workload_add "$P-b" "$P-o-app" --sg "$P-o-open"
	serve "$P-a" --tcp 7000 --udp 7000
	serve "$P-b" --tcp 7000 --udp 7000
	a=$(ip_of "$P-a") b=$(ip_of "$P-b")
	ctl peering create "$P-pcx" --vpc "$P" --peer-vpc "$P-o" >/dev/null
	ctl peering accept "$P-pcx" >/dev/null
	ctl route add main 10.60.0.0/16 "$P-pcx" --vpc "$P" >/dev/null
	ctl route add main 10.50.0.0/16 "$P-pcx" --vpc "$P-o" >/dev/null
	edge_acl "$P-app"
	can "$P-a" tcp "$b" 7000
	can "$P-b" tcp "$a" 7000
	stream "$P-a" out udp-echo "$b" 7000
	stream "$P-b" in udp-echo "$a" 7000
	stopped in rule add ingress 10 deny udp 7000 --cidr "$b/32"
	cannot "$P-b" udp "$a" 7000
	goes_on out
	stopped out rule add egress 10 deny udp 7000 --cidr 10.60.0.0/16
	cannot "$P-a" udp "$b" 7000
	can "$P-b" tcp "$a" 7000
	rule delete egress 10
	goes_on out
	rule delete ingress 10
	goes_on in
	verify_clean
}

@test "host access: the host is outside, so the ACL is asked in both directions" {
	local a
	edge_vpc "$P"
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	serve "$P-a" --tcp 80
	ctl vpc set "$P" --host-access "$HOST/32" >/dev/null
	a=$(ip_of "$P-a")
	edge_acl "$P-app"
	can host tcp "$a" 80
	rule add ingress 10 deny tcp 80 --cidr "$HOST/32"
	cannot host tcp "$a" 80
	rule delete ingress 10
	rule add egress 10 deny all --cidr "$HOST/32"
	unanswered host tcp "$a" 80
	rule delete egress 10
	can host tcp "$a" 80
	verify_clean
}
