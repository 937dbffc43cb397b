# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the peers: `PEER up PREFIX RULES` makes the namespaces PREFIX-client (10.98.0.1) and PREFIX-server (10.98.0.2) and what is
# between them, most of it in PREFIX-mid, and prints "PREFIX-client,PREFIX-server,10.98.0.2". `PEER down PREFIX` takes it away.
# Both ends are allowed to open what they like towards the other's rules; the server admits RULES pairs of source and TCP port.
set -euo pipefail

PORT=7000
CLIENT=10.98.0.1
SERVER=10.98.0.2
PREFIX=${2:?PREFIX}
RULES=${3:-0}

# rules: RULES lines "source port", ten thousand by default; the one the client needs is the last.
rules()
{
	local i
	for ((i = 1; i < RULES; i++)); do
		printf '10.%d.%d.%d %d\n' $((100 + i / 62500)) $((i / 250 % 250)) $((1 + i % 250)) $((8000 + i % 100))
	done
	printf '%s %s\n' "$CLIENT" "$PORT"
}

# rules_load GROUP: the rules into a security group of the daemon of $VPCD_SOCKET.
rules_load()
{
	rules | jq -Rn '{rules: [inputs | split(" ") | {direction: "ingress", protocol: "tcp", from_port: (.[1] | tonumber),
		to_port: (.[1] | tonumber), cidr: (.[0] + "/32")}]}' |
		curl -sS --fail-with-body --unix-socket "$VPCD_SOCKET" -H 'Content-Type: application/json' --data-binary @- \
			-o /dev/null "http://vpcd/v1/security-groups/$1/rules"
}

within()
{
	local name=$1
	shift
	nsenter --net="/run/netns/$PREFIX-$name" "$@"
}

namespace()
{
	ip netns add "$PREFIX-$1"
	within "$1" ip link set lo up
	# The host's own values are copied into a new namespace.
	within "$1" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
}

# wire A NAME B NAME: a veth between two of the namespaces.
wire()
{
	ip link add name "$2" netns "$PREFIX-$1" type veth peer name "$4" netns "$PREFIX-$3"
	within "$1" ip link set "$2" up
	within "$3" ip link set "$4" up
}

# address NAME IP: of eth0.
address()
{
	within "$1" ip address add "$2/24" dev eth0
}

# client --- two ports in PREFIX-mid, which have the names of those behind them --- server.
ported()
{
	local name
	for name in client mid server; do
		namespace "$name"
	done
	for name in client server; do
		wire "$name" eth0 mid "$name"
	done
	address client "$CLIENT"
	address server "$SERVER"
}

# The ports are those of a bridge. netfilter sees bridged packets if $1 is 1.
bridged()
{
	local name
	ported
	within mid sysctl -q -w net.bridge.bridge-nf-call-iptables="$1" net.bridge.bridge-nf-call-ip6tables="$1" \
		net.bridge.bridge-nf-call-arptables=0
	within mid ip link add br0 type bridge
	within mid ip link set br0 up
	for name in client server; do
		within mid ip link set "$name" master br0
	done
}

namespaces=(client mid server)
namespaces_remove()
{
	local name
	for name in "${namespaces[@]}"; do
		if [ -e "/run/netns/$PREFIX-$name" ]; then
			ip netns del "$PREFIX-$name"
		fi
	done
}

down()
{
	namespaces_remove
}

# main: each peer ends with it; `up` is the peer's own.
main()
{
	case $1 in
	up)
		up >&2
		printf '%s-client,%s-server,%s\n' "$PREFIX" "$PREFIX" "$SERVER"
		;;
	down) down ;;
	*)
		printf 'usage: %s up|down PREFIX [RULES]\n' "$0" >&2
		return 2
		;;
	esac
}
