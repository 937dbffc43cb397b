#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # part_end is called at the end of the shell
# B. What one packet costs, by the shape of the rules and their number; and a flow's memory and lookup, by how many there are.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

part_end()
{
	if [ -e "/run/netns/$INSTANCE-ports" ]; then
		ip netns del "$INSTANCE-ports"
	fi
}

main()
{
	bench_begin packet
	ip netns add "$INSTANCE-ports"
	# Two devices with the numbers that the plans have: VPC_ENI_FIRST and the next.
	ip -n "$INSTANCE-ports" link add index 1024 name client type veth peer index 1025 name server
	for part in shapes flows; do
		realtime nsenter --net="/run/netns/$INSTANCE-ports" "$BIN/packet" "$part" >"$BATS_FILE_TMPDIR/$part.csv"
	done
	"$BENCH/report" packet --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}

main
