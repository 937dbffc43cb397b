#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # part_end is called at the end of the shell
# H. A VPC whose flows are counted, beside one whose flows are not; see README.md.
set -euo pipefail
# The uplinks of the VPCs are in the namespace that this runs in: one of its own.
if [ -z "${OBSERVE_ALONE:-}" ]; then
	OBSERVE_ALONE=1 exec "$(dirname "$0")/../system/faults/alone" "$0" "$@"
fi
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

RULES=${RULES:-$(amount 10000 100)}
ROUNDS=${ROUNDS:-$(amount 100 5)}

part_end()
{
	"$BENCH/peers/observe" down "$INSTANCE"
}

main()
{
	local plain counted client address status
	bench_begin observe
	vpcd_start
	{
		read -r plain
		read -r counted
	} < <("$BENCH/peers/observe" up "$INSTANCE" "$RULES")
	for status in "$plain" "$counted"; do
		IFS=, read -r client _ address <<<"$status"
		status=0
		nsenter --net="/run/netns/$client" "$TOOLS/probe" tcp "$address" 7001 --timeout 0.3 || status=$?
		[ "$status" -eq 2 ] || fail "$address: a port without a rule: probe ended in $status, not 2"
	done
	realtime "$BIN/forwarding" --rounds "$ROUNDS" ${MEASURE:+--measure "$MEASURE"} "plain=$plain" "counted=$counted" \
		>"$BATS_FILE_TMPDIR/slices.csv"
	"$VPCCTL" verify >&2
	"$BENCH/report" observe --rules "$RULES" --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}

main
