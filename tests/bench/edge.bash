#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # part_end is called at the end of the shell
# F. The edge: through the NAT gateway and to a published port, beside the peers; see README.md.
set -euo pipefail
# The host of ours is the namespace that this runs in: one of its own, whose default route and firewall are nobody else's.
if [ -z "${EDGE_ALONE:-}" ]; then
	EDGE_ALONE=1 exec "$(dirname "$0")/../system/faults/alone" "$0" "$@"
fi
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

RULES=${RULES:-$(amount 10000 100)}
ROUNDS=${ROUNDS:-$(amount 100 5)}
# Neighbours here are neighbours in time: the closest comparisons stand side by side.
ORDER=(router nftables vpcd iptables)

part_end()
{
	local peer
	for peer in router nftables iptables; do
		"$BENCH/peers/edge-$peer" down "$INSTANCE-$peer"
	done
}

# expect STATUS WORLD ADDRESS PORT WHY
expect()
{
	local status=0
	nsenter --net="/run/netns/$2" "$TOOLS/probe" tcp "$3" "$4" --timeout 0.5 2>/dev/null || status=$?
	[ "$status" -eq "$1" ] || fail "$5: a probe of $3 port $4 ended in $status, not $1"
}

# check PEER PUBLISHED: whether the world has no way to the workload but by translation, and a port that isn't open is closed:
# by the host, and of vpcd, where it is published, by the group.
check()
{
	local world address work
	IFS=, read -r world _ address work <<<"$2"
	case $1 in
	router) expect 1 "$world" "$work" 7001 "$1" ;;
	vpcd)
		expect 3 "$world" "$work" 7001 "$1"
		expect 2 "$world" "$address" 7001 "$1"
		;;
	*)
		expect 3 "$world" "$work" 7001 "$1"
		expect 1 "$world" "$address" 7001 "$1"
		;;
	esac
}

main()
{
	local peer way prefix pairs=()
	declare -A pair
	bench_begin edge
	"$BENCH/peers/edge-vpcd" outside "$INSTANCE"
	vpcd_start
	for peer in "${ORDER[@]}"; do
		prefix=$INSTANCE-$peer
		[ "$peer" != vpcd ] || prefix=$INSTANCE
		"$BENCH/peers/edge-$peer" up "$prefix" "$RULES" >"$BATS_FILE_TMPDIR/$peer"
		pair[nat-$peer]=$(sed -n 1p "$BATS_FILE_TMPDIR/$peer")
		pair[published-$peer]=$(sed -n 2p "$BATS_FILE_TMPDIR/$peer")
		check "$peer" "${pair[published-$peer]}"
	done
	for way in nat published; do
		for peer in "${ORDER[@]}"; do
			pairs+=("$way-$peer=${pair[$way-$peer]}")
		done
	done
	realtime "$BIN/forwarding" --rounds "$ROUNDS" ${MEASURE:+--measure "$MEASURE"} "${pairs[@]}" >"$BATS_FILE_TMPDIR/slices.csv"
	realtime "$BIN/forwarding" --latency --slice-ms "$(amount 50 5)" ${MEASURE:+--measure "$MEASURE"} "${pairs[@]}" \
		>"$BATS_FILE_TMPDIR/latencies.csv"
	"$VPCCTL" verify >&2
	"$BENCH/report" edge --rules "$RULES" --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}

main
