# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the products beside which a change is measured. `PEER PROGRAM ROUNDS RULES` sets the product up with RULES rules that don't
# matter and runs PROGRAM (change_products) on it. It exits with 77, and one line that says why, where the product isn't installed.
#
# The product lives in namespaces of its own, those of mounts, network, processes and IPC: nothing of it reaches the host, and all of
# it ends with the script. What `scripts/install-deps products` has unpacked lies over /usr and /etc there.
set -euo pipefail

PRODUCTS=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vpcd-products
export CLIENT=10.98.0.1 SERVER=10.98.0.2 UDP_PORT=7000
PEER=$(basename "$0")
PEER=${PEER#product-}

# Runs this script again in namespaces of its own.
enter()
{
	[ -z "${PRODUCT_INSIDE:-}" ] || return 0
	PRODUCT_INSIDE=1 exec unshare --mount --propagation private --net --ipc --pid --fork --kill-child --mount-proc "$0" "$@"
}

# room: the product's own /run, /var and /etc, of which nothing stays.
room()
{
	local folder
	if [ -e "$PRODUCTS/root/complete" ]; then
		mount -t overlay overlay -o "lowerdir=$PRODUCTS/root/usr:/usr" /usr
		mount -t overlay overlay -o "lowerdir=$PRODUCTS/root/etc:/etc" /etc
	fi
	for folder in /run /var/lib /var/cache /var/log; do
		mount -t tmpfs tmpfs "$folder"
	done
	mkdir -p /run/netns /run/lock
	# the sysctls of this network namespace
	mount -t sysfs sysfs /sys
	ip link set lo up
}

# needs PROGRAM…: or the peer is skipped.
needs()
{
	local program
	for program; do
		command -v "$program" >/dev/null || {
			printf '%s: %s is not installed; scripts/install-deps products unpacks it\n' "$PEER" "$program" >&2
			exit 77
		}
	done
}

# port NAME ADDRESS [GATEWAY]: the namespace NAME with eth0, whose other end NAME is here.
port()
{
	ip netns add "$1"
	ip link add name "$1" type veth peer name eth0 netns "$1"
	ip link set "$1" up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" address add "$2/24" dev eth0
	[ -z "${3:-}" ] || ip -n "$1" route add default via "$3"
}

mac_of()
{
	ip -n "$1" -j link show eth0 | jq -r '.[0].address'
}

# others: RULES lines "source port" of rules beside the one that changes.
others()
{
	seq "$RULES" | awk '{ printf "10.%d.%d.%d %d\n", 100 + $1 / 62500, int($1 / 250) % 250, 1 + $1 % 250, 8000 + $1 % 100 }'
}

# wait_until SECONDS COMMAND…
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || {
			printf '%s: "%s" did not come true\n' "$PEER" "$*" >&2
			return 1
		}
		sleep 0.2
	done
}

enter "$@"
export PROGRAM=$1 ROUNDS=$2 RULES=$3
room
