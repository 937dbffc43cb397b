# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# For the peers of F, beside common.bash: `edge-PEER up PREFIX RULES` makes the namespaces PREFIX-world (203.0.113.9) and
# PREFIX-work (10.98.0.20) and a host between them, PREFIX-mid (203.0.113.1 outside). It prints two lines
# "client,server,address,bound": from the workload to the world, and from the world to what is published of the workload.
# The world has no route to the workload, but for the router's: what is answered was translated.
# shellcheck source=tests/bench/peers/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash" "$@"

WORLD=203.0.113.9
HOST=203.0.113.1
WORK=10.98.0.20
GATEWAY=10.98.0.1
NETWORK=10.98.0.0/24
PUBLISHED=$HOST
namespaces=(work mid world)

# The host and the world, wired; the host forwards.
outside()
{
	local name
	for name in work mid world; do
		namespace "$name"
	done
	wire world eth0 mid out0
	address world "$WORLD"
	within mid ip address add "$HOST/24" dev out0
	within mid sysctl -q -w net.ipv4.ip_forward=1
}

# inside DEVICE: the workload's gateway is that device of the host.
inside()
{
	within mid ip address add "$GATEWAY/24" dev "$1"
	address work "$WORK"
	within work ip route add default via "$GATEWAY"
}

# bridge BRIDGE: the workload is on that bridge of the host, as a container is. netfilter sees what is routed only.
bridge()
{
	within mid ip link add "$1" type bridge
	within mid ip link set "$1" up
	within mid sysctl -q -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 \
		net.bridge.bridge-nf-call-arptables=0
	wire work eth0 mid work
	within mid ip link set work master "$1"
	inside "$1"
}

main()
{
	case $1 in
	up)
		up >&2
		printf '%s-work,%s-world,%s,%s\n' "$PREFIX" "$PREFIX" "$WORLD" "$WORLD"
		printf '%s-world,%s-work,%s,%s\n' "$PREFIX" "$PREFIX" "$PUBLISHED" "$WORK"
		;;
	down) down ;;
	*)
		printf 'usage: %s up|down PREFIX [RULES]\n' "$0" >&2
		return 2
		;;
	esac
}
