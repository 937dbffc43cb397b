#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The host's conntrack: what goes between a VPC and the world makes no entries. What the host itself sends to a published port makes
# one, which goes with the flow that is cut; nobody else's goes.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	edge_pair
	eip_for a x >/dev/null
	ctl publish create p --eni n --port 7000 --host-port 7100 >/dev/null
	ctl publish create other --eni n --port 7001 --host-port 7200 >/dev/null
}

setup()
{
	serve outside --tcp 7000 --udp 7000
	serve a --tcp 7000 --udp 7000
	serve n --tcp 7000 --udp 7000 --tcp 7001
	X=$(eip_of x)
}

# entries PATTERN: of the host's conntrack.
entries()
{
	in_ns host cat /proc/net/nf_conntrack | grep -Ec -- "$1" || true
}

@test "between a VPC and the world: NAT, elastic IP and published port leave no entry; the host's own connection does" {
	[ "$(ctl -o json status | jq -r .edge.mode)" = redirect ]
	stream n out tcp-recv "$OUTSIDE" 7000
	stream n out-udp udp-echo "$OUTSIDE" 7000
	stream a up tcp-recv "$OUTSIDE" 7000
	stream outside in tcp-recv "$X" 7000
	stream outside published tcp-recv "$HOST" 7100
	stream host own tcp-recv "$OUTSIDE" 7000
	[ "$(entries "ESTABLISHED src=$HOST dst=$OUTSIDE")" -eq 1 ]
	[ "$(entries "(src|dst)=($OUTSIDE|$X|10\.50\.)")" -eq 1 ] || fail "$(in_ns host cat /proc/net/nf_conntrack)"
}

# tracked SPORT: an entry that leads a connection of the host from that port into a VPC.
tracked()
{
	[ "$(entries "tcp .* sport=$1 dport=7[12]00 src=169\.254\.")" -eq 1 ]
}

untracked()
{
	! tracked "$1"
}

@test "from the host to a published port: the entry goes with the publication, and the others stay" {
	stream host tcp tcp-recv 127.0.0.1 7100 --sport 21001
	stream host near tcp-recv "$HOST" 7100 --sport 21002
	stream host kept tcp-recv 127.0.0.1 7200 --sport 21003
	stream host own tcp-recv "$OUTSIDE" 7000 --sport 21004
	tracked 21001
	tracked 21002
	tracked 21003
	ctl publish delete p --vpc v
	wait_for 20 untracked 21001
	wait_for 20 untracked 21002
	tracked 21003
	[ "$(entries " sport=21004 dport=7000 ")" -eq 1 ]
	can host tcp 127.0.0.1 7200
	ctl publish create p --eni n --port 7000 --host-port 7100 >/dev/null
	can host tcp 127.0.0.1 7100
}

@test "from the host to a published port: the entry goes with a rule that is revoked" {
	sg_new only v tcp 7000 0.0.0.0/0
	ctl sg authorize only ingress tcp 7001 --cidr 0.0.0.0/0
	ctl eni set n --sg only
	stream host tcp tcp-recv 127.0.0.1 7100 --sport 22001
	stream host kept tcp-recv 127.0.0.1 7200 --sport 22002
	tracked 22001
	ctl sg revoke only ingress tcp 7000 --cidr 0.0.0.0/0
	wait_for 20 untracked 22001
	tracked 22002
	ctl eni set n --sg open
	verify_clean
}
