# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2317 # part_end is called at the end of the shell
# The parts that compare two pairs of workloads with the same rules, which peers/PART makes and names in two lines; sourced.
# The uplinks of the VPCs are in the namespace that this runs in: one of its own.
if [ -z "${TWO_PAIRS_ALONE:-}" ]; then
	TWO_PAIRS_ALONE=1 exec "$(dirname "$0")/../system/faults/alone" "$0" "$@"
fi
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

RULES=${RULES:-$(amount 10000 100)}
ROUNDS=${ROUNDS:-$(amount 100 5)}

part_end()
{
	"$BENCH/peers/$PART" down "$INSTANCE"
}

# two_pairs PART FIRST SECOND: measures the part; the names are those of the pairs.
two_pairs()
{
	local first second client address status
	PART=$1
	bench_begin "$PART"
	vpcd_start
	{
		read -r first
		read -r second
	} < <("$BENCH/peers/$PART" up "$INSTANCE" "$RULES")
	for status in "$first" "$second"; do
		IFS=, read -r client _ address <<<"$status"
		status=0
		nsenter --net="/run/netns/$client" "$TOOLS/probe" tcp "$address" 7001 --timeout 0.3 || status=$?
		[ "$status" -eq 2 ] || fail "$address: a port without a rule: probe ended in $status, not 2"
	done
	realtime "$BIN/forwarding" --rounds "$ROUNDS" ${MEASURE:+--measure "$MEASURE"} "$2=$first" "$3=$second" \
		>"$BATS_FILE_TMPDIR/slices.csv"
	"$VPCCTL" verify >&2
	"$BENCH/report" "$PART" --rules "$RULES" --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}
