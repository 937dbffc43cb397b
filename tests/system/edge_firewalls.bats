#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Gateways beside the rules that others write on the host: Docker's, as dockerd writes them by iptables, with a container of its own
# that is published; and a host that lets nothing in, through or out. Packets pass, and no rule changes.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	BATS_TEST_NUMBER=0 edge_vpc v --internet
	BATS_TEST_NUMBER=0 edge_gate v
	sg_new open v tcp 7000 0.0.0.0/0
	ctl sg authorize open ingress udp 7000 --cidr 0.0.0.0/0 >/dev/null
	workload_add a v-app --sg open
	workload_add b v-db --sg open
	eip_for a x >"$BATS_FILE_TMPDIR/eip"
	ctl publish create --eni b --port 7000 --host-port 8000 >/dev/null
	ctl publish create --eni b --port 7000/udp --host-port 8000 >/dev/null
}

# Everything that a gateway is for, in both directions.
works()
{
	local eip
	eip=$(cat "$BATS_FILE_TMPDIR/eip")
	serve outside --tcp 7000 --udp 7000
	serve a --tcp 7000 --udp 7000
	serve b --tcp 7000 --udp 7000
	can b tcp "$OUTSIDE" 7000
	can b udp "$OUTSIDE" 7000
	pings b "$OUTSIDE"
	can a tcp "$OUTSIDE" 7000
	can b tcp "$OUTSIDE6" 7000
	can outside tcp "$eip" 7000
	can outside udp "$eip" 7000
	can outside tcp "$HOST" 8000
	can outside udp "$HOST" 8000
	cannot outside tcp "$eip" 7001
	verify_clean
}

# Without the counters, which go up.
host_rules()
{
	in_ns host sh -c 'nft -s list ruleset; iptables-save; ip6tables-save' 2>/dev/null | sed 's/\[[0-9]*:[0-9]*\]//; /^#/d' | grep -v vpcd
}

@test "beside Docker's rules, which publish a container's port" {
	netns_add web
	ip link add docker0 netns "$(netns_of host)" type veth peer name eth0 netns "$(netns_of web)"
	in_ns host sh -ec 'ip address add 172.17.0.1/16 dev docker0; ip link set docker0 up; echo 1 >/proc/sys/net/ipv4/ip_forward'
	in_ns web sh -ec 'ip address add 172.17.0.2/16 dev eth0; ip link set eth0 up; ip route add default via 172.17.0.1'
	in_ns host nft delete table inet strict
	in_ns host iptables-restore <<-'EOT'
		*nat
		:PREROUTING ACCEPT
		:INPUT ACCEPT
		:OUTPUT ACCEPT
		:POSTROUTING ACCEPT
		:DOCKER -
		-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
		-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
		-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
		-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
		-A DOCKER -i docker0 -j RETURN
		-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
		COMMIT
		*filter
		:INPUT ACCEPT
		:FORWARD DROP
		:OUTPUT ACCEPT
		:DOCKER -
		:DOCKER-ISOLATION-STAGE-1 -
		:DOCKER-ISOLATION-STAGE-2 -
		:DOCKER-USER -
		-A FORWARD -j DOCKER-USER
		-A FORWARD -j DOCKER-ISOLATION-STAGE-1
		-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A FORWARD -o docker0 -j DOCKER
		-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
		-A FORWARD -i docker0 -o docker0 -j ACCEPT
		-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
		-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
		-A DOCKER-ISOLATION-STAGE-1 -j RETURN
		-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
		-A DOCKER-ISOLATION-STAGE-2 -j RETURN
		-A DOCKER-USER -j RETURN
		COMMIT
	EOT
	host_rules >"$BATS_TEST_TMPDIR/before"
	works
	serve web --tcp 80
	can outside tcp "$HOST" 8080
	can web tcp "$OUTSIDE" 7000
	host_rules | diff "$BATS_TEST_TMPDIR/before" -
}

@test "beside a host that lets nothing in, through or out" {
	in_ns host sh -c 'iptables -F; iptables -P FORWARD DROP; iptables -P INPUT DROP; iptables -P OUTPUT DROP
		ip6tables -P FORWARD DROP; ip6tables -A INPUT -p icmpv6 -j ACCEPT; ip6tables -A OUTPUT -p icmpv6 -j ACCEPT
		ip6tables -P INPUT DROP; ip6tables -P OUTPUT DROP'
	host_rules >"$BATS_TEST_TMPDIR/before"
	works
	cannot outside tcp "$HOST" 22
	host_rules | diff "$BATS_TEST_TMPDIR/before" -
}
