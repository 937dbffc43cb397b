# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2119,SC2120
# For the tests of gateways: a host and the world, both namespaces of the test. vpcd runs in the host's. Its interface out0 leads to the
# world, which is the workload "outside". The host's own firewall drops what it would forward, and what comes in.

OUTSIDE=198.18.0.1
OUTSIDE6=2001:db8:18::1
HOST=198.18.0.2
# Of the pool "public"; the world has its 16 addresses on the link.
POOL=203.0.113.0/28

# In every process of bats, once the file has a host.
if [ -x "$BATS_FILE_TMPDIR/vpcd" ]; then
	VPCD=$BATS_FILE_TMPDIR/vpcd
fi

setup_file()
{
	edge_start
}

# edge_vpcd: from now on vpcd is started in the namespace of the host.
edge_vpcd()
{
	printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s %s "$@"\n' "$(netns_of host)" "$VPCD" >"$BATS_FILE_TMPDIR/vpcd"
	chmod +x "$BATS_FILE_TMPDIR/vpcd"
	VPCD=$BATS_FILE_TMPDIR/vpcd
}

# edge_start [SUFFIX]: the host, the world, and vpcd; SUFFIX is of the instance's name.
edge_start()
{
	instance_use "$(instance_name "${1:-}")"
	netns_add host
	netns_add outside
	ip link add out0 netns "$(netns_of host)" type veth peer name out0 netns "$(netns_of outside)"
	in_ns host sh -ec "ip address add $HOST/24 dev out0
		ip -6 address add 2001:db8:18::2/64 dev out0 nodad
		ip link set out0 up
		ip route add default via $OUTSIDE
		ip -6 route add default via $OUTSIDE6"
	in_ns outside sh -ec "ip address add $OUTSIDE/24 dev out0
		ip address add 198.18.0.7/24 dev out0
		ip -6 address add $OUTSIDE6/64 dev out0 nodad
		ip link set out0 up
		ip route add $POOL dev out0
		ip route add 10.0.0.0/8 via $HOST
		ip -6 route add 2001:db8:50::/48 via 2001:db8:18::2"
	in_ns host nft -f - <<-'EOF'
		table inet strict {
			chain input {
				type filter hook input priority 0; policy drop;
				iif lo accept
				ct state established,related accept
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
			}
			chain forward {
				type filter hook forward priority 0; policy drop;
			}
		}
	EOF
	in_ns host nft list table inet strict >"$BATS_FILE_TMPDIR/firewall"
	edge_vpcd
	vpcd_start '[pool "public"]' "cidr=$POOL" "uplink=out0"
}

# edge_vpc NAME [OPTION OF vpc create]…: 10.50.0.0/16, the same for all, and IPv6 of the test's own, with the subnets NAME-app and
# NAME-db.
edge_vpc()
{
	local name=$1 six=2001:db8:50:$BATS_TEST_NUMBER
	shift
	ctl vpc create "$name" --cidr 10.50.0.0/16 --cidr6 "${six}00::/56" "$@" >/dev/null
	ctl subnet create "$name-app" --vpc "$name" --cidr 10.50.1.0/24 --cidr6 "${six}00::/64" >/dev/null
	ctl subnet create "$name-db" --vpc "$name" --cidr 10.50.2.0/24 --cidr6 "${six}01::/64" >/dev/null
}

# edge_gate VPC: an internet gateway, and a default route to it for VPC-app alone.
edge_gate()
{
	ctl igw create "$1-gate" --vpc "$1" >/dev/null
	ctl route-table create "$1-public" --vpc "$1" >/dev/null
	ctl route add "$1-public" 0.0.0.0/0 "$1-gate" --vpc "$1" >/dev/null
	ctl route add "$1-public" ::/0 "$1-gate" --vpc "$1" >/dev/null
	ctl route-table associate "$1-public" "$1-app" --vpc "$1" >/dev/null
}

# edge_pair: the VPC v with every gateway, and its group open, which lets everything in. The workload a is in the subnet of the
# internet gateway, n in the one of the NAT gateway.
edge_pair()
{
	edge_vpc v --internet
	edge_gate v
	sg_open open v
	workload_add a v-app --sg open
	workload_add n v-db --sg open
}

# Of the workload "far".
FAR=198.18.9.1

# edge_far: the workload "far" behind the world, by a link with a smaller MTU.
edge_far()
{
	netns_add far
	ip link add far0 netns "$(netns_of outside)" mtu 1300 type veth peer name far0 mtu 1300 netns "$(netns_of far)"
	in_ns outside sh -ec 'ip address add 198.18.9.2/24 dev far0; ip link set far0 up; echo 1 >/proc/sys/net/ipv4/ip_forward'
	in_ns far sh -ec "ip address add $FAR/24 dev far0; ip link set far0 up; ip route add default via 198.18.9.2"
}

# eip_of NAME: the address of the elastic IP.
eip_of()
{
	ctl -o json eip show "$1" | jq -r .address
}

# eip_for ENI NAME: a new elastic IP of that name; prints its address.
eip_for()
{
	ctl -o json eip allocate "$2" | jq -r .address
	ctl eip associate "$2" --eni "$1" >/dev/null
}

# heard_from NAME ADDRESS: the workload's server has heard from that address, and from no other.
heard_from()
{
	[ "$(awk '{ print $4 }' "$(log_of "$1")" | sort -u)" = "$2" ] ||
		fail "$1 heard from: $(awk '{ print $4 }' "$(log_of "$1")" | sort -u)"
}

# unanswered NAME PROTOCOL HOST PORT: what the server says doesn't come back; the gateway may say that it is not reached.
unanswered()
{
	local status=0
	in_ns "$1" "$TOOLS/probe" "${@:2}" --timeout 0.4 || status=$?
	[ "$status" -ge 2 ] || fail "$1: probe ${*:2}: $status"
}
