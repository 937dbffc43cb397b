#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Appliances (source_dest_check off) as people use them in a subnet: a NAT guest, a VPN, containers with addresses of their
# own behind a guest, as Calico and flannel make them.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	sg_open open prod
}

# forward_for NAME on|off: may it carry others' packets?
forward_for()
{
	api_is '20?' POST /v1/transactions "$(jq -n --arg n "$1" --argjson check "$([ "$2" = on ] && echo false || echo true)" \
		'{changes: [{op: "eni.update", eni_id: $n, source_dest_check: $check}]}')" >/dev/null
}

# router NAME: a guest that forwards.
router()
{
	workload_add "$1" "${2:-prod-app}" --sg open
	forward_for "$1" on
	in_ns "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
		echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects; echo 0 >/proc/sys/net/ipv4/conf/eth0/send_redirects
		echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter'
}

# behind NAME WHO ADDRESS GATEWAY: a namespace behind the guest, by a veth.
behind()
{
	netns_add "$2"
	ip -n "$(netns_of "$1")" link add "to-${2##*-}" type veth peer name eth0 netns "$(netns_of "$2")"
	in_ns "$1" ip address add "$4/32" dev "to-${2##*-}"
	in_ns "$1" ip link set "to-${2##*-}" up
	in_ns "$1" ip route add "$3/32" dev "to-${2##*-}"
	in_ns "$2" ip address add "$3/32" dev eth0
	in_ns "$2" ip link set eth0 up
	in_ns "$2" ip route add "$4/32" dev eth0
	in_ns "$2" ip route add default via "$4"
}

@test "who is behind a guest is reached, and reaches others: addresses of the subnet, of the VPC, of nobody" {
	local ip n=0
	router "$P-r"
	workload_add "$P-a" prod-app --sg open
	serve "$P-a" --tcp 7000
	for ip in 10.50.1.200 10.50.2.200 10.244.1.2; do
		n=$((n + 1))
		behind "$P-r" "$P-c$n" "$ip" "169.254.9.$n"
		in_ns "$P-a" ip route add "$ip/32" via "$(ip_of "$P-r")"
		serve "$P-c$n" --tcp 7000 --udp 7000
		pings "$P-a" "$ip"
		pings "$P-a" "$ip" -s 3000
		can "$P-a" tcp "$ip" 7000
		can "$P-a" udp "$ip" 7000
		pings "$P-c$n" "$(ip_of "$P-a")"
		can "$P-c$n" tcp "$(ip_of "$P-a")" 7000
	done
	# Only while it may.
	forward_for "$P-r" off
	pings_not "$P-a" "$ip"
	cannot "$P-a" tcp "$ip" 7000
	cannot "$P-c3" tcp "$(ip_of "$P-a")" 7000
	forward_for "$P-r" on
	can "$P-a" tcp "$ip" 7000
}

@test "containers on two guests reach each other by routes between the guests" {
	local a b
	router "$P-r"
	router "$P-s"
	behind "$P-r" "$P-c1" 10.244.1.2 169.254.9.1
	behind "$P-s" "$P-c2" 10.244.2.2 169.254.9.1
	a=$(ip_of "$P-r") b=$(ip_of "$P-s")
	in_ns "$P-r" ip route add 10.244.2.0/24 via "$b"
	in_ns "$P-s" ip route add 10.244.1.0/24 via "$a"
	serve "$P-c2" --tcp 7000 --udp 7000
	serve "$P-c1" --tcp 7000
	pings "$P-c1" 10.244.2.2
	can "$P-c1" tcp 10.244.2.2 7000
	can "$P-c1" udp 10.244.2.2 7000
	can "$P-c2" tcp 10.244.1.2 7000
	closed "$P-c1" tcp 10.244.2.2 7001
	closed "$P-c1" udp 10.244.2.2 7001
}

@test "a NAT guest: a neighbour reaches a third one, and what is outside, by it" {
	router "$P-r"
	workload_add "$P-a" prod-app --sg open
	workload_add "$P-b" prod-app --sg open
	behind "$P-r" "$P-out" 203.0.113.9 169.254.9.1
	in_ns "$P-r" nft 'add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; add rule ip nat post masquerade'
	in_ns "$P-a" ip route add 203.0.113.0/24 via "$(ip_of "$P-r")"
	in_ns "$P-a" ip route replace "$(ip_of "$P-b")/32" via "$(ip_of "$P-r")"
	serve "$P-b" --tcp 7000 --udp 7000
	serve "$P-out" --tcp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	can "$P-a" udp "$(ip_of "$P-b")" 7000
	pings "$P-a" "$(ip_of "$P-b")"
	can "$P-a" tcp 203.0.113.9 7000
	closed "$P-a" tcp 203.0.113.9 7001
}

@test "an appliance is judged: by its own rules for what it receives, by its address rules for what it forwards" {
	router "$P-r"
	workload_add "$P-a" prod-app --sg open
	workload_add "$P-b" prod-app --sg open
	behind "$P-r" "$P-c" 10.50.1.200 169.254.9.1
	in_ns "$P-a" ip route add 10.50.1.200/32 via "$(ip_of "$P-r")"
	sg_new "$P-only" prod tcp 7000 10.50.1.0/24
	serve "$P-c" --tcp 7000 --tcp 7001
	can "$P-a" tcp 10.50.1.200 7001
	ctl eni set "$P-r" --sg "$P-only" >/dev/null
	can "$P-a" tcp 10.50.1.200 7000
	cannot "$P-a" tcp 10.50.1.200 7001
	# A member's address, written by the appliance, has none of the member's rights.
	ctl sg create "$P-in" --vpc prod >/dev/null
	ctl sg authorize "$P-in" ingress all --sg open >/dev/null
	ctl eni set "$P-b" --sg "$P-in" >/dev/null
	pings "$P-a" "$(ip_of "$P-b")"
	in_ns "$P-r" ip address add "$(ip_of "$P-a")/32" dev lo
	pings_not "$P-r" "$(ip_of "$P-b")" -I "$(ip_of "$P-a")"
}
