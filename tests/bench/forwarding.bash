#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # part_end is called at the end of the shell
# A. Forwarding between two local ENIs with RULES rules, beside the peers; see README.md.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

RULES=${RULES:-$(amount 10000 100)}
ROUNDS=${ROUNDS:-$(amount 100 5)}
# Neighbours here are neighbours in time: the closest comparisons stand side by side.
ORDER=(direct nft-set redirect vpcd-within bridge vpcd-across nft-list iptables-list)

part_end()
{
	local peer
	for peer in direct nft-set redirect bridge nft-list iptables-list; do
		"$BENCH/peers/$peer" down "$INSTANCE-$peer"
	done
}

# Whether the pair has a filter that filters: a port that no rule names must stay silent, or must refuse where there is none.
check()
{
	local peer=$1 client address status=0 expected=2
	IFS=, read -r client _ address <<<"$2"
	case $peer in
	direct | redirect | bridge) expected=1 ;;
	esac
	nsenter --net="/run/netns/$client" "$TOOLS/probe" tcp "$address" 7001 --timeout 0.3 || status=$?
	[ "$status" -eq "$expected" ] || fail "$peer: a port without a rule: probe ended in $status, not $expected"
}

main()
{
	local peer pairs=() raw latencies
	declare -A pair
	bench_begin forwarding
	vpcd_start
	raw=$BATS_FILE_TMPDIR/slices.csv latencies=$BATS_FILE_TMPDIR/latencies.csv
	{
		read -r 'pair[vpcd-within]'
		read -r 'pair[vpcd-across]'
	} < <("$BENCH/peers/vpcd" up "$INSTANCE" "$RULES")
	for peer in direct nft-set redirect bridge nft-list iptables-list; do
		pair[$peer]=$("$BENCH/peers/$peer" up "$INSTANCE-$peer" "$RULES")
	done
	for peer in "${ORDER[@]}"; do
		check "$peer" "${pair[$peer]}"
		pairs+=("$peer=${pair[$peer]}")
	done
	realtime "$BIN/forwarding" --rounds "$ROUNDS" ${MEASURE:+--measure "$MEASURE"} "${pairs[@]}" >"$raw"
	realtime "$BIN/forwarding" --latency --slice-ms "$(amount 50 5)" ${MEASURE:+--measure "$MEASURE"} "${pairs[@]}" >"$latencies"
	"$BENCH/report" forwarding --rules "$RULES" --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}

main
