#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A workload can be nobody else: rules 6 and 12, promise P7. Each forgery has an honest frame beside it that
# does arrive, so that the test sees what it would miss.

bats_require_minimum_version 1.5.0
load lib

# $P-a is the liar, $P-b the victim, whose group lets in udp 7000 from $P-c only (by its group), and $P-c's friend.
setup()
{
	P=t$BATS_TEST_NUMBER
	pair
	ctl sg create "$P-c" --vpc prod >/dev/null
	ctl sg authorize "$P-b" ingress all --sg "$P-c"
	workload_add "$P-c" prod-app --sg "$P-c"
	A=$(ip_of "$P-a") B=$(ip_of "$P-b") C=$(ip_of "$P-c")
	A6=$(ip6_of "$P-a") B6=$(ip6_of "$P-b") C6=$(ip6_of "$P-c")
	MA=$(eni_field "$P-a" mac) MB=$(eni_field "$P-b" mac) MC=$(eni_field "$P-c" mac)
	in_ns "$P-a" ping -n -q -c 1 -W 1 10.50.1.1 >/dev/null
	GATEWAY=$(in_ns "$P-a" ip neigh show 10.50.1.1 | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p')
}

arrives_not()
{
	[ "$(arrives "$@")" -eq 0 ] || fail "forged frames arrived"
}

@test "the honest frame arrives, with the group's rights" {
	[ "$(arrives "$P-b" marked-x forge "$P-c" udp --smac "$MC" --dmac "$MB" --src "$C" --dst "$B" --marker marked-x)" -eq 3 ]
	[ "$(arrives "$P-b" marked-y forge "$P-c" udp --smac "$MC" --dmac "$MB" --src "$C6" --dst "$B6" --marker marked-y)" -eq 3 ]
}

@test "P7, rule 6: a group member's address in a packet gives no rights" {
	arrives_not "$P-b" marked-x forge "$P-a" udp --smac "$MA" --dmac "$MB" --src "$C" --dst "$B" --marker marked-x
	arrives_not "$P-b" marked-y forge "$P-a" udp --smac "$MA" --dmac "$MB" --src "$C6" --dst "$B6" --marker marked-y
	arrives_not "$P-b" marked-z forge "$P-a" udp --smac "$MA" --dmac "$GATEWAY" --src "$C" --dst "$B" --marker marked-z
	[ "$(drops_of "$P-a" forged_source)" -ge 6 ]
}

@test "P7, rule 12: another's MAC, with or without its address" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	[ "$(arrives "$P-b" marked-w forge "$P-a" udp --smac "$MA" --dmac "$MB" --src "$A" --dst "$B" --marker marked-w)" -eq 3 ]
	arrives_not "$P-b" marked-x forge "$P-a" udp --smac "$MC" --dmac "$MB" --src "$C" --dst "$B" --marker marked-x
	arrives_not "$P-b" marked-y forge "$P-a" udp --smac "$MC" --dmac "$MB" --src "$A" --dst "$B" --marker marked-y
	arrives_not "$P-b" marked-z forge "$P-a" udp --smac "$MC" --dmac "$MB" --src "$C6" --dst "$B6" --marker marked-z
	[ "$(drops_of "$P-a" forged_mac)" -ge 9 ]
}

@test "P7: addresses of nobody, of the outside and of the gateway as source" {
	local source
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	for source in 10.50.1.99 192.0.2.1 10.50.1.1 127.0.0.1 0.0.0.0 255.255.255.255 fd50::9:9 fe80::1 ::1; do
		case $source in
		*:*) arrives_not "$P-b" marked-x forge "$P-a" udp --smac "$MA" --dmac "$MB" --src "$source" --dst "$B6" --marker marked-x ;;
		*) arrives_not "$P-b" marked-x forge "$P-a" udp --smac "$MA" --dmac "$MB" --src "$source" --dst "$B" --marker marked-x ;;
		esac
	done
}

@test "P7: ARP that claims another's address, or the gateway's, reaches nobody" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	arrives_not "$P-b" marked-x forge "$P-a" arp-reply --smac "$MA" --dmac "$MB" --src "$C" --dst "$B" --marker marked-x
	arrives_not "$P-b" marked-y forge "$P-a" arp-reply --smac "$MA" --dmac "$MB" --src 10.50.1.1 --dst "$B" --marker marked-y
	arrives_not "$P-b" marked-z forge "$P-a" arp-request --smac "$MA" --dmac ff:ff:ff:ff:ff:ff --src 10.50.1.1 --dst "$B" --marker marked-z
	[ "$(drops_of "$P-a" forged_arp)" -gt 0 ]
	# The router wasn't taught anything, and the victim still reaches its gateway and friend.
	pings "$P-b" 10.50.1.1
	pings "$P-c" "$B"
}

@test "P7: ND and router advertisements reach nobody" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	arrives_not "$P-b" marked-x forge "$P-a" na --smac "$MA" --dmac "$MB" --src "$C6" --dst "$B6" --marker marked-x
	arrives_not "$P-b" marked-y forge "$P-a" na --smac "$MA" --dmac "$MB" --src "$A6" --claim "$C6" --dst "$B6" --marker marked-y
	arrives_not "$P-b" marked-z forge "$P-a" ra --smac "$MA" --dmac 33:33:00:00:00:01 --src fe80::1 --dst ff02::1 --marker marked-z
	arrives_not "$P-b" marked-v forge "$P-a" ra --smac "$MA" --dmac "$MB" --src "$A6" --dst "$B6" --marker marked-v
	[ "$(drops_of "$P-a" forged_nd)" -gt 0 ]
}

@test "P7: DHCP answers, VLAN tags and unknown ethertypes reach nobody" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	arrives_not "$P-b" marked-x forge "$P-a" dhcp-offer --smac "$MA" --dmac ff:ff:ff:ff:ff:ff --src "$A" --dst 255.255.255.255 \
		--sport 67 --dport 68 --marker marked-x
	arrives_not "$P-b" marked-y forge "$P-a" vlan --smac "$MA" --dmac "$MB" --src "$A" --dst "$B" --marker marked-y
	arrives_not "$P-b" marked-z forge "$P-a" raw-type --smac "$MA" --dmac "$MB" --src "$A" --dst "$B" --marker marked-z
	[ "$(drops_of "$P-a" ethertype)" -ge 6 ]
}

@test "rule 12: broadcast and multicast are carried to nobody" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0 --cidr ::/0
	arrives_not "$P-b" marked-x forge "$P-a" udp --smac "$MA" --dmac ff:ff:ff:ff:ff:ff --src "$A" --dst 10.50.1.255 --marker marked-x
	arrives_not "$P-b" marked-y forge "$P-a" udp --smac "$MA" --dmac 01:00:5e:00:00:05 --src "$A" --dst 224.0.0.5 --marker marked-y
	arrives_not "$P-b" marked-z forge "$P-a" udp --smac "$MA" --dmac ff:ff:ff:ff:ff:ff --src "$A" --dst "$B" --marker marked-z
	arrives_not "$P-b" marked-v forge "$P-a" udp --smac "$MA" --dmac 33:33:00:00:00:fb --src "$A6" --dst ff02::fb --marker marked-v
}

@test "P7: a frame to one ENI's MAC with another's address reaches neither" {
	ctl sg authorize "$P-b" ingress all --cidr 0.0.0.0/0
	arrives_not "$P-c" marked-x forge "$P-a" udp --smac "$MA" --dmac "$MC" --src "$A" --dst "$B" --marker marked-x
}

@test "P7: a segment in the middle of no connection, and a RST for one, get nowhere" {
	local t
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0
	arrives_not "$P-b" marked-x forge "$P-a" tcp-ack --smac "$MA" --dmac "$MB" --src "$A" --dst "$B" --marker marked-x
	[ "$(drops_of "$P-a" no_flow)" -gt 0 ] || [ "$(drops_of "$P-b" no_flow)" -gt 0 ]
	serve "$P-b" --tcp 7000
	stream "$P-c" s tcp-echo "$B" 7000 --sport 41000
	t=$(now_ns)
	forge "$P-a" tcp-rst --smac "$MA" --dmac "$MB" --src "$C" --dst "$B" --sport 41000 --dport 7000
	sleep 1.2
	log_goes_on "$(stream_log s)" "$t"
}
