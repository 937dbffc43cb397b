#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Packets and bytes of flows, each way: exact, current when somebody asks, in lists and in receipts, and only where somebody wants them.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	edge_pair
	ctl vpc set v --count-flows on >/dev/null
	# Another VPC that is observed, and one that isn't, both peered with v.
	local n
	for n in 1 2; do
		ctl vpc create "p$n" --cidr "10.6$n.0.0/16" >/dev/null
		ctl subnet create "p$n-app" --vpc "p$n" --cidr "10.6$n.1.0/24" >/dev/null
		ctl sg create open --vpc "p$n" >/dev/null
		ctl sg authorize open ingress all --cidr 0.0.0.0/0 --vpc "p$n" >/dev/null
		workload_add "p${n}x" "p$n-app" --sg open --vpc "p$n"
		workload_add "p${n}y" "p$n-app" --sg open --vpc "p$n"
	done
	ctl flow-log create --vpc p1 --interval 600 >/dev/null
	ctl peering create p12 --vpc p1 --peer-vpc p2 >/dev/null
	ctl peering accept p12 >/dev/null
	ctl route add main 10.62.0.0/16 p12 --vpc p1 >/dev/null
	ctl route add main 10.61.0.0/16 p12 --vpc p2 >/dev/null
}

# transfer FROM TO ADDRESS: FROM sends 10 MB to TO and gets 1 MB back. The connection stays open. What passed in FROM's namespace
# is counted by its nftables, as "SENT PACKETS RECEIVED PACKETS" in whole frames: see passed.
transfer()
{
	local from=$1 to=$2 address=$3 done=$BATS_TEST_TMPDIR/done-$1 ready=$BATS_TEST_TMPDIR/ready-$1
	in_ns "$from" nft 'table ip count { chain o { type filter hook output priority 0; tcp dport 7009 counter; }
		chain i { type filter hook input priority 0; tcp sport 7009 counter; }; }'
	background "$to" python3 -c "
import socket, time
s = socket.create_server(('', 7009))
open('$ready', 'w')
c, _ = s.accept()
got = 0
while got < 10 << 20: got += len(c.recv(65536))
c.sendall(b'x' * (1 << 20))
time.sleep(120)"
	wait_for 60 test -e "$ready"
	background "$from" python3 -c "
import socket, time
c = socket.create_connection(('$address', 7009))
c.sendall(b'x' * (10 << 20))
got = 0
while got < 1 << 20: got += len(c.recv(65536))
time.sleep(0.5)
open('$done', 'w')
time.sleep(120)"
	wait_for 60 test -e "$done"
}

passed()
{
	in_ns "$1" nft -j list table ip count | jq -r '[.nftables[].rule // empty | [.expr[].counter // empty][0] | .bytes + 14 * .packets, .packets] | map(tostring) | join(" ")'
}

# counted FLOWS: the same of the flow as vpcd tells it.
counted()
{
	jq -r '[.[] | select(.dst_port == 7009 and .state == "established")][0] | "\(.bytes_sent) \(.packets_sent) \(.bytes_received) \(.packets_received)"' <<<"$1"
}

of_eni()
{
	ctl -o json flow list --eni "$1" --port 7009 --state established
}

# exact ENI FROM: the list has what passed in FROM's namespace, at once.
exact()
{
	local list
	list=$(of_eni "$1")
	[ "$(counted "$list")" = "$(passed "$2")" ] || fail "$(counted "$list"), passed: $(passed "$2")"
	[ "$(jq '[.[] | select(.dst_port == 7009 and .counts_complete)] | length' <<<"$list")" -eq 1 ] || fail "$list"
}

@test "10 MB between two workloads are counted to the frame, both ways, and a receipt tells them" {
	local before reply
	transfer a n "$(ip_of n)"
	[ "$(passed a | cut -d' ' -f1)" -gt $((10 << 20)) ]
	exact a a
	exact n a
	before=$(passed a)
	ctl flow list --eni a | grep -F "$(cut -d' ' -f1 <<<"$before") B in $(cut -d' ' -f2 <<<"$before") "
	reply=$(ctl -o json flow cut --eni a --port 7009)
	[ "$(jq -r '.cut_flows[0] | "\(.bytes_sent) \(.packets_sent) \(.bytes_received) \(.packets_received)"' <<<"$reply")" = "$before" ] || fail "$reply"
}

@test "through a NAT gateway: what comes back is counted at the private address; a change's receipt tells it" {
	local before reply
	transfer n outside "$OUTSIDE"
	exact n n
	before=$(passed n)
	reply=$(ctl -o json eni detach n)
	[ "$(jq -r '.cut_flows[0] | "\(.bytes_sent) \(.packets_sent) \(.bytes_received) \(.packets_received)"' <<<"$reply")" = "$before" ] || fail "$reply"
}

@test "through a peering each VPC counts for itself; a VPC that nobody observes tells nothing" {
	local list
	transfer p1x p2x "$(ip_of p2x)"
	exact p1x p1x
	list=$(of_eni p2x)
	[ "$(counted "$list")" = "null null null null" ] || fail "$list"
	jq -e '.[0] | .counts_complete == null and .packets > 0' <<<"$list"
	ctl flow list --eni p2x --port 7009 | grep -E ' - +- '
	ctl vpc set p2 --count-flows on >/dev/null
	[ "$(ctl -o json vpc show p2 | jq .count_flows)" = true ]
	sleep 1.1
	jq -e '.[0].packets_sent == null' <<<"$(of_eni p2x)"
	transfer p2y p1y "$(ip_of p1y)"
	exact p2y p2y
	exact p1y p2y
	# the responder's VPC still counts
	ctl vpc set p2 --count-flows off >/dev/null
	exact p2y p2y
}

@test "a flow that is older than the counting has at least what is told" {
	local list
	serve p2y --tcp 7000
	stream p2x s tcp-echo "$(ip_of p2y)" 7000
	ctl vpc set p2 --count-flows on >/dev/null
	sleep 1
	list=$(ctl -o json flow list --eni p2x --port 7000)
	jq -e '[.[] | select(.packets_sent > 20 and .packets_received > 20 and .counts_complete == false)] | length == 1' <<<"$list" ||
		fail "$list"
	ctl flow list --eni p2x --port 7000 | grep -E ' B in [0-9]+\+ '
	ctl vpc set p2 --count-flows off >/dev/null
}

@test "a scan of refused ports takes no room; status and metrics tell how full the table is" {
	local before after
	before=$(ctl -o json status | jq .flow_counts.tuples)
	in_ns a python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(20000): s.sendto(b'x', ('$(ip_of a | cut -d. -f1-3).$((1 + RANDOM % 2))', 1024 + i))" || true
	ctl flow list --eni a >/dev/null
	after=$(ctl -o json status | jq .flow_counts.tuples)
	[ "$after" -le $((before + 100)) ] || fail "$before, $after"
	[ "$(ctl -o json status | jq .flow_counts.vpcs)" -ge 2 ]
	curl -s --unix-socket "$VPCD_SOCKET" http://x/metrics | grep '^vpcd_flow_counts{kind="without_room"} 0'
}
