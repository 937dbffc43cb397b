#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the gateway answers goes to the asker only, at a limited rate, and only for the asker's own addresses. A packet
# that can go nowhere is dropped with a reason. Rule 11, promises P5, P7 and P9.

bats_require_minimum_version 1.5.0
load ../lib

setup_file()
{
	vpcd_start
	world prod
	# Another VPC with the same addresses, to see what attacks on prod's gateway cost others.
	ctl vpc create other --cidr 10.50.0.0/16 --cidr6 fd50::/56 >/dev/null
	ctl subnet create other-app --vpc other --cidr 10.50.1.0/24 --cidr6 fd50::/64 >/dev/null
}

# $P-a is the liar, without any rule; $P-b the victim, which lets everything in.
setup()
{
	P=t$BATS_TEST_NUMBER
	ctl sg create "$P-none" --vpc prod >/dev/null
	ctl sg create "$P-open" --vpc prod >/dev/null
	ctl sg revoke "$P-none" egress all --cidr 0.0.0.0/0 --cidr ::/0 >/dev/null
	ctl sg authorize "$P-open" ingress all --cidr 0.0.0.0/0 --cidr ::/0 >/dev/null
	workload_add "$P-a" prod-app --sg "$P-none"
	workload_add "$P-b" prod-app --sg "$P-open"
	workload_add "$P-c" prod-db --sg "$P-open"
	A=$(ip_of "$P-a") B=$(ip_of "$P-b") B6=$(ip6_of "$P-b")
	MA=$(eni_field "$P-a" mac)
	LA=$(link_local_of "$P-a") LB=$(link_local_of "$P-b")
	in_ns "$P-a" ping -n -q -c 1 -W 1 10.50.1.1 >/dev/null
	GATEWAY=$(in_ns "$P-a" ip neigh show 10.50.1.1 | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p')
}

link_local_of()
{
	in_ns "$1" ip -6 -o address show dev eth0 scope link | sed -n 's/.*inet6 \(fe80[0-9a-f:]*\).*/\1/p'
}

arrives_not()
{
	[ "$(arrives "$@")" -eq 0 ] || fail "the victim hears what the liar asked"
}

echo_from()
{
	forge "$P-a" echo --smac "$MA" --dmac "$GATEWAY" "$@"
}

@test "P7: the gateway's echo replies go to who asked, and to nobody else" {
	[ "$(arrives "$P-a" marked-x echo_from --src "$A" --dst 10.50.1.1 --marker marked-x)" -eq 3 ]
	[ "$(arrives "$P-a" marked-y echo_from --src "$LA" --dst fe80::1 --marker marked-y)" -eq 3 ]
	arrives_not "$P-b" marked-z echo_from --src "$B" --dst 10.50.1.1 --marker marked-z
	arrives_not "$P-b" marked-v echo_from --src "$LB" --dst fe80::1 --marker marked-v
	arrives_not "$P-b" marked-w echo_from --src "$B6" --dst fe80::1 --marker marked-w
	[ "$(drops_of "$P-a" forged_source)" -ge 9 ]
}

@test "P7: nor in fragments" {
	[ "$(arrives "$P-a" marked-x echo_from --fragments --src "$LA" --dst fe80::1 --marker marked-x)" -eq 6 ]
	arrives_not "$P-b" marked-y echo_from --fragments --src "$LB" --dst fe80::1 --marker marked-y
	arrives_not "$P-b" marked-z echo_from --fragments --src "$B" --dst 10.50.1.1 --marker marked-z
}

@test "the gateway answers a ping of any size" {
	local size
	for size in 56 1452 3000 20000 65000; do
		pings "$P-a" 10.50.1.1 -s "$size"
		pings "$P-a" fe80::1%eth0 -s "$size"
	done
}

@test "P5: echoes from link-local addresses that nobody has cost others nothing" {
	local got
	workload_add "$P-d" other-app
	background "$P-a" "$TOOLS/frames" send echo --dev eth0 --smac "$MA" --dmac "$GATEWAY" --src fe80::aaaa:0 --dst fe80::1 \
		--count 8000 --rate 1500 --vary
	sleep 0.5
	got=$(in_ns "$P-d" ping -n -6 -c 50 -i 0.05 -W 1 fe80::1%eth0 | sed -n 's/.* \([0-9]*\) received.*/\1/p')
	[ "$got" -eq 50 ] || fail "another VPC's gateway answered $got of 50"
	got=$(in_ns "$P-b" ping -n -6 -c 50 -i 0.05 -W 1 fe80::1%eth0 | sed -n 's/.* \([0-9]*\) received.*/\1/p')
	[ "$got" -eq 50 ] || fail "its neighbour's gateway answered $got of 50"
	[ "$(router_neighbours)" -eq 0 ] || fail "the router looks for $(router_neighbours) neighbours"
	[ "$(drops_of "$P-a" forged_source)" -gt 1000 ]
}

# Neighbours that the routers of this instance look for, or looked for in vain.
router_neighbours()
{
	local path
	for path in /run/netns/"$INSTANCE"-vpc-*; do
		nsenter --net="$path" ip neigh show nud incomplete nud failed nud probe nud delay nud stale
	done | wc -l
}

@test "echo is limited for each ENI, by itself" {
	local got begin took_ms
	ctl sg authorize "$P-none" egress all --cidr 0.0.0.0/0 >/dev/null
	begin=$(now_ns)
	in_ns "$P-a" ping -n -q -f -c 200 -W 1 10.50.1.1 >/dev/null
	echo_from --src "$A" --dst 10.50.1.1 --count 6000
	got=$(drops_of "$P-a" rate_limited)
	took_ms=$((($(now_ns) - begin) / 1000000))
	# 1,000 at once are answered, and one each millisecond
	[ "$got" -ge $((5200 - took_ms)) ] && [ "$got" -le 5200 ] || fail "$got of 6200 echoes not answered in $took_ms ms"
	# who asks too much keeps its gateway's MAC, and others their answers
	in_ns "$P-a" ip neigh flush dev eth0
	can_reach_neighbour
	pings "$P-b" 10.50.1.1
	sleep 1.1
	pings "$P-a" 10.50.1.1
}

can_reach_neighbour()
{
	pings "$P-a" "$B"
}

@test "P9: what has nowhere to go is dropped with a reason" {
	local name=$P-b
	probe_is 2 "$name" tcp 10.50.1.1 22 --timeout 0.4
	[ "$(drops_of "$name" gateway_closed)" -ge 1 ]
	# and the sender is told, so that it needs not wait
	unreachable tcp 8.8.8.8 80
	unreachable tcp 2001:db8::1 80
	[ "$(drops_of "$name" no_route)" -ge 2 ]
	# an ENI that is attached to nothing: the router looks for nobody
	ctl eni create "$P-x" --subnet prod-db --sg "$P-open" >/dev/null
	pings_not "$name" "$(ip_of "$P-x")"
	pings_not "$name" "$(ip6_of "$P-x")"
	[ "$(drops_of "$name" unknown_destination)" -eq 4 ]
	[ "$(router_neighbours)" -eq 0 ] || fail "the router looks for $(router_neighbours) neighbours"
	ctl eni delete "$P-x" >/dev/null 2>&1 || true
	in_ns "$name" ping -n -c 1 -t 1 -W 1 "$(ip_of "$P-c")" | grep -q '10.50.1.1.*exceeded'
	in_ns "$name" ping -n -6 -c 1 -t 1 -W 1 "$(ip6_of "$P-c")" | grep -q 'fe80::1.*exceeded'
	[ "$(drops_of "$name" hop_limit)" -eq 2 ]
}

# unreachable PROTOCOL HOST PORT: $P-b's connection fails at once.
unreachable()
{
	in_ns "$P-b" python3 -c 'import errno, socket, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(5)
begin = time.monotonic()
assert s.connect_ex((sys.argv[1], int(sys.argv[2]))) in (errno.ENETUNREACH, errno.EHOSTUNREACH)
took = time.monotonic() - begin
assert took < 2, f"it took {took} s"' "$2" "$3"
}

@test "P1, P7: the gateway's errors are about the sender's own packets, and for it alone" {
	arrives_not "$P-b" marked-x forge "$P-a" udp --smac "$MA" --dmac "$GATEWAY" --src "$B" --dst 8.8.8.8 --marker marked-x
	arrives_not "$P-b" marked-y forge "$P-a" udp --smac "$MA" --dmac "$GATEWAY" --src "$B6" --dst 2001:db8::1 --marker marked-y
	arrives_not "$P-b" marked-z forge "$P-a" udp --ttl 1 --smac "$MA" --dmac "$GATEWAY" --src "$B" --dst "$(ip_of "$P-c")" \
		--marker marked-z
	[ "$(arrives "$P-b" marked-v forge "$P-b" udp --smac "$(eni_field "$P-b" mac)" --dmac "$GATEWAY" --src "$B" \
		--dst 8.8.8.8 --marker marked-v)" -eq 3 ]
}
