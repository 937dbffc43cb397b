#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The host itself and a VPC: host access, elastic IPs and IPv6 from the host, published ports, forged addresses of the host.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

OWN6=2001:db8:18::2
# Of the host, and outside of what the tests give access to.
OTHER=198.18.5.5
OTHER6=2001:db8:c777::5

setup_file()
{
	edge_start
	in_ns host sh -ec "ip link add aside type veth peer name aside1
		ip address add $OTHER/32 dev aside
		ip -6 address add $OTHER6/128 dev aside nodad
		ip link set aside up
		ip link set aside1 up
		nft insert rule inet strict input tcp dport 9000-9009 accept
		nft insert rule inet strict input udp dport 9000-9009 accept
		nft insert rule inet strict input icmp type echo-request accept
		nft insert rule inet strict input icmpv6 type echo-request accept"
}

setup()
{
	P=t$BATS_TEST_NUMBER
	# no two VPCs that the host reaches may overlap
	FOUR=10.$((60 + BATS_TEST_NUMBER))
	SIX=2001:db8:50:$((10 + BATS_TEST_NUMBER))
	serve host --tcp 9000 --udp 9000
}

# host_vpc: the VPC $P with a subnet, a group that lets the host in, and a workload $P-a with it.
host_vpc()
{
	ctl vpc create "$P" --cidr "$FOUR.0.0/16" --cidr6 "${SIX}00::/56"
	ctl subnet create "$P-app" --vpc "$P" --cidr "$FOUR.1.0/24" --cidr6 "${SIX}00::/64"
	sg_new "$P-web" "$P" tcp 80 "$HOST/32"
	ctl sg authorize "$P-web" ingress udp 80 --cidr "$HOST/32"
	ctl sg authorize "$P-web" ingress tcp 80 --cidr "$OWN6/128"
	ctl sg authorize "$P-web" ingress udp 80 --cidr "$OWN6/128"
	ctl sg authorize "$P-web" ingress icmp -1 --cidr "$HOST/32"
	workload_add "$P-a" "$P-app" --sg "$P-web"
	serve "$P-a" --tcp 80 --udp 80
}

@test "without host access neither reaches the other" {
	host_vpc
	cannot host tcp "$(ip_of "$P-a")" 80
	cannot host tcp "$(ip6_of "$P-a")" 80
	unanswered "$P-a" tcp "$HOST" 9000
	unanswered "$P-a" tcp "$OWN6" 9000
	ctl -o json vpc show "$P" | jq -e '.host_access == []'
}

@test "host access: both directions, IPv4 and IPv6, judged by the host's address" {
	host_vpc
	ctl vpc set "$P" --host-access "$HOST/32" "$OWN6/128"
	ctl -o json vpc show "$P" | jq -e --arg a "$HOST/32" --arg b "$OWN6/128" '.host_access == [$a, $b]'
	verify_clean
	can host tcp "$(ip_of "$P-a")" 80
	can host udp "$(ip_of "$P-a")" 80
	heard_from "$P-a" "::ffff:$HOST"
	can host udp "$(ip_of "$P-a")" 80 --size 6000
	can host tcp "$(ip6_of "$P-a")" 80
	can host udp "$(ip6_of "$P-a")" 80 --size 6000
	cannot host tcp "$(ip_of "$P-a")" 81
	pings host "$(ip_of "$P-a")"
	can "$P-a" tcp "$HOST" 9000
	can "$P-a" udp "$HOST" 9000 --size 6000
	can "$P-a" tcp "$OWN6" 9000
	can "$P-a" udp "$OWN6" 9000 --size 6000
	pings "$P-a" "$HOST"
	# groups of both directions
	ctl sg revoke "$P-web" ingress tcp 80 --cidr "$HOST/32"
	cannot host tcp "$(ip_of "$P-a")" 80
	ctl sg revoke "$P-web" egress all --cidr 0.0.0.0/0
	cannot "$P-a" tcp "$HOST" 9000
	can "$P-a" tcp "$OWN6" 9000
	verify_clean
}

@test "host access names addresses: others of the host stay closed, and what isn't the host's goes by the routes" {
	host_vpc
	ctl vpc set "$P" --host-access 198.18.0.0/24 --host-access 2001:db8:18::/64
	serve outside --tcp 7000
	can "$P-a" tcp "$HOST" 9000
	unanswered "$P-a" tcp "$OTHER" 9000
	unanswered "$P-a" tcp "$OTHER6" 9000
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	ctl sg authorize "$P-web" ingress tcp 80 --cidr "$OTHER/32"
	ctl sg authorize "$P-web" ingress tcp 80 --cidr "$OTHER6/128"
	cannot host tcp "$(ip_of "$P-a")" 80 --source "$OTHER"
	cannot host tcp "$(ip6_of "$P-a")" 80 --source "$OTHER6"
	can host tcp "$(ip_of "$P-a")" 80 --source "$HOST"
	ctl nat create "$P-nat" --vpc "$P"
	ctl route add main 0.0.0.0/0 "$P-nat" --vpc "$P"
	can "$P-a" tcp "$OUTSIDE" 7000
	can "$P-a" tcp "$HOST" 9000
	verify_clean
}

@test "host access taken away cuts at once, in both directions, and the reply tells which flows" {
	local t reply a
	host_vpc
	a=$(ip_of "$P-a")
	ctl vpc set "$P" --host-access "$HOST/32" "$OWN6/128"
	stream host in tcp-echo "$a" 80
	stream "$P-a" out tcp-echo "$HOST" 9000
	stream "$P-a" pushed udp-push "$HOST" 9000
	stream host in6 tcp-echo "$(ip6_of "$P-a")" 80
	# one CIDR of two: what goes by the other goes on
	reply=$(ctl -o json vpc set "$P" --host-access "$OWN6/128" --dry-run)
	jq -e --arg h "$HOST" --arg a "$a" '[.cut_flows[] | select(.protocol == "tcp") | [.src, .dst]] | sort == ([[$h, $a], [$a, $h]] | sort)' <<<"$reply" ||
		fail "$reply"
	reply=$(ctl -o json vpc set "$P" --host-access "$OWN6/128")
	t=$(now_ns)
	jq -e --arg h "$HOST" --arg a "$a" '[.cut_flows[] | select(.protocol == "tcp") | [.src, .dst]] | sort == ([[$h, $a], [$a, $h]] | sort)' <<<"$reply" ||
		fail "$reply"
	sleep 1.2
	log_stops "$(stream_log in)" "$t"
	log_stops "$(stream_log out)" "$t"
	log_goes_on "$(stream_log in6)" "$t"
	cannot host tcp "$a" 80
	unanswered "$P-a" tcp "$HOST" 9000
	reply=$(ctl -o json vpc set "$P" --host-access none)
	t=$(now_ns)
	jq -e --arg a "$(ip6_of "$P-a")" '[.cut_flows[] | .dst] == [$a]' <<<"$reply" || fail "$reply"
	sleep 1.2
	log_stops "$(stream_log in6)" "$t"
	ctl -o json vpc show "$P" | jq -e '.host_access == []'
	verify_clean
}

@test "one VPC's host access is no other's; what overlaps is refused, and so is what never leaves a VPC" {
	host_vpc
	ctl vpc set "$P" --host-access "$HOST/32"
	ctl vpc create "$P-o" --cidr "$FOUR.0.0/16" --internet
	ctl subnet create "$P-o-app" --vpc "$P-o" --cidr "$FOUR.1.0/24"
	workload_add "$P-b" "$P-o-app" --ip "$FOUR.1.77"
	cannot "$P-b" tcp "$HOST" 9000
	[ "$(drops_of "$P-b" host_closed)" -gt 0 ]
	can "$P-a" tcp "$HOST" 9000
	refused CidrConflict vpc set "$P-o" --host-access "$OTHER/32"
	ctl vpc set "$P-o" --host-access "$OTHER6/128"
	refused CidrConflict vpc add-cidr "$P" "$FOUR.0.0/16"
	refused InvalidParameterValue vpc set "$P" --host-access 169.254.169.254/32
	refused InvalidParameterValue vpc set "$P" --host-access "$FOUR.1.0/24"
	refused InvalidParameterValue vpc set "$P" --host-access "$HOST/32" "$HOST/32"
	refused InvalidCidr.HostBits vpc set "$P" --host-access "$HOST/24"
	refused ResourceLimitExceeded vpc set "$P" --host-access 192.0.2.{1,2,3,4,5,6,7,8,9}/32
	ctl -o json vpc show "$P" | jq -e '.host_access | length == 1'
	verify_clean
}

# overlap_told CIDR NETWORK: status says that this CIDR of VPC $P overlaps that network of the host.
overlap_told()
{
	ctl -o json status | jq -e --arg id "$(ctl -o json vpc show "$P" | jq -r .id)" --arg c "$1" --arg n "$2" '.health.state == "degraded" and
		any(.pending[]; .subsystem == "edge" and .object == $id and (.reason | contains($c) and contains($n)))'
}

healthy()
{
	ctl -o json status | jq -e '.health.state == "ok"'
}

@test "status tells of a VPC with host access that overlaps a network of the host, until it doesn't" {
	host_vpc
	in_ns host ip address add "$FOUR.200.1/24" dev aside
	healthy
	ctl -o json vpc set "$P" --host-access "$HOST/32" >"$BATS_TEST_TMPDIR/reply"
	jq -e --arg c "$FOUR.0.0/16" --arg n "$FOUR.200.0/24" '.warnings | length == 1 and (.[0] | contains($c) and contains($n))' \
		"$BATS_TEST_TMPDIR/reply"
	overlap_told "$FOUR.0.0/16" "$FOUR.200.0/24"
	ctl vpc set "$P" --host-access "$HOST/32" "$OTHER/32" | grep "^warning: .*$FOUR.200.0/24"
	[ -z "$(in_ns host ip route show "$FOUR.0.0/16")" ]
	cannot host tcp "$(ip_of "$P-a")" 80
	verify_clean
	# the host's network goes
	in_ns host ip address del "$FOUR.200.1/24" dev aside
	wait_for 30 healthy
	can host tcp "$(ip_of "$P-a")" 80
	ctl -o json vpc set "$P" --host-access "$HOST/32" "$OWN6/128" | jq -e 'has("warnings") | not'
	# and comes back, and host access goes
	in_ns host ip address add "$FOUR.200.1/24" dev aside
	wait_for 30 overlap_told "$FOUR.0.0/16" "$FOUR.200.0/24"
	vpcd_stop KILL
	vpcd_start
	wait_for 30 overlap_told "$FOUR.0.0/16" "$FOUR.200.0/24"
	ctl vpc set "$P" --host-access none
	wait_for 30 healthy
	# a VPC that is deleted
	ctl vpc create "$P-gone" --cidr "$FOUR.0.0/16"
	ctl vpc set "$P-gone" --host-access "$HOST/32"
	P=$P-gone overlap_told "$FOUR.0.0/16" "$FOUR.200.0/24"
	ctl vpc delete "$P-gone"
	wait_for 30 healthy
	in_ns host ip address del "$FOUR.200.1/24" dev aside
	verify_clean
}

@test "what the host forwards is not the host's, whatever source it says" {
	host_vpc
	ctl vpc set "$P" --host-access 0.0.0.0/0 --host-access ::/0
	ctl sg authorize "$P-web" ingress tcp 80 --cidr 0.0.0.0/0
	ctl sg authorize "$P-web" ingress tcp 80 --cidr ::/0
	in_ns host sh -ec 'nft insert rule inet strict forward accept
		sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1'
	in_ns outside ip route replace "$FOUR.0.0/16" via "$HOST"
	in_ns outside ip -6 route replace "${SIX}00::/56" via "$OWN6"
	cannot outside tcp "$(ip_of "$P-a")" 80
	cannot outside tcp "$(ip6_of "$P-a")" 80
	# shellcheck disable=SC2016
	in_ns host sh -ec 'nft delete rule inet strict forward handle \
			"$(nft -a list chain inet strict forward | sed -n "s/.*accept.*handle //p")"
		sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
		ip -6 route replace default via 2001:db8:18::1'
}

@test "the host reaches an elastic IP, and IPv6 by an internet gateway, as anybody; and isn't reached" {
	local a t
	host_vpc
	edge_gate "$P"
	a=$(eip_for "$P-a" "$P-x")
	can host tcp "$a" 80
	can host udp "$a" 80
	can host udp "$a" 80 --size 6000
	can host tcp "$(ip6_of "$P-a")" 80
	can host udp "$(ip6_of "$P-a")" 80 --size 6000
	pings host "$a"
	cannot host tcp "$a" 81
	heard_from "$P-a" "$(printf '%s\n' "$OWN6" "::ffff:$HOST")"
	cannot "$P-a" tcp "$HOST" 9000
	cannot "$P-a" udp "$HOST" 9000
	cannot "$P-a" tcp "$OWN6" 9000
	[ "$(drops_of "$P-a" host_closed)" -gt 0 ]
	stream host s tcp-echo "$a" 80
	ctl sg revoke "$P-web" ingress tcp 80 --cidr "$HOST/32"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log s)" "$t"
	verify_clean
}

@test "an elastic IP goes from one VPC to another, whichever was made first: the host reaches it there at once" {
	local address v
	for v in one two; do
		ctl vpc create "$P-$v" --cidr "$FOUR.0.0/16"
		ctl subnet create "$P-$v-app" --vpc "$P-$v" --cidr "$FOUR.1.0/24"
		ctl igw create "$P-$v-igw" --vpc "$P-$v"
		ctl route add main 0.0.0.0/0 "$P-$v-igw" --vpc "$P-$v"
		sg_new "$P-$v-web" "$P-$v" tcp 80 0.0.0.0/0
		workload_add "$P-$v" "$P-$v-app" --sg "$P-$v-web"
		serve "$P-$v" --tcp 80
	done
	address=$(ctl -o json eip allocate "$P-x" | jq -r .address)
	for v in one two one; do
		ctl eip associate "$P-x" --eni "$P-$v" --allow-reassociation
		verify_clean
		can host tcp "$address" 80
	done
}

@test "fragments from the host to a published port, and back" {
	host_vpc
	ctl publish create --eni "$P-a" --port 80/udp --host-port 8085
	can host udp "$HOST" 8085
	can host udp "$HOST" 8085 --size 6000
	can host udp 127.0.0.1 8085 --size 6000
	heard_from "$P-a" "::ffff:$HOST"
	verify_clean
}

@test "P6: vpcd killed and started again, what passes between the host and a VPC goes on" {
	local a label
	host_vpc
	ctl vpc set "$P" --host-access "$HOST/32"
	edge_gate "$P"
	a=$(eip_for "$P-a" "$P-x")
	stream host in udp-echo "$(ip_of "$P-a")" 80
	stream host eip udp-echo "$a" 80
	stream "$P-a" out udp-echo "$HOST" 9000
	vpcd_stop KILL
	sleep 0.5
	vpcd_start
	sleep 0.7
	for label in in eip out; do
		[ "$(stream_end "$label" | jq .lost)" -eq 0 ] || fail "$label lost packets"
	done
	can host tcp "$(ip_of "$P-a")" 80
	verify_clean
}

# of INSTANCE COMMAND…: with the namespaces of that instance's test.
of()
{
	local INSTANCE=$1
	"${@:2}"
}

# As Docker's: a bridge of the host's with a container on it, and a firewall of its own.
@test "a container on a bridge of the host reaches published ports and elastic IPs once the bridge is an outer interface" {
	local address box=172.31.7.2
	netns_add box
	in_ns host sh -ec "ip link add br0 type bridge
		ip address add 172.31.7.1/24 dev br0
		ip link set br0 up
		ip link add box0 type veth peer name eth0 netns $(netns_of box)
		ip link set box0 master br0 up
		sysctl -qw net.ipv4.ip_forward=1"
	in_ns box sh -ec "ip address add $box/24 dev eth0
		ip link set eth0 up
		ip route add default via 172.31.7.1"
	host_vpc
	edge_gate "$P"
	sg_new "$P-box" "$P" tcp 80 "$box/32"
	ctl sg authorize "$P-box" ingress udp 80 --cidr "$box/32"
	workload_add "$P-b" "$P-app" --sg "$P-box"
	serve "$P-b" --tcp 80 --udp 80
	address=$(eip_for "$P-b" "$P-x")
	ctl publish create --eni "$P-b" --port 80 --host-port 8070
	ctl publish create --eni "$P-b" --port 80/udp --host-port 8070
	ctl publish create --eni "$P-a" --port 80 --host-port 8071
	cannot box tcp "$HOST" 8070
	cannot box tcp "$address" 80
	vpcd_stop
	vpcd_start '[pool "public"]' "cidr=$POOL" uplink=out0 '[edge]' outer=out0,br0
	can box tcp "$HOST" 8070
	can box udp "$HOST" 8070
	can box tcp 172.31.7.1 8070
	can box tcp "$address" 80
	can box udp "$address" 80
	heard_from "$P-b" "::ffff:$box"
	# the groups judge, nobody reaches what isn't published, and the host is as closed as before
	cannot box tcp "$HOST" 8071
	cannot box tcp "$HOST" 8072
	cannot box tcp "$(ip_of "$P-b")" 80
	unanswered "$P-b" tcp "$HOST" 9001
	unanswered "$P-b" tcp 172.31.7.1 9000
	verify_clean
	vpcd_stop
	vpcd_start '[pool "public"]' "cidr=$POOL" uplink=out0
	cannot box tcp "$HOST" 8070
	verify_clean
	in_ns host ip link delete br0
}

@test "two vpcds on a host: the host reaches the VPCs of both, and each other's traffic is forged to neither" {
	local first=$INSTANCE other forged
	host_vpc
	ctl vpc set "$P" --host-access "$HOST/32"
	ctl sg authorize "$P-web" ingress tcp 80 --cidr "$OUTSIDE/32"
	ctl publish create --eni "$P-a" --port 80 --host-port 8090
	instance_use "$first-2"
	vpcd_start '[pool "public"]' cidr=203.0.113.16/28 uplink=out0
	of "$first" in_ns outside ip route add 203.0.113.16/28 dev out0
	FOUR=10.90
	ctl vpc create "$P" --cidr "$FOUR.0.0/16"
	ctl subnet create "$P-app" --vpc "$P" --cidr "$FOUR.1.0/24"
	sg_new "$P-web" "$P" tcp 80 0.0.0.0/0
	workload_add "$P-b" "$P-app" --sg "$P-web"
	serve "$P-b" --tcp 80
	edge_gate "$P"
	ctl vpc set "$P" --host-access "$HOST/32"
	ctl publish create --eni "$P-b" --port 80 --host-port 8091
	other=$(eip_for "$P-b" "$P-x")
	of "$first" can host tcp "$(ip_of "$P-b")" 80
	of "$first" can host tcp "$other" 80
	of "$first" can host tcp "$HOST" 8090
	of "$first" can host tcp "$HOST" 8091
	of "$first" can outside tcp "$HOST" 8090
	of "$first" can outside tcp "$HOST" 8091
	of "$first" can outside tcp "$other" 80
	can "$P-b" tcp "$HOST" 9000
	verify_clean
	# strangers that the host doesn't bring together
	forged=$(drops_of "$P-b" forged_source)
	instance_use "$first"
	ctl nat create "$P-nat" --vpc "$P"
	ctl route add main 0.0.0.0/0 "$P-nat" --vpc "$P"
	cannot "$P-a" tcp "$other" 80
	[ "$(drops_of "$P-a" host_closed)" -gt 0 ]
	[ "$(drops_of "$P-a" forged_source)" -eq 0 ]
	of "$first" can host tcp "$(ip_of "$P-a")" 80
	verify_clean
	instance_use "$first-2"
	[ "$(drops_of "$P-b" forged_source)" -eq "$forged" ]
	vpcd_stop TERM
	instance_purge
	instance_use "$first"
	of "$first" can host tcp "$(ip_of "$P-a")" 80
	of "$first" can outside tcp "$HOST" 8090
	verify_clean
}
