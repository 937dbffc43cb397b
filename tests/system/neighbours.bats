#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# "An address keeps its neighbours: when it goes to another ENI, the next packet to it arrives there." What the peers
# remember is never flushed here: it is what these tests are about.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	sg_open open prod
}

# neighbour NAME ADDRESS MAC: the workload's entry, as traffic that goes on keeps it.
neighbour()
{
	in_ns "$1" ip neigh replace "$2" lladdr "$3" nud reachable dev eth0
}

# once NAME ADDRESS: the very next packet is answered.
once()
{
	in_ns "$1" ping -n -q -c 1 -W 1 "$2" >/dev/null || fail "$1: $2 doesn't answer"
}

# renew NAME: the container is gone, and its ENI with it; what its namespace was is empty.
renew()
{
	ctl detach "$1" >/dev/null
	ip netns del "$(netns_of "$1")"
	netns_add "$1"
}

# give OWNER OTHER ADDRESS…: they are OWNER's and not OTHER's, from the reply on. Both workloads listen to them, so that
# only delivery decides who answers.
give()
{
	local owner=$1 other=$2
	shift 2
	api_is '20?' POST /v1/transactions "$(jq -n --arg owner "$owner" --arg other "$other" '{changes: [
		{op: "eni.update", eni_id: $other, secondary_ips: []},
		{op: "eni.update", eni_id: $owner, secondary_ips: $ARGS.positional}]}' --args "$@")" >/dev/null
}

# heard NAME: echo requests that the workload's kernel has seen so far.
heard()
{
	# shellcheck disable=SC2016 # awk's
	in_ns "$1" sh -c 'awk "/InEchos/ || /Icmp6InEchos/ { n += \$2 } /^Icmp: [0-9]/ { n += \$10 } END { print n + 0 }" \
		/proc/net/snmp6 /proc/net/snmp'
}

# reaches FROM ADDRESS OWNER: the next packet arrives at OWNER.
reaches()
{
	local before
	before=$(heard "$3")
	once "$1" "$2"
	[ "$(heard "$3")" -gt "$before" ] || fail "$1: $2 isn't answered by $3"
}

@test "a container that is made again with its address answers the next packet of its subnet and of another" {
	local ip ip6 mac round
	workload_add "$P-a" prod-app --sg open
	workload_add "$P-far" prod-db --sg open
	workload_add "$P-b" prod-app --sg open
	ip=$(ip_of "$P-b") ip6=$(ip6_of "$P-b") mac=$(eni_field "$P-b" mac)
	for round in 1 2 3; do
		once "$P-a" "$ip"
		once "$P-a" "$ip6"
		once "$P-far" "$ip"
		renew "$P-b"
		# As an engine asks for it: by nothing but the subnet.
		ctl attach "$P-b" --subnet prod-app --netns "$(netns_of "$P-b")" --sg open >/dev/null
		wait_for 5 addresses_ready "$P-b"
		[ "$(ip_of "$P-b")" = "$ip" ]
		[ "$(eni_field "$P-b" mac)" = "$mac" ]
		once "$P-a" "$ip"
		once "$P-a" "$ip6"
		once "$P-far" "$ip"
	done
	verify_clean
}

@test "an address with a new MAC is reached by who remembers the old one" {
	local ip ip6 old round
	workload_add "$P-a" prod-app --sg open
	workload_add "$P-b" prod-app --sg open
	for round in 1 2 3; do
		ip=$(ip_of "$P-b") ip6=$(ip6_of "$P-b") old=$(eni_field "$P-b" mac)
		once "$P-a" "$ip"
		renew "$P-b"
		ctl attach "$P-b" --subnet prod-app --netns "$(netns_of "$P-b")" --sg open --ip "$ip" --ip6 "$ip6" \
			--mac "52:54:00:00:00:0$round" >/dev/null
		wait_for 5 addresses_ready "$P-b"
		neighbour "$P-a" "$ip" "$old"
		neighbour "$P-a" "$ip6" "$old"
		once "$P-a" "$ip"
		once "$P-a" "$ip6"
		serve "$P-b" --tcp 7000 --udp 7000
		neighbour "$P-a" "$ip" "$old"
		neighbour "$P-a" "$ip6" "$old"
		can "$P-a" tcp "$ip" 7000
		can "$P-a" udp "$ip" 7000
		can "$P-a" tcp "$ip6" 7000
		pings "$P-a" "$ip" -s 3000
		pings "$P-a" "$ip6" -s 3000
		background_end
	done
}

@test "an address moves to another ENI, and back, while the one before lives on" {
	local ip=10.50.1.77 ip6=fd50::77 mac_b mac_c owner other from to round
	workload_add "$P-a" prod-app --sg open
	workload_add "$P-b" prod-app --sg open
	workload_add "$P-c" prod-app --sg open
	workload_add "$P-far" prod-db --sg open
	mac_b=$(eni_field "$P-b" mac) mac_c=$(eni_field "$P-c" mac)
	for owner in "$P-b" "$P-c"; do
		in_ns "$owner" ip address add "$ip/32" dev lo
		in_ns "$owner" ip -6 address add "$ip6/128" dev lo
	done
	owner=$P-b other=$P-c
	for round in 1 2 3 4; do
		give "$owner" "$other" "$ip" "$ip6"
		for to in "$ip" "$ip6"; do
			reaches "$P-a" "$to" "$owner"
			for from in "$mac_b" "$mac_c" 02:12:34:56:78:9a; do
				neighbour "$P-a" "$to" "$from"
				reaches "$P-a" "$to" "$owner"
			done
			reaches "$P-far" "$to" "$owner"
		done
		serve "$owner" --tcp 7000
		neighbour "$P-a" "$ip" "$mac_b"
		can "$P-a" tcp "$ip" 7000
		neighbour "$P-a" "$ip" "$mac_c"
		can "$P-a" tcp "$ip" 7000
		background_end
		to=$owner owner=$other other=$to
	done
	wait_for 10 verify_clean
}
